"""The deformable step takes up what is far from the template's shape, and never folds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from XAIReportLib.anatomy import registration
from XAIReportLib.anatomy.atlas import load_atlas
from XAIReportLib.anatomy.descriptors import positions
from XAIReportLib.anatomy.quality import sound
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import Transform, pull
from XAIReportLib.reading import read_case

sys.path.insert(0, str(Path(__file__).parents[1]))
from template_patient import VOLUMES, needs_volumes

GRID_MM = 4.0


def squeezed(by: float) -> Transform:
    """A broad push along y on one side, and about another place a squeeze along x: 1 - ``by`` of the volume is left there."""
    at = np.moveaxis(np.indices((40, 24, 24)), 0, -1).astype(float)
    broad, narrow = (
        np.exp(-((at - centre) ** 2).sum(axis=-1) / (2 * width**2))
        for centre, width in (((8, 12, 12), 5), ((30, 12, 12), 2))
    )
    u = np.stack([-by * (at[..., 0] - 30) * GRID_MM * narrow, 6.0 * broad, np.zeros_like(broad)]).astype(np.float32)
    return Transform(np.eye(4), u, np.diag([GRID_MM, GRID_MM, GRID_MM, 1.0]))


def test_a_displacement_that_folds_in_one_place_is_smoothed_and_kept() -> None:
    folded = squeezed(1.3)
    assert not sound(folded)
    found = registration._smoothed(folded)
    assert sound(found)
    elsewhere = np.array([[8.0, 12.0, 12.0]]) * GRID_MM
    moved = found.to_mni(elsewhere) - elsewhere
    assert moved[0, 1] > 5.0  # of 6 mm
    assert folded.displacement[1].max() == np.float32(6.0)  # the one that came in is as it was


def test_a_sound_displacement_is_not_smoothed() -> None:
    mild = squeezed(0.5)
    assert registration._smoothed(mild) is mild


@needs_volumes
def test_ventricles_many_times_as_large_as_the_template_s_are_found() -> None:
    """The affine transform lays the template's ventricles beside this patient's."""
    case = read_case(VOLUMES / "brats_2013_pat0005_1" / "t1c.nii.gz")
    atlas = load_atlas()
    labels = positions(atlas.regions)["lateral ventricles"]
    fluid = case.image < 0.5 * np.median(case.image[case.head])

    _, transform = register(case, np.zeros(case.image.shape, bool))

    def dark(way: Transform) -> float:
        """Share of the template's ventricles that lies on fluid."""
        there = np.isin(pull(atlas.labels, atlas.affine, way.mni_mm(case.affine, case.image.shape)), labels)
        return float(fluid[there & case.head].mean())

    affine, deformed = dark(Transform(transform.matrix)), dark(transform)
    assert deformed > affine + 0.1, (affine, deformed)
