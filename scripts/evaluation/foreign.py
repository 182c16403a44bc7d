"""What is taken for a contrast-enhanced T1 of the head that is none: chest CT, histology, FLAIR, and T1 without contrast agent.

    python scripts/evaluate.py foreign --shared ../shared/data

Two judges, both the product's own and both of grey values alone: simple statistics of the picture (plausibility.py), which turn a
case away as not applicable, and the network's head for the kind of series (models/series.py), without which no class is suggested.
The slices of three series are of patients with low-grade gliomas; those of SEEN were looked at while the second judge was made.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint
from training.unseen import slices_of
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.inference import look
from XAIReportLib.models.series import enhancement
from XAIReportLib.plausibility import unlike_head_mri
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.views import PICTURE, make_views

from evaluation import ROOT, keep, machine

CHANNELS = {"T1 before contrast agent": 0, "FLAIR": 1, "T1 after contrast agent, another source": 2}
KNOWN = "T1 after contrast agent, test patients"
ALIKE = 0.985  # correlation of two series of a slice from which on they are one series, stored twice
_SEEN = """
    CS_4941 CS_5393 CS_5397 CS_6290 CS_6667 CS_6668 DU_5855 DU_5871 DU_5874 DU_6399 DU_6400 DU_6404 DU_6407 DU_6408 DU_7010 DU_7014
    DU_7018 DU_7019 DU_7298 DU_7299 DU_7302 DU_7306 DU_8164 DU_8166 DU_8168 DU_A5TR DU_A5TT FG_5962 FG_6690 FG_7634 FG_7637 FG_A4MU
    HT_7473 HT_7602 HT_7686 HT_7690 HT_7855 HT_7881 HT_8563 HT_A61A"""
SEEN = tuple(f"TCGA_{name}" for name in _SEEN.split())


def of_index(folder: Path, count: int) -> Iterator[Case]:
    """Pictures of a data set with an index.csv that names their files."""
    for file in pd.read_csv(folder / "index.csv")["file"].sample(count, random_state=0):
        yield read_case(folder / file, "slice")


def of_three_series(folder: Path, count: int) -> dict[str, list[Case]]:
    """The series of slices whose colours are three series, of patients that were not looked at; at most ``count`` slices."""
    table = pd.read_csv(folder / "slices.csv")
    cases: dict[str, list[Case]] = {words: [] for words in CHANNELS}
    for name in table[~table["Patient"].isin(SEEN)]["name"].sample(frac=1, random_state=0):
        picture = cv2.imread(str(next((folder / "images").glob(f"{name}.*"))), cv2.IMREAD_COLOR_RGB).astype(np.float32)
        alike = np.corrcoef(picture.reshape(-1, 3), rowvar=False)
        if max(alike[0, 1], alike[0, 2], alike[1, 2]) > ALIKE:
            continue
        for words, channel in CHANNELS.items():
            cases[words].append(case_from_array(picture[:, :, channel].T[:, :, None], None, "slice"))
        if len(cases[words]) == count:
            break
    return cases


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--count", type=int, default=200, help="pictures of each kind")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    network, limit = load_network(bundle, "cpu"), bundle.settings.thresholds.enhancement_slice

    def enhanced(pixels: np.ndarray) -> np.ndarray:
        answers = look(network, pixels.astype(np.float32), forms=bundle.settings.forms(PICTURE))
        odds = [enhancement(answers.series[[n]], answers.heads[[n]], PICTURE) for n in range(len(pixels))]
        return np.array(odds) >= limit

    known = slices_of("test", options.shared / "brain_tumor_mri", options.count, bundle.settings.metrics["fold"])
    kinds = {KNOWN: _shares(np.ones(len(known.pixels), bool), enhanced(known.pixels))}
    sources = {
        "chest CT": of_index(options.shared / "lung_ct", options.count),
        "histology (H&E)": of_index(options.shared / "lung_histology", options.count),
        **of_three_series(options.shared / "glioma_mri_clinical", options.count),
    }
    for words, cases in sources.items():
        let_pass, pixels = [], []
        for case in cases:
            let_pass.append(unlike_head_mri(case) is None)
            pixels.append(make_views(case)[1][0])
        kinds[words] = _shares(np.array(let_pass), enhanced(np.stack(pixels)))
        print(words, kinds[words], flush=True)
    keep("foreign", {"bundle": bundle.sha256, "version": bundle.version, "machine": machine(), "kinds": kinds})
    return 0


def _shares(let_pass: np.ndarray, enhanced: np.ndarray) -> dict[str, Any]:
    """How many pictures a head is seen in, and how many of them are taken for T1 after contrast agent, with Wilson's interval."""
    both = int((let_pass & enhanced).sum())
    low, high = proportion_confint(both, len(let_pass), method="wilson")
    return {
        "n": len(let_pass),
        "let_pass": float(let_pass.mean()),
        "enhanced": both / len(let_pass),
        "interval": [low, high],
    }


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        "## What is none of the model's images",
        "",
        f"Bundle {measured['version']}. Pictures without a header, so that nothing but their grey values can tell. A class is",
        "suggested only of what is let pass and taken for T1 after contrast agent; 95 % of the tune slices keep that limit.",
        "FLAIR and T1 without contrast agent were not trained with: slices of the training patients were changed by program.",
        "Patients of the last three rows were not looked at before. Of DICOM the product also heeds echo time and agent; a person",
        "can name the agent.",
        "",
        "| pictures | number | let pass as a head MRI | and taken for T1 after contrast agent |",
        "| --- | --- | --- | --- |",
    ]
    for words, f in measured["kinds"].items():
        low, high = (100 * bound for bound in f["interval"])
        shown = f"{100 * f['enhanced']:.1f} % ({low:.1f} to {high:.1f})"
        lines.append(f"| {words} | {f['n']} | {100 * f['let_pass']:.1f} % | {shown} |")
    return lines
