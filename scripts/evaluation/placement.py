"""Whether heat maps lie over the lesions or beside them: the shift of whole maps on slices of tune patients.

    python scripts/evaluate.py placement --data ../shared/data/brain_tumor_mri

An image and its mirror image are looked at together: what pulls a map towards the middle of the head cancels, and what is left
in the columns is a shift of the whole map. Once with the neck's cells where they were taught to lie, once at their
receptive-field centres.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from training.unseen import slices_of
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.models.networks import NECK_STRIDE, DualHeadNetwork
from XAIReportLib.saliency import explain
from XAIReportLib.saliency.quality import dice
from XAIReportLib.views import PictureViews

from evaluation import keep, machine
from evaluation.slices import DATA

METHOD = "gradcam++"
SHIFTS = np.arange(-16, 17)
PLACES = {"where the cells were taught to lie": NECK_STRIDE, "receptive-field centres": 0}


def overlaps(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Dice of the lesion with what exceeds half of the map's maximum, moved by each of SHIFTS columns."""
    high = values > values.max() / 2
    return np.array([dice(np.roll(high, columns, axis=1), truth) for columns in SHIFTS])


def shift(network: DualHeadNetwork, pixels: np.ndarray, lesion: np.ndarray, target: tuple[str, int]) -> int:
    """Columns, in pixels, by which the map lies right of where it overlaps the lesion best; slice and mirror image together."""
    both = []
    for image, truth in ((pixels, lesion), (pixels[:, ::-1].copy(), lesion[:, ::-1])):
        views = PictureViews(np.zeros(2), 1.0, (*pixels.shape, 1))
        (heatmap,) = explain(
            [METHOD], target, ClassPath(network), ("neck", network.neck), views, image[None], np.array([5.0]), np.array([1.0])
        ).heatmaps  # fmt: skip
        both.append(overlaps(heatmap.values[:, :, 0].T, truth))
    return int(-SHIFTS[np.mean(both, axis=0).argmax()])


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
    for words, cell_pixels in PLACES.items():
        network.neck.cell_pixels = cell_pixels
        found = [
            shift(network, chosen.pixels[n], chosen.lesions[n], (bundle.classes[t - 1], int(t)))
            for n, t in zip(kept, chosen.targets[kept], strict=True)
        ]
        low, median, high = np.percentile(found, [25, 50, 75])
        shifts[words] = {"median": float(median), "quarter": float(low), "three_quarters": float(high)}
        print(words, shifts[words], flush=True)
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
        "Columns of network pixels (1 mm) by which the Grad-CAM++ map (above half of its maximum) lies right of where it would",
        "overlap the lesion best, slice and mirror image together: a shift of the whole map. Tune patients, since the place of",
        "the cells was chosen on them.",
        "",
        "| the neck's cells are drawn | median shift | quartiles |",
        "| --- | --- | --- |",
        *(f"| {w} | {f['median']:.2f} | {f['quarter']:.2f} to {f['three_quarters']:.2f} |" for w, f in measured["shifts"].items()),
    ]  # fmt: skip
