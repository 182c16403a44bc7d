"""The bundle on single slices of patients that it was never trained or tuned on, by the road that a picture walks.

    python scripts/evaluate.py slices --data ../shared/data/brain_tumor_mri

The test groups of the bundle's split, at the slices' native resolution. ``xaireport evaluate`` gives the same figures.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from training.card import ROWS
from training.slices import AFTER_SURGERY, nested_split, read_table
from XAIReportLib.evaluate import Row, answer, read_index
from XAIReportLib.models.bundle import Bundle, load_bundle
from XAIReportLib.models.calibration import calibrated
from XAIReportLib.models.metrics import Answered, by_patient, in_words, interval_in_words, summary, with_intervals
from XAIReportLib.views import PICTURE

from evaluation import ROOT, keep, machine
from evaluation._forest import forest_line

DATA = ROOT.parent / "shared" / "data" / "brain_tumor_mri"


def unseen(bundle: Bundle, data: Path) -> tuple[list[Row], dict[str, str]]:
    """The slices of the test groups of the bundle's split, and the SHA-256 of each part's list of groups."""
    table = read_table(data)
    split = nested_split(table, bundle.settings.metrics["fold"])
    test = set(table.iloc[split.test]["idx"].astype(str))
    return [row for row in read_index(data, bundle.classes) if row.name in test], split.groups_sha256


CLASS_SETS = {
    "class_set_coverage": "slices whose class set holds the true class",
    "class_set_size": "classes in a slice's class set",
    "patient_accuracy": "patients named right (mean of their slices' log scores)",
    "patient_class_set_coverage": "patients whose class set holds the true class",
    "patient_class_set_size": "classes in a patient's class set",
}


def class_sets(quantile: float) -> Callable[[Answered], dict[str, float]]:
    """What ``with_intervals`` measures of class sets (calibration.class_set), of slices and of patients' pooled scores."""

    def measure(a: Answered) -> dict[str, float]:
        logs, labels = by_patient(a)
        patients = calibrated(logs, 1.0)
        of_slices, of_patients = _sets(a.scores, quantile), _sets(patients, quantile)
        return {
            "class_set_coverage": float(of_slices[np.arange(len(a.labels)), a.labels].mean()),
            "class_set_size": float(of_slices.sum(axis=1).mean()),
            "patient_accuracy": float((patients.argmax(axis=1) == labels).mean()),
            "patient_class_set_coverage": float(of_patients[np.arange(len(labels)), labels].mean()),
            "patient_class_set_size": float(of_patients.sum(axis=1).mean()),
        }

    return measure


def _sets(scores: np.ndarray, quantile: float) -> np.ndarray:
    """(n, classes) bool: the classes that cannot be set aside; the best is always among them."""
    kept = scores >= 1 - quantile
    kept[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return kept


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    rows, digests = unseen(bundle, options.data)
    answered, records = answer(rows, bundle)
    named = {
        "bundle": bundle.sha256,
        "version": bundle.version,
        "machine": machine(),
        "fold": bundle.settings.metrics["fold"],
    }
    calibration = bundle.settings.calibration
    sets = with_intervals(answered, class_sets(calibration.of(PICTURE)[1]))
    named |= {"class_set_level": calibration.class_set_level}
    measured = {**named, "groups_sha256": digests, **summary(answered), **sets}
    before = ~np.isin(answered.groups, AFTER_SURGERY)
    if not before.all():
        alone = answered.taken(np.flatnonzero(before), answered.groups[before])
        measured["before_surgery"] = {
            "left_out": sorted(set(answered.groups[~before].tolist())), "n_images": len(alone.labels), **with_intervals(alone)
        }  # fmt: skip
    print(
        {name: figure["value"] for name, figure in measured.items() if isinstance(figure, dict) and "value" in figure}
    )
    # The answers themselves, for whoever wants other figures of these slices.
    with keep("slices", measured).with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows({k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in records)
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    more = {f"sensitivity_{c}": f"sensitivity, {c}" for c in measured["classes"]}
    more |= {f"lesion_dice_{c}": f"lesion Dice at the fixed threshold, {c}" for c in measured["classes"]}
    more |= {f"lesion_dice_shown_{c}": f"lesion Dice of what is shown, {c}" for c in measured["classes"]}
    more |= {
        "coverage": "slices with a suggestion",
        "selective_accuracy": "of these, right",
        "aurc": "error rate averaged over all coverages (AURC)",
        "no_lesion_found_rate": "slices with lesion in which none is found",
        **CLASS_SETS,
    }
    rows = [(words, measured[name]) for name, words in {**ROWS, **more}.items() if name in measured]
    return [
        f"## Single slices: {measured['n_images']} slices of {measured['n_groups']} test patients of one nested split",
        "",
        f"Bundle {measured['version']}, at native resolution, by the product's own road. Class figures are over all slices, the",
        "highest score taken, also where the product says that it found no lesion or abstains. The Dice at the fixed threshold is",
        "of the outline before the class path is asked whether there is a lesion; the Dice of what is shown is of what a reader",
        "sees, which is nothing where no lesion was found. Class sets are to hold the true class in",
        f"{100 * measured['class_set_level']:.0f} % of the patients.",
        *forest_line(),
        "",
        "| figure | value | 95 % interval (bootstrap over patients) |",
        "| --- | --- | --- |",
        *(f"| {words} | {f['value']:.3f} | {interval_in_words(f)} |" for words, f in rows),
        *_before_surgery(measured),
    ]


def _before_surgery(measured: dict[str, Any]) -> list[str]:
    """The same figures without the groups that show a craniotomy or a cavity."""
    if "before_surgery" not in measured:
        return ["", "None of these patients is among those in whom a craniotomy or a cavity was seen."]
    alone = measured["before_surgery"]
    told = ", ".join(f"{words} {in_words(alone[name])}" for name, words in ROWS.items() if name in alone)
    return [
        "",
        f"Without the patients in whom a craniotomy or a cavity was seen ({', '.join(alone['left_out'])}): {told}.",
    ]
