"""What the readers of numbers share: how a number is compared with the findings, and which rows of a table are meant."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..schema import Lesion, LesionRegion, Saliency
from .claims import Clause
from .mentions import Number
from .vocabulary import region_forms

ENTITIES = ("lesion", "map")


PLACES = ("region", "lobe", "side", "outside")


def agrees(number: Number, fact: float) -> bool:
    """Whether a number as written is the fact, rounded as it is written; a bound holds or not.

    Rounding to certainty or to nothing (0.9996 as 1.00, 0.03 as 0) is no rounding, and neither is one by more than a tenth; one to
    tenths of a millilitre may be one by three tenths.
    """
    value, slack = number.value, number.half_step * (1 + 1e-6) + 1e-9
    if math.isnan(value):
        return False
    if number.span:  # "between 4 and 5 ml"; a wide span says nothing that would be said
        low, high = number.parts
        return low <= fact <= high and high - low <= 0.25 * fact
    if number.bound:
        return _within(number, fact) and not _far(number, fact)
    distance = abs(value - fact)
    right_way = {"almost": value >= fact, "over": value <= fact}.get(number.approx, True)
    if number.unit == "fraction":
        return right_way and distance <= (5.0 if number.approx else 2.5)
    if number.approx:
        scale = max(abs(fact), 1e-12)
        two_digits = 0.5 * 10 ** (math.floor(math.log10(scale)) - 1) * (1 + 1e-6)
        fine = 0 < 2 * number.half_step < 0.01 * scale  # "about 4.54 ml" means that its last digit is right
        return right_way and distance <= (slack if fine else max(slack, two_digits, 0.06 * scale))
    certain = value in (0.0, 1.0, 100.0) and (value == 0 or number.unit == "%" or slack < 0.1)
    fine = number.half_step <= 0.0051 and number.unit in ("", "ml")  # two decimals of a score or of millilitres
    most = 0.3 if number.unit == "ml" and number.half_step <= 0.051 else 0.1
    rounded = rounds_to(value, number.half_step, fact) and not certain and (fine or distance <= most * abs(fact))
    return value == fact or rounded


def rounds_to(value: float, half_step: float, fact: float) -> bool:
    """Whether a figure rounds to this value: a half goes up, 6.5 to 7. Where decimals are written a half goes either way, as the
    last binary digit of 6.25 may be either side of it, and what prints the figures rounds it to even."""
    below, above = value - fact, fact - value
    slack = half_step * (1 + 1e-6) + 1e-9
    return below <= slack and above <= (slack if half_step < 0.5 else half_step * (1 - 1e-6) - 1e-9)


def _within(number: Number, fact: float) -> bool:
    value = number.value
    return {">": fact > value, "<": fact < value, ">=": fact >= value, "<=": fact <= value}.get(number.bound, False)


def _far(number: Number, fact: float) -> bool:
    """Whether a bound lies so far from a size that nobody would give it: true or not, it is not held."""
    return bool(number.bound) and number.unit in ("mm", "ml") and not number.value / 8 <= fact <= 8 * number.value


def firm(number: Number, facts: Sequence[float | None]) -> bool:
    """Whether the denial of a number that is not held says nothing: of an exact number, and of a bound that is far off."""
    known = [fact for fact in facts if fact is not None]
    far_off = [fact for fact in known if _far(number, fact)]
    return not number.bound or (bool(known) and far_off == known) or any(_within(number, fact) for fact in far_off)


def compare(clause: Clause, kind: str, number: int, fact: float | None, *places: int | None) -> None:
    """State that the number is the fact; without a fact, the findings do not hold it."""
    value = clause.mentions[number].number
    holds = None if fact is None else agrees(value, fact)
    clause.state(kind, holds, number, *(p for p in places if p is not None), exact=firm(value, [fact]))


def unreadable(clause: Clause, number: int) -> None:
    clause.state("number", None, number)


_NONE = ("none", "none of", "neither", "no")


def each(clause: Clause, kind: str, i: int, facts: Sequence[float | None], *places: int | None) -> None:
    """State a number for every one of several masks."""
    number = clause.mentions[i].number
    if not facts or any(fact is None for fact in facts):
        clause.state(kind, None, i, *(p for p in places if p is not None))
        return
    results = {agrees(number, fact) for fact in facts}
    chosen = [p for p in places if p is not None]
    holds: bool | None = results.pop() if len(results) == 1 else False
    if len(facts) > 1 and holds is False and any(agrees(number, fact) for fact in facts):
        none = any(clause.mentions[j].text.lower() in _NONE for j in clause.of("neg"))
        denied = clause.negations(i, *chosen) % 2 == 1
        holds = (none or None) if denied else False  # "none of them exceeds 3 ml"
    clause.state(kind, holds, i, *chosen, exact=firm(number, facts))


def first_that_agrees(clause: Clause, kind: str, i: int, facts: Sequence[float], *places: int | None) -> None:
    number = clause.mentions[i].number
    chosen = [p for p in places if p is not None]
    if not facts:
        clause.state(kind, False, i, *chosen, exact=True)
        return
    clause.state(kind, any(agrees(number, fact) for fact in facts), i, *chosen, exact=firm(number, facts))


def entity(clause: Clause, i: int) -> tuple[int | None, list[Lesion | Saliency] | None]:
    """The lesion or map that a number belongs to, and its masks."""
    place = clause.attached(i, ENTITIES, prefer_before=True)
    if clause.elided and place is not None and place > i and clause.crosses(i, place):
        place = None  # "and measures 4.03 ml, the second ..."
    return place, clause.masks(place)


def is_named(name: str, region: str, side: str | None) -> bool:
    plain = name.lower()
    if side is not None and plain.split()[0] in ("left", "right") and plain.split()[0] != side:
        return False
    return bool(set(region_forms(name)) & set(region_forms(region)))


def rows_of(masks: list[Lesion | Saliency] | None, clause: Clause, place: int) -> list:
    """The rows of the masks' tables that a mention of a region, a lobe or "outside" means."""
    mention = clause.mentions[place]
    rows = [row for mask in masks or [] for row in mask.regions]
    if mention.kind == "outside":
        name = "outside the brain" if "brain" in mention.text.lower() else ""
        return [row for row in rows if row.lobe == "other" and (not name or row.name == name)]
    if mention.kind == "lobe":
        return [r for r in rows if r.lobe == mention.value and (mention.side is None or r.side == mention.side)]
    return [
        r
        for r in rows
        if r.lobe != "other"
        and set(region_forms(r.name)) & set(region_forms(mention.value))
        and (mention.side is None or r.side == mention.side or r.name.lower().startswith(mention.side))
    ]


def share_of(row: object) -> float:
    return row.percent_of_lesion if isinstance(row, LesionRegion) else row.percent_of_mask


def largest_is_told(mask: Lesion | Saliency) -> bool:
    """False where several regions may hold the largest share of a lesion."""
    return not isinstance(mask, Lesion) or len(mask.largest_regions) < 2


def is_largest(mask: Lesion | Saliency, rows: Sequence[object]) -> bool:
    """Whether no named region holds more of the mask than these rows, as far as that can be told."""
    if not largest_is_told(mask):
        return False
    if isinstance(mask, Lesion) and len(mask.largest_regions) > 1:
        return False  # which holds most cannot be told
    most = max((share_of(row) for row in mask.regions if row.lobe != "other"), default=0.0)
    return sum(share_of(row) for row in rows) >= most > 0


def largest(mask: Lesion | Saliency, kind: str) -> list[float]:
    """The shares of all named regions or lobes of a mask."""
    rows = [row for row in mask.regions if row.lobe != "other"]
    if kind != "lobe":
        return [share_of(row) for row in rows]
    return [sum(share_of(row) for row in rows if row.lobe == lobe) for lobe in {row.lobe for row in rows}]


def joined(clause: Clause, a: int, b: int) -> bool:
    between = clause.mentions[a + 1 : b]
    return all(m.kind in ("sep", "neutral", "which") or m.text in (",", "nor") for m in between) and bool(between)


# Words that statements know as they are written, where the vocabulary has no own cue for them.
_WRITTEN = {
    "registered": ("registered", "aligned"),
    "determined": ("determined",),
    "given": ("given", "stated", "reported", "provided", "listed", "specified", "described"),
}


def written(clause: Clause) -> set[str]:
    """Those of these words that a clause holds."""
    texts = {m.text.lower() for m in clause.mentions}
    return {word for word, forms in _WRITTEN.items() if texts & set(forms)}


def cue_at(clause: Clause, word: str) -> int | None:
    """Index of an unread cue or of a word as written."""
    written = _WRITTEN.get(word)
    for i, m in enumerate(clause.mentions):
        if not m.read and (
            (m.kind in ("cue", "quantity") and m.value == word) or (written and m.text.lower() in written)
        ):
            return i
    return None
