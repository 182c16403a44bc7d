"""Measures how the module in Slicer feels: ``python scripts/evaluate.py panel [--parts analysis review tiny] [--result DIR]``.

The module runs in the tests' stand-in for Slicer (real Qt, real MRML, real worker). ``analysis``: a synthetic head of 240 x 240 x
155 voxels from a cold and from a warm worker, and how long the event loop is ever blocked. ``review``: opening a finished folder
(``--result``, else the one just made), a step of the percentile, a correction, the check of a sentence. ``tiny``: a brain template
at 4 mm of which few slices are looked at, from a cold and a warm worker, and Cancel at each of its stages. What was measured is
kept in docs/measurements/panel.json, part by part.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from module_stage import Stage, module_stage
from PySide6 import QtCore

from evaluation import MEASUREMENTS, keep, machine

PARTS = ("analysis", "review", "tiny")
FULL_SIZE = (240, 240, 155)
LONGEST_S = 900.0
TICK_MS = 5


class Gaps:
    """How long the event loop is blocked, milliseconds: by so much a timer comes late."""

    def __init__(self) -> None:
        self._last, self.values = time.perf_counter(), [0.0]
        self._timer = QtCore.QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.setTimerType(QtCore.Qt.PreciseTimer)
        self._timer.start(TICK_MS)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.values.append(max(0.0, 1000 * (now - self._last) - TICK_MS))
        self._last = now

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        return {
            "longest_ms": round(max(self.values), 1),
            "p99_ms": round(float(np.percentile(self.values, 99)), 1),
            "over_100_ms": sum(value > 100 for value in self.values),
        }


def _until(condition: Callable[[], Any]) -> None:
    """Runs the event loop as an application does, asleep between events, until the condition holds."""
    end = time.monotonic() + LONGEST_S
    loop, watch = QtCore.QEventLoop(), QtCore.QTimer()
    watch.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
    watch.start(TICK_MS)
    loop.exec()
    if not condition():
        raise TimeoutError("The module did not come this far in time.")


def _analysis(stage: Stage) -> dict[str, Any]:
    logic, gaps, began = stage.widget.logic, Gaps(), time.perf_counter()
    stage.widget.ui.analyzeButton.click()
    _until(lambda: not logic.isRunning)
    ran, during = time.perf_counter() - began, gaps.stop()
    gaps, opened = Gaps(), time.perf_counter()
    _until(lambda: not logic.isOpening)
    opening = {"seconds": round(time.perf_counter() - opened, 2), **gaps.stop()}
    if stage.widget.ui.errorFrame.isVisible():
        raise RuntimeError(stage.widget.ui.errorLabel.text())
    return {"seconds": round(ran, 1), "event_loop": during, "opening": opening}


def _percentile(stage: Stage) -> dict[str, float]:
    ui = stage.widget.ui
    _until(ui.percentileSlider.isEnabled)
    spent = []
    for value in np.linspace(85, 99, 29):
        began = time.perf_counter()
        ui.percentileSlider.setValue(float(value))
        spent.append(1000 * (time.perf_counter() - began))
    return {"median_ms": round(float(np.median(spent)), 1), "longest_ms": round(max(spent), 1)}


def _correction(stage: Stage) -> float:
    import slicer
    from scipy import ndimage
    from XAIReportLib.scene.nodes import fill_image, vtk_matrix
    from XAIReportLib.scene.reveal import ijk_to_ras
    from XAIReportLib.scene.segments import segment_voxels

    ui, case = stage.widget.ui, stage.widget.panel.shown.case
    ui.correctButton.click()
    _until(lambda: not stage.widget.logic._desk._asked)
    voxels = ndimage.binary_dilation(segment_voxels(case.segmentation, "lesion-1", case.volume), iterations=2)
    labelmap = slicer.vtkOrientedImageData()
    fill_image(labelmap, voxels.astype(np.uint8))
    labelmap.SetImageToWorldMatrix(vtk_matrix(ijk_to_ras(case.volume)))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    began = time.perf_counter()
    logic.SetBinaryLabelmapToSegment(labelmap, case.segmentation, "lesion-1", logic.MODE_REPLACE)
    _until(lambda: "(edited by the reader)" in ui.narrativeText.toPlainText())
    return round(time.perf_counter() - began, 2)


def _wording(stage: Stage) -> float:
    """From the last key to the word of the check, a pause of the fingers included."""
    ui, report = stage.widget.ui, stage.widget.panel.shown.report
    report._choose(len(report._sentences) - 1)
    began = time.perf_counter()
    ui.sentenceEdit.setPlainText("The segmented abnormality lies on the moon.")
    _until(lambda: ui.verdictLabel.text().startswith("?"))
    return round(time.perf_counter() - began, 2)


def _cancel(stage: Stage, name: str) -> tuple[float, int]:
    """Seconds until the panel is ready, and what is left then: nodes that were not there, workers beside the warm one."""
    from killed_worker import nodes

    ui, panel, reached = stage.widget.ui, stage.widget.panel, []
    heard = panel.analysisProgressed

    def hear(at: str, fraction: float, message: str) -> None:
        heard(at, fraction, message)
        reached.append(at)

    panel.analysisProgressed = hear
    ui.analyzeButton.click()
    before = nodes(stage.host.scene)
    _until(lambda: reached.count(name) > (name == "read"))
    began = time.perf_counter()
    ui.analyzeButton.click()
    _until(lambda: ui.analyzeButton.text() == "Analyze")
    seconds = round(time.perf_counter() - began, 2)
    panel.analysisProgressed = heard
    earlier = sum(Path(f"/proc/{pid}").exists() for pid in stage.pids[:-1])
    return seconds, len(nodes(stage.host.scene) - before) + earlier


def _analysed(stage: Stage) -> dict[str, Any]:
    """A cold and a warm worker on the same head."""
    from synthetic_head import make_synthetic_head

    head = make_synthetic_head(shape=FULL_SIZE)
    stage.volume(head.image, head.affine, "Synthetic head")
    measured: dict[str, Any] = {"voxels": list(head.image.shape)}
    for name in ("cold", "warm"):
        measured[name] = _analysis(stage)
        print(name, measured[name], flush=True)
    return measured


def _reviewed(stage: Stage, result: Path | None) -> dict[str, Any]:
    if result is not None:
        stage.widget.logic.openResult(Path(shutil.copytree(result, stage.folder / result.name)), stage.widget.panel)
        gaps, began = Gaps(), time.perf_counter()
        _until(lambda: not stage.widget.logic.isOpening)
        opening = {"opening": {"seconds": round(time.perf_counter() - began, 2), **gaps.stop()}}
    else:
        opening = {"opening": None}
    return {
        **opening,
        "percentile": _percentile(stage),
        "correction_s": _correction(stage),
        "wording_s": _wording(stage),
    }


def _tiny(stage: Stage) -> None:
    from killed_worker import tiny_brain

    stage.volume(*tiny_brain(), "Planted brain")
    for box in (stage.widget.ui.gradcamCheckBox, stage.widget.ui.scorecamCheckBox):
        box.click()


def _on_tiny_case() -> dict[str, Any]:
    """A cold and a warm worker on the tiny case, then Cancel at each stage."""
    from killed_worker import STAGES
    from small_case import COARSE_WORKER

    with module_stage(lambda _folder: COARSE_WORKER) as stage:
        _tiny(stage)
        measured: dict[str, Any] = {name: _analysis(stage) for name in ("cold", "warm")}
        print(measured, flush=True)
        cancelled = {at: _cancel(stage, at) for at in STAGES}
        return {
            **measured,
            "cancel_s": {at: seconds for at, (seconds, _) in cancelled.items()},
            "cancel_left": {at: left for at, (_, left) in cancelled.items()},
        }


def _with_load(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The measurement, and how many processes wanted the processors before it began."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"load_before": load, **measure()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--result", type=Path, help="a finished result of scripts/demo.py, for the part review")
    options = parser.parse_args(argv)
    path = MEASUREMENTS / "panel.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    with module_stage() as stage:
        for name, measure in (
            ("analysis", lambda: _analysed(stage)),
            ("review", lambda: _reviewed(stage, options.result)),
        ):
            if name in options.parts:
                measured[name] = {"machine": machine(), **_with_load(measure)}
                keep("panel", measured)
                print(name, measured[name], flush=True)
    if "tiny" in options.parts:
        measured["tiny"] = {"machine": machine(), **_with_load(_on_tiny_case)}
        keep("panel", measured)
        print("tiny", measured["tiny"], flush=True)
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    analysis, review, tiny = (measured.get(name) or {} for name in PARTS)
    rows: list[str] = []
    if analysis:
        cold, warm = analysis["cold"], analysis["warm"]
        size = " × ".join(str(n) for n in analysis["voxels"])
        rows += [
            f"| analysis of {size} voxels, cold worker | {cold['seconds']:.1f} s |",
            f"| the same, warm worker | {warm['seconds']:.1f} s |",
            *(
                f"| event loop blocked during the analysis, {name} worker | {run['event_loop']['longest_ms']:.0f} ms at most, "
                f"99 % below {run['event_loop']['p99_ms']:.0f} ms |"
                for name, run in (("cold", cold), ("warm", warm))
            ),
            f"| opening its result | {warm['opening']['seconds']:.1f} s, event loop blocked "
            f"{warm['opening']['longest_ms']:.0f} ms at most |",
        ]
    if review:
        opening, cut = review["opening"], review["percentile"]
        rows += [
            *(
                [
                    f"| opening a finished folder | {opening['seconds']:.1f} s, blocked {opening['longest_ms']:.0f} ms at most |"
                ]
                if opening
                else []
            ),
            f"| one step of the percentile | {cut['median_ms']:.0f} ms, {cut['longest_ms']:.0f} ms at most |",
            f"| an edited outline until every sentence follows | {review['correction_s']:.1f} s |",
            f"| a sentence in the reader's words until it is checked | {review['wording_s']:.1f} s |",
        ]
    if tiny:
        rows += [
            f"| tiny case: analysis, {name} worker | {tiny[name]['seconds']:.1f} s, event loop blocked "
            f"{tiny[name]['event_loop']['longest_ms']:.0f} ms at most, 99 % below {tiny[name]['event_loop']['p99_ms']:.0f} ms |"
            for name in ("cold", "warm")
        ]
        seconds, left = tiny["cancel_s"].values(), tiny.get("cancel_left", {}).values()
        rows.append(f"| tiny case: Cancel until ready, slowest of {len(seconds)} stages | {max(seconds):.2f} s |")
        if left:
            clean = sum(not count for count in left)
            rows.append(
                f"| tiny case: Cancel leaves no node and no process behind | at {clean} of {len(left)} stages |"
            )
    told = analysis or review or tiny
    loads = [
        f"{name} {part['load_before']}" for name, part in zip(PARTS, (analysis, review, tiny), strict=True) if part
    ]
    return [
        f"## The module in Slicer ({told['machine']}, CPU)",
        "",
        "A synthetic head, all heat maps, in the tests' stand-in for Slicer: real Qt, real MRML, real worker.",
        f"Load average of the machine before each part, other work included: {', '.join(loads)}.",
        "",
        "| what | measured |",
        "| --- | --- |",
        *rows,
    ]
