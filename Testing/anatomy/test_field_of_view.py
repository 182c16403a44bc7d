"""What was imaged of a brain counts, and nothing else: a file may hold one value where a program cut the volume."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib.anatomy.atlas import load_atlas, load_template
from XAIReportLib.anatomy.field_of_view import FieldOfView, cut_regions
from XAIReportLib.anatomy.intervals import reach_mm
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.results import Registration

sys.path.insert(0, str(Path(__file__).parents[1]))
from template_patient import VOLUMES, needs_volumes, patient, placed

WHOLE = VOLUMES / "brats_2013_pat0004_1" / "t1c.nii.gz"


@needs_volumes
def test_a_brain_of_which_a_quarter_was_cut_away_is_judged_by_the_rest() -> None:
    """BRATS 2013 pat0006: zeros beyond an oblique plane."""
    case = read_case(VOLUMES / "brats_2013_pat0006_1" / "t1c.nii.gz")
    (cut,) = FieldOfView(case.image, case.affine, case.head).cuts
    assert cut[1] < -0.9, "the occipital part is missing"
    registration, transform = register(case, np.zeros(case.image.shape, bool), deformable=None)
    assert registration.verdict == "limited"
    assert registration.checks["brain_overlap"] > 0.90
    assert 0.6 < registration.checks["coverage"] < 0.8
    assert transform is not None


@lru_cache
def registered_whole() -> tuple[Registration, Transform | None]:
    case = read_case(WHOLE)
    return register(case, np.zeros(case.image.shape, bool), deformable=None)


@needs_volumes
@pytest.mark.parametrize(("way", "percent"), [((0, -1, -0.4), 40), ((0, 0, 1), 25)], ids=["oblique", "base"])
def test_a_brain_that_is_cut_is_placed_where_it_is_whole(way: tuple[float, ...], percent: float) -> None:
    case = read_case(WHOLE)
    mm = np.moveaxis(np.indices(case.image.shape), 0, -1) @ case.affine[:3, :3].T + case.affine[:3, 3]
    along = mm @ way
    kept = along >= np.percentile(along[case.head], percent)
    background = np.median(case.image[~case.head])
    cut = case_from_array(np.where(kept, case.image, background).astype(np.float32), case.affine)
    whole, placed_whole = registered_whole()
    part, placed_part = register(cut, np.zeros(case.image.shape, bool), deformable=None)
    assert (whole.verdict, part.verdict) == ("good", "limited"), "a cut brain is approximate at best"
    assert part.checks["coverage"] < whole.checks["coverage"] - 0.15
    points = mm[case.head & kept][::997]
    error = np.linalg.norm(placed_part.to_mni(points) - placed_whole.to_mni(points), axis=1)
    assert error.mean() < 4.0
    assert reach_mm(5.0, None, part.checks["coverage"]) > reach_mm(5.0, None, whole.checks["coverage"]) + 1.0


def in_the_template(case: Case) -> np.ndarray:
    """Where the voxels of a case of ``patient`` lie in MNI152, (i, j, k, 3)."""
    return np.moveaxis(Transform(patient()).mni_mm(case.affine, case.image.shape), 0, -1)


def not_imaged(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Places of the brain of ``patient`` in MNI152, (n, 3), and those of them that a case holds no image of."""
    template = load_template()
    brain = np.argwhere(template.image > 0)[::50] @ template.affine[:3, :3].T + template.affine[:3, 3]
    field = FieldOfView(case.image, case.affine, case.head)
    return brain, brain[~field.holds(Transform(patient()).to_patient(brain))]


CUT, CUT_MM = np.array([0.1, 0.95, 0.3]), -35.0


@pytest.mark.parametrize("grid", ["LPS, thick axial", "oblique"])
def test_brain_whose_voxels_were_set_to_zero_is_not_counted_as_imaged(grid: str) -> None:
    case = placed(grid, patient())
    cut = case_from_array(np.where(in_the_template(case) @ CUT < CUT_MM, 0, case.image), case.affine)
    brain, missing = not_imaged(cut)
    truly = brain[brain @ CUT < CUT_MM]
    assert 0.2 < len(truly) / len(brain) < 0.4
    assert (missing @ CUT < CUT_MM + 1).all()
    assert len(missing) > 0.75 * len(truly), "all but the last millimetres next to the cut"
    regions = {region.label: (region.name, region.side) for region in load_atlas().regions}
    field = FieldOfView(cut.image, cut.affine, cut.head)
    gone = {regions[label] for label in cut_regions(load_atlas(), Transform(patient()), field)}
    assert {("Occipital Pole", "left"), ("Cerebellum", "right"), ("Precuneous Cortex", "left")} <= gone
    assert not {("Frontal Pole", "left"), ("Thalamus", "right"), ("Temporal Pole", "left")} & gone
    whole = FieldOfView(case.image, case.affine, case.head)
    assert cut_regions(load_atlas(), Transform(patient()), whole) == ()
    assert len(whole.cuts) == 0, "no side of a whole brain is flat"
    normal = CUT @ patient()[:3, :3]  # of the plane m @ CUT = CUT_MM of MNI152, in the patient
    length = np.linalg.norm(normal)
    ((*outward, offset),) = field.cuts
    assert np.degrees(np.arccos(-np.array(outward) @ normal / length)) < 4.0
    assert offset == pytest.approx((CUT_MM - CUT @ patient()[:3, 3]) / length, abs=4.0)


def test_fluid_cavities_and_dark_bone_were_imaged_though_they_are_zero() -> None:
    case = placed("LPS, thick axial", patient())
    cavity = np.linalg.norm(in_the_template(case) - [-45.0, 20.0, 35.0], axis=-1) < 22.0  # open to the surface
    emptied = case_from_array(np.where(cavity | (case.image < 0.45 * 700), 0, case.image), case.affine)
    brain, lost = not_imaged(emptied)
    assert len(lost) < 0.01 * len(brain)
    noise = np.abs(np.random.default_rng(0).normal(size=case.image.shape)).astype(np.float32)
    _, lost = not_imaged(case_from_array(case.image + noise, case.affine))
    assert not len(lost), "no value stands for nothing"


@needs_volumes
@pytest.mark.parametrize("lowest_highest", [(27, 102), (87, 190)], ids=["neck to thalamus", "thalamus to vertex"])
def test_a_cut_head_that_is_taken_for_a_smaller_whole_one_gets_no_region(lowest_highest: tuple[int, int]) -> None:
    low, high = lowest_highest
    case = read_case(VOLUMES / "healthy_t1" / "t1.nii.gz")
    corner = case.affine @ np.array([0, 0, low, 1.0])
    affine = case.affine.copy()
    affine[:, 3] = corner
    cut = case_from_array(np.ascontiguousarray(case.image[:, :, low:high]), affine)
    registration, transform = register(cut, np.zeros(cut.image.shape, bool), deformable=None)
    assert registration.verdict == "failed"
    assert transform is None
