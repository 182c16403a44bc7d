"""How a body spreads about its middle, from voxels: its second moments, with what lies between and beyond thick sections.

The voxels' centres alone give the moments of a body whose ends happen to fall on them. Between the sections along the longest
edge of the voxels the body's area is interpolated, and rounded ends are followed to where the area is nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

FINE = 40  # steps from one section to the next
# A last layer of at least this share of the layer before it is a flat end: that of a rounded body has at most half.
FLAT_END = 0.8


def spread(index: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Covariance in mm² of a body, (3, 3).

    Args:
        index: of its voxels, (n, 3). linear: 3x3, voxel index to millimetres.
    """
    places = index @ linear.T
    layer = index[:, int((linear**2).sum(axis=0).argmax())]
    layer = layer - layer.min()
    areas = np.bincount(layer).astype(float)
    if len(areas) < 3 or not areas.all():  # nothing to interpolate, or several bodies
        centred = places - places.mean(axis=0)
        return centred.T @ centred / len(places)
    middles = np.stack([np.bincount(layer, x) / areas for x in places.T], axis=1)
    centred = places - middles[layer]
    own = np.stack([[np.bincount(layer, a * b) / areas for b in centred.T] for a in centred.T])  # (3, 3, layers)
    at, knots, heights = np.arange(len(areas)), *_with_ends(areas)
    fine = np.linspace(knots[0], knots[-1], FINE * len(areas) + 1)
    fine = (fine[1:] + fine[:-1]) / 2
    area = PchipInterpolator(knots, heights)(fine)
    # Of an ellipsoid, the sections' middles lie on a line, and their covariance is as large as their area.
    below = np.clip(fine.astype(int), 0, len(areas) - 2)
    share = (fine - below)[:, None]
    middle = middles[below] * (1 - share) + middles[below + 1] * share
    inner = np.array([[area * np.interp(fine, at, entry / areas) for entry in row] for row in own])
    weight = area / area.sum()
    outer = middle - weight @ middle
    return inner @ weight + (outer * weight[:, None]).T @ outer


def beyond(last: float, second: float, third: float) -> float:
    """How many layers beyond the last one the ellipsoid ends whose last three sections these are; 0 to 1."""
    rise, bend = second - last, third - 2 * second + last
    if bend >= 0:  # not an ellipsoid: straight on
        return min(last / rise, 1.0)
    slope = rise - bend / 2
    return float(min((np.sqrt(slope**2 - 2 * bend * last) - slope) / -bend, 1.0))


def _with_ends(areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and areas of the layers and of the body's two ends; flat ends lie on the faces of the voxels."""
    ends = [
        (0.5, side[0]) if side[0] >= FLAT_END * side[1] else (max(beyond(*side), 1e-3), 0.0)
        for side in (areas[:3], areas[:-4:-1])
    ]
    (before, first), (after, last) = ends
    knots = np.concatenate([[-before], np.arange(len(areas)), [len(areas) - 1 + after]])
    return knots, np.concatenate([[first], areas, [last]])
