"""The distance to the lateral ventricles is to their fluid where it is seen, and to their atlas position where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from XAIReportLib.anatomy.atlas import load_atlas
from XAIReportLib.anatomy.descriptors import gap_mm
from XAIReportLib.anatomy.placed import Placed
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.anatomy.ventricles import ERROR_MM, seen_gap_mm
from XAIReportLib.case import Case
from XAIReportLib.results import AtlasDistance, Levels

OBLIQUE = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
GRIDS = {
    "1 mm": np.eye(3),
    "thick slices": np.diag([0.9, 0.9, 5.0]),
    "flipped": np.diag([-1.0, -1.0, 3.0]),
    "oblique": OBLIQUE @ np.diag([1.0, 1.5, 2.0]),
}
AS_IT_IS = Levels((1.0, *(0.0,) * 9), 1.0, 1.0, 0.0, 0.05, 0.05)  # fluid is 0 in the image, white matter is 1


def boxes(linear: np.ndarray, *spans: tuple[float, float]) -> list[np.ndarray]:
    """Bool boxes on a grid, of the given spans in mm along its first axis and 30 mm along the others."""
    edges = np.linalg.norm(linear, axis=0)
    place = [np.arange(int(80 / edge)) * edge for edge in edges]
    across = (abs(place[1] - 40) <= 15)[None, :, None] & (abs(place[2] - 40) <= 15)[None, None, :]
    return [((place[0] >= low) & (place[0] <= high))[:, None, None] & across for low, high in spans]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_gap_is_that_to_the_fluid_that_lies_at_the_position(grid: str) -> None:
    affine = np.eye(4)
    affine[:3, :3] = GRIDS[grid]
    mask, position, fluid, elsewhere = boxes(GRIDS[grid], (20, 40), (41, 55), (44, 58), (2, 17))
    found = seen_gap_mm(mask, position, fluid | elsewhere, affine)
    assert found == pytest.approx(gap_mm(mask, fluid, affine))
    assert found > gap_mm(mask, position, affine)


def test_dark_voxels_that_hang_together_with_none_at_the_position_and_specks_are_no_fluid() -> None:
    mask, position, beside = boxes(np.eye(3), (20, 40), (41, 55), (57, 59))
    assert seen_gap_mm(mask, position, beside, np.eye(4)) is None
    speck = np.zeros_like(mask)
    speck[44, 40, 38:42] = True
    assert seen_gap_mm(mask, position, speck, np.eye(4)) is None


def ventricles() -> np.ndarray:
    atlas = load_atlas()
    return np.isin(atlas.labels, [r.label for r in atlas.regions if r.name == "Lateral Ventricle"])


def beside(laid: np.ndarray) -> np.ndarray:
    """An abnormality that touches the position on one side."""
    affine = load_atlas().affine
    ras = np.indices(laid.shape).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    near = (np.linalg.norm(ras - (-34, -20, 22), axis=1) < 14).reshape(laid.shape)
    mask = near & ~laid
    assert gap_mm(mask, laid, affine) == 0
    return mask


def way_of(fluid: np.ndarray, mask: np.ndarray, levels: Levels | None = AS_IT_IS) -> AtlasDistance:
    atlas = load_atlas()
    image = np.where(fluid, 0.0, 1.0).astype(np.float32)
    case = Case("case-1", image, atlas.affine, np.ones(image.shape, bool))
    sizes = np.bincount(atlas.labels.ravel())
    placed = Placed(case, Transform(np.eye(4)), atlas, atlas.labels, sizes, 3.0, levels)
    return next(w for w in placed.surroundings(mask).distances if w.position == "lateral ventricles")


def test_a_pushed_ventricle_is_as_far_as_its_fluid_and_not_said_to_be_touched() -> None:
    laid = ventricles()
    mask, affine = beside(laid), load_atlas().affine
    away = ndimage.distance_transform_edt(~mask, sampling=tuple(np.linalg.norm(affine[:3, :3], axis=0)))
    pushed = laid & (away > 3)
    way = way_of(pushed, mask)
    assert way.to_fluid
    assert way.distance_mm == pytest.approx(gap_mm(mask, pushed, affine))
    assert 0 < way.distance_mm <= ERROR_MM
    assert way.contact != "touches"
    assert way.low_mm <= way.distance_mm <= way.high_mm


def test_where_no_fluid_is_seen_or_only_far_from_the_position_the_atlas_position_stands() -> None:
    laid = ventricles()
    mask, affine = beside(laid), load_atlas().affine
    away = ndimage.distance_transform_edt(~mask, sampling=tuple(np.linalg.norm(affine[:3, :3], axis=0)))
    for fluid, levels in (
        (np.zeros_like(laid), AS_IT_IS),
        (laid & (away > ERROR_MM + 4), AS_IT_IS),
        (laid & (away > 3), None),
    ):
        way = way_of(fluid, mask, levels)
        assert (way.distance_mm, way.to_fluid) == (0.0, False)


def test_contact_is_told_only_where_fluid_and_atlas_position_say_the_same() -> None:
    laid = ventricles()
    affine = load_atlas().affine
    edges = tuple(np.linalg.norm(affine[:3, :3], axis=0))
    ras = np.indices(laid.shape).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    deep = (np.linalg.norm(ras - (-14, -20, 16), axis=1) < 12).reshape(laid.shape)
    away = ndimage.distance_transform_edt(~deep, sampling=edges)
    assert way_of(laid, deep).contact == "touches"
    pushed = way_of(laid & (away > 3.6), deep)
    assert pushed.to_fluid
    assert pushed.contact == "not told"
