"""The narrative's sentences about size, shape and distances of the segmented abnormalities."""

from __future__ import annotations

from collections.abc import Iterator

from .passages import Passage, at, quoted
from .schema import DistancePart, Findings, Measures
from .wording import joined

BRAIN_SURFACE = "brain surface"
NAMED_WITHIN_MM = 20.0  # positions farther away stand in the table only
WITHIN_ERROR_MM = 1.5  # a shift up to this is not told from the error of the registration


def lengths(measures: Measures, number: str, index: int) -> Passage:
    """Diameters and shape of one segmented abnormality."""
    first, second = measures.axial_diameters_mm
    place = at("lesions", index, "measures")
    keys = ("axial_diameters_mm", "feret_mm", "sphericity")
    text = (
        f"Axial diameters of segmented abnormality {number}: {first:.1f} mm and, perpendicular to it, {second:.1f} mm; "
        f"its largest extent in any direction is {measures.feret_mm:.1f} mm, its sphericity {measures.sphericity:.2f}."
    )
    return Passage(text, (*(f"{place}/{key}" for key in keys), at("lesions", index, "name")))


def apart(findings: Findings) -> Iterator[Passage]:
    """How far several segmented abnormalities lie from each other."""
    way = findings.lesion_total.largest_distance_mm
    if way is not None:
        after = "" if findings.reader_edit is None else " after the reader's edit"
        text = f"The largest distance between the centres of two of them is {way:.1f} mm{after}."
        yield Passage(text, (at("lesion_total", "largest_distance_mm"),))


def midline(findings: Findings) -> Iterator[Passage]:
    """The midline shift, or why it was not computed."""
    shift, place = findings.anatomy.midline_shift, at("anatomy", "midline_shift")
    if shift is None or not findings.lesions:
        return
    if shift.distance_mm is None:
        yield Passage(f"Midline shift: {quoted(shift.method)}", (f"{place}/method",), "Midline shift: not computed.")
        return
    side = "" if shift.towards is None else f" to the {shift.towards} of the patient"
    text = f"Midline shift at the septum pellucidum, as the registration places it: {shift.distance_mm:.1f} mm{side}"
    text += "." if shift.distance_mm > WITHIN_ERROR_MM else ", within the registration's own error."
    yield Passage(text, (f"{place}/distance_mm", f"{place}/towards", f"{place}/method"))


def distances(measures: Measures, called: str, index: int, approximate: bool) -> Iterator[Passage]:
    """Distances to atlas positions that a reader asks about; those farther than NAMED_WITHIN_MM stand in the table."""
    near = [(n, way) for n, way in enumerate(measures.distances) if way.distance_mm <= NAMED_WITHIN_MM]
    if not near:
        return
    evidence = (
        at("lesions", index, "name"),
        *(at("lesions", index, "measures", "distances", n) for n, _ in near),
        *((at("anatomy", "registration", "verdict"),) if approximate else ()),
    )
    about = " approximately" if approximate else ""
    listed = joined([_way(way) for _, way in near])
    yield Passage(f"{called} is{about} adjacent to {listed}; function was not assessed.", evidence)


def _way(way: DistancePart) -> str:
    what = "the brain's surface" if way.position == BRAIN_SURFACE else f"the atlas position of the {way.position}"
    return f"{what} ({distance_text(way)})"


def distance_text(way: DistancePart) -> str:
    """``3.1 mm, 1.0 to 5.2`` or, where they touch, ``in contact``."""
    value = "in contact" if way.distance_mm == 0 else f"{way.distance_mm:.1f} mm"
    if way.low_mm is None or way.high_mm is None or way.low_mm == way.high_mm:
        return value
    return f"{value}, {way.low_mm:.1f} to {way.high_mm:.1f} mm"
