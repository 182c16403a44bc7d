"""The narrative's sentences about size, shape and distances of the segmented abnormalities."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .passages import Passage, at, quoted
from .schema import DistancePart, Findings, Lesion, Measures
from .wording import joined, percent_text, region_name, score_text, volume_text

BRAIN_SURFACE = "brain surface"
NAMED_WITHIN_MM = 20.0  # positions farther away stand in the table only
ADJACENT_MM = 5.0  # up to here an abnormality is called adjacent to a position
SEPTUM_COVERED = "the segmented abnormality covers the septum pellucidum"
SEPTUM_UNDER = "the septum pellucidum lies under the segmented abnormality"  # in findings of older versions
_NOT_COMPUTED = "Not computed: "
BRIGHTNESS_LIMIT = (
    "No series without contrast agent was given: what is bright is not known to have taken up contrast agent."
)
MOST_LESIONS = 3  # with a sentence each
_LOBES = {
    **{name: f"{name} lobe" for name in ("frontal", "temporal", "parietal", "occipital")},
    "cingulate": "cingulate gyrus",
    "deep grey": "deep grey matter",
    "ventricle": "ventricles",
}
SLICE_MIDLINE = (
    "The sides are those of the geometry; the midline is that of the section of the template that fits best, "
    "and approximate."
)
_PATTERNS = {"solid": "solid", "ring": "as a ring", "mixed": "mixed", "none": "less than a tenth"}
_ACROSS = {
    "axial": ("above the origin", "below the origin"),
    "coronal": ("in front of the origin", "behind the origin"),
    "sagittal": ("to one side of the midline",) * 2,
}
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
        yield Passage(_no_shift(shift.method), (f"{place}/method",), "Midline shift: not computed.")
        return
    side = "" if shift.towards is None else f" to the {shift.towards} of the patient"
    text = f"Midline shift at the septum pellucidum, as the registration places it: {shift.distance_mm:.1f} mm{side}"
    text += "." if shift.distance_mm > WITHIN_ERROR_MM else ", within the registration's own error."
    yield Passage(text, (f"{place}/distance_mm", f"{place}/towards", f"{place}/method"))


def septum_hidden(method: str) -> bool:
    """Whether an abnormality over the septum pellucidum is why no midline shift was computed."""
    return any(words in method for words in (SEPTUM_COVERED, SEPTUM_UNDER))


def _no_shift(method: str) -> str:
    """``Midline shift not computed: ...``, whatever words an older version had for the reason."""
    if not method.startswith(_NOT_COMPUTED):
        return f"Midline shift: {quoted(method)}"
    return f"Midline shift not computed: {quoted(method.removeprefix(_NOT_COMPUTED)).replace(SEPTUM_UNDER, SEPTUM_COVERED)}"


def distances(measures: Measures, called: str, index: int, approximate: bool) -> Iterator[Passage]:
    """Distances to atlas positions that a reader asks about: what lies next to it, then what lies within NAMED_WITHIN_MM; those
    farther away stand in the table."""
    named = [(n, way) for n, way in enumerate(measures.distances) if way.distance_mm <= NAMED_WITHIN_MM]
    about = " approximately" if approximate else ""
    near = [(n, way) for n, way in named if is_adjacent(way)]
    far = [(n, way) for n, way in named if not is_adjacent(way)]
    for ways, verb, said in ((near, f"is{about} adjacent to", way_text), (far, f"lies{about}", _away)):
        if ways:
            evidence = (
                at("lesions", index, "name"),
                *(at("lesions", index, "measures", "distances", n) for n, _ in ways),
                *((at("anatomy", "registration", "verdict"),) if approximate else ()),
            )
            listed = joined([said(way) for _, way in ways])
            yield Passage(f"{called} {verb} {listed}; function was not assessed.", evidence)


def is_adjacent(way: DistancePart) -> bool:
    """Whether an abnormality may be called adjacent to a position: where it touches it, or nearly so."""
    return _touching(way) or round(way.distance_mm, 1) <= ADJACENT_MM


def intervals(findings: Findings) -> Iterator[Passage]:
    """What the intervals behind the distances cover, once, where some are told."""
    reach = findings.anatomy.interval_mm
    told = [
        at("lesions", index, "measures", "distances", n)
        for index, lesion in enumerate(findings.lesions[:MOST_LESIONS])
        if lesion.measures is not None
        for n, way in enumerate(lesion.measures.distances)
        if way.distance_mm <= NAMED_WITHIN_MM and _span(way)
    ]
    if reach is not None and told:
        yield Passage(interval_meaning(reach), (at("anatomy", "interval_mm"), *told))


def interval_meaning(reach_mm: float) -> str:
    """What every interval of a share and of a distance covers."""
    return (
        f"Intervals: lowest and highest value with the registration moved by {reach_mm:.1f} mm in all directions, and scaled; "
        "they are no confidence intervals."
    )


def largest(lesion: Lesion, called: str, index: int, approximate: bool) -> Iterator[Passage]:
    """Which region holds the largest share, or that it cannot be told among those named."""
    if not lesion.largest_regions:
        return
    names = [region_name(region.name, region.side) for region in lesion.largest_regions]
    about = "approximately " if approximate else ""
    inner = called[0].lower() + called[1:]
    if len(names) == 1:
        text = f"Of the named regions, {names[0]} {about}holds the largest share of {inner}."
    else:
        text = f"Which of these regions {about}holds the largest share of {inner} cannot be told: {joined(names)}."
    evidence = (at("lesions", index, "largest_regions"), at("lesions", index, "name"))
    yield Passage(text, evidence + ((at("anatomy", "registration", "verdict"),) if approximate else ()))


def appearance(lesion: Lesion, called: str, index: int) -> Iterator[Passage]:
    """How bright an abnormality is on this series, and that this does not say why."""
    look = lesion.appearance
    if look is None:
        return
    inner = called[0].lower() + called[1:]
    pattern = _PATTERNS[look.pattern]
    text = (
        f"Appearance on this series: of {inner}, {volume_text(look.brighter_ml)} is brighter than the patient's white matter "
        f"({pattern}) and {volume_text(look.not_brighter_ml)} is not; {percent_text(look.darker_percent)} of the "
        "abnormality is nearer to the level of fluid than to that of white matter."
    )
    place = at("lesions", index, "appearance")
    keys = ("brighter_ml", "not_brighter_ml", "darker_percent", "pattern")
    yield Passage(text, (*(f"{place}/{key}" for key in keys), at("lesions", index, "name")))


def single_slice(findings: Findings, called: Callable[[Lesion], str]) -> Iterator[Passage]:
    """Which section of the template a slice looks like, and the lobes that this gives."""
    match, place = findings.anatomy.picture, at("anatomy", "picture")
    if match is None or not findings.lesions:
        return
    given = findings.image.is_slice_with_geometry  # and with it the plane
    sided = [at("lesions", n, "side") for n, lesion in enumerate(findings.lesions) if lesion.side is not None]
    if given and sided:
        yield Passage(SLICE_MIDLINE, (at("image", "has_geometry"), *sided))
    if match.plane is None:
        what = "level" if given else "plane and level"
        yield Passage(
            f"Which {what} the slice shows cannot be told by comparison with the template, so no lobe is named.",
            (f"{place}/plane",),
        )
        return
    if given:
        yield Passage(
            "The plane of the slice is known by its geometry, its level by comparison with the template alone; what follows from "
            "this is approximate.",
            (at("image", "has_geometry"), f"{place}/plane"),
        )
    else:
        article = "an" if match.plane == "axial" else "a"
        text = (
            f"By comparison with the template the slice looks like {article} {match.plane} section (agreement of the sections "
            f"that fit {score_text(match.plane_agreement)}); what follows from this is approximate."
        )
        yield Passage(text, (f"{place}/plane", f"{place}/plane_agreement"))
    if match.level_mm is not None and match.level_agreement is not None:
        above, below = _ACROSS[match.plane]
        text = (
            f"The level of the slice is approximately {abs(match.level_mm):.0f} mm {above if match.level_mm >= 0 else below} of "
            f"MNI152 (agreement of the sections that fit {score_text(match.level_agreement)})."
        )
        yield Passage(text, (f"{place}/level_mm", f"{place}/level_agreement", f"{place}/plane"))
    for index, lesion in enumerate(findings.lesions[:MOST_LESIONS]):
        lobe = lesion.approximate_lobe
        if lobe is None:
            continue
        evidence = (at("lesions", index, "name"), at("lesions", index, "approximate_lobe"))
        inner = called(lesion)[0].lower() + called(lesion)[1:]
        if lobe.lobe is None:
            yield Passage(f"The lobe of {inner} cannot be told from this slice.", evidence)
        else:
            text = (
                f"{called(lesion)} projects approximately onto the atlas position of the {_LOBES.get(lobe.lobe, lobe.lobe)} "
                f"(agreement {score_text(lobe.agreement)})."
            )
            yield Passage(text, evidence)


def brightness_limit(findings: Findings) -> Iterator[Passage]:
    """What one series cannot say."""
    if any(lesion.appearance is not None for lesion in findings.lesions):
        yield Passage(BRIGHTNESS_LIMIT, tuple(at("lesions", n, "appearance") for n in range(len(findings.lesions))))


def way_text(way: DistancePart) -> str:
    """``the brain's surface (3.1 mm, 1.0 to 5.2 mm)``."""
    return f"{position_text(way)} ({distance_text(way)})"


def _away(way: DistancePart) -> str:
    """``11.4 mm from the atlas position of the motor cortex (8.9 to 13.6 mm)``."""
    behind = ", ".join(filter(None, ["contact cannot be told" if way.contact == "not told" else "", _span(way)]))
    return f"{way.distance_mm:.1f} mm from {position_text(way)}" + (f" ({behind})" if behind else "")


def position_text(way: DistancePart) -> str:
    """What a distance is to, in running text."""
    return "the brain's surface" if way.position == BRAIN_SURFACE else f"the atlas position of the {way.position}"


def _touching(way: DistancePart) -> bool:
    return way.distance_mm == 0 if way.contact is None else way.contact == "touches"


def _span(way: DistancePart) -> str:
    """``8.9 to 13.6 mm``; nothing where there is no interval."""
    if way.low_mm is None or way.high_mm is None or way.low_mm == way.high_mm:
        return ""
    return f"{way.low_mm:.1f} to {way.high_mm:.1f} mm"


def distance_text(way: DistancePart) -> str:
    """``3.1 mm, 1.0 to 5.2``; where they touch, ``in contact``; where that is not known, ``contact cannot be told``."""
    value = "in contact" if _touching(way) else f"{way.distance_mm:.1f} mm"
    if way.contact == "not told":
        value = "contact cannot be told" if way.distance_mm == 0 else f"{value}, contact cannot be told"
    return ", ".join(filter(None, [value, _span(way)]))
