"""The atlas lies where the patient's anatomy is, on every storage grid, or no region is named."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from XAIReportLib.anatomy import locate, quality
from XAIReportLib.anatomy.atlas import SELLA_CENTRE_MM, SELLA_NAME, load_atlas, load_template
from XAIReportLib.anatomy.canonical import to_canonical
from XAIReportLib.anatomy.descriptors import positions
from XAIReportLib.anatomy.field_of_view import FieldOfView, cut_regions
from XAIReportLib.anatomy.intervals import reach_mm, share_intervals
from XAIReportLib.anatomy.midline import FALX, SEPTUM, signed_distance_mm
from XAIReportLib.anatomy.quality import template_edges
from XAIReportLib.anatomy.regions import measure, overlaps
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import Transform, pull
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.results import AtlasRegion, Cancelled, Registration

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


@lru_cache
def registered(grid: str) -> tuple[Case, Registration, Transform | None]:
    case = placed(grid, patient())
    return case, *register(case, np.zeros(case.image.shape, bool))


@pytest.mark.parametrize("grid", ["LPS, thick axial", "sagittal, flipped", "oblique"])
def test_a_known_placement_is_recovered_on_every_grid(grid: str) -> None:
    truth, (_, registration, transform) = patient(), registered(grid)
    assert registration.verdict == "good"
    patient_points = (POINTS - truth[:3, 3]) @ np.linalg.inv(truth[:3, :3]).T
    assert np.linalg.norm(transform.to_mni(patient_points) - POINTS, axis=1).mean() < 2.0
    np.testing.assert_allclose(transform.to_patient(transform.to_mni(patient_points)), patient_points, atol=0.1)


def test_the_registration_is_deterministic() -> None:
    case, first, one = registered("LPS, thick axial")
    second, other = register(case, np.zeros(case.image.shape, bool))
    assert first.checks == second.checks
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert (one.displacement is None) == (other.displacement is None)
    if one.displacement is not None:
        np.testing.assert_array_equal(one.displacement, other.displacement)


def test_points_and_arrays_go_the_same_way() -> None:
    """The atlas must be brought along the displacement, as points are."""
    rng = np.random.default_rng(3)
    field = np.stack([ndimage.gaussian_filter(rng.normal(size=(20, 20, 20)), 3) for _ in range(3)]) * 150
    grid_affine = np.diag([6.0, 6.0, 6.0, 1.0])
    grid_affine[:3, 3] = -57
    transform = Transform(patient(), field.astype(np.float32), grid_affine)
    affine = np.array([[0, 0, 3.0, -40], [-2, 0, 0, 30], [0, -2.5, 0, 35], [0, 0, 0, 1]])
    shape = (24, 20, 18)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    ras = index.reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    by_points = transform.to_mni(ras).reshape(*shape, 3)
    assert np.abs(np.moveaxis(transform.mni_mm(affine, shape), 0, -1) - by_points).max() < 0.01
    assert np.abs(by_points.reshape(-1, 3) - Transform(patient()).to_mni(ras)).max() > 3


def pushed() -> tuple[Case, np.ndarray, np.ndarray]:
    """The template with a bright ball whose surroundings it displaced to the left, the ball, and the falx and septum there."""
    template = load_template()
    centre, radius, seed = np.array([24.0, 4.0, 20.0]), 19.0, 8.0

    def origin(ras: np.ndarray) -> np.ndarray:
        away = ras - centre
        r = np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-6)
        before = np.where(r > radius, np.cbrt(np.maximum(r**3 - radius**3 + seed**3, 0)), r * seed / radius)
        depth = np.clip((72 - np.abs(ras[..., :1])) / 20, 0, 1)
        return ras - away / r * (r - before) * depth

    def brain(ras: np.ndarray) -> np.ndarray:
        back = np.linalg.inv(template.affine)
        index = np.moveaxis(origin(ras) @ back[:3, :3].T + back[:3, 3], -1, 0)
        tissue = ndimage.map_coordinates(template.image, index, order=1) * 700
        return np.where(np.linalg.norm(ras - centre, axis=-1) < radius, 900, tissue)

    image, affine = sampled(brain, "LPS, thick axial", 105)
    inside, _ = sampled(lambda ras: np.linalg.norm(ras - centre, axis=-1) < radius, "LPS, thick axial", 105)
    septum = SEPTUM.copy()
    for _ in range(50):
        septum += 0.8 * (SEPTUM - origin(septum))
    return case_from_array(image, affine), inside > 0, septum


def test_a_midline_that_a_mass_pushed_is_measured_and_the_side_follows_the_geometry() -> None:
    case, lesion, septum = pushed()
    truth = signed_distance_mm(FALX, septum)
    assert truth < -2.0
    anatomy, geometry = locate(case, {"lesion-1": lesion}, lesion)
    assert anatomy.registration.verdict == "good"
    assert anatomy.midline_shift.distance_mm == pytest.approx(truth, abs=1.5)
    place = geometry["lesion-1"]
    assert place.side == "right"
    assert place.descriptors.crosses_midline is False
    ways = {way.position: way for way in place.descriptors.distances}
    assert {"lateral ventricles", "motor cortex", "visual cortex", "brain surface"} <= set(ways)
    assert all(way.low_mm <= way.distance_mm <= way.high_mm for way in ways.values())
    assert ways["visual cortex"].distance_mm > 40
    assert len(place.descriptors.neighbours) == 3
    assert anatomy.interval_mm > reach_mm(0, None)
    for row in anatomy.overlaps:
        assert row.percent_low - 1e-6 <= row.percent_of_mask <= row.percent_high + 1e-6


def test_intervals_widen_with_volume_and_shift() -> None:
    assert reach_mm(5, 0) < reach_mm(50, 0) < reach_mm(50, 6)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3)) * 6 + [-30, 20, 30]
    narrow, wide = share_intervals(points, 2.0, load_atlas()), share_intervals(points, 8.0, load_atlas())
    assert all(wide[n][0] <= low and high <= wide[n][1] for n, (low, high) in narrow.items())


def test_every_position_that_distances_are_given_to_is_in_the_atlas() -> None:
    assert all(positions(load_atlas().regions).values())
    assert all(len(labels) > 1 for labels in positions(load_atlas().regions).values())


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
    place = measure("lesion-1", mask > 0, case, Transform(np.eye(4)))
    assert place.volume_ml == pytest.approx(4 / 3 * np.pi * SEMI_AXES.prod() / 1000, rel=0.06)
    np.testing.assert_allclose(place.centroid_ras_mm, CENTRE, atol=0.5)
    assert place.side == "right"
    mirrored = measure("lesion-1", mask > 0, case, Transform(np.diag([-1.0, 1, 1, 1])))
    assert mirrored.side == "left"
    shifted = np.eye(4)
    shifted[0, 3] = -CENTRE[0]
    across = measure("lesion-1", mask > 0, case, Transform(shifted))
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
    to_mni = patient()
    template = load_template()
    index = np.indices(template.image.shape).reshape(3, -1)
    mni = (template.affine[:3, :3] @ index + template.affine[:3, 3:]).T
    back = (mni - to_mni[:3, 3]) @ np.linalg.inv(to_mni[:3, :3]).T
    labelled = ellipsoid(back).reshape(template.image.shape).astype(np.int16)
    landed = pull(labelled, template.affine, Transform(to_mni).mni_mm(affine, mask.shape))
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
        registration, transform = register(case, np.zeros(case.image.shape, bool))
        assert registration.verdict == "good", name
        assert template_edges(transform.mni_mm(case.affine, case.image.shape)).any()
        if name.startswith("healthy"):
            continue
        flipped = np.transpose(case.image, (2, 0, 1))[::-1]
        affine = case.affine[:, [2, 0, 1, 3]] @ np.array(
            [[-1, 0, 0, case.image.shape[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]
        )
        _, other = register(case_from_array(np.ascontiguousarray(flipped), affine), np.zeros(flipped.shape, bool))
        points = transform.to_patient(POINTS)
        assert np.abs(transform.to_mni(points) - other.to_mni(points)).max() < 3.0


def test_the_affine_transform_is_judged_before_the_deformable_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that only the deformed template passes is not passed."""
    case, lesion, _ = pushed()
    deformed, affine = register(case, lesion)[0], register(case, lesion, deformable=None)[0]
    overlaps = affine.checks["brain_overlap"], deformed.checks["brain_overlap"]
    assert overlaps[0] < overlaps[1]
    monkeypatch.setattr(quality, "LIMITED_OVERLAP", sum(overlaps) / 2)
    registration, transform = register(case, lesion)
    assert registration.verdict == "failed"
    assert (transform, registration.patient_to_mni) == (None, None)
    np.testing.assert_array_equal(registration.failed_matrix, affine.patient_to_mni)


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


@needs_volumes
@pytest.mark.parametrize(("way", "percent"), [((0, -1, -0.4), 40), ((0, 0, 1), 25)], ids=["oblique", "base"])
def test_a_brain_that_is_cut_is_placed_where_it_is_whole(way: tuple[float, ...], percent: float) -> None:
    case = read_case(VOLUMES / "brats_2013_pat0004_1" / "t1c.nii.gz")
    nothing = np.zeros(case.image.shape, bool)
    mm = np.moveaxis(np.indices(case.image.shape), 0, -1) @ case.affine[:3, :3].T + case.affine[:3, 3]
    along = mm @ way
    kept = along >= np.percentile(along[case.head], percent)
    background = np.median(case.image[~case.head])
    cut = case_from_array(np.where(kept, case.image, background).astype(np.float32), case.affine)
    whole, placed_whole = register(case, nothing, deformable=None)
    part, placed_part = register(cut, nothing, deformable=None)
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
