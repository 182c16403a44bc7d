"""From the patient to MNI152: an affine transform after a smooth displacement, for points and for arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True, eq=False)
class Transform:
    """m = A (p + u(p)), millimetres of MNI152 from RAS millimetres of the patient.

    Attributes:
        matrix: A, 4x4.
        displacement: u in mm of the patient, float32 (3, x, y, z), linear between the points of its grid; None: no
            displacement.
        grid_affine: 4x4, index of that grid to RAS millimetres of the patient.
    """

    matrix: np.ndarray
    displacement: np.ndarray | None = None
    grid_affine: np.ndarray | None = None

    def to_mni(self, points: np.ndarray) -> np.ndarray:
        """Points of the patient, (n, 3), in MNI152."""
        moved = points + self._displacement_at(points)
        return moved @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def to_patient(self, points: np.ndarray) -> np.ndarray:
        """Points of MNI152, (n, 3), in the patient; by fixed-point iteration, to well below 0.1 mm."""
        undisplaced = (points - self.matrix[:3, 3]) @ np.linalg.inv(self.matrix[:3, :3]).T
        found = undisplaced.copy()
        for _ in range(40):
            found += 0.8 * (undisplaced - found - self._displacement_at(found))
        return found

    def _displacement_at(self, points: np.ndarray) -> np.ndarray:
        if self.displacement is None:
            return np.zeros_like(points)
        back = np.linalg.inv(self.grid_affine)
        index = (points @ back[:3, :3].T + back[:3, 3]).T
        return np.stack(
            [ndimage.map_coordinates(u, index, order=1, mode="nearest") for u in self.displacement], axis=-1
        )

    def mni_mm(self, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """For every voxel of a grid in the patient its place in MNI152: float32 mm (3, i, j, k)."""
        to_mm = self.matrix @ affine
        axes = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
        mm = np.stack([sum(np.float32(row[a]) * axes[a] for a in range(3)) + np.float32(row[3]) for row in to_mm[:3]])
        if self.displacement is not None:
            back = np.linalg.inv(self.grid_affine) @ affine
            for component, u in enumerate(self.displacement):
                here = ndimage.affine_transform(u, back[:3, :3], back[:3, 3], shape, np.float32, 1, "nearest")
                for row in range(3):
                    mm[row] += np.float32(self.matrix[row, component]) * here
        return mm


def index_of(mni_mm: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Places in MNI152, mm (3, ...), as indices of a grid there; float32."""
    to_index = np.linalg.inv(affine).astype(np.float32)
    return np.stack(
        [sum((row[a] * mni_mm[a] for a in range(3) if row[a]), start=np.float32(row[3])) for row in to_index[:3]]
    )


def pull(array: np.ndarray, affine: np.ndarray, mni_mm: np.ndarray) -> np.ndarray:
    """Nearest voxel of an array on a grid of MNI152 at places in mm, (3, ...); 0 outside the array."""
    nearest = np.rint(index_of(mni_mm, affine)).astype(np.int32)
    inside = np.ones(mni_mm.shape[1:], bool)
    for axis, size in enumerate(array.shape):
        inside &= (nearest[axis] >= 0) & (nearest[axis] < size)
        np.clip(nearest[axis], 0, size - 1, out=nearest[axis])
    return np.where(inside, array[tuple(nearest)], array.dtype.type(0))
