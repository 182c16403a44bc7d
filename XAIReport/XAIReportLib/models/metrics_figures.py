"""Pictures of a classifier's figures: confusion, reliability, risk against coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from XAIReportLib.models.metrics import BINS, Answered, risk_coverage

INK, BAR, FAULT = "#1d2733", "#4c7fb0", "#c2573f"


def draw_metrics(answered: Answered, metrics: dict[str, Any], output: Path) -> Path:
    """Writes one picture of three panels beside ``output`` (.png) and returns its path."""
    figure = Figure(figsize=(13.5, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    confusion, reliability, risk = figure.subplots(1, 3)
    _confusion(confusion, np.array(metrics["confusion_matrix"]), answered.classes)
    _reliability(reliability, answered, metrics["ece"]["value"])
    _risk(risk, answered, metrics["aurc"]["value"])
    figure.suptitle(
        f"{metrics['n_images']} slices of {metrics['n_groups']} patients · research use only", fontsize=10, color=INK
    )
    path = output.with_suffix(".png")
    figure.savefig(path)
    return path


def _confusion(axes: Axes, matrix: np.ndarray, classes: tuple[str, ...]) -> None:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.55 else INK
        axes.text(column, row, f"{count}\n{share[row, column]:.0%}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes, rotation=90, va="center")
    axes.set(xlabel="highest model score", ylabel="true class", title="Confusion, slices")


def _reliability(axes: Axes, answered: Answered, ece: float) -> None:
    top, right = answered.scores.max(axis=1), answered.right
    number = np.minimum((top * BINS).astype(int), BINS - 1)
    full = [b for b in range(BINS) if (number == b).any()]
    mean = [top[number == b].mean() for b in full]
    axes.plot([0, 1], [0, 1], color="#999999", lw=1, ls="--")
    axes.bar([(b + 0.5) / BINS for b in full], [right[number == b].mean() for b in full], 0.9 / BINS, color=BAR)
    axes.plot(mean, [right[number == b].mean() for b in full], "o", color=INK, ms=4)
    for b in full:
        axes.text((b + 0.5) / BINS, 0.02, str((number == b).sum()), ha="center", fontsize=7, color="white")
    axes.set(xlim=(0.3, 1), ylim=(0, 1.02), xlabel="highest model score", ylabel="share that is right")
    axes.set_title(f"Reliability, ECE {ece:.3f}")


def _risk(axes: Axes, answered: Answered, aurc: float) -> None:
    coverage, risk = risk_coverage(answered.scores, answered.right)
    axes.plot(coverage, risk, color=BAR, lw=2)
    covered = answered.outcomes == "class_suggested"
    if covered.any():
        axes.plot(covered.mean(), 1 - answered.right[covered].mean(), "o", color=FAULT, label="as the product answers")
        axes.legend(frameon=False)
    settled = risk[coverage >= 0.05]  # the first few slices jump
    axes.set(xlim=(0, 1), ylim=(0, max(0.1, float(settled.max(initial=0)) * 1.2)), xlabel="share of slices answered")
    axes.set(ylabel="error rate", title=f"Risk and coverage, AURC {aurc:.3f}")
