"""One physical phantom, sampled onto storage grids of every kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def turned(degrees: float, axis: int) -> np.ndarray:
    a, (p, q) = np.deg2rad(degrees), [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[p, p], matrix[p, q], matrix[q, p], matrix[q, q] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
    return matrix


# Directions of the axes i, j, k (columns) and voxel sizes in mm.
GRIDS: dict[str, tuple[np.ndarray, tuple[float, float, float]]] = {
    "RAS, cubic": (np.eye(3), (2.0, 2.0, 2.0)),
    "LPS, thick axial": (np.diag([-1.0, -1.0, 1.0]), (1.5, 1.5, 5.0)),
    "sagittal, flipped": (np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), (1.5, 2.0, 4.0)),
    "coronal": (np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), (2.0, 1.5, 3.0)),
    "oblique": (turned(17, 0) @ turned(-9, 2) @ np.diag([-1.0, 1.0, 1.0]), (1.5, 1.5, 3.0)),
}


def sampled(
    function: Callable[[np.ndarray], np.ndarray],
    grid: str,
    reach_mm: float,
    centre_mm: tuple[float, float, float] = (7.0, -11.0, 5.0),
) -> tuple[np.ndarray, np.ndarray]:
    """``function`` of RAS millimetres (..., 3) on a grid that covers a cube of 2 x reach around the centre: image, affine."""
    direction, spacing = GRIDS[grid]
    linear = direction * np.array(spacing)
    shape = tuple(int(np.ceil(2.4 * reach_mm / s)) for s in spacing)
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = np.array(centre_mm) - linear @ ((np.array(shape) - 1) / 2)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return function(index @ linear.T + affine[:3, 3]).astype(np.float32), affine
