"""A case is seen the same, and maps come back to the same place, however the image was stored."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array
from XAIReportLib.views import PIXELS, PictureViews, VolumeViews, make_views, normalise

sys.path.insert(0, str(Path(__file__).parent))
from grids import GRIDS, sampled, turned

CENTRE = np.array([7.0, -11.0, 5.0])
SPOT = CENTRE + np.array([32.0, 25.0, -14.0])  # right, anterior, inferior of the head's centre


def head_with_spot(ras: np.ndarray) -> np.ndarray:
    """An ellipsoid head with soft texture and one bright ball on the patient's right, in front, below."""
    inside = (((ras - CENTRE) / np.array([70.0, 88.0, 75.0])) ** 2).sum(axis=-1) < 1
    ball = np.clip(1.5 - np.linalg.norm(ras - SPOT, axis=-1) / 9, 0, 1)
    return inside * (100 + 20 * np.sin(ras[..., 1] / 19)) + 120 * ball


def centre_of(weights: np.ndarray, affine: np.ndarray) -> np.ndarray:
    index = np.stack(np.nonzero(weights), axis=1)
    return np.average(index @ affine[:3, :3].T + affine[:3, 3], axis=0, weights=weights[weights > 0])


@pytest.mark.parametrize("grid", GRIDS)
def test_a_map_comes_back_to_the_place_it_was_drawn_at(grid: str) -> None:
    image, affine = sampled(head_with_spot, grid, 100)
    case = case_from_array(image, affine)
    views, pixels = make_views(case)
    back = views.onto_case(np.clip(pixels - 1.05, 0, None))
    assert back.shape == case.image.shape
    assert np.linalg.norm(centre_of(back, affine) - SPOT) < 1.5


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_between_its_slices_a_map_goes_evenly_from_one_to_the_next(axis: int) -> None:
    to_voxel = np.eye(4)
    to_voxel[:3, 3] = -97
    views = VolumeViews(to_voxel, dict.fromkeys(("axial", "coronal", "sagittal"), np.arange(97, 127, 5)), (30, 30, 30))
    ramp = np.indices((30, 30, 30))[axis].astype(np.float32)
    back = views.onto_case(views.from_case(ramp))
    inner = (slice(1, 25),) * 3
    np.testing.assert_allclose(back[inner], ramp[inner], atol=1e-3)


def test_every_storage_grid_shows_the_same_slices() -> None:
    shown = {}
    for grid in GRIDS:
        image, affine = sampled(head_with_spot, grid, 100)
        views, pixels = make_views(case_from_array(image, affine))
        axial = views.planes.index("axial") + len(views.positions["axial"]) // 2
        shown[grid] = pixels[axial]
    reference = shown["RAS, cubic"]
    for grid, view in shown.items():
        assert np.corrcoef(view.ravel(), reference.ravel())[0, 1] > 0.97, grid


@pytest.mark.parametrize("grid", GRIDS)
def test_the_patients_right_is_at_the_left_and_the_nose_of_a_sagittal_slice_too(grid: str) -> None:
    image, affine = sampled(head_with_spot, grid, 100)
    views, pixels = make_views(case_from_array(image, affine))
    planes = np.array(views.planes)
    for plane, (is_lower, is_right_half) in {
        "axial": (False, False),
        "coronal": (True, False),
        "sagittal": (True, False),
    }.items():
        spot = np.clip(pixels[planes == plane] - 1.05, 0, None).sum(axis=0)
        head = (pixels[planes == plane] > 0.1).sum(axis=0)
        (row, column), (row0, column0) = (
            np.average(np.argwhere(a > 0), axis=0, weights=a[a > 0]) for a in (spot, head)
        )
        assert (row > row0) == is_lower, plane  # anterior and superior are at the top
        assert (column > column0) == is_right_half, plane


def test_labels_keep_their_values() -> None:
    image, affine = sampled(head_with_spot, "oblique", 100)
    case = case_from_array(image, affine)
    labels = (np.arange(image.size).reshape(image.shape) % 7).astype(np.uint8)
    assert set(np.unique(VolumeViews.of(case).from_case(labels, labels=True))) <= set(range(7))


def picture(pad: tuple[int, int, int, int], step: int = 1) -> Case:
    y, x = np.mgrid[0:260, 0:220]
    flat = ((((x - 110) / 85) ** 2 + ((y - 130) / 105) ** 2) < 1) * (90.0 + 30 * np.sin(x / 11) + 20 * np.cos(y / 17))
    head = flat > 0
    left, right, top, bottom = pad
    flat, head = (np.pad(a, ((top, bottom), (left, right)))[::step, ::step] for a in (flat, head))
    return Case("p", flat.T[:, :, None].astype(np.float32), None, head.T[:, :, None], kind="picture")


def test_padding_and_scaling_of_a_picture_do_not_change_what_the_network_sees() -> None:
    _, plain = make_views(picture((0, 0, 0, 0)))
    _, padded = make_views(picture((61, 7, 30, 90)))
    _, coarse = make_views(picture((4, 4, 4, 4), step=2))
    assert plain.shape == (1, PIXELS, PIXELS)
    np.testing.assert_allclose(padded, plain, atol=1e-4)
    assert np.corrcoef(coarse.ravel(), plain.ravel())[0, 1] > 0.99


def test_a_pictures_map_comes_back_to_its_pixels() -> None:
    case = picture((20, 50, 10, 0))
    views = PictureViews.of(case.head)
    mark = np.zeros(case.image.shape, np.float32)
    mark[100:110, 150:170] = 1
    back = views.onto_case(views.from_case(mark))
    there, here = (np.average(np.argwhere(a > 0.01), axis=0, weights=a[a > 0.01]) for a in (mark, back))
    np.testing.assert_allclose(here, there, atol=0.3)


AXES = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}  # of RAS: across, up, through


def section_with_spot(plane: str, edges: tuple[float, float], tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """A section of the head through the spot, (i, j, 1), i and j rising along RAS, with pixels of these edges, 5 mm thick."""
    across, up, through = AXES[plane]
    affine = np.zeros((4, 4))
    affine[across, 0], affine[up, 1], affine[through, 2], affine[3, 3] = edges[0], edges[1], 5.0, 1.0
    affine[:3, :3] = turned(tilt, through) @ affine[:3, :3]
    shape = [round(220 / edge) for edge in edges]
    affine[:3, 3] = SPOT - affine[:3, :2] @ (np.array(shape) / 2)
    i, j = np.meshgrid(*map(np.arange, shape), indexing="ij")
    ras = np.stack([i, j], axis=-1) @ affine[:3, :2].T + affine[:3, 3]
    return head_with_spot(ras)[:, :, None].astype(np.float32), affine


def stored(array: np.ndarray, affine: np.ndarray, flips: tuple[int, int], swapped: bool) -> Case:
    """The same slice with its axes in another order and direction."""
    affine = affine.copy()
    for axis, flip in enumerate(flips):
        if flip < 0:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    if swapped:
        array, affine = array.transpose(1, 0, 2), affine[:, [1, 0, 2, 3]]
    return case_from_array(np.ascontiguousarray(array), affine)


@pytest.mark.parametrize("plane", AXES)
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("flips", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_a_slice_with_geometry_is_seen_upright_however_it_is_stored(plane: str, swapped: bool, flips) -> None:
    array, affine = section_with_spot(plane, (0.9, 0.9), 8.0)
    _, plain = make_views(stored(array, affine, (1, 1), False))
    case = stored(array, affine, flips, swapped)
    views, pixels = make_views(case)
    np.testing.assert_allclose(pixels, plain, atol=1e-4)
    inside = views.from_case(case.head.astype(np.float32))[0] > 0.5
    spot, head = (np.average(np.argwhere(a), axis=0) for a in (pixels[0] > 0.6, inside))
    assert spot[1] < head[1], "the patient's right, or the nose, is at the left"
    assert (spot[0] < head[0]) == (plane == "axial"), "front and top are at the top"
    back = views.onto_case(np.clip(pixels - 0.6, 0, None))
    assert back.shape == case.image.shape
    assert np.linalg.norm(centre_of(back, case.affine) - SPOT) < 1.0


@pytest.mark.parametrize("plane", AXES)
def test_pixels_that_are_no_squares_are_seen_as_long_as_they_are(plane: str) -> None:
    shown = []
    for edges in ((0.9, 0.9), (1.8, 0.6)):
        array, affine = section_with_spot(plane, edges, 0.0)
        views, pixels = make_views(case_from_array(array, affine))
        back = views.onto_case(np.clip(pixels - 0.6, 0, None))
        assert np.linalg.norm(centre_of(back, affine) - SPOT) < 1.0
        shown.append(pixels[0])
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.97


def test_normalised_intensities_do_not_depend_on_scale_or_air() -> None:
    case = picture((5, 5, 5, 5))
    plain = normalise(case.image, case.head)
    air = np.where(case.head, case.image * 3.7 - 410, np.random.default_rng(0).normal(size=case.image.shape) * 99)
    np.testing.assert_allclose(normalise(air, case.head), plain, atol=1e-4)
    assert not plain[~case.head].any()


def test_normalised_intensities_reach_one_at_the_brightest_half_percent() -> None:
    image = np.arange(1001.0).reshape(7, 11, 13)
    seen = normalise(image, np.ones(image.shape, bool))
    assert (seen.min(), seen.max()) == pytest.approx((0, (1000 - 10) / (995 - 10)))
