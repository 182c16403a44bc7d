"""Kills the worker at every stage of an analysis: ``python scripts/faults.py [--times 20] [--stages predict write] [--again]``.

Each time the panel must name the cause, the process be gone, the scene as before, and Analyze ready; at the end of each stage's
kills a whole analysis must succeed. The case is tiny (a brain template at 4 mm with a planted ball), the worker is
scripts/tiny_worker.py. What was counted is kept in docs/measurements/faults.json after every kill, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from evaluation import MEASUREMENTS, keep, machine
from module_stage import module_stage
from PySide6 import QtWidgets  # noqa: F401 - a module that names PySide keeps its own names of properties, here methods


def main(arguments: list[str] | None = None) -> int:
    from killed_worker import STAGES

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
    from host.waiting import wait_until
    from killed_worker import Victim, tiny_brain, tiny_worker

    image, affine = tiny_brain()
    with module_stage(lambda folder: tiny_worker(memory or folder)) as stage:
        stage.volume(image, affine, "Planted brain")
        for box in (stage.widget.ui.gradcamCheckBox, stage.widget.ui.scorecamCheckBox):
            box.click()
        victim = Victim(stage.widget, stage.host.scene, wait_until, stage.pids)
        if not victim.analysis_works():
            raise RuntimeError(stage.widget.ui.errorLabel.text())
        for name in wanted:
            fresh = {"kills": 0, "clean": 0, "slowest_s": 0.0, "works": False, "faults": []}
            told = counted.setdefault(name, fresh)
            for _ in range(min(times - told["kills"], at_most)):
                faults, seconds = victim.kill_at(name)
                told["kills"] += 1
                told["clean"] += not faults
                told["slowest_s"] = round(max(told["slowest_s"], seconds), 2)
                told["faults"] += faults
                keep("faults", {"machine": machine(), "stages": counted})
            if told["kills"] >= times:
                told["works"] = victim.analysis_works()
            keep("faults", {"machine": machine(), "stages": counted})
            print(name, told, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
