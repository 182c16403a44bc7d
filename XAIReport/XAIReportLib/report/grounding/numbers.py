"""All numbers of a clause, each given to the reader of its kind."""

from __future__ import annotations

from itertools import pairwise

from .claims import Claim, Clause
from .counts import (
    class_count,
    count,
    each_side,
    headed,
    images,
    listed,
    of_all_classes,
    of_the_checklist,
    part_of,
    planes,
    regions,
    sided,
)
from .facts import compare, first_that_agrees, joined, rows_of, share_of
from .maps import overlapping
from .scores import bare
from .shares import share
from .sizes import length, product, volume, voxels


def read(clause: Clause) -> None:
    """All numbers of a clause."""
    _absent(clause)
    headed(clause)
    overlapping(clause)
    _others(clause)
    _scores_together(clause)
    _against_the_other(clause)
    _zipped(clause)
    _one_by_one(clause)
    _shares_in_turn(clause)
    _volumes_of_maps(clause)
    for i in clause.of("number"):
        mention = clause.mentions[i]
        if mention.read or mention.number is None:
            continue
        if (
            part_of(clause, i)
            or each_side(clause, i)
            or of_all_classes(clause, i)
            or listed(clause, i)
            or of_the_checklist(clause, i)
        ):
            continue
        if mention.value == "count":
            count(clause, i)
        elif mention.number.parts and not _inside(clause, i):
            product(clause, i)
        elif images(clause, i) or planes(clause, i) or class_count(clause, i) or sided(clause, i) or regions(clause, i):
            continue
        elif mention.number.unit == "ml":
            volume(clause, i)
        elif mention.number.unit in ("voxels", "pixels"):
            voxels(clause, i)
        elif mention.number.unit == "mm":
            length(clause, i)
        elif mention.number.unit in ("%", "fraction"):
            share(clause, i)
        elif mention.number.unit == "":
            bare(clause, i)


def _inside(clause: Clause, i: int) -> bool:
    """ "between 4 and 5 ml": read as any number; a span of lengths is an interval of the registration."""
    before = clause.mentions[i - 1] if i else None
    between = before is not None and before.text.lower().endswith("between")
    if not between or not clause.mentions[i].number.span or clause.mentions[i].number.unit not in ("ml", "%", ""):
        return False
    if clause.mentions[i].number.unit == "%" and not clause.of("region", "lobe", "side", "outside"):
        return False
    before.read = True
    return True


def _absent(clause: Clause) -> None:
    """Lesions and heat maps that are spoken of and do not exist."""
    found = clause.findings
    for i in clause.of("lesion", unread=True):
        denied = i > 0 and clause.mentions[i - 1].kind == "neg"
        alone = clause.mentions[i].value == "many" and len(found.lesions) == 1
        if found.lesions and (clause.lesions_at(i) == () or alone) and not denied:
            clause.claims.append(Claim("existence", clause.mentions[i].text, False))
            clause.read(i)
    placed = clause.of("side", "region", "lobe", "outside", "cross", "which")
    if (
        not found.lesions and clause.of("lesion") and placed
    ):  # a lesion that is not there lies nowhere, not even elsewhere
        clause.claims.append(Claim("existence", "a lesion that has a place", None))
    for i in clause.of("map"):
        if clause.maps_at(i) == () and not clause.of("neg"):
            clause.claims.append(Claim("existence", clause.mentions[i].text, False))


def _together(clause: Clause, numbers: list[int]) -> bool:
    """Whether all numbers stand in one pair of brackets: "A is ahead of B (0.46 versus 0.43)"."""
    inside = clause.mentions[numbers[0] : numbers[-1] + 1] if numbers else []
    return len(numbers) > 1 and all(m.kind in ("number", "sep") or m.text == "," for m in inside)


def _others(clause: Clause) -> None:
    """ "the other two lesions" are not all of them."""
    for i in clause.of("lesion", value="many"):
        before = clause.mentions[max(0, i - 2) : i]
        if len(before) == 2 and before[0].kind == "which" and before[0].value == "other" and before[1].value == "count":
            clause.mentions[i].value = "other"


def _scores_together(clause: Clause) -> None:
    """ "meningioma and pituitary tumour together score 0.11"."""
    named, numbers, scores = clause.of("class"), clause.of("number", unread=True), clause.findings.prediction.scores
    total = clause.cue("total")
    if total is None or len(named) < 2 or len(numbers) != 1 or clause.of("neg", "lesion", "map", "compare"):
        return
    number = clause.mentions[numbers[0]].number
    if number.parts or number.unit not in ("", "%") or not all(joined(clause, a, b) for a, b in pairwise(named)):
        return
    fact = sum(scores.get(clause.mentions[c].value, 0.0) for c in named)
    compare(clause, "score", numbers[0], 100 * fact if number.unit == "%" else fact, total, *named)


def _against_the_other(clause: Clause) -> None:
    """ "A agrees better (Dice 0.81 versus 0.62)": of two maps, the second number is the other's."""
    named, found = clause.of("map"), clause.findings.saliency
    numbers = [i for i in clause.of("number", unread=True) if clause.mentions[i].number.unit == ""]
    if len(named) != 1 or len(found) != 2 or not _together(clause, numbers) or len(numbers) != 2:
        return
    compared = any(clause.mentions[j].text.lower().removeprefix("the ") in _COMPARED for j in range(numbers[0]))
    dice = clause.of("quantity", value="dice")
    if not compared or not dice or named[0] > numbers[0] or clause.of("neg"):
        return
    own = clause.masks(named[0]) or []
    for i, masks in zip(numbers, (own, [mask for mask in found if mask not in own]), strict=True):
        compare(clause, "dice", i, masks[0].dice_with_lesion if len(masks) == 1 else None, named[0], *dice)


_COMPARED = ("better", "worse", "more closely", "higher", "lower")


def _shares_in_turn(clause: Clause) -> None:
    """ "A and B account for 28.3 % and 7.7 %": as many shares as regions, in the same order."""
    regions, numbers = (
        clause.of("region"),
        [i for i in clause.of("number", unread=True) if clause.mentions[i].number.unit == "%"],
    )
    if (
        len(regions) < 2
        or len(regions) != len(numbers)
        or not (max(regions) < min(numbers) or max(numbers) < min(regions))
    ):
        return
    groups = (regions, numbers)
    if not all(joined(clause, a, b) for group in groups for a, b in pairwise(group)):
        return
    place = next(iter(clause.of("lesion", "map")), None)
    masks = clause.masks(place)
    if masks is not None and len(masks) == 1:
        for i, region in zip(numbers, regions, strict=True):
            shares = [share_of(row) for row in rows_of(masks, clause, region)]
            along = [place] if place is not None else []
            first_that_agrees(clause, "region share", i, shares, region, *along)


def _volumes_of_maps(clause: Clause) -> None:
    """ "the two masks measure 9.91 ml and 3.79 ml": in the order of the findings."""
    named, numbers = clause.of("map"), [i for i in clause.of("number") if clause.mentions[i].value != "count"]
    if len(named) != 1 or clause.mentions[named[0]].value not in ("many", "both"):
        return
    maps = clause.masks(named[0]) or []
    if len(numbers) == len(maps) > 1 and all(clause.mentions[i].number.unit == "ml" for i in numbers):
        for i, saliency in zip(numbers, maps, strict=True):
            compare(clause, "volume", i, saliency.mask_volume_ml, named[0], clause.cue("volume"))


def _one_by_one(clause: Clause) -> None:
    """ "(three lesions:) 3.43 ml (right), 0.26 ml (right) and 0.10 ml (left)": in the order of the findings."""
    lesions, numbers, sides = clause.findings.lesions, clause.of("number", unread=True), clause.of("side", unread=True)
    others = [
        m
        for m in clause.mentions
        if m.kind not in ("number", "side", "sep", "mark", "neutral", "verb") and m.value != "volume"
    ]
    volumes = [i for i in numbers if clause.mentions[i].number.unit == "ml" and not clause.mentions[i].number.parts]
    all_spoken_of = clause.context.lesions == tuple(range(len(lesions)))
    if others or not all_spoken_of or volumes != numbers or not 1 < len(lesions) == len(volumes):
        return
    for i, lesion in zip(volumes, lesions, strict=True):
        compare(clause, "volume", i, lesion.volume_ml, clause.cue("volume"))
    if len(sides) == len(volumes):
        for i, lesion in zip(sides, lesions, strict=True):
            clause.state("side", lesion.side == clause.mentions[i].value, i)


def _zipped(clause: Clause) -> None:
    """ "glioma and meningioma scored 0.8 and 0.1": as many numbers as classes, lesions or maps, in the same order."""
    numbers = [
        i
        for i in clause.of("number")
        if clause.mentions[i].value not in ("count", "word") and not clause.mentions[i].number.parts
    ]
    for kind, unit in (("class", ""), ("lesion", "ml"), ("map", ""), ("map", "ml")):
        named = clause.of(kind)
        chosen = [i for i in numbers if clause.mentions[i].number.unit == unit and clause.mentions[i].depth == 0]
        if kind == "class" and not chosen and _together(clause, numbers):
            chosen = [i for i in numbers if clause.mentions[i].number.unit == unit]
        if kind == "map":
            chosen = [i for i in numbers if clause.mentions[i].number.unit == unit]
        if kind == "lesion" and len(named) == 1 and len(chosen) > 1:
            lesions = clause.masks(named[0])
            if lesions is not None and len(lesions) == len(chosen) and chosen == numbers:
                for i, lesion in zip(chosen, lesions, strict=True):
                    compare(clause, "volume", i, lesion.volume_ml, named[0], *clause.of("quantity", value="volume"))
            continue
        if len(named) < 2 or len(named) != len(chosen) or not (max(named) < min(chosen) or max(chosen) < min(named)):
            continue
        for i, place in zip(chosen, named, strict=True):
            if kind == "class" and not clause.has("margin", "dice"):
                compare(clause, "score", i, clause.findings.prediction.scores.get(clause.mentions[place].value), place)
            elif kind == "map" and unit == "ml":
                masks = clause.masks(place)
                compare(clause, "volume", i, masks[0].mask_volume_ml if masks else None, place)
            elif kind == "map" and clause.has("dice", "overlap"):
                masks = clause.masks(place)
                compare(
                    clause,
                    "dice",
                    i,
                    masks[0].dice_with_lesion if masks else None,
                    place,
                    clause.cue("dice", "overlap"),
                    *clause.of("quantity", value="dice"),
                )
