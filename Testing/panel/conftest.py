# ruff: noqa: ARG001 - a fixture that only has to be there
"""Fixtures of the panel tests: the module in a stand-in Slicer with real Qt, real MRML and a real child process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

TESTING = Path(__file__).resolve().parents[1]
FOLDERS = ("", "scene", "report", "report/language", "panel")
sys.path[:0] = [str(TESTING / folder) for folder in FOLDERS]


@pytest.fixture
def a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 or a library of the system that it needs is missing")
    from XAIReportLib.scene.session import SceneUnavailable, slicer_package

    # PySide asks every loaded module for attributes, and torch.classes of another test answers with an exception.
    for name in [n for n, module in sys.modules.items() if type(module).__name__ in ("_Classes", "_Ops")]:
        monkeypatch.delitem(sys.modules, name)
    try:
        slicer_package()
    except SceneUnavailable as reason:
        pytest.skip(str(reason))
    from host import install

    # What a test leaves, whole scenes and panels, is destroyed here: Python would do so in any thread that allocates,
    # and neither Qt nor VTK bears that. Slicer's own scene and panels stay as long as it runs.
    gc.disable()
    try:
        with install(tmp_path) as host:
            yield host
    finally:
        gc.collect()
        gc.enable()


@pytest.fixture
def open_panel(a_host: Any) -> Iterator[Callable[..., Any]]:
    """Opens the module's widget, as large as it is in Slicer."""
    opened = []

    def open_(make_client: Any = None) -> Any:
        import XAIReport

        logic = XAIReport.XAIReportLogic(make_client)
        logic.bundleNames = lambda: ["brain_tumor_mri"]
        widget = XAIReport.XAIReportWidget(logic=logic)
        widget.parent.resize(520, 1000)
        opened.append(widget)
        return widget

    yield open_
    for widget in opened:
        widget.cleanup()
        widget.parent.deleteLater()


@pytest.fixture
def choose_folder(a_host: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Says which folder the person picks in the dialogue that opens next. (A patch of the Qt class itself would stay: it
    has one set of names for each property style.)"""
    import qt

    def choose(folder: Path) -> None:
        monkeypatch.setattr(qt, "QFileDialog", SimpleNamespace(getExistingDirectory=lambda *_: str(folder)))

    return choose


@pytest.fixture
def a_volume(a_host: Any) -> Any:
    import slicer

    assert slicer.mrmlScene is a_host.scene
    return slicer.util.addVolumeFromArray(np.arange(4000, dtype=np.float32).reshape(10, 20, 20), name="Patient Name")


@pytest.fixture
def a_worker(tmp_path: Path) -> Callable[[str], Callable[[], Any]]:
    """Gives the maker of a real client whose real child process follows a script of events."""

    def script(body: str) -> Callable[[], Any]:
        from XAIReportLib.worker.client import WorkerClient

        path = tmp_path / "child.py"
        path.write_text(CHILD + body, encoding="utf-8")
        return lambda: WorkerClient(command=[sys.executable, str(path)], silence_timeout_s=20.0)

    return script


class WarmWorkers:
    """Real workers that outlive a panel: one that was given back goes to the next test, as long as nothing is asked of it."""

    def __init__(self) -> None:
        self.idle: list[Any] = []

    def __call__(self) -> Any:
        from XAIReportLib.worker.client import WorkerClient

        idle = self.idle

        class Kept(WorkerClient):
            def close(self) -> None:
                self.poll()
                if self._unfinished or self._closed:
                    super().close()
                else:
                    idle.append(self)

        return idle.pop() if idle else Kept()

    def end(self) -> None:
        for client in self.idle:
            super(type(client), client).close()


@pytest.fixture(scope="session")
def warm_workers() -> Iterator[WarmWorkers]:
    """Makes clients of real workers."""
    workers = WarmWorkers()
    yield workers
    workers.end()


@pytest.fixture
def a_case(tmp_path: Path) -> Path:
    """The finished result of the phantom."""
    from engine_results import write_engine_result

    return write_engine_result(tmp_path / "results" / "phantom-7f3a")


@pytest.fixture
def review(
    open_panel: Callable[..., Any], choose_folder: Callable[[Path], None], wait_until: Callable[..., None]
) -> Callable[..., Any]:
    """Opens the panel, and a result folder in it with the button."""

    def open_(folder: Path, make_client: Any = None) -> Any:
        widget = open_panel(make_client)
        choose_folder(folder)
        widget.ui.loadResultButton.click()
        wait_until(lambda: not widget.logic.isOpening)
        return widget

    return open_


@pytest.fixture
def a_review(
    review: Callable[..., Any], a_case: Path, warm_workers: WarmWorkers, wait_until: Callable[..., None]
) -> Any:
    """The panel with the phantom's result and real workers."""
    widget = review(a_case, warm_workers)
    wait_until(widget.ui.percentileSlider.isEnabled)
    return widget


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of language models that does what its address says (running_server.Scripted)."""
    from running_server import running

    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def wait_until() -> Callable[..., None]:
    from host.waiting import wait_until

    return wait_until


CHILD = """
import json, sys, time

def tell(type, id="", **data):
    print(json.dumps({"protocol": 1, "id": id, "type": type, "data": data}), flush=True)

def ask():
    request = json.loads(sys.stdin.readline() or "null")
    if request is None or request["type"] != "devices":
        return request
    tell("result", request["id"], devices={"auto": "CPU: PyTorch was built without CUDA", "cpu": "CPU, as asked"})
    return ask()

tell("ready")
request = ask()
id, params = request["id"], request["params"]
"""
