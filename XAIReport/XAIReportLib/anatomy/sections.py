"""Sections of the MNI152 template in three planes, as a single slice is compared with them (picture.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from XAIReportLib.anatomy.atlas import load_template

STEP_MM, SIZE, FFT_SIZE = 4.0, 64, 96  # of the grid on which sections are compared
MIDDLE_MM = np.array([0.0, -18.0, 10.0])  # of it, in MNI152
LEVEL_STEP_MM = 8.0
# RAS axis through a plane, axes across and down a picture of it, and the levels that show enough brain to be told.
PLANES = {
    "axial": (2, 0, 1, np.arange(-40.0, 49.0, LEVEL_STEP_MM)),
    "coronal": (1, 0, 2, np.arange(-76.0, 45.0, LEVEL_STEP_MM)),
    "sagittal": (0, 1, 2, np.arange(0.0, 57.0, LEVEL_STEP_MM)),
}
RIM_MM = 6.0  # around the brain, compared too: bone and fluid are dark there, as is the air around a stripped brain


@dataclass(frozen=True)
class Section:
    plane: str
    level_mm: float
    nose_right: bool
    extent_mm: float
    count: float


@lru_cache(maxsize=8)
def sections(planes: tuple[str, ...]) -> tuple[list[Section], tuple[np.ndarray, ...]]:
    """All sections of some planes, and the transforms of their mask, values and squares."""
    found, arrays = [], []
    for plane in planes:
        for level in PLANES[plane][3]:
            for nose_right in (False, True) if plane == "sagittal" else (False,):
                values, mask = section(plane, float(level), nose_right)
                found.append(Section(plane, float(level), nose_right, extent(plane, float(level)), float(mask.sum())))
                arrays.append((mask, mask * values, mask * values**2))
    stacked = (np.stack(parts) for parts in zip(*arrays, strict=True))
    return found, tuple(fft.rfft2(part, (FFT_SIZE, FFT_SIZE)) for part in stacked)


def section(plane: str, level: float, nose_right: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values and mask (brain and a rim) of a section, float32 (SIZE, SIZE)."""
    smooth, near, affine = _smooth_template()
    points = points_of(plane, level, nose_right, *(g.ravel() for g in grid()))
    index = ((points - affine[:3, 3]) / np.diag(affine)[:3]).T.reshape(3, SIZE, SIZE)
    return tuple(ndimage.map_coordinates(v, index, order=1) for v in (smooth, near))


def extent(plane: str, level: float) -> float:
    """Square root of the area of the box around the brain in a section, mm."""
    levels, extents = _extents()[plane]
    return float(np.interp(level, levels, extents))


@lru_cache(maxsize=1)
def _extents() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    template = load_template()
    found = {}
    for plane, (through, _, _, told) in PLANES.items():
        levels = np.arange(told[0] - 4, told[-1] + 5, 4.0)
        extents = []
        for level in levels:
            n = round((level - template.affine[through, 3]) / template.affine[through, through])
            low, high = box(np.take(template.image, n, axis=through) > 0)
            extents.append(float(np.sqrt((high - low).prod())))
        found[plane] = levels, np.array(extents)
    return found


@lru_cache(maxsize=1)
def _smooth_template() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The template and its brain with a rim on every second voxel, smoothed to the grid of the sections."""
    template = load_template()
    brain = ndimage.binary_fill_holes(template.image > 0)
    near = ndimage.distance_transform_edt(~brain[::2, ::2, ::2]) * 2 <= RIM_MM
    affine = template.affine.copy()
    affine[:3, :3] *= 2
    smooth = ndimage.gaussian_filter(template.image, 0.42 * STEP_MM)[::2, ::2, ::2]
    return smooth.astype(np.float32), near.astype(np.float32), affine


def points_of(plane: str, level: float, nose_right: bool, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    through, first, second, _ = PLANES[plane]
    points = np.empty((len(across), 3))
    points[:, through] = level
    points[:, first] = MIDDLE_MM[first] + (-across if plane == "sagittal" and not nose_right else across)
    points[:, second] = MIDDLE_MM[second] - down
    return points


@lru_cache(maxsize=1)
def grid() -> tuple[np.ndarray, np.ndarray]:
    places = (np.arange(SIZE) - (SIZE - 1) / 2) * STEP_MM
    return tuple(np.meshgrid(places, places, indexing="ij"))


def box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest index of a mask, (2,); zeros when it is empty."""
    found = np.argwhere(mask)
    if not len(found):
        return np.zeros(2), np.zeros(2)
    return np.percentile(found, 0.5, axis=0), np.percentile(found, 99.5, axis=0)
