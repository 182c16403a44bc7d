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
from grids import GRIDS, sampled

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


def test_normalised_intensities_do_not_depend_on_scale_or_air() -> None:
    case = picture((5, 5, 5, 5))
    plain = normalise(case.image, case.head)
    air = np.where(case.head, case.image * 3.7 - 410, np.random.default_rng(0).normal(size=case.image.shape) * 99)
    np.testing.assert_allclose(normalise(air, case.head), plain, atol=1e-4)
    assert not plain[~case.head].any()
