"""Which anatomy the masks of a case project onto.

``locate`` is the one call: registration to MNI152 (registration.py, on the working grid of canonical.py, refined by
deformation.py, judged by quality.py), the atlas brought to the patient (atlas.py through transform.py), size, shape and side of
every mask, its regions and distances (regions.py, descriptors.py) with what they may be off by (intervals.py), together in
placed.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from XAIReportLib.anatomy.appearance import levels_of
from XAIReportLib.anatomy.atlas import ATLASES, DEFAULT_ATLAS, load_atlas
from XAIReportLib.anatomy.descriptors import describe
from XAIReportLib.anatomy.field_of_view import FieldOfView, cut_regions
from XAIReportLib.anatomy.intervals import reach_mm
from XAIReportLib.anatomy.midline import midline_shift
from XAIReportLib.anatomy.placed import Placed
from XAIReportLib.anatomy.quality import template_edges
from XAIReportLib.anatomy.regions import measure
from XAIReportLib.anatomy.registration import register, stopping
from XAIReportLib.anatomy.single_slice import place_slice
from XAIReportLib.anatomy.transform import Transform, pull
from XAIReportLib.case import Case
from XAIReportLib.results import DEFORMABLE_STEPS, Anatomy, MaskGeometry, Registration

__all__ = ["described", "locate"]

LESION = "lesion-"  # how the names of the segmented abnormalities begin


def locate(
    case: Case,
    masks: Mapping[str, np.ndarray],
    lesion: np.ndarray,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    atlas_name: str = DEFAULT_ATLAS,
    deformable: str = DEFORMABLE_STEPS[0],
) -> tuple[Anatomy, dict[str, MaskGeometry]]:
    """The atlas in the patient's space, and size and place of every mask.

    Args:
        masks: bool or 0/1 arrays on the case's grid, by name ("lesion-1", ..., a saliency method).
        lesion: what the registration must not look at.
        atlas_name: among atlas.ATLASES, for regions; distances are to positions of the default always.
        deformable: the step after the affine transform, among results.DEFORMABLE_STEPS.

    Raises:
        Cancelled: ``cancelled`` returned True. InputError: "syn" where antspyx is not installed or fails.
    """
    tell = progress or (lambda _fraction, _message: None)
    tell(0.0, "registering to MNI152")
    registration, transform = register(case, lesion, cancelled, deformable)
    geometry = {name: measure(name, mask, case, transform) for name, mask in masks.items()}
    lesions = [name for name in masks if name.startswith(LESION)]
    geometry |= {name: described(geometry[name], masks[name], case) for name in lesions}
    if transform is None:
        found = Anatomy(registration, *ATLASES[atlas_name], None, (), ())
        if not case.is_slice:
            return replace(found, template_edges=_edges_of_a_failed(registration, case)), geometry
        tell(0.5, "comparing the slice with the template")
        own = {name: masks[name] for name in lesions}
        match, placed, edges = place_slice(case, own, {name: geometry[name] for name in lesions}, stopping(cancelled))
        return replace(found, picture=match, template_edges=edges), geometry | placed

    tell(0.6, "bringing the atlas to the patient")
    atlas = load_atlas(atlas_name)
    mni_mm = transform.mni_mm(case.affine, case.image.shape)
    labels = pull(atlas.labels, atlas.affine, mni_mm)

    tell(0.8, "naming the regions under each mask")
    shift = midline_shift(transform, registration, lesion, case)
    volume_ml = float((lesion > 0).sum() * case.voxel_ml)
    reach = reach_mm(volume_ml, shift.distance_mm, registration.checks["coverage"])
    level = levels_of(lesion > 0, case, mni_mm) if lesions else None
    sizes = np.bincount(labels.ravel(), minlength=len(atlas.regions) + 1)
    cut = cut_regions(atlas, transform, FieldOfView(case.image, case.affine, case.head))
    placed = Placed(case, transform, atlas, labels, sizes, reach, level, cut)
    rows = [row for name, mask in masks.items() for row in placed.overlaps(name, mask > 0)]
    largest = {name: placed.largest(masks[name] > 0) for name in lesions if (masks[name] > 0).any()}
    geometry |= {n: placed.surroundings(masks[n] > 0).of(geometry[n]) for n in lesions if (masks[n] > 0).any()}
    present = tuple(r for r in atlas.regions if sizes[r.label])
    named = (registration, atlas.name, atlas.licence, labels, present, tuple(rows))
    return Anatomy(
        *named, template_edges(mni_mm), shift, reach, transform.to_mni, largest,
        transform.displacement, transform.grid_affine, levels=level, cut=cut,
    ), geometry  # fmt: skip


def _edges_of_a_failed(registration: Registration, case: Case) -> np.ndarray | None:
    """Where a registration that failed put the template, for a person to see why it did."""
    if registration.failed_matrix is None:
        return None
    return template_edges(Transform(registration.failed_matrix).mni_mm(case.affine, case.image.shape))


def described(place: MaskGeometry, mask: np.ndarray, case: Case) -> MaskGeometry:
    """``place`` with size and shape; of a single slice, whose bodies go on beyond it, there are none."""
    if case.is_slice:
        return place
    return replace(place, descriptors=describe(mask > 0, case.affine, place.left_percent))
