"""How bright a segmented abnormality is on the series that was given, against the patient's own white matter and fluid.

Intensity is stated as a share of the way from ventricular fluid (0) to white matter (1); the white matter's level is a
quadratic of the place, fitted to what the atlas holds for white matter away from every segmented abnormality, so that the
coil's fall-off does not count. On a T1 post-contrast series, brighter than white matter is what contrast agent does, and
much darker is fluid or dead tissue; but one series cannot know it: blood, fat and melanin are bright without any agent,
calcium and flow are dark, and without the series before the agent nothing is known to have taken it up. So it is called
appearance on this series, and nothing else.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.atlas import load_template
from XAIReportLib.anatomy.transform import pull
from XAIReportLib.case import Case
from XAIReportLib.results import Appearance, Levels

# Of the template, whose intensities lie between 0 and 1: what is white matter or fluid for sure, away from other tissue.
WHITE, FLUID, INNER_MM = 0.80, 0.35, 2
MARGIN_MM = 8.0  # around the abnormalities, where tissue may be changed
LEAST_VOXELS = 200
# Brighter: above white matter by this share of the way from fluid, and by this many standard deviations of white matter.
BRIGHTER_SHARE, BRIGHTER_DEVIATIONS = 0.10, 2.0
DARKER_SHARE = 0.5  # nearer to fluid than to white matter, as hardly any grey matter is
# Pattern: share of the abnormality that is brighter, and share of it that is enclosed by what is brighter, in axial sections.
NONE_PERCENT, SOLID_PERCENT, ENCLOSED_PERCENT = 10.0, 75.0, 15.0


def look_of(mask: np.ndarray, levels: Levels | None, case: Case) -> Appearance | None:
    """How bright one abnormality (bool) is, given the ``levels`` of the case; None where there is nothing to compare with."""
    if levels is None or not mask.any():
        return None
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    mask, relative = mask[box], relative_to(levels, case.image, box)
    brighter = mask & (relative > 1 + max(BRIGHTER_SHARE, BRIGHTER_DEVIATIONS * levels.deviation_share))
    darker = mask & (relative < DARKER_SHARE)
    count = int(mask.sum())
    bright_percent = 100 * int(brighter.sum()) / count
    enclosed = _enclosed(brighter, mask, case)
    if bright_percent < NONE_PERCENT:
        pattern = "none"
    elif 100 * enclosed / count >= ENCLOSED_PERCENT:
        pattern = "ring"
    else:
        pattern = "solid" if bright_percent >= SOLID_PERCENT else "mixed"
    return Appearance(
        brighter_ml=float(brighter.sum() * case.voxel_ml),
        not_brighter_ml=float((count - brighter.sum()) * case.voxel_ml),
        darker_percent=float(100 * darker.sum() / count),
        pattern=pattern,
    )


def levels_of(lesions: np.ndarray, case: Case, mni_mm: np.ndarray) -> Levels | None:
    """Fluid and white matter of a case; None where too little of either is seen, or the two do not differ as on a T1-weighted
    series, or no agent was given.

    Args:
        lesions: bool, all segmented abnormalities. mni_mm: place of every voxel in MNI152, (3, i, j, k).
    """
    if case.contrast_agent is False:
        return None
    tissue, affine = _tissue()
    here = pull(tissue, affine, mni_mm)
    away = ndimage.distance_transform_edt(~lesions, sampling=case.spacing_mm) > MARGIN_MM if lesions.any() else True
    white, fluid = (here == 1) & away & case.head, (here == 2) & away & case.head
    if white.sum() < LEAST_VOXELS or fluid.sum() < LEAST_VOXELS // 4:
        return None
    # Fluid lies beside brighter tissue on every side, so that what is not fluid after all is brighter.
    dark = float(np.percentile(case.image[fluid], 25))
    weights, deviation = _white_matter(case.image, white)
    level = _quadratic(weights, case.image.shape)[white]
    lowest, highest = (float(v) for v in np.percentile(level, [1, 99]))
    span = float(np.median(np.clip(level, lowest, highest))) - dark
    if not span > 4 * deviation:
        return None
    return Levels(weights, lowest, highest, dark, deviation, deviation / span)


def relative_to(levels: Levels, image: np.ndarray, box: tuple[slice, ...] | None = None) -> np.ndarray:
    """The part of an image in ``box`` with fluid at 0 and white matter at 1, float32."""
    part = image if box is None else image[box]
    # Beyond the white matter the quadratic is not known.
    level = np.clip(_quadratic(levels.white, image.shape, box), levels.lowest, levels.highest)
    dark = np.float32(levels.fluid)
    return (part - dark) / np.maximum(level - dark, np.float32(levels.deviation))


def _white_matter(image: np.ndarray, white: np.ndarray) -> tuple[tuple[float, ...], float]:
    """A quadratic of the place through white matter, what is not like the rest left out, and the residual's deviation."""
    index = np.argwhere(white)
    index = index[:: max(1, len(index) // 20000)]
    values = image[tuple(index.T)].astype(float)
    terms, kept = _terms(index / np.array(image.shape)), np.ones(len(index), bool)
    for _ in range(5):
        weights = np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
        rest = values - terms @ weights
        deviation = 1.4826 * float(np.median(np.abs(rest[kept] - np.median(rest[kept]))))
        kept = np.abs(rest - np.median(rest[kept])) <= 2.5 * max(deviation, 1e-6)
    return tuple(map(float, weights)), deviation


def _quadratic(weights: tuple[float, ...], shape: tuple[int, ...], box: tuple[slice, ...] | None = None) -> np.ndarray:
    """The quadratic on a grid, or on the part of it in ``box``; float32."""
    axes = [np.arange(n, dtype=np.float32) / n for n in shape]
    if box is not None:
        axes = [axis[part] for axis, part in zip(axes, box, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    level = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    for weight, part in zip(weights, (np.float32(1), x, y, z, x * x, y * y, z * z, x * y, y * z, x * z), strict=True):
        level += np.float32(weight) * part
    return level


def _terms(place: np.ndarray) -> np.ndarray:
    x, y, z = place.T
    return np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, y * z, x * z], axis=1)


def _enclosed(brighter: np.ndarray, mask: np.ndarray, case: Case) -> int:
    """Voxels of the mask that are not brighter and have brighter ones on all four sides, in the sections nearest to axial;
    so a rim with a gap encloses most of what a whole one does."""
    through = int(np.abs(case.affine[2, :3] / np.array(case.spacing_mm)).argmax())
    inside = mask & ~brighter
    for axis in (n for n in range(3) if n != through):
        inside &= np.maximum.accumulate(brighter, axis=axis)
        inside &= np.flip(np.maximum.accumulate(np.flip(brighter, axis), axis=axis), axis)
    return int(inside.sum())


@lru_cache(maxsize=1)
def _tissue() -> tuple[np.ndarray, np.ndarray]:
    """1 white matter, 2 ventricular fluid, 0 all else, on the template's grid, and its affine."""
    template = load_template()
    smooth = ndimage.gaussian_filter(template.image, 0.7)
    brain = ndimage.binary_fill_holes(template.image > 0)
    white = ndimage.binary_erosion(smooth > WHITE, iterations=INNER_MM)
    deep = ndimage.binary_erosion(brain, iterations=20)
    fluid = ndimage.binary_erosion((smooth < FLUID) & deep)
    return np.where(white, 1, np.where(fluid, 2, 0)).astype(np.uint8), template.affine
