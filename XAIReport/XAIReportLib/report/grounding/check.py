"""The grounding check: every sentence of a text, whoever wrote it, against the findings.

    supported        everything that it claims stands in the findings
    contradicted     something that it claims is otherwise in the findings
    unsupported      something in it cannot be read, is never said, or is not in the findings

It denies by default: what cannot be read is unsupported, never clean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from .. import wording
from ..schema import Findings, Part
from . import (
    bright,
    changed,
    checked,
    classes,
    compared,
    edited,
    existence,
    identified,
    near,
    numbers,
    places,
    shape,
    statements,
)
from .claims import Claim, Clause, Context, clauses
from .mentions import Mention
from .quotes import quotes, sentences
from .rewording import apart, plainer
from .targets import of_its_class
from .vocabulary import Vocabulary, plain

Verdict = Literal["supported", "contradicted", "unsupported"]
__all__ = ["CheckedClaim", "CheckedSentence", "Checker", "check_sentence", "check_text"]

_FREE = frozenset({"tell", "neutral", "verb", "do", "sep", "model", "score", "classes", "segmentation", "boundary"})
_MARKS = frozenset(",.()-/\"'!=:;")
_OPENING = re.compile(r"^(?:Warning|Reason|Note): ")
# What may be said to be due: it is about how the text is to be read.
_MAY_BE = (
    r"relied|noted|kept in mind|used (?:only )?for research|"
    r"(?:regarded|considered|treated|understood|taken|read|interpreted|seen) (?:only )?(?:as|to be) approximate"
)
# Read before anything else: words that turn a statement into one about certainty, cause, time or advice.
_NEVER = re.compile(
    r"\b(?:certain\w*|sure(?:ly)?|doubt\w*|evident\w*|obvious\w*|unequivocal\w*|presum\w*|possibly|perhaps|confiden\w*|proven|"
    r"proves?|prior|previous\w*|earlier|since last|led (?:to|the)|leads? (?:to|the model)|unchanged|new(?:ly)?|recurren\w*|"
    rf"histor\w*|symptom\w*|patient reports|years?|follow-up|recommend\w*|advis\w*|should be (?!{_MAY_BE})|must be|require\w*|"
    r"(?<!is )(?<!was )(?<!are )(?<!were )(?<!been )given (?:its|the|their|this|how)|"
    r"(?:lesion|abnormality|it|they) (?:has |have )?(?:return(?:s|ed)?|c[ao]mes? back|reappear\w*)|"
    r"dose\w*|(?:any|every|all|most|many|other|some|these) patients?|patients with|medication|steroid\w*|chemo\w*|radio\w*|"
    r"observation)\b",
    re.IGNORECASE,
)


# "glioma is suggested, for the lesion lies on the left" gives a cause.
_FOR = re.compile(
    r", for (?=(?:the|it|its|they|their|there|no|an?|both|all|one) [^,;]*?"
    r"\b(?:is|are|was|were|has|have|lies|lie|scored|failed|lacks?|measures)\b)",
    re.IGNORECASE,
)
_SAME = ({"overlap", "dice"}, {"planes", "plane_agreement"})  # kinds that say one thing in two ways
_BEING = re.compile(r"^with ([^,]+?) being ([^,]+), ", re.IGNORECASE)
_OF_SCORES = ("score", "similar scores", "rank", "class set", "comparison")  # may be what a suggestion rests on


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


class Checker:
    """Checks many texts against the same findings; the names in the findings are read once."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._vocabulary = Vocabulary(findings)
        self._quotes = quotes(findings)

    def text(self, text: str) -> tuple[CheckedSentence, ...]:
        """Every sentence of ``text``, in order; "it" is what was spoken of last."""
        context = Context()
        found = (self.findings, self._vocabulary, context, self._quotes)
        return tuple(_checked(sentence, *found) for sentence in sentences(text))

    def sentence(self, text: str) -> CheckedSentence:
        """``text`` as one statement: the worst of its sentences, with the claims of all."""
        if plain(text) in self._quotes:
            return _quoted(text)
        parts = self.text(text)
        if not parts:
            return CheckedSentence(text=text, verdict="unsupported", reason="Nothing in it can be checked.")
        worst = max(parts, key=lambda part: ("supported", "unsupported", "contradicted").index(part.verdict))
        claims = tuple(claim for part in parts for claim in part.claims)
        return CheckedSentence(text=text, verdict=worst.verdict, reason=worst.reason, claims=claims)


def check_text(text: str, findings: Findings) -> tuple[CheckedSentence, ...]:
    """Every sentence of ``text``, in order; "it" is what was spoken of last."""
    return Checker(findings).text(text)


def check_sentence(text: str, findings: Findings) -> CheckedSentence:
    """``text`` as one statement: the worst of its sentences, with the claims of all."""
    return Checker(findings).sentence(text)


def _quoted(text: str) -> CheckedSentence:
    claim = CheckedClaim(kind="quotation", text=text, holds=True)
    return CheckedSentence(
        text=text,
        verdict="supported",
        reason="It stands word for word in the findings or in the template.",
        claims=(claim,),
    )


def _checked(
    sentence: str, findings: Findings, vocabulary: Vocabulary, context: Context, quotes: set[str]
) -> CheckedSentence:
    if plain(sentence) in quotes or plain(_OPENING.sub("", sentence)) in quotes:
        return _quoted(sentence)
    if sentence.rstrip("\"') ").endswith("?"):
        return CheckedSentence(
            text=sentence, verdict="unsupported", reason="A question states nothing that can be checked."
        )
    one_class, context.mapped = of_its_class(sentence, findings, context.mapped)
    if one_class is None:
        return CheckedSentence(
            text=sentence, verdict="unsupported", reason="It speaks of the heat maps of two classes at once."
        )
    findings = one_class
    never = _never(_named(sentence, findings), findings, (findings.model.data_set, findings.model.name))
    said = _named(_without_edit_marks(sentence, findings), findings)
    outcome = None
    found = (never, findings, vocabulary)
    for way in _ways(said, findings):
        trial = replace(context)
        parts = [_piece(sentence, piece, *found, trial, nested=len(way) > 1) for piece in way]
        if all(part.verdict == "supported" for part in parts):
            outcome, seen = _joined(parts), trial
            break
        if len(way) == 1:
            outcome, seen = parts[0], trial
    vars(context).update(vars(seen))
    return outcome


def _joined(parts: list[CheckedSentence]) -> CheckedSentence:
    claims = tuple(claim for part in parts for claim in part.claims)
    return parts[0].model_copy(update={"claims": claims})


def _piece(
    sentence: str,
    said: str,
    never: list[str],
    findings: Findings,
    vocabulary: Vocabulary,
    context: Context,
    nested: bool,
) -> CheckedSentence:
    """What became of a statement; one that was joined to others (``nested``) may itself be taken apart once more."""
    found = (never, findings, vocabulary)
    trial = replace(context)
    outcome = _said(sentence, said, *found, trial)
    if nested and outcome.verdict == "unsupported":
        for way in _ways(said, findings):
            again = replace(context)
            parts = [_said(sentence, piece, *found, again) for piece in way]
            if all(part.verdict == "supported" for part in parts):
                outcome, trial = _joined(parts), again
                break
    vars(context).update(vars(trial))
    return outcome


def _ways(sentence: str, findings: Findings) -> Iterator[list[str]]:
    """How a sentence may be read, until its claims are held: as it stands, in plainer words, and one statement after the other."""
    sentence = _BEING.sub(r"because \1 is \2, ", _FOR.sub(", because ", sentence))
    yield [sentence]
    said = plainer(sentence, tuple(map(wording.class_name, findings.model.classes)))
    if said != sentence:
        yield [said]
    yield from apart(said)


def _said(
    sentence: str, said: str, never: list[str], findings: Findings, vocabulary: Vocabulary, context: Context
) -> CheckedSentence:
    """What became of a sentence when it is read as ``said``: it, its plainer form or a part of it."""
    context.outside = context.shift = context.bright = False
    context.last, context.landmark = "", None
    mentions = vocabulary.mentions(said)
    if sum(_weight(m) for m in mentions) < 2:
        return CheckedSentence(text=sentence, verdict="unsupported", reason="Nothing in it can be checked.")
    if changed.about(mentions):
        parts = changed.read(findings, mentions, context)
        never = [word for word in never if word.lower() not in ("unchanged", "led to its", "led to the", "led to")]
    else:
        parts = clauses(findings, mentions, context)
    for clause in parts:
        _read(clause)
        _remember(clause)
    if changed.about(mentions):
        changed.only_of_the_answer(parts)
    never = [*never, *_causes(parts)]
    claims = [claim for clause in parts for claim in clause.claims]
    unread = [m for clause in parts for m in clause.mentions if not _is_read(m)]
    whole = [claim for clause in parts if all(map(_is_read, clause.mentions)) for claim in clause.claims]
    return CheckedSentence(
        text=sentence,
        claims=tuple(CheckedClaim(kind=c.kind, text=c.text, holds=c.holds) for c in claims),
        **_verdict(claims, whole, unread, never),
    )


def _weight(mention: Mention) -> int:
    """How much a mention may claim: a region with its side two things, a word that only joins nothing."""
    if mention.kind in ("region", "lobe") and mention.side is not None:
        return 2
    if mention.value in ("planes fully",):
        return 2
    heading = mention.kind == "neutral" and mention.text.endswith(":")
    return int(mention.kind not in ("neutral", "mark") or heading or mention.text.lower() in ("it", "they", "it is"))


def _without_edit_marks(sentence: str, findings: Findings) -> str:
    """The sentence without "edited by the reader" behind what that is true of."""
    if findings.reader_edit is not None:
        sentence = re.sub(r"(?i)\b(the segmentation) edited by the reader\b", r"\1", sentence)
    for lesion in findings.lesions:
        if lesion.edited_by_reader:
            number = lesion.name.removeprefix("lesion-")
            sentence = re.sub(rf"(?i)\b(abnormality {number}) \(edited by the reader\)", r"\1", sentence)
    return sentence


def _named(sentence: str, findings: Findings) -> str:
    """The sentence with the data set's name in full: "the Jun Cheng brain tumor dataset" lacks a comma and a number."""
    whole = findings.model.data_set
    words = re.findall(r"\w+", whole.partition("(")[0])
    if len(words) < 2 or whole in sentence:
        return sentence
    return re.sub(rf"(?i)\b{'(?:, ?| )'.join(map(re.escape, words))}\b", whole.replace("\\", r"\\"), sentence)


def _never(sentence: str, findings: Findings, names: tuple[str, ...]) -> list[str]:
    text = plain(sentence)
    for allowed in (
        "does not rule out (?:one|a lesion)",
        "not for diagnosis",
        "for diagnosis",
        "does not exclude one",
        "due to",
        "because",
    ):
        text = re.sub(rf"\b{allowed}\b", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"(?i)\bdiagnos(?:is|tic)\b|\bfunction(?:al)?\b", " ", text)
    text = re.sub(r"(?i)pituitary tumou?rs?", " ", text)
    text = re.sub(r"(?i)\bexclud(?:e|ing) (?:one|the presence of one)\b|recogni[sz]ed?", " ", text)
    return [*wording.forbidden(text, names, findings.model.classes), *(m[0] for m in _NEVER.finditer(text))]


def _read(clause: Clause) -> None:
    existence.predicate(clause)
    edited.read(clause)
    checked.read(clause)
    bright.read(clause)
    shape.read(clause)
    near.read(clause)
    identified.read(clause)
    compared.read(clause)
    numbers.read(clause)
    classes.read(clause)
    places.read(clause)
    statements.read(clause)


def _remember(clause: Clause) -> None:
    """What "it" means in the next clause."""
    context = clause.context
    context.shift = context.shift or any(c.kind == "midline shift" for c in clause.claims)
    context.bright = context.bright or bool(clause.of("bright"))
    context.last = clause.claims[-1].kind if clause.claims else context.last
    context.landmark = next((m for m in reversed(clause.mentions) if m.kind == "landmark"), context.landmark)
    context.outside = context.outside or any(c.kind == "outside share" and c.holds for c in clause.claims)
    for i, mention in enumerate(clause.mentions):
        if mention.kind == "lesion":
            lesions = clause.lesions_at(i)
            if lesions:
                context.lesions, context.subject = lesions, "lesion"
        elif mention.kind == "map":
            methods = clause.maps_at(i)
            if methods != ():
                context.map, context.subject = (methods[0] if methods and len(methods) == 1 else None), "map"
        elif mention.kind == "class":
            context.label = mention.value


def _causes(parts: list[Clause]) -> Iterator[str]:
    """ "because", "so" and "as" may join only what is said of the analysis itself."""
    led: list[Claim] = []  # what the last clause says that is no reason itself, or the reason that opens the sentence
    for clause in parts:
        if not clause.causal:
            led = clause.claims[-1:]
            continue
        if not clause.claims or not _may_be_joined(clause, led, parts[0].causal):
            yield "a cause"
        led = clause.claims[-1:] if clause is parts[0] else led


def _may_be_joined(clause: Clause, led: list[Claim], fronted: bool) -> bool:
    """Whether a clause that gives a reason, or a consequence, may stand beside ``led``; ``fronted``: the reason comes first."""
    process = all(claim.process or claim.kind in ("suggestion", "class set") for claim in led)
    if process and all(c.process or c.kind in _OF_SCORES for c in clause.claims):
        return True
    if any({c.kind for c in (*led, *clause.claims)} <= alike for alike in _SAME):
        return True  # "it does not overlap, as its Dice is 0"
    suggested = clause.consequence and bool(led) and all(c.kind == "suggestion" for c in clause.claims)
    if suggested and led[0].kind in ("score", "rank"):
        return bool(clause.of("class")) or fronted  # "the scores are ..., so glioma is suggested"
    return suggested and led[0].kind == "similar scores" and all(c.process for c in clause.claims)


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
