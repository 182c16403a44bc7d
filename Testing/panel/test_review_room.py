"""The review of a result: what is said, what is shown, and what leads from the one to the other, by real clicks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from engine_results import centre_ras, write_engine_result
from hands import choose, click_row, click_sentence
from phantom_case import analysed_phantom
from PySide6 import QtCore, QtGui, QtTest, QtWidgets
from XAIReportLib.models.series import NOT_DETECTED

pytestmark = pytest.mark.usefixtures("a_host")


def case_of(widget: Any) -> Any:
    return widget.panel.shown.case


def line_of(table: QtWidgets.QTableWidget, *texts: str) -> int:
    """The row that has all of these cells."""
    rows = [[table.item(line, c).text() for c in range(table.columnCount())] for line in range(table.rowCount())]
    return next(line for line, cells in enumerate(rows) if set(texts) <= set(cells))


def slices_at(scene: Any) -> np.ndarray:
    """Where the three slice views cross, RAS millimetres."""
    place = np.zeros(3)
    for name, axis in (("Red", 2), ("Yellow", 0), ("Green", 1)):
        place[axis] = scene.GetNodeByID(f"vtkMRMLSliceNode{name}").GetSliceToRAS().GetElement(axis, 3)
    return place


def layers(scene: Any) -> Any:
    return scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")


def test_the_prediction_is_said_in_words_with_bars_and_warnings_on_top(a_review):
    ui = a_review.ui
    assert ui.outcomeLabel.text().startswith("The model's suggestion is glioma")
    assert "Slices are three millimetres thick" in ui.warningsLabel.text()
    assert ui.warningsFrame.isVisible()
    bars = ui.scoresWidget.findChildren(QtWidgets.QProgressBar)
    assert [bar.value() for bar in bars] == [891, 83, 26]
    assert "cannot be set aside" in ui.confidenceLabel.text()
    assert "entropy" in ui.confidenceLabel.text()
    assert ui.warningsFrame.mapTo(a_review.parent, QtCore.QPoint()).y() < (
        ui.outcomeLabel.mapTo(a_review.parent, QtCore.QPoint()).y()
    )


def test_research_use_stays_in_view_when_the_panel_is_scrolled(a_review):
    ui = a_review.ui
    bar = ui.scrollArea.verticalScrollBar()
    assert bar.maximum() > 0
    bar.setValue(bar.maximum())
    place = ui.researchUseLabel.mapTo(a_review.parent, QtCore.QPoint())
    assert a_review.parent.rect().contains(place)
    assert not ui.researchUseLabel.visibleRegion().isEmpty()


def test_the_device_that_was_used_is_said_with_its_reason(a_review):
    assert "CPU: PyTorch was built without CUDA" in a_review.ui.deviceReasonLabel.text()


def test_another_heat_map_lies_over_the_image_with_its_legend_and_its_mask(a_review, a_host):
    import slicer

    ui, case = a_review.ui, case_of(a_review)
    choose(ui.heatMapSelector, "ScoreCAM for glioma")
    assert layers(a_host.scene).GetForegroundVolumeID() == case.heatmaps["scorecam"].GetID()
    legends = {m: slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node) for m, node in case.heatmaps.items()}
    assert {method: bool(legend.GetVisibility()) for method, legend in legends.items()} == {
        "gradcam++": False,
        "scorecam": True,
    }
    display = case.segmentation.GetDisplayNode()
    assert display.GetSegmentVisibility("scorecam")
    assert not display.GetSegmentVisibility("gradcam++")
    assert "ScoreCAM for glioma" in ui.evidenceLabel.text()
    choose(ui.heatMapSelector, "none")
    assert layers(a_host.scene).GetForegroundVolumeID() is None


def test_opacity_outlines_atlas_and_legend_follow_their_controls(a_review, a_host):
    ui, case = a_review.ui, case_of(a_review)
    ui.opacitySlider.setValue(0.2)
    assert layers(a_host.scene).GetForegroundOpacity() == pytest.approx(0.2)
    display = case.segmentation.GetDisplayNode()
    ui.showLesionCheckBox.click()
    ui.showMaskCheckBox.click()
    assert not display.GetSegmentVisibility("lesion-1")
    assert not display.GetSegmentVisibility("gradcam++")
    assert layers(a_host.scene).GetLabelVolumeID() is None
    ui.showAtlasCheckBox.click()
    assert layers(a_host.scene).GetLabelVolumeID() == case.atlas.GetID()


def test_the_percentile_is_cut_live_and_the_mask_of_the_report_stays(a_review):
    from XAIReportLib.scene.segments import segment_voxels

    ui, case, analysed = a_review.ui, case_of(a_review), analysed_phantom()
    before = segment_voxels(case.segmentation, "gradcam++", case.volume)
    for percentile in (90.0, 99.0):
        ui.percentileSlider.setValue(percentile)
        heat = np.transpose(analysed.heatmaps[0].values)
        head = np.transpose(analysed.case.head)
        inside = segment_voxels(case.segmentation, "gradcam++-reader", case.volume)
        assert not (inside & ~head).any()
        assert inside.sum() == pytest.approx(head.sum() * (100 - percentile) / 100, rel=0.05)
        assert heat[inside].min() >= heat[head & ~inside].max()
        assert f"Set by the reader: percentile {percentile:.1f}" in ui.percentileStateLabel.text()
    np.testing.assert_array_equal(segment_voxels(case.segmentation, "gradcam++", case.volume), before)
    display = case.segmentation.GetDisplayNode()
    assert display.GetSegmentVisibility("gradcam++-reader")
    assert not display.GetSegmentVisibility("gradcam++")
    ui.percentileResetButton.click()
    assert case.segmentation.GetSegmentation().GetSegment("gradcam++-reader") is None
    assert display.GetSegmentVisibility("gradcam++")
    assert ui.percentileStateLabel.text().startswith("Mask of the report: percentile 97.5")


def test_the_region_under_the_cursor_is_named(a_review, a_host):
    ui, analysed = a_review.ui, analysed_phantom()
    cursor = a_host.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    i, j, k = np.argwhere(analysed.anatomy.labels == 1)[50]
    cursor.SetCursorPositionRAS((analysed.case.affine @ [i, j, k, 1])[:3])
    assert ui.cursorLabel.text() == "Left Frontal Pole"
    cursor.SetCursorPositionRAS((500, 500, 500))
    assert ui.cursorLabel.text() == "–"


def test_a_click_on_a_region_leads_all_views_there_and_marks_it(a_review, a_host):
    ui, case, analysed = a_review.ui, case_of(a_review), analysed_phantom()
    region = "right Inferior Temporal Gyrus, temporooccipital part"
    click_row(ui.regionsTable, line_of(ui.regionsTable, "Abnormality 2", region))
    there = (analysed.prediction.lesion_labels == 2) & (analysed.anatomy.labels == 3)
    np.testing.assert_allclose(slices_at(a_host.scene), centre_ras(analysed, there), atol=3.0)
    i, j, k = np.rint(np.linalg.inv(analysed.case.affine) @ [*slices_at(a_host.scene), 1])[:3].astype(int)
    assert there[i, j, k]
    assert layers(a_host.scene).GetLabelVolumeID() == case.atlas.GetID()
    colors = case.atlas.GetDisplayNode().GetColorNode()
    alphas = [colors.GetLookupTable().GetTableValue(label)[3] for label in (1, 2, 3, 4)]
    assert alphas == [0, 0, 1, 0]


def test_the_table_sorts_by_number_when_its_header_is_clicked(a_review):
    table = a_review.ui.regionsTable
    header = table.horizontalHeader()
    place = QtCore.QPoint(header.sectionViewportPosition(3) + 5, header.height() // 2)
    columns = []
    for _ in range(2):
        QtTest.QTest.mouseClick(header.viewport(), QtCore.Qt.LeftButton, pos=place)
        columns.append([float(table.item(line, 3).text()) for line in range(table.rowCount())])
    assert columns[0] == sorted(columns[0]) or columns[0] == sorted(columns[0], reverse=True)
    assert columns[1] == columns[0][::-1]


def test_a_click_on_a_sentence_shows_its_evidence(a_review, a_host):
    ui, case, analysed = a_review.ui, case_of(a_review), analysed_phantom()
    click_sentence(ui.narrativeText, "Segmented abnormality 2:")
    np.testing.assert_allclose(
        slices_at(a_host.scene), centre_ras(analysed, analysed.prediction.lesion_labels == 2), atol=2.0
    )
    assert "lesions/1/volume_ml = " in ui.restsOnLabel.text()
    click_sentence(ui.narrativeText, "ScoreCAM for glioma")
    assert layers(a_host.scene).GetForegroundVolumeID() == case.heatmaps["scorecam"].GetID()
    np.testing.assert_allclose(slices_at(a_host.scene), (-22, 15, 8), atol=3.0)
    click_sentence(ui.narrativeText, "Segmented abnormality 1 projects onto")
    (row,) = {item.row() for item in ui.regionsTable.selectedItems()}
    assert ui.regionsTable.item(row, 0).text() == "Abnormality 1"
    assert layers(a_host.scene).GetLabelVolumeID() == case.atlas.GetID()
    click_sentence(ui.narrativeText, "The image was registered")
    assert ui.showAtlasCheckBox.isChecked()


def test_copy_puts_the_sentences_on_the_clipboard(a_review):
    a_review.ui.copyButton.click()
    text = QtGui.QGuiApplication.clipboard().text()
    assert "Research use only. Not for diagnosis." in text
    assert "Segmented abnormality 1:" in text


def test_export_copies_the_documents(a_review, a_case, tmp_path, choose_folder):
    (tmp_path / "out").mkdir()
    choose_folder(tmp_path / "out")
    a_review.ui.exportButton.click()
    a_review.ui.exportButton.click()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["phantom-7f3a-report", "phantom-7f3a-report-2"]
    for name in ("report.html", "report.pdf", "findings.json"):
        copied = tmp_path / "out" / "phantom-7f3a-report" / name
        assert copied.read_bytes() == (a_case / name).read_bytes()


def test_a_review_is_signed_with_name_and_time_and_holds_for_these_findings_only(a_review, a_case):
    ui = a_review.ui
    assert ui.reviewLabel.text() == "Not reviewed yet."
    assert not ui.reviewButton.isEnabled()
    ui.reviewerEdit.setText("  Dr. Ada  Reader ")
    ui.reviewButton.click()
    assert ui.reviewLabel.text().startswith("Reviewed by Dr. Ada Reader, 20")
    review = json.loads((a_case / "review.json").read_text("utf-8"))
    assert review["reviewer"] == "Dr. Ada Reader"
    case_of(a_review).texts["findings.json"].SetText('{"case_id": "phantom-7f3a"}')
    a_review.panel.shown.show(case_of(a_review))
    assert "these are not reviewed" in ui.reviewLabel.text()


def test_a_class_withheld_for_want_of_contrast_says_what_the_reader_can_do(a_review):
    node = case_of(a_review).texts["findings.json"]
    findings = json.loads(node.GetText())
    assert "tick" not in a_review.ui.reasonLabel.text()
    findings["prediction"] |= {"outcome": "abstained", "label": None, "reason": NOT_DETECTED}
    node.SetText(json.dumps(findings))
    a_review.panel.shown.show(case_of(a_review))
    box = a_review.ui.contrastAgentCheckBox.text()
    assert f"If contrast agent was given, tick “{box}”" in a_review.ui.reasonLabel.text()
    assert a_review.ui.reasonLabel.isVisible()


def test_an_opened_scene_fills_the_panel_again(a_review, a_host, tmp_path, wait_until):
    ui = a_review.ui
    ui.percentileSlider.setValue(92.0)
    ui.opacitySlider.setValue(0.3)
    choose(ui.heatMapSelector, "ScoreCAM for glioma")
    sentences = ui.narrativeText.toPlainText()
    bundle = tmp_path / "saved.mrb"
    assert a_host.scene.WriteToMRB(str(bundle), None, None)
    a_host.scene.Clear(False)
    assert ui.narrativeText.toPlainText() == ""
    assert ui.outcomeLabel.text() == "No result is shown yet."
    assert a_host.scene.ReadFromMRB(str(bundle), True, None)
    wait_until(ui.percentileSlider.isEnabled)
    assert ui.narrativeText.toPlainText() == sentences
    assert ui.heatMapSelector.currentText() == "ScoreCAM for glioma"
    assert ui.opacitySlider.value == pytest.approx(0.3)
    assert ui.regionsTable.rowCount() > 0
    choose(ui.heatMapSelector, "Grad-CAM++ for glioma")
    wait_until(ui.percentileSlider.isEnabled)
    assert ui.percentileSlider.value == pytest.approx(92.0)
    assert not ui.errorFrame.isVisible()


@pytest.mark.parametrize("keep", [False, True])
def test_a_result_that_is_opened_again_replaces_the_earlier_one_or_stands_beside_it(a_review, a_host, wait_until, keep):
    from XAIReportLib.scene.cases import cases_in

    count = a_host.scene.GetNumberOfNodes()
    if keep:
        a_review.ui.keepCheckBox.click()
    a_review.ui.loadResultButton.click()
    wait_until(lambda: not a_review.logic.isOpening)
    assert len(cases_in(a_host.scene)) == (2 if keep else 1)
    assert a_review.ui.resultSelector.currentNode() is cases_in(a_host.scene)[-1].volume
    if not keep:
        assert a_host.scene.GetNumberOfNodes() == count
        return
    earlier = cases_in(a_host.scene)[0].volume
    a_review.ui.resultSelector.setCurrentNode(earlier)
    assert case_of(a_review).volume is earlier


def test_what_a_later_version_adds_or_leaves_out_does_no_harm(review, a_case):
    for name, change in (("findings.json", {"later": {"deep": [1, {"x": None}]}}), ("narrative.json", {"later": 1})):
        document = json.loads((a_case / name).read_text("utf-8")) | change
        if name == "narrative.json":
            document["sentences"].append(
                {"text": "Something new.", "section": "later_section", "evidence": ["/later/deep/9"]}
            )
        else:
            document["saliency"][0].pop("percentile")
            document["prediction"].pop("class_set")
        (a_case / name).write_text(json.dumps(document), "utf-8")
    widget = review(a_case)
    ui = widget.ui
    assert not ui.errorFrame.isVisible()
    assert "Later section" in ui.narrativeText.toPlainText()
    click_sentence(ui.narrativeText, "Something new.")
    assert not ui.percentileSlider.isEnabled()


def test_what_a_document_says_is_shown_as_text_whatever_marks_it_holds(review, a_case):
    mark = '<img src="file:///picture.png"><h1>Normal &amp; well.</h1>'
    findings, narrative = (json.loads((a_case / f"{n}.json").read_text("utf-8")) for n in ("findings", "narrative"))
    for sentence in narrative["sentences"]:
        sentence["text"] = mark
    findings["lesions"][0]["regions"][0]["name"] = mark
    marked = json.dumps(findings).replace('"glioma"', json.dumps(mark))
    (a_case / "findings.json").write_text(marked, "utf-8")
    (a_case / "narrative.json").write_text(json.dumps(narrative), "utf-8")
    widget = review(a_case)
    ui = widget.ui
    click_sentence(ui.narrativeText, mark)
    labels = [label for label in widget.parent.findChildren(QtWidgets.QLabel) if "<" in label.text()]
    drawn = {label.objectName() for label in labels if label.textFormat() != QtCore.Qt.PlainText}
    assert drawn <= {"checksLabel", "changesLabel"}  # tables of their own, with what they hold escaped
    assert {"outcomeLabel", "reasonLabel", "confidenceLabel", "warningsLabel"} <= {
        label.objectName() for label in labels
    }
    assert any(label.text() == mark for label in ui.scoresWidget.findChildren(QtWidgets.QLabel))
    items = [ui.regionsTable.item(row, 1) for row in range(ui.regionsTable.rowCount())]
    tips = {QtGui.QTextDocumentFragment.fromHtml(i.toolTip()).toPlainText() for i in items if mark in i.text()}
    assert len(tips) == 1
    assert mark in tips.pop()


def test_a_clinical_record_of_the_result_is_in_the_scene_with_its_provenance(review, a_case):
    from XAIReportLib.clinical import csv_text, provenance

    record = {"age_years": "61", "sex": "F"}
    (a_case / "clinical.csv").write_text(csv_text(record), "utf-8")
    run = json.loads((a_case / "run.json").read_text("utf-8")) | {"clinical": provenance(record)}
    (a_case / "run.json").write_text(json.dumps(run), "utf-8")
    widget = review(a_case)
    node = case_of(widget).clinical
    assert [node.GetCellText(0, column) for column in range(2)] == ["61", "F"]
    assert "not used by the model" in node.GetName()
    assert node.GetAttribute("XAIReport.clinical.used_by_model") == "False"
    assert node.GetAttribute("XAIReport.clinical.sha256") == provenance(record)["sha256"]


def test_that_heat_maps_failed_their_checks_is_said_with_every_check_and_every_changed_image(review, tmp_path):
    from XAIReportLib.results import Answer, Counterfactual, SaliencyCheck

    glioma = Answer("class_suggested", "glioma", {"meningioma": 0.1, "glioma": 0.85, "pituitary": 0.05})
    nothing = Answer("no_lesion_found", None, {})
    picture = np.full((2, 224, 224), 0.5, np.float32)
    folder = write_engine_result(
        tmp_path / "results" / "case-9",
        check=SaliencyCheck(False, ("stability",), {"agreement": 0.71, "stability": 0.42}),
        counterfactuals=(
            Counterfactual("lesion_removed", None, 4.0, 9, 53, glioma, nothing, (), picture),
            Counterfactual("background_zero", None, 60.0, 9, 53, glioma, glioma, (), picture),
        ),
    )
    widget = review(folder)
    ui = widget.ui
    assert ui.reliedOnLabel.text().startswith("The heat maps of this case should not be relied on")
    assert "The heat maps of this case should not be relied on" in ui.warningsLabel.text()
    said = QtGui.QTextDocumentFragment.fromHtml(ui.checksLabel.text()).toPlainText().replace("\u00a0", " ").split("\n")
    assert said[said.index("Agreement of the methods (mean correlation)") + 1 :][:2] == ["0.71", "✓ passed"]
    assert said[said.index("Map under noise (lowest correlation)") + 1 :][:2] == ["0.42", "✗ failed"]
    said = QtGui.QTextDocumentFragment.fromHtml(ui.changesLabel.text()).toPlainText().replace("\u00a0", " ")
    assert "Score of glioma" in said
    assert "unchanged\n\n0.85" in said
    assert "replaced by what surrounds it\n4.0 %\nno lesion found" in said
    assert "everything outside the head set to zero\n60.0 %\n0.85" in said
    assert "do not say what led to its suggestion" in ui.changesNoteLabel.text()
    assert ui.changesIntroLabel.text().startswith("The model looked again at 9 of the 53 slices")


def test_a_result_without_checks_shows_no_card_of_them(a_review):
    assert not a_review.ui.checksButton.isVisible()


def test_the_result_comes_first_when_it_is_opened(a_review, wait_until):
    ui = a_review.ui
    assert ui.inputButton.collapsed

    def is_in_the_upper_half() -> bool:
        place = ui.outcomeLabel.mapTo(a_review.parent, QtCore.QPoint())
        return a_review.parent.rect().contains(place) and place.y() < a_review.parent.height() / 2

    wait_until(is_in_the_upper_half)  # once what was folded has given its room


def test_nothing_is_cut_off_at_the_right_where_the_panel_is_as_narrow_as_it_can_be(a_review):
    ui = a_review.ui
    a_review.panel.shown.report._choose(0)
    ui.inputButton.collapsed = False
    ui.installationButton.collapsed = False
    a_review.parent.resize(10, 1000)
    for _ in range(5):
        QtCore.QCoreApplication.processEvents()
    needed = ui.contentsWidget.minimumSizeHint().width()
    assert needed <= ui.scrollArea.viewport().width()
    for narrator in ("template", "xai"):
        choose(ui.narratorSelector, narrator)
        QtCore.QCoreApplication.processEvents()
        assert ui.contentsWidget.minimumSizeHint().width() <= ui.scrollArea.viewport().width()


def crosshair(scene: Any, position: Any) -> None:
    scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").SetCursorPositionRAS([float(v) for v in position])


@pytest.mark.parametrize("part", ["segmentation", "atlas", "regions", "heat map", "findings.json"])
def test_what_a_person_deletes_of_a_result_is_no_more_offered_and_the_rest_stays(a_review, a_host, wait_until, part):
    from XAIReportLib.scene import reveal

    ui, case = a_review.ui, case_of(a_review)
    place = np.array(reveal.place_of(case, "lesion-1"))
    crosshair(a_host.scene, place)
    heat_map = next(iter(case.heatmaps.values()))
    node = {"heat map": heat_map, "findings.json": case.texts["findings.json"]}.get(part) or getattr(case, part, None)
    a_host.scene.RemoveNode(node)
    crosshair(a_host.scene, place + 1)
    ui.showAtlasCheckBox.click()
    wait_until(lambda: case_of(a_review) is not case)
    left = case_of(a_review)
    assert len(left.all_nodes()) == len(case.all_nodes()) - 1
    assert left.is_whole()
    assert ui.correctButton.isEnabled() is (part != "segmentation")
    assert ui.showAtlasCheckBox.isEnabled() is (part != "atlas")
    assert (ui.heatMapSelector.findData("gradcam++") < 0) is (part == "heat map")
    for box in (ui.showLesionCheckBox, ui.showMaskCheckBox, ui.showLegendCheckBox, ui.showAtlasCheckBox):
        box.click()
    crosshair(a_host.scene, place)
    assert (ui.cursorLabel.text() == "–") is (part == "atlas")


def test_places_follow_a_transform_that_the_result_is_put_under(a_review, a_host):
    import slicer
    from vtkmodules.vtkCommonTransforms import vtkTransform
    from XAIReportLib.scene import reveal

    case, there = case_of(a_review), vtkTransform()
    there.RotateZ(30)
    there.Translate(20, -35, 10)
    before = {"lesion": reveal.place_of(case, "lesion-1"), "peak": reveal.peak_of(case, "gradcam++")}
    name = reveal.region_at(case, before["lesion"])
    assert name
    transform = a_host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(there.GetMatrix())
    for node in case.all_nodes():
        if isinstance(node, slicer.vtkMRMLTransformableNode):
            node.SetAndObserveTransformNodeID(transform.GetID())
    after = {"lesion": reveal.place_of(case, "lesion-1"), "peak": reveal.peak_of(case, "gradcam++")}
    for what, place in before.items():
        assert after[what] == pytest.approx(there.TransformPoint(place), abs=1e-3)
    assert reveal.region_at(case, after["lesion"]) == name
