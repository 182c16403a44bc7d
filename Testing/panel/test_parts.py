"""The panel's parts alone: progress in words, what is missing, the command of the worker, the text of a narrative."""

from __future__ import annotations

import gc
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6 import QtWidgets  # noqa: F401 - a module that names PySide keeps its own names of properties, here methods

pytestmark = pytest.mark.usefixtures("a_host")

REQUIREMENTS = str(Path(__file__).resolve().parents[2] / "XAIReport" / "Resources" / "requirements.txt")


def test_progress_never_goes_back_and_ends_whole():
    from XAIReportLib.panel import stages

    walked = [stages.overall(stage, part / 4) for stage in stages.SHARES for part in range(5)]
    assert all(before <= after for before, after in pairwise(walked))
    assert walked[0] == 0.0
    assert walked[-1] == pytest.approx(1.0)
    assert stages.overall("a stage of a later version", 0.5) == 0.0
    assert stages.overall("saliency", 7.0) <= 1.0


def test_the_elapsed_time_is_in_minutes_and_seconds():
    from XAIReportLib.panel import stages

    assert stages.sentence("anatomy", "", 75.9, None) == "Finding atlas positions (1:15)"
    assert stages.sentence("predict", "slice 3", 4.0, 40.0) == "Running the model: slice 3 (0:04 of about 0:40)"


def test_the_expected_time_is_the_last_ones_until_this_one_tells():
    from XAIReportLib.panel import stages

    assert stages.expected_seconds(5.0, 0.1, None) is None
    assert stages.expected_seconds(5.0, 0.1, 40.0) == 40.0
    assert stages.expected_seconds(50.0, 0.1, 40.0) is None
    assert stages.expected_seconds(30.0, 0.5, 40.0) == 60.0


def test_a_narrative_is_a_line_for_each_sentence_and_a_gap_between_sections():
    from XAIReportLib.panel.report import narrativeText

    sentences = [{"text": "A.", "section": "one"}, {"text": "B.", "section": "one"}, {"text": "C.", "section": "two"}]
    assert narrativeText(sentences) == "A.\nB.\n\nC."


def test_nothing_is_missing_where_everything_is_installed(a_host):
    from XAIReportLib.panel import dependencies

    assert dependencies.missing(REQUIREMENTS) == []
    dependencies.ensure(REQUIREMENTS)
    assert a_host.packaging.installed == []


def test_without_torch_the_pytorch_extension_is_asked_for(monkeypatch):
    from XAIReportLib.panel import dependencies

    monkeypatch.setattr(dependencies, "_torchInstalled", lambda: False)
    with pytest.raises(dependencies.MissingDependencies, match="install the PyTorch extension"):
        dependencies.ensure(REQUIREMENTS)


def test_torch_is_asked_for_with_a_floor_so_that_no_old_one_comes(monkeypatch, a_host):
    import types

    from XAIReportLib.panel import dependencies

    asked = {}

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation=False, forceComputationBackend=None, **versions):
            asked.update(versions, asks=askConfirmation, backend=forceComputationBackend)
            return object()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    monkeypatch.setattr(dependencies, "_torchInstalled", lambda: False)
    a_host.packaging.unsatisfied = {"timm"}
    dependencies.ensure(REQUIREMENTS)
    assert asked == {
        "torchVersionRequirement": ">=2.6",
        "torchvisionVersionRequirement": ">=0.21",
        "asks": True,
        "backend": None,
    }
    assert a_host.packaging.installed[0]["packages"] == ["timm"]


def test_an_old_slicer_is_told_to_be_too_old(monkeypatch):
    from XAIReportLib.panel import dependencies

    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    with pytest.raises(dependencies.MissingDependencies, match=r"5\.12 or newer"):
        dependencies.ensure(REQUIREMENTS)


def test_the_worker_runs_in_slicers_own_python(monkeypatch, tmp_path):
    from XAIReportLib.panel import dependencies
    from XAIReportLib.panel.run import makeWorkerClient

    monkeypatch.setattr(dependencies.shutil, "which", lambda name: str(tmp_path / name))
    command = dependencies.workerCommand()
    assert command["python"] == str(tmp_path / "PythonSlicer")
    assert command["environment"]["PATH"]
    makeWorkerClient().close()
    monkeypatch.setattr(dependencies.shutil, "which", lambda _: None)
    with pytest.raises(dependencies.MissingDependencies, match="PythonSlicer"):
        dependencies.workerCommand()


def test_the_stand_in_refuses_what_the_original_lacks():
    import qt
    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    for name in ("QRegExp", "QTextCodec", "Signal", "NoSuchClass"):
        with pytest.raises(AttributeError):
            getattr(qt, name)
    with pytest.raises(AttributeError):
        _ = slicer.app.noSuchMethod
    with pytest.raises(AttributeError):
        _ = slicer.modules
    with pytest.raises(Exception, match="Unable to create serializer"):

        @parameterNodeWrapper
        class Parameters:
            value: complex = 1j


def test_the_room_that_is_told_is_enough_for_what_is_installed_here():
    """Measured on this Python's own packages: the requirements with all that they need, and PyTorch with its libraries."""
    import re
    from importlib import metadata

    from packaging.requirements import Requirement
    from XAIReportLib.panel import dependencies

    def closure(names: set[str], without: set[str]) -> set[str]:
        found: set[str] = set()
        while names:
            name = re.sub(r"[-_.]+", "-", names.pop()).lower()
            if name in found or name in without:
                continue
            try:
                needed = metadata.requires(name) or ()
            except metadata.PackageNotFoundError:
                continue
            found.add(name)
            parsed = [Requirement(line) for line in needed]
            names |= {r.name for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})}
        return found

    kept = {name.lower() for name in dependencies.KEPT}
    lines = [line for line in Path(REQUIREMENTS).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    packages = closure({Requirement(line).name for line in lines}, kept)
    torch = closure({"torch", "torchvision"}, packages | kept - {"torch", "torchvision"})
    assert 100 < dependencies.megabytes(packages) < 1000 * dependencies.PACKAGES_GB
    assert dependencies.megabytes(torch) < 1000 * dependencies.TORCH_GB


def test_without_room_on_the_disk_nothing_is_installed(monkeypatch, a_host):
    from XAIReportLib.panel import dependencies

    a_host.packaging.unsatisfied = {"nibabel", "timm"}
    monkeypatch.setattr(dependencies, "_freeGigabytes", lambda: 0.4)
    assert "Python packages (2): up to 1 GB on the disk" in dependencies.need(REQUIREMENTS)
    with pytest.raises(dependencies.MissingDependencies, match=r"needs 1 GB .* 0\.4 GB are free"):
        dependencies.ensure(REQUIREMENTS)
    assert a_host.packaging.installed == []


def test_what_was_installed_can_be_removed_and_nothing_else(monkeypatch, open_panel, a_host, a_volume, a_worker):
    from XAIReportLib.panel import dependencies

    here = {"numpy", "timm"}
    monkeypatch.setattr(dependencies, "_distributions", lambda: set(here))
    monkeypatch.setattr(dependencies, "_isInstalled", lambda name: name in here)
    monkeypatch.setattr(dependencies, "megabytes", lambda names: 7.0 * len(list(names)))
    a_host.packaging.unsatisfied = {"nibabel"}
    widget = open_panel(a_worker("ask()\n"))
    ui = widget.ui
    assert "Analyze first asks to install Python packages (1)" in ui.needLabel.text()
    assert not ui.removeDownloadsButton.isEnabled()
    installing = a_host.packaging.pip_ensure
    monkeypatch.setattr(
        a_host.packaging, "pip_ensure", lambda *a, **k: (installing(*a, **k), here.update({"nibabel", "torch"}))
    )
    ui.volumeSelector.setCurrentNode(a_volume)
    ui.analyzeButton.click()
    assert not ui.needLabel.isVisible()
    assert "installed in this Slicer: 1." in ui.downloadsLabel.text()
    monkeypatch.setattr(
        a_host.packaging,
        "pip_uninstall",
        lambda names: (a_host.packaging.removed.extend(names), here.remove("nibabel")),
    )
    a_host.consents = False
    ui.removeDownloadsButton.click()
    assert a_host.packaging.removed == []
    a_host.consents = True
    ui.removeDownloadsButton.click()
    assert "nibabel" in a_host.questions[-1]
    assert "7 MB" in a_host.questions[-1]
    assert a_host.packaging.removed == ["nibabel"]
    assert not widget.logic.isRunning
    assert not ui.removeDownloadsButton.isEnabled()


def test_what_a_worker_wrote_before_it_failed_is_told_line_by_line(wait_until):
    from types import SimpleNamespace

    from XAIReportLib.panel.run import AnalysisRun, Outcome
    from XAIReportLib.worker.protocol import Event

    lines = [Event("1", "log", {"text": text}) for text in ("line one", "line two")]
    failed = Event("1", "error", {"message": "It failed.", "details": ""})
    client = SimpleNamespace(submit=lambda _type: "1", poll=lambda: [*lines, failed], close=lambda: None)
    run, heard = AnalysisRun(lambda: client), []
    run.start(lambda _folder: ({}, lambda: None), {}, Outcome(str, heard.append))
    wait_until(lambda: heard)
    run.close()
    assert str(heard[0]) == "It failed.\nline one\nline two"


def test_what_is_abandoned_is_let_go_in_the_main_thread(wait_until):
    """What it holds may be of Qt or of the scene, which only the main thread may destroy."""
    from XAIReportLib.panel.background import Background
    from XAIReportLib.panel.timer import Timer

    ended, told, go = [], [], threading.Event()

    class Work:
        def __call__(self):
            go.wait(10)

        def __del__(self):
            ended.append(threading.current_thread())

    work = Background(Work(), lambda *answer: told.append(answer))
    thread = work._thread
    work.abandon()
    del work
    go.set()
    thread.join(10)
    wait_until(lambda: not Timer._running, 10)
    gc.collect()
    assert not told
    assert thread not in ended
