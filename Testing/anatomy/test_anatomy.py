"""The atlas lies where the patient's anatomy is, on every storage grid, or no region is named."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from XAIReportLib.anatomy import locate
from XAIReportLib.anatomy.atlas import SELLA_CENTRE_MM, SELLA_NAME, load_atlas, load_template
from XAIReportLib.anatomy.canonical import to_canonical
from XAIReportLib.anatomy.regions import measure, overlaps
from XAIReportLib.anatomy.registration import register, template_edges, warp
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.results import AtlasRegion, Cancelled

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import GRIDS, sampled, turned

VOLUMES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "brain_volumes"
needs_volumes = pytest.mark.skipif(not VOLUMES.is_dir(), reason="shared data is absent")
CENTRE = np.array([12.0, -20.0, 9.0])
SEMI_AXES = np.array([14.0, 9.0, 11.0])


def ellipsoid(ras: np.ndarray) -> np.ndarray:
    return (((ras - CENTRE) / SEMI_AXES) ** 2).sum(axis=-1) < 1


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


POINTS = np.array([[x, y, z] for x in (-45, 0, 45) for y in (-70, -10, 45) for z in (-20, 20, 50)], float)


@pytest.mark.parametrize("grid", ["LPS, thick axial", "sagittal, flipped", "oblique"])
def test_a_known_placement_is_recovered_on_every_grid(grid: str) -> None:
    truth = patient()
    case = placed(grid, truth)
    registration = register(case, np.zeros(case.image.shape, bool))
    assert registration.verdict == "good"
    patient_points = (POINTS - truth[:3, 3]) @ np.linalg.inv(truth[:3, :3]).T
    found = patient_points @ registration.patient_to_mni[:3, :3].T + registration.patient_to_mni[:3, 3]
    assert np.linalg.norm(found - POINTS, axis=1).mean() < 3.0


def test_the_registration_is_deterministic() -> None:
    case = placed("LPS, thick axial", patient())
    nothing = np.zeros(case.image.shape, bool)
    np.testing.assert_array_equal(register(case, nothing).patient_to_mni, register(case, nothing).patient_to_mni)


def noise_head() -> Case:
    rng = np.random.default_rng(0)
    image, affine = sampled(lambda r: (np.linalg.norm(r - [7, -11, 5], axis=-1) < 80) * 100.0, "RAS, cubic", 100)
    return case_from_array(image + rng.normal(size=image.shape).astype(np.float32) * 20 * (image > 0), affine)


def test_what_is_no_brain_gets_no_region() -> None:
    case = noise_head()
    lesion = np.zeros(case.image.shape, bool)
    lesion[50:60, 50:60, 50:60] = True
    anatomy, geometry = locate(case, {"lesion-1": lesion}, lesion)
    assert anatomy.registration.verdict == "failed"
    assert anatomy.registration.reason
    assert anatomy.labels is None
    assert anatomy.overlaps == ()
    assert geometry["lesion-1"].side is None
    assert geometry["lesion-1"].volume_ml == pytest.approx(8.0)


def test_a_picture_has_no_side_and_no_volume() -> None:
    picture = Case("p", np.ones((50, 40, 1), np.float32), None, np.ones((50, 40, 1), bool), kind="picture")
    mask = np.zeros((50, 40, 1), bool)
    mask[3:9, 4:8] = True
    anatomy, geometry = locate(picture, {"lesion-1": mask}, mask)
    assert anatomy.registration.verdict == "not_possible"
    place = geometry["lesion-1"]
    assert (place.voxels, place.volume_ml, place.centroid_ras_mm, place.side) == (24, None, None, None)


def test_a_registration_can_be_cancelled() -> None:
    case = noise_head()
    with pytest.raises(Cancelled):
        register(case, np.zeros(case.image.shape, bool), lambda: True)


@pytest.mark.parametrize("grid", GRIDS)
def test_size_place_and_side_of_a_mask_do_not_depend_on_the_grid(grid: str) -> None:
    mask, affine = sampled(ellipsoid, grid, 60, tuple(CENTRE))
    case = Case("x", mask, affine, mask > 0)
    place = measure("lesion-1", mask > 0, case, np.eye(4))
    assert place.volume_ml == pytest.approx(4 / 3 * np.pi * SEMI_AXES.prod() / 1000, rel=0.06)
    np.testing.assert_allclose(place.centroid_ras_mm, CENTRE, atol=0.5)
    assert place.side == "right"
    mirrored = measure("lesion-1", mask > 0, case, np.diag([-1.0, 1, 1, 1]))
    assert mirrored.side == "left"
    shifted = np.eye(4)
    shifted[0, 3] = -CENTRE[0]
    across = measure("lesion-1", mask > 0, case, shifted)
    assert across.side == "midline"
    assert across.left_percent == pytest.approx(50, abs=4)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_working_grid_is_the_same_for_every_storage_grid(grid: str) -> None:
    image, affine = sampled(lambda r: ellipsoid(r) * 100.0, grid, 60, tuple(CENTRE))
    canonical = to_canonical(image, affine, image > 50, np.zeros(image.shape, bool), 2.0)
    index = np.argwhere(canonical.head)
    np.testing.assert_allclose(index.mean(axis=0) * 2.0 + canonical.origin_mm, CENTRE, atol=0.7)
    extent = (index.max(axis=0) - index.min(axis=0) + 1) * 2.0
    np.testing.assert_allclose(extent, 2 * SEMI_AXES, atol=4.1)


@pytest.mark.parametrize("grid", GRIDS)
def test_an_atlas_label_lands_on_the_right_voxel(grid: str) -> None:
    mask, affine = sampled(ellipsoid, grid, 60, tuple(CENTRE))
    case = Case("x", mask, affine, mask > 0)
    to_mni = patient()
    template = load_template()
    index = np.indices(template.image.shape).reshape(3, -1)
    mni = (template.affine[:3, :3] @ index + template.affine[:3, 3:]).T
    back = (mni - to_mni[:3, 3]) @ np.linalg.inv(to_mni[:3, :3]).T
    labelled = ellipsoid(back).reshape(template.image.shape).astype(np.int16)
    landed = warp(labelled, template.affine, case, to_mni)
    both = 2 * ((landed > 0) & (mask > 0)).sum() / ((landed > 0).sum() + (mask > 0).sum())
    assert both > 0.93


def label_at(x: float, y: float, z: float) -> AtlasRegion | None:
    atlas = load_atlas()
    i, j, k = np.round(np.linalg.inv(atlas.affine) @ [x, y, z, 1])[:3].astype(int)
    return next((r for r in atlas.regions if r.label == atlas.labels[i, j, k]), None)


@pytest.mark.parametrize(
    ("point", "name", "side", "lobe"),
    [
        ((-26, -20, -16), "Hippocampus", "left", "temporal"),
        ((10, -18, 8), "Thalamus", "right", "deep grey"),
        ((-38, -20, 58), "Precentral Gyrus", "left", "frontal"),
        ((12, -98, 4), "Occipital Pole", "right", "occipital"),
        ((0, -28, -30), "Brainstem", None, "brainstem"),
        (SELLA_CENTRE_MM, SELLA_NAME, None, "sellar region"),
    ],
)
def test_well_known_points_have_their_names(point: tuple, name: str, side: str | None, lobe: str) -> None:
    region = label_at(*point)
    assert region is not None
    assert (region.name, region.side, region.lobe) == (name, side, lobe)


def test_every_region_has_a_lobe_a_readable_name_and_the_right_side() -> None:
    atlas = load_atlas()
    for region in atlas.regions:
        assert region.lobe != "other", region
        assert "_" not in region.name
        where = np.argwhere(atlas.labels == region.label)
        x = (where @ atlas.affine[:3, :3].T + atlas.affine[:3, 3])[:, 0].mean()
        if region.side:
            assert (x < 0) == (region.side == "left"), region


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.int16, (6, 7, 5), elements=st.integers(0, 3)),
    hnp.arrays(bool, (6, 7, 5)),
    st.tuples(*[st.floats(0.4, 5)] * 3),
)
def test_rows_sum_to_a_hundred_and_the_nearest_region_is_in_patient_millimetres(
    labels: np.ndarray, mask: np.ndarray, spacing: tuple[float, float, float]
) -> None:
    case = Case("x", labels.astype(np.float32), np.diag([*spacing, 1.0]), labels > 0)
    regions = {n: AtlasRegion(n, f"Region {n}", "frontal", None) for n in (1, 2, 3)}
    voxels = np.bincount(labels.ravel(), minlength=4)
    rows = overlaps("m", mask, case, labels, np.full(labels.shape, 50, np.uint8), regions, voxels)
    if not mask.any():
        assert rows == []
        return
    assert sum(r.percent_of_mask for r in rows) == pytest.approx(100)
    assert sum(r.overlap_ml for r in rows) == pytest.approx(mask.sum() * case.voxel_ml)
    for row in rows:
        if row.nearest:
            named = np.argwhere(labels == int(row.nearest.split()[-1])) * spacing
            free = np.argwhere(mask & (labels == 0)) * spacing
            nearest = np.linalg.norm(free[:, None] - named[None], axis=2).min(axis=1)
            assert nearest.min() - 1e-6 <= row.nearest_mm <= nearest.max() + 1e-6


@needs_volumes
def test_real_heads_with_and_without_skull_are_registered() -> None:
    for name in ("brats_2013_pat0004_1/t1c.nii.gz", "healthy_t1/t1.nii.gz"):
        case = read_case(VOLUMES / name)
        registration = register(case, np.zeros(case.image.shape, bool))
        assert registration.verdict == "good", name
        assert template_edges(case, registration).any()
        flipped = np.transpose(case.image, (2, 0, 1))[::-1]
        affine = case.affine[:, [2, 0, 1, 3]] @ np.array(
            [[-1, 0, 0, case.image.shape[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]
        )
        other = register(case_from_array(np.ascontiguousarray(flipped), affine), np.zeros(flipped.shape, bool))
        moved = POINTS @ registration.patient_to_mni[:3, :3].T - POINTS @ other.patient_to_mni[:3, :3].T
        assert np.abs(moved + registration.patient_to_mni[:3, 3] - other.patient_to_mni[:3, 3]).max() < 3.0


@needs_volumes
def test_a_head_cut_by_the_field_of_view_is_not_called_good() -> None:
    case = read_case(VOLUMES / "brats_2013_pat0006_1" / "t1c.nii.gz")
    assert register(case, np.zeros(case.image.shape, bool)).verdict in ("limited", "failed")
