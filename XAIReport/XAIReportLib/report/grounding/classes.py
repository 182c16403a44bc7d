"""Classes without a number: what is suggested, which score is higher, which classes cannot be set aside."""

from __future__ import annotations

from . import class_set, ranks
from .claims import Claim, Clause
from .compared import dice_compared
from .facts import joined
from .mentions import Mention
from .ranks import MUCH, gap, numbers_between
from .scores import ranked


def read(clause: Clause) -> None:
    """Everything that a clause says of classes, and which heat map overlaps better."""
    _known(clause)
    _compared(clause)
    ranks.trails(clause)
    ranks.read(clause)
    class_set.read(clause)
    _suggested(clause)
    _targets(clause)


def _known(clause: Clause) -> None:
    know = clause.cue("know")
    named = clause.of("class")
    if know is None and clause.has("other lesions"):
        return
    counted = [c for c in clause.claims if c.kind == "count"]
    if know is not None and not named and clause.of("classes") and counted and not clause.of("lesion", "map"):
        clause.read(*clause.of("only"))
        clause.state("classes", True, know, process=True)  # "knows three classes only"
        return
    if know is None or not named:
        return
    only = clause.of("only")
    clause.read(*(m for m in clause.of("modal") if 0 < know - m <= 3))
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
        noun = clause.mentions[i + 1] if i + 1 < len(clause.mentions) else None
        if versus is None and after and noun is not None and noun.kind == "score" and not _than(clause, i, after[0]):
            if not any(m.text.lower() in ("for", "of") for m in clause.mentions[i : after[0]]):
                continue  # "A has a much lower score, with B last": what follows is not what it is compared with
            sign = -sign  # "glioma scored 0.9, with lower scores for the others": it is they that are lower
        if not before and clause.context.label and after:
            clause.mentions.insert(0, Mention("class", clause.context.label, ""))
            _compared(clause)
            return
        if before and after:
            _scores_compared(clause, i, before, after, sign)
    _lower_scores(clause)
    _alike(clause)
    _others(clause)
    _higher_dice(clause)
    than = next((i for i in clause.of("sep") if clause.mentions[i].text.lower() == "than"), None)
    better = [i for i in clause.of("slight") if clause.mentions[i].text.lower() in _BETTER]
    maps = clause.of("map")
    named = [m for m in maps if clause.mentions[m].value not in ("any", "many", "both")]
    worse = [i for i in clause.of("slight") if clause.mentions[i].text.lower() in _WORSE]
    if than is None and worse and len(named) == 1 and len(clause.findings.saliency) > 1:
        least = min(clause.findings.saliency, key=lambda s: s.dice_with_lesion or 0).method
        well = [i for i in clause.of("much") if clause.mentions[i].text.lower().startswith("well")]
        clause.state("comparison", clause.mentions[named[0]].value == least, *worse, named[0], *well)
    if than is not None and worse and len(maps) == 2 and maps[0] < than < maps[1]:
        dice_compared(clause, maps, -1, [*worse, *(p for p in (clause.cue("agree", "overlap"),) if p is not None)])
    if (
        than is None
        and better
        and len(named) == 1
        and clause.findings.saliency
        and (len(maps) > 1 or len(clause.findings.saliency) == 2)
    ):
        best = max(clause.findings.saliency, key=lambda s: s.dice_with_lesion or 0).method
        cues = [p for p in (clause.cue("agree", "overlap"),) if p is not None]
        along = [*cues, *clause.of("lesion")]
        clause.state("comparison", clause.mentions[named[0]].value == best, *better, *maps, *along)
    if than is not None and better and len(maps) == 2 and maps[0] < than < maps[1]:
        along = [*clause.of("lesion"), *(p for p in (clause.cue("agree", "overlap"),) if p is not None)]
        dice_compared(clause, maps, 1, [*better, *along])


def _higher_dice(clause: Clause) -> None:
    """ "of the two heat maps, ScoreCAM has the higher Dice"."""
    named = [m for m in clause.of("map") if clause.mentions[m].value not in ("any", "many", "both")]
    dice, two = clause.cue("dice", "overlap"), len(clause.findings.saliency) == 2
    for i in clause.of("compare", unread=True):
        text = clause.mentions[i].text.lower()
        if two and dice is not None and len(named) == 1 and text in ("the higher", "the lower", "higher", "lower"):
            order = sorted(clause.findings.saliency, key=lambda s: s.dice_with_lesion or 0)
            best = order[-1 if "higher" in text else 0].method
            clause.state("comparison", clause.mentions[named[0]].value == best, i, *clause.of("map"))


def _lower_scores(clause: Clause) -> None:
    """ "(glioma scored 0.89, while) meningioma and pituitary tumour received much lower scores": than the class before."""
    scores, named = clause.findings.prediction.scores, clause.of("class")
    label = clause.context.label or clause.findings.prediction.label
    cues = [i for i in clause.of("compare", unread=True) if clause.mentions[i].text.lower() in ("lower", "higher")]
    if len(cues) != 1 or not named or label not in scores or clause.of("neg", "rank", "sep", value="than"):
        return
    behind = clause.mentions[cues[0] + 1 : cues[0] + 2]
    said = [clause.mentions[c].value for c in named]
    of_scores = any(i < min(named) for i in clause.of("score"))  # "the scores of A and B are far lower"
    if (
        ((not behind or behind[0].kind != "score") and not of_scores)
        or label in said
        or max(named) > cues[0]
        or not all(c in scores for c in said)
    ):
        return
    much, sign = clause.of("much"), 1 if clause.mentions[cues[0]].value == ">" else -1
    holds = all(sign * (scores[c] - scores[label]) > (MUCH if much else 0) for c in said)
    clause.state("comparison", holds, cues[0], *named, *much)


ALIKE = 0.05  # scores that differ by less may be called similar


def _alike(clause: Clause) -> None:
    """ "glioma and meningioma received similar scores"."""
    cue, named = clause.cue("similar"), clause.of("class")
    scores = [clause.findings.prediction.scores.get(clause.mentions[c].value) for c in named]
    if cue is not None and len(named) == 2 and None not in scores and (clause.of("score") or clause.of("number")):
        clause.state("similar scores", abs(scores[0] - scores[1]) < ALIKE, cue, *named)


def _others(clause: Clause) -> None:
    """ "the other two classes received much lower scores": than the one that was spoken of, or is suggested."""
    scores, label = clause.findings.prediction.scores, clause.context.label or clause.findings.prediction.label
    cues = [i for i in clause.of("compare", "bound", unread=True) if clause.mentions[i].value in ("<", ">")]
    others, named = clause.of("which", value="other"), clause.of("class")
    if len(named) == 1:
        label = clause.mentions[named[0]].value
    fits = len(others) == 1 and bool(clause.of("classes")) and len(named) <= 1 and label in scores
    if not cues or not fits:
        return
    sign, much = (1 if clause.mentions[cues[0]].value == ">" else -1), clause.of("much")
    much = much or [i for i in cues if clause.mentions[i].text.lower().startswith(("far", "well"))]
    of_others = clause.mentions[cues[0]].text.lower() in ("higher", "lower", "the higher", "the lower")
    after = cues[0] < others[0] and (named[0] < cues[0] if named else not of_others)
    sign = -sign if after else sign  # "glioma is far higher than the other two", "far above the others"
    holds = all(sign * (s - scores[label]) > (MUCH if much else 0) for one, s in scores.items() if one != label)
    clause.state("comparison", holds, cues[0], others[0], *much)


def _than(clause: Clause, a: int, b: int) -> bool:
    return any("than" in m.text.lower() or "compared" in m.text.lower() for m in clause.mentions[a:b])


_WORSE = ("less well", "less closely", "less strongly", "less")
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
    much = clause.of("much")
    everyone = [j for j in clause.of("which") if clause.mentions[j].value in ("all", "both")]
    for left in first:
        differences = [
            sign * (scores.get(clause.mentions[left].value, 0) - scores.get(clause.mentions[c].value, 0)) for c in group
        ]
        holds = bool(scores) and all((MUCH if much else 0) < d <= (0.1 if slight else 1) for d in differences)
        clause.state("comparison", holds, i, left, *group, *slight, *much, *everyone)


def _suggested(clause: Clause) -> None:
    label = clause.findings.prediction.label
    why = clause.cue("why")
    bare = [m for m in clause.mentions if m.kind not in ("neutral", "mark")]
    if [m.kind for m in bare] == ["classes", "class"] and any(m.text in (":", "=") for m in clause.mentions):
        clause.state("suggestion", bare[1].value == label, clause.mentions.index(bare[1]))  # "Class: glioma"
    for i in clause.of("suggest", unread=True):
        named = clause.of("class")
        if why is not None and why < i:  # "does not tell why the model suggests glioma": what it suggests is not denied
            clause.read(i, *named)
            same = all(clause.mentions[c].value == label for c in named) and label is not None
            clause.claims.append(Claim("suggestion", "as suggested", same and not clause.negated))
            continue
        if (
            not named
            and [m.text.lower() for m in bare[-1:]] == ["none"]
            and [m.kind for m in bare] == ["suggest", "neg"]
        ):
            clause.read(i, *clause.of("neg"))  # "Suggested class: none"
            clause.claims.append(Claim("suggestion", "none", label is None and not clause.negated))
            continue
        if not named:
            if clause.of("number") and any(c.kind == "score" for c in clause.claims) and not clause.of("neg"):
                clause.read(i)  # "the suggested class scored 0.9"
                if label is None:
                    clause.state("suggestion", False, i)
            else:
                able = [m for m in clause.of("modal") if label is None and clause.of("neg") and 0 < i - m <= 3]
                clause.state("suggestion", label is not None, i, *clause.of("classes"), *able, process=label is None)
            continue
        _how_far(clause, label)
        first = clause.attached(i, ("class",))
        if numbers_between(clause, i, first) > 1 and any(c.kind == "score" for c in clause.claims):
            clause.read(i)  # "the score of the suggested class is 0.89, against 0.08 for B"
            continue
        zone = [first]
        for c in named:
            between = clause.mentions[zone[-1] + 1 : c] if c > zone[-1] else None
            if (
                between is not None
                and between
                and all(
                    (m.kind in ("sep", "neg", "neutral", "verb", "boundary") and m.text.lower() != "with")
                    or m.text in (",", "(", ")")
                    or (m.kind == "number" and m.read and any(n.value == "next" for n in between))
                    for m in between
                )
            ):
                zone.append(c)
        earlier = [c for c in named if c < first and _joined_by_nor(clause, c, first)]
        for c in [*earlier, *zone]:
            clause.state("suggestion", clause.mentions[c].value == label, c, i)


def _how_far(clause: Clause, label: str | None) -> None:
    """ "suggests glioma by far": ahead of the next class by much."""
    order = ranked(clause)
    if len(order) < 2 or label != order[0] or clause.of("neg", "rank", "compare", "bound"):
        return
    ahead = gap(clause, 0, 1)
    clause.read(
        *(i for i in clause.of("much", unread=True) if clause.mentions[i].text.lower() == "by far" and ahead >= MUCH)
    )
    clause.read(
        *(i for i in clause.of("slight", unread=True) if clause.mentions[i].text.lower() == "slightly" and ahead <= 0.1)
    )


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
