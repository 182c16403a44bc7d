"""How many: lesions, heat maps, classes, planes, images."""

from __future__ import annotations

from itertools import pairwise

from .. import checklist
from .claims import Claim, Clause
from .facts import ENTITIES, agrees, joined, rows_of


def count(clause: Clause, i: int) -> None:
    target = next(j for j in range(i + 1, len(clause.mentions)) if clause.mentions[j].kind in ENTITIES)
    found = clause.findings
    number, mention = clause.mentions[i].number, clause.mentions[target]
    if mention.kind == "map":
        count = len(found.saliency)
    elif mention.value.split()[0] == "other" or (
        i > 0 and clause.mentions[i - 1].kind == "which" and clause.mentions[i - 1].value == "other"
    ):
        mention.value = "other"
        clause.read(i - 1)
        count = len(clause.lesions_at(target) or ())
    elif _counted_on_a_side(clause, i, target) or _one_in_a_region(clause, i, target):
        return
    else:
        count = len(found.lesions)
    if i > 0 and clause.mentions[i - 1].kind == "which" and clause.mentions[i - 1].value in ("all", "both"):
        clause.read(i - 1)
    holds: bool | None = count == number.value if not number.bound else agrees(number, count)
    if (number.value > 1 and mention.value == "any") or (i > 0 and clause.mentions[i - 1].text.lower() == "any"):
        holds = None  # "two heat map", "any three lesions"
    if (
        number.value == 1
        and mention.kind == "lesion"
        and mention.value not in ("one", "many")
        and len(found.lesions) > 1
    ):
        holds = True  # "one larger lesion"
    if " ".join(m.text.lower() for m in clause.mentions[max(0, i - 3) : i]).endswith(("none of the", "neither of the")):
        clause.read(i)  # "none of the three": it is not the number that is denied
        clause.claims.append(Claim("count", number.text, holds))
    else:
        clause.state("count", holds, i)
    if not (number.value == 1 and len(found.lesions) > 1) and mention.value in ("one", "many", "both", "all", "any"):
        mention.read = True  # "the smallest of the three lesions" is yet to be read


def headed(clause: Clause) -> None:
    """ "number of abnormalities: 2", "the voxel count of the lesion is 1680"."""
    numbers = [i for i in clause.of("number", unread=True) if not clause.mentions[i].number.unit]
    for i in clause.of("counted"):
        if len(numbers) != 1 or numbers[0] < i or clause.of("map", "class"):
            continue
        number = clause.mentions[numbers[0]].number
        if clause.mentions[i].value == "lesions":
            others = clause.of("side", "region", "lobe", "lesion")
            clause.state("count", None if others else agrees(number, clause.findings.lesion_total.count), i, numbers[0])
            continue
        place, right = clause.attached(i, ("lesion",)), "voxel" in clause.mentions[i].text.lower()
        masks = clause.masks(place) if right == clause.findings.image.has_geometry else None
        facts = [mask.voxels for mask in masks or []]
        along = [place] if place is not None else []
        holds = agrees(number, facts[0]) if len(facts) == 1 else None
        clause.state("voxels", holds, i, numbers[0], *along, exact=not number.bound)


def each_side(clause: Clause, i: int) -> bool:
    """ "each hemisphere contains one lesion"."""
    sides = [j for j in clause.of("side", value="each", unread=True) if j < i]
    lesions = [j for j in clause.of("lesion") if j > i]
    if len(sides) != 1 or clause.mentions[i].value != "count" or len(lesions) != 1 or len(clause.of("number")) > 1:
        return False
    on = [lesion.side for lesion in clause.findings.lesions]
    number = clause.mentions[i].number.value
    clause.state("count", on.count("left") == on.count("right") == number, i, *sides, *lesions)
    return True


def part_of(clause: Clause, i: int) -> bool:
    """ "the right hemisphere contains two of the three abnormalities": as many as lie there, of all."""
    target = next((j for j in clause.of("lesion", "map") if j > i), i)
    wholes = [j for j in range(i + 1, target) if clause.mentions[j].kind == "number"]
    sides = [j for j in clause.of("side", unread=True) if clause.mentions[j].value in ("left", "right")]
    if len(sides) > 1:
        sides = [j for j in sides if j > target and not clause.crosses(target, j)]
    words = [m.text.lower() for m in clause.mentions[i + 1 : wholes[0]]] if wholes else []
    if len(wholes) != 1 or words != ["of", "the"] or len(sides) != 1 or clause.mentions[target].value != "many":
        return False
    found, side = clause.findings, clause.mentions[sides[0]].value
    lesions = found.lesions if clause.mentions[target].kind == "lesion" else found.saliency
    right = clause.mentions[wholes[0]].number.value == len(lesions)
    holds = (
        None
        if clause.of("neg")
        else right and clause.mentions[i].number.value == sum(lesion.side == side for lesion in lesions)
    )
    only = [j for j in clause.of("only") if j == i - 1]
    clause.state("count", holds, i, wholes[0], target, *sides, *only)
    return True


def _one_in_a_region(clause: Clause, i: int, target: int) -> bool:
    """ "one lesion is located in the left frontal lobe, the other ...": the one that lies there."""
    lesions = clause.findings.lesions
    places = [j for j in clause.of("region", "lobe") if j > target and not clause.crosses(target, j)]
    if clause.mentions[i].number.value != 1 or len(lesions) < 2 or not places or clause.mentions[target].value != "one":
        return False
    there = [n for n, lesion in enumerate(lesions) if rows_of([lesion], clause, places[0])]
    if len(there) != 1 or (i and clause.mentions[i - 1].kind == "only"):
        return False
    clause.mentions[target].value = str(there[0] + 1)
    clause.read(i)
    clause.context.lesions = (there[0],)
    return True


def _counted_on_a_side(clause: Clause, i: int, target: int) -> bool:
    """ "two lesions are on the right": of several, as many as lie there; "the other" are the rest."""
    number, lesions = clause.mentions[i].number, clause.findings.lesions
    after = [j for j in clause.of("side") if j > target and not clause.crosses(target, j)]
    fronted = [j for j in clause.of("side") if j < i]
    fronted = [j for j in fronted if all(m.kind in ("neutral", "mark", "verb") for m in clause.mentions[j + 1 : i])]
    after = after or fronted  # "in the left hemisphere, one lesion was found"
    if (
        not after
        or clause.mentions[after[0]].value not in ("left", "right", "each")
        or number.value >= len(lesions)
        or clause.mentions[target].value != ("one" if number.value == 1 else "many")
    ):
        return False
    if i > 0 and clause.mentions[i - 1].text.lower() in ("the", "both"):
        return False
    if clause.mentions[after[0]].value == "each":
        sides = [lesion.side for lesion in lesions]
        clause.state("count", sides.count("left") == sides.count("right") == number.value, i, target, after[0])
        return True
    there = tuple(n for n, lesion in enumerate(lesions) if lesion.side == clause.mentions[after[0]].value)
    clause.state("count", len(there) == number.value, i, target, after[0])
    clause.context.lesions = there
    clause.context.group = there if len(there) > 1 else None
    return True


def images(clause: Clause, i: int) -> bool:
    """ "one MR volume was read": the findings are of one image."""
    ahead = clause.mentions[i + 1] if i + 1 < len(clause.mentions) else None
    if ahead is not None and ahead.text.lower() == "volume" and not clause.of("lesion", "map"):
        one_volume = clause.mentions[i].number.value == 1 and clause.findings.image.shape[2] > 1
        clause.state("count", one_volume, i, i + 1, process=True)
        return True
    if (
        clause.mentions[i].number.unit
        or ahead is None
        or ahead.kind != "cue"
        or ahead.value not in ("mr", "ct", "modality", "image", "slice")
    ):
        return False
    clause.state("count", clause.mentions[i].number.value == 1, i, process=True)
    return True


def _planes_alone(agreement: float | None, value: float) -> bool | None:
    """ "all three planes", "two planes agree": of three; where more of them do, it is not said how many."""
    if agreement is None or value == 3:
        return agreement is not None and agreement > 0.999
    return True if abs(agreement - value / 3) < 0.01 else None if agreement > value / 3 else False


def _of_planes(clause: Clause, i: int, plane: int) -> list[int]:
    """The numbers that may count planes: of more than two, the last before the word."""
    numbers = [
        j
        for j in clause.of("number", unread=True)
        if clause.mentions[j].number.unit in ("", "fraction")
        and "." not in clause.mentions[j].text
        and clause.mentions[j].depth == clause.mentions[i].depth
    ]
    # "one of the three planes agrees, and the two heat maps ..."
    return numbers if len(numbers) < 3 else [j for j in numbers if j < plane][-2:]


def planes(clause: Clause, i: int) -> bool:
    """ "two of the three planes agree", "all three planes"."""
    plane = clause.cue("plane", "planes")
    if plane is None or clause.mentions[i].number.unit not in ("", "fraction"):
        return False
    agreement = clause.findings.prediction.uncertainty.get("plane_agreement")
    numbers = _of_planes(clause, i, plane)
    agree = clause.cue("agree")
    class_ = next(iter(clause.of("class")), None)
    if agree is None and class_ is not None:
        agree = next(iter(clause.of("suggest")), None)
    named = clause.mentions[plane].value == "planes" and len(numbers) == 2
    if (agree is None and not named) or i not in numbers:
        return False
    value = clause.mentions[numbers[0]].number.value
    denied = clause.negations(*numbers[:2], plane, agree if agree is not None else plane) % 2 == 1
    if denied and len(numbers) == 2:
        value = clause.mentions[numbers[1]].number.value - value  # "one of the three does not agree"
    everyone = [j for j in clause.of("which") if clause.mentions[j].value in ("all", "both")]
    if len(numbers) == 2:
        whole = clause.mentions[numbers[1]].number.value
        holds = agreement is not None and whole == 3 and abs(agreement - value / whole) < 0.01
    elif clause.mentions[i].number.unit == "fraction":
        holds = agreement is not None and abs(100 * agreement - value) < 1
    else:
        holds = _planes_alone(agreement, value)
    clause.read(*clause.of("only"))
    if class_ is None and agree is not None:
        clause.read(*(j for j in clause.of("suggest") if j > agree and clause.findings.prediction.label))
    if class_ is not None and agree is not None and class_ > agree:  # "two of the three planes support glioma"
        same = clause.mentions[class_].value == clause.findings.prediction.label
        holds = holds and same if clause.findings.prediction.label else None
        clause.read(class_)
    fully = [j for j in clause.of("quantifier", unread=True) if clause.mentions[j].value == "all"]
    if len(numbers) == 1 and agreement is not None and denied is (agreement < 0.999):
        clause.read(*fully)
    if len(numbers) == 1 and value != 3 and denied:
        holds = None
    if denied and len(numbers) == 2:
        holds = not holds
    clause.state("planes", holds, *numbers[:2], plane, *([agree] if agree is not None else []), *everyone)
    return True


def of_the_checklist(clause: Clause, i: int) -> bool:
    """ "four of the 17 items of the checklist were assessed", "the other 13 items were not"."""
    cues, numbers = clause.of("cue", value="checklist"), clause.of("number", unread=True)
    assess, denials = clause.cue("assess"), clause.of("neg")
    if not cues or assess is None or len(numbers) not in (1, 2) or i != numbers[0] or clause.negated:
        return False
    others = [j for j in clause.of("which") if clause.mentions[j].value == "other"]
    denied = len(denials) == 1 and i < denials[0] < assess
    if (denials and not denied) or (others and not denied):
        return False
    total = len(checklist.ITEMS)
    done = sum(place is not None for _, place in checklist.assessed(clause.findings))
    facts = [total - done if denied else done, total]
    figures = [clause.mentions[j].number for j in numbers]
    holds = all(n.value == fact and not n.bound for n, fact in zip(figures, facts, strict=False))
    clause.read(*numbers, *cues, assess, *denials, *others, *clause.of("only"))
    clause.claims.append(Claim("checklist", figures[0].text, holds if clause.findings.lesions else None, process=True))
    return True


def listed(clause: Clause, i: int) -> bool:
    """ "the two Dice values are 0.60 and 0.76": as many as are given."""
    ahead = next((m for m in clause.mentions[i + 1 :] if m.kind not in ("neutral", "which")), None)
    figures = [
        m for m in clause.mentions if m.kind == "number" and m.value not in ("word", "count") and m.number is not None
    ]
    if clause.mentions[i].value != "word" or ahead is None or ahead.value not in ("dice", "volume") or len(figures) < 2:
        return False
    if clause.of("neg") or len({m.number.unit for m in figures}) > 1:
        return False
    clause.state("count", clause.mentions[i].number.value == len(figures), i)
    return True


def regions(clause: Clause, i: int) -> bool:
    """ "the lesion overlaps three named regions": as many as its table names."""
    following = next((m for m in clause.mentions[i + 1 :] if m.kind != "neutral"), None)
    number = clause.mentions[i].number
    if number.unit or clause.mentions[i].value != "word" or following is None or following.value != "regions":
        return False
    masks = clause.masks(clause.attached(i, ENTITIES, prefer_before=True))
    mask = masks[0] if masks is not None and len(masks) == 1 else None
    named = None if mask is None else len([row for row in mask.regions if row.lobe != "other"])
    place = clause.attached(i, ENTITIES, prefer_before=True)
    holds = None if named is None else named == number.value
    if clause.has("top regions"):
        return False
    listed = [j for j in clause.of("region") if j > i]  # "two regions, A and B, hold most": as many as are listed
    if listed and all(joined(clause, a, b) for a, b in pairwise(listed)):
        holds = len(listed) == number.value and (
            holds is True or (bool(clause.of("quantifier")) and place is not None and i < place)
        )
        clause.read(*clause.of("cue", value="regions")[:1], i)
        clause.claims.append(Claim("region", number.text, holds))
        return True
    clause.state("region", holds, i, *([place] if place is not None else []), *clause.of("cue", value="regions")[:1])
    return True


def of_all_classes(clause: Clause, i: int) -> bool:
    """ "the lowest of the three": of as many classes as were scored."""
    following = [m for m in clause.mentions[i + 1 : i + 3] if m.kind != "neutral"]
    before = [m.text.lower() for m in clause.mentions[max(0, i - 2) : i]]
    ranks = [j for j in clause.of("rank") if j < i]
    alone = not following or following[0].kind in ("mark", "verb") or following[0].kind == "classes"
    of_all = before in (["of", "the"], ["of", "all"]) or before[-1:] == ["of all"]
    if not of_all or clause.mentions[i].number.unit or not ranks or not alone:
        return False
    if clause.of("map", "lesion") or not (clause.of("class") or clause.context.label):
        return False
    clause.state("count", clause.mentions[i].number.value == len(clause.findings.prediction.scores), i)
    return True


def class_count(clause: Clause, i: int) -> bool:
    """ "three classes", "the class set holds two classes"."""
    following = [m for m in clause.mentions[i + 1 : i + 3] if m.kind != "neutral"]
    if (
        following
        and following[0].kind == "score"
        and not (i > 0 and clause.mentions[i - 1].kind == "rank")
        and not clause.mentions[i].number.unit
        and clause.mentions[i].value == "word"
    ):
        others = i > 0 and clause.mentions[i - 1].value == "other"
        expected = len(clause.findings.prediction.scores) - others
        clause.state("count", clause.mentions[i].number.value == expected, i)
        return True
    before = clause.mentions[i - 1] if i else None
    among = before is not None and before.value == "other" and bool(following) and following[0].kind == "classes"
    other = among or (
        bool(following)
        and following[0].kind == "which"
        and following[0].value == "other"
        and following[-1].kind == "classes"
    )
    if other and not clause.mentions[i].number.unit and not clause.has("aside"):
        holds = clause.mentions[i].number.value == len(clause.findings.model.classes) - 1
        if any(m.text.lower() in ("neither", "none of") for m in clause.mentions[max(0, i - 4) : i]):
            clause.read(i)  # "neither of the other two classes": it is not the number that is denied
            clause.claims.append(Claim("count", clause.mentions[i].number.text, holds))
        else:
            clause.state("count", holds, i)
        return True
    if other and clause.has("aside"):
        return True  # read with the class set
    if not following or following[0].kind != "classes" or clause.mentions[i].number.unit:
        return False
    aside = clause.has("aside")
    plain_set = clause.cue("aside") if aside else None
    if plain_set is not None and "set aside" in clause.mentions[plain_set].text.lower():
        kept = len(clause.findings.prediction.class_set)
        denied = bool(clause.of("neg")) or "cannot" in clause.mentions[clause.cue("aside")].text
        right = clause.mentions[i].number.value == (kept if denied else len(clause.findings.model.classes) - kept)
        clause.read(*clause.of("only"))
        clause.state("count", not right if clause.negations(i, plain_set) % 2 else right, i, plain_set)
        return True
    whole = [m.text.lower() for m in clause.mentions[max(0, i - 2) : i]] == ["of", "the"]
    aside = aside and not whole
    count = len(clause.findings.prediction.class_set) if aside else len(clause.findings.model.classes)
    places = [clause.cue("aside")] if aside else []
    clause.state("count", clause.mentions[i].number.value == count, i, *places)
    return True


def sided(clause: Clause, i: int) -> bool:
    """ "two of them on the right and one on the left": how many lesions lie on a side."""
    number = clause.mentions[i].number
    if (
        number.unit
        or number.parts
        or clause.mentions[i].value != "word"
        or max(len(clause.findings.lesions), len(clause.findings.saliency)) < 2
    ):
        return False
    side = next((j for j in range(i + 1, min(i + 9, len(clause.mentions))) if clause.mentions[j].kind == "side"), None)
    if side is None or clause.crosses(i, side):
        return False
    between = range(i + 1, side)
    several = [j for j in between if clause.mentions[j].kind == "lesion" and clause.mentions[j].value == "many"]
    kinds = {clause.mentions[j].kind for j in between if clause.mentions[j].value != "count"}
    if not kinds <= {"neutral", "verb", "lesion"} or ("lesion" in kinds and not several):
        return False
    clause.read(*several)
    of_maps = clause.context.subject == "map" and not several
    sides = [mask.side for mask in (clause.findings.saliency if of_maps else clause.findings.lesions)]
    if clause.mentions[side].value == "each":
        clause.state("count", number.value == sides.count("left") == sides.count("right"), i, side)
        return True
    clause.state("count", number.value == sides.count(clause.mentions[side].value), i, side)
    return True
