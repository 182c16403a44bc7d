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
from XAIReportLib.anatomy.intervals import reach_mm, share_intervals
from XAIReportLib.anatomy.midline import FALX, SEPTUM, signed_distance_mm
from XAIReportLib.anatomy.quality import template_edges
from XAIReportLib.anatomy.regions import measure, overlaps, side_of
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import Transform, pull
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.results import AtlasRegion, Cancelled, RegionOverlap, Registration

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import GRIDS, sampled
from template_patient import VOLUMES, needs_volumes, patient, placed

CENTRE = np.array([12.0, -20.0, 9.0])
SEMI_AXES = np.array([14.0, 9.0, 11.0])


def ellipsoid(ras: np.ndarray) -> np.ndarray:
    return (((ras - CENTRE) / SEMI_AXES) ** 2).sum(axis=-1) < 1


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
    assert reach_mm(5, -6) == reach_mm(5, 6)  # to the left as to the right
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3)) * 6 + [-30, 20, 30]
    narrow, wide = share_intervals(points, 2.0, load_atlas()), share_intervals(points, 8.0, load_atlas())
    assert all(wide[n][0] <= low and high <= wide[n][1] for n, (low, high) in narrow.items())


def test_every_position_that_distances_are_given_to_is_in_the_atlas() -> None:
    assert all(positions(load_atlas().regions).values())
    assert all(len(labels) > 1 for labels in positions(load_atlas().regions).values())
    language = positions(load_atlas().regions)["language cortex (left hemisphere)"]
    assert {r.side for r in load_atlas().regions if r.label in language} == {"left"}


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


@pytest.mark.parametrize(("left", "side"), [(91, "left"), (89, "midline"), (11, "midline"), (9, "right")])
def test_a_side_is_named_from_nine_tenths_on(left: int, side: str) -> None:
    assert side_of(np.repeat([-5.0, 5.0], [left, 100 - left])) == (side, left)


SIDED = {1: AtlasRegion(1, "Region 1", "frontal", "left"), 2: AtlasRegion(2, "Region 2", "frontal", "right")}


def along_a_line(labels: dict[int, int], masked: list[int], **options) -> list[RegionOverlap]:
    """Rows of a mask on a line of 100 voxels of 1 mm with labels at these places, probabilities 40 and 60 % in turns."""
    line, mask = np.zeros((100, 1, 1), np.int16), np.zeros((100, 1, 1), bool)
    line[list(labels), 0, 0], mask[masked] = list(labels.values()), True
    probability = np.where(np.arange(100) % 2, 60, 40).astype(np.uint8)[:, None, None]
    case = Case("x", line.astype(np.float32), np.eye(4), np.ones(line.shape, bool))
    return overlaps("m", mask, case, line, probability, SIDED, np.bincount(line.ravel(), minlength=3), **options)


def test_a_row_says_how_much_of_the_region_and_how_probable_and_its_interval_holds_the_share() -> None:
    labels = {**dict.fromkeys(range(10, 30), 1), **dict.fromkeys(range(30, 35), 2)}
    rows = along_a_line(labels, list(range(24, 34)), intervals={1: (65.0, 70.0), 2: (35.0, 38.0)})
    assert [(row.name, row.percent_of_mask) for row in rows] == [("Region 1", 60), ("Region 2", 40)]
    assert [row.percent_of_region for row in rows] == [30, 80]
    assert [row.mean_probability for row in rows] == pytest.approx([0.5, 0.5])
    assert [(row.percent_low, row.percent_high) for row in rows] == [(60, 70), (35, 40)]


def test_the_nearest_region_has_a_side_and_the_distance_of_what_lies_nearest_to_it() -> None:
    (row,) = along_a_line({4: 1, 30: 2}, [5, 6, 7, 20, 21])
    assert (row.nearest, row.nearest_mm) == ("Left Region 1", 2)


def test_a_region_that_is_nearer_to_most_of_a_mask_is_found_far_from_it() -> None:
    (row,) = along_a_line({15: 1, 80: 2}, [20, *range(50, 61)])
    assert (row.nearest, row.nearest_mm) == ("Right Region 2", 25)


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
