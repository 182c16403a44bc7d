"""Percentages and fractions: of a mask on a side or a region, of a region under a mask, of a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..schema import Lesion, Saliency
from .claims import Clause
from .facts import (
    ENTITIES,
    PLACES,
    compare,
    first_that_agrees,
    is_largest,
    joined,
    largest,
    rows_of,
    share_of,
    unreadable,
)
from .mentions import Number
from .scores import bare


def share(clause: Clause, i: int) -> None:
    if _of_that_region(clause, i) or _in_view(clause, i):
        return
    quantities = [
        j
        for j in clause.of("quantity")
        if clause.mentions[j].value in ("dice", "entropy", "planes", "checks", "percentile")
    ]
    place = clause.attached(i, PLACES)
    if quantities and (place is None or abs(quantities[0] - i) < abs(place - i)):
        _scaled(clause, i)
        return
    if place is None:
        if clause.of("class") or clause.of("score"):
            _scaled(clause, i)
        else:
            unreadable(clause, i)
        return
    entity = clause.attached(i, ENTITIES, prefer_before=True)
    masks = clause.masks(entity)
    mention = clause.mentions[place]
    if masks is None or len(masks) != 1:
        clause.state("share", None, i, place, *([entity] if entity is not None else []))
        return
    if _together(clause, i, place, masks, entity):
        return
    places = [place, *([entity] if entity is not None else []), *_quantifier(clause, i, masks[0], place)]
    between = [m.text.lower() for m in clause.mentions[i + 1 : place]]
    if mention.kind == "side":
        fact = {"left": masks[0].left_percent, "right": masks[0].right_percent}.get(mention.value)
        compare(clause, "side share", i, fact, *places)
    elif mention.kind == "region" and (
        _covered(clause, place, i) or (place > i and all(word in ("of", "the", "atlas position") for word in between))
    ):
        _of_region(clause, i, rows_of(masks, clause, place), places)
    elif mention.kind == "region":
        rows = rows_of(masks, clause, place)
        places += _superlatives(clause, masks[0], rows, "region")
        first_that_agrees(clause, "region share", i, [share_of(r) for r in rows], *places)
    else:
        rows = [share_of(r) for r in rows_of(masks, clause, place)]
        if mention.kind == "lobe":
            places += _superlatives(clause, masks[0], rows_of(masks, clause, place), "lobe")
        facts = [sum(rows), *(rows if mention.kind == "outside" else [])] if rows else []
        first_that_agrees(clause, f"{mention.kind} share", i, facts, *places)


def _in_view(clause: Clause, i: int) -> bool:
    """ "83 % of the template's brain is in the field of view"."""
    view, template = clause.cue("field of view"), clause.cue("template")
    if view is None or template is None or clause.of(*ENTITIES, *PLACES, "segmentation"):
        return False
    fact = clause.findings.anatomy.registration.checks.get("coverage")
    compare(clause, "field of view", i, None if fact is None else 100 * fact, view, template)
    return True


def _of_that_region(clause: Clause, i: int) -> bool:
    """ "(the overlap with the left frontal pole is 1.85 ml or) 13.9 % of that region": of the one that was named before it."""
    ahead = next((j for j in range(i + 1, len(clause.mentions)) if clause.mentions[j].kind != "neutral"), None)
    if ahead is None or clause.mentions[ahead].text.lower() not in ("region", "atlas region"):
        return False
    named = [j for j in clause.of("region") if j < i]
    entity = clause.attached(i, ENTITIES, prefer_before=True)
    masks = clause.masks(entity)
    if not named or masks is None or len(masks) != 1:
        clause.state("share of region", None, i, ahead)
        return True
    along = [named[-1], ahead, *([entity] if entity is not None else [])]
    _of_region(clause, i, rows_of(masks, clause, named[-1]), along)
    return True


def _of_region(clause: Clause, i: int, rows: Sequence[Any], places: list[int]) -> None:
    """How much of a region a mask takes up; not known where the field of view cuts the region."""
    known = [r.percent_of_region for r in rows if r.percent_of_region is not None]
    if rows and not known:
        clause.state("share of region", None, i, *places)
    else:
        first_that_agrees(clause, "share of region", i, known, *places)


def _covered(clause: Clause, place: int, i: int) -> bool:
    """ "the left frontal pole is covered to 13.9 %": of the region, not of what covers it."""
    between = [m.text.lower() for m in clause.mentions[place + 1 : i]]
    done = [n for n, word in enumerate(between) if word in ("covered", "filled", "occupied", "taken up", "overlapped")]
    return bool(done) and any(word in ("is", "are", "was", "were") for word in between[: done[0]])


def _superlatives(clause: Clause, mask: Lesion | Saliency, rows: Sequence[Any], kind: str) -> list[int]:
    """ "the largest share", "the smallest share", "the main lobe": read with the number where they agree."""
    if kind == "lobe":
        most = sum(map(share_of, rows)) >= max(largest(mask, "lobe"), default=0.0)
        return clause.of("quantity", value="main lobe") if most else []
    places = clause.of("quantity", value="share") if is_largest(mask, rows) else []
    if rows and share_of(rows[0]) <= min(share_of(r) for r in mask.regions if r.lobe != "other"):
        places += clause.of("quantity", value="least")
    return places


def _together(clause: Clause, i: int, place: int, masks: list[Lesion | Saliency], entity: int | None) -> bool:
    """ "A and B together account for 83.9 %"."""
    kind, group = clause.mentions[place].kind, [place]
    while before := [j for j in clause.of(kind) if j < group[0] and joined(clause, j, group[0])]:
        group.insert(0, before[-1])
    while after := [j for j in clause.of(kind) if j > group[-1] and joined(clause, group[-1], j)]:
        group.append(after[0])
    total = clause.cue("total")
    if kind not in ("region", "lobe") or len(group) < 2 or total is None:
        return False
    rows = [rows_of(masks, clause, j) for j in group]
    share = sum(share_of(row) for found in rows for row in found) if all(rows) else None
    compare(clause, "region share", i, share, *group, total, entity)
    return True


def _quantifier(clause: Clause, i: int, mask: Lesion | Saliency, place: int) -> list[int]:
    """ "just over half of it (52.9 %)", "the largest share, 41.6 %": the words are read with the number where they agree."""
    named = clause.mentions[place].kind == "region"
    words = quantifiers(clause, clause.mentions[i].number.value, named, mask, rows_of([mask], clause, place))
    others = [j for j in (*clause.of("number"), *clause.of("region")) if j not in (i, place)]
    return [j for j in words if j > i or not any(j < other < i for other in others)]  # of a share before this one


def quantifiers(clause: Clause, percent: float, named: bool, mask: Lesion | Saliency, rows: Sequence[Any]) -> list[int]:
    """The words for how much that a share of so many percent fits; ``named``: of a region with a name."""
    result = []
    main = named and is_largest(mask, rows)
    for j in clause.of("quantifier"):
        value = clause.mentions[j].value
        fits = {
            "most": percent > 50,
            "mainly": percent > 50 or main,
            "nearly": percent >= 90,
            "vast": percent >= 80,
            "nothing": percent == 0,
            "minor": percent < 50,
            "half+": 50 < percent <= 60,
            "half-": percent < 50,
            "all": percent == 100,
            "part": True,
            "small": percent < 25,
        }
        if fits.get(value):
            result.append(j)
            if j and clause.mentions[j - 1].kind == "only" and value in ("small", "minor", "part"):
                result.append(j - 1)
    small = [j for j in clause.of("narrow") if clause.mentions[j].text.lower() in ("small", "tiny") and percent < 25]
    return [*result, *small]  # "its overlap is small, at 7.7 %"


def _scaled(clause: Clause, i: int) -> None:
    """A percentage of what the findings keep from 0 to 1."""
    mention = clause.mentions[i]
    number = mention.number
    near = min(clause.of("quantity"), key=lambda j: abs(j - i), default=None)
    if near is None or clause.mentions[near].value != "percentile":
        mention.number = Number(
            number.value / 100, number.half_step / 100, "", number.text, number.approx, number.bound
        )
    bare(clause, i)
