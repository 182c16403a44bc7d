"""Sentences about changed images: "when the lesion is removed, the model suggests meningioma with a score of 0.55".

The condition is found first and taken out; what is left is read as any sentence is, against the answer that the model gave on
the changed images. Directions ("falls from 0.87 to 0.62") and what stays are compared with both answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..schema import Answer, Counterfactual, Findings
from .changed_alone import looked_again, not_why
from .claims import Claim, Clause, Context, clauses
from .facts import agrees, rounds_to
from .mentions import Mention, Number

# One letter for each mention, so that a condition is a regular expression.
_LETTERS = {
    "change remove": "R",
    "change keep": "K",
    "change but": "E",
    "change background": "B",
    "change zero": "Z",
    "change noise": "N",
    "change hottest": "H",
    "change area": "A",
    "change surround": "S",
    "change unchanged": "U",
    "change smallest": "T",
    "change largest": "T",
    "change lesion gone": "Q",
    "change these slices": "h",
    "change head in slices": "h",
}
_HOT = r"P?H(?:Pp?h?)?p?M?(?:v?[RS]+)?"
_CONDITIONS = (
    ("ranked_saliency_removed", rf"T?[RS]*{_HOT}|M{_HOT}|T[RS]?|(?<![LMA])RPhM?|Phv?R"),
    ("lesion_only", r"E(?:L)v?[ZRS]+|[ZRS]+EL|OLv?K|KOL|LOv?K?|KLO?|LvK|ELv?K?"),
    ("background_noise", r"[RS]?Bv?[RSZ]*N|Nv?B"),
    ("background_zero", r"Bv?Z+|Z+BZ*"),
    ("saliency_removed", r"[RS]+A?a?M[SA]*|[RS]+AM|A?Mv?[RS]+|MAv?[RS]+"),
    ("lesion_removed", r"[RS]+LS?|Lv?[RS]+|Q"),
    ("before", r"U"),
)
_UP_DOWN = {"up": 1, "down": -1}


def about(mentions: list[Mention]) -> bool:
    """Whether a sentence speaks of changed images."""
    return any(m.kind == "change" for m in mentions)


def read(findings: Findings, mentions: list[Mention], context: Context) -> list[Clause]:
    """The clauses of the sentence with what is claimed of the change itself; not yet read are the rest of their mentions."""
    stop = next((i for i, m in enumerate(mentions) if m.text == ";"), len(mentions))
    if (again := looked_again(findings, mentions[:stop])) is not None:
        return [again, *(read(findings, mentions[stop + 1 :], context) if mentions[stop + 1 :] else [])]
    if (denied := not_why(findings, mentions)) is not None:
        return [denied]
    if mentions and mentions[0].kind == "change" and mentions[0].text.lower() == "unchanged":
        mentions[0].value = "unchanged"
    name, start, end, number = _condition(mentions)
    bare = [
        i for i, m in enumerate(mentions) if m.kind == "change" and m.value == "remove" and m.text.lower() == "removal"
    ]
    if name is None and len(bare) == 1:  # "no tried removal changes the suggestion"
        name, start, end = "ranked_saliency_removed", bare[0], bare[0] + 1
    if name is None or any(m.kind == "neg" and m.value == "whole" for m in mentions):
        return [Clause(findings, mentions, context)]
    taken, rest = mentions[start:end], [*mentions[:start], *mentions[end:]]
    chosen = _meant(findings, name, [m.value for m in taken if m.kind == "map" and m.value not in ("any", "many")])
    for m in taken:
        m.read = True
    first = Clause(findings, taken, context)
    if chosen is None:
        first.claims.append(Claim("changed image", " ".join(m.text for m in taken if m.text), None))
        return [first, Clause(findings, rest, context)]
    if number is not None:
        first.claims.append(Claim("changed share", number.text, _is_share(number, chosen)))
    for m in mentions:
        if m.kind == "change" and m.value in ("smallest", "largest") and chosen.name == "ranked_saliency_removed":
            first.claims.append(Claim("tried", m.text, chosen.changes_outcome is (m.value == "smallest")))
            m.read = True
        elif m.kind == "change" and (m.value == "slices" or (m.value == "remove" and chosen.name.startswith("ranked"))):
            m.read = True
    rest = [m for m in rest if not m.read and not (m.kind == "change" and m.value == "when")]
    answers = (chosen.before, chosen.before) if name == "before" else (chosen.before, chosen.after)
    changed, after = _findings_after(findings, answers[1]), Context(label=_focus(answers[1]))
    found: list[Clause] = []
    for part in _parts(rest):
        found += clauses(changed, _compared(findings, part, chosen, answers, first), after)
    return [first, *found]


_PREDICATES = ("verb", "suggest", "do")


def _parts(mentions: list[Mention]) -> Iterator[list[Mention]]:
    """Cut at "and", "but" and commas between two predicates, so that a negation stands over its own part only."""
    part: list[Mention] = []
    for i, m in enumerate(mentions):
        joins = m.kind in ("sep", "boundary") or m.text in (",", ";", ":")
        if joins and m.value != "cause" and _predicate(part) and _predicate(_until_join(mentions[i + 1 :])):
            yield part
            part = []
            continue
        part.append(m)
    yield part


def _until_join(mentions: list[Mention]) -> list[Mention]:
    end = next((i for i, m in enumerate(mentions) if m.kind == "boundary" or m.text in (",", ";", ":")), len(mentions))
    return mentions[:end]


def _predicate(part: list[Mention]) -> bool:
    return any(m.kind in _PREDICATES or (m.kind == "change" and m.value in _ACTS) for m in part)


_ACTS = ("up", "down", "changes", "same", "still", "no longer")


def _condition(mentions: list[Mention]) -> tuple[str | None, int, int, Number | None]:
    """Which change, where it stands, and the percentage in it."""
    letters, places = "", []
    for i, m in enumerate(mentions):
        letter = _letter(m)
        if letter:
            letters += letter
            places.append(i)
    best: tuple[int, str, re.Match[str]] | None = None
    for order, (name, pattern) in enumerate(_CONDITIONS):
        for found in re.finditer(pattern, letters):
            size = len(found[0].strip("vo"))
            if (
                best is None
                or size > best[0]
                or (size == best[0] and order < [n for n, _ in _CONDITIONS].index(best[1]))
            ):
                best = (size, name, found)
    if best is None:
        return None, 0, 0, None
    _, name, found = best
    if name == "before" and sum(letter in "RZNBEKHQ" for letter in letters):
        return None, 0, 0, None
    inside = [mentions[i] for i in places[found.start() : found.end()]]
    number = next((m.number for m in inside if m.kind == "number"), None)
    return name, places[found.start()], places[found.end() - 1] + 1, number


def _letter(m: Mention) -> str:
    if m.kind == "change":
        return _LETTERS.get(f"change {m.value}", "")
    if m.kind == "number":
        return "P" if m.number is not None and m.number.unit == "%" else "n"
    if m.kind == "unit":
        return "p" if m.value == "pixels" else "x"
    return {"lesion": "L", "map": "M", "only": "O", "verb": "v", "neutral": "", "quantifier": "O"}.get(
        "only" if m.text.lower() == "alone" else m.kind,
        "h"
        if m.value == "head"
        else "O"
        if m.text.lower() == "alone"
        else ""
        if m.kind == "mark" and m.text in "()"
        else "x",
    )


def _meant(findings: Findings, name: str, methods: list[str]) -> Counterfactual | None:
    """The change that was computed; None where none or several fit."""
    if name == "before":
        return findings.counterfactuals[0] if findings.counterfactuals else None
    fits = [c for c in findings.counterfactuals if c.name == name and (not methods or c.method == methods[0])]
    return fits[0] if len(fits) == 1 else None


def _focus(answer: Answer) -> str | None:
    return answer.label or (max(answer.scores, key=answer.scores.__getitem__) if answer.scores else None)


def _findings_after(findings: Findings, answer: Answer) -> Findings:
    """The findings with this answer in place of the prediction; nothing else of the prediction is known of changed images."""
    prediction = findings.prediction.model_copy(
        update={
            "outcome": answer.outcome,
            "label": answer.label,
            "scores": answer.scores,
            "class_set": (),
            "uncertainty": {},
        }
    )
    gone = {"lesions": ()} if answer.outcome == "no_lesion_found" else {}
    return findings.model_copy(update={"prediction": prediction, "saliency": (), **gone})


# --- what is compared with the unchanged images -------------------------------------------------------------------------


def _compared(
    findings: Findings, rest: list[Mention], chosen: Counterfactual, answers: tuple[Answer, Answer], into: Clause
) -> list[Mention]:
    """Claims on shares of the head, on directions and on what stays go ``into``; returns what is left to read."""
    before, after = answers
    clause = Clause(findings, rest, Context(label=_focus(after)))
    _shares(clause, chosen)
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
            holds = _is_share(number, chosen) if right else None
            clause.claims.append(Claim("changed share", number.text, holds))
            clause.mentions[i].read = ahead[0].read = True
    for i in clause.of("change"):
        if clause.mentions[i].value in ("these slices", "head in slices"):
            clause.read(i)
            if "this slice" in clause.mentions[i].text.lower() and chosen.slices_of_lesion != 1:
                clause.claims.append(Claim("slices", clause.mentions[i].text, None))


def _is_share(number: Number, chosen: Counterfactual) -> bool:
    """Whether a percentage is what was changed; "up to 16 %" is 16 %."""
    return agrees(replace(number, bound=""), chosen.changed_percent)


def _class_at(clause: Clause, i: int) -> tuple[int | None, str | None]:
    place = clause.attached(i, ("class",), prefer_before=True)
    return place, clause.context.label if place is None else clause.mentions[place].value


def _earlier(clause: Clause, before: Answer) -> None:
    """ "unchanged it is 0.87", "compared with 0.87 before", "instead of 0.87": of the unchanged images."""
    marks = [i for i in clause.of("change") if clause.mentions[i].value in ("unchanged", "earlier")]
    numbers = [i for i in clause.of("number", unread=True) if clause.mentions[i].number.unit in ("", "%")]
    for mark in marks:
        near = [i for i in numbers if mark < i <= mark + 6] or [i for i in numbers if mark - 3 <= i < mark]
        behind = clause.mentions[mark + 1 : near[0]] if near else []
        if not near or clause.mentions[near[0]].number.parts:
            continue
        if any(m.kind == "class" for m in behind) and any(m.text == "," for m in behind):
            continue  # "meningioma instead of glioma, with a score of 0.55"
        i = near[0]
        _, label = _class_at(clause, i)
        number = clause.mentions[i].number
        fact = before.scores.get(label or "")
        holds = None if fact is None else agrees(_scaled(number), fact)
        clause.claims.append(Claim("unchanged score", number.text, holds))
        for j in range(min(mark, i), max(mark, i) + 1):
            if clause.mentions[j].kind in ("neutral", "verb", "change", "number", "score"):
                clause.mentions[j].read = True


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
        object_ = clause.of("suggest", unread=True) + [
            j for j in clause.of("change") if clause.mentions[j].value == "outcome"
        ]
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


# What may be read of the model's answer on changed images; nothing else of it is known.
OF_AN_ANSWER = (
    "score",
    "similar scores",
    "rank",
    "suggestion",
    "comparison",
    "margin",
    "existence",
    "statement",
    "count",
)


def only_of_the_answer(parts: list[Clause]) -> None:
    """Claims on anything but the answer are not held: of changed images nothing was measured."""
    for clause in parts[1:]:
        for n, claim in enumerate(clause.claims):
            if claim.kind not in OF_AN_ANSWER:
                clause.claims[n] = replace(claim, holds=None)
