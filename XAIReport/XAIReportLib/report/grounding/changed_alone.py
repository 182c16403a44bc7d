"""Sentences about changed images that say one thing only: which slices were looked at again, and what no change tells."""

from __future__ import annotations

from ..schema import Findings
from .claims import Claim, Clause, Context
from .mentions import Mention


def looked_again(findings: Findings, mentions: list[Mention]) -> Clause | None:
    """ "nine of the 31 slices that show the lesion were looked at again"."""
    if not any(m.kind == "change" and m.value == "again" for m in mentions):
        return None
    clause = Clause(findings, mentions, Context())
    numbers = [
        i for i in clause.of("number") if not clause.mentions[i].number.unit and not clause.mentions[i].number.parts
    ]
    first = findings.counterfactuals[0] if findings.counterfactuals else None
    facts = [] if first is None else [first.slices, first.slices_of_lesion]
    known = ("again", "slices", "these slices", "unchanged", "when")
    places = [
        *(i for i in clause.of("change") if mentions[i].value in known),
        *clause.of("lesion"),
        *clause.of("model"),
    ]
    places += [i for i in clause.of("cue") if mentions[i].value == "slice"]
    if len(numbers) == 2:
        holds = [mentions[i].number.value for i in numbers] == facts
        clause.state("slices", holds if facts else None, *numbers, *places, exact=True)
    elif len(numbers) == 1:
        clause.state(
            "slices",
            None if not facts else mentions[numbers[0]].number.value == facts[0],
            *numbers,
            *places,
            exact=True,
        )
    else:
        clause.state("slices", None, *places)
    if clause.of("neg"):
        clause.claims.append(Claim("slices", "not", None))
    return _nothing_more(clause)


def not_why(findings: Findings, mentions: list[Mention]) -> Clause | None:
    """ "these changes do not say what led to the suggestion"."""
    clause = Clause(findings, mentions, Context())
    why = [i for i in clause.of("change") if mentions[i].value == "why"]
    denied = [i for i in clause.of("neg") if why and i < why[0]]
    if not why or len(denied) != 1 or not findings.counterfactuals:
        return None
    known = ("why", "changes", "outcome", "slices", "these slices")
    places = [i for i in clause.of("change") if mentions[i].value in known]
    clause.state("not why", False, *places, *clause.of("suggest", "model", "score", "tell"), process=True)
    return _nothing_more(clause)


def _nothing_more(clause: Clause) -> Clause:
    """Such a sentence says one thing: whatever else is in it is not read."""
    for m in clause.mentions:
        if not m.read and (
            m.kind not in ("neutral", "mark", "verb", "do", "neg", "sep", "boundary") or m.value == "cause"
        ):
            clause.claims.append(Claim("changed image", m.text, None))
    return clause
