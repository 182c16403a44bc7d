"""The grounding check of French, German and Spanish sentences.

A sentence is read by the pattern that the catalogue holds of it: the values of its slots are read back, and what it means in
English is compared with the findings. A sentence that no pattern holds is unsupported: the check denies by default.
"""

from __future__ import annotations

import re
from functools import cached_property

from ..languages import LANGUAGES, language
from ..languages.never import never_said
from ..passages import FILE_KINDS, quoted
from ..schema import Findings
from ..wording import class_name, class_name_in_full, method_name, region_name
from .check import CheckedSentence, Checker
from .quotes import recited, sentences
from .vocabulary import plain

_ON_DEMAND = re.compile("Analysed on demand (?:despite this:|although) ")  # the latter in findings of older versions
_ORDER = ("unsupported", "contradicted", "supported")
_VALUE = re.compile(r"-?\d+(?:\.\d+)?|\b(?:left|right)\b")


class TranslatedChecker:
    """Checks texts of one language against the same findings."""

    def __init__(self, findings: Findings, code: str) -> None:
        self._language, self._english = language(code).of(named(findings)), Checker(findings)
        self._names = (findings.model.name, findings.model.data_set, findings.anatomy.atlas)
        self._findings = findings

    @cached_property
    def _recited(self) -> dict[str, str]:
        """The template's own sentences by their words, whatever their values."""
        return {_VALUE.sub("#", plain(text)): text for text in recited(self._findings)}

    def text(self, text: str) -> tuple[CheckedSentence, ...]:
        """Every sentence of ``text``, in order."""
        return tuple(self.sentence(sentence) for sentence in sentences(text))

    def sentence(self, text: str) -> CheckedSentence:
        """``text`` as one statement."""
        meanings = self._language.meant(text)
        if not meanings:  # no pattern holds what is never said; it only tells why
            if never := never_said(text, self._language.code, self._names):
                return _unsupported(text, f"This is never said: {', '.join(never)}.")
            name = LANGUAGES[self._language.code]
            return _unsupported(text, f"This is none of the {name} sentences that can be checked against the findings.")
        best = max((self._meant(meaning) for meaning in meanings), key=lambda one: _ORDER.index(one.verdict))
        reason = best.reason if best.verdict == "supported" else f"{best.reason} It was read as: {best.text}"
        return best.model_copy(update={"text": text, "reason": reason})

    def _meant(self, english: str) -> CheckedSentence:
        """The verdict on the meaning; a sentence of the template with other values in it says otherwise than the findings."""
        found = self._english.sentence(english)
        said = self._recited.get(_VALUE.sub("#", plain(english))) if found.verdict == "unsupported" else None
        if said is not None:
            return found.model_copy(update={"verdict": "contradicted", "reason": f"The findings say otherwise: {said}"})
        return found


def named(findings: Findings) -> dict[str, frozenset[str]]:
    """What slots of the catalogue hold of these findings beside the tables, by kind and in English: names and quoted sentences."""
    model, image, anatomy = findings.model, findings.image, findings.anatomy
    masks = (*findings.lesions, *findings.saliency)
    rows = [region for mask in masks for region in mask.regions]
    holders = [*rows, *(region for lesion in findings.lesions for region in lesion.largest_regions)]
    methods = [
        *(mask.method for mask in findings.saliency),
        *(one.method for one in findings.counterfactuals if one.method),
    ]
    distances = [way for lesion in findings.lesions if lesion.measures for way in lesion.measures.distances]
    shift = anatomy.midline_shift
    said = {
        "model_name": [model.name],
        "version": [model.version],
        "data_set": [model.data_set],
        "atlas_name": [anatomy.atlas],
        "file_kind": [FILE_KINDS.get(image.kind, image.kind)],
        "series_kind": [image.modality],
        "class": [name(label) for label in model.classes for name in (class_name, class_name_in_full)],
        "label": model.classes,
        "method": map(method_name, methods),
        "measure_name": [name.replace("_", " ") for name in findings.prediction.uncertainty],
        "position": [way.position for way in distances],
        "outside": [region.name for region in rows if region.lobe == "other"],
        "region": [
            *(region_name(region.name, region.side) for region in holders if region.lobe != "other"),
            *(region_name(region.nearest, None) for region in rows if region.nearest is not None),
        ],
        "reason": _quoted(findings.prediction.reason),
        "warning": [piece for text in findings.warnings for piece in _quoted(text)],
        "objection": [
            piece
            for text in findings.warnings
            if (start := _ON_DEMAND.match(text))
            for piece in _quoted(text[start.end() :])
        ],
        "no_shift": [] if shift is None or shift.distance_mm is not None else _quoted(shift.method),
    }
    return {kind: frozenset(" ".join(text.split()) for text in texts) for kind, texts in said.items()}


def _quoted(text: str) -> list[str]:
    """A reason or a warning as it is told, and each of its sentences."""
    return [quoted(text), *sentences(quoted(text))]


def checker_of(findings: Findings, code: str) -> Checker | TranslatedChecker:
    """The check of texts in one language. Raises InputError for a language that it does not read."""
    return Checker(findings) if language(code).code == "en" else TranslatedChecker(findings, code)


def _unsupported(text: str, reason: str) -> CheckedSentence:
    return CheckedSentence(text=text, verdict="unsupported", reason=reason)
