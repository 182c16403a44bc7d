"""The worker is killed at every stage: each time the panel says so, the scene is as before, and the next Analyze works."""

from __future__ import annotations

import gc
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
from killed_worker import STAGES, Victim, nodes, tiny_brain, tiny_worker, watched_client
from PySide6 import QtWidgets
from result_folders import oblique, write_result

pytestmark = pytest.mark.usefixtures("a_host")

# Comes as far as the stage, and waits there to be cancelled.
WORKER = """
tell("progress", id, stage={stage!r}, fraction=0.2, message="at work")
tell("cancelled", ask()["id"])
ask()
"""


def press_and_reach(ui: QtWidgets.QWidget, wait_until: Any) -> None:
    ui.analyzeButton.click()
    wait_until(lambda: "at work" in ui.stageLabel.text())


def test_the_real_worker_is_killed_three_times_at_each_stage_and_the_next_analysis_works(
    open_panel, a_host, wait_until, tmp_path
):
    """In three panels at the same time: a worker takes seconds to come up."""
    import slicer

    try:
        image, affine = tiny_brain()
    except FileNotFoundError as reason:
        pytest.skip(str(reason))
    voxels = np.ascontiguousarray(np.transpose(image))
    volumes = [slicer.util.addVolumeFromArray(voxels, ijkToRAS=affine, name=f"Head {n}") for n in range(3)]
    lives: list[list[int]] = [[], [], []]
    clients = [partial(watched_client, pids, tiny_worker(tmp_path)) for pids in lives]
    panels = [open_panel(client) for client in clients]
    for box in (panels[0].ui.gradcamCheckBox, panels[0].ui.scorecamCheckBox):
        box.click()
    victims = [Victim(panel, a_host.scene, wait_until, pids) for panel, pids in zip(panels, lives, strict=True)]
    for stage in STAGES:
        for panel, volume, victim in zip(panels, volumes, victims, strict=True):
            panel.ui.volumeSelector.setCurrentNode(volume)
            victim.begin(stage)
        assert (stage, [victim.end()[0] for victim in victims]) == (stage, [[], [], []])
    assert [len(set(pids)) for pids in lives] == [len(STAGES)] * 3
    assert victims[-1].analysis_works()


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_at_a_stage_leaves_nothing_behind(open_panel, a_volume, a_worker, a_host, wait_until, stage):
    widget = open_panel(a_worker(WORKER.format(stage=stage)))
    ui = widget.ui
    ui.volumeSelector.setCurrentNode(a_volume)
    press_and_reach(ui, wait_until)
    before = nodes(a_host.scene)
    ui.analyzeButton.click()
    wait_until(lambda: ui.analyzeButton.text() == "Analyze")
    assert ui.stageLabel.text() == "Cancelled."
    assert nodes(a_host.scene) == before


def test_a_scene_closed_while_a_result_is_opened_leaves_no_progress_behind(open_panel, a_host, wait_until, tmp_path):
    from XAIReportLib.scene.load import loading  # noqa: F401 - imported before the clock runs

    widget = open_panel()
    steps: list[float] = []
    widget.panel.openingProgressed = steps.append
    widget.panel.analysisFinished(str(write_result(tmp_path / "results" / "case-7", oblique())))
    assert widget.ui.progressBar.isVisible()
    wait_until(lambda: len(steps) >= 3)
    a_host.scene.Clear(False)
    assert not widget.logic.isOpening
    assert not widget.ui.progressBar.isVisible()
    assert widget.ui.stageLabel.text() == "Cancelled."


def test_cancelled_while_the_result_is_opened_leaves_no_half_made_case(open_panel, a_host, wait_until, tmp_path):
    from XAIReportLib.scene.load import loading  # noqa: F401 - imported before the clock runs

    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    before = nodes(a_host.scene)
    steps: list[float] = []
    heard = widget.panel.openingProgressed
    widget.panel.openingProgressed = lambda fraction: (steps.append(fraction), heard(fraction))
    widget.logic.openResult(result, widget.panel)
    widget.panel.update()
    wait_until(lambda: len(steps) >= 3)
    widget.ui.analyzeButton.click()
    assert not widget.logic.isOpening
    wait_until(lambda: widget.ui.analyzeButton.text() == "Analyze")
    left = [a_host.scene.GetNodeByID(node) for node in nodes(a_host.scene) if node not in before]
    assert [node.GetName() for node in left if "case-7" in (node.GetName() or "")] == []


def test_cancelled_while_the_sections_are_filled_leaves_no_case_either(open_panel, a_host, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    before = nodes(a_host.scene)
    filling = widget.panel.filling
    widget.panel.filling = lambda loaded: [*filling(loaded)[:2], widget.ui.analyzeButton.click, *filling(loaded)[2:]]
    widget.logic.openResult(result, widget.panel)
    widget.panel.update()
    wait_until(lambda: widget.ui.analyzeButton.text() == "Analyze")
    left = [a_host.scene.GetNodeByID(node) for node in nodes(a_host.scene) if node not in before]
    assert [node.GetName() for node in left if "case-7" in (node.GetName() or "")] == []
    assert widget.ui.outcomeLabel.text() == "No result is shown yet."
    assert widget.ui.narrativeText.toPlainText() == ""


def test_a_cancelled_opening_keeps_the_earlier_result_of_the_case(open_panel, a_host, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    widget.logic.openResult(result, widget.panel)
    wait_until(lambda: not widget.logic.isOpening)
    before, sentences = nodes(a_host.scene), widget.ui.narrativeText.toPlainText()
    filling = widget.panel.filling
    widget.panel.filling = lambda loaded: [*filling(loaded), widget.ui.analyzeButton.click]
    widget.logic.openResult(result, widget.panel, replace=True)
    widget.panel.update()
    wait_until(lambda: widget.ui.analyzeButton.text() == "Analyze")
    assert nodes(a_host.scene) >= before
    assert widget.ui.narrativeText.toPlainText() == sentences
    layers = a_host.scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    assert layers.GetBackgroundVolumeID() == widget.ui.resultSelector.currentNodeID()


def test_a_section_that_cannot_be_filled_is_an_error_and_leaves_no_case(open_panel, a_host, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    before = nodes(a_host.scene)

    def fail():
        raise RuntimeError("The sections cannot be filled.")

    widget.panel.filling = lambda _loaded: [fail]
    widget.logic.openResult(result, widget.panel)
    wait_until(widget.ui.errorFrame.isVisible)
    assert widget.ui.errorLabel.text() == "The sections cannot be filled."
    left = [a_host.scene.GetNodeByID(node) for node in nodes(a_host.scene) if node not in before]
    assert [node.GetName() for node in left if "case-7" in (node.GetName() or "")] == []


def test_what_panels_leave_behind_has_nothing_of_qt_that_a_thread_could_destroy(
    a_volume, a_worker, wait_until, tmp_path
):
    """Python destroys garbage in whichever thread allocates next; a QTimer destroyed so can end Slicer."""
    import XAIReport

    gc.collect()
    widget = XAIReport.XAIReportWidget(logic=XAIReport.XAIReportLogic(a_worker(WORKER.format(stage="classify"))))
    ui, logic = widget.ui, widget.logic
    ui.volumeSelector.setCurrentNode(a_volume)
    press_and_reach(ui, wait_until)
    logic.openResult(write_result(tmp_path / "results" / "case-7", oblique()), widget.panel)
    wait_until(lambda: not logic.isOpening)
    logic.openResult(tmp_path / "results" / "case-7", widget.panel)
    widget.cleanup()
    widget.parent.deleteLater()
    widget = ui = logic = None
    wait_until(lambda: not any(thread.name == "xaireport-background" for thread in threading.enumerate()))
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        left = {type(thing).__name__ for thing in gc.garbage if type(thing).__module__.startswith("PySide6")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == set()
