"""The patient on one working grid: cubic voxels, axes along right, anterior, superior, whatever grid the file was stored on.

The registration works here only, so that its outcome does not depend on how the volume was stored (plane, order and
direction of the axes, voxel shape, oblique or sheared grids).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Canonical:
    """Patient volume on a cubic RAS grid.

    Attributes:
        image: float32, axes (right, anterior, superior); 0 outside the field of view.
        covered: bool, inside the field of view of the stored volume.
        head: bool, the case's head (or brain, when skull-stripped).
        lesion: bool, the segmented abnormality, grown by nothing yet.
        origin_mm: RAS position of voxel (0, 0, 0).
        spacing_mm: edge length of the voxels.
    """

    image: np.ndarray
    covered: np.ndarray
    head: np.ndarray
    lesion: np.ndarray
    origin_mm: np.ndarray
    spacing_mm: float

    @property
    def affine(self) -> np.ndarray:
        """4x4, voxel index to RAS millimetres."""
        affine = np.diag([self.spacing_mm] * 3 + [1.0])
        affine[:3, 3] = self.origin_mm
        return affine


def to_canonical(
    image: np.ndarray, affine: np.ndarray, head: np.ndarray, lesion: np.ndarray, spacing_mm: float
) -> Canonical:
    """Resample a volume and its masks onto cubic voxels along the patient's axes.

    Args:
        image, head, lesion: arrays of one shape, axes (i, j, k).
        affine: 4x4, (i, j, k, 1) to RAS millimetres; any orientation, shear allowed.
        spacing_mm: voxel edge of the result.
    """
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in image.shape], indexing="ij")).reshape(3, -1)
    corners_mm = affine[:3, :3] @ corners + affine[:3, 3:]
    low, high = corners_mm.min(axis=1), corners_mm.max(axis=1)
    shape = np.maximum(np.ceil((high - low) / spacing_mm).astype(int), 1)
    origin = (low + high) / 2 - (shape - 1) * spacing_mm / 2

    to_index = np.linalg.inv(affine)
    matrix = to_index[:3, :3] * spacing_mm
    offset = to_index[:3, :3] @ origin + to_index[:3, 3]
    background = float(np.median(image[~head])) if (~head).any() else float(image.min())
    smooth = _without_aliasing(image, affine, spacing_mm)

    def resample(array: np.ndarray) -> np.ndarray:
        # "nearest" in reach of half a voxel keeps the first and last slice of thick-slice series whole.
        return ndimage.affine_transform(array, matrix, offset, tuple(shape), np.float32, order=1, mode="nearest")

    covered = _inside(matrix, offset, shape, image.shape)
    values = np.where(covered, resample(smooth), np.float32(background))
    share = {name: resample(mask.astype(np.float32)) for name, mask in (("head", head), ("lesion", lesion))}
    return Canonical(
        image=values,
        covered=covered,
        head=covered & (share["head"] >= 0.5),
        lesion=covered & (share["lesion"] > 0.1),
        origin_mm=origin,
        spacing_mm=spacing_mm,
    )


def _without_aliasing(image: np.ndarray, affine: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Smooth along the stored axes that are finer than the working grid."""
    stored_mm = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    ratio = np.maximum(spacing_mm / stored_mm, 1.0)
    # FWHM of the wanted and of the stored voxel, subtracted in quadrature; 0.42 = 1 / FWHM of a unit Gaussian.
    sigma = 0.42 * np.sqrt(ratio**2 - 1.0)
    return ndimage.gaussian_filter(image.astype(np.float32, copy=False), sigma, mode="nearest")


def _inside(matrix: np.ndarray, offset: np.ndarray, shape: np.ndarray, stored: tuple[int, ...]) -> np.ndarray:
    """Voxels of the working grid whose centre lies within the stored volume."""
    axes = [np.arange(n) for n in shape]
    inside = np.ones(tuple(shape), bool)
    for axis, size in enumerate(stored):
        index = (
            matrix[axis, 0] * axes[0][:, None, None]
            + matrix[axis, 1] * axes[1][None, :, None]
            + matrix[axis, 2] * axes[2][None, None, :]
            + offset[axis]
        )
        inside &= (index >= -0.5) & (index <= size - 0.5)
    return inside
