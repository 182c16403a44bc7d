"""What the check says of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..schema import Part

Verdict = Literal["supported", "contradicted", "unsupported"]


class CheckedClaim(Part):
    """One claim of a sentence; ``holds`` is null where the findings say nothing of it."""

    kind: str
    text: str
    holds: bool | None


class CheckedSentence(Part):
    """A sentence, what became of it, why (for a person), and the claims that were read in it."""

    text: str
    verdict: Verdict
    reason: str
    claims: tuple[CheckedClaim, ...] = ()


def quoted(text: str, reason: str = "It stands word for word in the findings or in the template.") -> CheckedSentence:
    claim = CheckedClaim(kind="quotation", text=text, holds=True)
    return CheckedSentence(text=text, verdict="supported", reason=reason, claims=(claim,))


def worst(text: str, parts: Sequence[CheckedSentence]) -> CheckedSentence:
    """What became of a text: the worst of its parts, with the claims of all."""
    worst = max(parts, key=lambda part: ("supported", "unsupported", "contradicted").index(part.verdict))
    claims = tuple(claim for part in parts for claim in part.claims)
    return CheckedSentence(text=text, verdict=worst.verdict, reason=worst.reason, claims=claims)


def joined(parts: Sequence[CheckedSentence]) -> CheckedSentence:
    claims = tuple(claim for part in parts for claim in part.claims)
    return parts[0].model_copy(update={"claims": claims})


def unsupported(text: str, reason: str) -> CheckedSentence:
    return CheckedSentence(text=text, verdict="unsupported", reason=reason)
