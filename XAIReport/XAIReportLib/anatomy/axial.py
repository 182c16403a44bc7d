"""The two axial diameters of a mask: the longest one in any axial section, and the longest perpendicular to it there.

A section's outline is followed below the size of a voxel: it is cut from the smoothest surface that parts the voxels of the
mask from those around it (a support vector machine with a wide kernel tells them apart, in a frame where the mask is as wide
as it is long). A rounded body's border is such a surface, on any grid and wherever it lies between the voxels. The outline lies
between the centres of the outermost voxels and those of the next ones. Flat ends of whole voxels, and corners, are where the
voxels put them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform
from sklearn.svm import SVC

# Sections whose longest diameters differ by less than this are equally long; so many of the longest ones are measured.
SAME_LENGTH, MOST_SECTIONS = 0.99, 9
# The surface: how fast a voxel's say falls with the squared distance, in semi-axes; what a voxel on its wrong side costs; and
# how far to either side of a section it is fitted, in layers of voxels. A section so wide that more than MOST_VOXELS would have a
# say is fitted by its own layer alone: the next ones are almost the same.
NEARNESS, COST, LAYERS, MOST_VOXELS = 0.2, 1e3, 1.5, 1200
STEPS = 8  # in which the way from a voxel inside to its neighbour outside is searched
AROUND = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]


def axial_diameters(points: np.ndarray, index: np.ndarray, affine: np.ndarray) -> tuple[tuple[float, float], float]:
    """Longest diameter in any axial section and the longest one perpendicular to it there, mm, and the section's RAS z.

    Args:
        points: RAS mm (n, 3) of the mask's border, on the faces of its flat ends. index: of all its voxels, (m, 3).
    """
    # The axis of the grid that goes through axial sections comes last.
    order = np.roll(np.arange(3), 2 - int(np.abs(affine[2, :3]).argmax()))
    affine, index = affine[:, [*order, 3]], index[:, order]
    linear = affine[:3, :3]
    low = index.min(axis=0) - 1
    mask = np.zeros(np.ptp(index, axis=0) + 3, bool)
    mask[tuple((index - low).T)] = True
    ras = np.moveaxis(np.indices(mask.shape), 0, -1) @ linear.T + linear @ low + affine[:3, 3]
    sections = []
    for z, inside, xy in _sections(mask, ras, linear[2]):
        flat = points[np.abs(points[:, 2] - z) <= abs(linear[2, 2]) / 2 + 1e-6, :2]
        hull = hull_of(np.vstack([xy[inside], flat]))
        sections.append((float(pdist(hull).max()) if len(hull) > 1 else 0.0, z, hull, inside, xy))
    sections.sort(key=lambda section: -section[0])
    # Any that is shorter by more than a voxel between voxel centres is so in truth.
    width = float(np.sqrt((linear[:2, :2] ** 2).sum(axis=0)).max())
    surface = _Surface(mask, ras, linear)
    found: list[tuple[float, float, float]] = []  # longest, across, level
    for length, z, hull, inside, xy in sections[:MOST_SECTIONS]:
        if length >= sections[0][0] - width:
            border = surface.cut(z, inside, xy, hull, 2 * width)
            outline = hull_of(np.vstack([hull, _before_faces(border, points, index, affine)[:, :2]]))
            lengths = squareform(pdist(outline))
            a, b = np.unravel_index(int(lengths.argmax()), lengths.shape)
            longest = float(lengths[a, b])
            found.append((longest, min(_longest_across(outline, outline[b] - outline[a]), longest), z))
    # Among sections that are equally long within the precision, the widest one.
    longest = max(length for length, _, _ in found)
    length, across, level = max((one for one in found if one[0] >= SAME_LENGTH * longest), key=lambda one: one[1])
    return (length, across), level


def hull_of(points: np.ndarray) -> np.ndarray:
    """Corners of the convex hull; all points where they have none."""
    if len(points) <= points.shape[1]:
        return points
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # all in one plane or line
        return points


def _sections(mask: np.ndarray, ras: np.ndarray, rise: np.ndarray) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Level of every section, which of its voxels lie inside, (i, j), and where they lie, (i, j, 2) mm.

    A section holds the one voxel of each column that is nearest to it.

    Args:
        rise: RAS z of one step along each axis of the grid, (3,).
    """
    heights = ras[mask][:, 2]
    tilted = np.abs(rise[:2]).max() > 1e-3 * abs(rise[2])
    step = abs(rise[2]) / (2 if tilted else 1)
    for z in np.arange(heights.min(), heights.max() + step / 2, step):
        nearest = np.clip(np.rint((z - ras[:, :, 0, 2]) / rise[2]).astype(int), 0, mask.shape[2] - 1)[..., None]
        inside = np.take_along_axis(mask, nearest, axis=2)[..., 0]
        if inside.any():
            yield float(z), inside, np.take_along_axis(ras[..., :2], nearest[..., None], axis=2)[:, :, 0]


def _before_faces(border: np.ndarray, points: np.ndarray, index: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Border points (n, 3) of a section, RAS mm, none of them beyond a flat end of the mask, which ``points`` lie on."""
    back = np.linalg.inv(affine[:3, :3]).T
    faces, low, high = (points - affine[:3, 3]) @ back, index.min(axis=0), index.max(axis=0)
    least = np.where(low - faces.min(axis=0) > 0.25, low - 0.5, -np.inf)
    most = np.where(faces.max(axis=0) - high > 0.25, high + 0.5, np.inf)
    return np.clip((border - affine[:3, 3]) @ back, least, most) @ affine[:3, :3].T + affine[:3, 3]


class _Surface:
    """The smoothest surface between the voxels of a mask, (i, j, k), and those next to them; ras: (i, j, k, 3) mm."""

    def __init__(self, mask: np.ndarray, ras: np.ndarray, linear: np.ndarray) -> None:
        inner, outer = mask & ~ndimage.binary_erosion(mask), ~mask & ndimage.binary_dilation(mask, np.ones((3, 3, 3)))
        self._points, self._inner = (
            np.vstack([ras[inner], ras[outer]]),
            np.repeat([True, False], [inner.sum(), outer.sum()]),
        )
        self._layer = abs(linear[2, 2])
        # The semi-axes of the solid ellipsoid with the mask's second moments are the units of length.
        own = ras[mask]
        self._middle = own.mean(axis=0)
        spread = (own - self._middle).T @ (own - self._middle) / len(own) + linear @ linear.T / 12
        self._frame = np.linalg.inv(np.linalg.cholesky(5 * spread)).T

    def cut(self, z: float, inside: np.ndarray, xy: np.ndarray, hull: np.ndarray, rim_mm: float) -> np.ndarray:
        """Where the ways from voxels inside a section to their neighbours outside pass the surface, (n, 3) mm.

        Only voxels as near to the section's hull as ``rim_mm`` have a say.
        """
        away = np.abs(self._points[:, 2] - z)
        near = away <= LAYERS * self._layer + 1e-6
        near[near] = _depth(self._points[near, :2], hull) < rim_mm
        if near.sum() > MOST_VOXELS:
            near &= away <= self._layer / 2 + 1e-6
        machine = SVC(C=COST, gamma=NEARNESS).fit(self._framed(self._points[near]), self._inner[near])
        rim = np.argwhere(inside & ~ndimage.binary_erosion(inside))
        rim = rim[_depth(xy[tuple(rim.T)], hull) < rim_mm]
        pairs = np.array([(at, at + step) for step in AROUND for at in rim if not inside[tuple(at + step)]])
        start, end = xy[tuple(pairs[:, 0].T)], xy[tuple(pairs[:, 1].T)]
        share = np.linspace(0, 1, STEPS + 1)[:, None]
        way = start[:, None] + (end - start)[:, None] * share
        way = np.concatenate([way, np.full((*way.shape[:2], 1), z)], axis=-1)
        value = machine.decision_function(self._framed(way.reshape(-1, 3))).reshape(way.shape[:2])
        # Where the surface leaves one of the two on its wrong side, the border is that voxel's centre.
        value[:, 0], value[:, -1] = np.maximum(value[:, 0], 1e-9), np.minimum(value[:, -1], -1e-9)
        each, last = np.arange(len(value)), (value <= 0).argmax(axis=1) - 1
        before, after = value[each, last], value[each, last + 1]
        passed = (last + before / (before - after)) / STEPS
        return np.c_[start + (end - start) * passed[:, None], np.full(len(start), z)]

    def _framed(self, points: np.ndarray) -> np.ndarray:
        return (points - self._middle) @ self._frame


def _depth(points: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """How deep points (n, 2) lie inside a convex hull, mm; 0 where it has no inside."""
    try:
        sides = ConvexHull(hull).equations
    except QhullError:
        return np.zeros(len(points))
    return -(points @ sides[:, :2].T + sides[:, 2]).max(axis=1)


def _longest_across(polygon: np.ndarray, along: np.ndarray) -> float:
    """Longest chord of a convex polygon (n, 2) perpendicular to ``along``; it passes through a corner."""
    unit = along / np.linalg.norm(along)
    place, height = polygon @ unit, polygon @ np.array([-unit[1], unit[0]])
    start, end = np.arange(len(polygon)), np.roll(np.arange(len(polygon)), -1)
    longest = 0.0
    for at in place:
        low, high = np.minimum(place[start], place[end]), np.maximum(place[start], place[end])
        crossed = (low - 1e-9 <= at) & (at <= high + 1e-9)
        run = place[end] - place[start]
        share = np.divide(at - place[start], run, out=np.zeros_like(run), where=np.abs(run) > 1e-9)
        cuts = (height[start] + share * (height[end] - height[start]))[crossed]
        longest = max(longest, float(np.ptp(cuts)) if len(cuts) else 0.0)
    return longest
