"""A report with the reader's own wording, checked again: what the findings hold takes a sentence's place, the rest is a quotation.

What is contradicted by the findings, or not in them, never takes the place of a checked sentence: it stands behind it in quotation
marks and says what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from XAIReportLib.reviews import Edit

from .grounding.translated import Checker, TranslatedChecker, checker_of
from .languages import Language, language
from .narrative import Narrative, Sentence
from .schema import Findings

EDITED = "(edited by the reader)"
_KINDS = {
    "contradicted": "Reader's wording, contradicted by the findings",
    "unsupported": "Reader's wording, not in the findings",
}


def with_edits(narrative: Narrative, edits: Sequence[Edit], findings: Findings) -> Narrative:
    """The narrative with the readers' wording; every edit is checked anew, whatever was kept with it."""
    checker, words = checker_of(findings, narrative.language), language(narrative.language)
    told = tuple(s for sentence in narrative.sentences for s in _told(sentence, edits, checker, words))
    return narrative.model_copy(update={"sentences": told})


def _told(
    sentence: Sentence, edits: Sequence[Edit], checker: Checker | TranslatedChecker, words: Language
) -> Iterator[Sentence]:
    edit = next((e for e in edits if e.is_about({"section": sentence.section, "text": sentence.text})), None)
    if edit is None:
        yield sentence
        return
    found = checker.sentence(edit.text)
    if found.verdict == "supported":
        text = f"{edit.text} {words.label(EDITED)}"
        yield Sentence(text=text, section=sentence.section, evidence=sentence.evidence, outcome="supported")
        return
    yield sentence
    yield Sentence(
        text=words.with_value(words.label(_KINDS[found.verdict]), f"“{edit.text}”"),
        section=sentence.section,
        evidence=sentence.evidence,
        outcome=found.verdict,
        why=found.reason,
    )
