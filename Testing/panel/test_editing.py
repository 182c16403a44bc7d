"""The reader writes sentences anew: the real worker checks them; what the findings do not hold is never passed off as theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hands import click_sentence, edit_outline
from phantom_case import analysed_phantom
from PySide6 import QtCore  # noqa: F401 - a module that names PySide keeps its own names of properties, here methods
from scipy import ndimage

pytestmark = pytest.mark.usefixtures("a_host")

ORIGINAL = "Segmented abnormality 2:"


def sentence_of(case: Path, start: str) -> str:
    sentences = json.loads((case / "narrative.json").read_text("utf-8"))["sentences"]
    return next(s["text"] for s in sentences if s["text"].startswith(start))


def kept(case: Path) -> list[dict[str, Any]]:
    path = case / "review.json"
    return json.loads(path.read_text("utf-8"))["edits"] if path.is_file() else []


def typed(ui: Any) -> str:
    return ui.sentenceEdit.toPlainText()


def write(ui: Any, start: str, words: str, wait_until: Any) -> None:
    """Choose a sentence, type, keep."""
    click_sentence(ui.narrativeText, start)
    ui.sentenceEdit.setPlainText(words)
    ui.keepWordingButton.click()
    wait_until(lambda: words in ui.narrativeText.toPlainText(), 60)


def true_and_false(case: Path) -> tuple[str, str]:
    """The sentence on abnormality 2 said otherwise, and said falsely."""
    lesion = json.loads((case / "findings.json").read_text("utf-8"))["lesions"][1]
    other = "left" if lesion["side"] == "right" else "right"
    return (
        f"The volume of segmented abnormality 2 is {lesion['volume_ml']:.2f} ml.",
        f"Segmented abnormality 2 lies on the {other} of the patient.",
    )


def test_a_wording_that_is_too_long_is_refused_with_its_remedy_and_stays_in_the_field(a_review, a_case, wait_until):
    ui, words = a_review.ui, "The lesion is on the left and " * 60 + "large."
    click_sentence(ui.narrativeText, ORIGINAL)
    ui.sentenceEdit.setPlainText(words)
    ui.keepWordingButton.click()
    wait_until(ui.errorFrame.isVisible, 60)
    assert ui.errorLabel.text() == "The wording has 1806 characters and is not kept; shorten it to 1500 or fewer."
    assert "It is too long to be read" in ui.verdictLabel.text()
    assert typed(ui) == words
    assert kept(a_case) == []


def test_marks_of_direction_that_were_pasted_are_kept_nowhere(a_review, a_case, wait_until):
    true, _ = true_and_false(a_case)
    click_sentence(a_review.ui.narrativeText, ORIGINAL)
    a_review.ui.sentenceEdit.setPlainText(true.replace(" is ", " \u202eis\u200b "))
    a_review.ui.keepWordingButton.click()
    wait_until(lambda: kept(a_case), 60)
    assert [(edit["text"], edit["outcome"]) for edit in kept(a_case)] == [(true, "supported")]


def test_what_is_typed_is_checked_at_once_and_before_it_is_kept(a_review, a_case, wait_until):
    ui = a_review.ui
    true, false = true_and_false(a_case)
    click_sentence(ui.narrativeText, ORIGINAL)
    assert typed(ui) == sentence_of(a_case, ORIGINAL)
    assert ui.verdictLabel.text() == "✓ Supported by the findings."
    assert not ui.keepWordingButton.isEnabled()
    for words, verdict in (
        (true, "✓ Supported by the findings."),
        (false, "✗ Contradicted by the findings. The findings say otherwise"),
        ("The weather is fine.", "? Not in the findings."),
    ):
        ui.sentenceEdit.setPlainText(words)
        assert ui.verdictLabel.text() == "Checking against the findings…"
        wait_until(lambda expected=verdict: ui.verdictLabel.text().startswith(expected), 60)
    assert kept(a_case) == []
    ui.undoWordingButton.click()
    assert typed(ui) == sentence_of(a_case, ORIGINAL)


def test_a_contradicted_wording_is_kept_and_marked_and_never_exported_as_the_reports(
    a_review, a_case, wait_until, choose_folder, tmp_path
):
    ui = a_review.ui
    true, false = true_and_false(a_case)
    write(ui, ORIGINAL, false, wait_until)
    write(ui, "The image was registered", true, wait_until)
    assert f"{false} ✗ edited by the reader, contradicted by the findings" in ui.narrativeText.toPlainText()
    assert f"{true} ✓ edited by the reader, supported" in ui.narrativeText.toPlainText()
    assert [(e["text"], e["outcome"]) for e in kept(a_case)] == [(false, "contradicted"), (true, "supported")]
    ui.copyButton.click()
    quoted = f"Reader's wording, contradicted by the findings: “{false}”"
    assert f"{sentence_of(a_case, ORIGINAL)}\n{quoted}" in a_review.panel.shown.report.plainText()
    (tmp_path / "out").mkdir()
    choose_folder(tmp_path / "out")
    ui.exportButton.click()
    wait_until(lambda: ui.folderLabel.text().startswith("Exported to"), 60)
    exported = tmp_path / "out" / "phantom-7f3a-report"
    narrative = json.loads((exported / "narrative.json").read_text("utf-8"))["sentences"]
    outcomes = {s["text"]: s["outcome"] for s in narrative}
    assert outcomes[quoted] == "contradicted"
    assert outcomes[sentence_of(a_case, ORIGINAL)] == "supported"
    assert outcomes[f"{true} (edited by the reader)"] == "supported"
    assert not any(false in text and outcome == "supported" for text, outcome in outcomes.items())
    text = " ".join((exported / "report.txt").read_text("utf-8").replace("\u00a0", " ").split())
    assert quoted in text
    assert false not in text.replace(quoted, "")
    assert len(json.loads((exported / "review.json").read_text("utf-8"))["edits"]) == 2
    assert json.loads((a_case / "narrative.json").read_text("utf-8"))["sentences"][0]["outcome"] == "supported"


def test_undo_brings_the_reports_sentence_back(a_review, a_case, wait_until):
    ui = a_review.ui
    true, _ = true_and_false(a_case)
    before = ui.narrativeText.toPlainText()
    write(ui, ORIGINAL, true, wait_until)
    ui.undoWordingButton.click()
    assert ui.narrativeText.toPlainText() == before
    assert typed(ui) == sentence_of(a_case, ORIGINAL)
    assert kept(a_case) == []


def test_every_sentence_can_be_edited(a_review, a_case, wait_until):
    shown = a_review.panel.shown
    sentences = json.loads((a_case / "narrative.json").read_text("utf-8"))["sentences"]
    for index, sentence in enumerate(sentences):
        shown.report._choose(index)
        assert typed(a_review.ui) == sentence["text"]
        a_review.ui.sentenceEdit.setPlainText(f"Words {'and words ' * index}of my own.")
        a_review.ui.keepWordingButton.click()
        wait_until(lambda i=index: len(kept(a_case)) == i + 1, 60)
    assert a_review.ui.narrativeText.toPlainText().count("edited by the reader, not in the findings") == len(sentences)


def test_wording_is_there_again_when_the_case_is_opened_again_and_a_signature_does_not_cover_later_edits(
    a_review, a_case, wait_until
):
    ui = a_review.ui
    true, false = true_and_false(a_case)
    write(ui, ORIGINAL, true, wait_until)
    ui.reviewerEdit.setText("Ada Reader")
    ui.reviewButton.click()
    wait_until(lambda: ui.reviewLabel.text().startswith("Reviewed by Ada Reader"), 60)
    a_review.logic.openResult(a_case, a_review.panel, replace=True)
    wait_until(lambda: not a_review.logic.isOpening)
    assert f"{true} ✓ edited by the reader, supported" in ui.narrativeText.toPlainText()
    assert ui.reviewLabel.text().startswith("Reviewed by Ada Reader")
    write(ui, "The image was registered", false, wait_until)
    assert "these are not reviewed" in ui.reviewLabel.text()


def test_a_wording_is_checked_again_when_the_outline_is_corrected(a_review, a_case, wait_until):
    """What was true of the model's outline may be false of the reader's."""
    ui = a_review.ui
    analysed = analysed_phantom()
    volume = (analysed.prediction.lesion_labels == 1).sum() * analysed.case.voxel_ml
    words = f"The volume of segmented abnormality 1 is {volume:.2f} ml."
    write(ui, "The image was registered", words, wait_until)
    assert f"{words} ✓ edited by the reader, supported" in ui.narrativeText.toPlainText()
    write(ui, "Segmented abnormality 1:", f"{words} It is on the left of the patient.", wait_until)
    bigger = ndimage.binary_dilation(analysed.prediction.lesion_labels == 1, iterations=2)
    edit_outline(a_review, "lesion-1", bigger & (analysed.prediction.lesion_labels != 2))
    wait_until(lambda: f"{words} ✗ edited by the reader, contradicted" in ui.narrativeText.toPlainText(), 60)
    assert "1 edited sentences are not shown" in ui.reviewLabel.text()
    assert len(kept(a_case)) == 2


def test_without_the_check_nothing_is_kept_and_what_was_typed_stays(review, a_case, a_worker, wait_until):
    failing = a_worker('tell("error", id, message="No memory.", details="", kind="internal")\nask()\n')
    ui = review(a_case, failing).ui
    click_sentence(ui.narrativeText, ORIGINAL)
    ui.sentenceEdit.setPlainText("In my words.")
    ui.keepWordingButton.click()
    wait_until(lambda: ui.verdictLabel.text() == "Not checked, and not kept: No memory.")
    assert typed(ui) == "In my words."
    assert kept(a_case) == []
    assert ui.keepWordingButton.isEnabled()


def test_a_sentence_is_checked_while_another_case_is_analyzed(review, a_case, a_volume, a_worker, wait_until):
    body = """
if request["type"] == "check":
    tell("result", id, checked=[{"outcome": "unsupported", "why": "It is about the weather."}])
ask()
"""
    widget = review(a_case, a_worker(body))
    ui = widget.ui
    ui.volumeSelector.setCurrentNode(a_volume)
    ui.analyzeButton.click()
    click_sentence(ui.narrativeText, ORIGINAL)
    ui.sentenceEdit.setPlainText("The weather is fine.")
    wait_until(lambda: ui.verdictLabel.text() == "? Not in the findings. It is about the weather.")
    assert widget.logic.isRunning
