"""Sides, lobes and regions without a number: where a lesion or a heat map is said to lie."""

from __future__ import annotations

from itertools import pairwise

from ..schema import Lesion, Saliency
from .claims import Claim, Clause
from .facts import is_largest, is_named, joined, largest, largest_is_told, rows_of, share_of

ENTITIES = ("lesion", "map")
_IMAGE = ("image left", "image right", "image midline")


def read(clause: Clause) -> None:
    """All places of a clause that no number belongs to."""
    _only_one(clause)
    _lesser(clause)
    _ranked_regions(clause)
    for i in clause.of("side", unread=True):
        _side(clause, i)
    _together(clause)
    _top(clause)
    for i in clause.of("region", "lobe", "outside", unread=True):
        _region(clause, i)


def _masks(clause: Clause, i: int) -> tuple[int | None, list[Lesion | Saliency] | None]:
    following = next(
        (j for j in range(i + 1, len(clause.mentions)) if clause.mentions[j].kind not in ("neutral", "lobe")), None
    )
    if following is not None and clause.mentions[following].kind in ENTITIES:
        place: int | None = following
    else:
        place = clause.attached(i, ENTITIES, prefer_before=True)
    if place is None and clause.of("class"):  # a class lies nowhere
        return None, None
    masks = clause.masks(place)
    while place is not None and masks is not None:  # "A and B both lie there"
        others = [j for j in clause.of(*ENTITIES) if j < place and joined(clause, j, place) and _and(clause, j, place)]
        more = clause.masks(others[-1]) if others else None
        if more is None:
            break
        clause.read(place, *(j for j in clause.of("which") if clause.mentions[j].value in ("all", "both")))
        place, masks = others[-1], [*more, *masks]
    return place, masks


def _and(clause: Clause, a: int, b: int) -> bool:
    return any(m.kind == "sep" for m in clause.mentions[a:b])


def _quantifier(clause: Clause, i: int) -> tuple[str, list[int]]:
    """How much is said to lie there: all, most, half+, half-, part, almost all, none, or not said."""
    chosen = [
        j
        for j in clause.of("quantifier", unread=True)
        if (not clause.crosses(j, i) and not _with(clause, i, j)) or j < i
    ]
    only = [j for j in clause.of("only", unread=True) if j == i - 1 or (j < i and i - j <= 3)]
    almost = [j for j in clause.of("approx", unread=True) if clause.mentions[j].value == "almost"]
    if chosen:
        value = clause.mentions[chosen[-1]].value
        if value in ("small", "minor", "part") and clause.mentions[chosen[-1] - 1].kind == "only":
            chosen = [*chosen, chosen[-1] - 1] if chosen[-1] else chosen
        return ("almost all", [*chosen, *almost]) if almost and value == "all" else (value, chosen)
    return ("all", only) if only else ("", [])


def _with(clause: Clause, i: int, j: int) -> bool:
    """ "on the left, with no part on the right": what follows "with" says nothing of the left."""
    return any(m.text.lower() == "with" for m in clause.mentions[i:j])


def enough(share: float, quantifier: str) -> bool:
    return {
        "all": share >= 99.95,
        "almost all": share >= 95,
        "most": share > 50,
        "mainly": share > 50,
        "nearly": share >= 90,
        "vast": share >= 80,
        "minor": 0.05 <= share < 50,
        "half+": 50 < share <= 60,
        "half-": 40 <= share < 50,
        "part": 0.05 <= share < 99.95,
        "small": 0.05 <= share < 25,
        "nothing": share < 0.05,
    }[quantifier]


def _side(clause: Clause, i: int) -> None:
    place, masks = _masks(clause, i)
    value = clause.mentions[i].value
    following = next((m for m in clause.mentions[i + 1 :] if m.kind != "neutral"), None)
    whole = place is None and any(m.text.lower() == "patient" for m in clause.mentions[:i])
    if whole or (following is not None and following.kind == "class"):  # a class lies nowhere, a patient anywhere
        masks = None
    places = [i, *([place] if place is not None else [])]
    if not masks or _shows_nothing(clause, i, places):
        clause.state("side", None if masks != [] else False, *places)
        return
    cross = clause.of("cross")
    quantifier, words = _quantifier(clause, i)
    if value in _IMAGE:
        holds = all(mask.image_side == value for mask in masks)
        clause.state("side", holds if not words else None, *places)
        return
    if any(mask.side is None for mask in masks):
        clause.state("side", False if not clause.negations(*places) % 2 else None, *places)
        return
    if value == "midline":
        if cross:
            least = [min(mask.left_percent, mask.right_percent) for mask in masks]
            slight = [j for j in clause.of("slight") if clause.mentions[j].text.lower() in ("slightly", "marginally")]
            known = {m.measures.crosses_midline for m in masks if isinstance(m, Lesion) and m.measures}
            extent = 1 if slight or known == {True} else 10
            holds = True if min(least) >= extent else False if max(least) < 0.05 else None
            clause.state("side", holds, *places, *cross, *slight)
        else:
            clause.state("side", all(mask.side == "midline" for mask in masks) if not words else None, *places)
        return
    if quantifier:
        shares = [mask.left_percent if value == "left" else mask.right_percent for mask in masks]
        than = any(
            m.text.lower() == "than" for m in clause.mentions[words[0] : i]
        )  # "more on the left than on the right"
        clause.read(*words)
        clause.state("side", None if than else all(enough(share, quantifier) for share in shares), *places, *words)
        return
    if clause.negations(*places) % 2:  # "not on the right" is false of a mask that lies there in part
        shares = [mask.left_percent if value == "left" else mask.right_percent for mask in masks]
        reaches = any(
            m.text.lower().startswith(("extend", "reach", "overlap", "project", "show")) for m in clause.mentions
        )
        clause.state("side", not all(share < (0.05 if reaches else 10) for share in shares), *places)
        return
    said = [mask.side == value for mask in masks]
    every = place is not None and clause.mentions[place].value in ("both", "all") and not clause.negations(*places)
    clause.state("side", all(said) if every else _all_or_none(said), *places)


def _only_one(clause: Clause) -> None:
    """ "only ScoreCAM lies on the right", "only the third lesion": it does, and no other does."""
    kind = "map" if clause.of("map") else "lesion"
    masks, sides = clause.of(kind, unread=True), clause.of("side", unread=True)
    named = [m for m in masks if clause.mentions[m].value not in ("any", "many", "both", "one", "all")]
    only = [i for i in clause.of("only", unread=True) if named and 0 < named[0] - i <= 4]
    if len(named) != 1 or not only or len(sides) != 1 or clause.mentions[sides[0]].value not in ("left", "right"):
        return
    if clause.of("neg", "region", "lobe", "quantifier") or clause.of("number", unread=True) or named[0] > sides[0]:
        return
    if kind == "map" and clause.of("lesion"):
        return
    everyone = clause.findings.saliency if kind == "map" else clause.findings.lesions
    there = [mask for mask in everyone if mask.side == clause.mentions[sides[0]].value]
    clause.state("side", there == clause.masks(named[0]), *only, *masks, *sides)


def _lesser(clause: Clause) -> None:
    """ "A and, to a lesser degree, B": more of the one mask that is spoken of lies in A; of classes, A has the higher score."""
    for i in clause.of("lesser", unread=True):
        places = clause.of("region", "lobe") or clause.of("class")
        first, second = [j for j in places if j < i], [j for j in places if j > i]
        scores = clause.findings.prediction.scores
        masks = clause.masks(next(iter(clause.of(*ENTITIES)), None))
        holds = None
        if not first or not second or clause.of("neg") or clause.negated:
            pass
        elif clause.mentions[places[0]].kind == "class":
            low, high = ([scores.get(clause.mentions[j].value, 0.0) for j in side] for side in (second, first))
            holds = min(high) > max(low)
        elif masks is not None and len(masks) == 1 and largest_is_told(masks[0]):
            low, high = ([sum(map(share_of, rows_of(masks, clause, j))) for j in side] for side in (second, first))
            holds = min(high) > max(low)
        clause.read(i)
        clause.claims.append(Claim("comparison", clause.mentions[i].text, holds))


def _ranked_regions(clause: Clause) -> None:
    """ "A comes first (52.9 %), B second and C last": by their shares of the one mask that is spoken of."""
    ranks = [i for i in clause.of("rank", "which", unread=True) if clause.mentions[i].text.lower() != "followed by"]
    regions = clause.of("region")
    if not ranks or not regions or clause.of("class", "map", "neg"):
        return
    place, masks = _masks(clause, regions[0])
    if not masks or len(masks) != 1 or not largest_is_told(masks[0]):
        return
    order = sorted(largest(masks[0], "region"), reverse=True)
    for i in ranks:
        value = clause.mentions[i].value
        behind = [r for r in regions if r < i and not any(other in range(r + 1, i) for other in ranks)]
        wanted = {"1": 0, "2": 1, "3": 2, "-1": len(order) - 1}.get(value)
        if wanted is None or not behind or wanted >= len(order):
            continue
        share = sum(map(share_of, rows_of(masks, clause, behind[-1])))
        clause.state("region", share == order[wanted], i, behind[-1], *([place] if place is not None else []))


def _shows_nothing(clause: Clause, i: int, places: list[int]) -> bool:
    """ "the right hemisphere shows no abnormality" is more than was looked for."""
    shown = any(m.text.lower() in ("show", "shows", "showed") for m in clause.mentions[i : max(places)])
    return shown and clause.negations(*places) % 2 == 1


def _all_or_none(results: list[bool]) -> bool | None:
    """True or False where all masks agree; a denial of a mixed statement would be true of some only."""
    return results[0] if len(set(results)) == 1 else None


def _together(clause: Clause) -> None:
    """ "regions A and B hold most of the lesion": their shares together."""
    regions = clause.of("region", unread=True)
    most = [
        j
        for j in clause.of("quantifier", unread=True)
        if clause.mentions[j].value in ("most", "half+", "mainly", "nearly")
    ]
    if len(regions) < 2 or not most or not all(joined(clause, a, b) for a, b in pairwise(regions)):
        return
    place, masks = _masks(clause, regions[0])
    if not masks or len(masks) != 1:
        return
    rows = [rows_of(masks, clause, i) for i in regions]
    share = sum(share_of(row) for found in rows for row in found)
    places = [*regions, *most, *([place] if place is not None else [])]
    clause.state("region", all(rows) and enough(share, clause.mentions[most[-1]].value), *places)


def _top(clause: Clause) -> None:
    """ "A and B are the two regions most covered": no other holds more than they do."""
    cue, regions = clause.cue("top regions"), clause.of("region", unread=True)
    if (
        cue is None
        or not regions
        or clause.of("lobe", "neg", "map")
        or not all(joined(clause, a, b) for a, b in pairwise(regions))
    ):
        return
    place, masks = _masks(clause, regions[0])
    if not masks or len(masks) != 1 or not largest_is_told(masks[0]):
        return
    rows = [rows_of(masks, clause, i) for i in regions]
    own = sorted((sum(map(share_of, row)) for row in rows), reverse=True)
    words = clause.mentions[cue].text.lower()
    counted = {"two": 2, "three": 3}.get(words.split()[0], len(regions))
    holds = (
        all(rows)
        and counted == len(regions)
        and own == sorted(largest(masks[0], "region"), reverse=True)[: len(regions)]
    )
    clause.state("region", holds, cue, *regions, *([place] if place is not None else []))


def _least(clause: Clause, places: list[int], masks: list[Lesion | Saliency], least: list[int]) -> None:
    """ "the insula holds the smallest share"."""
    told = len(masks) == 1 and largest_is_told(masks[0])
    own = [share_of(row) for row in rows_of(masks, clause, places[0])] if told else []
    holds = sum(own) <= min(largest(masks[0], "region")) if own else None
    clause.state("region", holds, *places, *least)


def _said_along(clause: Clause, place: int | None) -> bool:
    """Whether "outside the named regions" only says again what is said, or tells which part is near a region."""
    if any(clause.mentions[j].read for j in clause.of("outside")):
        return True  # "outside the named regions (white matter / other)"
    if clause.cue("distance") is not None and clause.of("region"):
        return True  # "the part outside the named regions is adjacent to the hippocampus"
    return (
        place is None and clause.context.outside
    )  # "the remaining 22.4 % belongs to no named region and lies in white matter"


def _region(clause: Clause, i: int) -> None:
    place, masks = _masks(clause, i)
    mention = clause.mentions[i]
    if mention.kind == "outside" and _said_along(clause, place):
        clause.read(i)
        return
    places = [i, *([place] if place is not None else [])]
    approximate = [j for j in clause.of("approx", unread=True) if clause.mentions[j].value == "about"]
    clause.read(*approximate)
    failed = clause.findings.anatomy.registration.verdict in ("failed", "not_possible")
    if failed or masks is None:
        denied = not failed or clause.negations(*places) % 2
        clause.state("region", None if denied else False, *places)
        return
    distance = clause.cue("distance")
    near = [
        row
        for mask in masks
        for row in mask.regions
        if mention.kind == "region" and row.nearest and is_named(row.nearest, mention.value, mention.side)
    ]
    if distance is not None and (near or not any(rows_of([mask], clause, i) for mask in masks)):
        clause.state("adjacent", bool(near), *places, distance)
        return
    results = []
    quantifier, words = _quantifier(clause, i)
    share_cue = clause.of("quantity", value="share")
    if (least := clause.of("quantity", value="least", unread=True)) and mention.kind == "region":
        _least(clause, places, masks, least)
        return
    untold = any(isinstance(mask, Lesion) and len(mask.largest_regions) > 1 for mask in masks)
    if untold and mention.kind == "region" and (share_cue or quantifier in ("mainly", "most")):
        clause.state("region", None, *places, *share_cue, *words)  # which holds most cannot be told
        return
    for mask in masks:
        share = sum(share_of(row) for row in rows_of([mask], clause, i))
        if share_cue:
            told = mention.kind != "region" or largest_is_told(mask)
            results.append(told and share >= max((largest(mask, mention.kind)), default=0) > 0)
        elif quantifier:
            main = quantifier == "mainly" and is_largest(mask, rows_of([mask], clause, i))
            results.append(main or enough(share, quantifier))
        else:
            least = 50 if mention.kind == "outside" and not clause.negations(*places) % 2 else 0
            results.append(share > least)
    for word in words:
        clause.mentions[word].read = True
    clause.state("region", _all_or_none(results) if results else False, *places, *share_cue, *words)
