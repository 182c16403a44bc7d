"""The worker is killed at every stage: each time the panel says so, the scene is as before, and the next Analyze works."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6 import QtWidgets
from result_folders import oblique, write_result

pytestmark = pytest.mark.usefixtures("a_host")

STAGES = ("read", "predict", "saliency", "anatomy", "report", "write", "scene")
# Says its process id, comes as far as the stage, and waits there to be killed or cancelled; the fourth one finishes.
WORKER = """
import os, pathlib
count = pathlib.Path({counter!r})
lives = len(count.read_text().split()) if count.exists() else 0
count.write_text((count.read_text() if count.exists() else "") + str(os.getpid()) + "\\n")
tell("progress", id, stage={stage!r}, fraction=0.2, message="at work")
if lives == 3:
    tell("result", id, folder={folder!r})
else:
    tell("cancelled", ask()["id"])
ask()
"""


def scene_of(host: Any) -> list[str]:
    return [host.scene.GetNthNode(index).GetID() for index in range(host.scene.GetNumberOfNodes())]


def press_and_reach(ui: QtWidgets.QWidget, wait_until: Any) -> None:
    ui.analyzeButton.click()
    wait_until(lambda: "at work" in ui.stageLabel.text())


@pytest.mark.parametrize("stage", STAGES)
def test_killed_three_times_at_a_stage(open_panel, a_volume, a_worker, a_host, wait_until, tmp_path, stage):
    import os
    import signal

    result = write_result(tmp_path / "results" / "case-7", oblique())
    counter = tmp_path / "lives"
    widget = open_panel(a_worker(WORKER.format(counter=str(counter), stage=stage, folder=str(result))))
    ui = widget.ui
    ui.volumeSelector.setCurrentNode(a_volume)
    before = None
    for _ in range(3):
        press_and_reach(ui, wait_until)
        before = before or scene_of(a_host)
        os.kill(int(counter.read_text().split()[-1]), signal.SIGKILL)
        wait_until(ui.errorFrame.isVisible)
        assert "SIGKILL" in ui.errorLabel.text()
        assert ui.analyzeButton.isEnabled()
        assert ui.analyzeButton.text() == "Analyze"
        assert scene_of(a_host) == before
    ui.analyzeButton.click()
    wait_until(lambda: "glioma" in ui.narrativeText.toPlainText())
    assert not ui.errorFrame.isVisible()


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_at_a_stage_leaves_nothing_behind(
    open_panel, a_volume, a_worker, a_host, wait_until, tmp_path, stage
):
    widget = open_panel(a_worker(WORKER.format(counter=str(tmp_path / "lives"), stage=stage, folder="")))
    ui = widget.ui
    ui.volumeSelector.setCurrentNode(a_volume)
    press_and_reach(ui, wait_until)
    before = scene_of(a_host)
    ui.analyzeButton.click()
    wait_until(lambda: ui.analyzeButton.text() == "Analyze")
    assert ui.stageLabel.text() == "Cancelled."
    assert scene_of(a_host) == before


def test_cancelled_while_the_result_is_opened_leaves_no_half_made_case(open_panel, a_host, wait_until, tmp_path):
    from XAIReportLib.scene.load import loading  # noqa: F401 - imported before the clock runs

    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    before = scene_of(a_host)
    steps: list[float] = []
    heard = widget.panel.openingProgressed
    widget.panel.openingProgressed = lambda fraction: (steps.append(fraction), heard(fraction))
    widget.logic.openResult(result, widget.panel)
    widget.panel.update()
    wait_until(lambda: len(steps) >= 3)
    widget.ui.analyzeButton.click()
    assert not widget.logic.isOpening
    wait_until(lambda: widget.ui.analyzeButton.text() == "Analyze")
    left = [a_host.scene.GetNodeByID(node) for node in scene_of(a_host) if node not in before]
    assert [node.GetName() for node in left if "case-7" in (node.GetName() or "")] == []


def test_cancelled_while_the_sections_are_filled_leaves_no_case_either(open_panel, a_host, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    before = scene_of(a_host)
    filling = widget.panel.filling
    widget.panel.filling = lambda loaded: [*filling(loaded)[:2], widget.ui.analyzeButton.click, *filling(loaded)[2:]]
    widget.logic.openResult(result, widget.panel)
    widget.panel.update()
    wait_until(lambda: widget.ui.analyzeButton.text() == "Analyze")
    left = [a_host.scene.GetNodeByID(node) for node in scene_of(a_host) if node not in before]
    assert [node.GetName() for node in left if "case-7" in (node.GetName() or "")] == []
    assert widget.ui.outcomeLabel.text() == "No result is shown yet."
    assert widget.ui.narrativeText.toPlainText() == ""


def test_a_cancelled_opening_keeps_the_earlier_result_of_the_case(open_panel, a_host, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    widget.logic.openResult(result, widget.panel)
    wait_until(lambda: not widget.logic.isOpening)
    before, sentences = scene_of(a_host), widget.ui.narrativeText.toPlainText()
    filling = widget.panel.filling
    widget.panel.filling = lambda loaded: [*filling(loaded), widget.ui.analyzeButton.click]
    widget.logic.openResult(result, widget.panel, replace=True)
    widget.panel.update()
    wait_until(lambda: widget.ui.analyzeButton.text() == "Analyze")
    assert set(scene_of(a_host)) >= set(before)
    assert widget.ui.narrativeText.toPlainText() == sentences
    layers = a_host.scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    assert layers.GetBackgroundVolumeID() == widget.ui.resultSelector.currentNodeID()


def test_a_section_that_cannot_be_filled_is_an_error_and_leaves_no_case(open_panel, a_host, wait_until, tmp_path):
    result = write_result(tmp_path / "results" / "case-7", oblique())
    widget = open_panel()
    before = scene_of(a_host)

    def fail():
        raise RuntimeError("The sections cannot be filled.")

    widget.panel.filling = lambda _loaded: [fail]
    widget.logic.openResult(result, widget.panel)
    wait_until(widget.ui.errorFrame.isVisible)
    assert widget.ui.errorLabel.text() == "The sections cannot be filled."
    left = [a_host.scene.GetNodeByID(node) for node in scene_of(a_host) if node not in before]
    assert [node.GetName() for node in left if "case-7" in (node.GetName() or "")] == []
