"""Sizes, scores and shares set against each other: "larger than", "twice as large as", "more of it lies in A than in B"."""

from __future__ import annotations

from dataclasses import replace

from ..schema import Lesion
from .claims import Clause
from .facts import agrees, largest_is_told, rows_of, share_of
from .mentions import Mention, Number
from .places import enough

_SIZED = ("lesion", "map")
_PLACED = ("region", "lobe")
_HALVES = {
    "less than half": ("<", ""),
    "under half": ("<", ""),
    "more than half": (">", ""),
    "over half": (">", ""),
    "just under half": ("", "almost"),
    "slightly less than half": ("", "almost"),
    "just over half": ("", "over"),
    "slightly more than half": ("", "over"),
}
SLIGHTLY = 1.25  # a mask that is larger by no more than this factor may be called slightly larger


def read(clause: Clause) -> None:
    """Everything that sets two things of one kind against each other, classes without a factor apart."""
    _multiples(clause)
    if not clause.of("class"):
        for i in [*clause.of("bound", unread=True), *clause.of("compare", unread=True)]:
            _masks(clause, i, 1 if clause.mentions[i].value.startswith(">") else -1)
        _which_map(clause)
        _differ(clause)
        _shares(clause)
        _sides(clause)
        _of_total(clause)


# --- factors ------------------------------------------------------------------------------------------------------------


def _multiples(clause: Clause) -> None:
    """ "the score of A is more than ten times that of B", "less than half the size of the lesion"."""
    for i in clause.of("number", "quantifier", unread=True):
        number = _factor(clause, i)
        kinds = ("class", *_SIZED, *_PLACED)
        before, after = ([j for j in clause.of(*kinds) if (j < i) is first] for first in (True, False))
        if number is None or not before or not after or clause.has("dice", "overlap", "agree", "total", "margin"):
            continue
        left, right = before[-1], after[0]
        equal = [j for j in range(i + 1, right) if clause.mentions[j].kind == "equal"]
        allowed = all(
            m.kind in ("neutral", "score", "equal") or m.value == "volume" for m in clause.mentions[i + 1 : right]
        )
        facts = _facts(clause, before, after, left, right, bool(equal))
        if not allowed or facts is None:
            continue
        ratio = facts[0] / facts[1] if facts[1] else float("nan")
        places = [left, right, *equal, *clause.of("quantity", value="volume")]
        clause.state("comparison", agrees(number, ratio), i, *places, exact=not number.bound)


def _factor(clause: Clause, i: int) -> Number | None:
    m = clause.mentions[i]
    if m.kind == "quantifier":
        bound, approx = _HALVES.get(m.text.lower(), (None, None))
        ahead = [a.text.lower() for a in clause.mentions[i + 1 : i + 3]]
        sized = ahead[:1] in (["as large as"], ["as big as"], ["as high as"]) or ahead in _OF_SIZE
        return Number(0.5, 0.025, "times", m.text, approx, bound) if bound is not None and sized else None
    if m.number is not None and m.number.unit in ("fraction", "%"):
        ahead = [a.text.lower() for a in clause.mentions[i + 1 : i + 3]]
        sized = len(clause.of(*_SIZED)) == 2 and clause.has("volume") and not clause.of("side", "outside", *_PLACED)
        if sized and ahead[:1] == ["of"]:  # "45 % of the volume of the Grad-CAM++ mask"
            half = 0.025 if m.number.unit == "fraction" else m.number.half_step / 100
            return replace(m.number, value=m.number.value / 100, half_step=half, unit="times")
        if m.number.unit == "%":
            return None
        if ahead[:1] in (["as large as"], ["as big as"], ["as high as"]) or ahead in _OF_SIZE:
            return replace(m.number, value=m.number.value / 100, half_step=0.025, unit="times")
        return None
    return m.number if m.number is not None and m.number.unit == "times" and not m.number.parts else None


_OF_SIZE = (["the", "size"], ["the", "volume"], ["the", "score"], ["of", "that of"])


def _facts(
    clause: Clause, before: list[int], after: list[int], left: int, right: int, equal: bool
) -> tuple[float, float] | None:
    """The two figures that a factor stands between; None where it cannot be told which."""
    kinds = {clause.mentions[left].kind, clause.mentions[right].kind}
    alike = [[j for j in side if clause.mentions[j].kind in kinds] for side in (before, after)]
    if any(len(side) != 1 for side in alike):
        return None
    high = any(m.text.lower() == "as high as" for m in clause.mentions[left:right])
    if kinds == {"class"} and len(before) == len(after) == 1 and (clause.of("score") or equal or high):
        scores = clause.findings.prediction.scores
        values = [scores.get(clause.mentions[j].value) for j in (left, right)]
        return None if None in values else (values[0], values[1])
    if kinds <= set(_SIZED) and len(before) == len(after) == 1 and (equal or clause.has("volume")):
        sizes = [_sizes_of(clause, [j]) for j in (left, right)]
        one = all(size is not None and len(size) == 1 for size in sizes)
        return (sizes[0][0], sizes[1][0]) if one else None
    if kinds <= set(_PLACED):
        shares = _shares_of(clause, left, right)
        return shares if shares is None or all(shares) else None
    return None


# --- sizes --------------------------------------------------------------------------------------------------------------


def _sizes_of(clause: Clause, places: list[int]) -> list[int] | None:
    """Voxels of all masks that are named there; None where one is not told."""
    sizes: list[int] = []
    for place in places:
        masks = clause.masks(place)
        if not masks:
            return None
        sizes += [mask.voxels if isinstance(mask, Lesion) else mask.mask_voxels for mask in masks]
    return sizes


def larger(sizes: list[float], sign: int, much: bool) -> bool:
    """Whether the first is larger (sign 1) or smaller (-1) than the second, "much" by half of it or more."""
    first, second = sizes if sign > 0 else sizes[::-1]
    return first > second and (not much or first >= 1.5 * second)


_OF_SIZES = ("larger", "bigger", "smaller", "greater", "exceed", "less than", "more than")


def _masks(clause: Clause, i: int, sign: int) -> None:
    maps, lesions = clause.of("map"), clause.of("lesion")
    if len(maps) == 1 and maps[0] > i and not lesions and clause.context.map:
        clause.mentions.insert(0, Mention("map", clause.context.map, ""))
        maps, i = clause.of("map"), i + 1
    by_dice = clause.context.last == "dice" or clause.has("dice", "overlap", "agree") or clause.of("segmentation")
    if maps and clause.has("volume"):
        by_dice = False
    elif maps and by_dice and _bracketed(clause, i):
        clause.state("comparison", None, i, *maps)  # "A (Dice 0.62) is smaller than B": of what, is not said
        return
    if maps and by_dice:
        if len(maps) == 2 and maps[0] < i < maps[1]:
            whole = [j for j in lesions if set(clause.lesions_at(j) or ()) == set(range(len(clause.findings.lesions)))]
            dice_compared(clause, maps, sign, [i, *whole])
        return
    first, second = ([m for m in sorted((*maps, *lesions)) if (m < i) is ahead] for ahead in (True, False))
    of_size = clause.mentions[i].text.lower().startswith(_OF_SIZES) or clause.has("volume")
    other = clause.of("region", "lobe", unread=True) or clause.of(
        "dim", "shift", "landmark", "bright", "check", "change"
    )
    if not first or not second or other or not of_size:
        return
    much, slight = clause.of("much", unread=True), clause.of("slight", unread=True)
    counted = [  # "larger than the other two"
        j
        for j in clause.of("number", unread=True)
        if j == second[-1] + 1
        and clause.mentions[j].value == "word"
        and clause.mentions[j].number.value == len(clause.masks(second[-1]) or [])
    ]
    results = None
    if (sizes := _sizes_of(clause, first)) and (others := _sizes_of(clause, second)):
        results = {
            larger([a, b], sign, bool(much)) and (not slight or max(a, b) <= SLIGHTLY * min(a, b))
            for a in sizes
            for b in others
        }
    holds = results.pop() if results and len(results) == 1 else None
    _difference(clause, i, first, second)
    volume = clause.of("quantity", value="volume")
    clause.state("comparison", holds, i, *first, *second, *much, *slight, *volume, *counted)


def _differ(clause: Clause) -> None:
    """ "the lesions differ in volume by 3.56 ml"."""
    lesions, margin = clause.of("lesion"), clause.cue("margin")
    by = [j for j in clause.of("number", unread=True) if j and clause.mentions[j - 1].text.lower() == "by"]
    if (
        margin is None
        or len(lesions) != 1
        or len(by) != 1
        or not clause.mentions[margin].text.lower().startswith("differ")
    ):
        return
    volumes = [lesion.volume_ml for lesion in clause.masks(lesions[0]) or []]
    known = len(volumes) == 2 and None not in volumes and clause.mentions[by[0]].number.unit == "ml"
    holds = agrees(clause.mentions[by[0]].number, abs(volumes[0] - volumes[1])) if known else None
    clause.state("difference", holds, by[0], margin, *lesions, *clause.of("quantity", value="volume"), exact=True)


def _bracketed(clause: Clause, i: int) -> bool:
    dice = [j for j in clause.of("quantity") if clause.mentions[j].value in ("dice", "overlap")]
    sized = clause.mentions[i].text.lower().startswith(("larger", "bigger", "smaller"))
    return sized and bool(dice) and all(clause.mentions[j].depth > clause.mentions[i].depth for j in dice)


def _difference(clause: Clause, i: int, first: list[int], second: list[int]) -> None:
    """ "5.46 ml larger than", "larger by 5.46 ml": the number is how far the two are apart, not the size of one."""
    for j in clause.of("number", unread=True):
        apart = j == i - 1 or (j > 0 and clause.mentions[j - 1].text.lower() == "by")
        if not apart or clause.mentions[j].value == "count":
            continue
        masks = [mask for place in (first[-1], second[0]) for mask in clause.masks(place) or []]
        volumes = [mask.volume_ml if isinstance(mask, Lesion) else mask.mask_volume_ml for mask in masks]
        known = len(volumes) == 2 and None not in volumes and clause.mentions[j].number.unit == "ml"
        holds = agrees(clause.mentions[j].number, abs(volumes[0] - volumes[1])) if known else None
        clause.state("difference", holds, j, exact=True)


def _which_map(clause: Clause) -> None:
    """ "the Grad-CAM mask is the larger of the two"."""
    named = [m for m in clause.of("map") if clause.mentions[m].value not in ("any", "many", "both")]
    order = sorted(clause.findings.saliency, key=lambda s: s.mask_voxels)
    for i in clause.of("which", unread=True):
        value = clause.mentions[i].value
        two = value in ("larger", "smaller") and len(order) == 2
        if len(named) != 1 or named[0] > i or clause.of("lesion") or not (two or value in ("largest", "smallest")):
            continue
        if len(order) < 2 or clause.has("dice", "overlap", "share", "dim"):
            continue
        method = order[-1 if value.startswith("larg") else 0].method
        others = [m for m in clause.of("map") if m > i]
        clause.state("comparison", clause.mentions[named[0]].value == method, i, *named, *others)


def dice_compared(clause: Clause, maps: list[int], sign: int, places: list[int]) -> None:
    """Whether the first map overlaps better (sign 1) or worse (-1) than the second."""
    values = [next((s.dice_with_lesion for s in clause.masks(m) or []), None) for m in maps]
    holds = None if None in values else sign * (values[0] - values[1]) > 0
    clause.state("comparison", holds, *maps, *places, *clause.of("quantity", value="dice"))


# --- shares -------------------------------------------------------------------------------------------------------------


def _shares_of(clause: Clause, a: int, b: int) -> tuple[float, float] | None:
    lesions = clause.of(*_SIZED)
    masks = clause.masks(lesions[0] if lesions else None) if len(lesions) < 2 else None
    if not masks or len(masks) != 1 or not largest_is_told(masks[0]):
        return None
    rows = [rows_of(masks, clause, place) for place in (a, b)]
    return (sum(map(share_of, rows[0])), sum(map(share_of, rows[1]))) if all(rows) else None


def _shares(clause: Clause) -> None:
    """ "more of the lesion lies in A than in B", "the share in A is larger than that in B"."""
    regions = clause.of(*_PLACED, unread=True)
    than = next((j for j in clause.of("sep") if clause.mentions[j].text.lower() == "than"), None)
    more = [j for j in clause.of("slight", unread=True) if clause.mentions[j].text.lower() in ("more", "less")]
    cues = [
        j
        for j in clause.of("bound", "compare", unread=True)
        if clause.mentions[j].text.lower().endswith(("than", "exceeds"))
    ]
    pivot = than if than is not None and len(more) == 1 else cues[0] if len(cues) == 1 and not more else None
    if len(regions) != 2 or pivot is None or not regions[0] < pivot < regions[1] or clause.of("map"):
        return
    numbers = clause.of("number", unread=True)  # "by 21.9 percentage points"
    shared = any(m.text.lower() in _SHARE_WORDS for m in clause.mentions)  # regions have sizes of their own
    if not shared and not clause.of("lesion"):
        return
    by = [j for j in numbers if clause.mentions[j].number.unit == "%" and clause.mentions[j - 1].text.lower() == "by"]
    if numbers != by or len(by) > 1:
        return
    shares = _shares_of(clause, *regions)
    cue = more[0] if more else cues[0]
    is_more = clause.mentions[cue].text.lower() == "more" or clause.mentions[cue].value == ">"
    holds = None if shares is None else (shares[0] > shares[1]) if is_more else (shares[0] < shares[1])
    if holds and (far := [j for j in clause.of("much", unread=True) if j == cue - 1]):
        holds = larger(list(shares), 1 if is_more else -1, True)
        clause.read(*far)
    clause.state("comparison", holds, cue, *regions, *clause.of("lesion")[:1])
    for i in by:
        far = None if shares is None else abs(shares[0] - shares[1])
        clause.state("share", None if far is None else agrees(clause.mentions[i].number, far), i, exact=True)


_SHARE_WORDS = ("share", "shares", "part", "portion", "fraction", "percentage", "proportion", "overlap")


def _sides(clause: Clause) -> None:
    """ "more of it lies on the right than on the left", "its share on the right is larger than that on the left"."""
    sides = [i for i in clause.of("side") if clause.mentions[i].value in ("left", "right")]
    than = next((j for j, m in enumerate(clause.mentions) if m.text.lower().split()[-1:] == ["than"]), None)
    cues = [j for j in clause.of("slight", "bound", "compare", unread=True) if j <= (than or -1)]
    cues = [
        j for j in cues if clause.mentions[j].text.lower() not in ("slightly", "somewhat", "marginally", "a little")
    ]
    place = next(iter(clause.of("lesion", "map")), None)
    masks = clause.masks(place)
    if (
        len(sides) != 2
        or than is None
        or len(cues) != 1
        or not sides[0] < than < sides[1]
        or clause.of("neg", "region", "lobe")
    ):
        return
    if (
        masks is None
        or len(masks) != 1
        or masks[0].left_percent is None
        or clause.mentions[sides[0]].value == clause.mentions[sides[1]].value
    ):
        return
    if not any(m.text.lower() in (*_SHARE_WORDS, "of") for m in clause.mentions):
        return
    first, second = (
        masks[0].left_percent if clause.mentions[i].value == "left" else masks[0].right_percent for i in sides
    )
    text = clause.mentions[cues[0]].text.lower()
    slight = [j for j in clause.of("slight", unread=True) if j not in cues and abs(first - second) <= 20]
    holds = first < second if clause.mentions[cues[0]].value == "<" or text.startswith("less") else first > second
    clause.state("comparison", holds, cues[0], *sides, *slight, *([place] if place is not None else []))


def _of_total(clause: Clause) -> None:
    """ "the first lesion makes up most of the total volume"."""
    lesions, total = clause.of("lesion"), clause.cue("total")
    words = [j for j in clause.of("quantifier", unread=True) if clause.mentions[j].value in _WHOLE]
    numbers = [j for j in clause.of("number", unread=True) if clause.mentions[j].number.unit in ("%", "fraction")]
    words = words or numbers
    if len(lesions) != 1 or total is None or len(words) != 1 or clause.of("map", "side", *_PLACED):
        return
    sizes = _sizes_of(clause, lesions)
    if sizes is None or len(sizes) != 1 or len(clause.findings.lesions) < 2 or not words[0] < total:
        return
    share = 100 * sizes[0] / clause.findings.lesion_total.voxels
    if words == numbers:
        number = clause.mentions[words[0]].number
        clause.state("share", agrees(number, share), words[0], total, *lesions, exact=not number.bound)
        return
    clause.state("share", enough(share, clause.mentions[words[0]].value), words[0], total, *lesions)


_WHOLE = ("most", "vast", "nearly", "half+", "half-", "minor", "small")
