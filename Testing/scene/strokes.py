"""What every effect of Slicer's Segment Editor ends in."""

from __future__ import annotations

from typing import Any

import numpy as np


def draw(case: Any, identifier: str, voxels: np.ndarray) -> None:
    """``voxels``: bool, axes (i, j, k)."""
    import slicer
    from XAIReportLib.scene.nodes import fill_image, vtk_matrix
    from XAIReportLib.scene.reveal import ijk_to_ras

    labelmap = slicer.vtkOrientedImageData()
    fill_image(labelmap, np.ascontiguousarray(np.transpose(voxels)).astype(np.uint8))
    labelmap.SetImageToWorldMatrix(vtk_matrix(ijk_to_ras(case.volume)))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.SetBinaryLabelmapToSegment(labelmap, case.segmentation, identifier, logic.MODE_REPLACE)
