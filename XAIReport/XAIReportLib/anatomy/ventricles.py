"""How far a mask is from the fluid of the lateral ventricles that is seen at their atlas position.

A mass pushes the ventricles away, and a registration that leaves the mass out of its metric follows in part only: where the
atlas lays them, they seem nearer than they are. Fluid is dark on a T1-weighted series, so that it can be seen where they went.
Where none is seen within what a registration errs by, as of a horn that is thinner than a voxel, the atlas position stands.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.descriptors import gap_mm

# Chosen on 40 heads with a known answer that no figure is taken from (seeds 400 to 439 of scripts/evaluation/_head_phantoms.py).
ERROR_MM = (
    4.0  # the registration's 95th percentile: how far from the atlas position fluid may lie, and how much farther off
)
LEAST_ML = 0.1  # of dark voxels that hang together
_TOGETHER = np.ones((3, 3, 3))


def seen_gap_mm(mask: np.ndarray, position: np.ndarray, dark: np.ndarray, affine: np.ndarray) -> float | None:
    """Distance in mm to the fluid at an atlas position; None where none is seen.

    Args:
        mask, position, dark: bool, on one grid (i, j, k): what the distance is of, the ventricles as the registration lays them,
            and where the image is nearer to fluid than to white matter. affine: of the grid, to RAS mm.
    """
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    near = ndimage.distance_transform_edt(~position, sampling=tuple(edges)) <= ERROR_MM
    parts, _ = ndimage.label(near & dark & ~mask, _TOGETHER)
    large = np.bincount(parts.ravel()) * float(np.prod(edges)) / 1000 >= LEAST_ML
    kept = np.setdiff1d(parts[position], [0])
    return gap_mm(mask, np.isin(parts, kept[large[kept]]), affine)
