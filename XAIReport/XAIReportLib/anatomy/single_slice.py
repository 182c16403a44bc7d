"""A case of one slice: placed by its looks (picture.py), and by its geometry as far as it has one.

A picture without geometry gets an approximate lobe and no side. A slice with geometry has a known plane and known sides; its
midline is where the section of the template that fits best has it. Of an oblique slice, which sections along the axes show less and
less of, only the side is told, as long as the patient's left and right lie in it.
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
from XAIReportLib.results import MaskGeometry, PictureMatch, PicturePlace

# Of slices cut from the template. Tilted out of the plane by more than PLANE_DEGREES, every second lobe was wrong; the sides
# were right up to SIDE_DEGREES where left and right lay in the slice to within PLANE_DEGREES. Slices that are turned within their
# plane were found up to TURN_DEGREES.
PLANE_DEGREES, SIDE_DEGREES, TURN_DEGREES = 15.0, 30.5, 35.0
NOTHING = PictureMatch(None, 0.0, None, None, 0.0, False, {})


def oblique_degrees(affine: np.ndarray) -> float:
    """How oblique a slice (4x4, to RAS mm) is to the patient, where that is too much for level and lobe to be told; else 0."""
    tilt, _, turn = _angles(affine)
    return tilt if tilt > PLANE_DEGREES else turn if turn > TURN_DEGREES else 0.0


def has_sides(affine: np.ndarray | None) -> bool:
    """Whether a slice shows left and right, and is not so oblique that their midline could not be found."""
    if affine is None:
        return False
    tilt, lean, turn = _angles(affine)
    return tilt <= SIDE_DEGREES and lean <= PLANE_DEGREES and turn <= TURN_DEGREES


def _angles(affine: np.ndarray) -> tuple[float, float, float]:
    """Degrees: of the slice out of the nearest plane of the patient, of left and right out of the slice, and of the edges of its
    pixels from the nearest axes."""
    edges = np.abs(affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0))
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal = np.abs(normal) / np.linalg.norm(normal)
    cosines = np.clip([normal.max(), np.sqrt(1 - min(normal[0], 1.0) ** 2), edges.max(axis=0).min()], -1, 1)
    return tuple(float(angle) for angle in np.degrees(np.arccos(cosines)))


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
    oblique = case.affine is not None and oblique_degrees(case.affine) > 0
    if oblique and not has_sides(case.affine):
        return NOTHING, dict(geometry), None
    as_picture, back, planes = _turns(case)
    flat = {name: as_picture(mask > 0) for name, mask in masks.items()}
    match, to_mni = place_picture(as_picture(case.image), as_picture(case.head), flat, planes, stop)
    placed = dict(geometry)
    if to_mni is None or not match.known:
        return match, placed, None
    if has_sides(case.affine):
        for name, mask in flat.items():
            x = to_mni(np.argwhere(mask))[:, 0] if mask.any() else np.zeros(0)
            if len(x):
                side, left = side_of(x)
                placed[name] = replace(geometry[name], side=side, left_percent=left)
    if oblique:
        untold = {name: PicturePlace(None, place.confidence) for name, place in match.places.items()}
        return replace(match, plane=None, known=False, places=untold), placed, None
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
