"""The narrative: sentences from a fixed template, written from the findings and from nothing else.

The template speaks English; the other languages say the same sentences by the catalogue in languages/. Each sentence
carries JSON pointers (RFC 6901) into findings.json, and every number, side, region and class in it stands
at one of them. A sentence that would break the rules of wording is replaced before anybody reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from . import checklist, wording
from .changes import changes
from .grounding.translated import Checker, TranslatedChecker, checker_of, named
from .languages import Language
from .languages import language as language_of
from .passages import LEFT_OUT, Passage, confidence, impression, limits, status, technique
from .places import anatomy, doubts, evidence, findings_of
from .pointers import resolve
from .schema import Findings, Part

__all__ = ["SECTIONS", "LeftOut", "Narrative", "Sentence", "Usage", "checked", "resolve", "told", "write"]


def _before_anything_else(findings: Findings) -> Iterator[Passage]:
    yield from status(findings)
    yield from doubts(findings)


def _limits(findings: Findings) -> Iterator[Passage]:
    yield from limits(findings)
    yield from checklist.passages(findings)


SECTIONS = {
    "status": _before_anything_else,
    "technique": technique,
    "findings": findings_of,
    "anatomy": anatomy,
    "evidence": evidence,
    "changes": changes,
    "impression": impression,
    "confidence": confidence,
    "limits": _limits,
}


class Sentence(Part):
    """``evidence``: pointers into findings.json that hold everything the text claims.

    ``outcome``: of the grounding check; ``why``: its reason where the sentence is not supported. ``narrator``: "template" where a
    language model's narrative holds a sentence of the template's, else empty.
    """

    text: str
    section: str
    evidence: tuple[str, ...]
    outcome: Literal["supported", "contradicted", "unsupported", "not_checked"] = "not_checked"
    why: str = ""
    narrator: str = ""


class LeftOut(Part):
    """A sentence of a language model that the findings do not hold: never in a document, shown to a reader as such."""

    text: str
    section: str
    outcome: Literal["contradicted", "unsupported"]
    why: str


class Usage(Part):
    """What the answers of a language model took. Tokens as its server counts them, null where it does not; ``cost`` by a price
    table of the user's own, null without one."""

    answers: int
    input_tokens: int | None
    output_tokens: int | None
    seconds: float
    cost: float | None
    currency: str


class Narrative(Part):
    """Sentences tied by hash to the findings that they were written from.

    ``model_requested`` and ``model_returned``: of a language model; ``usage``: what it took; ``notes``: what went wrong on the way.
    """

    schema_version: Literal["1.0.0"] = "1.0.0"
    findings_sha256: str
    language: Literal["en", "fr", "de", "es"] = "en"
    narrator: str = "template"
    model_requested: str = ""
    model_returned: str = ""
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    usage: Usage | None = None
    sentences: tuple[Sentence, ...]

    def of_section(self, section: str) -> tuple[Sentence, ...]:
        return tuple(sentence for sentence in self.sentences if sentence.section == section)

    def to_json(self) -> str:
        content = self.model_dump(mode="json")
        return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def write(findings: Findings, language: str = "en") -> Narrative:
    """The narrative of ``findings``; the same findings always give the same text.

    Raises InputError for a language other than en, fr, de and es.
    """
    sentences = tuple(_sentences(findings, language_of(language).of(named(findings))))
    return Narrative(findings_sha256=findings.sha256(), language=language, sentences=sentences)


def told(findings: Findings, language: str = "en") -> Narrative:
    """The template's narrative as it leaves the house: written and checked. Raises as ``write``."""
    return checked(write(findings, language), findings)


def checked(narrative: Narrative, findings: Findings) -> Narrative:
    """The narrative with the outcome of the grounding check at every sentence; a contradicted one is left out and says so."""
    checker, left_out = checker_of(findings, narrative.language), language_of(narrative.language).said(LEFT_OUT)
    sentences = tuple(_checked(s, checker, left_out) for s in narrative.sentences)
    return narrative.model_copy(update={"sentences": sentences})


def _checked(sentence: Sentence, checker: Checker | TranslatedChecker, left_out: str) -> Sentence:
    found = checker.sentence(sentence.text)
    text = left_out if found.verdict == "contradicted" else sentence.text
    why = "" if found.verdict == "supported" else found.reason
    return sentence.model_copy(update={"text": text, "outcome": found.verdict, "why": why})


def _sentences(findings: Findings, words: Language) -> Iterator[Sentence]:
    names = (findings.model.data_set, findings.model.name)
    always = set(findings.disclaimers)
    for section, passages in SECTIONS.items():
        for passage in passages(findings):
            text = " ".join(passage.text.split())
            allowed = text in always or not wording.forbidden(text, names, findings.model.classes)
            instead = (
                passage.instead or LEFT_OUT
            )  # also for a reason or a warning that the other language does not hold
            said = (words.said(text) if allowed else None) or words.said(instead) or words.said(LEFT_OUT)
            yield Sentence(text=said, section=section, evidence=passage.evidence)
