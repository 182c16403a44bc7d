"""The device and its reason, before an analysis."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("a_host")


def reason(ui: Any) -> str:
    from PySide6 import QtWidgets  # PySide's own names, here and below, not PythonQt's

    assert isinstance(ui.deviceReasonLabel, QtWidgets.QLabel)
    return ui.deviceReasonLabel.text()


def test_the_reason_is_told_by_the_worker_before_any_analysis(open_panel, a_volume, warm_workers, wait_until):
    ui = open_panel(warm_workers).ui
    assert reason(ui) == ""
    ui.volumeSelector.setCurrentNode(a_volume)
    wait_until(lambda: reason(ui))
    assert reason(ui).startswith(("CPU: PyTorch ", "GPU "))
    ui.deviceSelector.setCurrentIndex(1)
    assert reason(ui) == "CPU, as asked"


def test_slicers_own_process_does_not_load_torch_for_it(open_panel, a_volume, a_worker, wait_until):
    before = {name for name in sys.modules if name.split(".")[0] == "torch"}
    ui = open_panel(a_worker("ask()\n")).ui
    ui.volumeSelector.setCurrentNode(a_volume)
    wait_until(lambda: reason(ui) == "CPU: PyTorch was built without CUDA")
    assert {name for name in sys.modules if name.split(".")[0] == "torch"} == before


def test_the_worker_is_asked_once_and_only_when_a_volume_is_chosen(open_panel, a_volume):
    asked = []

    class Client:
        def submit(self, type, **_parameters):
            asked.append(type)
            return str(len(asked))

        def poll(self):
            return []

        def cancel(self, _request):
            raise AssertionError

        def close(self):
            pass

    ui = open_panel(Client).ui
    ui.keepCheckBox.click()
    assert asked == []
    ui.volumeSelector.setCurrentNode(a_volume)
    ui.deviceSelector.setCurrentIndex(1)
    ui.keepCheckBox.click()
    assert asked == ["devices"]


def test_a_worker_that_cannot_tell_leaves_the_line_empty_and_the_panel_ready(open_panel, a_volume, wait_until):
    from XAIReportLib.worker.client import WorkerClient

    clients = []

    def dying():
        clients.append(WorkerClient(command=[sys.executable, "-c", "raise SystemExit(3)"]))
        return clients[-1]

    ui = open_panel(dying).ui
    ui.volumeSelector.setCurrentNode(a_volume)
    wait_until(lambda: not clients[0]._unfinished)
    assert reason(ui) == ""
    assert ui.analyzeButton.isEnabled()
    assert not ui.errorFrame.isVisible()
