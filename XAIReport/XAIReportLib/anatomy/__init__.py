"""Which anatomy the masks of a case project onto.

``locate`` is the one call: registration to MNI152 (registration.py, on the working grid of canonical.py), the atlas brought to
the patient (atlas.py), size, side and regions of every mask (regions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.atlas import HARVARD_OXFORD, LICENCE, load_atlas, load_template
from XAIReportLib.anatomy.descriptors import describe, distances
from XAIReportLib.anatomy.regions import measure, overlaps
from XAIReportLib.anatomy.registration import register, template_edges, warp
from XAIReportLib.case import Case
from XAIReportLib.results import Anatomy, MaskGeometry

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
    registration = register(case, lesion, cancelled)
    matrix = registration.patient_to_mni
    geometry = {name: measure(name, mask, case, matrix) for name, mask in masks.items()}
    geometry |= {name: described(geometry[name], masks[name], case) for name in masks if name.startswith(LESION)}
    if matrix is None:
        return Anatomy(registration, HARVARD_OXFORD, LICENCE, None, (), ()), geometry
    tell(0.6, "bringing the atlas to the patient")
    atlas = load_atlas()
    labels = warp(atlas.labels, atlas.affine, case, matrix)
    probability = warp(atlas.probability, atlas.affine, case, matrix)
    region_voxels = np.bincount(labels.ravel(), minlength=len(atlas.regions) + 1)
    by_label = {region.label: region for region in atlas.regions}
    tell(0.9, "naming the regions under each mask")
    rows = [
        row
        for name, mask in masks.items()
        for row in overlaps(name, mask, case, labels, probability, by_label, region_voxels)
    ]
    brain = _template_brain(case, matrix)
    for name in (name for name in masks if name.startswith(LESION)):
        way = distances(masks[name] > 0, labels, brain, atlas.regions, case.affine)
        if shape := geometry[name].descriptors:
            geometry[name] = replace(geometry[name], descriptors=replace(shape, distances=way))
    present = tuple(r for r in atlas.regions if region_voxels[r.label])
    edges = template_edges(case, registration)
    return Anatomy(registration, atlas.name, atlas.licence, labels, present, tuple(rows), edges), geometry


def described(place: MaskGeometry, mask: np.ndarray, case: Case) -> MaskGeometry:
    """``place`` with size and shape; a picture without geometry has none."""
    if case.affine is None:
        return place
    return replace(place, descriptors=describe(mask > 0, case.affine, place.left_percent))


def _template_brain(case: Case, patient_to_mni: np.ndarray) -> np.ndarray:
    """Bool, the template's brain with its ventricles, on the case's grid."""
    template = load_template()
    brain = ndimage.binary_fill_holes(template.image > 0)
    return warp(brain.astype(np.uint8), template.affine, case, patient_to_mni) > 0
