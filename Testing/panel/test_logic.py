"""The logic from Slicer's Python console: one call, blocking or not."""

from __future__ import annotations

from typing import Any

import pytest
from result_folders import oblique, write_result

pytestmark = pytest.mark.usefixtures("a_host")

RESULT = """
tell("progress", id, stage="predict", fraction=0.5, message="")
tell("result", id, folder={folder!r})
ask()
"""


@pytest.fixture
def a_logic():
    made = []

    def make(make_client: Any) -> Any:
        import XAIReport

        made.append(XAIReport.XAIReportLogic(make_client))
        return made[-1]

    yield make
    for logic in made:
        logic.close()


def test_analyze_returns_the_loaded_result(a_logic, a_volume, a_worker, tmp_path):
    result = write_result(tmp_path / "case-7", oblique())
    loaded = a_logic(a_worker(RESULT.format(folder=str(result)))).analyze(a_volume)
    assert loaded.case_id == "case-7"
    assert "gradcam++" in loaded.heatmaps


def test_analyze_without_waiting_calls_back(a_logic, a_volume, a_worker, tmp_path, wait_until):
    result = write_result(tmp_path / "case-7", oblique())
    heard: list[Any] = []
    logic = a_logic(a_worker(RESULT.format(folder=str(result))))
    assert logic.analyzeAsync(a_volume, heard.append) is None
    wait_until(lambda: heard)
    assert heard[0].case_id == "case-7"


def test_a_failed_analysis_raises_the_workers_sentence(a_logic, a_volume, a_worker):
    body = 'tell("error", id, message="The volume is too thin.", details="", kind="input")\nask()\n'
    with pytest.raises(RuntimeError, match="too thin"):
        a_logic(a_worker(body)).analyze(a_volume)


def test_a_second_analysis_while_one_runs_is_refused(a_logic, a_volume, a_worker):
    logic = a_logic(a_worker("ask()\n"))
    logic.analyzeAsync(a_volume, print)
    with pytest.raises(RuntimeError, match="An analysis is running"):
        logic.analyze(a_volume)


def test_close_ends_a_running_analysis(a_logic, a_volume, a_worker):
    heard: list[Any] = []
    logic = a_logic(a_worker("ask()\n"))
    logic.analyzeAsync(a_volume, heard.append)
    logic.close()
    assert "cancelled" in str(heard[0])
    assert not logic.isRunning


def test_close_answers_what_was_asked_so_that_nobody_waits_for_ever(a_logic, a_worker):
    heard: list[Any] = []
    logic = a_logic(a_worker("ask()\n"))
    logic.ask("revise", {}, heard.append)
    logic.close()
    assert [event.type for event in heard] == ["cancelled"]


def test_the_worker_is_not_asked_for_a_scene_which_is_the_open_one(a_logic, a_volume, a_worker, wait_until):
    heard: list[Any] = []
    body = 'tell("error", id, message=json.dumps(params.get("scene")), details="", kind="input")\nask()\n'
    a_logic(a_worker(body)).analyzeAsync(a_volume, heard.append)
    wait_until(lambda: heard)
    assert str(heard[0]) == "false"


def test_the_modules_own_test_passes_here_too(monkeypatch):
    import slicer

    import XAIReport

    widget = XAIReport.XAIReportWidget()
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda _: widget)
    XAIReport.XAIReportTest().runTest()
    widget.cleanup()
