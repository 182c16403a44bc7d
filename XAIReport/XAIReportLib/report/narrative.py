"""The narrative: English sentences from a fixed template, written from the findings and from nothing else.

Each sentence carries JSON pointers (RFC 6901) into findings.json, and every number, side, region and class in it stands
at one of them. A sentence that would break the rules of wording is replaced before anybody reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from . import wording
from .passages import Passage, confidence, impression, limits, status, technique
from .places import anatomy, evidence, findings_of
from .pointers import resolve
from .schema import Findings, Part

__all__ = ["SECTIONS", "Narrative", "Sentence", "resolve", "write"]

SECTIONS = {
    "status": status,
    "technique": technique,
    "findings": findings_of,
    "anatomy": anatomy,
    "evidence": evidence,
    "impression": impression,
    "confidence": confidence,
    "limits": limits,
}
_LEFT_OUT = (
    "A statement is omitted here, as its wording is not among the allowed ones; what it rests on is in findings.json."
)


class Sentence(Part):
    """``evidence``: pointers into findings.json that hold everything the text claims."""

    text: str
    section: str
    evidence: tuple[str, ...]


class Narrative(Part):
    """Sentences tied by hash to the findings that they were written from."""

    schema_version: Literal["1.0.0"] = "1.0.0"
    findings_sha256: str
    language: Literal["en"] = "en"
    narrator: Literal["template"] = "template"
    sentences: tuple[Sentence, ...]

    def of_section(self, section: str) -> tuple[Sentence, ...]:
        return tuple(sentence for sentence in self.sentences if sentence.section == section)

    def to_json(self) -> str:
        content = self.model_dump(mode="json")
        return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def write(findings: Findings) -> Narrative:
    """The narrative of ``findings``; the same findings always give the same text."""
    return Narrative(findings_sha256=findings.sha256(), sentences=tuple(_sentences(findings)))


def _sentences(findings: Findings) -> Iterator[Sentence]:
    names = (findings.model.data_set, findings.model.name)
    always = set(findings.disclaimers)
    for section, passages in SECTIONS.items():
        for passage in passages(findings):
            text = " ".join(passage.text.split())
            allowed = text in always or not wording.forbidden(text, names, findings.model.classes)
            yield Sentence(text=text if allowed else _replacement(passage), section=section, evidence=passage.evidence)


def _replacement(passage: Passage) -> str:
    return passage.instead or _LEFT_OUT
