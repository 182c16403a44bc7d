"""Whether heat maps lie over the lesions or beside them: the shift of whole maps on slices of tune patients.

    python scripts/evaluate.py placement --data ../shared/data/brain_tumor_mri

An image and its mirror image are looked at together: what pulls a map towards the middle of the head cancels, and what is left
in the columns is a shift of the whole map.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from training.unseen import slices_of
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.saliency import explain
from XAIReportLib.saliency.quality import dice
from XAIReportLib.views import PictureViews

from evaluation import keep, machine
from evaluation.slices import DATA

METHOD = "gradcam++"
SHIFTS = np.arange(-16, 17)
MEASURES = ("middle of the hot half", "best overlap")


def middle(values: np.ndarray) -> float:
    """Column of the middle of what exceeds half of the maximum."""
    columns = np.where(values > values.max() / 2, values, 0).sum(axis=0)
    return float(np.average(np.arange(len(columns)), weights=columns))


def overlaps(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Dice of the lesion with what exceeds half of the map's maximum, moved by each of SHIFTS columns."""
    high = values > values.max() / 2
    return np.array([dice(np.roll(high, columns, axis=1), truth) for columns in SHIFTS])


def shift(
    network: DualHeadNetwork, pixels: np.ndarray, lesion: np.ndarray, target: tuple[str, int]
) -> tuple[float, float]:
    """Columns, in pixels, by which a map lies right of the lesion, a slice and its mirror image together: the middle of its hot
    half from the lesion's middle, and the whole hot half from where it would overlap the lesion best."""
    middles, curves = [], []
    for image, truth in ((pixels, lesion), (pixels[:, ::-1].copy(), lesion[:, ::-1])):
        views = PictureViews(np.zeros(2), np.ones(2), pixels.shape)
        (heatmap,) = explain(
            [METHOD], target, ClassPath(network), ("neck", network.neck), views, image[None], np.array([5.0]), np.array([1.0])
        ).heatmaps  # fmt: skip
        values = heatmap.values[:, :, 0].T
        middles.append(middle(values) - middle(truth.astype(float)))
        curves.append(overlaps(values, truth))
    return float(np.mean(middles)), float(-SHIFTS[np.mean(curves, axis=0).argmax()])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--slices", type=int, default=80)
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    network = load_network(bundle, "cpu")
    chosen = slices_of("tune", options.data, options.slices, bundle.settings.metrics["fold"])
    kept = np.flatnonzero(chosen.lesions.any(axis=(1, 2)))
    shifts = {}
    found = [
        shift(network, chosen.pixels[n], chosen.lesions[n], (bundle.classes[t - 1], int(t)))
        for n, t in zip(kept, chosen.targets[kept], strict=True)
    ]
    for measure, values in zip(MEASURES, np.transpose(found), strict=True):
        low, median, high = np.percentile(values, [25, 50, 75]).round(2).tolist()
        shifts[measure] = {"median": median, "quarter": low, "three_quarters": high}
    keep(
        "placement",
        {"bundle": bundle.sha256, "machine": machine(), "method": METHOD, "n_images": len(kept),
         "n_groups": len(np.unique(chosen.groups[kept])), "shifts": shifts},
    )  # fmt: skip
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    return [
        f"## Placement of heat maps: {measured['n_images']} slices of {measured['n_groups']} tune patients",
        "",
        "Columns of network pixels (1 mm) by which the hot half of the Grad-CAM++ map lies right of the lesion, slice and",
        "mirror image together: from middle to middle, and from where it would overlap the lesion best. The two differ where a",
        "broad map leans to one side.",
        "",
        "| shift | median | quartiles |",
        "| --- | --- | --- |",
        *(f"| {w} | {f['median']:.2f} | {f['quarter']:.2f} to {f['three_quarters']:.2f} |" for w, f in measured["shifts"].items()),
    ]  # fmt: skip
