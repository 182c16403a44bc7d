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

from XAIReportLib.anatomy.appearance import levels, look_of
from XAIReportLib.anatomy.atlas import ATLASES, DEFAULT_ATLAS, load_atlas, load_template
from XAIReportLib.anatomy.descriptors import border_mm, describe, distances, neighbours
from XAIReportLib.anatomy.intervals import contacts, distance_intervals, may_be_largest, reach_mm, share_intervals
from XAIReportLib.anatomy.midline import midline_shift
from XAIReportLib.anatomy.quality import template_edges
from XAIReportLib.anatomy.regions import measure, overlaps
from XAIReportLib.anatomy.registration import register, stopping
from XAIReportLib.anatomy.single_slice import is_single_slice, place_slice
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
    atlas_name: str = DEFAULT_ATLAS,
) -> tuple[Anatomy, dict[str, MaskGeometry]]:
    """The atlas in the patient's space, and size and place of every mask.

    Args:
        masks: bool or 0/1 arrays on the case's grid, by name ("lesion-1", ..., a saliency method).
        lesion: what the registration must not look at.
        atlas_name: among atlas.ATLASES, for regions; distances are to positions of the default always.

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
        found = Anatomy(registration, *ATLASES[atlas_name], None, (), ())
        if not is_single_slice(case):
            return found, geometry
        tell(0.5, "comparing the slice with the template")
        own = {name: masks[name] for name in lesions}
        match, placed, edges = place_slice(case, own, {name: geometry[name] for name in lesions}, stopping(cancelled))
        return replace(found, picture=match, template_edges=edges), geometry | placed

    tell(0.6, "bringing the atlas to the patient")
    atlas, template = load_atlas(atlas_name), load_template()
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
    rows, largest = [], {}
    for name, mask in masks.items():
        inside = mask > 0
        points = mni_mm[:, inside].T
        shares = share_intervals(points, reach, atlas) if inside.any() else {}
        if inside.any() and name in lesions:
            numbers = may_be_largest(points, float(inside.sum() * case.voxel_ml), atlas)
            largest[name] = tuple(by_label[n] for n in numbers)
        rows += overlaps(name, inside, case, labels, probability, by_label, region_voxels, shares)
    standard, level = load_atlas(), levels(lesion > 0, case, mni_mm) if lesions else None
    positions = labels if atlas is standard else pull(standard.labels, standard.affine, mni_mm)
    for name in lesions:
        inside, shape = masks[name] > 0, geometry[name].descriptors
        if shape is not None:
            ways = _with_intervals(
                distances(inside, positions, brain, standard.regions, case.affine), inside, case, transform, reach
            )
            near = neighbours(inside, labels, atlas.regions, case.affine)
            geometry[name] = replace(
                geometry[name],
                descriptors=replace(shape, distances=ways, neighbours=near),
                appearance=look_of(inside, level, case),
            )
    present = tuple(r for r in atlas.regions if region_voxels[r.label])
    named = (registration, atlas.name, atlas.licence, labels, present, tuple(rows))
    return Anatomy(
        *named, template_edges(mni_mm), shift, reach, transform.to_mni, largest,
        transform.displacement, transform.grid_affine,
    ), geometry  # fmt: skip


def described(place: MaskGeometry, mask: np.ndarray, case: Case) -> MaskGeometry:
    """``place`` with size and shape; a picture without geometry has none."""
    if case.affine is None:
        return place
    return replace(place, descriptors=describe(mask > 0, case.affine, place.left_percent))


def _with_intervals(
    ways: tuple[AtlasDistance, ...], mask: np.ndarray, case: Case, transform: Transform, reach: float
) -> tuple[AtlasDistance, ...]:
    border = transform.to_mni(border_mm(mask, case.affine))
    around = distance_intervals(border, reach)
    said = contacts(border, {way.position: way.distance_mm for way in ways}, float(mask.sum() * case.voxel_ml))
    return tuple(
        replace(
            way,
            low_mm=max(0.0, way.distance_mm + low),
            high_mm=way.distance_mm + high,
            contact=said[way.position],
        )
        for way in ways
        for low, high in [around[way.position]]
    )
