"""The lobe of a place in MNI152, for what is too rough for single regions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.atlas import load_atlas, load_template

OUTSIDE = "outside the brain"


def lobes_at(points: np.ndarray) -> dict[str, float]:
    """Share of points of MNI152, (n, 3) mm, in each lobe; tissue without a label belongs to the nearest labelled lobe."""
    volume, affine, names = _lobe_volume()
    index = np.rint((points - affine[:3, 3]) / np.diag(affine)[:3]).astype(int)
    inside = ((index >= 0) & (index < volume.shape)).all(axis=1)
    found = np.zeros(len(points), int)
    found[inside] = volume[tuple(index[inside].T)]
    counts = np.bincount(found, minlength=len(names)) / max(len(points), 1)
    return {names[n]: float(counts[n]) for n in np.flatnonzero(counts)}


@lru_cache(maxsize=1)
def _lobe_volume() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Number of the lobe by voxel of the template, 0 outside the brain; affine; names."""
    atlas, template = load_atlas(), load_template()
    names = [OUTSIDE, *dict.fromkeys(region.lobe for region in atlas.regions)]
    of_label = np.array([0, *(names.index(region.lobe) for region in atlas.regions)], np.uint8)
    shape = template.image.shape
    axes = [np.arange(n) * template.affine[a, a] + template.affine[a, 3] for a, n in enumerate(shape)]
    index = [np.rint((axis - atlas.affine[a, 3]) / atlas.affine[a, a]).astype(int) for a, axis in enumerate(axes)]
    lobes = np.zeros(shape, np.uint8)
    good = [(i >= 0) & (i < n) for i, n in zip(index, atlas.labels.shape, strict=True)]
    lobes[np.ix_(*good)] = of_label[atlas.labels[np.ix_(*(i[g] for i, g in zip(index, good, strict=True)))]]
    nearest = ndimage.distance_transform_edt(lobes == 0, return_distances=False, return_indices=True)
    lobes = lobes[tuple(nearest)]
    lobes[~ndimage.binary_fill_holes(template.image > 0)] = 0
    return lobes, template.affine, names
