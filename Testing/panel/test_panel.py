"""The radiologist's thin path, with real buttons: choose, Analyze, watch, read, cancel, see why it failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from result_folders import oblique, write_result

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("a_host")

SUCCESS = """
tell("progress", id, stage="saliency", fraction=0.5, message="scorecam, channel 12 of 24")
time.sleep(0.6)
tell("result", id, folder={folder!r})
ask()
"""
UNTIL_CANCELLED = """
tell("progress", id, stage="predict", fraction=0.1, message="looking at every slice")
assert ask()["type"] == "cancel"
tell("cancelled", id)
ask()
"""
FAILURE = """
print("Traceback: out of memory", file=sys.stderr, flush=True)
message = "The model needs 4 GB of memory; close other programs."
tell("error", id, message=message, details="line 7 of inference", kind="internal")
ask()
"""


def selected(widget: Any, volume: Any) -> Any:
    widget.ui.volumeSelector.setCurrentNode(volume)
    return widget.ui


def test_the_module_presents_itself():
    from types import SimpleNamespace

    import XAIReport

    parent = SimpleNamespace(path=XAIReport.__file__)
    XAIReport.XAIReport(parent)
    assert parent.title == "XAIReport"
    assert parent.categories == ["Neuroimaging"]
    assert "Not for diagnosis" in parent.helpText


def test_sample_data_are_registered_when_slicer_has_started_with_their_own_hashes():
    import re
    from types import SimpleNamespace

    import SampleData
    import slicer

    import XAIReport

    XAIReport.XAIReport(SimpleNamespace(path=XAIReport.__file__))
    SampleData.SampleDataLogic.registered.clear()
    slicer.app.connected["startupCompleted()"]()
    demo = (ROOT / "scripts" / "demo.py").read_text("utf-8")
    assert [source["name"] for source in SampleData.SampleDataLogic.registered] == ["MRBrainTumor1", "MRBrainTumor2"]
    for source in SampleData.SampleDataLogic.registered:
        kind, digest = source["checksum"].split(":")
        assert kind == "SHA256"
        assert source["uri"].endswith(digest)
        assert re.search(f'"{source["name"]}": "{digest}"', demo)


def test_a_dark_window_gets_the_icon_for_it(monkeypatch):
    from types import SimpleNamespace

    import slicer
    from PySide6 import QtGui

    import XAIReport

    icons = []
    for color in ("#f0f0f0", "#202020"):
        palette = QtGui.QPalette(QtGui.QColor(color))
        monkeypatch.setattr(slicer.app, "palette", lambda chosen=palette: chosen, raising=False)
        parent = SimpleNamespace(path=XAIReport.__file__, icon=None)
        XAIReport.XAIReport(parent)
        icons.append(parent.icon)
    assert icons[0] is None
    assert not icons[1].isNull()


def test_research_use_only_is_in_view(open_panel):
    ui = open_panel().ui
    assert ui.researchUseLabel.text() == "Research use only. Not for diagnosis."
    assert ui.researchUseLabel.isVisible()


def test_without_a_volume_analyze_is_disabled_and_says_why(open_panel):
    ui = open_panel().ui
    assert not ui.analyzeButton.isEnabled()
    assert ui.analyzeButton.toolTip() == "Select a volume first."


def test_with_a_volume_analyze_is_enabled_and_without_a_heat_map_not(open_panel, a_volume):
    ui = selected(open_panel(), a_volume)
    assert ui.analyzeButton.isEnabled()
    for box in (ui.gradcamPlusPlusCheckBox, ui.gradcamCheckBox, ui.scorecamCheckBox):
        box.click()
    assert not ui.analyzeButton.isEnabled()
    assert ui.analyzeButton.toolTip() == "Choose at least one heat map."


def test_the_choices_are_in_the_scene(open_panel, a_volume, a_host):
    ui = selected(open_panel(), a_volume)
    ui.deviceSelector.setCurrentIndex(1)
    ui.scorecamCheckBox.click()
    node = a_host.scene.GetSingletonNode("XAIReport", "vtkMRMLScriptedModuleNode")
    assert node.GetParameter("device") == "cpu"
    assert node.GetParameter("scorecam") == "False"
    assert node.GetNodeReference("inputVolume").GetName() == "Patient Name"


def test_coming_back_to_the_module_makes_no_connection_anew(open_panel, a_volume, monkeypatch):
    import XAIReport

    widget = open_panel()
    ui = selected(widget, a_volume)
    ui.deviceSelector.setCurrentIndex(1)
    made = []
    monkeypatch.setattr(XAIReport.XAIReportParameterNode, "connectParametersToGui", lambda *_: made.append(1))
    widget.exit()
    widget.enter()
    assert not made
    assert widget.logic.getParameterNode().device == "cpu"
    assert ui.deviceSelector.currentIndex() == 1


def test_an_emptied_scene_takes_its_choices_with_it(open_panel, a_host):
    widget = open_panel()
    before = widget.logic.getParameterNode()
    widget.ui.deviceSelector.setCurrentIndex(1)
    a_host.scene.Clear(1)
    assert widget.ui.deviceSelector.currentIndex() == 0
    widget.ui.deviceSelector.setCurrentIndex(2)
    assert (before.device, widget.logic.getParameterNode().device) == ("cpu", "cuda")


def test_a_closed_panel_follows_no_choice_any_more(open_panel):
    widget = open_panel()
    parameters = widget.logic.getParameterNode()
    widget.cleanup()
    parameters.device = "cuda"
    assert widget.ui.deviceSelector.currentIndex() == 0


def test_every_atlas_can_be_chosen_and_the_usual_one_is(open_panel):
    from XAIReportLib.results import ATLAS_NAMES, DEFAULT_ATLAS

    widget = open_panel()
    selector, parameters = widget.ui.atlasSelector, widget.logic.getParameterNode()
    assert (selector.currentText(), parameters.atlas) == ("Harvard-Oxford", DEFAULT_ATLAS)
    chosen = []
    for index in range(selector.count()):
        selector.setCurrentIndex(index)
        chosen.append(parameters.atlas)
        assert selector.currentText() != parameters.atlas  # a name for a person
    assert chosen == list(ATLAS_NAMES)


def test_analyze_shows_progress_and_then_the_report(open_panel, a_volume, a_worker, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel(a_worker(SUCCESS.format(folder=str(result))))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    assert ui.analyzeButton.text() == "Cancel"
    wait_until(lambda: "scorecam, channel 12 of 24" in ui.stageLabel.text())
    assert ui.stageLabel.text().startswith("Computing heat maps: scorecam, channel 12 of 24 (0:0")
    assert 30 < ui.progressBar.value() < 70
    assert ui.progressBar.isVisible()
    wait_until(lambda: not ui.progressBar.isVisible())
    assert "The model's suggestion is glioma." in ui.narrativeText.toPlainText()
    assert ui.folderLabel.text() == "Result folder: case-7"
    assert ui.folderLabel.toolTip() == str(result)
    assert ui.analyzeButton.text() == "Analyze"
    assert not ui.progressBar.isVisible()
    assert not ui.errorFrame.isVisible()


def test_the_result_is_in_the_live_scene(open_panel, a_volume, a_worker, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel(a_worker(SUCCESS.format(folder=str(result))))
    selected(widget, a_volume).analyzeButton.click()
    wait_until(widget.ui.narrativeText.toPlainText)
    assert a_volume.GetScene().GetFirstNodeByName("case-7 heat map gradcam++") is not None
    assert widget.ui.volumeSelector.currentNode().GetName() == "Patient Name"


def test_the_worker_gets_the_volume_without_its_name(open_panel, a_volume, a_worker, wait_until, tmp_path):
    copy = tmp_path / "copy"
    body = f"""
import shutil
shutil.copytree(params["source"].rsplit("volume.nrrd")[0], {str(copy)!r})
json.dump(params, open({str(tmp_path / "params.json")!r}, "w"))
tell("cancelled", id)
ask()
"""
    widget = open_panel(a_worker(body))
    ui = selected(widget, a_volume)
    ui.deviceSelector.setCurrentIndex(1)
    ui.languageSelector.setCurrentIndex(ui.languageSelector.findText("German"))
    ui.atlasSelector.setCurrentIndex(ui.atlasSelector.findText("Desikan-Killiany"))
    ui.gradcamCheckBox.click()
    ui.analyzeButton.click()
    wait_until(lambda: not widget.logic.isRunning)
    params = json.loads((tmp_path / "params.json").read_text("utf-8"))
    assert params["bundle"] == "brain_tumor_mri"
    assert params["saliency"] == ["gradcam++", "scorecam"]
    assert params["device"] == "cpu"
    assert params["language"] == "de"
    assert params["atlas"] == "desikan_killiany"
    assert Path(params["output"]) == tmp_path / "documents" / "XAIReport"
    assert not Path(params["source"]).parent.exists()
    assert [path.name for path in copy.iterdir()] == ["volume.nrrd"]
    assert b"Patient Name" not in (copy / "volume.nrrd").read_bytes()


def test_the_exported_volume_is_where_the_node_is(tmp_path):
    import numpy as np
    import SimpleITK as sitk
    import slicer
    from XAIReportLib.scene.export import export_volume

    voxels = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=oblique(flips=(1, 1, 1)))
    write = export_volume(node, tmp_path / "volume.nrrd")
    slicer.util.updateVolumeFromArray(node, 0 * voxels)  # what is changed later is not what is analyzed
    write()
    image = sitk.ReadImage(str(tmp_path / "volume.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), voxels)
    lps = image.TransformIndexToPhysicalPoint((3, 4, 2))
    np.testing.assert_allclose(np.multiply(lps, (-1, -1, 1)), (oblique(flips=(1, 1, 1)) @ [3, 4, 2, 1])[:3], atol=1e-3)


def test_a_sheared_volume_keeps_its_shear(tmp_path):
    import numpy as np
    import slicer
    from XAIReportLib.reading import read_case
    from XAIReportLib.scene.export import export_volume

    sheared = np.array([[1.0, 0.3, 0.0, 5.0], [0.0, 1.2, 0.2, -7.0], [0.0, 0.0, 2.0, 9.0], [0.0, 0.0, 0.0, 1.0]])
    voxels = np.random.default_rng(0).random((16, 20, 24)).astype(np.float32)
    export_volume(slicer.util.addVolumeFromArray(voxels, ijkToRAS=sheared), tmp_path / "volume.nrrd")()
    case = read_case(tmp_path / "volume.nrrd")
    corner = [case.affine @ [i, j, k, 1] for i in (0, 23) for j in (0, 19) for k in (0, 15)]
    meant = [sheared @ [i, j, k, 1] for i in (0, 23) for j in (0, 19) for k in (0, 15)]
    np.testing.assert_allclose(sorted(map(tuple, corner)), sorted(map(tuple, meant)), atol=1e-3)


def test_a_volume_that_cannot_be_written_is_an_error_and_the_panel_is_ready(
    open_panel, a_volume, a_worker, wait_until, monkeypatch
):
    from XAIReportLib.scene import export

    write = export._write
    monkeypatch.setattr(export, "_write", lambda v, m, path, name: write(v, m, path.parent / "gone" / path.name, name))
    widget = open_panel(a_worker(UNTIL_CANCELLED))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    wait_until(ui.errorFrame.isVisible)
    assert "cannot be written to the temporary folder" in ui.errorLabel.text()
    assert ui.analyzeButton.text() == "Analyze"
    assert not widget.logic.isRunning


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_stopped_while_the_volume_is_written_no_worker_is_asked_and_no_file_stays(
    open_panel, a_volume, a_worker, wait_until, monkeypatch, tmp_path, end
):
    import tempfile

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    asked = tmp_path / "asked"
    widget = open_panel(a_worker(f"open({str(asked)!r}, 'w').close()\nask()\n"))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    assert list((tmp_path / "temporary").iterdir()) != []
    if end == "cancel":
        ui.analyzeButton.click()
    else:
        widget.logic.close()
    wait_until(lambda: not widget.logic.isRunning)
    assert ui.stageLabel.text() == "Cancelled."
    assert ui.analyzeButton.text() == "Analyze"
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not asked.exists()


def test_cancel_returns_the_panel_to_ready(open_panel, a_volume, a_worker, wait_until):
    widget = open_panel(a_worker(UNTIL_CANCELLED))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    wait_until(lambda: "looking at every slice" in ui.stageLabel.text())
    ui.analyzeButton.click()
    assert not ui.analyzeButton.isEnabled()
    wait_until(lambda: not widget.logic.isRunning)
    assert ui.stageLabel.text() == "Cancelled."
    assert ui.analyzeButton.text() == "Analyze"
    assert ui.analyzeButton.isEnabled()


def test_an_error_stays_readable_with_the_workers_words_under_details(open_panel, a_volume, a_worker, wait_until):
    widget = open_panel(a_worker(FAILURE))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    wait_until(ui.errorFrame.isVisible)
    assert ui.errorLabel.text() == "The model needs 4 GB of memory; close other programs."
    assert not ui.detailsText.isVisible()
    ui.detailsButton.click()
    assert ui.detailsText.isVisible()
    assert "line 7 of inference" in ui.detailsText.toPlainText()
    ui.volumeSelector.setCurrentNode(None)
    assert ui.errorFrame.isVisible()


def test_a_worker_that_dies_is_an_error_and_the_next_analysis_works(
    open_panel, a_volume, a_worker, wait_until, tmp_path
):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    flag = tmp_path / "died"
    body = f"""
import os
if not os.path.exists({str(flag)!r}):
    open({str(flag)!r}, "w").close()
    os.kill(os.getpid(), 9)
""" + SUCCESS.format(folder=str(result))
    widget = open_panel(a_worker(body))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    wait_until(ui.errorFrame.isVisible)
    assert "SIGKILL" in ui.errorLabel.text()
    ui.analyzeButton.click()
    assert not ui.errorFrame.isVisible()
    wait_until(ui.narrativeText.toPlainText)
    assert "glioma" in ui.narrativeText.toPlainText()


def test_a_result_that_cannot_be_opened_is_an_error(open_panel, a_volume, a_worker, wait_until, tmp_path):
    widget = open_panel(a_worker(SUCCESS.format(folder=str(tmp_path / "gone"))))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    wait_until(ui.errorFrame.isVisible)
    assert "no result folder" in ui.errorLabel.text()
    assert ui.errorFrame.isVisible()


def test_a_volume_under_a_transform_is_refused_with_the_reason(open_panel, a_volume, a_host):
    transform = a_host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    a_volume.SetAndObserveTransformNodeID(transform.GetID())
    widget = open_panel()
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    assert "harden the transform" in ui.errorLabel.text()
    assert not widget.logic.isRunning


def test_load_result_folder_opens_a_finished_result(open_panel, tmp_path, choose_folder, wait_until):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    choose_folder(result)
    ui = open_panel().ui
    ui.loadResultButton.click()
    wait_until(ui.narrativeText.toPlainText)
    assert "glioma" in ui.narrativeText.toPlainText()


def test_closing_the_scene_ends_the_analysis_and_starts_afresh(open_panel, a_volume, a_worker, wait_until, a_host):
    widget = open_panel(a_worker(UNTIL_CANCELLED))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    wait_until(lambda: "looking at every slice" in ui.stageLabel.text())
    a_host.scene.Clear(False)
    wait_until(lambda: not widget.logic.isRunning)
    assert not ui.analyzeButton.isEnabled()
    assert ui.analyzeButton.toolTip() == "Select a volume first."


def test_missing_packages_are_installed_when_analyze_is_pressed_and_not_before(open_panel, a_volume, a_host, a_worker):
    a_host.packaging.unsatisfied = {"nibabel"}
    widget = open_panel(a_worker(UNTIL_CANCELLED))
    ui = selected(widget, a_volume)
    assert a_host.packaging.installed == []
    ui.analyzeButton.click()
    (call,) = a_host.packaging.installed
    assert call["packages"] == ["nibabel"]
    assert "numpy==" in call["constraints"]
    assert call["requester"] == "XAIReport"


def test_a_declined_installation_is_said_in_the_panel(open_panel, a_volume, a_host):
    a_host.packaging.unsatisfied, a_host.packaging.declines = {"nibabel"}, True
    widget = open_panel()
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    assert "press Analyze to try again" in ui.errorLabel.text()
    assert not widget.logic.isRunning


def test_an_analysis_never_blocks_the_event_loop(open_panel, a_volume, a_worker, wait_until):
    import time

    from PySide6 import QtCore

    widget = open_panel(a_worker(UNTIL_CANCELLED))
    ui = selected(widget, a_volume)
    ui.analyzeButton.click()
    gaps, last = [], [time.monotonic()]
    timer = QtCore.QTimer()
    timer.timeout.connect(lambda: (gaps.append(time.monotonic() - last[0]), last.__setitem__(0, time.monotonic())))
    timer.start(10)
    wait_until(lambda: len(gaps) > 50)
    timer.stop()
    # Not a measurement: a loop that waited for the worker would never have come this far before the cancel.
    ui.analyzeButton.click()
    wait_until(lambda: not widget.logic.isRunning)


def test_reload_brings_the_library_afresh(open_panel):
    import sys

    widget = open_panel()
    before = sys.modules["XAIReportLib.panel.review"]
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "XAIReportLib"}
    try:
        widget.onReload()
        from XAIReportLib.panel import review

        assert review is not before
    finally:
        sys.modules.update(kept)


def a_table(host: Any, **columns: list[str]) -> Any:
    from vtkmodules.vtkCommonCore import vtkStringArray

    node = host.scene.AddNewNodeByClass("vtkMRMLTableNode", "Clinical")
    for name, cells in columns.items():
        array = vtkStringArray()
        array.SetName(name)
        for cell in cells:
            array.InsertNextValue(cell)
        node.AddColumn(array)
    return node


def test_the_clinical_table_goes_to_the_worker_and_is_said_not_to_be_used(
    open_panel, a_volume, a_worker, wait_until, a_host, tmp_path
):
    copy = tmp_path / "copy.csv"
    body = f"import shutil\nshutil.copy(params['clinical_table'], {str(copy)!r})\ntell('cancelled', id)\nask()\n"
    widget = open_panel(a_worker(body))
    ui = selected(widget, a_volume)
    ui.clinicalSelector.setCurrentNode(a_table(a_host, age_years=["61"], sex=["F"]))
    assert ui.clinicalNoteLabel.text() == "kept, not used by the model"
    ui.analyzeButton.click()
    wait_until(lambda: not widget.logic.isRunning)
    assert copy.read_text("utf-8").split() == ["age_years,sex", "61,F"]


def test_a_wrong_clinical_table_is_refused_with_column_and_row_before_the_worker_is_asked(open_panel, a_volume, a_host):
    widget = open_panel()
    ui = selected(widget, a_volume)
    ui.clinicalSelector.setCurrentNode(a_table(a_host, age_years=["sixty"]))
    ui.analyzeButton.click()
    assert "Column age_years, row 2 of the clinical table must be a number" in ui.errorLabel.text()
    assert not widget.logic.isRunning


def test_in_a_slicer_whose_python_is_too_old_a_sentence_says_so(monkeypatch):
    from PySide6 import QtWidgets

    import XAIReport

    monkeypatch.setattr(XAIReport, "OLDEST_PYTHON", (99, 0))
    widget = XAIReport.XAIReportWidget()
    said = [label.text() for label in widget.parent.findChildren(QtWidgets.QLabel)]
    assert said == ["XAIReport needs 3D Slicer 5.12 or newer; install a newer Slicer."]
    widget.enter()
    widget.exit()
    widget.cleanup()
