"""What looking at a picture in several forms gains (test-time augmentation), by sets of forms.

    python scripts/evaluate.py forms --data ../shared/data/brain_tumor_mri

Each set is calibrated on the tune groups. The bundle's own set was chosen there; the test groups are asked with it, and with the
picture as it is, only.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from training.bundling import PAINTING_SEED, Answers, calibration, dice
from training.painting import paint_out
from training.slices import CLASSES, Slices, load_slices, nested_split
from training.unseen import CACHE
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.calibration import calibrated
from XAIReportLib.models.forms import AS_IT_IS, PICTURE_FORMS, Form
from XAIReportLib.models.metrics import Answered, figures, in_words, with_intervals

from evaluation import keep, machine
from evaluation.slices import DATA

MIRRORED, SMALLER, LARGER = PICTURE_FORMS[1:]
SETS: dict[str, tuple[Form, ...]] = {
    "as it is": (AS_IT_IS,),
    "and mirrored": (AS_IT_IS, MIRRORED),
    "and smaller, larger": (AS_IT_IS, SMALLER, LARGER),
    "and mirrored, smaller, larger (the bundle's)": PICTURE_FORMS,
    "each of three sizes, mirrored and not": (
        *PICTURE_FORMS,
        Form(mirrored=True, scale=SMALLER.scale),
        Form(mirrored=True, scale=LARGER.scale),
    ),
}
FIGURES = {
    "patient_macro_accuracy": "patient-macro accuracy",
    "macro_auroc": "macro AUROC",
    "log_loss": "log loss",
    "ece": "ECE",
    "lesion_dice": "lesion Dice",
}
TOLD = "told"  # area under the curve: slices with their lesion from the same with it painted out, by the class path


def answered(slices: Slices, answers: Answers, temperature: float, threshold: float) -> Answered:
    return Answered(
        CLASSES,
        slices.table["group"].to_numpy(),
        np.array([CLASSES.index(name) for name in slices.table["label_name"]]),
        calibrated(answers.logits, temperature),
        dice(answers, slices, threshold),
        np.full(len(slices.table), "class_suggested"),
    )


def painted_out(slices: Slices) -> np.ndarray:
    rng = np.random.default_rng(PAINTING_SEED)
    parts = zip(slices.images, slices.lesions, slices.heads, strict=True)
    return np.stack([paint_out(image, lesion, head, rng) for image, lesion, head in parts])


def told_apart(answers: Answers, emptied: Answers) -> float:
    found, empty = (a.scores[:, 1:].max(axis=1) for a in (answers, emptied))
    return float(roc_auc_score([1] * len(found) + [0] * len(empty), np.concatenate([found, empty])))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    network, threshold = load_network(bundle, "cpu"), bundle.settings.thresholds.lesion_probability
    slices = load_slices(options.data, CACHE)
    split = nested_split(slices.table, bundle.settings.metrics["fold"])
    tune, test = slices.subset(split.tune), slices.subset(split.test)
    empty = {"tune": painted_out(tune), "test": painted_out(test)}
    measured: dict[str, Any] = {"tune": {}, "test": {}}

    def looked(part: str, slices: Slices, forms: Sequence[Form]) -> tuple[Answers, float]:
        answers = Answers(network, slices, slices.images, forms)
        return answers, told_apart(answers, Answers(network, slices, empty[part], forms))

    for words, forms in SETS.items():
        answers, told = looked("tune", tune, forms)
        temperature, _ = calibration(tune, answers)
        measured["tune"][words] = {
            "looks": len(forms),
            "temperature": temperature,
            **{k: v for k, v in figures(answered(tune, answers, temperature, threshold)).items() if k in FIGURES},
            TOLD: told,
        }
        print("tune", words, measured["tune"][words], flush=True)
        if forms in ((AS_IT_IS,), PICTURE_FORMS):
            answers, told = looked("test", test, forms)
            found = with_intervals(answered(test, answers, temperature, threshold))
            measured["test"][words] = {**{k: v for k, v in found.items() if k in FIGURES}, TOLD: told}
            print("test", words, measured["test"][words], flush=True)
    keep("forms", {"bundle": bundle.sha256, "version": bundle.version, "machine": machine(), **measured})
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    head = "| looked at | " + " | ".join([*FIGURES.values(), "lesion told from its painting out (AUROC)"]) + " |"
    lines = [
        "## A picture looked at in several forms",
        "",
        f"Weights of {measured['version']}. The answers for a single picture are averaged over its forms, log-odds and outline;",
        "each set has its own temperature, from the tune groups, by which it was chosen. Slices of a volume are looked at once.",
        "",
        "Tune groups:",
        "",
        head,
        "| --- " * (2 + len(FIGURES)) + "|",
        *(
            f"| {words} | " + " | ".join(f"{row[name]:.3f}" for name in (*FIGURES, TOLD)) + " |"
            for words, row in measured["tune"].items()
        ),
        "",
        "Test groups (95 % intervals by bootstrap over patients):",
        "",
        head,
        "| --- " * (2 + len(FIGURES)) + "|",
    ]
    for words, row in measured["test"].items():
        cells = [in_words(row[n]) for n in FIGURES]
        lines.append(f"| {words} | " + " | ".join([*cells, f"{row[TOLD]:.3f}"]) + " |")
    return lines
