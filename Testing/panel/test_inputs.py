"""The section Input: every heat map and every further class can be chosen, the worker is asked for them, and scenes keep them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6 import QtCore, QtTest, QtWidgets

pytestmark = pytest.mark.usefixtures("a_host")
UI = Path(__file__).resolve().parents[2] / "XAIReport" / "Resources" / "UI" / "XAIReport.ui"
CLASSES = ["glioma", "meningioma", "pituitary"]


def method_boxes(ui: Any) -> dict[str, QtWidgets.QCheckBox]:
    from XAIReportLib.panel.inputs import METHODS

    return {method: getattr(ui, f"{name}CheckBox") for name, method in METHODS.items()}


def class_boxes(ui: Any) -> dict[str, QtWidgets.QCheckBox]:
    grid = ui.classesWidget.layout()
    boxes = [grid.itemAt(index).widget() for index in range(grid.count())]
    return {box.text(): box for box in boxes}


@pytest.fixture
def asked(open_panel, a_volume, a_worker, wait_until, tmp_path) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Opens the panel with a volume, lets ``press`` press its boxes, then Analyze; gives the panel and what was asked."""

    def ask(press: Callable[[Any], None]) -> tuple[Any, dict[str, Any]]:
        file = tmp_path / "asked.json"
        widget = open_panel(a_worker(f"json.dump(params, open({str(file)!r}, 'w'))\ntell('cancelled', id)\nask()\n"))
        widget.ui.volumeSelector.setCurrentNode(a_volume)
        press(widget)
        widget.ui.analyzeButton.click()
        wait_until(lambda: not widget.logic.isRunning, 60)
        return widget, json.loads(file.read_text("utf-8"))

    return ask


def test_every_method_is_offered_by_its_name_in_the_order_of_the_results_and_the_usual_ones_are_ticked(open_panel):
    from XAIReportLib.report.wording import method_name
    from XAIReportLib.results import DEFAULT_SALIENCY, SALIENCY_METHODS

    boxes = method_boxes(open_panel().ui)
    assert tuple(boxes) == SALIENCY_METHODS
    assert [box.text() for box in boxes.values()] == [method_name(method) for method in SALIENCY_METHODS]
    assert tuple(method for method, box in boxes.items() if box.isChecked()) == DEFAULT_SALIENCY


def test_each_method_says_what_it_is_and_what_it_costs(open_panel):
    from XAIReportLib.saliency.cam import METHODS as GRADIENT_METHODS

    cost = {}
    for method, box in method_boxes(open_panel().ui).items():
        explained, cost[method] = box.toolTip().rstrip(".").split(". ")
        assert len(explained) > 30
        assert box.accessibleName() == f"Heat map by {box.text()}"
    assert {method for method, said in cost.items() if said == "Fast"} == {*GRADIENT_METHODS, "saliency"}
    slower = {method for method, said in cost.items() if said == "Slower"}
    assert slower == {"scorecam", "smoothgrad", "integrated_gradients"}
    assert cost["occlusion"].startswith("Slow:")


def test_the_worker_is_asked_for_the_ticked_methods_and_no_other(asked):
    def press(widget: Any) -> None:
        boxes = method_boxes(widget.ui)
        for method in ("gradcam++", "scorecam", "hirescam", "integrated_gradients", "occlusion"):
            boxes[method].click()

    _, params = asked(press)
    assert params["saliency"] == ["gradcam", "hirescam", "integrated_gradients", "occlusion"]
    assert params["classes"] == []


def test_the_agent_is_named_only_where_a_person_names_it(asked):
    assert asked(lambda _widget: None)[1]["contrast_agent"] is False
    assert asked(lambda widget: widget.ui.contrastAgentCheckBox.click())[1]["contrast_agent"] is True


def test_any_one_method_alone_is_enough_and_none_is_not(open_panel, a_volume):
    ui = open_panel().ui
    ui.volumeSelector.setCurrentNode(a_volume)
    boxes = method_boxes(ui)
    for box in boxes.values():
        box.setChecked(False)
    assert not ui.analyzeButton.isEnabled()
    for box in boxes.values():
        box.click()
        assert ui.analyzeButton.isEnabled()
        box.click()


def test_the_classes_are_those_of_the_bundle_by_name_and_the_worker_is_asked_for_the_ticked_ones(asked):
    def press(widget: Any) -> None:
        ui = widget.ui
        assert list(class_boxes(ui)) == ["glioma", "meningioma", "pituitary tumour"]
        assert not any(box.isChecked() for box in class_boxes(ui).values())
        class_boxes(ui)["pituitary tumour"].click()
        class_boxes(ui)["meningioma"].click()

    _, params = asked(press)
    assert params["classes"] == ["meningioma", "pituitary"]


def test_a_class_is_taken_back_by_a_second_click(asked):
    def press(widget: Any) -> None:
        for name in ("glioma", "meningioma", "glioma"):
            class_boxes(widget.ui)[name].click()

    assert asked(press)[1]["classes"] == ["meningioma"]


def test_another_bundle_offers_its_own_classes_and_what_was_chosen_of_the_first_comes_back(asked):
    from XAIReportLib.panel import bundles

    known = {"brain_tumor_mri": bundles.bundleClasses("brain_tumor_mri"), "other": ["meningioma", "schwannoma"]}
    assert known["brain_tumor_mri"] == CLASSES
    offered = []

    def press(widget: Any) -> None:
        ui = widget.ui
        for name in ("glioma", "meningioma"):
            class_boxes(ui)[name].click()
        widget.logic.bundleClasses = known.get
        ui.bundleSelector.addItem("other")
        ui.bundleSelector.setCurrentIndex(1)
        offered.append({name: box.isChecked() for name, box in class_boxes(ui).items()})

    widget, params = asked(press)
    assert offered == [{"meningioma": True, "schwannoma": False}]
    assert (params["bundle"], params["classes"]) == ("other", ["meningioma"])
    widget.ui.bundleSelector.setCurrentIndex(0)
    assert [name for name, box in class_boxes(widget.ui).items() if box.isChecked()] == ["glioma", "meningioma"]


def test_a_bundle_whose_metadata_cannot_be_read_offers_no_class(tmp_path, monkeypatch, open_panel):
    from XAIReportLib.panel import bundles

    monkeypatch.setenv("XAIREPORT_MODELS", str(tmp_path))
    (tmp_path / "brain_tumor_mri" / "configs").mkdir(parents=True)
    for text in ("{", "[]", "{}", '{"xaireport": {}}', "[" * 100_000):
        (tmp_path / "brain_tumor_mri" / "configs" / "metadata.json").write_text(text, "utf-8")
        assert bundles.bundleClasses("brain_tumor_mri") == []
    assert bundles.bundleClasses("not installed") == []
    ui = open_panel().ui
    assert class_boxes(ui) == {}
    assert not ui.classesLabel.isVisible()
    assert not ui.classesWidget.isVisible()


def test_a_bundle_in_a_folder_of_the_environment_is_offered(tmp_path, monkeypatch):
    from XAIReportLib.panel import bundles

    folder = tmp_path / "mine" / "my_model" / "configs"
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text('{"xaireport": {"classes": ["schwannoma"]}}', "utf-8")
    monkeypatch.setenv("XAIREPORT_MODELS", os.pathsep.join((str(tmp_path / "none"), str(tmp_path / "mine"))))
    assert "my_model" in bundles.bundleNames()
    assert bundles.bundleClasses("my_model") == ["schwannoma"]


def test_the_choices_survive_a_scene_that_is_saved_and_opened(open_panel, a_host, tmp_path, wait_until):
    widget = open_panel()
    ui = widget.ui
    for method in ("gradcam", "layercam", "occlusion"):
        method_boxes(ui)[method].click()
    for name in ("pituitary tumour", "glioma"):
        class_boxes(ui)[name].click()
    wanted = {method: box.isChecked() for method, box in method_boxes(ui).items()}
    bundle = tmp_path / "saved.mrb"
    assert a_host.scene.WriteToMRB(str(bundle), None, None)
    a_host.scene.Clear(False)
    usual = {method: box.isChecked() for method, box in method_boxes(ui).items()}
    assert usual != wanted
    assert not any(box.isChecked() for box in class_boxes(ui).values())
    assert a_host.scene.ReadFromMRB(str(bundle), True, None)
    wait_until(method_boxes(ui)["occlusion"].isChecked)
    assert {method: box.isChecked() for method, box in method_boxes(ui).items()} == wanted
    assert [name for name, box in class_boxes(ui).items() if box.isChecked()] == ["glioma", "pituitary tumour"]


def test_the_parameter_node_and_the_boxes_follow_each_other(open_panel):
    widget = open_panel()
    parameters, boxes = widget.logic.getParameterNode(), class_boxes(widget.ui)
    parameters.furtherClasses = ["meningioma", "of another bundle"]
    assert [name for name, box in boxes.items() if box.isChecked()] == ["meningioma"]
    boxes["glioma"].click()
    assert parameters.furtherClasses == ["meningioma", "of another bundle", "glioma"]
    boxes["meningioma"].click()
    assert parameters.furtherClasses == ["of another bundle", "glioma"]


def test_the_keyboard_goes_through_methods_and_classes_in_their_order_and_the_space_bar_ticks(open_panel, wait_until):
    widget = open_panel()
    ui = widget.ui
    widget.parent.activateWindow()
    wait_until(widget.parent.isActiveWindow)
    boxes = [*method_boxes(ui).values(), *class_boxes(ui).values()]
    wait_until(boxes[-1].isVisible)
    boxes[0].setFocus()
    for box in boxes:
        assert box.hasFocus(), box.text()
        before = box.isChecked()
        QtTest.QTest.keyClick(box, QtCore.Qt.Key_Space)
        assert box.isChecked() != before
        QtTest.QTest.keyClick(box, QtCore.Qt.Key_Tab)
    assert ui.deviceSelector.hasFocus()


@pytest.mark.parametrize("width", [10, 520])
def test_no_box_is_cut_off_or_covers_another(open_panel, wait_until, width):
    widget = open_panel()
    ui = widget.ui
    widget.parent.resize(width, 1000)
    boxes = [*method_boxes(ui).values(), *class_boxes(ui).values()]
    wait_until(boxes[-1].isVisible)
    QtCore.QCoreApplication.processEvents()
    areas = [QtCore.QRect(box.mapTo(ui.contentsWidget, QtCore.QPoint(0, 0)), box.size()) for box in boxes]
    for box, area in zip(boxes, areas, strict=True):
        assert box.width() >= box.sizeHint().width(), box.text()
        assert area.right() < ui.scrollArea.viewport().width()
    assert not any(one.intersects(other) for n, one in enumerate(areas) for other in areas[:n])


def test_the_real_worker_maps_what_was_ticked_and_the_maps_come_into_the_scene(open_panel, a_host, wait_until):
    import slicer
    from small_case import COARSE_WORKER, planted_brain
    from XAIReportLib.worker.client import WorkerClient

    try:
        image, affine = planted_brain()
    except FileNotFoundError as reason:
        pytest.skip(str(reason))
    voxels = np.ascontiguousarray(np.transpose(image))
    widget = open_panel(lambda: WorkerClient(command=COARSE_WORKER))
    ui = widget.ui
    ui.volumeSelector.setCurrentNode(slicer.util.addVolumeFromArray(voxels, ijkToRAS=affine, name="Head"))
    for method in ("gradcam++", "gradcam", "scorecam", "hirescam"):  # the first three are taken away
        method_boxes(ui)[method].click()
    for box in class_boxes(ui).values():
        box.click()
    ui.analyzeButton.click()
    wait_until(lambda: not widget.logic.isRunning and not widget.logic.isOpening, 500)
    assert not ui.errorFrame.isVisible(), ui.errorLabel.text() + ui.detailsText.toPlainText()
    case = widget.panel.shown.case
    nodes = [
        (node.GetAttribute("XAIReport.Method"), node.GetAttribute("XAIReport.Class")) for node in case.heatmaps.values()
    ]
    assert sorted(nodes) == [("hirescam", name) for name in CLASSES]
    assert all(node.GetScene() is a_host.scene for node in case.heatmaps.values())
    offered = [ui.heatMapSelector.itemText(n) for n in range(ui.heatMapSelector.count())]
    for name in ("glioma", "meningioma", "pituitary tumour"):
        assert any(text.startswith(f"HiResCAM for {name} (score ") for text in offered)
