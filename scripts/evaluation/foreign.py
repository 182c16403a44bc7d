"""What is taken for a contrast-enhanced T1 of the head that is none: chest CT, histology, FLAIR, and T1 without contrast agent.

    python scripts/evaluate.py foreign --shared ../shared/data [--volumes]

Two judges, both the product's own and both of grey values alone: simple statistics of the picture (plausibility.py), which turn a
case away as not applicable, and the network's head for the kind of series (models/series.py), without which no class is suggested.
The slices of three series are of patients with low-grade gliomas; those of SEEN were looked at while the second judge was made.
"""

from __future__ import annotations

import argparse
import json
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

from evaluation import MEASUREMENTS, ROOT, keep, machine

CHANNELS = {"T1 before contrast agent": 0, "FLAIR": 1, "T1 after contrast agent, another source": 2}
KNOWN = "T1 after contrast agent, test patients"
ALIKE = 0.985  # correlation of two series of a slice from which on they are one series, stored twice
_SEEN = """
    CS_4941 CS_5393 CS_5397 CS_6290 CS_6667 CS_6668 DU_5855 DU_5871 DU_5874 DU_6399 DU_6400 DU_6404 DU_6407 DU_6408 DU_7010 DU_7014
    DU_7018 DU_7019 DU_7298 DU_7299 DU_7302 DU_7306 DU_8164 DU_8166 DU_8168 DU_A5TR DU_A5TT FG_5962 FG_6690 FG_7634 FG_7637 FG_A4MU
    HT_7473 HT_7602 HT_7686 HT_7690 HT_7855 HT_7881 HT_8563 HT_A61A"""
SEEN = tuple(f"TCGA_{name}" for name in _SEEN.split())
# Patients whose series were looked at as volumes when the limit for volumes was chosen.
_SEEN_AS_VOLUMES = """
    DU_6401 DU_7008 FG_6689 FG_A60K DU_5872 HT_8105 HT_A61B DU_5851 HT_7856 HT_A5RC DU_8167 HT_7475 DU_5849 DU_7013 DU_A5TP FG_6691
    CS_5396 CS_6665 DU_7301 DU_A5TW"""
SEEN_AS_VOLUMES = (*SEEN, *(f"TCGA_{name}" for name in _SEEN_AS_VOLUMES.split()))
PIXEL_MM, HEIGHT_MM, FEWEST = (
    0.94,
    145.0,
    18,
)  # the files hold no geometry: a usual field of view, and slices over a whole brain


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


def volumes_of_three_series(folder: Path, count: int) -> Iterator[tuple[str, str, Case]]:
    """Patient, series and volume of at most ``count`` patients who were not looked at and have three different series."""
    table = pd.read_csv(folder / "slices.csv").sort_values(["Patient", "slice"])
    taken = 0
    for patient, rows in table[~table["Patient"].isin(SEEN_AS_VOLUMES)].groupby("Patient"):
        files = [next((folder / "images").glob(f"{name}.*")) for name in rows["name"]]
        stack = np.stack([cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) for file in files]).astype(np.float32)
        alike = np.corrcoef(stack.reshape(-1, 3)[::37], rowvar=False)
        if len(rows) < FEWEST or max(alike[0, 1], alike[0, 2], alike[1, 2]) > ALIKE:
            continue
        spacing = HEIGHT_MM / (rows["slice"].max() - rows["slice"].min() + 1)
        numbers = np.arange(rows["slice"].min(), rows["slice"].max() + 1)
        nearest = [int(np.abs(rows["slice"].to_numpy() - n).argmin()) for n in numbers]
        to_ras = np.diag([-PIXEL_MM, -PIXEL_MM, spacing, 1.0])
        for words, channel in CHANNELS.items():
            yield (
                patient,
                words,
                case_from_array(np.ascontiguousarray(stack[nearest][..., channel].transpose(2, 1, 0)), to_ras),
            )
        taken += 1
        if taken == count:
            return


def measure_volumes(options: argparse.Namespace) -> dict[str, Any]:
    """How many series of each kind are let pass and taken for T1 after contrast agent, as volumes."""
    bundle = load_bundle(options.bundle)
    network, limit = load_network(bundle, "cpu"), bundle.settings.thresholds.enhancement_volume
    odds: dict[str, list[tuple[bool, float]]] = {words: [] for words in CHANNELS}
    for patient, words, case in volumes_of_three_series(options.shared / "glioma_mri_clinical", options.patients):
        views, pixels = make_views(case)
        answers = look(network, pixels)
        found = enhancement(answers.series, answers.heads, views.planes)
        odds[words].append((unlike_head_mri(case) is None, found))
        print(patient, words, round(found, 2), flush=True)
    kinds = {
        words: {
            **_shares(*(np.array(column) for column in zip(*((p, o >= limit) for p, o in rows), strict=True))),
            "log_odds": [round(o, 2) for _, o in rows],
        }
        for words, rows in odds.items()
    }
    return {"bundle": bundle.sha256, "version": bundle.version, "machine": machine(), "limit": limit, "kinds": kinds}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--count", type=int, default=200, help="pictures of each kind")
    parser.add_argument(
        "--volumes", action="store_true", help="only series as volumes; pictures stay as they were measured last"
    )
    parser.add_argument("--patients", type=int, default=30, help="of whom three series are looked at as volumes")
    options = parser.parse_args(argv)
    before = json.loads((MEASUREMENTS / "foreign.json").read_text(encoding="utf-8"))
    if options.volumes:
        keep("foreign", {**before, "volumes": measure_volumes(options)})
        return 0
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
    keep(
        "foreign",
        {
            "bundle": bundle.sha256,
            "version": bundle.version,
            "machine": machine(),
            "kinds": kinds,
            "volumes": before.get("volumes"),
        },
    )
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
    if volumes := measured.get("volumes"):
        lines += _volume_lines(volumes)
    return lines


def _volume_lines(measured: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"The same series as volumes, bundle {measured['version']}, of patients who were not looked at when the limit for volumes",
        f"({measured['limit']} in log-odds) was chosen. The files hold no geometry; pixels of {PIXEL_MM} mm and a height of "
        f"{HEIGHT_MM:.0f} mm were",
        "assumed.",
        "",
        "| volumes | number | let pass as a head MRI | and taken for T1 after contrast agent | log-odds: lowest, median, highest |",
        "| --- | --- | --- | --- | --- |",
    ]
    for words, f in measured["kinds"].items():
        low, high = (100 * bound for bound in f["interval"])
        shown = f"{100 * f['enhanced']:.1f} % ({low:.1f} to {high:.1f})"
        odds = ", ".join(f"{value:.2f}" for value in np.quantile(f["log_odds"], (0, 0.5, 1)))
        lines.append(f"| {words} | {f['n']} | {100 * f['let_pass']:.1f} % | {shown} | {odds} |")
    return lines
