"""What explaining adds to the prediction of a whole volume, on the product's own road.

    python scripts/benchmark.py explain --input t1c.nii.gz [--keep]

The stages are timed one by one: looking at every slice and fusing them, Grad-CAM++ alone with its mask, the three methods of the
report with their masks, and the checks of the case. With ``--threads 1`` processor time is taken, which other programs on the
machine do not change.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from evaluation import ROOT
from XAIReportLib import saliency
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import Bundle, load_bundle, load_network
from XAIReportLib.models.inference import ClassPath, look, predict, sections
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.reading import read_case
from XAIReportLib.results import DEFAULT_SALIENCY, SaliencyMask
from XAIReportLib.views import make_views

from benchmarks import machine, machine_text, middle, report, where_figures_go

VOLUME = ROOT.parent / "shared" / "data" / "brain_volumes" / "brats_2013_pat0005_1" / "t1c.nii.gz"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, default=VOLUME, help="a volume; default one of the test volumes")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch")
    where_figures_go(parser)
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    bundle = load_bundle(options.bundle)
    network = load_network(bundle, "cpu")
    case = read_case(options.input)
    seconds: dict[str, list[float]] = {}
    for _ in range(options.repeats):
        walk(case, bundle, network, seconds, clock)
    measured = {
        "shape": list(case.image.shape),
        "machine": machine(),
        "slices": len(make_views(case)[1]),
        "clock": "processor time of one thread" if clock is time.process_time else "wall",
        "seconds": {name: middle(values, 2) for name, values in seconds.items()},
    }
    return report(measured, "explain", options)


def walk(
    case: Case,
    bundle: Bundle,
    network: DualHeadNetwork,
    seconds: dict[str, list[float]],
    clock: Callable[[], float],
) -> None:
    """The road's first stages, each one's seconds added to its list."""

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = clock()
        result = work()
        seconds.setdefault(name, []).append(clock() - began)
        return result

    layer = getattr(network, bundle.settings.saliency_layer)
    views, pixels = timed("slices made", lambda: make_views(case))
    answers = timed("every slice looked at", lambda: look(network, pixels, layer=layer))
    prediction = timed("planes fused", lambda: predict(case, views, answers, bundle))
    name = max(prediction.scores, key=prediction.scores.__getitem__)
    column = 1 + bundle.classes.index(name)
    path = ClassPath(network)

    def maps(*methods: str) -> tuple[saliency.Explanation, list[SaliencyMask]]:
        found = saliency.explain(
            methods, (name, column), path, (bundle.settings.saliency_layer, layer), views, pixels,
            answers.scores[:, column], sections(views, prediction.lesion_labels).sum(axis=0), activations=answers.layer,
        )  # fmt: skip
        return found, [saliency.adaptive_mask(h, case.head) for h in found.heatmaps]

    timed("Grad-CAM++ and its mask", lambda: maps("gradcam++"))
    found, masks = timed("three methods and their masks", lambda: maps(*DEFAULT_SALIENCY))
    lesion = prediction.lesion_labels > 0
    timed(
        "checks of the case",
        lambda: saliency.check(found, masks[0], column, path, layer, views, pixels, case.head, lesion),
    )


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    return [
        f"## Explaining a volume of {' x '.join(map(str, measured['shape']))}, {measured['slices']} slices",
        "",
        f"{machine_text(measured['machine'])}, clock: {measured['clock']}. Grad-CAM++ was to add at most 5 s to the prediction.",
        "",
        "| stage | seconds, median | lowest and highest of the interval |",
        "| --- | --- | --- |",
        *(f"| {n} | {f['median']:.2f} | {f['low']:.2f} to {f['high']:.2f} |" for n, f in measured["seconds"].items()),
    ]
