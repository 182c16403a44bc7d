"""Classes without a number: what is suggested, which score is higher, which classes cannot be set aside."""

from __future__ import annotations

from ..schema import Lesion
from .claims import Clause
from .facts import joined
from .mentions import Mention
from .scores import ranked


def read(clause: Clause) -> None:
    """Everything that a clause says of classes, and comparisons of lesions and heat maps."""
    _known(clause)
    _compared(clause)
    _ranks(clause)
    _class_set(clause)
    _separated(clause)
    _suggested(clause)
    _targets(clause)


def _known(clause: Clause) -> None:
    know = clause.cue("know")
    named = clause.of("class")
    if know is None and clause.has("other lesions"):
        return
    if know is None or not named:
        return
    only = clause.of("only")
    same = {clause.mentions[c].value for c in named} == set(clause.findings.model.classes)
    clause.state("classes", same, know, *named, *only, process=True)


def _compared(clause: Clause) -> None:
    for i in [*clause.of("bound", unread=True), *clause.of("compare", unread=True)]:
        mention = clause.mentions[i]
        sign = 1 if mention.value.startswith(">") else -1
        classes = clause.of("class")
        before, after = [c for c in classes if c < i], [c for c in classes if c > i]
        versus = next((j for j in clause.of("sep") if clause.mentions[j].text.lower().startswith("compared")), None)
        if versus is not None and len(classes) == 2 and i > classes[-1] > classes[0] > versus:
            before, after = classes[1:], classes[:1]  # "compared with A, B has the higher score"
        if not before and clause.context.label and after:
            clause.mentions.insert(0, Mention("class", clause.context.label, ""))
            _compared(clause)
            return
        if before and after:
            _scores_compared(clause, i, before, after, sign)
        elif not classes:
            _masks_compared(clause, i, sign)
    than = next((i for i in clause.of("sep") if clause.mentions[i].text.lower() == "than"), None)
    better = [i for i in clause.of("slight") if clause.mentions[i].text.lower() in _BETTER]
    maps = clause.of("map")
    named = [m for m in maps if clause.mentions[m].value not in ("any", "many", "both")]
    if than is None and better and len(named) == 1 < len(maps) and clause.findings.saliency:
        best = max(clause.findings.saliency, key=lambda s: s.dice_with_lesion or 0).method
        cues = [p for p in (clause.cue("agree", "overlap"),) if p is not None]
        clause.state("comparison", clause.mentions[named[0]].value == best, *better, *maps, *cues)
    if than is not None and better and len(maps) == 2 and maps[0] < than < maps[1]:
        _dice_compared(clause, maps, 1, [*better, *(p for p in (clause.cue("agree", "overlap"),) if p is not None)])


_BETTER = ("better", "more", "more closely", "more strongly")


def _scores_compared(clause: Clause, i: int, before: list[int], after: list[int], sign: int) -> None:
    scores = clause.findings.prediction.scores
    group = [after[0]]
    for c in after[1:]:
        if joined(clause, group[-1], c):
            group.append(c)
    first = [before[-1]]
    while len(before) > len(first) and joined(clause, before[-len(first) - 1], first[0]):
        first.insert(0, before[-len(first) - 1])
    slight = [j for j in clause.of("slight") if clause.mentions[j].text.lower() not in _BETTER]
    everyone = [j for j in clause.of("which") if clause.mentions[j].value in ("all", "both")]
    for left in first:
        differences = [
            sign * (scores.get(clause.mentions[left].value, 0) - scores.get(clause.mentions[c].value, 0)) for c in group
        ]
        holds = bool(scores) and all(0 < d <= (0.1 if slight else 1) for d in differences)
        clause.state("comparison", holds, i, left, *group, *slight, *everyone)


def _masks_compared(clause: Clause, i: int, sign: int) -> None:
    maps, lesions = clause.of("map"), clause.of("lesion")
    if len(maps) == 1 and maps[0] > i and clause.context.map:
        clause.mentions.insert(0, Mention("map", clause.context.map, ""))
        maps, i = clause.of("map"), i + 1
    if len(maps) == 2 and maps[0] < i < maps[1]:
        if clause.has("dice", "overlap", "agree") or clause.of("segmentation"):
            _dice_compared(clause, maps, sign, [i])
        else:
            sizes = [next((s.mask_voxels for s in clause.masks(m) or []), None) for m in maps]
            known = None not in sizes
            volume = clause.cue("volume")
            places = [i, *maps, *([volume] if volume is not None else [])]
            clause.state("comparison", sign * (sizes[0] - sizes[1]) > 0 if known else None, *places)
        return
    if len(lesions) == 2 and lesions[0] < i < lesions[1]:
        sizes = [[lesion.voxels for lesion in clause.masks(m) or [] if isinstance(lesion, Lesion)] for m in lesions]
        known = all(len(size) == 1 for size in sizes)
        holds = sign * (sizes[0][0] - sizes[1][0]) > 0 if known else None
        clause.state("comparison", holds, i, *lesions)


def _dice_compared(clause: Clause, maps: list[int], sign: int, places: list[int]) -> None:
    values = [next((s.dice_with_lesion for s in clause.masks(m) or []), None) for m in maps]
    holds = None if None in values else sign * (values[0] - values[1]) > 0
    dice = clause.of("quantity", value="dice")
    clause.state("comparison", holds, *maps, *places, *dice)


def _ranks(clause: Clause) -> None:
    if clause.of("class") and not clause.of("lesion", "map"):
        for i in clause.of("which", unread=True):  # "glioma is first, meningioma second"
            if clause.mentions[i].value in ("1", "2", "3") and len(clause.findings.prediction.scores) == 3:
                clause.mentions[i].kind = "rank"
                clause.mentions[i].value = clause.mentions[i].value.replace("3", "-1")
    for i in clause.of("rank"):
        mention = clause.mentions[i]
        if mention.value == "two":
            continue
        place = clause.attached(i, ("class",), prefer_before=mention.text.lower() != "followed by")
        if place is None:
            maps = clause.of("map")
            dice = clause.cue("dice", "overlap")
            named = [m for m in maps if clause.mentions[m].value not in ("any", "many", "both")]
            if named and dice is not None and mention.value in ("1", "-1") and clause.findings.saliency:
                values = sorted((s.dice_with_lesion or 0, s.method) for s in clause.findings.saliency)
                best = values[-1 if mention.value == "1" else 0][1]
                clause.state("rank", clause.mentions[named[0]].value == best, i, *maps, dice)
            elif clause.context.label and not mention.read:
                _ranked(clause, i, clause.context.label)
            continue
        _ranked(clause, i, clause.mentions[place].value, place)


def _ranked(clause: Clause, i: int, label: str, place: int | None = None) -> None:
    order = ranked(clause)
    wanted = {"1": 0, "2": 1, "-1": -1}[clause.mentions[i].value]
    holds = bool(order) and order[wanted] == label
    clause.state("rank", holds, i, *([place] if place is not None else []))


def _class_set(clause: Clause) -> None:
    if clause.cue("aside") is not None and not clause.of("class", "lesion", "map") and clause.context.label:
        clause.mentions.insert(0, Mention("class", clause.context.label, "", read=True))
    aside = clause.cue("aside")
    named = clause.of("class")
    if aside is None or not named:
        return
    if not clause.findings.prediction.class_set:
        clause.state("class set", None, aside, *named)
        return
    members = set(clause.findings.prediction.class_set)
    said = {clause.mentions[c].value for c in named}
    if "aside" in clause.mentions[aside].text.lower():
        clause.read(*(m for m in clause.of("modal") if 0 < aside - m <= 3))
    setting = "set aside" in clause.mentions[aside].text.lower()
    only = clause.of("only")
    exact = bool(only) or any(
        m.text.lower() in ("are", "contains", "holds", "comprises", "is") and m.kind == "verb" for m in clause.mentions
    )
    exact = exact or any(m.text.lower() in ("comprises", "consists of") for m in clause.mentions)
    if setting:
        others = set(clause.findings.model.classes) - members
        listed = any(m.kind == "classes" for m in clause.mentions)
        denied = clause.negations(aside, *named) % 2 == 1  # "cannot be set aside"
        same = (
            (said == members if denied else said == others)
            if only or listed
            else (said <= members if denied else said <= others)
        )
        holds = same if not denied else not same
        clause.state("class set", holds, aside, *named, *only)
        return
    everyone = [j for j in clause.of("which") if clause.mentions[j].value in ("all", "both")]
    for other in clause.of("cue", value="aside"):
        clause.read(other)
    if "possible" in clause.mentions[aside].text.lower():
        clause.state("class set", said <= members, aside, *named, *everyone)
        return
    before = ("in", "part of", "among", "within")
    inside = max(named) < aside and (
        any(m.text.lower() in before for m in clause.mentions[min(named) : aside])
        or clause.mentions[aside].text.lower().startswith(("in ", "remain", "left in", "member"))
    )
    holds = said <= members if inside and not only else said == members if exact else None
    if inside and not only and holds is False and said & members:
        holds = None
    clause.state("class set", holds, aside, *named, *only)


def _separated(clause: Clause) -> None:
    cue = clause.cue("separate")
    named = clause.of("class")
    if cue is None or len(named) != 2:
        return
    members = set(clause.findings.prediction.class_set)
    modal = clause.of("modal")
    clause.state(
        "separation", not {clause.mentions[c].value for c in named} <= members, cue, *named, *modal, process=True
    )


def _suggested(clause: Clause) -> None:
    label = clause.findings.prediction.label
    for i in clause.of("suggest", unread=True):
        named = clause.of("class")
        if not named:
            if clause.of("number") and any(c.kind == "score" for c in clause.claims) and not clause.of("neg"):
                clause.read(i)  # "the suggested class scored 0.9"
                if label is None:
                    clause.state("suggestion", False, i)
            else:
                clause.state("suggestion", label is not None, i, *clause.of("classes"), process=label is None)
            continue
        first = clause.attached(i, ("class",))
        zone = [first]
        for c in named:
            between = clause.mentions[zone[-1] + 1 : c] if c > zone[-1] else None
            if (
                between is not None
                and between
                and all(
                    m.kind in ("sep", "neg", "neutral", "verb", "boundary") or m.text in (",", "(", ")")
                    for m in between
                )
            ):
                zone.append(c)
        earlier = [c for c in named if c < first and _joined_by_nor(clause, c, first)]
        for c in [*earlier, *zone]:
            clause.state("suggestion", clause.mentions[c].value == label, c, i)


def _joined_by_nor(clause: Clause, a: int, b: int) -> bool:
    between = clause.mentions[a + 1 : b]
    return bool(between) and all(m.kind in ("neg", "sep", "neutral") for m in between)


def _targets(clause: Clause) -> None:
    """ "the heat map for glioma"."""
    maps = clause.of("map")
    for c in clause.of("class", unread=True):
        place = next((m for m in reversed(maps) if m < c), None)
        if place is None:
            continue
        before = clause.mentions[c - 1].text.lower() if c else ""
        if before not in ("for", "of", "for the", "class", "the"):
            continue
        methods = clause.maps_at(place)
        chosen = [s for s in clause.findings.saliency if methods is None or s.method in methods]
        clause.state("target", bool(chosen) and all(s.target == clause.mentions[c].value for s in chosen), c, place)
