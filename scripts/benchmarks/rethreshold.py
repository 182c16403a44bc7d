"""How long a heat map of 240 x 240 x 155 takes to be cut again when a slider is moved, and to be cleaned up when it is released.

python scripts/benchmark.py rethreshold --output rethreshold.json
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from scipy import ndimage
from XAIReportLib.percentile_cut import PercentileCut
from XAIReportLib.saliency.masks import largest_components

from benchmarks import machine, machine_text, middle, report, where_figures_go

SHAPE = (240, 240, 155)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    where_figures_go(parser)
    options = parser.parse_args(argv)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij", sparse=True)
    head = sum((a / 0.85) ** 2 for a in axes) < 1
    values = ndimage.zoom(
        np.random.default_rng(0).random((24, 24, 16), np.float32), np.array(SHAPE) / (24, 24, 16), order=1
    )
    written = np.zeros(SHAPE, np.uint8)
    began = time.perf_counter()
    cut = PercentileCut(values, head)
    first = 1000 * (time.perf_counter() - began)
    moved, released = [], []
    for number in range(options.repeats):
        percentile = 80 + 19.5 * (number * 7 % options.repeats) / options.repeats
        began = time.perf_counter()
        np.copyto(written, cut.mask(percentile))
        moved.append(1000 * (time.perf_counter() - began))
        if number % 8 == 0:
            began = time.perf_counter()
            largest_components(written > 0)
            released.append(1000 * (time.perf_counter() - began))
    measured = {
        "shape": SHAPE,
        "head_voxels": int(head.sum()),
        "machine": machine(),
        "first_ms": round(first, 1),
        "moved_ms": middle(moved, 2) | {"highest": round(max(moved), 2)},
        "released_ms": middle(released, 1),
    }
    return report(measured, "rethreshold", options)


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    moved = measured["moved_ms"]
    rows = {
        "first cut, sorting included": f"{measured['first_ms']:.0f}",
        "each further cut, compared and written": f"{moved['median']:.1f} (slowest {moved['highest']:.1f})",
        "clean-up on release": f"{measured['released_ms']['median']:.0f}",
    }
    return [
        f"## Moving the slider: a heat map of {' x '.join(map(str, measured['shape']))} cut again",
        "",
        f"{machine_text(measured['machine'])}. At most 50 ms a cut was aimed at.",
        "",
        "| what | ms |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows.items()),
    ]
