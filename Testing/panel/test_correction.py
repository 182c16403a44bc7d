"""The reader edits the outline as Slicer's Segment Editor does; the real worker measures, the panel says so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from engine_results import write_engine_result
from hands import add_outline, click_sentence, edit_outline
from phantom_case import analysed_phantom
from PySide6 import QtWidgets
from scipy import ndimage
from strokes import draw

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


def place_beside() -> np.ndarray:
    """Where neither the model nor anybody else has outlined anything."""
    labels = analysed_phantom().prediction.lesion_labels
    voxels = np.zeros(labels.shape, bool)
    voxels[40:56, 40:60, 18:24] = True
    return voxels & (labels == 0)


def told(widget) -> str:
    return widget.ui.narrativeText.toPlainText()


def numbers_of(case) -> list[str]:
    return sorted(lesion["name"] for lesion in case.document("findings.json")["lesions"])


def test_an_abnormality_that_the_reader_adds_is_measured_and_reported(a_review, a_case, wait_until):
    ui, case, voxels = a_review.ui, a_review.panel.shown.case, place_beside()
    new = add_outline(a_review, voxels)
    wait_until(lambda: "edited by the reader" in told(a_review), 150)
    volume = voxels.sum() * analysed_phantom().case.voxel_ml
    assert "Segmented abnormality 3 was edited by the reader." in told(a_review)
    assert f"Segmented abnormality 3 (edited by the reader): {volume:.2f} ml" in told(a_review)
    assert "3 segmented abnormalities" in told(a_review)
    assert numbers_of(case) == ["lesion-1", "lesion-2", "lesion-3"]
    assert "Abnormality 3" in labels_of(ui.regionsTable, 0)
    assert "Abnormality 3" in [case.points.GetNthControlPointLabel(n) for n in range(3)]
    segment = case.segmentation.GetSegmentation().GetSegment(new)
    assert segment.GetName() == "Segmented abnormality 3 (T1 post-contrast), edited by the reader"
    assert case.segmentation.GetDisplayNode().GetSegmentVisibility(new)
    assert case.segmentation.GetAttribute("XAIReport.EditedByReader") == "lesion-3"
    click_sentence(ui.narrativeText, "Segmented abnormality 3 (edited by the reader):")
    assert not ui.errorFrame.isVisible()
    case.segmentation.GetSegmentation().RemoveSegment(new)
    wait_until(lambda: "edited by the reader" not in told(a_review), 150)
    assert numbers_of(case) == ["lesion-1", "lesion-2"]
    ui.reviewerEdit.setText("Ada Reader")
    add_outline(a_review, voxels)
    wait_until(lambda: "edited by the reader" in told(a_review), 150)
    ui.reviewButton.click()
    wait_until(lambda: ui.reviewLabel.text().startswith("Reviewed by Ada Reader"), 150)
    signed = json.loads((a_case / "corrected" / "findings.json").read_text("utf-8"))
    assert sorted(lesion["name"] for lesion in signed["lesions"]) == ["lesion-1", "lesion-2", "lesion-3"]


def test_what_the_model_missed_can_be_drawn_where_it_found_nothing(review, warm_workers, tmp_path, wait_until):
    analysed = analysed_phantom()
    missed = analysed.prediction.lesion_labels == 1
    nothing = replace(
        analysed.prediction,
        outcome="no_lesion_found",
        label=None,
        scores={},
        class_set=(),
        lesion_labels=np.zeros(missed.shape, np.uint8),
    )
    empty = replace(analysed, prediction=nothing, heatmaps=(), masks=(), geometry={})
    empty = replace(empty, anatomy=replace(empty.anatomy, overlaps=()))
    widget = review(write_engine_result(tmp_path / "results" / "phantom-7f3a", empty), warm_workers)
    ui, case = widget.ui, widget.panel.shown.case
    assert "No lesion found by this model" in ui.narrativeText.toPlainText()
    ui.correctButton.click()
    edit_outline(widget, "lesion-1", missed)
    volume = f"{missed.sum() * analysed.case.voxel_ml:.2f} ml"
    wait_until(lambda: f"(edited by the reader): {volume}" in ui.narrativeText.toPlainText(), 150)
    assert "No lesion found by this model on this series; this does not exclude one." in ui.narrativeText.toPlainText()
    assert set(labels_of(ui.regionsTable, 0)) == {"Abnormality 1"}
    assert case.regions.GetTable().GetNumberOfRows() == ui.regionsTable.rowCount()
    centroid = analysed.case.affine @ [*np.argwhere(missed).mean(axis=0), 1]
    assert case.points.GetNthControlPointPositionWorld(0) == pytest.approx(centroid[:3], abs=0.1)


def test_a_lesion_in_two_pieces_is_measured_in_two(a_review, wait_until):
    case, first = a_review.panel.shown.case, analysed_phantom().prediction.lesion_labels == 1
    front = first & (np.arange(first.shape[1]) < np.argwhere(first)[:, 1].mean())[None, :, None]
    before = case.document("findings.json")["lesion_total"]
    edit_outline(a_review, "lesion-1", front)
    add_outline(a_review, first & ~front)
    wait_until(lambda: "abnormalities 1 and 3 were edited by the reader" in told(a_review), 150)
    found = case.document("findings.json")
    assert found["lesion_total"]["voxels"] == before["voxels"]
    assert {entry["name"]: entry["voxels"] for entry in found["lesions"]}["lesion-3"] == (first & ~front).sum()


def test_a_segment_without_voxels_is_not_yet_one_and_stays_in_sight(a_review, wait_until):
    case = a_review.panel.shown.case
    before = told(a_review)
    begun = case.segmentation.GetSegmentation().AddEmptySegment("")
    assert not a_review.panel.shown.correction.isPending
    edit_outline(a_review, "lesion-1", analysed_phantom().prediction.lesion_labels == 2)
    wait_until(lambda: told(a_review) != before, 150)
    assert numbers_of(case) == ["lesion-1"]
    assert case.segmentation.GetSegmentation().GetSegment(begun).GetName() == "Segment_1"
    assert case.segmentation.GetDisplayNode().GetSegmentVisibility(begun)
    assert not a_review.ui.errorFrame.isVisible()


def test_what_was_added_while_nobody_watched_is_measured_when_the_case_is_shown(a_review, wait_until):
    shown, case = a_review.panel.shown, a_review.panel.shown.case
    shown.correction.show(None)
    new = case.segmentation.GetSegmentation().AddEmptySegment("")
    draw(case, new, place_beside())
    shown.correction.show(case)
    wait_until(lambda: "Segmented abnormality 3 was edited by the reader." in told(a_review), 150)


def test_an_undone_stroke_is_followed_too(a_review, wait_until):
    import slicer

    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(a_review.panel.shown.case.segmentation.GetSegmentation())
    new = a_review.panel.shown.case.segmentation.GetSegmentation().AddEmptySegment("")
    history.SaveState()
    edit_outline(a_review, new, place_beside())
    wait_until(lambda: "edited by the reader" in told(a_review), 150)
    history.RestorePreviousState()
    wait_until(lambda: "edited by the reader" not in told(a_review), 150)


def test_what_cannot_be_measured_of_the_outlines_is_said(a_review, wait_until):
    case, first = a_review.panel.shown.case, analysed_phantom().prediction.lesion_labels == 1
    segmentation = case.segmentation.GetSegmentation()
    for voxels in (first, first | place_beside()):
        new = segmentation.AddEmptySegment("")
        segmentation.SeparateSegmentLabelmap(new)
        draw(case, new, voxels)
    wait_until(lambda: "edited by the reader" in told(a_review), 150)
    assert numbers_of(case) == ["lesion-1", "lesion-2", "lesion-4"]
    assert a_review.ui.correctionLabel.text() == (
        "Edited by the reader. Not in the findings: abnormality 3, which has no voxel of the image that is not in another "
        "outline. Outlines overlap: what abnormality 4 shares with a smaller number is measured with that one."
    )


def test_too_many_abnormalities_are_an_error_and_said_to_be_missing(a_review, wait_until):
    import slicer
    from XAIReportLib.scene.nodes import fill_image

    case, before = a_review.panel.shown.case, told(a_review)
    for number in range(254):
        image, segment = slicer.vtkOrientedImageData(), slicer.vtkSegment()
        fill_image(image, np.ones((1, 1, 1), np.uint8))
        segment.AddRepresentation("Binary labelmap", image)
        assert case.segmentation.GetSegmentation().AddSegment(segment, f"Segment_{number}")
    wait_until(a_review.ui.errorFrame.isVisible)
    assert "at most 255 can be measured" in a_review.ui.errorLabel.text()
    assert a_review.ui.correctionLabel.text() == "The edit is not in the findings."
    assert told(a_review) == before


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
