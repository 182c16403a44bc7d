"""A single slice is placed by its looks, the same for its mirror image, or nothing is said of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from XAIReportLib.anatomy import locate
from XAIReportLib.anatomy.atlas import load_template
from XAIReportLib.anatomy.picture import Candidate, _said
from XAIReportLib.anatomy.sections import PLANES
from XAIReportLib.case import Case, head_mask
from XAIReportLib.report.measured import picture_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import turned


def section(plane: str, level: float) -> tuple[np.ndarray, np.ndarray]:
    """A section of the template (i right, j down; the patient's right at the picture's right) in 1 mm pixels, and the MNI
    millimetres of its pixels, (3, i, j)."""
    template = load_template()
    through, first, second, _ = PLANES[plane]
    n = round(level - template.affine[through, 3])
    picture = np.take(template.image, n, axis=through)[:, ::-1]
    mm = np.empty((3, *picture.shape))
    mm[through] = level
    mm[first] = np.arange(picture.shape[0])[:, None] + template.affine[first, 3]
    mm[second] = (np.arange(picture.shape[1])[::-1] + template.affine[second, 3])[None]
    return np.pad(picture, 20) * 900, np.pad(mm, ((0, 0), (20, 20), (20, 20)), constant_values=999.0)


def as_case(picture: np.ndarray) -> Case:
    image = np.random.default_rng(0).normal(picture, 15).astype(np.float32)[..., None]
    return Case("p", image, None, head_mask(image), kind="picture")


PLACES = {"axial": (20.0, (-40.0, 30.0, 20.0)), "sagittal": (28.0, (28.0, -85.0, 10.0))}


@pytest.mark.parametrize("plane", PLACES)
def test_a_picture_and_its_mirror_image_have_the_same_place_and_no_side(plane: str) -> None:
    level, centre = PLACES[plane]
    picture, mm = section(plane, level)
    mask = (np.linalg.norm(mm - np.array(centre)[:, None, None], axis=0) < 9)[..., None]
    case = as_case(picture)
    anatomy, geometry = locate(case, {"lesion-1": mask}, mask)
    assert anatomy.registration.verdict == "not_possible"
    assert anatomy.labels is None
    assert anatomy.picture.plane == plane
    assert abs(abs(anatomy.picture.level_mm) - level) < 8
    assert anatomy.picture.places["lesion-1"].lobe == {"axial": "frontal", "sagittal": "occipital"}[plane]
    assert geometry["lesion-1"].side is None
    assert anatomy.template_edges.shape == case.image.shape
    mirrored = Case("p", case.image[::-1].copy(), None, case.head[::-1].copy(), kind="picture")
    other, turned = locate(mirrored, {"lesion-1": mask[::-1].copy()}, mask[::-1].copy())
    assert other.picture == anatomy.picture
    assert turned["lesion-1"].side is None
    first, second = anatomy.template_edges[..., 0] > 0, other.template_edges[::-1, :, 0] > 0
    assert not (first & ~ndimage.binary_dilation(second, iterations=5)).any()


@pytest.mark.parametrize("flip", [1, -1])
def test_a_slice_with_geometry_keeps_its_side(flip: int) -> None:
    level, centre = PLACES["axial"]
    picture, mm = section("axial", level)
    mask = (np.linalg.norm(mm - np.array(centre)[:, None, None], axis=0) < 9)[..., None]
    case = as_case(picture)
    affine = np.array([[flip, 0, 0, -90.0 * flip], [0, -1, 0, 90], [0, 0, 5, 20], [0, 0, 0, 1]], float)
    stored = Case("p", case.image[::flip].copy(), affine, case.head[::flip].copy(), kind="dicom")
    anatomy, geometry = locate(stored, {"lesion-1": mask[::flip].copy()}, mask)
    assert anatomy.picture.plane == "axial"
    assert geometry["lesion-1"].side == "left"
    assert anatomy.picture.places["lesion-1"].lobe == "frontal"
    assert anatomy.template_edges.shape == stored.image.shape


BASES = {"axial": np.eye(3), "coronal": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}
CENTRES = {"axial": np.array([0.0, -18.0, 18.0]), "coronal": np.array([0.0, -20.0, 10.0])}


def oblique(plane: str, axis: int, degrees: float) -> tuple[Case, dict[str, np.ndarray]]:
    """A slice with geometry out of the template, its plane turned about a RAS axis through the middle of the brain, and the places
    of a disc on the patient's left and right."""
    template, size = load_template(), 220
    affine = np.eye(4)
    affine[:3, :3] = turned(degrees, axis) @ BASES[plane] @ np.diag([1.0, 1.0, 5.0])
    affine[:3, 3] = CENTRES[plane] - affine[:3, :3] @ [size / 2, size / 2, 0]
    index = np.stack(np.meshgrid(np.arange(size), np.arange(size), [0], indexing="ij"), axis=-1)
    ras = index @ affine[:3, :3].T + affine[:3, 3]
    at = np.moveaxis((ras - template.affine[:3, 3]) / np.diag(template.affine)[:3], -1, 0)
    picture = as_case(ndimage.map_coordinates(template.image, at, order=1)[..., 0] * 900)
    across = np.linalg.inv(affine[:3, :3])[:2, 0]
    across *= 38 / np.linalg.norm(across)
    discs = {
        side: np.linalg.norm(index[..., :2] - size / 2 - sign * across, axis=-1) < 9
        for side, sign in (("left", -1), ("right", 1))
    }
    return Case("p", picture.image, affine, picture.head, kind="dicom"), discs


@pytest.mark.parametrize(
    ("plane", "axis", "degrees", "sided", "placed"),
    [
        ("axial", 0, 10, True, True),  # tilted to front and back
        ("axial", 0, 30, True, False),
        ("axial", 0, 45, False, False),
        ("coronal", 0, 30, True, False),
        ("axial", 1, 30, False, False),  # tilted to the sides
        ("coronal", 2, 45, False, False),
        ("axial", 2, 30, True, True),  # turned within its plane
        ("coronal", 1, 45, False, False),
    ],
)
def test_of_an_oblique_slice_only_what_holds_is_said(
    plane: str, axis: int, degrees: float, sided: bool, placed: bool
) -> None:
    case, discs = oblique(plane, axis, degrees)
    masks = {f"lesion-{n}": disc for n, disc in enumerate(discs.values(), start=1)}
    anatomy, geometry = locate(case, masks, np.any(list(masks.values()), axis=0))
    sides = [geometry[name].side for name in masks]
    assert sides == (["left", "right"] if sided else [None, None])
    assert anatomy.picture.plane == (plane if placed else None)
    assert (f"it lies {degrees}° oblique" in anatomy.registration.reason) == (not placed)
    assert (anatomy.template_edges is not None) == placed
    if not placed:
        assert all(place.lobe is None for place in anatomy.picture.places.values())


@pytest.mark.parametrize(("other", "told"), [(24.0, True), (-60.0, False)])
def test_a_level_is_told_only_where_the_sections_that_fit_lie_near_it(other: float, told: bool) -> None:
    fits = ((20.0, 0.80), (other, 0.79))
    candidates = [Candidate("coronal", level, False, 1.0, 0.0, 0.0, 0.0, fit) for level, fit in fits]
    match = _said(candidates, {}, np.zeros(2))
    assert match.plane == "coronal"
    assert (match.level_mm, match.level_range_mm) == ((20.0, (16.0, 28.0)) if told else (None, None))
    assert (match.level_confidence > 0.99) == told
    content = picture_of(match)
    assert (content["level_mm"], content["level_agreement"]) == ((20.0, 1.0) if told else (None, None))


def test_nothing_is_said_of_what_is_no_head() -> None:
    rng = np.random.default_rng(0)
    i, j = np.indices((160, 150))
    image = (np.hypot(i - 80, j - 75) < 60) * (100 + 40 * rng.normal(size=i.shape))
    case = as_case(image)
    mask = (np.hypot(i - 60, j - 60) < 8)[..., None]
    anatomy, _ = locate(case, {"lesion-1": mask}, mask)
    assert anatomy.picture.plane is None
    assert anatomy.picture.places["lesion-1"].lobe is None
    assert anatomy.template_edges is None
