"""Distances of a lesion to atlas positions and to the brain's surface."""

from __future__ import annotations

import re
from dataclasses import replace

from .. import measures
from ..schema import DistancePart, Lesion
from .claims import Clause
from .facts import agrees, firm, rounds_to

_NEAR = re.compile(r"(?:directly |immediately |very |lies |is )*(?:adjacent|next|near|close)\b", re.IGNORECASE)
_AWAY = ("away", "away from", "distant", "apart from")


def read(clause: Clause) -> None:
    """ "the motor cortex is 11.4 mm away (8.9 to 13.6 mm)", "in contact with the brain's surface"."""
    about = clause.cue("distance") is not None or bool(clause.of("contact"))
    touched = clause.of("contact")
    away = about and any(
        m.text.lower() == "them" or (m.text.lower() == "it" and touched and i > touched[0])
        for i, m in enumerate(clause.mentions)
    )
    if away and not clause.of("landmark") and clause.context.landmark is not None:
        clause.mentions.append(replace(clause.context.landmark, read=False, depth=0))
    marks = clause.of("landmark")
    if not marks:
        return
    place = next(iter(clause.of("lesion")), None)
    lesions = clause.masks(place)
    one = lesions[0] if lesions and len(lesions) == 1 and isinstance(lesions[0], Lesion) else None
    ways = {way.position: way for way in one.measures.distances} if one is not None and one.measures else {}
    numbers = [i for i in clause.of("number", unread=True) if clause.mentions[i].number.unit == "mm"]
    points = [i for i in numbers if not clause.mentions[i].number.parts]
    spans = [i for i in numbers if clause.mentions[i].number.span]
    contacts = clause.of("contact", unread=True)
    along = [*([place] if place is not None else []), *(j for j in clause.of("quantity") if _distance(clause, j))]
    for order, mark in enumerate(marks):
        way = ways.get(clause.mentions[mark].value)
        near, ends, touch = (_own(clause, marks, order, places) for places in (points, spans, contacts))
        own = (near, ends, [] if near and len(marks) > 1 else touch)
        _state(clause, mark, way, own, along)
    closer = clause.of("closer", unread=True)
    than = any(m.text.lower() == "than" for m in clause.mentions)
    compared = [j for j in clause.of("bound", "compare", unread=True) if len(marks) == 2 and marks[0] < j < marks[1]]
    if len(compared) == 1 and any(_distance(clause, j) for j in along):  # "the distance to A is smaller than to B"
        first, second = (ways.get(clause.mentions[m].value) for m in marks)
        sign = 1 if clause.mentions[compared[0]].value == ">" else -1
        known = first is not None and second is not None
        holds = sign * (first.distance_mm - second.distance_mm) > 0 if known else None
        clause.state("comparison", holds, compared[0], *marks, *along)
    if closer and len(marks) == 2 and than:
        first, second = (ways.get(clause.mentions[m].value) for m in marks)
        holds = None if first is None or second is None else first.distance_mm < second.distance_mm
        clause.state("comparison", holds, closer[0], *marks, *along)
    if spans:
        clause.read(*clause.of("interval"))
    clause.read(*(i for i in clause.of("approx") if _approximate(clause)))


def _distance(clause: Clause, i: int) -> bool:
    return clause.mentions[i].value == "distance"


def _approximate(clause: Clause) -> bool:
    return clause.findings.anatomy.registration.verdict == "limited"


def _other_unit(clause: Clause, mark: int) -> bool:
    """Whether the position's distance is given as something else: "the distance to the motor cortex is 4 ml"."""
    for m in clause.mentions[mark + 1 :]:
        if m.kind in ("quantity", "lesion", "map"):
            return False
        if m.kind == "number":
            return m.number.unit not in ("", "mm", "cm")
    return False


def _own(clause: Clause, marks: list[int], order: int, places: list[int]) -> list[int]:
    """Those of ``places`` that belong to this position: in the brackets behind it, all where it is alone, else in order."""
    mark = marks[order]
    inside = []
    for i in range(mark + 1, len(clause.mentions)):
        m = clause.mentions[i]
        if m.kind == "landmark" or (m.depth <= clause.mentions[mark].depth and m.text not in ("(", ")")):
            break
        if i in places and m.depth > clause.mentions[mark].depth:
            inside.append(i)
    bracketed = any(clause.mentions[i].depth for i in places)
    if inside or (bracketed and len(marks) > 1):
        return inside
    if len(marks) == 1:
        return list(places)
    if len(places) == len(marks):
        return [places[order]]
    if places and clause.mentions[places[0]].kind == "contact":
        before = [i for i in places if i < mark]
        return before[-1:] if any(i < marks[-1] for i in places) else list(places)
    return [i for i in places if clause.attached(i, ("landmark",)) == mark]


def _state(
    clause: Clause, mark: int, way: DistancePart | None, own: tuple[list[int], list[int], list[int]], along: list[int]
) -> None:
    points, spans, contacts = own
    if way is None or (any(_distance(clause, j) for j in along) and _other_unit(clause, mark)):
        clause.state("distance", None, mark, *points, *spans, *contacts, *along)
        return
    near = any(_NEAR.match(clause.mentions[j].text) for j in along)
    far = near and way.distance_mm > measures.NAMED_WITHIN_MM  # "adjacent to the visual cortex (71 mm)"
    for i in points:
        number = clause.mentions[i].number
        holds = None if far else agrees(number, way.distance_mm)
        clause.state("distance", holds, mark, i, *along, exact=firm(number, [way.distance_mm]))
    for i in spans:
        number = clause.mentions[i].number
        ends = () if way.low_mm is None or way.high_mm is None else (way.low_mm, way.high_mm)
        holds = len(ends) == 2 and all(map(rounds_to, number.parts, number.steps, ends))
        clause.state("interval", holds, mark, i, *along, exact=True)
    touching: bool | None = way.distance_mm == 0
    if way.contact is not None:
        touching = None if way.contact == "not told" else way.contact == "touches"
    for i in contacts:
        clause.state("contact", touching, mark, i, *along)
    if not (points or spans or contacts) and (any(_distance(clause, j) for j in along)):
        denied = bool(clause.of("neg")) or clause.negated
        near = way.distance_mm <= measures.ADJACENT_MM
        if any(clause.mentions[j].text.lower() in _AWAY for j in along):  # "stays away from the brain's surface"
            clause.state("distance", not near and not touching if not denied else None, mark, *along)
            return
        clause.state("distance", True if near and not denied else None, mark, *along)
