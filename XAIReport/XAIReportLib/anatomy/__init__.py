"""Which anatomy the masks of a case project onto.

``locate`` is the one call: registration to MNI152 (registration.py, on the working grid of canonical.py, refined by
deformation.py, judged by quality.py), the atlas brought to the patient (atlas.py through transform.py), size, shape and side of
every mask, its regions and distances (regions.py, descriptors.py) with what they may be off by (intervals.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.atlas import HARVARD_OXFORD, LICENCE, load_atlas, load_template
from XAIReportLib.anatomy.descriptors import border_mm, describe, distances, neighbours
from XAIReportLib.anatomy.intervals import distance_intervals, reach_mm, share_intervals
from XAIReportLib.anatomy.midline import midline_shift
from XAIReportLib.anatomy.quality import template_edges
from XAIReportLib.anatomy.regions import measure, overlaps
from XAIReportLib.anatomy.registration import register
from XAIReportLib.anatomy.transform import Transform, pull
from XAIReportLib.case import Case
from XAIReportLib.results import Anatomy, AtlasDistance, MaskGeometry

__all__ = ["described", "locate"]

LESION = "lesion-"  # how the names of the segmented abnormalities begin


def locate(
    case: Case,
    masks: Mapping[str, np.ndarray],
    lesion: np.ndarray,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Anatomy, dict[str, MaskGeometry]]:
    """The atlas in the patient's space, and size and place of every mask.

    Args:
        masks: bool or 0/1 arrays on the case's grid, by name ("lesion-1", ..., a saliency method).
        lesion: what the registration must not look at.

    Raises:
        Cancelled: ``cancelled`` returned True.
    """
    tell = progress or (lambda _fraction, _message: None)
    tell(0.0, "registering to MNI152")
    registration, transform = register(case, lesion, cancelled)
    geometry = {name: measure(name, mask, case, transform) for name, mask in masks.items()}
    lesions = [name for name in masks if name.startswith(LESION)]
    geometry |= {name: described(geometry[name], masks[name], case) for name in lesions}
    if transform is None:
        return Anatomy(registration, HARVARD_OXFORD, LICENCE, None, (), ()), geometry

    tell(0.6, "bringing the atlas to the patient")
    atlas, template = load_atlas(), load_template()
    mni_mm = transform.mni_mm(case.affine, case.image.shape)
    labels = pull(atlas.labels, atlas.affine, mni_mm)
    probability = pull(atlas.probability, atlas.affine, mni_mm)
    brain = pull(ndimage.binary_fill_holes(template.image > 0), template.affine, mni_mm)
    region_voxels = np.bincount(labels.ravel(), minlength=len(atlas.regions) + 1)
    by_label = {region.label: region for region in atlas.regions}

    tell(0.8, "naming the regions under each mask")
    shift = midline_shift(transform, registration, lesion, case)
    lesion_ml = float((lesion > 0).sum() * case.voxel_ml)
    reach = reach_mm(lesion_ml, shift.distance_mm)
    rows = []
    for name, mask in masks.items():
        inside = mask > 0
        shares = share_intervals(mni_mm[:, inside].T, reach) if inside.any() else {}
        rows += overlaps(name, inside, case, labels, probability, by_label, region_voxels, shares)
    for name in lesions:
        inside, shape = masks[name] > 0, geometry[name].descriptors
        if shape is not None:
            ways = _with_intervals(
                distances(inside, labels, brain, atlas.regions, case.affine), inside, case, transform, reach
            )
            near = neighbours(inside, labels, atlas.regions, case.affine)
            geometry[name] = replace(geometry[name], descriptors=replace(shape, distances=ways, neighbours=near))
    present = tuple(r for r in atlas.regions if region_voxels[r.label])
    edges, to_mni = template_edges(mni_mm), transform.to_mni
    named = (registration, atlas.name, atlas.licence, labels, present, tuple(rows))
    return Anatomy(*named, edges, shift, reach, to_mni), geometry


def described(place: MaskGeometry, mask: np.ndarray, case: Case) -> MaskGeometry:
    """``place`` with size and shape; a picture without geometry has none."""
    if case.affine is None:
        return place
    return replace(place, descriptors=describe(mask > 0, case.affine, place.left_percent))


def _with_intervals(
    ways: tuple[AtlasDistance, ...], mask: np.ndarray, case: Case, transform: Transform, reach: float
) -> tuple[AtlasDistance, ...]:
    around = distance_intervals(transform.to_mni(border_mm(mask, case.affine)), reach)
    return tuple(
        replace(way, low_mm=max(0.0, way.distance_mm + low), high_mm=way.distance_mm + high)
        for way in ways
        for low, high in [around[way.position]]
    )
