"""The deformable step: what the affine transform leaves is taken up by a smooth displacement.

Greedy ascent of the local normalised cross-correlation (Avants et al. 2008, doi 10.1016/j.media.2007.06.004, eq. 5 and 6) on a
coarse grid, strongly smoothed: it follows ventricles and fissures that a mass has pushed, not single gyri. The lesion is left
out and the displacement runs through it from around. SimpleITK's B-spline with mutual information was
slower and came less near on two heads with a known answer that were used while this was written, so that it is written here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

GRID_MM = 4.0
STEPS = 40
RADIUS = 4  # of the neighbourhood, in voxels of the grid
UPDATE_SIGMA, FIELD_SIGMA = 3.0, 1.0  # smoothing of each step and of the whole field, in voxels of the grid
LONGEST_STEP = 0.4  # voxels
FLAT = 1e-4  # variance below which a neighbourhood holds no structure, for intensities of about 0 to 1


def deform(
    fixed: np.ndarray, moving: np.ndarray, weight: np.ndarray, stop: Callable[[], None] = lambda: None
) -> np.ndarray:
    """Displacement u in voxels, float32 (3, x, y, z): moving(x + u(x)) looks like fixed(x).

    Args:
        fixed, moving: float32 of one shape, intensities of about 0 to 1.
        weight: 1 where the images are compared, 0 elsewhere (lesion, outside).
        stop: called before every step; may raise.
    """
    weight = weight.astype(np.float32)
    grid = np.indices(fixed.shape, dtype=np.float32)
    u = np.zeros((3, *fixed.shape), np.float32)
    share = _mean(weight) + np.float32(1e-6)
    fixed_mean = _mean(weight * fixed) / share
    fixed_variance = _mean(weight * fixed**2) / share - fixed_mean**2
    for _ in range(STEPS):
        stop()
        warped = ndimage.map_coordinates(moving, grid + u, order=1, mode="nearest")
        mean = _mean(weight * warped) / share
        variance = _mean(weight * warped**2) / share - mean**2
        covariance = _mean(weight * fixed * warped) / share - fixed_mean * mean
        structured = (weight > 0) & (fixed_variance > FLAT) & (variance > FLAT)
        slope = np.zeros_like(fixed)
        np.divide(covariance, fixed_variance * variance, out=slope, where=structured)
        fit = np.divide(covariance, variance, out=np.zeros_like(fixed), where=structured)
        slope *= (fixed - fixed_mean) - fit * (warped - mean)
        step = np.stack([ndimage.gaussian_filter(slope * g, UPDATE_SIGMA) for g in np.gradient(warped)])
        longest = float(np.sqrt((step**2).sum(axis=0)).max())
        if longest <= 0:
            break
        step *= LONGEST_STEP / longest
        u = np.stack([ndimage.map_coordinates(c, grid + step, order=1, mode="nearest") for c in u]) + step
        u = np.stack([ndimage.gaussian_filter(c, FIELD_SIGMA) for c in u])
    return u


def local_correlation(fixed: np.ndarray, moving: np.ndarray, weight: np.ndarray) -> float:
    """Mean squared correlation of neighbourhoods, 0 to 1, over the voxels where ``weight`` is not 0."""
    weight = weight.astype(np.float32)
    share = _mean(weight) + np.float32(1e-6)
    fixed = fixed / max(float(fixed[weight > 0].std()), 1e-9)
    means = [_mean(weight * a) / share for a in (fixed, moving)]
    variances = [_mean(weight * a**2) / share - m**2 for a, m in zip((fixed, moving), means, strict=True)]
    covariance = _mean(weight * fixed * moving) / share - means[0] * means[1]
    structured = (weight > 0) & (variances[0] > FLAT) & (variances[1] > FLAT)
    if not structured.any():
        return 0.0
    return float((covariance[structured] ** 2 / (variances[0] * variances[1])[structured]).mean())


def jacobian(displacement: np.ndarray, spacing: float) -> np.ndarray:
    """Determinant of p -> p + u(p) at every point of the grid; below 0 the transform folds.

    Args:
        displacement: (3, x, y, z), in the unit of ``spacing``.
    """
    gradients = [np.gradient(c, spacing) for c in displacement]
    matrix = np.stack([np.stack(g, axis=-1) for g in gradients], axis=-2) + np.eye(3, dtype=np.float32)
    return np.linalg.det(matrix)


def _mean(array: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(array, 2 * RADIUS + 1)
