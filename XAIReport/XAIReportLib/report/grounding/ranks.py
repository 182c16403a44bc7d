"""The order of the classes by their scores: which is first, which follows another, how far one is behind."""

from __future__ import annotations

from .claims import Clause
from .facts import joined
from .scores import ranked

MUCH = 0.3  # a difference of scores that may be called much; 0.22 has been called both far and not far


def _ordinals(clause: Clause) -> None:
    """ "glioma is first, meningioma second": ordinals are ranks where classes are spoken of."""
    if not clause.of("class") or clause.of("lesion", "map") or len(clause.findings.prediction.scores) != 3:
        return
    for i in clause.of("which", unread=True):
        if clause.mentions[i].value in ("1", "2", "3"):
            clause.mentions[i].kind = "rank"
            clause.mentions[i].value = clause.mentions[i].value.replace("3", "-1")


def numbers_between(clause: Clause, i: int, place: int) -> int:
    """How many numbers stand between a mention and one behind it."""
    return sum(i < j < place for j in clause.of("number"))


def read(clause: Clause) -> None:
    """Every rank of a clause."""
    _ordinals(clause)
    for i in clause.of("rank"):
        mention = clause.mentions[i]
        if mention.value == "two":
            named = clause.of("class")
            if (
                len(named) == 2
                and not clause.of("number", unread=True)
                and not clause.has("margin", "aside", "separate")
            ):
                same = {clause.mentions[c].value for c in named} == set(ranked(clause)[:2])
                clause.state("rank", same if clause.findings.prediction.scores else None, i, *named)
            continue
        if mention.text.lower() == "followed by" and _falling(clause, i):
            continue
        if mention.text.lower() == "followed by" and _next_in_line(clause, i):
            continue
        place = clause.attached(i, ("class",), prefer_before=mention.text.lower() != "followed by")
        if place is not None and mention.read and numbers_between(clause, i, place) > 1:
            continue  # "the leading score is 0.89, compared with 0.08 for B": read with its number
        earlier = [c for c in clause.of("class") if c < i]
        if (
            place is not None
            and place > i
            and earlier
            and clause.mentions[place - 1].text.lower() in ("to", "behind", "after")
        ):
            place = earlier[-1]  # "A is not the runner-up to B"
        if place is None:
            maps = clause.of("map")
            dice = clause.cue("dice", "overlap")
            named = [m for m in maps if clause.mentions[m].value not in ("any", "many", "both")]
            place_of = {"1": -1, "2": -2, "-1": 0}.get(mention.value)
            if (
                named
                and dice is not None
                and place_of is not None
                and len(clause.findings.saliency) >= max(-place_of, 1)
            ):
                values = sorted((s.dice_with_lesion or 0, s.method) for s in clause.findings.saliency)
                best = values[place_of][1]
                nearest = clause.attached(i, ("map",), prefer_before=True) if len(named) > 1 else named[0]
                clause.state("rank", clause.mentions[nearest].value == best, i, *maps, dice)
            elif clause.context.label and not mention.read:
                _ranked(clause, i, clause.context.label)
            continue
        _ranked(clause, i, clause.mentions[place].value, place)


def _next_in_line(clause: Clause, i: int) -> bool:
    """ "meningioma comes second, followed by pituitary tumour": the one after it."""
    before, after = [c for c in clause.of("class") if c < i], [c for c in clause.of("class") if c > i]
    order = ranked(clause)
    if not before or not after or clause.mentions[before[-1]].value not in order:
        return False
    place = order.index(clause.mentions[before[-1]].value) + 1
    line = [after[0]]
    while (more := [c for c in after if c > line[-1]]) and joined(clause, line[-1], more[0]):
        line.append(more[0])
    holds = order[place : place + len(line)] == [clause.mentions[c].value for c in line]
    closely = [j for j in clause.of("grade") if j == i - 1 and clause.mentions[j].text.lower() == "closely"]
    if closely:
        holds = holds and gap(clause, place - 1, place) <= 0.1
    clause.state("rank", holds, i, before[-1], *line, *closely)
    return True


def _falling(clause: Clause, i: int) -> bool:
    """ "0.75 for meningioma is followed by 0.21 for glioma and 0.04 for pituitary tumour": each class by its score."""
    named, scores = clause.of("class"), clause.findings.prediction.scores
    if (
        len(named) < 2
        or not named[0] < i < named[1]
        or not any(m.kind == "number" for m in clause.mentions[i : named[1]])
    ):
        return False
    values = [scores.get(clause.mentions[c].value, 0.0) for c in named]
    clause.state("rank", values == sorted(values, reverse=True), i, *named)
    return True


def gap(clause: Clause, a: int, b: int) -> float:
    """How far the class at place ``a`` of the order is ahead of that at place ``b``."""
    order, scores = ranked(clause), clause.findings.prediction.scores
    return scores[order[a]] - scores[order[b]]


def trails(clause: Clause) -> None:
    """ "meningioma trails far behind": it is not the first, and how far it is from it."""
    named, order = clause.of("class"), ranked(clause)
    for i in clause.of("trails"):
        if named and len(order) > 1:
            scores = clause.findings.prediction.scores
            gap = scores[order[0]] - max(scores.get(clause.mentions[c].value, 1.0) for c in named)
            holds: bool | None = gap > (MUCH if clause.mentions[i].value == "far" else 0)
            if clause.of("neg") and clause.mentions[i].value == "far":
                holds = None  # "not far behind" has no measure
            clause.state("comparison", holds, i, *named)


def _ranked(clause: Clause, i: int, label: str, place: int | None = None) -> None:
    order = ranked(clause)
    wanted = {"1": 0, "2": 1, "-1": -1}[clause.mentions[i].value]
    holds = bool(order) and order[wanted] == label
    much = [j for j in clause.of("much") if 0 < i - j <= 2]
    if holds and wanted == 0 and much:
        holds = gap(clause, 0, 1) >= MUCH
    closely = [j for j in clause.of("grade") if j == i - 1 and clause.mentions[j].text.lower() == "closely"]
    if holds and wanted == 1 and closely:
        holds = gap(clause, 0, 1) <= 0.1
    clause.state("rank", holds, i, *much, *(closely if wanted == 1 else []), *([place] if place is not None else []))
