"""The scene in the worker: a result whose scene cannot be made is a result, with a warning that names no folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from XAIReportLib import folder as folders
from XAIReportLib.scene import SceneUnavailable
from XAIReportLib.worker import server

FULL = OSError(28, "No space left on device", "/data/Doe Jane/one/scene.mrb")
COULD_NOT = (
    "scene.mrb could not be made ([Errno 28] No space left on device: 'scene.mrb'); the rest of the result is complete."
)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    return folder


@pytest.fixture
def road(monkeypatch: pytest.MonkeyPatch, result: Path) -> SimpleNamespace:
    """A pipeline that has finished ``result``, and a maker of scenes that raises ``scene_error``."""
    state = SimpleNamespace(scene_error=None)

    def write_mrb(folder: Path) -> None:
        if state.scene_error:
            raise state.scene_error
        (folder / "scene.mrb").write_text("scene")

    pipeline = ModuleType("XAIReportLib.pipeline")
    pipeline.analyze = lambda *_, **__: SimpleNamespace(
        folder=result, prediction=SimpleNamespace(outcome="no_lesion_found")
    )
    monkeypatch.setitem(sys.modules, "XAIReportLib.pipeline", pipeline)
    monkeypatch.setattr("XAIReportLib.scene.write_mrb", write_mrb)
    return state


def last(handler: server.Handler, **parameters: Any) -> tuple[str, dict[str, Any]]:
    """The event that ends a request."""
    sent: list[tuple[str, dict[str, Any]]] = []
    channel = server.Channel("1", lambda _, kind, data: sent.append((kind, data)))
    server._work("analyze", handler, channel, parameters, channel._send)
    return sent[-1]


def analyzed(folder: Path, **more: str) -> tuple[str, dict[str, Any]]:
    return "result", {"folder": str(folder), "outcome": "no_lesion_found", **more}


def warnings(folder: Path) -> list[str]:
    return json.loads((folder / "run.json").read_text()).get("warnings", [])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SceneUnavailable("slicer-core is not installed."), "scene.mrb was left out: slicer-core is not installed."),
        (FULL, COULD_NOT),
    ],
)
def test_a_failing_scene_leaves_the_result_with_a_warning(
    road: SimpleNamespace, result: Path, error: Exception, said: str
) -> None:
    road.scene_error = error
    assert last(server.analyze, source="x", output="out") == analyzed(result, warning=said)
    assert warnings(result) == [said]


def test_a_disk_that_has_no_room_for_the_warning_either_costs_no_result(
    road: SimpleNamespace, result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise FULL

    road.scene_error = FULL
    monkeypatch.setattr(folders, "add_warning", full)
    assert last(server.analyze, source="x", output="out") == analyzed(result, warning=COULD_NOT)


def test_the_scene_of_a_finished_result_can_be_asked_for(road: SimpleNamespace, result: Path) -> None:
    assert last(server.HANDLERS["scene"], folder=str(result)) == ("result", {})
    assert (result / "scene.mrb").is_file()
    road.scene_error = FULL
    assert last(server.HANDLERS["scene"], folder=str(result)) == ("result", {"warning": COULD_NOT})


def test_without_a_wish_for_a_scene_none_is_made(road: SimpleNamespace, result: Path) -> None:
    road.scene_error = FULL
    assert last(server.analyze, source="x", output="out", scene=False) == analyzed(result)
    assert warnings(result) == []
