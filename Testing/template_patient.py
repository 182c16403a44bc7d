"""The template's brain as a patient whose place in MNI152 is known, and the real volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from grids import sampled, turned
from scipy import ndimage
from XAIReportLib.anatomy.atlas import load_template
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array

VOLUMES = Path(__file__).resolve().parents[2] / "shared" / "data" / "brain_volumes"
needs_volumes = pytest.mark.skipif(not VOLUMES.is_dir(), reason="shared data is absent")


def placed(grid: str, to_mni: np.ndarray) -> Case:
    """The template's brain in a patient whose points ``to_mni`` brings to MNI152, stored on ``grid``."""
    template = load_template()
    index = np.linalg.inv(template.affine) @ to_mni

    def brain(ras: np.ndarray) -> np.ndarray:
        at = ras @ index[:3, :3].T + index[:3, 3]
        return ndimage.map_coordinates(template.image, np.moveaxis(at, -1, 0), order=1) * 700

    image, affine = sampled(brain, grid, 105)
    return case_from_array(image, affine)


def patient() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = turned(8, 0) @ turned(-5, 1) @ np.diag([1.04, 0.95, 1.02])
    matrix[:3, 3] = (4, -14, 8)
    return matrix
