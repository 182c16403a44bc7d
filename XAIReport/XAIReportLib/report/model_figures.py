"""What a reader calls the figures of a model's card, those first that tell most of its use."""

from __future__ import annotations

from collections.abc import Sequence

FIGURES = {
    "patient_macro_accuracy": "accuracy, mean over patients",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "slice_accuracy": "accuracy of slices",
    "sensitivity": "sensitivity",
    "no_lesion_found_rate": "share with no lesion found",
    "lesion_found_rate": "share with a lesion found",
    "not_applicable_rate": "share not applicable",
    "coverage": "share with a class suggested",
    "selective_accuracy": "accuracy where a class is suggested",
    "lesion_dice": "Dice of the lesion",
    "lesion_dice_shown": "Dice of the lesion shown",
    "painted_out_no_lesion_rate": "share with no lesion found, lesion painted out",
    "painted_out_forced_balanced_accuracy": "balanced accuracy of a forced answer, lesion painted out",
    "macro_auroc": "AUROC, mean over the classes",
    "macro_f1": "F1, mean over the classes",
    "ece": "expected calibration error (ECE)",
    "brier": "Brier score",
    "log_loss": "logarithmic loss",
    "aurc": "area under the risk-coverage curve (AURC)",
    "n_groups": "number of patient groups",
    "n_images": "number of images",
}
NOT_SHOWN = ("fold",)


def named(name: str, classes: Sequence[str]) -> tuple[int, str]:
    """Its place in the table, and what it is called."""
    order = list(FIGURES)
    for label in classes:
        kind = name.removesuffix(f"_{label}")
        if kind != name and kind in FIGURES:
            return order.index(kind), f"{FIGURES[kind]}, {label}"
    return order.index(name) if name in order else len(order), FIGURES.get(name, name.replace("_", " "))
