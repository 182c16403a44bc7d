"""Which places in the patient a volume holds an image of, and which regions of the atlas it cuts.

A file can hold one and the same value where nothing was imaged: a program cut the volume, or turned it onto a larger grid. What
was cut off lies beyond a plane, on which the head ends with a large flat face; no head has such a face of its own. What is
dark elsewhere (air, fluid, bone, a cavity) was imaged.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from XAIReportLib.anatomy.atlas import Atlas
from XAIReportLib.anatomy.transform import Transform, pull

SAME_VALUE = 0.5  # share of what is not head that has one value, from which on that stands for nothing
# A face of the head from which on it is a cut; docs/results.md has the flattest sides of whole brains and of such of which a
# tenth was cut away ("Brains of which a part was cut away").
FLAT_CM2 = 65.0
SAME_FACE_DEGREES = 15.0
BEYOND_MM = 1.5  # outside a cut from which on nothing was imaged
HULL_MM, REGIONS_MM = 4.0, 2.0  # steps at which the head and the regions are looked at
WHOLE = 0.95  # of a region in the field of view, from which on it counts as whole


class FieldOfView:
    """Of a volume (i, j, k), 4x4 affine to RAS millimetres, with its head, bool.

    Attributes:
        cuts: planes (n, 4), outward normal and offset in RAS millimetres: places x with normal @ x + offset > 0 were cut off.
    """

    def __init__(self, image: np.ndarray, affine: np.ndarray, head: np.ndarray) -> None:
        self._image, self._to_index = image, np.linalg.inv(affine)
        outside = image[~head]
        self._empty = float(np.median(outside)) if outside.size else np.nan
        uniform = (outside == self._empty).sum() > SAME_VALUE * outside.size
        self.cuts = _flat_faces(head, affine) if uniform else np.empty((0, 4))

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Bool (n,), for RAS millimetres (n, 3)."""
        index = np.rint(points @ self._to_index[:3, :3].T + self._to_index[:3, 3]).astype(int)
        held = ((index >= 0) & (index < self._image.shape)).all(axis=1)
        for cut in self.cuts:
            asked = np.flatnonzero(held)
            asked = asked[points[asked] @ cut[:3] + cut[3] > BEYOND_MM]
            held[asked[self._image[tuple(index[asked].T)] == self._empty]] = False
        return held


def sides_of(head: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How flat a head's sides are: planes that touch its convex hull, (n, 4) as ``cuts``, and the mean area in cm2, (n,), of the
    sections through the head that lie within one step behind each. Nothing of a head without three dimensions."""
    edges_mm = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    steps = np.maximum(HULL_MM / edges_mm, 1).astype(int)
    places = np.argwhere(head[tuple(slice(None, None, step) for step in steps)]) * steps
    places = places @ affine[:3, :3].T + affine[:3, 3]
    try:
        faces = np.unique(ConvexHull(places).equations.round(2), axis=0)
    except (QhullError, ValueError):  # no head, or all of it in one plane
        return np.empty((0, 4)), np.empty(0)
    depth = float((edges_mm * steps).max())
    each_cm2 = abs(np.linalg.det(affine[:3, :3])) * steps.prod() / depth / 100
    return faces, np.array([each_cm2 * (places @ face[:3] + face[3] > -depth).sum() for face in faces])


def _flat_faces(head: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The planes (n, 4) on which a head ends with a face of FLAT_CM2 or more, the largest first."""
    faces, areas = sides_of(head, affine)
    found: list[np.ndarray] = []
    for n in np.argsort(-areas, kind="stable"):
        if areas[n] < FLAT_CM2:
            break
        normal = faces[n, :3] / np.linalg.norm(faces[n, :3])
        if all(normal @ other[:3] < np.cos(np.radians(SAME_FACE_DEGREES)) for other in found):
            # The hull is of every few voxels; the face itself is that of all of them.
            ends = np.argwhere(head) @ (normal @ affine[:3, :3]) + normal @ affine[:3, 3]
            found.append(np.append(normal, -np.percentile(ends, 99.9)))
    return np.array(found).reshape(-1, 4)


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
