"""How far regions and distances may be off: the same figures under registrations that are moved by what they may err.

Labels under a mass are extrapolated from around it, so the interval widens with the lesion's volume and with the midline shift;
and with the part of the brain that was not imaged, which cannot hold the registration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.atlas import Atlas, load_atlas, load_template
from XAIReportLib.anatomy.descriptors import SURFACE, positions
from XAIReportLib.anatomy.transform import index_of, pull

# Millimetres: what the registration errs by without a lesion, by the cube root of a lesion's volume in ml, by shift in mm.
BASE_MM, BY_SIZE_MM, BY_SHIFT, GREATEST_MM = 2.5, 1.0, 0.5, 12.0
# By the share of the brain that was not imaged, beyond what a field of view often leaves out: how far the rest of a brain is placed
# from where the whole one is stands in docs/results.md ("Brains of which a part was cut away").
BY_MISSING_MM, OFTEN_MISSING = 10.0, 0.05
# Tissue that a mass pushed away comes from a smaller place than it now takes.
SCALES = (0.7, 0.85, 1.15)
_CORNERS = np.array([d for d in product((-1, 0, 1), repeat=3) if sum(map(abs, d)) in (1, 3)], float)
DIRECTIONS = _CORNERS / np.linalg.norm(_CORNERS, axis=1, keepdims=True)  # 6 along the axes, 8 between them
MOST_POINTS = 20000  # of a mask that are placed, for shares
# What is claimed of a mask must hold under the registrations that are expected, not under the worst ones: how far these are
# moved (chosen on heads with a known answer that no figure is taken from), by millimetres and by the cube root of ml.
EXPECTED_MM, EXPECTED_BY_SIZE_MM = 1.5, 0.3
EXPECTED_SCALES = (1.0, 0.85, 0.7)
SELDOM, MOSTLY = 0.05, 0.80  # shares of them below which something is set aside, and from which it is said
CONTACT_MM = 1.0  # half a voxel of the distance maps
CLAIM_POINTS = 4000
LEAST_SHARE = 0.05  # of a mask; where no region has it, none is called the largest


def reach_mm(volume_ml: float, midline_shift_mm: float | None, coverage: float = 1.0) -> float:
    """How far the registration is moved for a lesion of this volume, where this share of the brain was imaged."""
    wide = BASE_MM + BY_SIZE_MM * np.cbrt(volume_ml) + BY_SHIFT * abs(midline_shift_mm or 0.0)
    wide += BY_MISSING_MM * max(1.0 - OFTEN_MISSING - coverage, 0.0)
    return float(min(wide, GREATEST_MM))


def moved(points: np.ndarray, reach: float) -> Iterator[np.ndarray]:
    """Points of MNI152 (n, 3) as they are, moved by ``reach`` in all directions, and drawn together or apart."""
    yield points
    for direction in DIRECTIONS:
        yield points + reach * direction
    centre = points.mean(axis=0)
    for scale in SCALES:
        yield centre + scale * (points - centre)


def expected(points: np.ndarray, volume_ml: float) -> Iterator[np.ndarray]:
    """Points of MNI152 (n, 3) under the registrations that are expected for a lesion of this volume; as they are first."""
    reach, centre = EXPECTED_MM + EXPECTED_BY_SIZE_MM * np.cbrt(volume_ml), points.mean(axis=0)
    for scale in EXPECTED_SCALES:
        drawn = centre + scale * (points - centre)
        yield drawn
        for share, direction in product((0.5, 1.0), DIRECTIONS):
            yield drawn + share * reach * direction


def may_be_largest(points: np.ndarray, volume_ml: float, atlas: Atlas) -> tuple[int, ...]:
    """Labels of the regions whose share of a mask is the largest under more than SELDOM of the expected registrations, the
    most frequent first; a single one where the largest can be told, none where hardly any of the mask lies on a region.

    Args:
        points: the mask's voxels in MNI152, (n, 3) mm.
    """
    points = points[:: max(1, len(points) // CLAIM_POINTS)].astype(np.float32)
    counts, largest_as_placed = np.zeros(len(atlas.regions) + 1, int), 0
    for n, placed in enumerate(expected(points, volume_ml)):
        shares = np.bincount(pull(atlas.labels, atlas.affine, placed.T), minlength=len(counts))
        shares[0] = LEAST_SHARE * len(points)
        counts[int(shares.argmax())] += 1
        largest_as_placed = int(shares.argmax()) if n == 0 else largest_as_placed
    if counts[0] > counts.sum() / 2:
        return ()
    counts[largest_as_placed] = max(counts[largest_as_placed], 1)
    often = np.flatnonzero((counts > SELDOM * counts.sum()) | (np.arange(len(counts)) == largest_as_placed))
    return tuple(int(n) for n in often[np.argsort(-counts[often], kind="stable")] if n)


def share_intervals(points: np.ndarray, reach: float, atlas: Atlas) -> dict[int, tuple[float, float]]:
    """Lowest and highest percent of a mask on each label (0: none), from its voxels' places in MNI152 (n, 3)."""
    shares = np.stack(
        [
            np.bincount(pull(atlas.labels, atlas.affine, p.T), minlength=len(atlas.regions) + 1)
            for p in moved(points.astype(np.float32), reach)
        ]
    )
    shares = 100 * shares / len(points)
    return {int(n): (float(shares[:, n].min()), float(shares[:, n].max())) for n in np.flatnonzero(shares.any(axis=0))}


def contacts(border: np.ndarray, ways: Mapping[str, float], volume_ml: float) -> dict[str, str]:
    """By position, whether a mask touches it under the expected registrations: "touches", "apart" or "not told".

    Args: as of ``touching``.
    """
    verdicts = {}
    for name, share in touching(border, ways, volume_ml).items():
        verdicts[name] = "touches" if ways[name] == 0 and share >= MOSTLY else "not told"
        if ways[name] > 0 and share <= SELDOM:
            verdicts[name] = "apart"
    return verdicts


def touching(border: np.ndarray, ways: Mapping[str, float], volume_ml: float) -> dict[str, float]:
    """By position, the share (0 to 1) of the expected registrations under which a mask touches it.

    Args:
        border: of the mask in MNI152, (n, 3) mm. ways: the distances that are stated, mm.
    """
    border = border[:: max(1, len(border) // CLAIM_POINTS)].astype(np.float32)
    placed = list(expected(border, volume_ml))
    shares = {}
    for name, way in ways.items():
        distance, affine = _distance_maps()[name]
        gaps = np.array(
            [ndimage.map_coordinates(distance, index_of(p.T, affine), order=1, mode="nearest").min() for p in placed]
        )
        shares[name] = float((way + gaps - gaps[0] <= CONTACT_MM).mean())
    return shares


def distance_intervals(border: np.ndarray, reach: float) -> dict[str, tuple[float, float]]:
    """By position, how much nearer and farther it may be than it seems (mm, at most 0 and at least 0), from the places of
    a mask's border in MNI152 (n, 3)."""
    ways: dict[str, list[float]] = {name: [] for name in _distance_maps()}
    for points in moved(border, reach):
        for name, (distance, affine) in _distance_maps().items():
            index = index_of(points.T, affine)
            ways[name].append(float(ndimage.map_coordinates(distance, index, order=1, mode="nearest").min()))
    return {name: (min(w) - w[0], max(w) - w[0]) for name, w in ways.items()}


@lru_cache(maxsize=1)
def _distance_maps() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Distance in mm to every position that distances are given to, on every second voxel of MNI152, and affine."""
    atlas, template = load_atlas(), load_template()
    inside = ndimage.binary_fill_holes(template.image > 0)
    masks = {name: (np.isin(atlas.labels, wanted), atlas.affine) for name, wanted in positions(atlas.regions).items()}
    masks[SURFACE] = (~inside, template.affine)
    found = {}
    for name, (mask, affine) in masks.items():
        coarse = affine.copy()
        coarse[:3, :3] *= 2
        edges = tuple(np.sqrt((coarse[:3, :3] ** 2).sum(axis=0)))
        away = ndimage.distance_transform_edt(~mask[::2, ::2, ::2], sampling=edges)
        found[name] = away.astype(np.float32), coarse
    return found
