"""Heat maps of several classes in the panel: method and class are chosen, and all that hangs on a map keeps them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hands import choose, click_row, click_sentence
from phantom_case import phantom_of_two_classes

pytestmark = pytest.mark.usefixtures("a_host")
MENINGIOMA = "ScoreCAM for meningioma (score 0.08)"
NAME = "scorecam-meningioma"


@pytest.fixture
def a_case(tmp_path: Path) -> Path:
    from engine_results import write_engine_result

    return write_engine_result(tmp_path / "results" / "phantom-7f3a", phantom_of_two_classes())


def foreground(scene: Any) -> Any:
    return scene.GetNodeByID(scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed").GetForegroundVolumeID())


def test_method_and_class_are_chosen_and_map_mask_and_sentences_follow(a_review, a_host):
    from XAIReportLib.scene.segments import segment_voxels

    ui, case = a_review.ui, a_review.panel.shown.case
    offered = [ui.heatMapSelector.itemText(n) for n in range(ui.heatMapSelector.count())]
    assert offered == [
        "Grad-CAM++ for glioma (score 0.89)",
        "ScoreCAM for glioma (score 0.89)",
        "Grad-CAM++ for meningioma (score 0.08)",
        MENINGIOMA,
        "none",
    ]
    choose(ui.heatMapSelector, MENINGIOMA)
    node = foreground(a_host.scene)
    assert node.GetName() == f"phantom-7f3a heat map {NAME}"
    assert (node.GetAttribute("XAIReport.Method"), node.GetAttribute("XAIReport.Class")) == ("scorecam", "meningioma")
    display = case.segmentation.GetDisplayNode()
    shown = [name for name in case.heatmaps if display.GetSegmentVisibility(name)]
    assert shown == [NAME]
    inside = np.transpose(segment_voxels(case.segmentation, NAME, case.volume))
    np.testing.assert_array_equal(inside, phantom_of_two_classes().masks[3].values > 0)
    assert "ScoreCAM for meningioma: the mask" in ui.evidenceLabel.text()
    assert "brightness cannot be compared" in ui.evidenceLabel.text()
    assert "for glioma:" not in ui.evidenceLabel.text()


def test_the_percentile_of_one_class_leaves_the_other_alone_and_comes_back_with_the_scene(
    a_review, a_host, tmp_path, wait_until
):
    ui = a_review.ui
    choose(ui.heatMapSelector, MENINGIOMA)
    wait_until(ui.percentileSlider.isEnabled)
    ui.percentileSlider.setValue(91.0)
    bundle = tmp_path / "saved.mrb"
    assert a_host.scene.WriteToMRB(str(bundle), None, None)
    a_host.scene.Clear(False)
    assert a_host.scene.ReadFromMRB(str(bundle), True, None)
    wait_until(ui.percentileSlider.isEnabled)
    assert ui.heatMapSelector.currentText() == MENINGIOMA
    assert ui.percentileSlider.value == pytest.approx(91.0)
    choose(ui.heatMapSelector, "ScoreCAM for glioma (score 0.89)")
    wait_until(ui.percentileSlider.isEnabled)
    assert ui.percentileSlider.value == pytest.approx(97.5)


def test_a_region_and_a_sentence_lead_to_the_map_of_their_class(a_review, a_host):
    ui = a_review.ui
    table = ui.regionsTable
    lines = [n for n in range(table.rowCount()) if table.item(n, 0).text() == "Grad-CAM++, meningioma"]
    assert lines
    click_row(table, lines[0])
    assert foreground(a_host.scene).GetName().endswith("gradcam++-meningioma")
    click_sentence(ui.narrativeText, "ScoreCAM for glioma:")
    assert foreground(a_host.scene).GetName().endswith("scorecam")
    click_sentence(ui.narrativeText, "ScoreCAM for meningioma:")
    assert foreground(a_host.scene).GetName().endswith(NAME)


def test_the_longer_names_do_not_widen_the_panel(a_review):
    from PySide6 import QtCore

    ui = a_review.ui
    ui.inputButton.collapsed = False
    a_review.parent.resize(10, 1000)
    for _ in range(5):
        QtCore.QCoreApplication.processEvents()
    assert ui.contentsWidget.minimumSizeHint().width() <= ui.scrollArea.viewport().width()
