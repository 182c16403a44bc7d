"""Temperatures from out-of-fold answers: of slices and of patients, each scaled by what the other folds' patients say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from XAIReportLib.models.calibration import calibrated, fit_temperature
from XAIReportLib.models.metrics import (
    REPEATS,
    Answered,
    by_patient,
    expected_calibration_error,
    in_words,
    with_intervals,
)


def temperatures(folds: Sequence[Answered], repeats: int = REPEATS) -> dict[str, Any]:
    """Of "slice" and "patient": the ``temperature`` that fits all answers, and calibration error and log loss ``as_is`` and
    ``scaled``. What is scaled is scaled by the temperature of the other folds, so that no patient served for its own.

    A patient's score is the softmax of the mean of its slices' log scores.
    """
    return {
        "slice": _of([_logs(np.log(np.clip(a.scores, 1e-12, 1)), a.labels, a.groups, a) for a in folds], repeats),
        "patient": _of([_logs(*by_patient(a), np.unique(a.groups), a) for a in folds], repeats),
    }


def _logs(logs: np.ndarray, labels: np.ndarray, groups: np.ndarray, a: Answered) -> Answered:
    """Answers whose scores are logarithms."""
    nothing = np.zeros(len(labels))
    return Answered(a.classes, groups, labels, logs, nothing, np.full(len(labels), ""))


def _of(folds: list[Answered], repeats: int) -> dict[str, Any]:
    whole = _joined(folds, [fold.scores for fold in folds])
    scaled = []
    for held in folds:
        others = [fold for fold in folds if fold is not held]
        temperature = fit_temperature(*(np.concatenate([getattr(f, p) for f in others]) for p in ("scores", "labels")))
        scaled.append(calibrated(held.scores, temperature))
    ways = {"as_is": _joined(folds, [calibrated(f.scores, 1.0) for f in folds]), "scaled": _joined(folds, scaled)}
    return {
        "number": len(whole.labels),
        "temperature": round(fit_temperature(whole.scores, whole.labels), 3),
        **{name: with_intervals(answered, _calibration, repeats) for name, answered in ways.items()},
    }


def _joined(folds: list[Answered], scores: list[np.ndarray]) -> Answered:
    first = folds[0]
    parts = ("groups", "labels", "dice", "outcomes")
    joined = {part: np.concatenate([getattr(fold, part) for fold in folds]) for part in parts}
    return replace(first, scores=np.concatenate(scores), **joined)


def _calibration(a: Answered) -> dict[str, float]:
    chosen = a.scores[np.arange(len(a.labels)), a.labels]
    return {
        "ece": expected_calibration_error(a.scores, a.right),
        "log_loss": float(-np.log(np.clip(chosen, 1e-12, 1)).mean()),
    }


def section(found: dict[str, Any]) -> list[str]:
    """A table for docs/results.md."""
    lines = [
        "",
        "Calibration of these out-of-fold answers, as they are (each network by the temperature of its tune groups) and scaled",
        "again by the temperature that fits the patients of the other folds; a patient's score is the mean of its slices' log",
        "scores. A draw of patients has fewer different scores in a bin than all of them, so that its calibration error is larger",
        "and an interval may begin above its value:",
        "",
        "| of | number | temperature | ECE as it is | ECE scaled | log loss as it is | log loss scaled |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for level, row in found.items():
        cells = [in_words(row[way][name]) for name in ("ece", "log_loss") for way in ("as_is", "scaled")]
        lines.append(f"| {level}s | {row['number']} | {row['temperature']:.2f} | {' | '.join(cells)} |")
    return lines
