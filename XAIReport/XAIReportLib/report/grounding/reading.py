"""One statement, as it stands: its clauses, their claims, and whether the findings hold them all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ..schema import Findings
from ..wording import class_name
from . import (
    bright,
    changed,
    checked,
    classes,
    compared,
    edited,
    existence,
    identified,
    metrics,
    near,
    numbers,
    places,
    shape,
    statements,
)
from .causes import causes
from .claims import Claim, Clause, Context, clauses
from .mentions import Mention
from .outcome import CheckedClaim, CheckedSentence, quoted
from .owners import misowned, spoken_of
from .quotes import Denials, is_stated
from .vocabulary import Vocabulary, plain

_FREE = frozenset({"tell", "neutral", "verb", "do", "sep", "model", "score", "classes", "segmentation", "boundary"})
_MARKS = frozenset(",.()-/\"'!=:;")
OPENING = re.compile(r"^(Warning|Reason|Note): ")
_OF_CHANGES = ("unchanged", "led to its", "led to the", "led to")


@dataclass(frozen=True)
class Case:
    """The findings, and what of them is read once for many texts: names, what may be quoted, what reasons and warnings state."""

    findings: Findings
    vocabulary: Vocabulary
    quotes: set[str]
    stated: frozenset[tuple[tuple[str, ...], Denials]]

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model's classes are called."""
        return tuple(map(class_name, self.findings.model.classes))


def said_so(sentence: str, said: str, never: list[str], case: Case, context: Context) -> CheckedSentence:
    """What became of a sentence when it is read as ``said``: it, its plainer form or a part of it."""
    outcome = _read_in_whole(sentence, said, never, case, context)
    if outcome.verdict != "supported" and is_stated(OPENING.sub("", said), case.stated):
        return quoted(sentence, "A reason or a warning of the findings states it.")
    if outcome.verdict != "supported" and not never and f"{plain(said).rstrip('.')}." in case.quotes:
        return quoted(sentence, "In other words, it stands in the findings or in the template.")
    return outcome


def _read_in_whole(sentence: str, said: str, never: list[str], case: Case, context: Context) -> CheckedSentence:
    """What its claims are, clause by clause, and whether the findings hold them."""
    findings = case.findings
    context.outside = context.shift = context.bright = False
    context.last, context.landmark = "", None
    mentions = case.vocabulary.mentions(said)
    if sum(_weight(m) for m in mentions) < 2:
        return CheckedSentence(text=sentence, verdict="unsupported", reason="Nothing in it can be checked.")
    if changed.about(mentions):
        parts = changed.read(findings, mentions, context)
        reworded = [word for word in never if word.lower().startswith("leads t") and word not in said]
        never = [word for word in never if word.lower() not in _OF_CHANGES and word not in reworded]
    else:
        parts = clauses(findings, mentions, context)
    strange = []
    for n, clause in enumerate(parts):
        _read(clause)
        strange += [] if changed.about(mentions) else [misowned(clause, context, joined=n > 0)]
        _remember(clause)
    if changed.about(mentions):
        changed.only_of_the_answer(parts)
    never = [*never, *causes(parts)]
    claims = [claim for clause in parts for claim in clause.claims]
    unread = [m for clause in parts for m in clause.mentions if not _is_read(m)]
    unread += [
        m for clause in parts if clause.elided and not clause.claims for m in clause.mentions[:1]
    ]  # "and do explain it"
    unread += [m for clause in parts for m in (*_said_again(clause), *_one_in_another(clause))]
    whole = [claim for clause in parts if all(map(_is_read, clause.mentions)) for claim in clause.claims]
    verdict = _verdict(claims, whole, unread, never)
    if verdict["verdict"] == "supported" and any(strange):
        of_it = ", ".join(filter(None, strange))
        verdict = {"verdict": "unsupported", "reason": f"This cannot be checked against the findings: {of_it}."}
    return CheckedSentence(
        text=sentence,
        claims=tuple(CheckedClaim(kind=c.kind, text=c.text, holds=c.holds) for c in claims),
        **verdict,
    )


def _said_again(clause: Clause) -> list[Mention]:
    """A "does" that stands for what was said before ("A overlaps, B does (Dice 0.00)") and that no claim accounts for."""
    if any(claim.text in ("does", "does not") for claim in clause.claims):
        return []
    said = [m for m in clause.mentions if m.kind != "neutral"]
    ends = [*said[1:], Mention("mark", ".", ".")]
    return [
        m
        for before, m, behind in zip([Mention("mark", "", ""), *said], said, ends, strict=False)
        if m.kind == "do" and before.kind in ("map", "lesion", "class")
        if behind.text in (".", ",", ";", "(") or behind.depth > m.depth
        if not any("than" in other.text.lower().split() for other in said)
    ]


_IN = re.compile(
    r"\b(?:contain|includ|cover|hold|encompass|occup|fill|enclos|surround|reach|touch|extend|belong|part of|within|inside|into|"
    r"lies (?:in|on|over)|sits (?:in|on|over)|located (?:in|on|over))",
    re.IGNORECASE,
)


def _one_in_another(clause: Clause) -> list[Mention]:
    """A mask that is said to lie in another, or to contain it: only how far they overlap is known."""
    if any(claim.kind in ("overlap", "dice", "side") for claim in clause.claims):
        return []
    masks = [i for i, m in enumerate(clause.mentions) if m.kind in ("map", "lesion", "segmentation")]
    return [
        clause.mentions[b]
        for a, b in pairwise(masks)
        if "map" in (clause.mentions[a].kind, clause.mentions[b].kind)
        and _IN.search(between := " ".join(m.text for m in clause.mentions[a + 1 : b]))
        and " than" not in between
        and not clause.of("region", "lobe", "outside", "side")
    ]


def _weight(mention: Mention) -> int:
    """How much a mention may claim: a region with its side two things, a word that only joins nothing."""
    if mention.kind in ("region", "lobe") and mention.side is not None:
        return 2
    if mention.value in ("planes fully",):
        return 2
    heading = mention.kind == "neutral" and mention.text.endswith(":")
    return int(
        mention.kind not in ("neutral", "mark", "boundary")
        or heading
        or mention.text.lower() in ("it", "they", "it is")
    )


def _read(clause: Clause) -> None:
    existence.predicate(clause)
    edited.read(clause)
    checked.read(clause)
    metrics.read(clause)
    identified.read(clause)
    bright.read(clause)
    shape.read(clause)
    near.read(clause)
    compared.read(clause)
    numbers.read(clause)
    classes.read(clause)
    places.read(clause)
    statements.read(clause)
    clause.turned_once()


def _remember(clause: Clause) -> None:
    """What "it" means in the next clause."""
    context = clause.context
    context.shift = context.shift or any(c.kind == "midline shift" for c in clause.claims)
    context.bright = context.bright or bool(clause.of("bright"))
    context.last = clause.claims[-1].kind if clause.claims else context.last
    context.landmark = next((m for m in reversed(clause.mentions) if m.kind == "landmark"), context.landmark)
    context.outside = context.outside or any(c.kind == "outside share" and c.holds for c in clause.claims)
    context.spoken = spoken_of(clause, context)
    for i, mention in enumerate(clause.mentions):
        if mention.kind == "lesion":
            lesions = clause.lesions_at(i)
            if lesions:
                if context.group is not None and mention.value != "many" and not set(lesions) <= set(context.group):
                    context.group = None  # another one is spoken of as well
                context.lesions, context.subject = lesions, "lesion"
        elif mention.kind == "map":
            methods = clause.maps_at(i)
            if methods != ():
                context.map, context.subject = (methods[0] if methods and len(methods) == 1 else None), "map"
        elif mention.kind == "class":
            context.label = mention.value


def _is_read(mention: Mention) -> bool:
    if mention.kind == "cue" and mention.value == "atlas":
        return True
    return (
        mention.read or mention.kind in _FREE or (mention.kind == "mark" and mention.text in _MARKS) or not mention.text
    )


def _verdict(claims: list[Claim], read: list[Claim], unread: list[Mention], never: list[str]) -> dict[str, str]:
    """``read``: the claims of clauses that were read in whole; only they can be said to be otherwise."""
    wrong = [claim.text for claim in read if claim.holds is False]
    if wrong:
        return {"verdict": "contradicted", "reason": f"The findings say otherwise: {'; '.join(wrong)}."}
    if never:
        return {"verdict": "unsupported", "reason": f"This is never said: {', '.join(dict.fromkeys(never))}."}
    if unread:
        words = ", ".join(dict.fromkeys(m.text for m in unread))
        return {"verdict": "unsupported", "reason": f"This cannot be checked against the findings: {words}."}
    missing = [claim.text for claim in claims if claim.holds is None]
    if missing:
        return {"verdict": "unsupported", "reason": f"The findings do not hold this: {'; '.join(missing)}."}
    if not claims:
        return {"verdict": "unsupported", "reason": "Nothing in it can be checked."}
    return {"verdict": "supported", "reason": "The findings hold everything that it claims."}
