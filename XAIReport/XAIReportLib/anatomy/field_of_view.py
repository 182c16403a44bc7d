"""Which places in the patient a volume holds an image of, and which regions of the atlas it cuts.

A file can hold one and the same value where nothing was imaged: a program cut the volume, or turned it onto a larger grid. As
a field of view has no dents, only what lies beyond every part of the head is taken for that: fluid, bone and a cavity are
dark, and were imaged.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from XAIReportLib.anatomy.atlas import Atlas
from XAIReportLib.anatomy.transform import Transform, pull

SAME_VALUE = 0.5  # share of what is not head that has one value, from which on that stands for nothing
HULL_MARGIN_MM = 6.0  # around the head; a registration errs by less
HULL_MM, REGIONS_MM = 4.0, 2.0  # steps at which the head and the regions are looked at
WHOLE = 0.95  # of a region in the field of view, from which on it counts as whole


class FieldOfView:
    """Of a volume (i, j, k), 4x4 affine to RAS millimetres, with its head, bool."""

    def __init__(self, image: np.ndarray, affine: np.ndarray, head: np.ndarray) -> None:
        self._image, self._head, self._to_index = image, head, np.linalg.inv(affine)
        outside = image[~head]
        value = float(np.median(outside)) if outside.size else np.nan
        self._empty = value if (outside == value).sum() > SAME_VALUE * outside.size else None
        steps = np.maximum(HULL_MM / np.sqrt((affine[:3, :3] ** 2).sum(axis=0)), 1).astype(int)
        seen = np.argwhere(head[tuple(slice(None, None, step) for step in steps)]) * steps
        try:
            self._faces = np.unique(ConvexHull(seen @ affine[:3, :3].T + affine[:3, 3]).equations.round(3), axis=0)
        except (QhullError, ValueError):  # no head, or all of it in one plane
            self._faces = None

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Bool (n,), for RAS millimetres (n, 3)."""
        index = np.rint(points @ self._to_index[:3, :3].T + self._to_index[:3, 3]).astype(int)
        held = ((index >= 0) & (index < self._image.shape)).all(axis=1)
        if self._empty is None or self._faces is None:
            return held
        asked = np.flatnonzero(held)
        at = tuple(index[asked].T)
        asked = asked[(self._image[at] == self._empty) & ~self._head[at]]
        for face in self._faces:  # most places are told by the first ones
            beyond = points[asked] @ face[:3] + face[3] > HULL_MARGIN_MM
            held[asked[beyond]] = False
            asked = asked[~beyond]
        return held


def cut_regions(atlas: Atlas, transform: Transform, field: FieldOfView) -> tuple[int, ...]:
    """Labels of the regions of which less than WHOLE lies in the field of view, none of it included."""
    shape = np.array(atlas.labels.shape)
    corners = np.array(list(product(*[(0, n - 1) for n in shape]))) @ atlas.affine[:3, :3].T + atlas.affine[:3, 3]
    corners = transform.to_patient(corners)
    low, high = corners.min(axis=0), corners.max(axis=0)
    grid = np.diag([REGIONS_MM] * 3 + [1.0])
    grid[:3, 3] = low
    labels = pull(
        atlas.labels, atlas.affine, transform.mni_mm(grid, tuple(np.ceil((high - low) / REGIONS_MM).astype(int)))
    )
    named = np.argwhere(labels)
    held = field.holds(named * REGIONS_MM + low)
    numbers = labels[tuple(named.T)]
    count = len(atlas.regions) + 1
    whole, inside = np.bincount(numbers, minlength=count), np.bincount(numbers[held], minlength=count)
    return tuple(int(n) for n in np.flatnonzero(inside < WHOLE * whole))
