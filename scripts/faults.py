"""Kills the worker at every stage of an analysis: ``python scripts/faults.py [--times 20] [--stages predict write]``.

Each time the panel must name the cause, the scene must be as before, and Analyze must be ready; at the end of each stage's kills
a whole analysis must succeed. The case is a brain template with a planted ball, the worker looks at few of its slices.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from module_stage import Stage, module_stage
from PySide6 import QtWidgets

STAGES = ("read", "predict", "saliency", "anatomy", "report", "write", "scene")
LONGEST_S = 400.0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    options = parser.parse_args(arguments)
    from small_case import COARSE_WORKER, planted_brain

    failures = 0
    with module_stage(COARSE_WORKER) as stage:
        stage.volume(*planted_brain(), "Planted brain")
        for box in (stage.widget.ui.gradcamCheckBox, stage.widget.ui.scorecamCheckBox):
            box.click()
        for name in options.stages:
            clean, slowest = 0, 0.0
            for _ in range(options.times):
                faults, seconds = _kill_at(stage, name)
                clean, slowest = clean + (not faults), max(slowest, seconds)
                for fault in faults:
                    print(f"{name}: {fault}", file=sys.stderr, flush=True)
            works = _whole(stage)
            failures += options.times - clean + (not works)
            print(
                f"{name}: {clean} of {options.times} kills left a clear message, the scene as it was and Analyze ready "
                f"(slowest {slowest:.2f} s); the next analysis {'succeeded' if works else 'FAILED'}.",
                flush=True,
            )
    return 1 if failures else 0


def _kill_at(stage: Stage, name: str) -> tuple[list[str], float]:
    """What was wrong after one kill, and how long the panel took to be ready."""
    from host.waiting import wait_until

    ui, panel, before = stage.widget.ui, stage.widget.panel, None
    reached: list[str] = []
    heard = panel.analysisProgressed

    def hear(at: str, fraction: float, message: str) -> None:
        heard(at, fraction, message)
        reached.append(at)

    panel.analysisProgressed = hear
    lives = len(stage.pids)
    ui.analyzeButton.click()
    before = stage.scene_nodes()
    # "read" is also what the panel says before the worker answers.
    wait_until(lambda: reached.count(name) > (name == "read") and len(stage.pids) >= max(lives, 1), LONGEST_S)
    os.kill(stage.pids[-1], signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: not stage.widget.logic.isRunning and not stage.widget.logic.isOpening, LONGEST_S)
    seconds = time.monotonic() - killed
    panel.analysisProgressed = heard
    return _faults(ui, stage.scene_nodes(), before), seconds


def _faults(ui: QtWidgets.QWidget, after: set[str], before: set[str]) -> list[str]:
    checks = {
        "no message names the cause": ui.errorFrame.isVisible() and "SIGKILL" in ui.errorLabel.text(),
        "the scene has changed": after == before,
        "Analyze is not ready": ui.analyzeButton.isEnabled() and ui.analyzeButton.text() == "Analyze",
    }
    return [fault for fault, fine in checks.items() if not fine]


def _whole(stage: Stage) -> bool:
    from host.waiting import wait_until

    ui, logic = stage.widget.ui, stage.widget.logic
    ui.analyzeButton.click()
    wait_until(lambda: not logic.isRunning and not logic.isOpening, LONGEST_S)
    return not ui.errorFrame.isVisible() and bool(ui.narrativeText.toPlainText())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
