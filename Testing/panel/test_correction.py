"""The reader edits the outline as Slicer's Segment Editor does; the real worker measures, the panel says so."""

from __future__ import annotations

import json

import pytest
from hands import edit_outline
from phantom_case import analysed_phantom
from PySide6 import QtWidgets
from scipy import ndimage

pytestmark = pytest.mark.usefixtures("a_host")


def labels_of(table: QtWidgets.QTableWidget, column: int) -> list[str]:
    return [table.item(line, column).text() for line in range(table.rowCount())]


def test_everything_that_rests_on_the_outline_follows_the_edit(a_review, a_case, wait_until, a_host):
    ui, case, analysed = a_review.ui, a_review.panel.shown.case, analysed_phantom()
    bigger = ndimage.binary_dilation(analysed.prediction.lesion_labels == 1, iterations=2)
    bigger &= analysed.prediction.lesion_labels != 2
    rows = ui.regionsTable.rowCount()
    ui.correctButton.click()
    assert a_host.selected == ["SegmentEditor"]
    editor = a_host.scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert editor.GetSegmentationNode() is case.segmentation
    assert editor.GetSelectedSegmentID() == "lesion-1"
    edit_outline(a_review, "lesion-1", bigger)
    wait_until(lambda: "edited by the reader" in ui.narrativeText.toPlainText(), 150)
    volume = bigger.sum() * analysed.case.voxel_ml
    assert f"Segmented abnormality 1 (edited by the reader): {volume:.2f} ml" in ui.narrativeText.toPlainText()
    assert ui.correctionLabel.text() == "Edited by the reader."
    assert ui.regionsTable.rowCount() >= rows - 4
    cells = zip(labels_of(ui.regionsTable, 0), labels_of(ui.regionsTable, 3), strict=True)
    shares = [float(share) for mask, share in cells if mask == "Abnormality 1"]
    assert sum(shares) == pytest.approx(100)
    columns = case.regions.GetTable()
    written = [columns.GetColumnByName("overlap_ml").GetValue(row) for row in range(columns.GetNumberOfRows())]
    assert sum(written[: len(shares)]) == pytest.approx(volume, abs=0.05)
    assert case.segmentation.GetAttribute("XAIReport.EditedByReader") == "lesion-1"
    assert case.segmentation.GetSegmentation().GetSegment("lesion-1").GetName().endswith("edited by the reader")
    assert "edited by the reader" in case.texts["report.txt"].GetText()
    assert "reader_edit" in case.document("findings.json")
    assert json.loads((a_case / "findings.json").read_text("utf-8"))["reader_edit"] is None
    assert not ui.errorFrame.isVisible()


def test_the_corrected_report_is_signed_and_exported(a_review, a_case, wait_until, choose_folder, tmp_path):
    ui, analysed = a_review.ui, analysed_phantom()
    edit_outline(a_review, "lesion-1", ndimage.binary_dilation(analysed.prediction.lesion_labels == 1))
    wait_until(lambda: "edited by the reader" in ui.narrativeText.toPlainText(), 150)
    ui.reviewerEdit.setText("Ada Reader")
    ui.reviewButton.click()
    wait_until(lambda: ui.reviewLabel.text().startswith("Reviewed by Ada Reader"), 150)
    assert "with the outline corrected by the reader" in ui.reviewLabel.text()
    shown = a_review.panel.shown.case.texts["findings.json"].GetText()
    assert (a_case / "corrected" / "findings.json").read_text("utf-8") == shown
    assert json.loads((a_case / "review.json").read_text("utf-8"))["corrected"] is True
    (tmp_path / "out").mkdir()
    choose_folder(tmp_path / "out")
    ui.exportButton.click()
    wait_until(lambda: ui.folderLabel.text().startswith("Exported to"), 150)
    exported = tmp_path / "out" / "phantom-7f3a-report"
    assert "edited by the reader" in (exported / "report.html").read_text("utf-8")
    assert (exported / "review.json").is_file()


def test_the_live_percentile_is_no_edit_of_the_outline(a_review, wait_until):
    wait_until(a_review.ui.percentileSlider.isEnabled)
    a_review.ui.percentileSlider.setValue(90.0)
    assert not a_review.panel.shown.correction.isPending


def test_an_edit_that_cannot_be_measured_is_an_error_and_is_said_to_be_missing(review, a_case, a_worker, wait_until):
    widget = review(
        a_case, a_worker('tell("error", id, message="The disk is full.", details="", kind="internal")\nask()\n')
    )
    before = widget.ui.narrativeText.toPlainText()
    edit_outline(widget, "lesion-1", analysed_phantom().prediction.lesion_labels == 2)
    wait_until(widget.ui.errorFrame.isVisible)
    assert widget.ui.errorLabel.text() == "The disk is full."
    assert widget.ui.correctionLabel.text() == "The edit is not in the findings."
    assert widget.ui.narrativeText.toPlainText() == before
