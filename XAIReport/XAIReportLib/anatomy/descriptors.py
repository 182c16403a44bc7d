"""How large a segmented abnormality is, what shape it has, and how far it lies from what a reader asks about.

Convention of lengths: calipers between voxel centres, as a reader places them, on the hull of the mask. A body with a curved
border is measured right so: its outermost voxel centres lie on the border, and where few of them decide (along the axes of the
grid), the border's end is extrapolated from the last rows. Where the mask ends in a flat face of whole voxels, the calipers
reach to that face, half a voxel further. The diameters in axial sections follow rounded outlines below the size of a voxel
(axial.py). Neither is stated longer than the way between the outermost corners of the voxels. Everything is in patient
millimetres and holds for oblique, flipped and sheared grids.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from XAIReportLib.anatomy.axial import axial_diameters, hull_of
from XAIReportLib.anatomy.spread import FLAT_END, beyond, spread
from XAIReportLib.results import AtlasDistance, AtlasRegion, Descriptors

# Blur before the surface's area is taken, as a share of the longest voxel edge: a surface of steps would overstate it.
SURFACE_BLUR = 0.6
# The smaller side's share from which a mask is said to cross the midline.
CROSSING_PERCENT = 1.0
# Atlas positions that a reader asks about: name, side or None for both, regions of the atlas.
POSITIONS = (
    ("lateral ventricles", None, ("Lateral Ventricle",)),
    ("motor cortex", None, ("Precentral Gyrus",)),
    (
        "language cortex (left hemisphere)",
        "left",
        (
            "Inferior Frontal Gyrus pars triangularis",
            "Inferior Frontal Gyrus pars opercularis",
            "Superior Temporal Gyrus posterior division",
        ),
    ),
    ("visual cortex", None, ("Intracalcarine Cortex", "Supracalcarine Cortex", "Occipital Pole")),
)
SURFACE = "brain surface"
CORNERS = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3), axis=-1).reshape(-1, 3)  # of a voxel, from its centre
NEIGHBOURS, NEIGHBOUR_REACHES_MM = 3, (8.0, 30.0)  # looked for near the mask first: they mostly lie there


def describe(mask: np.ndarray, affine: np.ndarray, left_percent: float | None = None) -> Descriptors | None:
    """Size and shape of one mask; None when it is empty.

    Args:
        mask: bool, axes (i, j, k). affine: 4x4, voxel index to RAS millimetres.
        left_percent: share of the mask left of the patient's midline, None when unknown.
    """
    index = np.argwhere(mask)
    if len(index) == 0:
        return None
    linear = affine[:3, :3]
    volume = len(index) * abs(np.linalg.det(linear))
    on_faces = _on_faces(index, mask)
    hull = hull_of(_in_mm(np.vstack([on_faces, *_rounded_ends(index)]), affine))
    most = _between_corners_mm(mask, linear)
    diameters, level = axial_diameters(_in_mm(on_faces, affine), index, affine)
    longest, across = (min(diameter, most) for diameter in diameters)
    variances, axes = np.linalg.eigh(spread(index, linear))
    direction = axes[:, -1] * np.sign(axes[np.argmax(np.abs(axes[:, -1])), -1])
    area = _surface(mask, index, linear)
    sphericity = np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area if area else 1.0
    smaller = None if left_percent is None else min(left_percent, 100 - left_percent)
    return Descriptors(
        equivalent_diameter_mm=float((6 * volume / np.pi) ** (1 / 3)),
        # An axial diameter is an extent, too, and followed further than the hull.
        feret_mm=max(min(float(pdist(hull).max()), most) if len(hull) > 1 else 0.0, longest),
        axial_diameters_mm=(longest, across),
        axial_level_mm=level,
        # The longest axis of the solid ellipsoid with the mask's second moments.
        long_axis_mm=float(2 * np.sqrt(5 * variances[-1])),
        long_axis_ras=tuple(float(v) for v in direction),
        sphericity=float(min(sphericity, 1.0)),
        crosses_midline=None if smaller is None else bool(smaller >= CROSSING_PERCENT),
    )


def positions(regions: Iterable[AtlasRegion]) -> dict[str, list[int]]:
    """Labels of the atlas by POSITIONS."""
    regions = tuple(regions)
    return {
        name: [r.label for r in regions if r.name in names and side in (None, r.side)]
        for name, side, names in POSITIONS
    }


def distances(
    mask: np.ndarray, labels: np.ndarray, regions: Iterable[AtlasRegion], affine: np.ndarray
) -> tuple[AtlasDistance, ...]:
    """Shortest way from the mask to each of POSITIONS; 0 where they overlap or touch. A position that is not in the field of
    view is left out.

    Args:
        labels: the atlas on the mask's grid.
    """
    named = positions(regions)
    # Which positions a label belongs to, a bit for each: one look at every voxel of the grid.
    bits = np.zeros(int(labels.max()) + 1, np.uint8)
    for bit, wanted in enumerate(named.values()):
        bits[[label for label in wanted if label < len(bits)]] |= 1 << bit
    of = bits[labels]
    ways = {name: gap_mm(mask, (of & (1 << bit)) > 0, affine) for bit, name in enumerate(named)}
    return tuple(AtlasDistance(name, way) for name, way in ways.items() if way is not None)


def neighbours(
    mask: np.ndarray, labels: np.ndarray, regions: Iterable[AtlasRegion], affine: np.ndarray
) -> tuple[AtlasDistance, ...]:
    """The NEIGHBOURS nearest regions of the atlas that the mask does not reach into, nearest first."""
    if not mask.any():
        return ()
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    across = _across_mm(affine[:3, :3])
    filled = ndimage.find_objects(mask.view(np.uint8))[0]
    names = {r.label: f"{r.side} {r.name}" if r.side else r.name for r in regions}
    found: list[AtlasDistance] = []
    for reach in NEIGHBOUR_REACHES_MM:
        margin = np.ceil(reach / edges).astype(int)
        box = tuple(slice(max(s.start - m, 0), s.stop + m) for s, m in zip(filled, margin, strict=True))
        here, part = mask[box], labels[box]
        present, reached = (np.flatnonzero(np.bincount(values)) for values in (part.ravel(), part[here]))
        others = np.setdiff1d(present, reached)
        others = others[others > 0]
        if len(others) == 0:
            continue
        ways = ndimage.minimum(ndimage.distance_transform_edt(~here, sampling=tuple(edges)), part, others)
        order = np.argsort(ways, kind="stable")
        found = []
        for label, way in zip(others[order], ways[order], strict=True):
            if len(found) == NEIGHBOURS and way - across > found[-1].distance_mm:
                break  # a gap is shorter than the way between centres by a voxel's extent at most
            found.append(AtlasDistance(names[int(label)], gap_mm(here, part == label, affine)))
            found = sorted(found, key=lambda one: one.distance_mm)[:NEIGHBOURS]
        if len(found) == NEIGHBOURS and found[-1].distance_mm <= reach:
            break  # what lies outside the box is farther than its margin
    return tuple(found)


def gap_mm(mask: np.ndarray, target: np.ndarray, affine: np.ndarray) -> float | None:
    """Shortest way from one mask to another; 0 where they overlap or touch, None where one is empty."""
    if not mask.any() or not target.any():
        return None
    if (mask & target).any():
        return 0.0
    linear = affine[:3, :3]
    ours, theirs = _border(mask), _border(target)
    tree = cKDTree(theirs @ linear.T)
    ways, nearest = tree.query(ours @ linear.T)
    gap = _least_gap(theirs[nearest] - ours, linear)
    if gap == 0:
        return 0.0
    # Voxels have an extent: pairs whose centres lie farther apart, by less than that, may have the smaller gap.
    reach = gap + _across_mm(linear) + 1e-6
    ours = ours[ways <= reach]
    pairs = cKDTree(ours @ linear.T).sparse_distance_matrix(tree, reach, output_type="coo_matrix")
    return min(gap, _least_gap(theirs[pairs.col] - ours[pairs.row], linear))


def _least_gap(steps: np.ndarray, linear: np.ndarray) -> float:
    """Smallest gap in mm of pairs of voxels that are ``steps`` (n, 3) apart: what they fill of the way between their centres
    is none."""
    shares = 1 - 1 / np.abs(steps).max(axis=1)
    return float((np.linalg.norm(steps @ linear.T, axis=1) * shares).min())


def _across_mm(linear: np.ndarray) -> float:
    """Longest diagonal of a voxel."""
    return float(pdist(CORNERS @ linear.T).max())


def border_mm(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """RAS points (n, 3) of a mask's outermost voxels."""
    return _in_mm(_border(mask), affine)


def _border(mask: np.ndarray) -> np.ndarray:
    """Indices of the voxels that have a neighbour outside."""
    box = ndimage.find_objects(mask.view(np.uint8))[0]
    part = mask[box]
    return np.argwhere(part & ~ndimage.binary_erosion(part)) + [s.start for s in box]


def _in_mm(index: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return index @ affine[:3, :3].T + affine[:3, 3]


def _on_faces(index: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Indices of the border's voxels, moved half a voxel out onto flat ends."""
    points = (_border(mask) if len(index) > 8 else index).astype(float)
    moved = points.copy()
    for axis in range(3):
        layers = np.bincount(index[:, axis])
        filled = np.flatnonzero(layers)
        if filled[0] == filled[-1]:  # one layer: its points stand for both of its faces
            points, moved, other = np.vstack([points, points]), np.vstack([moved, moved]), len(moved)
            moved[:other, axis] -= 0.5
            moved[other:, axis] += 0.5
            continue
        for end, step in ((filled[0], -1), (filled[-1], 1)):
            if layers[end] >= FLAT_END * layers[end - step]:
                moved[points[:, axis] == end, axis] += step / 2
    return moved


def _rounded_ends(index: np.ndarray) -> Iterable[np.ndarray]:
    """Where a rounded body ends beyond its outermost voxel centres, along each axis of the grid.

    The areas of an ellipsoid's sections are a parabola along any axis, which falls to nothing at its end; the centres of
    the sections lie on a line.
    """
    for axis in range(3):
        for sign in (-1, 1):
            layers = index[:, axis] * sign
            ends = layers.max() - np.arange(3)
            areas = np.array([(layers == end).sum() for end in ends], float)
            if not 0 < areas[0] < FLAT_END * areas[1]:
                continue
            first, second = (index[layers == end].mean(axis=0) for end in ends[:2])
            yield (first + (first - second) * beyond(*areas))[None]


def _between_corners_mm(mask: np.ndarray, linear: np.ndarray) -> float:
    """Longest way from one corner of a voxel of the mask to another."""
    outermost = hull_of(_border(mask))
    corners = (outermost[:, None] + CORNERS).reshape(-1, 3)
    return float(pdist(hull_of(corners) @ linear.T).max())


def _surface(mask: np.ndarray, index: np.ndarray, linear: np.ndarray) -> float:
    """Area of the border in mm²; 0 when the mask is too small to have one."""
    from skimage.measure import marching_cubes, mesh_surface_area

    low, high = index.min(axis=0), index.max(axis=0) + 1
    part = mask[tuple(map(slice, low, high))]
    edges = np.sqrt((linear**2).sum(axis=0))
    sigma = SURFACE_BLUR * edges.max() / edges
    part = np.pad(part, [(int(np.ceil(3 * v)) + 1,) * 2 for v in sigma]).astype(np.float32)
    smooth = ndimage.gaussian_filter(part, sigma)
    # The level that keeps the mask's volume: blurring alone would shrink what is small.
    count = len(index)
    level = float(np.partition(smooth.ravel(), -count)[-count])
    if not 0 < level < float(smooth.max()):
        return 0.0
    corners, faces, _, _ = marching_cubes(smooth, level)
    return float(mesh_surface_area(corners @ linear.T, faces))
