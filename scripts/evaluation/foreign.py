"""What is taken for a contrast-enhanced T1 of the head that is none: chest CT, histology, FLAIR, and T1 without contrast agent.

    python scripts/evaluate.py foreign --shared ../shared/data

Two judges. The product's own: simple statistics of the picture (plausibility.py), which turn a case away as not applicable. And one
that the product does not use: the Mahalanobis distance of the network's features from those of the training slices (Lee et al.
2018, arXiv 1807.03888; means and deviations of the stride-8 features over the head, Ledoit-Wolf covariance), with the limit
that 95 % of the tune slices keep. Contrast-enhanced slices of another source show what that judge really tells apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from sklearn.covariance import LedoitWolf
from torch.nn import functional as F
from training.unseen import slices_of
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.plausibility import unlike_head_mri
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.views import make_views

from evaluation import ROOT, keep, machine

KEPT = 0.95
LEVEL = 3  # of the encoder's features: stride 8
CHANNELS = {"T1 before contrast agent": 0, "FLAIR": 1, "T1 after contrast agent, another source": 2}
KNOWN = "T1 after contrast agent, test patients"


def of_index(folder: Path, count: int) -> Iterator[Case]:
    """Pictures of a data set with an index.csv that names their files."""
    for file in pd.read_csv(folder / "index.csv")["file"].sample(count, random_state=0):
        yield read_case(folder / file, "slice")


def of_channel(folder: Path, channel: int, count: int) -> Iterator[Case]:
    """One series of slices whose colours are three series."""
    for name in pd.read_csv(folder / "slices.csv")["name"].sample(count, random_state=0):
        path = next((folder / "images").glob(f"{name}.*"))
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)[:, :, channel]
        yield case_from_array(picture.T[:, :, None].astype(np.float32), None, "slice")


def features(network: DualHeadNetwork, pixels: np.ndarray) -> np.ndarray:
    """Means and deviations over the head of the encoder's channels: (n, 2 * channels). ``pixels``: (n, 224, 224)."""
    found = []
    with torch.inference_mode():
        for batch in torch.from_numpy(pixels.astype(np.float32))[:, None].split(16):
            level = network.encoder(batch)[LEVEL]
            head = F.adaptive_avg_pool2d((batch > 0).float(), level.shape[-2:])
            share = head / head.sum(dim=(2, 3), keepdim=True).clamp(min=1e-3)
            mean = (level * share).sum(dim=(2, 3), keepdim=True)
            deviation = (((level - mean) ** 2) * share).sum(dim=(2, 3)).clamp(min=0).sqrt()
            found.append(torch.cat([mean.flatten(1), deviation], dim=1).numpy())
    return np.concatenate(found)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--count", type=int, default=200, help="pictures of each kind")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    network, fold = load_network(bundle, "cpu"), bundle.settings.metrics["fold"]
    known = {p: slices_of(p, options.shared / "brain_tumor_mri", n, fold).pixels
             for p, n in (("train", 700), ("tune", 300), ("test", options.count))}  # fmt: skip
    seen = {part: features(network, pixels) for part, pixels in known.items()}
    middle, spread = seen["train"].mean(axis=0), seen["train"].std(axis=0) + 1e-6
    model = LedoitWolf().fit((seen["train"] - middle) / spread)

    def distance(found: np.ndarray) -> np.ndarray:
        return model.mahalanobis((found - middle) / spread)

    limit = float(np.quantile(distance(seen["tune"]), KEPT))
    kinds = {KNOWN: {"n": len(seen["test"]), "near": float((distance(seen["test"]) <= limit).mean())}}
    sources = {
        "chest CT": of_index(options.shared / "lung_ct", options.count),
        "histology (H&E)": of_index(options.shared / "lung_histology", options.count),
        **{
            words: of_channel(options.shared / "glioma_mri_clinical", channel, options.count)
            for words, channel in CHANNELS.items()
        },
    }
    for words, cases in sources.items():
        let_pass, pixels = [], []
        for case in cases:
            let_pass.append(unlike_head_mri(case) is None)
            pixels.append(make_views(case)[1][0])
        near = distance(features(network, np.stack(pixels))) <= limit
        kinds[words] = {"n": len(pixels), "let_pass": float(np.mean(let_pass)), "near": float(near.mean())}
        print(words, kinds[words], flush=True)
    keep("foreign", {"bundle": bundle.sha256, "machine": machine(), "kept": KEPT, "kinds": kinds})
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        "## What is none of the model's images",
        "",
        "Pictures without a header, so that nothing but their grey values can tell. Near: the network's features lie no farther",
        "from those of the training slices than those of 95 % of the tune slices. That judge is not in the product, which must not",
        "turn away the contrast-enhanced slices of another source (last row). Of DICOM the product heeds echo time and agent.",
        "",
        "| pictures | number | let pass by the product | near the training slices |",
        "| --- | --- | --- | --- |",
    ]
    for words, f in measured["kinds"].items():
        let_pass = f"{100 * f['let_pass']:.1f} %" if "let_pass" in f else ""
        lines.append(f"| {words} | {f['n']} | {let_pass} | {100 * f['near']:.1f} % |")
    return lines
