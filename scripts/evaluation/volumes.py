"""Looks at whole volumes with a bundle and prints what was found beside reference labels. Never used for training or tuning.

    python scripts/evaluate.py volumes --data ../shared/data/brain_volumes

DATA holds one folder a volume: t1c.nii.gz or t1.nii.gz, and tumor_labels.nii.gz where there is a tumour (1 necrosis, 2 oedema,
3 non-enhancing, 4 enhancing). Each is looked at in a process of its own, whose memory is told, and once more with noise in place of
its background. Keeps docs/measurements/volumes.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import choose_device, load_bundle, load_network
from XAIReportLib.models.inference import look, predict
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.views import make_views

from evaluation import ROOT, keep, machine

REFERENCES = {"1+3+4": (1, 3, 4), "1+4": (1, 4), "1 to 4": (1, 2, 3, 4)}
NOISE = 0.02  # of the head's brightness: Rayleigh noise in place of the background
KIB_A_GB = 1e9 / 1024


def evaluate(folder: Path, bundle_name: str) -> dict:
    bundle = load_bundle(bundle_name)
    device, _ = choose_device("auto")
    network = load_network(bundle, device.type)
    case = read_case(next(p for p in (folder / "t1c.nii.gz", folder / "t1.nii.gz") if p.exists()), folder.name)
    began = time.monotonic()
    views, pixels = make_views(case)
    answers = look(network, pixels)
    prediction = predict(case, views, answers, bundle)
    seconds = time.monotonic() - began
    peak_gb = _peak_gb()
    noisy = with_noise_around(case)
    views, pixels = make_views(noisy)
    again = predict(noisy, views, look(network, pixels), bundle)
    row = {
        "volume": folder.name,
        "outcome": prediction.outcome,
        "label": prediction.label,
        "scores": {name: round(score, 3) for name, score in prediction.scores.items()},
        "lesions_ml": [
            round(float((prediction.lesion_labels == n).sum() * case.voxel_ml), 2)
            for n in range(1, int(prediction.lesion_labels.max()) + 1)
        ],
        "seconds": round(seconds, 1),
        "peak_gb": round(peak_gb, 2),
        "noise_around": {
            "outcome": again.outcome,
            "label": again.label,
            "score_change": round(
                max((abs(again.scores[c] - s) for c, s in prediction.scores.items()), default=0.0), 3
            ),
            "dice": round(dice(again.lesion_labels > 0, prediction.lesion_labels > 0), 3),
        },
    }
    reference = folder / "tumor_labels.nii.gz"
    if reference.exists():
        truth, found = np.asarray(nib.load(reference).dataobj), prediction.lesion_labels > 0
        row |= {
            "recall_of_enhancing": round(float(found[truth == 4].mean()), 3),
            "outside_all_labels": round(float((found & (truth == 0)).sum() / max(found.sum(), 1)), 3),
            "dice": {name: round(dice(found, np.isin(truth, labels)), 3) for name, labels in REFERENCES.items()},
        }
    return row


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Of two masks; of two empty ones 1."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum())) if a.any() or b.any() else 1.0


def with_noise_around(case: Case) -> Case:
    """The case as read, with noise in place of everything outside the head; the head is found anew."""
    values = case.image[case.head]
    low, high = np.percentile(values, [1, 99.5])
    noise = np.random.default_rng(0).rayleigh(NOISE * float(high - low), case.image.shape) + min(low, 0.0)
    return case_from_array(np.where(case.head, case.image, noise).astype(np.float32), case.affine, case.case_id)


def _peak_gb() -> float:
    """Of this whole process, its libraries included."""
    import resource  # not there on Windows, where docs/results.md can be written all the same

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else KIB_A_GB)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_volumes")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    rows = []
    alone = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=alone, max_tasks_per_child=1) as processes:
        for folder in sorted(p for p in options.data.iterdir() if p.is_dir()):
            rows.append(processes.submit(evaluate, folder, options.bundle).result())
            print(json.dumps(rows[-1]), flush=True)
    bundle = load_bundle(options.bundle)
    keep("volumes", {"bundle": bundle.sha256, "version": bundle.version, "machine": machine(), "volumes": rows})
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        f"## Whole volumes ({measured['machine']}, CPU)",
        "",
        f"Bundle {measured.get('version') or measured['bundle'][:12]}.",
        "Four skull-stripped gliomas (BRATS 2013) and one healthy head with skull and neck; none was trained on.",
        "The rule that a lesion needs the class path's support in every plane was written after seeing false findings on two",
        "brain templates and on the healthy volume, that a volume needs more evidence than a slice after seeing them in simulated",
        "acquisitions of that head, so that row is a development figure. The limit from which a volume counts as T1 after",
        "contrast agent (`enhancement_volume`) was chosen with these five volumes in view: that a class is suggested of the four",
        "is a development figure, too.",
        "",
        "Memory is the most that the process held, its libraries included. With noise: outcome, Dice of the outlines with those",
        "found before, and the largest change of a score, where Rayleigh noise takes the background's place.",
        "",
        "| volume | outcome | lesions, ml | recall of enhancing tumour | outside all labels | Dice 1+3+4 / 1+4 / 1 to 4 "
        "| s | GB | with noise as background |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in measured["volumes"]:
        outcome = _outcome(row)
        sizes = ", ".join(map(str, row["lesions_ml"])) or "none"
        overlap = " / ".join(f"{d:.2f}" for d in row["dice"].values()) if "dice" in row else ""
        memory = f"{row['peak_gb']:.1f}" if "peak_gb" in row else ""
        noisy = ""
        if changed := row.get("noise_around"):
            noisy = f"{_outcome(changed)}; {changed['dice']:.3f}, {changed['score_change']:.3f}"
        recall, outside = (f"{row[k]:.2f}" if k in row else "" for k in ("recall_of_enhancing", "outside_all_labels"))
        lines.append(
            f"| {row['volume']} | {outcome} | {sizes} | {recall} | {outside} | {overlap} "
            f"| {row['seconds']:.0f} | {memory} | {noisy} |"
        )
    return lines


def _outcome(row: dict[str, Any]) -> str:
    return row["outcome"].replace("_", " ") + (f": {row['label']}" if row["label"] else "")
