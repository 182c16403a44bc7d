"""Measures how the module in Slicer feels, on a synthetic head: ``python scripts/evaluate.py panel``.

The module runs in the tests' stand-in for Slicer (real Qt, real MRML, real worker): how long the event loop is ever blocked, how
long an analysis takes from a cold and from a warm worker, opening a finished folder, a step of the percentile, a correction, a
cancel at each stage. Keeps docs/measurements/panel.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from module_stage import Stage, module_stage
from PySide6 import QtCore

from evaluation import keep, machine

STAGES = ("read", "predict", "saliency", "anatomy", "report", "write", "scene")
LONGEST_S = 900.0


class Gaps:
    """Times between two rounds of the event loop, milliseconds, as a timer sees them."""

    def __init__(self) -> None:
        self._last, self.values = time.perf_counter(), [0.0]
        self._timer = QtCore.QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(0)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.values.append(1000 * (now - self._last))
        self._last = now

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        return {
            "longest_ms": round(max(self.values), 1),
            "p99_ms": round(float(np.percentile(self.values, 99)), 1),
            "over_100_ms": sum(value > 100 for value in self.values),
        }


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("The module did not come this far in time.")
        QtCore.QCoreApplication.processEvents(QtCore.QEventLoop.AllEvents, 5)


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
    _until(lambda: not stage.widget.logic._run._asked)
    voxels = ndimage.binary_dilation(segment_voxels(case.segmentation, "lesion-1", case.volume), iterations=2)
    labelmap = slicer.vtkOrientedImageData()
    fill_image(labelmap, voxels.astype(np.uint8))
    labelmap.SetImageToWorldMatrix(vtk_matrix(ijk_to_ras(case.volume)))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    began = time.perf_counter()
    logic.SetBinaryLabelmapToSegment(labelmap, case.segmentation, "lesion-1", logic.MODE_REPLACE)
    _until(lambda: "(edited by the reader)" in ui.narrativeText.toPlainText())
    return round(time.perf_counter() - began, 2)


def _cancel(stage: Stage, name: str) -> float:
    ui, panel, reached = stage.widget.ui, stage.widget.panel, []
    heard = panel.analysisProgressed

    def hear(at: str, fraction: float, message: str) -> None:
        heard(at, fraction, message)
        reached.append(at)

    panel.analysisProgressed = hear
    ui.analyzeButton.click()
    _until(lambda: reached.count(name) > (name == "read"))
    began = time.perf_counter()
    ui.analyzeButton.click()
    _until(lambda: ui.analyzeButton.text() == "Analyze")
    panel.analysisProgressed = heard
    return round(time.perf_counter() - began, 2)


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    from synthetic_head import make_synthetic_head

    head = make_synthetic_head()
    with module_stage() as stage:
        stage.volume(head.image, head.affine, "Synthetic head")
        measured: dict[str, Any] = {"machine": machine(), "voxels": list(head.image.shape)}
        for name, measure in (
            ("cold", lambda: _analysis(stage)),
            ("warm", lambda: _analysis(stage)),
            ("percentile", lambda: _percentile(stage)),
            ("correction_s", lambda: _correction(stage)),
            ("cancel_s", lambda: {at: _cancel(stage, at) for at in STAGES}),
        ):
            measured[name] = measure()
            print(name, measured[name], flush=True)
    keep("panel", measured)
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    cold, warm, cut = measured["cold"], measured["warm"], measured["percentile"]
    size = " x ".join(str(n) for n in measured["voxels"])
    slowest = max(measured["cancel_s"].values())
    return [
        f"## The module in Slicer ({measured['machine']}, CPU)",
        "",
        f"A synthetic head of {size} voxels, all heat maps, in the tests' stand-in for Slicer: real Qt, real MRML, real worker.",
        "",
        "| what | measured |",
        "| --- | --- |",
        f"| analysis, cold worker | {cold['seconds']:.0f} s |",
        f"| analysis, warm worker | {warm['seconds']:.0f} s |",
        f"| event loop blocked during an analysis | {warm['event_loop']['longest_ms']:.0f} ms at most, "
        f"99 % below {warm['event_loop']['p99_ms']:.0f} ms |",
        f"| opening the finished result | {warm['opening']['seconds']:.1f} s, event loop blocked "
        f"{warm['opening']['longest_ms']:.0f} ms at most |",
        f"| one step of the percentile | {cut['median_ms']:.0f} ms, {cut['longest_ms']:.0f} ms at most |",
        f"| an edited outline until every sentence follows | {measured['correction_s']:.1f} s |",
        f"| Cancel until ready, slowest of {len(measured['cancel_s'])} stages | {slowest:.1f} s |",
    ]
