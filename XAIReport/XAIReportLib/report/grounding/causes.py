"""What "because", "so" and "as" may join: what is said of the analysis itself, and figures with what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..schema import Findings
from .claims import Claim, Clause

_SAME = ({"overlap", "dice"}, {"planes", "plane_agreement"})  # kinds that say one thing in two ways
_OF_SCORES = ("score", "similar scores", "rank", "class set", "comparison")  # may be what a suggestion rests on


def causes(parts: list[Clause]) -> Iterator[str]:
    """ "because", "so" and "as" may join only what is said of the analysis itself."""
    led: list[Claim] = []  # what the last clause says that is no reason itself, or the reason that opens the sentence
    for clause in parts:
        if not clause.causal:
            led = _leading(clause)
            continue
        if not clause.claims or not _may_be_joined(clause, led, parts[0].causal and not parts[0].consequence):
            yield "a cause"
        led = _leading(clause) if clause is parts[0] else led


def _leading(clause: Clause) -> list[Claim]:
    """What a clause says last; that there is a lesion is said along with anything of it."""
    return [claim for claim in clause.claims if claim.kind != "existence"][-1:] or clause.claims[-1:]


# What follows from the registration, from the image and from the check of the scores is no reason for them.
_FOLLOWS = re.compile(
    r"\b(?:sides?|laterality|hemisphere|regions?|lobes?|volumes?|sizes?|heat ?maps?|suggest\w*|function|where)\b",
    re.IGNORECASE,
)
_GROUND = re.compile(
    r"\b(?:registration|registered|aligned|geometry|modality|ct|picture|template|atlas)\b", re.IGNORECASE
)


# Of these the findings hold no reason, and they are none.
_GROUNDLESS = re.compile(
    r"\b(?:calibrat\w*|uncalibrated|commercial\w*|non-commercial|licen[cs]e\w*|checklist)\b", re.IGNORECASE
)


def backwards(led: str, reason: str) -> bool:
    """Whether a reason is none: it is what follows ("the registration failed because the side is not known"), or nothing follows
    from it."""
    if bool(_GROUNDLESS.search(led)) != bool(_GROUNDLESS.search(reason)):
        return True
    ground, follows = bool(_GROUND.search(led)), bool(_FOLLOWS.search(reason))
    return ground and follows and not _GROUND.search(reason) and not _FOLLOWS.search(led)


def _is_no_reason(clause: Clause, led: list[Claim]) -> bool:
    """Whether a class would be explained by the registration or the image, they by a class, or a ground by what follows."""
    spoken = " ".join(claim.text for claim in led), " ".join(claim.text for claim in clause.claims)
    if backwards(*(spoken if not clause.consequence else spoken[::-1])):
        return True
    if clause.findings.prediction.label is None or clause.consequence:
        return False
    kinds = [{claim.kind for claim in claims} for claims in (led, clause.claims)]
    return any("suggestion" in one and "statement" in other for one, other in (kinds, kinds[::-1]))


def _may_be_joined(clause: Clause, led: list[Claim], fronted: bool) -> bool:
    """Whether a clause that gives a reason, or a consequence, may stand beside ``led``; ``fronted``: the reason comes first."""
    process = all(claim.process or claim.kind in ("suggestion", "class set") for claim in led)
    if _is_no_reason(clause, led):
        return False
    along = ("existence",) if any(c.process for c in clause.claims) else ()
    if process and all(c.process or c.kind in (*_OF_SCORES, *along) for c in clause.claims):
        return True
    if (
        {c.kind for c in led} <= {"side"}
        and {c.kind for c in clause.claims} <= {"overlap", "dice"}
        and clause.consequence
    ):
        return _apart(clause.findings)  # "the mask lies on the left, so it does not overlap with the abnormality"
    ungeometric = process and not clause.findings.image.has_geometry
    if ungeometric and fronted and {c.kind for c in clause.claims} == {"voxels"}:
        return True  # "as there is no geometry, its size is 168 pixels"
    if any({c.kind for c in (*led, *clause.claims)} <= alike for alike in _SAME):
        return True  # "it does not overlap, as its Dice is 0"
    return _is_suggested_for(clause, led, fronted)


def _is_suggested_for(clause: Clause, led: list[Claim], fronted: bool) -> bool:
    """ "the scores are ..., so glioma is suggested"."""
    suggested = clause.consequence and bool(led) and all(c.kind == "suggestion" for c in clause.claims)
    if suggested and led[0].kind in ("score", "rank"):
        return bool(clause.of("class")) or fronted
    return suggested and led[0].kind == "similar scores" and all(c.process for c in clause.claims)


def _apart(findings: Findings) -> bool:
    """Whether the maps without overlap lie on a side where no lesion does."""
    maps = {mask.side for mask in findings.saliency if mask.dice_with_lesion == 0}
    lesions = {lesion.side for lesion in findings.lesions}
    return maps | lesions <= {"left", "right"} and not maps & lesions


_PROCESS = frozenset(
    (
        "known",
        "statement",
        "excluded",
        "missed",
        "relied",
        "checks",
        "check",
        "check figure",
        "made for",
        "run",
        "uptake",
        "septum",
        "map",
        "scores",
        "checklist",
    )
)


def may_explain(first: set[str], second: set[str]) -> bool:
    """Whether statements with claims of these kinds may be joined as a statement and its reason: both are about the analysis."""
    return bool(first and second) and first | second <= _PROCESS


def may_follow(before: frozenset[str] | None, kinds: set[str]) -> bool:
    """Whether "therefore" may stand in a sentence with claims of these kinds behind one with those ``before``."""
    if before is None:
        return bool(kinds) and kinds <= _PROCESS | {"class set"}
    if kinds <= {"known", "map", "scores"} and before <= {"existence"}:
        return True  # "no lesion was found. Therefore, no heat maps were generated"
    return may_explain(set(before), kinds) or (
        kinds <= {"class set"} and before <= {"score", "similar scores", "class set"}
    )
