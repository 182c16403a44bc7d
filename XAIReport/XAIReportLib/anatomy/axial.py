"""The two axial diameters of a mask: the longest one in any axial section, and the longest perpendicular to it there.

A section's outline is where its ends lie in many directions, found below the size of a voxel: the area that a rounded outline
cuts off beyond a line grows with the power 3/2 of the line's distance from its end, so that the area's power 2/3 is followed to
where it is nothing. That holds for every rounded end, whatever the grid. Flat ends of whole voxels and corners are where the
voxels put them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.signal import savgol_filter
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError
from scipy.spatial.distance import pdist, squareform

# A last layer of at least this share of the layer before it is a flat end: that of a rounded body has at most half.
FLAT_END = 0.8
# Sections whose longest diameters differ by less than this are equally long; those that may be the longest at all.
SAME_LENGTH, MAY_BE_LONGEST = 0.99, 0.96
DIRECTIONS, NEXT_ONES, MOST_ROWS, LEAST_ROWS = 120, 5, 12, 4
# The area beyond a line grows with this power of its distance from an end that is flat, and from one that is rounded.
FLAT_POWER, ROUND_POWER, LEAST_TOLD = 1.15, 1.35, 6
_ANGLES = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
_WAYS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])


def axial_diameters(points: np.ndarray, index: np.ndarray, affine: np.ndarray) -> tuple[tuple[float, float], float]:
    """Longest diameter in any axial section and the longest one perpendicular to it there, mm, and the section's RAS z.

    Args:
        points: RAS mm (n, 3) of the mask's border, on the faces of its flat ends. index: of all its voxels, (m, 3).

    A section holds a slab as thick as the voxels are high, so that it is whole on oblique grids, and as thick as they are
    wide, so that it is no less sure where they lie on their side.
    """
    linear = affine[:3, :3]
    # Voxels lie side by side in a section along the two axes that are not the one through it.
    edges = np.delete(linear[:2], int(np.abs(linear[2]).argmax()), axis=1)
    thickness = float(max(np.abs(linear[2]).max(), np.sqrt((edges**2).sum(axis=0)).max()))
    sections = [(float(pdist(hull).max()), z, hull, xy) for z, hull, xy in _sections(points, index, affine, thickness)]
    if not sections:
        return (0.0, 0.0), float((index @ linear[2]).mean() + affine[2, 3])
    least = MAY_BE_LONGEST * max(length for length, _, _, _ in sections)
    found: list[tuple[float, float, float]] = []  # longest, across, level
    for length, z, hull, xy in sections:
        if length >= least:
            outline = _outline(hull, xy, edges)
            lengths = squareform(pdist(outline))
            a, b = np.unravel_index(int(lengths.argmax()), lengths.shape)
            longest = float(lengths[a, b])
            across = _longest_across(outline, outline[b] - outline[a]) if longest > 0 else 0.0
            found.append((longest, min(across, longest), z))
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


def _sections(
    points: np.ndarray, index: np.ndarray, affine: np.ndarray, thickness: float
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Level, hull of the border's points and places of the voxels, (n, 2), of every section."""
    linear = affine[:3, :3]
    heights, places = index @ linear[2] + affine[2, 3], index @ linear[:2].T + affine[:2, 3]
    for z in np.arange(heights.min(), heights.max() + thickness / 2, thickness / 2):
        section = points[np.abs(points[:, 2] - z) <= thickness / 2 + 1e-6, :2]
        here = np.abs(heights - z) < thickness / 2 - 1e-6
        if len(section) >= 3 and here.any():
            yield float(z), hull_of(section), places[here]


def _outline(hull: np.ndarray, places: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Corners of the convex outline of a section, at least its hull."""
    reach = np.maximum(_ends(places, edges), (hull @ _WAYS).max(axis=0))
    try:
        return hull_of(HalfspaceIntersection(np.c_[_WAYS.T, -reach], hull.mean(axis=0)).intersections)
    except QhullError:  # too thin to have an inside
        return hull


def _ends(places: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How far a section reaches in every direction, (DIRECTIONS,) mm: rounded ends lie beyond the outermost voxels.

    Depths are counted in rows of voxels across the direction, from the outermost one.
    """
    along = places @ _WAYS
    rows = np.abs(edges.T @ _WAYS).sum(axis=0)  # how wide a voxel is in each direction
    last = along.max(axis=0)
    half = ((last - along.min(axis=0)) / rows + 1) / 2
    lines = np.arange(MOST_ROWS) + 0.5
    beyond = _beyond(((last - along) / rows), lines)
    used = lines < np.clip(np.ceil(half), 2, MOST_ROWS)[:, None]
    power, ends = beyond ** (2 / 3), np.full(len(rows), 1 / 3)
    for _ in range(2):
        # Where the area's power falls to nothing; an ellipse's is depth (1 - depth / 10 half).
        depth = np.maximum(ends[:, None] + lines, 1e-3)
        weight = used / depth
        value = power / (1 - np.minimum(depth / (10 * half[:, None]), 0.5))
        x, y = ((weight * v).sum(axis=1) / weight.sum(axis=1) for v in (np.broadcast_to(lines, value.shape), value))
        off = lines - x[:, None]
        slope = (weight * off * value).sum(axis=1) / (weight * off**2).sum(axis=1)
        ends = np.clip(np.where(slope > 0, y / np.maximum(slope, 1e-9) - x, ends), 0, 1)
    rounded = (half >= LEAST_ROWS / 2) & (beyond[:, 0] < FLAT_END * (beyond[:, 1] - beyond[:, 0]))
    roundness = np.where(rounded, _roundness(beyond, ends, used.sum(axis=1)), 0)
    reach = last + roundness * ends * rows
    # A rounded outline reaches about as far in one direction as in the next ones.
    all_around = ndimage.minimum_filter1d(roundness, NEXT_ONES, mode="wrap") > 0
    return np.where(all_around, savgol_filter(reach, NEXT_ONES, 2, mode="wrap"), reach)


def _beyond(depth: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """How many voxels lie beyond each of the lines, (directions, lines); depth: of voxels in rows, (n, directions)."""
    parts = 8  # of a row, as which a voxel's place is counted
    most = parts * (MOST_ROWS + 1)
    bins = np.minimum(np.rint(depth * parts).astype(int), most) + (most + 1) * np.arange(depth.shape[1])
    counts = np.bincount(bins.ravel(), minlength=(most + 1) * depth.shape[1]).reshape(-1, most + 1)
    return counts @ np.clip(lines - np.arange(most + 1)[:, None] / parts + 0.5, 0, 1)


def _roundness(beyond: np.ndarray, ends: np.ndarray, count: np.ndarray) -> np.ndarray:
    """0 where the area grows as at a flat end that lies across the grid, 1 where it grows as at a rounded one."""
    far = count - 1
    near = np.minimum(count // 2, far - 1)
    every = np.arange(len(count))
    growth = np.log(beyond[every, far] / beyond[every, near]) / np.log((ends + far + 0.5) / (ends + near + 0.5))
    return np.where(count < LEAST_TOLD, 1.0, np.clip((growth - FLAT_POWER) / (ROUND_POWER - FLAT_POWER), 0, 1))


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
