"""Size, shape, distances and appearance of a mask as the findings hold them, rounded to stated digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ..case import Case
from ..results import AtlasDistance, MaskGeometry, PictureMatch

SCORE_DIGITS, VOLUME_DIGITS, MILLIMETRE_DIGITS, PERCENT_DIGITS, SPACING_DIGITS = 4, 2, 1, 1, 3
_MIDLINE_SHARE = 0.9  # as for MaskGeometry.side: below it, a mask lies on both sides


def number(value: float | None, digits: int) -> float | None:
    """Rounded; never -0.0."""
    return None if value is None else round(float(value), digits) + 0.0


def position(values: Sequence[float] | None) -> tuple[float, ...] | None:
    """Millimetres, rounded."""
    return None if values is None else tuple(number(value, MILLIMETRE_DIGITS) for value in values)


def measures_of(place: MaskGeometry | None) -> dict[str, Any] | None:
    if place is None or place.descriptors is None:
        return None
    d = place.descriptors
    lengths = ("equivalent_diameter_mm", "feret_mm", "axial_level_mm", "long_axis_mm")
    return {
        **{name: number(getattr(d, name), MILLIMETRE_DIGITS) for name in lengths},
        "axial_diameters_mm": position(d.axial_diameters_mm),
        "long_axis_ras": tuple(number(v, SPACING_DIGITS) for v in d.long_axis_ras),
        "sphericity": number(d.sphericity, 2),
        "crosses_midline": d.crosses_midline,
        "distances": [_distance(way) for way in d.distances],
        "neighbours": [_distance(way) for way in d.neighbours],
    }


def _distance(way: AtlasDistance) -> dict[str, Any]:
    lengths = ("distance_mm", "low_mm", "high_mm")
    rounded = {name: number(getattr(way, name), MILLIMETRE_DIGITS) for name in lengths}
    # A gap that is rounded to nothing is still no contact.
    return {"position": way.position, **rounded, "contact": way.contact}


def appearance_of(place: MaskGeometry | None) -> dict[str, Any] | None:
    if place is None or place.appearance is None:
        return None
    a = place.appearance
    return {
        "brighter_ml": number(a.brighter_ml, VOLUME_DIGITS),
        "not_brighter_ml": number(a.not_brighter_ml, VOLUME_DIGITS),
        "darker_percent": number(a.darker_percent, PERCENT_DIGITS),
        "pattern": a.pattern,
    }


def picture_of(match: PictureMatch | None) -> dict[str, Any] | None:
    if match is None:
        return None
    told, reach = match.known and match.level_mm is not None, match.level_range_mm
    return {
        "plane": match.plane,
        "plane_agreement": number(min(match.plane_confidence, 1.0), SCORE_DIGITS),
        "level_mm": number(match.level_mm, MILLIMETRE_DIGITS) if told else None,
        "level_range_mm": position(reach) if told and reach else None,
        "level_agreement": number(min(match.level_confidence, 1.0), SCORE_DIGITS) if told else None,
        "fit": number(match.fit, SCORE_DIGITS),
    }


def lobe_of(name: str, match: PictureMatch | None) -> dict[str, Any] | None:
    if match is None or name not in match.places:
        return None
    place = match.places[name]
    return {"lobe": place.lobe, "agreement": number(min(place.confidence, 1.0), SCORE_DIGITS)}


def largest_distance(lesions: Sequence[Mapping[str, Any]]) -> float | None:
    """Between the centres of two segmented abnormalities."""
    centres = [np.array(one["centroid_ras_mm"]) for one in lesions if one["centroid_ras_mm"] is not None]
    ways = [float(np.linalg.norm(a - b)) for a, b in combinations(centres, 2)]
    return number(max(ways), MILLIMETRE_DIGITS) if ways else None


def image_side(case: Case, mask: np.ndarray) -> str:
    """Side of a picture, about the middle of the head in it: where the patient's side is, nobody can know."""
    columns = np.flatnonzero(case.head.any(axis=(1, 2))) if case.head.any() else np.arange(case.image.shape[0])
    middle = (columns[0] + columns[-1]) / 2
    places = np.argwhere(mask)[:, 0]
    left = float((places < middle).mean() + (places == middle).mean() / 2)
    if left >= _MIDLINE_SHARE:
        return "image left"
    return "image right" if left <= 1 - _MIDLINE_SHARE else "image midline"
