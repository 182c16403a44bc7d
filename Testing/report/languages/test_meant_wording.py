"""What a reader would take otherwise than it is meant is said so that it cannot be, in every language, and the check knows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich_cases import findings_of
from XAIReportLib.models.series import NO_LESION_WITHOUT_AGENT, NOT_DETECTED
from XAIReportLib.report import content, narrative
from XAIReportLib.report.findings import Findings
from XAIReportLib.report.grounding.translated import checker_of
from XAIReportLib.report.languages import language
from XAIReportLib.results import NAMED_BUT_NOT_DETECTED, WITHOUT_CONTRAST_AGENT
from XAIReportLib.scene.segments import lesion_name

LANGUAGES = ("en", "fr", "de", "es")


def changed(name: str, **parts: dict) -> Findings:
    """The findings of a case with keys of its parts set otherwise; a part that is no mapping is replaced."""
    document = findings_of(name).model_dump(mode="json")
    for part, values in parts.items():
        document[part] = {**(document[part] or {}), **values} if isinstance(values, dict) else values
    return Findings.model_validate(document)


def told(found: Findings, code: str = "en", section: str = "") -> list[str]:
    """The sentences of a section, or all; everyone of them must pass the check."""
    story = narrative.told(found, code)
    assert {sentence.outcome for sentence in story.sentences} == {"supported"}, [
        (s.text, s.why) for s in story.sentences if s.outcome != "supported"
    ]
    return [s.text for s in story.sentences if s.section == (section or s.section)]


def shown(found: Findings, code: str = "en", pictures: tuple[str, ...] = ()) -> content.Content:
    figures = [Path(f"{name}.png") for name in pictures]
    return content.content_of(found, narrative.told(found, code), figures, {})


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


# --- what a reader removed ------------------------------------------------------------------------------------------------

REMOVED = {
    "en": ("none", "all outlines of the model (4.50 ml) were removed by the reader"),
    "fr": ("aucune", "tous les contours du modèle (4,50 ml) ont été supprimés par le lecteur"),
    "de": ("keine", "alle Konturen des Modells (4,50 ml) wurden vom Befunder entfernt"),
    "es": ("ninguna", "el lector suprimió todos los contornos del modelo (4,50 ml)"),
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_outlines_that_the_reader_removed_are_not_said_not_to_have_been_found(code):
    total = {"count": 1, "voxels": 4500, "volume_ml": 4.5}
    saliency = [mask | {"dice_with_lesion": None} for mask in findings_of("left glioma").model_dump()["saliency"]]
    found = changed(
        "left glioma", lesions=[], lesion_total={"count": 0, "voxels": 0, "volume_ml": 0.0}, saliency=saliency,
        reader_edit={"changed": [], "removed": ["lesion-1"], "model_total": total},
    )  # fmt: skip
    facts = {label: (value, plain(covers)) for label, value, covers in shown(found, code).facts}
    assert facts[language(code).label("Segmented abnormality")] == REMOVED[code]
    told(found, code)


# --- a class set of one where nothing is suggested ------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_class_is_not_said_to_be_the_only_one_left_where_none_is_suggested(code):
    reason = "The axial, coronal and sagittal slices speak for different classes, so no class is suggested."
    alone = {"outcome": "abstained", "label": None, "reason": reason, "class_set": ["glioma"]}
    found = changed("left glioma", prediction=alone)
    only = language(code).said("Glioma is the only class that cannot be set aside.")
    assert only in told(findings_of("left glioma"), code)
    assert only not in told(found, code)
    assert checker_of(found, code).sentence(only).verdict == "supported"  # in a report of before


# --- a series that the model was not made for -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_series_without_enhancement_is_announced_before_anything_else_and_once(code):
    without = {"outcome": "abstained", "label": None, "reason": NOT_DETECTED}
    found = changed("left glioma", prediction=without, warnings=["Low signal.", WITHOUT_CONTRAST_AGENT])
    said = language(code).said(NOT_DETECTED)
    assert told(found, code)[0] == said
    assert sum(said in text for text in told(found, code)) == 1
    document = shown(found, code)
    agent = language(code).said(f"Warning: {WITHOUT_CONTRAST_AGENT}")
    assert [plain(statement.text) for statement in document.banner] == [said, agent]
    assert len(document.warnings) == 1


@pytest.mark.parametrize("warning", [WITHOUT_CONTRAST_AGENT, NAMED_BUT_NOT_DETECTED, NO_LESION_WITHOUT_AGENT])
def test_a_warning_on_the_contrast_agent_stands_before_the_others(warning):
    found = changed("left glioma", warnings=["Low signal.", warning])
    assert told(found)[:2] == [f"Warning: {warning}", "Warning: Low signal."]
    assert [statement.text for statement in shown(found).banner] == [f"Warning: {warning}"]
    assert [statement.text for statement in shown(found).warnings] == ["Warning: Low signal."]


# --- the series in brackets -----------------------------------------------------------------------------------------------

UNKNOWN_SERIES = {
    "forced": {"image": {"forced": True}},
    "another modality": {"image": {"modality": "CT"}},
    "no agent named": {"warnings": [WITHOUT_CONTRAST_AGENT]},
    "agent not seen": {"warnings": [NAMED_BUT_NOT_DETECTED]},
}


@pytest.mark.parametrize("why", UNKNOWN_SERIES)
@pytest.mark.parametrize("code", LANGUAGES)
def test_a_series_that_is_not_known_is_not_named(code, why):
    found = changed("left glioma", **UNKNOWN_SERIES[why])
    assert language(code).said("One segmented abnormality.") in told(found, code, "findings")
    titles = [table.title for table in shown(found, code).tables]
    assert language(code).label("Segmented abnormalities") in titles
    assert lesion_name(1, found.model_dump(mode="json")) == "Segmented abnormality 1"
    known = findings_of("left glioma")
    assert language(code).said("One segmented abnormality (T1 post-contrast).") in told(known, code, "findings")
    assert lesion_name(1, known.model_dump(mode="json")) == "Segmented abnormality 1 (T1 post-contrast)"
