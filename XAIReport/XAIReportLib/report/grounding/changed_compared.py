"""What a sentence on changed images says against the unchanged ones: what moves, what stays, where the outcome changes."""

from __future__ import annotations

from ..schema import Answer, Counterfactual, Findings
from .changed_which import is_share, kept, tried
from .claims import Claim, Clause, Context
from .facts import agrees, rounds_to
from .mentions import Mention, Number

_UP_DOWN = {"up": 1, "down": -1}


def focus(answer: Answer) -> str | None:
    return answer.label or (max(answer.scores, key=answer.scores.__getitem__) if answer.scores else None)


def compared(
    findings: Findings, rest: list[Mention], chosen: Counterfactual, answers: tuple[Answer, Answer], into: Clause
) -> list[Mention]:
    """Claims on shares of the head, on directions and on what stays go ``into``; returns what is left to read."""
    before, after = answers
    clause = Clause(findings, rest, Context(label=focus(after)))
    if chosen.name == "ranked_saliency_removed":
        _first(clause, chosen)
        _up_to(clause, chosen)
    _shares(clause, chosen)
    _unmoved(clause, before, after)
    _same_scores(clause, before, after)
    _from_to(clause, before, after)
    _changed_from(clause, before)
    _earlier(clause, before)
    _moved(clause, before, after)
    _hardly(clause, before, after)
    _outcome(clause, before, after, chosen.changes_outcome)
    into.claims += clause.claims
    into.mentions += [m for m in rest if m.read]
    return [m for m in rest if not m.read]


def _shares(clause: Clause, chosen: Counterfactual) -> None:
    """ "(4.2 % of the head in these slices)"."""
    background = chosen.name.startswith("background")
    for i in clause.of("number", unread=True):
        number = clause.mentions[i].number
        ahead = [m for m in clause.mentions[i + 1 : i + 6] if m.kind != "neutral"]
        if number.unit == "%" and ahead and (ahead[0].value in ("head", "these slices", "head in slices")):
            right = (ahead[0].value == "these slices") == background
            holds = is_share(number, chosen.changed_percent) if right else None
            clause.claims.append(Claim("changed share", number.text, holds))
            clause.mentions[i].read = ahead[0].read = True
    for i in clause.of("change"):
        if clause.mentions[i].value in ("these slices", "head in slices"):
            clause.read(i)
            if "this slice" in clause.mentions[i].text.lower() and chosen.slices_of_lesion != 1:
                clause.claims.append(Claim("slices", clause.mentions[i].text, None))


def _first(clause: Clause, chosen: Counterfactual) -> None:
    """ "the outcome first changes at 8.0 %", "the fewest whose removal changes the outcome are 8.0 %": of the shares tried."""
    objects = _objects(clause)
    for i in clause.of("change", unread=True):
        value = clause.mentions[i].value
        numbers = [j for j in clause.of("number", unread=True) if j > i and clause.mentions[j].number.unit == "%"][:1]
        if not objects or not numbers:
            continue
        behind = [m for m in clause.mentions[i + 1 : numbers[0]] if m.kind not in ("neutral", "change", "suggest")]
        at_share = value == "changes" and bool(behind) and all(m.kind == "verb" for m in behind)
        if value != "first" and not at_share:
            continue
        if behind and not at_share:
            continue
        number = clause.mentions[numbers[0]].number
        holds = chosen.changes_outcome and not number.bound and is_share(number, chosen.changed_percent)
        clause.state("outcome", holds, i, *objects, *numbers, exact=True)


def _up_to(clause: Clause, chosen: Counterfactual) -> None:
    """ "the outcome does not change up to 16.0 %": none of the shares tried as far as there."""
    objects, denied = _objects(clause), clause.of("neg")
    for i in clause.of("change", value="changes", unread=True):
        numbers = [
            j
            for j in clause.of("number", unread=True)
            if clause.mentions[j].number.unit == "%" and clause.mentions[j].number.bound == "<="
        ]
        if len(denied) != 1 or not objects or len(numbers) != 1 or clause.of("class"):
            continue
        number = clause.mentions[numbers[0]].number
        holds = True if any(is_share(number, share) for share in kept(chosen)) else None
        if number.value > tried(chosen)[-1] + 0.05 or (
            chosen.changes_outcome and number.value >= chosen.changed_percent
        ):
            holds = False
        clause.claims.append(Claim("outcome", f"not {clause.mentions[i].text} {number.text}", holds))
        clause.read(i, *denied, *objects, *numbers)


def _objects(clause: Clause) -> list[int]:
    """What is said to change or to stay: the suggestion, the outcome."""
    return clause.of("suggest", unread=True) + [j for j in clause.of("change") if clause.mentions[j].value == "outcome"]


def _class_at(clause: Clause, i: int) -> tuple[int | None, str | None]:
    place = clause.attached(i, ("class",), prefer_before=True)
    return place, clause.context.label if place is None else clause.mentions[place].value


def _unmoved(clause: Clause, before: Answer, after: Answer) -> None:
    """ "unchanged at 0.87", "unchanged from 0.87", "unchanged with a score of 0.87": both answers are that."""
    for i in clause.of("change", unread=True):
        if clause.mentions[i].text.lower() not in (
            "unchanged",
            "the same",
            "same",
            "constant",
            "as it was",
            "unaffected",
        ):
            continue
        numbers = [j for j in clause.of("number", unread=True) if i < j <= i + 6]
        between = clause.mentions[i + 1 : numbers[0]] if numbers else []
        kinds = ("neutral", "score", "class", "change", "mark")
        at_it = any(m.text.lower() in _AT or m.kind == "score" for m in between)
        if not at_it or any(m.kind not in kinds or m.text in (",", ";", ":") for m in between):
            continue
        place, label = _class_at(clause, numbers[0])
        number = clause.mentions[numbers[0]].number
        facts = [answer.scores.get(label or "") for answer in (before, after)]
        known = None not in facts and not number.parts and number.unit in ("", "%")
        holds = all(agrees(_scaled(number), fact) for fact in facts) if known else None
        objects = _objects(clause)
        if objects and holds:
            holds = (before.outcome, before.label) == (after.outcome, after.label)
        scores = [j for j in clause.of("score") if j < numbers[0]]
        clause.state(
            "unchanged score",
            holds,
            i,
            *numbers[:1],
            *objects,
            *scores,
            *([place] if place is not None else []),
            exact=True,
        )


_AT = ("at", "from", "with", "at a", "with a")


def _same_scores(clause: Clause, before: Answer, after: Answer) -> None:
    """ "leaves the scores unchanged", "has no effect on the score of glioma": to the two decimals in which they are given."""
    scores, named = clause.of("score", unread=True), clause.of("class", unread=True)
    same = [
        i
        for i in clause.of("change", unread=True)
        if clause.mentions[i].value == "same" or clause.mentions[i].text.lower() == "unchanged"
    ]
    if len(scores) != 1 or len(same) != 1 or _objects(clause) or clause.of("number", "neg", "slight", "much", "which"):
        return
    labels = [clause.mentions[i].value for i in named] or list(before.scores)
    told = bool(labels) and set(labels) <= set(before.scores) & set(after.scores)
    holds = all(f"{before.scores[x]:.2f}" == f"{after.scores[x]:.2f}" for x in labels) if told else None
    if not named and not clause.mentions[scores[0]].text.lower().endswith("scores"):
        holds = None  # "the score" does not say of which class
    clause.state("unchanged score", holds, *same, *scores, *named)


def _from_to(clause: Clause, before: Answer, after: Answer) -> None:
    """ "changes the score of glioma from 0.87 to 0.62": whichever way it goes."""
    for i in clause.of("change", value="changes", unread=True):
        spans = [j for j in clause.of("number", unread=True) if j > i and clause.mentions[j].number.span]
        scores, place = clause.of("score", unread=True), _class_at(clause, i)[0]
        if len(spans) != 1 or not scores or place is None or _objects(clause):
            continue
        label = clause.mentions[place].value
        known = label in before.scores and label in after.scores
        facts = (before.scores.get(label, 0.0), after.scores.get(label, 0.0))
        holds = _spans(clause.mentions[spans[0]].number, facts) if known else None
        clause.state("score", holds, i, spans[0], place, *scores, exact=True)


def _changed_from(clause: Clause, before: Answer) -> None:
    """ "changes from glioma (0.87) to meningioma": the score on the unchanged images."""
    for i in clause.of("number", unread=True) if clause.of("change") else ():
        words, number = clause.mentions[max(0, i - 3) : i], clause.mentions[i].number
        told = [m.text.lower() if m.kind != "class" else "class" for m in words] == ["from", "class", "("]
        if not told or number.unit not in ("", "%"):
            continue
        fact = before.scores.get(words[1].value)
        holds = None if fact is None else agrees(_scaled(number), fact)
        clause.claims.append(Claim("unchanged score", number.text, holds))
        clause.read(i)


def _earlier(clause: Clause, before: Answer) -> None:
    """ "unchanged it is 0.87", "compared with 0.87 before", "instead of 0.87": of the unchanged images."""
    marks = [i for i in clause.of("change") if clause.mentions[i].value in ("unchanged", "earlier")]
    numbers = [i for i in clause.of("number", unread=True) if clause.mentions[i].number.unit in ("", "%")]
    for mark in marks:
        near = [i for i in numbers if mark < i <= mark + 6] or [i for i in numbers if _beside(clause, i, mark)][-1:]
        if near and clause.mentions[near[0]].read:
            clause.read(mark)  # "compared with 0.87 unchanged"
            continue
        behind = clause.mentions[mark + 1 : near[0]] if near else []
        if not near or clause.mentions[near[0]].number.parts:
            continue
        if any(m.kind == "class" for m in behind) and any(m.text == "," for m in behind):
            continue  # "meningioma instead of glioma, with a score of 0.55"
        if clause.mentions[mark].text.lower() == "unchanged" and any(
            m.kind == "score" or m.text == "," for m in behind
        ):
            continue  # "leaves the suggestion unchanged, with a score of 0.85"
        i = near[0]
        _, label = _class_at(clause, i)
        number = clause.mentions[i].number
        fact = before.scores.get(label or "")
        holds = None if fact is None else agrees(_scaled(number), fact)
        clause.claims.append(Claim("unchanged score", number.text, holds))
        for j in range(min(mark, i), max(mark, i) + 1):
            if clause.mentions[j].kind in ("neutral", "verb", "change", "number", "score"):
                clause.mentions[j].read = True


def _beside(clause: Clause, number: int, mark: int) -> bool:
    """ "0.87 unchanged", not "0.87; unchanged, the score is 0.62" or "0.87 and before 0.62"."""
    between = clause.mentions[number + 1 : mark]
    return mark - 3 <= number < mark and not any(
        m.kind in ("sep", "boundary") or m.text in (",", ";", ":") for m in between
    )


def _scaled(number: Number) -> Number:
    if number.unit != "%":
        return number
    return Number(number.value / 100, number.half_step / 100, "", number.text, number.approx, number.bound)


def _moved(clause: Clause, before: Answer, after: Answer) -> None:
    """ "lowers the score of glioma from 0.87 to 0.62", "rises by 0.46", "falls to 0.47"."""
    for i in clause.of("change", unread=True):
        sign = _UP_DOWN.get(clause.mentions[i].value)
        if sign is None:
            continue
        place, label = _class_at(clause, i)
        numbers = [j for j in clause.of("number", unread=True) if j > i]
        if label not in before.scores or label not in after.scores:
            clause.state("change", None, i)
            continue
        difference = after.scores[label] - before.scores[label]
        much, slight = clause.of("much", unread=True), clause.of("slight", unread=True)
        holds = sign * difference >= (0.2 if much else 0.005) and (not slight or abs(difference) <= 0.1)
        places = [i, *much, *slight, *([place] if place is not None else []), *clause.of("score")[:1]]
        clause.state("change", holds, *places)
        for j in numbers[:1]:
            number = clause.mentions[j].number
            if number.unit not in ("", "%"):
                clause.state("score", None, j)
                continue
            if number.span:
                holds = _spans(number, (before.scores[label], after.scores[label]))
            else:
                words = [m.text.lower() for m in clause.mentions[max(0, j - 2) : j]]
                fact = abs(difference) if "by" in words else after.scores[label]
                fact = before.scores[label] if "from" in words else fact
                holds = agrees(_scaled(number), fact)
            clause.state("score", holds, j, exact=True)


def _spans(number: Number, facts: tuple[float, float]) -> bool:
    """ "from 0.87 to 0.62": both ends, in their order."""
    scale = 100 if number.unit == "%" else 1
    ends = zip(number.parts, number.steps, facts, strict=True)
    return number.unit in ("", "%") and all(rounds_to(a / scale, step / scale, b) for a, step, b in ends)


def _hardly(clause: Clause, before: Answer, after: Answer) -> None:
    """ "the score of glioma changed only slightly, from 0.87 to 0.85"."""
    for i in clause.of("change", value="hardly", unread=True):
        place, label = _class_at(clause, i)
        facts = (before.scores.get(label or "", -1.0), after.scores.get(label or "", -1.0))
        holds = abs(facts[1] - facts[0]) <= 0.05 if min(facts) >= 0 else None
        clause.state("change", holds, i, *([place] if place is not None else []), *clause.of("score")[:1])
        spans = [j for j in clause.of("number", unread=True) if j > i and clause.mentions[j].number.span]
        for j in spans[:1]:
            clause.state("score", _spans(clause.mentions[j].number, facts), j, exact=True)


def _outcome(clause: Clause, before: Answer, after: Answer, changed: bool) -> None:
    """ "changes the suggestion from glioma to meningioma", "the suggestion stays glioma", "no longer suggested"."""
    kept = before.outcome == after.outcome and before.label == after.label
    for i in clause.of("change", unread=True):
        value = clause.mentions[i].value
        object_ = _objects(clause)
        named = clause.of("class", unread=True)
        if value == "earlier" and clause.mentions[i].text.lower() == "unchanged" and object_:
            value = "same"  # "leaves the suggestion unchanged"
        if value == "earlier" and clause.mentions[i].text.lower() == "instead of":
            told = [j for j in named if j == i + 1]
            for j in told:
                clause.state("outcome", before.label == clause.mentions[j].value != after.label, i, j)
            continue
        if value == "changes" and (object_ or named):
            labels = [clause.mentions[j].value for j in named]
            denied = bool(clause.of("neg"))
            right = [(before.label, after.label)[-len(labels) :]] if labels and len(labels) <= 2 else [()]
            holds = changed and tuple(labels) == right[0]
            extra = [] if denied else named
            clause.state("outcome", holds if not (denied and labels) else None, i, *object_, *extra)
        elif value == "same" and object_:
            labels = [clause.mentions[j].value for j in named]
            holds = kept and all(label == after.label for label in labels)
            clause.state("outcome", holds if not clause.of("neg") else None, i, *object_, *named)
        elif value == "still":
            labels = [clause.mentions[j].value for j in named]
            trails = clause.mentions[i].text.lower() == "still" and all(
                m.kind == "mark" for m in clause.mentions[i + 1 :]
            )
            if trails or (not labels and not object_):
                continue  # "glioma scores 0.87, still" speaks of an earlier time
            holds = kept and all(label == after.label for label in labels[:1])
            clause.claims.append(Claim("outcome", clause.mentions[i].text, holds))
            clause.mentions[i].read = True
            if not object_ and labels:
                clause.mentions[named[0]].read = clause.mentions[named[0]].read or value == "stays"
        elif value == "no longer" and (object_ or named):
            labels = [clause.mentions[j].value for j in named]
            holds = bool(labels) and before.label == labels[0] != after.label
            clause.claims.append(Claim("outcome", clause.mentions[i].text, holds))
            for j in (i, *object_, *named[:1]):
                clause.mentions[j].read = True
