"""Sentences of other languages that were once called supported and are not held (translated_attacks.txt)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import measured
import pytest
import rich_cases
from XAIReportLib.report.grounding.translated import TranslatedChecker, checker_of

_HEADER = re.compile(r"\[([^]]+)\] \[(fr|de|es)\]")
HELD = {
    "de": "Der Vorschlag des Modells lautet Gliom, mit einem Modell-Score von 0,89.",
    "fr": "La proposition du modèle est gliome, avec un score du modèle de 0,89.",
    "es": "Motivo: Se encontró una anomalía segmentada y la puntuación del modelo más alta es la de la clase glioma.",
}


def attacks() -> Iterator[tuple[str, str, str]]:
    """Case, language and sentence."""
    case = code = ""
    for line in (Path(__file__).parent / "translated_attacks.txt").read_text(encoding="utf-8").splitlines():
        if header := _HEADER.fullmatch(line):
            case, code = header.groups()
        elif line and not line.startswith("#"):
            yield case, code, line


@cache
def checker(case: str, code: str) -> TranslatedChecker:
    cases = measured if case in measured.all_cases() else rich_cases
    return checker_of(cases.findings_of(case), code)


@pytest.mark.parametrize(("case", "code", "sentence"), [*attacks()])
def test_what_the_findings_do_not_hold_is_not_supported(case: str, code: str, sentence: str) -> None:
    assert checker(case, code).sentence(sentence).verdict != "supported"


@pytest.mark.parametrize("code", HELD)
def test_what_they_hold_is(code: str) -> None:
    assert checker("left glioma", code).sentence(HELD[code]).verdict == "supported"


@pytest.mark.parametrize("code", ["fr", "de", "es"])
def test_a_long_list_and_a_deep_quotation_are_refused_at_once(code: str) -> None:
    named = ", ".join(["glioma, gliome, Gliom"] * 2000)
    starts = {"fr": "Le modèle ne connaît que ces classes : ", "de": "Das Modell kennt nur diese Klassen: ",
              "es": "El modelo solo conoce estas clases: "}  # fmt: skip
    assert checker("left glioma", code).sentence(starts[code] + named).verdict == "unsupported"
    deep = {"fr": "Motif : Avertissement : ", "de": "Grund: Warnhinweis: ", "es": "Motivo: Advertencia: "}[code] * 2000
    assert checker("left glioma", code).sentence(f"{deep}x.").verdict == "unsupported"
