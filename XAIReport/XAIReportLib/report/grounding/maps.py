"""What heat maps show and how they lie to the segmentation, and whether the planes agree; without a number."""

from __future__ import annotations

from itertools import pairwise

from ..schema import Lesion, Saliency
from .claims import Claim, Clause
from .facts import cue_at, joined


def maps(clause: Clause) -> None:
    """Whether heat maps were computed, and what an empty one shows."""
    computed, empty, above = (cue_at(clause, word) for word in ("computed", "empty", "above threshold"))
    if (no_place := cue_at(clause, "no place")) is not None:
        if above is not None and any(
            i < above for i in clause.of("neg")
        ):  # "has nothing above the threshold and shows no place"
            clause.read(no_place)
        else:  # "shows no place above the threshold"
            clause.read(above)
            empty, above = no_place, None
    maps = clause.of("map")
    if maps and computed is None:
        computed = cue_at(clause, "run")  # "two methods were applied"
    found = clause.findings
    if empty is not None or above is not None:
        place = maps[-1] if maps else None
        masks = (
            clause.masks(place) if place is not None else [s for s in found.saliency if s.method == clause.context.map]
        )
        holds = None if not masks else all(s.mask_voxels == 0 for s in masks)
        if above is not None:
            holds = None if holds is None else not holds
        clause.state(
            "map", holds, above if above is not None else empty, *([place] if place is not None else []), process=True
        )
    elif computed is not None and maps:
        named = {clause.mentions[m].value for m in maps} - {"any", "many", "both"}
        clause.state(
            "map", bool(found.saliency) and named <= {s.method for s in found.saliency}, computed, *maps, process=True
        )
    elif computed is not None and clause.of("score"):
        clause.state("scores", bool(found.prediction.scores), computed, *clause.of("score"), process=True)
    elif not found.saliency and len(maps) == 1 and maps[0] and clause.mentions[maps[0] - 1].kind == "neg":
        clause.state("map", False, maps[0], process=True)  # "there is no heat map"
    elif len(maps) > 1 and not clause.of("verb", "neg") and any(c.kind == "count" for c in clause.claims):
        clause.state("map", True, *maps)


def overlaps(clause: Clause) -> None:
    overlap = cue_at(clause, "overlap")
    maps = clause.of("map")
    _none_within(clause, maps)
    if len(maps) > 1 and clause.mentions[maps[0]].value == "many" and clause.mentions[0].text.lower() == "of":
        clause.read(maps[0])  # "of the heat maps, only A overlaps"
        maps = maps[1:]
    if _elliptic(clause, maps) or overlap is None or _only_without(clause, maps, overlap):
        return
    if not maps and clause.context.map and clause.of("segmentation", "lesion"):
        masks = [s for s in clause.findings.saliency if s.method == clause.context.map]
    elif maps and (
        clause.of("segmentation", "lesion")
        or any(m.text.lower() in ("it", "with it") for m in clause.mentions[maps[-1] :])
    ):
        masks = [s for m in maps for s in clause.masks(m) or [] if joined(clause, maps[0], m) or m == maps[0]]
    else:
        if any(
            c.kind in ("region", "region share", "lobe share", "dice", "outside share", "side") for c in clause.claims
        ):
            clause.read(overlap)
        return
    values = {(s.dice_with_lesion or 0) > 0 for s in masks or []}
    if any(s.dice_with_lesion is None for s in masks or []):
        values = set()
    holds = values.pop() if len(values) == 1 else None
    only = [i for i in clause.of("only", unread=True) if maps and _right_before(clause, i, maps[0])]
    if only and maps:
        holds = _no_other(clause, masks or [], holds)
        clause.read(*only)
    contrast = cue_at(clause, "contrast")
    if contrast is not None and holds is not None and maps:
        denied = clause.negations(overlap) % 2 == 1
        after = [m for m in maps if m > contrast]
        comma = next((k for k, m in enumerate(clause.mentions) if k > contrast and m.text == ","), len(clause.mentions))
        against = [m for m in after if m < comma or contrast > maps[0]]
        main = [m for m in maps if m not in against]
        if len(main) == 1 and against:
            has = {bool(s.dice_with_lesion) for s in clause.masks(main[0]) or []}
            others = {bool(s.dice_with_lesion) for m in against for s in clause.masks(m) or []}
            fits = has == {not denied} and others == {denied}
            clause.read(contrast, overlap, *maps, *clause.of("lesion"))
            clause.claims.append(Claim("overlap", "in contrast", fits and not clause.negated))
            return
    group = [m for k, m in enumerate(maps) if all(joined(clause, a, b) for a, b in pairwise(maps[: k + 1]))]
    clause.state("overlap", holds, overlap, *group, *clause.of("lesion"))
    rest = [m for m in maps if m not in group]
    last = clause.mentions[rest[-1] :] if rest else []
    if rest and [m.kind for m in last[1:3]] == ["do", "neg"]:  # "A overlaps, B does not"
        values = {(s.dice_with_lesion or 0) > 0 for s in clause.masks(rest[-1]) or []}
        clause.read(rest[-1], rest[-1] + 2)
        clause.claims.append(Claim("overlap", f"{last[0].text} does not", values == {False}))


def _right_before(clause: Clause, i: int, place: int) -> bool:
    return i < place and all(m.kind == "neutral" for m in clause.mentions[i + 1 : place])


def _no_other(clause: Clause, masks: list[Lesion | Saliency], holds: bool | None) -> bool | None:
    """ "only A overlaps", "only A fails to overlap": what holds before a negation is counted."""
    others = [s for s in clause.findings.saliency if s not in masks]
    if holds is not None and len(clause.of("neg")) == 1:
        return holds or not all(s.dice_with_lesion for s in others)
    return holds if holds is None else holds and all(not s.dice_with_lesion for s in others)


def _none_within(clause: Clause, maps: list[int]) -> None:
    """ "none of the Grad-CAM mask lies within the lesion"."""
    none = [i for i in clause.of("neg", "quantifier", unread=True) if clause.mentions[i].text.lower() in _NO_PART]
    lesions = clause.of("lesion", "segmentation", unread=True)
    inside = any(m.text.lower() in ("within", "in", "inside", "on", "over") for m in clause.mentions)
    denied = [i for i in clause.of("neg") if i not in none]
    if len(none) != 1 or len(maps) != 1 or len(lesions) != 1 or not inside or denied or clause.negated:
        return
    if none[0] < maps[0] < lesions[0] and not clause.of("number", "side", "region", "lobe", "outside", "class"):
        values = {s.dice_with_lesion for s in clause.masks(maps[0]) or []}
        clause.read(*none, *maps, *lesions)
        holds = None if not values or None in values else values == {0.0}
        clause.claims.append(Claim("overlap", "no part within", holds))


def overlapping(clause: Clause) -> None:
    """ "only one of the two heat maps overlaps with the abnormality"."""
    overlap, maps = cue_at(clause, "overlap"), clause.of("map")
    numbers = clause.of("number", unread=True)
    counts = [clause.mentions[i].number.value for i in numbers if clause.mentions[i].number.unit == ""]
    found = clause.findings.saliency
    many = len(maps) == 1 and clause.mentions[maps[0]].value == "many" and clause.of("lesion", "segmentation")
    if overlap is None or not many or len(counts) != len(numbers) or len(numbers) != 2 or clause.of("neg"):
        return
    words = [m.text.lower() for m in clause.mentions[numbers[0] + 1 : numbers[1]]]
    if words != ["of", "the"] or not numbers[1] < maps[0] < overlap or any(s.dice_with_lesion is None for s in found):
        return
    holds = counts == [sum(bool(s.dice_with_lesion) for s in found), len(found)]
    only = [i for i in clause.of("only") if i == numbers[0] - 1]
    clause.state("overlap", holds, *only, *numbers, *maps, overlap, *clause.of("lesion", "segmentation"))


_NO_PART = ("none of", "no part of", "no part", "nothing of")


def _elliptic(clause: Clause, maps: list[int]) -> bool:
    """ "but ScoreCAM does not": of the overlap that was spoken of before."""
    bare = [m.kind for m in clause.mentions if m.kind not in ("neutral", "mark", "sep")]
    listed = all(joined(clause, a, b) for a, b in pairwise(maps))
    bare = bare[len(maps) - 1 :] if len(maps) > 1 and listed and bare[: len(maps)] == ["map"] * len(maps) else bare
    if (
        clause.negated
        or clause.context.last not in ("overlap", "dice")
        or bare[:2] != ["map", "do"]
        or bare[2:] not in ([], ["neg"])
    ):
        return False
    masks, denied = [mask for m in maps for mask in clause.masks(m) or []], bare[2:] == ["neg"]
    clause.read(*maps, *clause.of("neg"))
    holds = all((s.dice_with_lesion == 0) is denied for s in masks) if masks else None
    clause.claims.append(Claim("overlap", "does not" if denied else "does", holds))
    return True


def _only_without(clause: Clause, maps: list[int], overlap: int) -> bool:
    """ "ScoreCAM is the only method without any overlap"."""
    only, denied = clause.of("only"), clause.of("neg")
    named = [m for m in maps if clause.mentions[m].value not in ("any", "many", "both")]
    if (
        clause.negated
        or len(named) != 1
        or len(maps) != 2
        or not only
        or len(denied) != 1
        or not only[0] < denied[0] < overlap
    ):
        return False
    none = {s.method for s in clause.findings.saliency if not s.dice_with_lesion}
    clause.read(*only, *maps, *denied, overlap, *clause.of("lesion", "segmentation"))
    clause.claims.append(Claim("overlap", "the only one without overlap", none == {clause.mentions[named[0]].value}))
    return True


def beside(clause: Clause) -> None:
    """ "the Grad-CAM mask lies on the opposite side of the lesion", "on the same side as the lesion"."""
    maps, lesions = clause.of("map"), clause.of("lesion", "segmentation")
    cues = [i for i in (cue_at(clause, "same side"), cue_at(clause, "opposite side")) if i is not None]
    if len(cues) != 1 or len(maps) != 1 or len(lesions) > 1 or clause.of("neg", "number", "side", "only"):
        return
    shown = {mask.side for mask in clause.masks(maps[0]) or []}
    lying = {lesion.side for lesion in (clause.masks(lesions[0] if lesions else None) or [])}
    known = len(shown) == len(lying) == 1 and shown | lying <= {"left", "right"}
    same = clause.mentions[cues[0]].value == "same side"
    clause.state("side", (shown == lying) is same if known else None, *cues, *maps, *lesions)


_GRADES = {"good": (0.7, 1.0), "moderate": (0.4, 0.7), "poor": (0.0, 0.4)}


def graded(clause: Clause) -> None:
    """ "a strong overlap (Dice 0.81)", "a low score of 0.03": fits the Dice or the score that the same clause gives."""
    known = any(claim.kind in ("dice", "score", "check figure") for claim in clause.claims)
    grades = [
        *clause.of("grade"),
        *clause.of("cue", value="good"),
        *(i for i in clause.of("much") if clause.mentions[i].text == "well"),
    ]
    for i in grades:
        near = clause.mentions[max(0, i - 4) : i + 3]
        about = any(m.value in ("overlap", "agree", "dice") or m.kind in ("score", "check") for m in near)
        numbers = [j for j in clause.of("number") if clause.mentions[j].read and clause.mentions[j].number.unit == ""]
        own = [j for j in numbers if i < j and not clause.crosses(i, j)] or (numbers if len(numbers) == 1 else [])
        if any(m.text.lower() == "scores" for m in clause.mentions[i + 1 : i + 3]):  # "low scores of 0.08 and 0.03"
            ends = next((g for g in sorted(grades) if g > i), len(clause.mentions))
            own = [j for j in numbers if i < j < ends]
        else:
            own = own[:1]
        low, high = _GRADES[clause.mentions[i].value or "good"]
        if known and about and own and all(low <= clause.mentions[j].number.value <= high for j in own):
            clause.read(i)


_AWAY = ("away from", "misses", "missed")


def apart(clause: Clause) -> None:
    """ "the map lies away from the lesion", "the map does not agree with the segmentation"."""
    maps = clause.of("map")
    away = next((i for i in clause.of("quantity", unread=True) if clause.mentions[i].text.lower() in _AWAY), None)
    agree = cue_at(clause, "agree")
    if not maps or (away is None and agree is None) or not clause.of("lesion", "segmentation"):
        return
    values = [s.dice_with_lesion for s in clause.masks(maps[0]) or []]
    if not values or None in values:
        return
    only = [i for i in clause.of("only", unread=True) if i == maps[0] - 1]
    if only:  # "only A agrees with the segmentation"
        rest = [s.dice_with_lesion for s in clause.findings.saliency if s.method != clause.mentions[maps[0]].value]
        values = values if not any(rest) and len(maps) == 1 else []
        clause.state("overlap", True if values else None, *only, maps[0])
        if not values:
            return
    if away is not None:
        whole = [i for i in clause.of("quantifier", unread=True) if clause.mentions[i].value == "all"]
        clause.state("overlap", all(value == 0 for value in values), away, maps[0], *clause.of("lesion"), *whole)
    else:
        holds = True if min(values) >= 0.5 else False if max(values) == 0 else None
        clause.state("overlap", holds, agree, maps[0], *clause.of("lesion"))


def differ(clause: Clause) -> None:
    """ "the heat maps differ in their overlap with the segmentation"."""
    cue, maps = clause.cue("margin"), clause.of("map")
    values = {s.dice_with_lesion for s in clause.findings.saliency}
    many = bool(maps) and clause.mentions[maps[0]].value in ("many", "both")
    if cue is None or clause.mentions[cue].text.lower() not in ("differ", "difference") or not many or len(maps) != 1:
        return
    overlap = clause.cue("overlap", "dice")
    if overlap is not None and not clause.of("number", unread=True):
        clause.state("overlap", len(values) > 1, cue, maps[0], overlap, *clause.of("segmentation", "lesion"))


def planes_agree(clause: Clause) -> None:
    """ "the planes agree", without a number."""
    plane, agree = cue_at(clause, "plane"), cue_at(clause, "agree")
    agreement = clause.findings.prediction.uncertainty.get("plane_agreement")
    if plane is not None and agree is not None and agreement is not None:
        partly = [j for j in clause.of("quantifier", unread=True) if clause.mentions[j].value == "part"]
        if partly:
            clause.state("planes", 0 < agreement < 0.999, plane, agree, *partly, *clause.of("only"))
            return
        label, named = clause.findings.prediction.label, clause.of("class")
        if len(named) == 1 and named[0] > agree and label is not None:  # "all planes agree on glioma"
            every = clause.of("which", value="all")
            holds = agreement > 0.999 and clause.mentions[named[0]].value == label
            clause.state("planes", holds if not clause.of("neg") else None, plane, agree, *named, *every)
            return
        fully = [j for j in clause.of("quantifier", unread=True) if clause.mentions[j].value == "all"]
        none = any(clause.mentions[j].text.lower() in ("no", "none", "none of") for j in clause.of("neg"))
        every = [
            j
            for j in clause.of("which", unread=True)
            if clause.mentions[j].text.lower() in ("all", "the", "every", "each", "all the")
        ]
        clause.state("planes", None if none else agreement > 0.999, plane, agree, *fully, *every)


def shows(clause: Clause) -> None:
    """ "the map shows where the score came from, not why"."""
    where, why = cue_at(clause, "where"), cue_at(clause, "why")
    explains = [m for m in clause.mentions if m.kind == "tell" and m.text.lower().startswith("explain")]
    if where is not None and why is None and explains and not clause.of("neg"):
        clause.claims.append(Claim("map", explains[0].text, False))  # "shows where the score came from and explains it"
    if where is None and why is None:
        return
    about_map = bool(clause.of("map")) or clause.context.subject == "map" or clause.context.map is not None
    tell, came = cue_at(clause, "tell"), cue_at(clause, "came")
    clause.read(tell, came, *clause.of("cue", value="came"), *clause.of("map"), *clause.of("only"))
    if where is not None:
        other = any(m.kind in ("lesion", "segmentation", "region", "lobe", "class") for m in clause.mentions[where:])
        clause.state("map", True if about_map and not other else None, where)
    if why is not None:
        clause.state("map", False if about_map else None, why)
