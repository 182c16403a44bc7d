"""Diameters, extent and sphericity of a lesion, the distance between lesions, the midline shift."""

from __future__ import annotations

from dataclasses import replace

from ..measures import WITHIN_ERROR_MM
from ..schema import Lesion, Measures
from .claims import Clause
from .facts import agrees, compare, entity, rounds_to


def read(clause: Clause) -> None:
    """Everything that a clause says of them; what is read here no other reader sees."""
    if clause.of("shift") or clause.context.shift:
        _midline(clause)
    _apart(clause)
    _compared(clause)
    if clause.of("dim") or any(_is_length(clause, i) and _pair(clause, i) for i in clause.of("number")):
        _sizes(clause)


def _is_length(clause: Clause, i: int) -> bool:
    mention = clause.mentions[i]
    return not mention.read and mention.number is not None and mention.number.unit == "mm"


def _pair(clause: Clause, i: int) -> bool:
    number = clause.mentions[i].number
    return len(number.parts) == 2 and not number.span


def _measures(clause: Clause, i: int) -> tuple[int | None, Measures | None]:
    place, masks = entity(clause, i)
    one = masks[0] if masks is not None and len(masks) == 1 else None
    return place, one.measures if isinstance(one, Lesion) else None


def _cues(clause: Clause, i: int, lengths: list[int]) -> list[int]:
    """What a number is said to be: words between it and its neighbours, on its own side of a comma or an "and"."""
    numbers = [j for j in lengths if j != i]
    before = max((j for j in numbers if j < i), default=-1)
    after = min((j for j in numbers if j > i), default=len(clause.mentions))

    def cut(j: int) -> bool:
        return clause.mentions[j].kind == "sep" or clause.mentions[j].text in (",", ";")

    own = [j for j in clause.of("dim") if before < j < i and (before < 0 or any(cut(k) for k in range(before, j)))]
    later = [j for j in clause.of("dim") if i < j < after and not any(cut(k) for k in range(i, j))]
    return [*own, *later]


def _plain(clause: Clause, i: int, lengths: list[int]) -> bool:
    """Whether a length is one of "axial diameters of A and B", and not an extent or said to be something else."""
    return {clause.mentions[j].value for j in _cues(clause, i, lengths)} <= {"diameter", "axial"}


def _sizes(clause: Clause) -> None:
    lengths = [i for i in clause.of("number") if _is_length(clause, i)]
    plural = any(clause.mentions[j].text.lower().endswith("diameters") for j in clause.of("dim"))
    places = [entity(clause, i)[0] for i in lengths]
    for i, owner in zip(lengths, places, strict=True):
        place, measures = _measures(clause, i)
        group = [j for j, other in zip(lengths, places, strict=True) if other == owner and _plain(clause, j, lengths)]
        order = group.index(i) if i in group else 0
        cues = _cues(clause, i, lengths)
        said = {clause.mentions[j].value for j in cues}
        along = [*cues, *([place] if place is not None else []), *clause.of("quantity", value="volume")]
        if _pair(clause, i):
            if measures is not None and said <= {"diameter", "axial", "perpendicular", "long axial"}:
                number = clause.mentions[i].number
                pairs = zip(number.parts, number.steps, measures.axial_diameters_mm, strict=True)
                loose = 0.06 * number.parts[0] if number.approx else 0.0
                holds = all(
                    (rounds_to(a, max(step, 0.05), b) or abs(a - b) <= loose) and abs(a - b) <= 0.1 * b
                    for a, step, b in pairs
                )
                clause.state("diameters", holds, i, *along, exact=True)
            continue
        if clause.mentions[i].number.parts:
            continue
        zipped = plural and len(group) == 2 and i in group and not said & {"perpendicular", "extent", "equivalent"}
        if zipped:
            cues = cues or clause.of("dim")
        facts = _facts(measures, said, order if zipped else 0) if measures is not None else []
        if (cues or zipped) and facts:
            number = clause.mentions[i].number  # "up to 36 mm in any direction" is what it reaches
            number = replace(number, bound="") if number.bound in ("<=", ">=") else number
            holds = any(agrees(number, fact) for fact in facts)
            clause.state("diameter", holds, i, *along, *cues, exact=True)
        elif cues:
            clause.state("diameter", None, i, *along)
    for i in clause.of("number", unread=True):
        following = clause.mentions[i + 1] if i + 1 < len(clause.mentions) else None
        if (
            clause.mentions[i].value == "word"
            and following is not None
            and following.kind == "dim"
            and following.text.endswith("s")
            and len(lengths) == 2
        ):
            clause.state("count", clause.mentions[i].number.value == 2, i)
    for i in clause.of("number"):
        mention = clause.mentions[i]
        if mention.read or mention.number.unit or mention.number.parts or mention.value == "count":
            continue
        cues = [j for j in clause.of("dim") if clause.mentions[j].value == "sphericity"]
        if cues and "." in mention.text:
            place, measures = _measures(clause, i)
            compare(clause, "sphericity", i, None if measures is None else measures.sphericity, place, *cues)


def _facts(measures: Measures, said: set[str], order: int) -> list[float]:
    first, second = measures.axial_diameters_mm
    if "equivalent" in said:
        return [measures.equivalent_diameter_mm]
    if "perpendicular" in said:
        return [second]
    if "long axis" in said:
        return [first, measures.long_axis_mm]
    if "extent" in said:
        return [first] if said & {"axial", "long axial"} else [measures.feret_mm]
    if said & {"axial", "long axial", "diameter"} or order:
        return [second if order else first]
    return [first, measures.feret_mm] if "long" in said else []


_FIGURES = {"sphericity": "sphericity", "extent": "feret_mm", "equivalent": "equivalent_diameter_mm"}


def _compared(clause: Clause) -> None:
    """ "the second has a higher sphericity than the first"."""
    dims, lesions = clause.of("dim", unread=True), clause.of("lesion")
    than = clause.of("compare", "bound", unread=True)
    if any(m.text.lower() == "than" for m in clause.mentions):
        than += [j for j in clause.of("which", unread=True) if clause.mentions[j].value in ("larger", "smaller")]
    values = {clause.mentions[i].value for i in dims}
    if len(lesions) != 2 or len(than) != 1 or len(values) != 1 or clause.of("number", "map", "region"):
        return
    figure = _FIGURES.get(values.pop())
    masks = [clause.masks(i) or [] for i in lesions]
    found = [
        one[0].measures for one in masks if len(one) == 1 and isinstance(one[0], Lesion) and one[0].measures is not None
    ]
    if figure is None or not lesions[0] < than[0] < lesions[1]:
        return
    first, second = (getattr(one, figure) for one in found) if len(found) == 2 else (None, None)
    sign = 1 if clause.mentions[than[0]].value[0] in (">", "l") else -1
    holds = None if first is None or second is None else sign * (first - second) > 0
    clause.state("comparison", holds, *than, *dims, *lesions)


def _apart(clause: Clause) -> None:
    """ "the centres of the two lesions are 52.3 mm apart"."""
    centre, apart = clause.cue("centre"), clause.cue("distance", "margin", "largest distance")
    largest = clause.cue("largest distance") is not None
    lesions = [i for i in clause.of("lesion") if clause.mentions[i].value in ("many", "both", "all")]
    total = clause.findings.lesion_total
    spoken_of = clause.context.lesions == tuple(range(total.count)) or any(
        m.text.lower() == "their" for m in clause.mentions
    )
    numbers = [i for i in clause.of("number") if _is_length(clause, i) and not clause.mentions[i].number.parts]
    if centre is None or apart is None or len(numbers) != 1 or clause.cue("origin") is not None:
        return
    if (
        (lesions or ((spoken_of or largest) and not clause.of("lesion", "map")))
        and (total.count == 2 or largest)
        and total.largest_distance_mm is not None
    ):
        two = [i for i in clause.of("number", unread=True) if largest and clause.mentions[i].text.lower() == "two"]
        compare(clause, "distance", numbers[0], total.largest_distance_mm, centre, apart, *lesions, *two)


def _midline(clause: Clause) -> None:
    """ "a midline shift of 3.4 mm to the right", "within the registration's error", "was not computed"."""
    shift = clause.findings.anatomy.midline_shift if clause.findings.lesions else None
    cues = [i for i in clause.of("shift") if clause.mentions[i].value in ("noun", "septum", "verb")]
    error = [i for i in clause.of("shift") if clause.mentions[i].value == "error"]
    beyond = [i for i in clause.of("shift") if clause.mentions[i].value == "beyond"]
    noun = [i for i in cues if clause.mentions[i].value != "verb"]
    verb = [i for i in cues if clause.mentions[i].value == "verb"]
    middle = [i for i in clause.of("side") if clause.mentions[i].value == "midline" and verb and i < verb[0]]
    computed = next((i for i in clause.of("cue") if clause.mentions[i].value in ("computed", "known", "assess")), None)
    if computed is None:
        words = ("measured", "determined", "quantified", "calculated")
        computed = next((i for i, m in enumerate(clause.mentions) if m.text.lower() in words), None)
    directed = (
        clause.context.shift and bool(clause.of("side")) and not clause.of("lesion", "map", "region", "lobe", "class")
    )
    if not noun and not (verb and middle) and not (clause.context.shift and (error or beyond)) and not directed:
        return
    clause.read(*middle, clause.cue("registration"), *clause.of("lesion"))
    known = None if shift is None else shift.distance_mm
    numbers = [i for i in clause.of("number") if _is_length(clause, i)]
    sides = [i for i in clause.of("side") if clause.mentions[i].value in ("left", "right")]
    told = [*cues, *error, *beyond] or clause.of("side")  # "(a midline shift is not given), and it is to the left"
    if shift is None:
        clause.state("midline shift", None, *told)
    elif any(m.text.lower() == "computed as" for m in clause.mentions):
        clause.state("midline shift", None, *cues)
    elif computed is not None and not numbers and not sides:
        clause.read(*(m for m in clause.of("modal") if 0 < computed - m <= 4))
        clause.state("midline shift", known is not None, *cues, computed, process=True)
    elif known is None:
        clause.state("midline shift", None, *told)
    else:
        for i in numbers:
            compare(clause, "midline shift", i, known, *cues)
        for i in sides:
            clause.state("midline shift", shift.towards == clause.mentions[i].value, *cues, i)
        for i in error:
            clause.state("midline shift", known <= WITHIN_ERROR_MM, *cues, i)
        for i in beyond:
            clause.state("midline shift", known > WITHIN_ERROR_MM, *cues, i)
        if not (numbers or sides or error or beyond):
            denied = bool(clause.of("neg")) or clause.negated
            clause.state("midline shift", True if known > WITHIN_ERROR_MM and not denied else None, *cues)
