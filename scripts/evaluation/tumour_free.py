"""Slices without a tumour, at the levels of the head at which others have one: how often the model outlines a lesion there.

    python scripts/evaluate.py tumour_free --shared ../shared/data

Axial slices of a source that the shipped bundle never saw, as single pictures by the product's own road: series after contrast
agent of patients with low-grade gliomas (where the agent's series is none of its own, the patient is left out). A slice is
tumour-free if no reference outline is on it or near it. Each slice with a tumour gets the tumour-free slice of another patient that
lies nearest to its level, none twice.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from XAIReportLib.case import InputError
from XAIReportLib.models.bundle import Bundle, load_bundle, load_network
from XAIReportLib.models.inference import look, predict
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.plausibility import unlike_head_mri
from XAIReportLib.reading import case_from_array
from XAIReportLib.views import make_views

from evaluation import ROOT, keep, machine
from evaluation.foreign import ALIKE

NEAR_MM = 10.0  # of a slice with a label: what lies nearer is not taken for tumour-free
FARTHEST = 0.05  # of the head's height between a slice and the level that it stands for
HEIGHT_MM = 145.0  # of a brain, where the files hold no geometry
DRAWS = 2000


@dataclass(frozen=True)
class Slice:
    """``level``: 0 at the patient's lowest slice with a head, 1 at the highest. ``tumour``: its reference label is on it."""

    patient: str
    level: float
    tumour: bool
    near: bool
    pixels: np.ndarray  # float32 (columns, rows)


def of_gliomas(folder: Path) -> Iterator[Slice]:
    table = pd.read_csv(folder / "slices.csv")
    for patient, rows in table.groupby("Patient"):
        files = [next((folder / "images").glob(f"{name}.*")) for name in rows["name"]]
        stack = np.stack([cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) for file in files]).astype(np.float32)
        alike = np.corrcoef(stack.reshape(-1, 3)[::37], rowvar=False)
        if max(alike[0, 2], alike[1, 2]) > ALIKE:
            continue
        low, high = rows["slice"].min(), rows["slice"].max()
        marked = rows["slice"].to_numpy()[rows["mask_area"].to_numpy() > 0]
        slice_mm = HEIGHT_MM / (high - low + 1)
        for pixels, number, area in zip(stack[..., 2], rows["slice"], rows["mask_area"], strict=True):
            near = bool(len(marked)) and np.abs(marked - number).min() * slice_mm <= NEAR_MM
            yield Slice(str(patient), (number - low) / max(high - low, 1), area > 0, near, pixels.T)


def matched(slices: list[Slice]) -> list[Slice]:
    """The tumour-free slices that stand for the levels of slices with a tumour, none twice."""
    ill = [s for s in slices if s.tumour]
    free = [s for s in slices if not s.near]
    apart = np.abs(np.subtract.outer([s.level for s in ill], [s.level for s in free]))
    own = np.array([s.patient for s in ill])[:, None] == np.array([s.patient for s in free])[None]
    rows, columns = linear_sum_assignment(np.where(own | (apart > FARTHEST), 1.0, apart))
    chosen = [c for r, c in zip(rows, columns, strict=True) if apart[r, c] <= FARTHEST and not own[r, c]]
    return [free[c] for c in sorted(chosen)]


def outcome_of(pixels: np.ndarray, bundle: Bundle, network: DualHeadNetwork) -> str:
    """What the product says of a picture: an outcome, or "not_applicable" where it turns it away."""
    try:
        case = case_from_array(np.ascontiguousarray(pixels)[:, :, None], None, "slice")
    except InputError:
        return "not_applicable"
    if unlike_head_mri(case):
        return "not_applicable"
    views, seen = make_views(case)
    answers = look(network, seen, forms=bundle.settings.forms(views.planes))
    return predict(case, views, answers, bundle).outcome


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--count", type=int, default=300, help="slices at most")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    network = load_network(bundle, "cpu")
    chosen = matched(list(of_gliomas(options.shared / "glioma_mri_clinical")))
    chosen = [chosen[n] for n in sorted(np.random.default_rng(0).permutation(len(chosen))[: options.count])]
    found = figures([outcome_of(s.pixels, bundle, network) for s in chosen], [s.patient for s in chosen])
    print(found)
    keep("tumour_free", {"bundle": bundle.sha256, "version": bundle.version, "machine": machine(), **found})
    return 0


def figures(outcomes: list[str], patients: list[str]) -> dict[str, Any]:
    """The share of looked-at slices with a lesion outlined, and its interval by drawing patients."""
    looked = np.array([o != "not_applicable" for o in outcomes])
    found = np.array([o not in ("not_applicable", "no_lesion_found") for o in outcomes])
    names, place = np.unique(patients, return_inverse=True)
    of, wrong = np.bincount(place, looked), np.bincount(place, found)
    drawn = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    shares = wrong[drawn].sum(axis=1) / np.maximum(of[drawn].sum(axis=1), 1)
    low, high = np.percentile(shares, [2.5, 97.5])
    return {
        "slices": len(outcomes), "patients": len(names), "looked_at": int(looked.sum()), "found": int(found.sum()),
        "share": round(float(found.sum() / max(looked.sum(), 1)), 4), "low": round(float(low), 4), "high": round(float(high), 4),
        "outcomes": dict(sorted(Counter(outcomes).items())),
    }  # fmt: skip


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    share, low, high = (f"{100 * measured[name]:.1f}" for name in ("share", "low", "high"))
    return [
        "## Tumour-free slices at the levels of tumours",
        "",
        f"Bundle {measured['version']}. Single axial slices after contrast agent of patients with low-grade gliomas: no reference",
        f"outline lies on one or within {NEAR_MM:.0f} mm of it, and each is at the level of another patient's slice with a tumour",
        f"(within {100 * FARTHEST:.0f} % of the head's height). The files hold no geometry; distances are those of a brain",
        f"{HEIGHT_MM:.0f} mm high. Of {measured['slices']} slices of {measured['patients']} patients",
        f"{measured['looked_at']} were looked at.",
        f"A lesion, which can only be a false one, was outlined on {measured['found']} of them: {share} % (95 % interval by",
        f"patients {low} to {high} %). A class was suggested of {measured['outcomes'].get('class_suggested', 0)} of these;",
        "of the others it was withheld.",
    ]
