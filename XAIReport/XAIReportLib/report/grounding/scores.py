"""Numbers without a unit: model scores and their margins, Dice, entropy, percentiles, versions."""

from __future__ import annotations

from ..schema import Saliency
from .claims import Clause
from .facts import ENTITIES, agrees, compare, each, first_that_agrees, joined, rows_of, unreadable

_MEASURED = (
    "dice",
    "overlap",
    "entropy",
    "planes",
    "percentile",
    "threshold",
    "version",
    "checks",
    "probability",
    "margin",
)


def bare(clause: Clause, i: int) -> None:
    found = clause.findings
    before = [
        j
        for j in clause.of("quantity", "score")
        if j < i
        and (
            clause.mentions[j].kind == "score"
            or (clause.mentions[j].value in _MEASURED or clause.mentions[j].value in found.prediction.uncertainty)
        )
    ]
    after = [j for j in clause.of("quantity") if j > i and clause.mentions[j].value in _MEASURED]
    adjacent = [j for j in after if j <= i + 2]
    cue = (
        adjacent[0]
        if adjacent and not clause.crosses(i, adjacent[0])
        else before[-1]
        if before
        else (after[0] if after else None)
    )
    value = "" if cue is None else clause.mentions[cue].value if clause.mentions[cue].kind == "quantity" else "score"
    if _is_margin(clause, i):
        return
    if value == "percentile":
        place = clause.attached(i, ("map",))
        masks = clause.masks(place) if place is not None else list(found.saliency)
        each(clause, "percentile", i, [s.percentile for s in masks or []], place, cue)
    elif value in ("dice", "overlap") and not (
        clause.has("template", "registration", "checks") and not clause.of("map")
    ):
        place = clause.attached(i, ("map",), prefer_before=True)
        masks = clause.masks(place) if place is not None else _map_of_context(clause)
        each(
            clause,
            "dice",
            i,
            [s.dice_with_lesion for s in masks or []],
            place,
            cue,
            *_same_depth(clause, i, "overlap"),
            *clause.of("quantity", value="dice"),
            *_other_mask(clause),
        )
    elif value in ("checks", "overlap", "dice"):
        compare(
            clause,
            "check",
            i,
            found.anatomy.registration.checks.get("brain_overlap"),
            cue,
            clause.cue("template"),
            clause.cue("checks"),
        )
    elif value == "entropy" or value in found.prediction.uncertainty:
        compare(clause, value, i, found.prediction.uncertainty.get(value), cue)
    elif value == "planes":
        compare(clause, "planes", i, found.prediction.uncertainty.get("plane_agreement"), cue)
    elif value == "version":
        holds = clause.mentions[i].text == found.model.version
        clause.state("version", holds, i, cue)
    elif value == "probability":
        place = clause.attached(i, ("region",))
        rows = rows_of(clause.masks(clause.attached(i, ENTITIES)), clause, place) if place is not None else []
        first_that_agrees(
            clause,
            "atlas probability",
            i,
            [r.mean_probability for r in rows if r.mean_probability is not None],
            place,
            cue,
        )
    elif clause.context.last == "dice" and clause.of("map") and not clause.of("class", "score"):
        place = clause.attached(i, ("map",), prefer_before=True)  # "Dice: A 0.64; B 0.00"
        masks = clause.masks(place)
        each(clause, "dice", i, [s.dice_with_lesion for s in masks or []], place)
    else:
        _score(clause, i)


def _same_depth(clause: Clause, i: int, value: str) -> list[int]:
    return [j for j in clause.of("quantity", value=value) if clause.mentions[j].depth == clause.mentions[i].depth]


def _other_mask(clause: Clause) -> list[int]:
    """In a sentence on overlap a lesion is what the map is compared with."""
    return clause.of("lesion") if clause.of("map") else []


def _map_of_context(clause: Clause) -> list[Saliency]:
    methods = {clause.context.map} if clause.context.map else {s.method for s in clause.findings.saliency}
    return [s for s in clause.findings.saliency if s.method in methods] if len(methods) == 1 else []


def ranked(clause: Clause) -> list[str]:
    """Classes by score, the highest first."""
    return sorted(clause.findings.prediction.scores, key=lambda label: -clause.findings.prediction.scores[label])


def _is_margin(clause: Clause, i: int) -> bool:
    """ "the margin between A and B is 0.3", "A exceeds B by 0.3"."""
    scores = clause.findings.prediction.scores
    classes, top = clause.of("class"), clause.of("rank", value="two")
    cue = clause.cue("margin")
    relations = clause.of("bound", "compare") + [
        r for r in clause.of("rank") if clause.mentions[r].text.lower() in ("leads", "led")
    ]
    bracketed = cue is not None and clause.mentions[i].depth > clause.mentions[cue].depth
    own = [m.kind for m in clause.mentions[max(0, i - 2) : i] if m.text.lower() != "of"]
    if bracketed or (cue is not None and own[-1:] == ["score"]):
        return False  # "a score of 0.67 and a margin of 0.38", "glioma (0.46) and meningioma (0.43) differ by"
    by = i > 0 and clause.mentions[i - 1].text.lower() in ("by", "of") and cue is None and relations
    if (
        cue is None
        and not (by and clause.mentions[i - 1].text.lower() == "by")
        and not (relations and relations[0] == i + 1)
    ):
        return False
    if not scores or (i > 0 and clause.mentions[i - 1].text.lower() in ("with", "at") and not by and cue is None):
        return False  # "leads with 0.67 over meningioma with 0.29"
    if len(classes) == 2:
        _wide(clause, cue, [scores[clause.mentions[c].value] for c in classes])
        first, second = (scores[clause.mentions[c].value] for c in classes)
        leads = cue is not None and clause.mentions[cue].text.lower().startswith(("lead", "advantage"))
        between = {m.text.lower() for m in clause.mentions[classes[0] : classes[1]]}
        over = leads or bool(between & {"over", "margin over", "lead over", "ahead of"})
        gap = _gap(clause, i, first, second)
        sign = gap if over else abs(gap)
        if relations and cue is None:
            way = clause.mentions[relations[0]].value
            sign = gap if way.startswith((">", "1")) else -gap
        if top and {clause.mentions[c].value for c in classes} == set(ranked(clause)[:2]):
            clause.read(*top)  # "the two leading classes, A and B, differ by"
        compare(clause, "margin", i, sign, *classes, cue, *relations[:1])
        return True
    return _ahead_of_the_next(clause, i, cue, relations)


def _gap(clause: Clause, i: int, first: float, second: float) -> float:
    """How far two scores are apart; where the number is the difference of the scores as they are shown, that one."""
    number, shown = clause.mentions[i].number, round(round(first, 2) - round(second, 2), 2)
    exact = first - second
    as_shown = not number.bound and not agrees(number, abs(exact)) and agrees(number, abs(shown))
    return shown if as_shown else exact


def _ahead_of_the_next(clause: Clause, i: int, cue: int | None, relations: list[int]) -> bool:
    """ "glioma is favoured by a margin of 0.81", "glioma leads by 0.81", "the two leading classes differ by 0.03"."""
    scores, order = clause.findings.prediction.scores, ranked(clause)
    classes, top = clause.of("class"), clause.of("rank", value="two")
    ahead = _gap(clause, i, scores[order[0]], scores[order[1]]) if len(order) > 1 else 0.0
    apart = clause.mentions[cue : classes[0]] if cue is not None and len(classes) == 1 else []
    if any(m.text.lower() in _TO_NEXT for m in apart):
        runner_up = len(order) > 1 and clause.mentions[classes[0]].value == order[1]
        compare(clause, "margin", i, ahead if runner_up else -1.0, classes[0], cue)
        return True  # "the margin over the next class, meningioma, is 0.93"
    first = [clause.mentions[c].value for c in classes] == order[:1]
    if first and cue is not None and not relations:
        much = [j for j in clause.of("much") if j == cue - 1 and ahead >= 0.2]
        compare(clause, "margin", i, ahead, classes[0], cue, *much)
        return True
    if first and cue is None and relations and clause.mentions[relations[0]].text.lower() in ("leads", "led"):
        compare(clause, "margin", i, ahead, classes[0], *relations[:1])
        return True
    if top and not classes:
        compare(clause, "margin", i, ahead, *top, cue)
        return True
    return False


_TO_NEXT = ("to the next class", "over the next class", "over the runner-up", "to the runner-up")


def _wide(clause: Clause, cue: int | None, pair: list[float]) -> None:
    """ "the small difference", "the wide margin": read where the two scores bear it out."""
    gap = abs(pair[0] - pair[1])
    for j in clause.of("narrow", "grade", unread=True):
        narrow = clause.mentions[j].kind == "narrow"
        if (
            cue is not None
            and j == cue - 1
            and (gap <= 0.1 if narrow else gap >= 0.2 and clause.mentions[j].value == "good")
        ):
            clause.read(j)


def _score(clause: Clause, i: int) -> None:
    if clause.mentions[i].number.value > 1:  # no score is above one, and none is said to be below two
        clause.state("score", False, i, exact=True)
        return
    scores = clause.findings.prediction.scores
    place = clause.attached(i, ("class",))
    of_rank = any(j < i for j in clause.of("rank", "suggest"))
    told = place is not None and any(i < j < place for j in clause.of("number"))  # the score of that class
    if told and of_rank and not any(c < i for c in clause.of("class")):
        place = None  # "the highest score is 0.89, against 0.08 for meningioma"
    next_has_its_own = place is not None and _of_the_next(clause, i, place)
    if place is None or next_has_its_own:
        rank = [r for r in clause.of("rank") if clause.mentions[r].value in ("1", "2", "-1") and not next_has_its_own]
        others = [
            j
            for j in clause.of("which", value="other")
            if clause.of("classes", "score") and not clause.of("lesion", "map")
        ]
        if others and clause.mentions[i].number.bound and clause.findings.prediction.label:
            rest = [score for label, score in scores.items() if label != clause.findings.prediction.label]
            together = clause.of("quantity", value="total")
            if together:  # "the other two classes together scored less than 0.05"
                clause.state("score", agrees(clause.mentions[i].number, sum(rest)), i, *others, *together)
                return
            results = {agrees(clause.mentions[i].number, score) for score in rest}
            clause.state("score", results.pop() if len(results) == 1 else None, i, *others)
            return
        if rank and scores:
            order = ranked(clause)
            label = order[{"1": 0, "2": 1, "-1": -1}[clause.mentions[rank[0]].value]]
            ahead = label == order[0] and scores[label] - scores[order[1]] >= 0.2
            far = [j for j in clause.of("much") if ahead and 0 < rank[0] - j <= 2]
            compare(clause, "score", i, scores[label], rank[0], *far)
            return
        label = clause.findings.prediction.label if clause.of("suggest") else clause.context.label
        if label is None or not (clause.of("score", "suggest") or clause.context.label):
            unreadable(clause, i)
            return
        compare(clause, "score", i, scores.get(label))
        return
    place = _set_against(clause, _not_that(clause, place, i), i)
    places = [place]
    if clause.mentions[i].number.bound:
        while (previous := [c for c in clause.of("class") if c < places[0]]) and joined(
            clause, previous[-1], places[0]
        ):
            places.insert(0, previous[-1])
    for one in places:
        compare(clause, "score", i, scores.get(clause.mentions[one].value), one)


def _of_the_next(clause: Clause, i: int, place: int) -> bool:
    """Whether a class behind a score has its own: "its score is 0.55 and meningioma received 0.33"."""
    between = [m for m in clause.mentions[i + 1 : place] if m.text != "," and m.kind != "neutral"]
    return len(between) == 1 and between[0].text.lower() == "and"


def _set_against(clause: Clause, place: int, i: int) -> int:
    """ "suggests A over B with a score of 0.89": the score of A, where B is only what it is compared with."""
    before = [c for c in clause.of("class") if c < place]
    compared = any(m.kind in ("compare", "bound") for m in clause.mentions[max(0, place - 2) : place])
    suggested = bool(before) and any(j < before[-1] for j in clause.of("suggest"))
    told = bool(before) and any(before[-1] < j < place for j in clause.of("number"))  # it has a score of its own
    led = any(m.text.lower() in ("with", "at", "on", "based on a") for m in clause.mentions[place + 1 : i])
    return (
        before[-1]
        if place < i and compared and suggested and led and not told and not clause.mentions[i].depth
        else place
    )


def _not_that(clause: Clause, place: int, i: int) -> int:
    """ "suggests A instead of B, with a score of 0.55": the score of A."""
    denied = [j for j in clause.of("neg") if clause.mentions[j].value == "next" and place - 2 <= j < place]
    said = [c for c in clause.of("class") if denied and c < denied[0]]
    return said[-1] if said and place < i and clause.mentions[i].depth == 0 else place
