"""The real worker of a tiny case, killed at a stage of an analysis, and what is left; for a test and for scripts/faults.py."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6 import QtWidgets
from small_case import planted_brain

TINY_WORKER = Path(__file__).resolve().parents[2] / "scripts" / "tiny_worker.py"
STAGES = ("read", "predict", "saliency", "counterfactuals", "anatomy", "report", "write")
LONGEST_S = 400.0
COARSER = 2


def tiny_worker(memory: Path) -> list[str]:
    """The command line of scripts/tiny_worker.py."""
    return [sys.executable, "-P", str(TINY_WORKER), str(memory)]


def tiny_brain() -> tuple[np.ndarray, np.ndarray]:
    """small_case.planted_brain at 4 mm."""
    image, affine = planted_brain()
    return image[::COARSER, ::COARSER, ::COARSER], affine @ np.diag([COARSER, COARSER, COARSER, 1.0])


def watched_client(pids: list[int], command: list[str] | None = None) -> Any:
    """A worker's client that adds the process id of each worker that comes up."""
    from XAIReportLib.worker.client import WorkerClient

    class Watched(WorkerClient):
        def poll(self) -> list[Any]:
            events = super().poll()
            pids.extend(event.data["pid"] for event in events if event.type == "ready")
            return events

    return Watched(command=command)


class Victim:
    """A panel with an input. ``pids``: of its workers, in the order in which they came up."""

    def __init__(self, widget: Any, scene: Any, wait: Callable[..., None], pids: list[int]) -> None:
        self._widget, self._scene, self._wait, self._pids = widget, scene, wait, pids
        self._before: set[str] = set()
        self._killed: tuple[int, float] | None = None

    def kill_at(self, stage: str) -> tuple[list[str], float]:
        """What was wrong after the worker was killed at a stage, and how long the panel took to be ready."""
        self.begin(stage)
        return self.end()

    def begin(self, stage: str) -> None:
        """Press Analyze; the worker is killed when the panel hears that the stage was reached."""
        panel = self._widget.panel
        heard, reached = panel.analysisProgressed, []

        def hear(at: str, fraction: float, message: str) -> None:
            heard(at, fraction, message)
            reached.append(at)
            # "read" is also what the panel says before the worker answers.
            if reached.count(stage) > (stage == "read") and self._killed is None:
                self._killed = self._pids[-1], time.monotonic()
                os.kill(self._pids[-1], signal.SIGKILL)

        self._killed, panel.analysisProgressed = None, hear
        self._widget.ui.analyzeButton.click()
        self._before = nodes(self._scene)

    def end(self) -> tuple[list[str], float]:
        """See ``kill_at``."""
        ui: QtWidgets.QWidget = self._widget.ui
        self._ready()
        del self._widget.panel.analysisProgressed
        if self._killed is None:
            return [f"the stage was not reached: {ui.errorLabel.text() or ui.stageLabel.text()}"], 0.0
        pid, killed = self._killed
        seconds = time.monotonic() - killed
        checks = {
            "no message names the cause": ui.errorFrame.isVisible() and "SIGKILL" in ui.errorLabel.text(),
            "the process is still there": not Path(f"/proc/{pid}").exists(),
            "the scene has changed": nodes(self._scene) == self._before,
            "Analyze is not ready": ui.analyzeButton.isEnabled() and ui.analyzeButton.text() == "Analyze",
        }
        return [fault for fault, fine in checks.items() if not fine], seconds

    def analysis_works(self) -> bool:
        """Whether a whole analysis ends with its report in the panel."""
        ui: QtWidgets.QWidget = self._widget.ui
        ui.analyzeButton.click()
        self._ready()
        return not ui.errorFrame.isVisible() and bool(ui.narrativeText.toPlainText())

    def _ready(self) -> None:
        logic = self._widget.logic
        self._wait(lambda: not logic.isRunning and not logic.isOpening, LONGEST_S)


def nodes(scene: Any) -> set[str]:
    """Ids of the nodes of a scene."""
    return {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}
