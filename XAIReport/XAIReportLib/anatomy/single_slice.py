"""A case of one slice: placed by its looks (picture.py), and by its geometry as far as it has one.

A picture without geometry gets an approximate lobe and no side. A slice with geometry has a known plane and known sides; its
midline is where the section of the template that fits best has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import nibabel as nib
import numpy as np

from XAIReportLib.anatomy.picture import place_picture
from XAIReportLib.anatomy.quality import template_edges
from XAIReportLib.anatomy.regions import side_of
from XAIReportLib.anatomy.sections import PLANES
from XAIReportLib.case import Case
from XAIReportLib.results import MaskGeometry, PictureMatch


def place_slice(
    case: Case,
    masks: Mapping[str, np.ndarray],
    geometry: Mapping[str, MaskGeometry],
    stop: Callable[[], None],
) -> tuple[PictureMatch, dict[str, MaskGeometry], np.ndarray | None]:
    """The section that a slice shows, its masks' geometry with the side where that is known, and the template's edges.

    Args:
        masks: arrays on the case's grid, by name; lesions only. geometry: of them.
    """
    as_picture, back, planes = _turns(case)
    flat = {name: as_picture(mask > 0) for name, mask in masks.items()}
    match, to_mni = place_picture(as_picture(case.image), as_picture(case.head), flat, planes, stop)
    placed = dict(geometry)
    if to_mni is None or not match.known:
        return match, placed, None
    if case.affine is not None and match.plane != "sagittal":
        for name, mask in flat.items():
            x = to_mni(np.argwhere(mask))[:, 0] if mask.any() else np.zeros(0)
            if len(x):
                side, left = side_of(x)
                placed[name] = replace(geometry[name], side=side, left_percent=left)
    shape = as_picture(case.image).shape
    pixels = np.indices(shape).reshape(2, -1).T
    mni_mm = to_mni(pixels).T.reshape(3, *shape, 1).astype(np.float32)
    return match, placed, back(template_edges(mni_mm)[..., 0])


def _turns(
    case: Case,
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray], tuple[str, ...]]:
    """From an array of the case to a picture (i right, j down) and back, and the planes that it may show.

    A slice with geometry is turned so that its right is the patient's right (or front) and its top the patient's front or top.
    """
    if case.affine is None:
        return lambda a: a[:, :, 0], lambda p: p[..., None], tuple(PLANES)
    turn = nib.orientations.io_orientation(case.affine)
    undo = nib.orientations.ornt_transform(np.array([[0, 1], [1, 1], [2, 1]], float), turn)
    through = int(turn[2, 0])
    plane = next(name for name, (axis, *_) in PLANES.items() if axis == through)

    def as_picture(array: np.ndarray) -> np.ndarray:
        return np.take(nib.orientations.apply_orientation(array, turn), 0, axis=through)[:, ::-1]

    def back(picture: np.ndarray) -> np.ndarray:
        return nib.orientations.apply_orientation(np.expand_dims(picture[:, ::-1], through), undo)

    return as_picture, back, (plane,)
