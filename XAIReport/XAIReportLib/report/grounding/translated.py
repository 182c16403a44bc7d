"""The grounding check of French, German and Spanish sentences.

A sentence is read by the pattern that the catalogue holds of it: the values of its slots are read back, and what it means in
English is compared with the findings. A sentence that no pattern holds is unsupported: the check denies by default.
"""

from __future__ import annotations

import re

from ..languages import LANGUAGES, language
from ..languages.never import never_said
from ..schema import Findings
from .check import CheckedSentence, Checker
from .quotes import recited, sentences
from .vocabulary import plain

_ORDER = ("unsupported", "contradicted", "supported")
_VALUE = re.compile(r"-?\d+(?:\.\d+)?|\b(?:left|right)\b")


class TranslatedChecker:
    """Checks texts of one language against the same findings."""

    def __init__(self, findings: Findings, code: str) -> None:
        self._language, self._english = language(code), Checker(findings)
        self._names = (findings.model.name, findings.model.data_set, findings.anatomy.atlas)
        self._recited = {_VALUE.sub("#", plain(text)): text for text in recited(findings)}

    def text(self, text: str) -> tuple[CheckedSentence, ...]:
        """Every sentence of ``text``, in order."""
        return tuple(self.sentence(sentence) for sentence in sentences(text))

    def sentence(self, text: str) -> CheckedSentence:
        """``text`` as one statement."""
        never = never_said(text, self._language.code, self._names)
        if never:
            return _unsupported(text, f"This is never said: {', '.join(never)}.")
        meanings = self._language.meant(text)
        if not meanings:
            name = LANGUAGES[self._language.code]
            return _unsupported(text, f"This is none of the {name} sentences that can be checked against the findings.")
        best = max((self._meant(meaning) for meaning in meanings), key=lambda one: _ORDER.index(one.verdict))
        reason = best.reason if best.verdict == "supported" else f"{best.reason} It was read as: {best.text}"
        return best.model_copy(update={"text": text, "reason": reason})

    def _meant(self, english: str) -> CheckedSentence:
        """The verdict on the meaning; a sentence of the template with other values in it says otherwise than the findings."""
        found = self._english.sentence(english)
        said = self._recited.get(_VALUE.sub("#", plain(english)))
        if found.verdict == "unsupported" and said is not None:
            return found.model_copy(update={"verdict": "contradicted", "reason": f"The findings say otherwise: {said}"})
        return found


def checker_of(findings: Findings, code: str) -> Checker | TranslatedChecker:
    """The check of texts in one language. Raises InputError for a language that it does not read."""
    return Checker(findings) if language(code).code == "en" else TranslatedChecker(findings, code)


def _unsupported(text: str, reason: str) -> CheckedSentence:
    return CheckedSentence(text=text, verdict="unsupported", reason=reason)
