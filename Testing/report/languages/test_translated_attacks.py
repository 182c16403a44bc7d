"""Sentences of other languages that were once called supported and are not held."""

from __future__ import annotations

import pytest
from measured import findings_of
from XAIReportLib.report.grounding.translated import checker_of

HELD = {
    "de": "Der Vorschlag des Modells lautet Gliom, mit einem Modell-Score von 0,89.",
    "fr": "La proposition du modèle est gliome, avec un score du modèle de 0,89.",
}
FALSE = [
    (
        "left glioma", "de",
        "Von der segmentierten Auffälligkeit 1 liegen 22,4 % außerhalb der benannten Regionen (außerhalb des Gehirns, "
        "benachbart: Hippocampus links, 3,4 mm).",
    ),
    ("left glioma", "fr", "La proposition du modèle est != glioma, avec un score du modèle de 0,89."),
    ("left glioma", "es", "La sugerencia del modelo es against glioma, con una puntuación del modelo de 0,89."),
    ("left glioma", "es", "La sugerencia del modelo es as opposed to glioma, con una puntuación del modelo de 0,89."),
    (
        "left glioma", "fr",
        "Une anomalie segmentée a été trouvée, et le score du modèle le plus élevé est celui de la classe ≠ glioma.",
    ),
    ("left glioma", "de", "Warnhinweis: siehe die Liste der Warnhinweise (auf Englisch) in findings.json."),
    ("left glioma", "de", "Ein MRT-Volumen wurde eingelesen (Bilddatei, 60 × 70 × 30 Voxel von 0,94 × 0,94 × 3,00 mm)."),
    (
        "measured glioma", "fr",
        "Déviation de la ligne médiane : Anomalie segmentée 1 : 4,45 ml, du côté gauche du patient (100,0 % de l'anomalie).",
    ),
    ("no lesion", "fr", "La carte montre d'où provient le score, pas pourquoi."),
]  # fmt: skip


@pytest.mark.parametrize(("case", "code", "sentence"), FALSE)
def test_what_the_findings_do_not_hold_is_not_supported(case: str, code: str, sentence: str) -> None:
    assert checker_of(findings_of(case), code).sentence(sentence).verdict != "supported"


@pytest.mark.parametrize("code", HELD)
def test_what_they_hold_is(code: str) -> None:
    assert checker_of(findings_of("left glioma"), code).sentence(HELD[code]).verdict == "supported"
