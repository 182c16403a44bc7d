"""Codes: whether a class or a region has the code of a system that a sentence gives it.

A sentence that names a code system is read here as a whole or not at all: a code beside words of any other kind is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..schema import Findings
from ..schema_places import Code
from ..terminology import SYSTEMS
from ..wording import class_name
from .outcome import CheckedClaim, CheckedSentence, unsupported

_SHORT = {"SNOMED CT": ("SNOMED-CT", "SNOMED", "SCT"), "RadLex": (), "ICD-O-3": ("ICD-O",), "ICD-11": (), "ICD-10": ()}
_NAMES = {short: name for name, shorts in _SHORT.items() for short in (name, *shorts)}
_SYSTEM = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(_NAMES, key=len, reverse=True)))})\b", re.IGNORECASE)
# What a code of any system looks like; a number of fewer digits is a measure.
_VALUE = re.compile(r"\b(?:RID\d+|\d{6,18}|[A-Z]{1,2}\d\d(?:\.\d+)?|\d[A-Z]\d\d(?:\.[0-9A-Z]+)?|\d{4}/\d)\b")
# All that may stand beside a system, a code, its meaning and what has it.
_BESIDE = re.compile(
    r"(?:the|a|an|its|is|was|has|carries|coded|given|as|by|with|in|of|for|code|codes|concept|class|suggested|region|and|\s|[,:()=.;])*",
    re.IGNORECASE,
)


def read(sentence: str, findings: Findings) -> CheckedSentence | None:
    """The verdict on a sentence that gives codes; None where it names no code system."""
    named = {_system(match[0]) for match in _SYSTEM.finditer(sentence)}
    if not named:
        return None
    rest = _SYSTEM.sub(" ", sentence)
    values = _VALUE.findall(rest)
    rest = _VALUE.sub(" ", rest)
    owners = [(words, codes) for words, codes in _owners(findings) if _has(words, rest)]
    owner = max(owners, key=lambda one: len(one[0]), default=None)  # "left Insular Cortex" before "Insular Cortex"
    if len(named) != 1 or not values or owner is None:
        return unsupported(sentence, "Which code of which system is given to what cannot be told.")
    words, codes = owner
    rest = _without(words, rest)
    (system,) = named
    own = [code for code in codes if SYSTEMS[code.scheme] == system]
    for code in own:
        if code.value in values:
            rest = _without(code.meaning, rest)
    if not _BESIDE.fullmatch(rest):
        return unsupported(sentence, "Beside the code it says what cannot be checked against the findings.")
    if not own:
        return unsupported(sentence, f"The findings hold no {system} code of {words}.")
    holds = set(values) <= {code.value for code in own}
    claim = CheckedClaim(kind="code", text=sentence, holds=holds)
    if holds:
        reason = "The findings hold everything that it claims."
    else:
        right = ", ".join(f"{code.value} ({code.meaning})" for code in own)
        reason = f"The findings have other {system} codes of {words}: {right}."
    return CheckedSentence(
        text=sentence, verdict="supported" if holds else "contradicted", reason=reason, claims=(claim,)
    )


def _system(words: str) -> str:
    return next(name for short, name in _NAMES.items() if short.lower() == words.lower())


def _owners(findings: Findings) -> Iterator[tuple[str, tuple[Code, ...]]]:
    """What has codes or could have them, by its names; a region with its side, and without it where all of that name share them."""
    if label := findings.prediction.label:
        yield class_name(label), findings.prediction.codes
        yield "the suggested class", findings.prediction.codes
    for mask in (*findings.lesions, *findings.saliency):
        for row in mask.regions:
            if row.side:
                yield f"{row.side} {row.name}", row.codes
            yield row.name, row.codes


def _has(words: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", text, re.IGNORECASE) is not None


def _without(words: str, text: str) -> str:
    return re.sub(rf"\b{re.escape(words)}\b", " ", text, flags=re.IGNORECASE)
