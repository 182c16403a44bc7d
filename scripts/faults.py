"""Kills the worker at every stage of an analysis: ``python scripts/faults.py [--times 20] [--stages predict write] [--again]``.

Each time the panel must name the cause, the process be gone, the scene as before, and Analyze ready; at the end of each stage's
kills a whole analysis must succeed. The case is tiny (a brain template at 4 mm with a planted ball), the worker is
scripts/tiny_worker.py. What was counted is kept in docs/measurements/faults.json after every kill, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from evaluation import MEASUREMENTS, keep, machine
from module_stage import ROOT, Stage, module_stage
from PySide6 import QtWidgets

STAGES = ("read", "predict", "saliency", "counterfactuals", "anatomy", "report", "write", "scene")
LONGEST_S = 400.0
COARSER = 2


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument(
        "--at-most", type=int, default=1000, help="kills at each stage in this run; the next one goes on"
    )
    parser.add_argument("--memory", type=Path, help="folder for what the worker remembers from run to run")
    parser.add_argument("--again", action="store_true", help="forget what was counted before")
    options = parser.parse_args(arguments)
    counted = {} if options.again else _counted()
    wanted = [name for name in options.stages if counted.get(name, {}).get("kills", 0) < options.times]
    if wanted:
        _kill(wanted, options.times, options.at_most, counted, options.memory)
    clean = all(counted[name]["clean"] == counted[name]["kills"] and counted[name]["works"] for name in options.stages)
    return 0 if clean else 1


def _counted() -> dict[str, Any]:
    path = MEASUREMENTS / "faults.json"
    return json.loads(path.read_text(encoding="utf-8"))["stages"] if path.is_file() else {}


def _kill(wanted: list[str], times: int, at_most: int, counted: dict[str, Any], memory: Path | None) -> None:
    import numpy as np
    from small_case import planted_brain

    image, affine = planted_brain()
    image, affine = image[::COARSER, ::COARSER, ::COARSER], affine @ np.diag([COARSER, COARSER, COARSER, 1.0])
    with module_stage(lambda folder: _command(memory or folder)) as stage:
        stage.volume(image, affine, "Planted brain")
        for box in (stage.widget.ui.gradcamCheckBox, stage.widget.ui.scorecamCheckBox):
            box.click()
        if not _whole(stage):
            raise RuntimeError(stage.widget.ui.errorLabel.text())
        for name in wanted:
            fresh = {"kills": 0, "clean": 0, "slowest_s": 0.0, "works": False, "faults": []}
            told = counted.setdefault(name, fresh)
            for _ in range(min(times - told["kills"], at_most)):
                faults, seconds = _kill_at(stage, name)
                told["kills"] += 1
                told["clean"] += not faults
                told["slowest_s"] = round(max(told["slowest_s"], seconds), 2)
                told["faults"] += faults
                keep("faults", {"machine": machine(), "stages": counted})
            if told["kills"] >= times:
                told["works"] = _whole(stage)
            keep("faults", {"machine": machine(), "stages": counted})
            print(name, told, flush=True)


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-P", str(ROOT / "scripts" / "tiny_worker.py"), str(folder)]


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
    pid = stage.pids[-1]
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: not stage.widget.logic.isRunning and not stage.widget.logic.isOpening, LONGEST_S)
    seconds = time.monotonic() - killed
    panel.analysisProgressed = heard
    return [f for f in _faults(ui, stage.scene_nodes(), before, pid) if f], seconds


def _faults(ui: QtWidgets.QWidget, after: set[str], before: set[str], pid: int) -> list[str]:
    checks = {
        "no message names the cause": ui.errorFrame.isVisible() and "SIGKILL" in ui.errorLabel.text(),
        "the process is still there": not Path(f"/proc/{pid}").exists(),
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
