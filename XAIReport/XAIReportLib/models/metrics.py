"""Figures of a classifier over slices of known class, with intervals by bootstrap over patient groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, recall_score, roc_auc_score

REPEATS = 2000
BINS = 15


@dataclass(frozen=True)
class Answered:
    """What was said of n slices.

    Attributes:
        groups: (n,) patient group of each slice; labels: (n,) true class, 0 to classes - 1.
        scores: (n, classes) calibrated scores of the classes, renormalised, whatever the outcome was.
        dice: (n,) overlap of the outline at its fixed threshold with the reference; 0 where nothing was outlined.
        outcomes: (n,) "class_suggested", "no_lesion_found", "abstained" or "not_applicable"; "" where none was kept.
        dice_shown: (n,) the same overlap of what the product shows, which is nothing where it says that it found no lesion;
            None where that was not kept.
    """

    classes: tuple[str, ...]
    groups: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    dice: np.ndarray
    outcomes: np.ndarray
    dice_shown: np.ndarray | None = None

    @property
    def right(self) -> np.ndarray:
        """(n,) bool: the class with the highest score is the true one."""
        return self.scores.argmax(axis=1) == self.labels

    def taken(self, rows: np.ndarray, groups: np.ndarray) -> Answered:
        """These rows, belonging to these groups (a patient drawn twice is two)."""
        parts = (self.labels, self.scores, self.dice, self.outcomes, self.dice_shown)
        return Answered(self.classes, groups, *(None if a is None else a[rows] for a in parts))


def expected_calibration_error(scores: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Top-label ECE with equal-width bins (Guo et al. 2017, arXiv 1706.04599, eq. 5)."""
    top = scores.max(axis=1)
    number = np.minimum((top * bins).astype(int), bins - 1)
    return float(
        sum(abs(right[number == b].mean() - top[number == b].mean()) * (number == b).mean() for b in np.unique(number))
    )


def risk_coverage(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (n,) and error rate (n,) when only the slices with the highest top scores are answered.

    Equal scores are answered together: each has the error rate at the end of its tie (Geifman et al. 2019, arXiv 1805.08206).
    """
    top = scores.max(axis=1)
    order = np.argsort(-top, kind="stable")
    risk = np.cumsum(~right[order]) / np.arange(1, len(top) + 1)
    last_of_tie = np.searchsorted(-top[order], -top[order], side="right") - 1
    return np.arange(1, len(top) + 1) / len(top), risk[last_of_tie]


def mean_over_groups(values: np.ndarray, groups: np.ndarray) -> float:
    """Mean over patients of the mean over a patient's slices; NaN without a slice."""
    if len(values) == 0:
        return float("nan")
    _, number = np.unique(groups, return_inverse=True)
    return float((np.bincount(number, weights=values) / np.bincount(number)).mean())


def by_patient(a: Answered) -> tuple[np.ndarray, np.ndarray]:
    """One answer a patient: (patients, classes) mean log score of the slices, and (patients,) the true class."""
    groups = np.unique(a.groups)
    logs = np.log(np.clip(a.scores, 1e-12, 1))
    return (
        np.stack([logs[a.groups == g].mean(axis=0) for g in groups]),
        np.array([a.labels[a.groups == g][0] for g in groups]),
    )


def figures(a: Answered) -> dict[str, float]:
    """Every figure by name; NaN where it does not exist (a class without a slice, no slice answered)."""
    n, right = np.arange(len(a.labels)), a.right
    forced = a.scores.argmax(axis=1)
    covered = a.outcomes == "class_suggested"
    present = np.unique(a.labels)  # a draw of patients may lack a class
    everyone = len(present) == len(a.classes)
    dices = {"lesion_dice": a.dice} | ({} if a.dice_shown is None else {"lesion_dice_shown": a.dice_shown})
    result = {
        "accuracy": right.mean(),
        "patient_macro_accuracy": mean_over_groups(right, a.groups),
        "balanced_accuracy": recall_score(a.labels, forced, labels=present, average="macro", zero_division=0),
        "macro_f1": f1_score(a.labels, forced, labels=present, average="macro", zero_division=0),
        "macro_auroc": np.mean([roc_auc_score(a.labels == c, a.scores[:, c]) for c in present]) if everyone else np.nan,
        "ece": expected_calibration_error(a.scores, right),
        "brier": ((a.scores - np.eye(len(a.classes))[a.labels]) ** 2).sum(axis=1).mean(),
        "log_loss": -np.log(np.clip(a.scores[n, a.labels], 1e-12, 1)).mean(),
        **{name: mean_over_groups(dice, a.groups) for name, dice in dices.items()},
        "coverage": covered.mean(),
        "selective_accuracy": right[covered].mean() if covered.any() else np.nan,
        "aurc": risk_coverage(a.scores, right)[1].mean(),
        "no_lesion_found_rate": (a.outcomes == "no_lesion_found").mean(),
        "not_applicable_rate": (a.outcomes == "not_applicable").mean(),
    }
    for number, name in enumerate(a.classes):
        here = a.labels == number
        result[f"sensitivity_{name}"] = right[here].mean() if here.any() else np.nan
        result |= {f"{kind}_{name}": mean_over_groups(dice[here], a.groups[here]) for kind, dice in dices.items()}
    return {name: float(value) for name, value in result.items()}


def with_intervals(
    answered: Answered,
    measure: Callable[[Answered], Mapping[str, float]] = figures,
    repeats: int = REPEATS,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> dict[str, dict[str, float | None]]:
    """Each figure as {"value", "low", "high"}: 95 % percentile interval of ``repeats`` draws of patients with replacement.

    A figure that does not exist is null; draws in which it does not exist are left out of its interval. One patient group has no
    interval: every draw would be the same.
    """
    point = measure(answered)
    names = np.unique(answered.groups)
    members = [np.flatnonzero(answered.groups == name) for name in names]
    rng, draws = np.random.default_rng(seed), {name: [] for name in point}
    for number in range(repeats if len(members) > 1 else 0):
        drawn = [members[m] for m in rng.integers(len(members), size=len(members))]
        groups = np.repeat(np.arange(len(drawn)), [len(d) for d in drawn])
        for name, value in measure(answered.taken(np.concatenate(drawn), groups)).items():
            draws[name].append(value)
        if progress and number % 50 == 0:
            progress(number / repeats)
    return {name: _interval(value, np.array(draws[name])) for name, value in point.items()}


def _interval(value: float, draws: np.ndarray) -> dict[str, float | None]:
    known = round(float(value), 4) if np.isfinite(value) else None
    draws = draws[np.isfinite(draws)]
    if known is None or len(draws) == 0:
        return {"value": known, "low": None, "high": None}
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"value": known, "low": round(float(low), 4), "high": round(float(high), 4)}


def in_words(figure: Mapping[str, float | None], digits: int = 3) -> str:
    """A figure of ``with_intervals`` with its interval, or why there is none."""
    if figure["value"] is None:
        return "not computed"
    return f"{figure['value']:.{digits}f} ({interval_in_words(figure, digits)})"


def interval_in_words(figure: Mapping[str, float | None], digits: int = 3) -> str:
    if figure["low"] is None:
        return "no interval: one patient group"
    return f"{figure['low']:.{digits}f} to {figure['high']:.{digits}f}"


def summary(answered: Answered, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
    """All figures with intervals, the confusion matrix (rows: true class, columns: highest score) and the counts."""
    numbers = np.arange(len(answered.classes))
    matrix = confusion_matrix(answered.labels, answered.scores.argmax(axis=1), labels=numbers)
    return {
        **with_intervals(answered, progress=progress),
        "confusion_matrix": matrix.tolist(),
        "classes": list(answered.classes),
        "n_images": len(answered.labels),
        "n_groups": len(np.unique(answered.groups)),
        "interval": f"95 %, percentile bootstrap over patient groups, {REPEATS} draws",
    }
