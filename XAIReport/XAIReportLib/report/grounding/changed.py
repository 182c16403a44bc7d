"""Sentences about changed images: "when the lesion is removed, the model suggests meningioma with a score of 0.55".

The condition is found first (changed_which.py) and taken out; what is left is read as any sentence is, against the answer that the
model gave on the changed images. Directions ("falls from 0.87 to 0.62") and what stays are compared with both answers. What is said
of a removal must say of which: that of the hottest pixels of a map, in steps, says nothing of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..schema import Answer, Counterfactual, Findings
from .changed_alone import looked_again, not_why
from .changed_compared import compared, focus
from .changed_which import Condition, condition, is_share, meant, steps_hold, without_steps
from .claims import Claim, Clause, Context, clauses
from .mentions import Mention


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
    for m in mentions:
        if m.kind in ("neutral", "verb") and m.text.lower() in _NOT_OF_AN_ANSWER:
            m.kind = "unknown"
    bare, steps = without_steps(mentions)
    found = condition(bare)
    if found is None or any(m.kind == "neg" and m.value == "whole" for m in mentions):
        return [Clause(findings, mentions, context)]
    taken, rest = bare[found.start : found.end], [*bare[: found.start], *bare[found.end :]]
    chosen = meant(findings, found.name, [m.value for m in taken if m.kind == "map" and m.value not in ("any", "many")])
    for m in taken:
        m.read = True
    first = Clause(findings, [*taken, *steps], context)
    if chosen is None:
        first.claims.append(Claim("changed image", " ".join(m.text for m in taken if m.text), None))
        return [first, Clause(findings, rest, context)]
    _change(first, found, chosen, bare, steps)
    rest = [m for m in rest if not m.read and not (m.kind == "change" and m.value == "when")]
    answers = (chosen.before, chosen.before) if found.name == "before" else (chosen.before, chosen.after)
    changed, after = _findings_after(findings, answers[1]), Context(label=focus(answers[1]))
    parts: list[Clause] = []
    for part in _parts(rest):
        parts += clauses(changed, compared(findings, part, chosen, answers, first), after)
    if any(part.causal for part in parts):
        first.claims.append(Claim("cause", "because", None))  # it is a change of the output, and never a cause
    return [first, *parts]


def _change(
    into: Clause, found: Condition, chosen: Counterfactual, mentions: list[Mention], steps: list[Mention]
) -> None:
    """What is claimed of the change itself: its share, its steps, and that it is the smallest or the largest of them."""
    ranked = chosen.name == "ranked_saliency_removed"
    if found.number is not None:
        into.claims.append(Claim("changed share", found.number.text, is_share(found.number, chosen.changed_percent)))
    if steps:
        told = " ".join(m.text for m in steps if m.kind == "number") or steps[0].text
        into.claims.append(Claim("steps", told, steps_hold(chosen, steps) if ranked else None))
    for m in steps:
        m.read = True
    for i, m in enumerate(mentions):
        if m.kind == "change" and m.value == "slices":
            m.read = not _is_subject(mentions, i)
        elif ranked and _of_the_ranked(mentions, i, found, bool(steps)):
            if m.value in ("smallest", "largest"):
                into.claims.append(Claim("tried", m.text, chosen.changes_outcome is (m.value == "smallest")))
            m.read = True


# Words that claim nothing elsewhere and would here: of what was changed, and of what the answer is said to be of.
_NOT_OF_AN_ANSWER = (
    *("brain", "cerebral", "patient", "patients", "patient's", "tissue", "quality"),
    *("segmented", "outlined", "outlines", "rests", "rested"),
)
_WHOSE = ("whose", "their", "this", "such")
_OF_STEPS = ("fewest", "step", "steps", "these")


def _of_the_ranked(mentions: list[Mention], i: int, found: Condition, in_steps: bool) -> bool:
    """Whether "removal", "the smallest" and the like speak of the hottest pixels: they stand in the condition or point to it. The
    smallest removal of all that were tried is not known to be one of these."""
    m = mentions[i]
    if m.kind != "change" or m.value not in ("remove", "smallest", "largest"):
        return False
    if found.start <= i < found.end:
        return True
    if m.value == "remove":
        return i > found.end and mentions[i - 1].text.lower() in _WHOSE
    return i > found.end and in_steps and m.text.lower().split()[-1] in _OF_STEPS


def _is_subject(mentions: list[Mention], i: int) -> bool:
    """Whether the images themselves are said to fall or to change: "the image falls", not "removed from the image"."""
    ahead = next((m for m in mentions[i + 1 :] if m.kind != "neutral"), None)
    behind = next((m for m in reversed(mentions[:i]) if m.text.lower() not in ("the", "these", "those", "all")), None)
    moves = ahead is not None and ahead.kind == "change" and ahead.value in _ACTS
    return moves and (behind is None or behind.kind != "neutral")


_PREDICATES = ("verb", "suggest", "do")


def _parts(mentions: list[Mention]) -> Iterator[list[Mention]]:
    """Cut at "and", "but" and commas between two predicates, so that a negation stands over its own part only."""
    part: list[Mention] = []
    for i, m in enumerate(mentions):
        joins = m.kind in ("sep", "boundary") or m.text in (",", ";", ":")
        ahead = _until_join(mentions[i + 1 :])
        if joins and m.value != "cause" and _predicate(part) and (_predicate(ahead) or _highest(ahead)):
            yield part
            part = []
            continue
        part.append(m)
    yield part


def _until_join(mentions: list[Mention]) -> list[Mention]:
    end = next((i for i, m in enumerate(mentions) if m.kind == "boundary" or m.text in (",", ";", ":")), len(mentions))
    return mentions[:end]


def _highest(part: list[Mention]) -> bool:
    """ "no class suggested, highest score 0.47 for glioma": that it is the highest is not denied."""
    return {"rank", "score", "number"} <= {m.kind for m in part}


def _predicate(part: list[Mention]) -> bool:
    return any(m.kind in _PREDICATES or (m.kind == "change" and m.value in _ACTS) for m in part)


_ACTS = ("up", "down", "changes", "first", "same", "still", "no longer")


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
            if claim.kind not in OF_AN_ANSWER or not _is_answered(clause, claim):
                clause.claims[n] = replace(claim, holds=None)


def _is_answered(clause: Clause, claim: Claim) -> bool:
    """Of statements that the model abstains, of lesions that none is found: the outlines are held and not drawn again."""
    if claim.kind == "statement":
        return any(m.kind == "cue" and m.value == "abstain" and m.text in claim.text for m in clause.mentions)
    return claim.kind not in ("existence", "count") or not clause.findings.lesions
