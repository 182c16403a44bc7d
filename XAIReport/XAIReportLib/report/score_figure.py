"""The bars of the model scores."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .drawing import BACKGROUND, DPI, INCHES, INK, LESION, SOFT, written
from .languages import Language
from .schema import Findings
from .wording import RESEARCH_USE, class_name_in_full, score_text


def draw_scores(findings: Findings, path: Path, words: Language) -> Path:
    """One bar for each class, the highest on top; filled: in the class set, hollow: set aside."""
    scores = sorted(findings.prediction.scores.items(), key=lambda item: item[1])
    height = 1.45 + 0.42 * len(scores)
    figure = Figure(figsize=(INCHES, height), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.36, 1.02 / height, 0.55, (height - 1.14) / height), facecolor=BACKGROUND)
    for row, (label, score) in enumerate(scores):
        chosen = label in findings.prediction.class_set
        axes.barh(row, score, height=0.62, facecolor=LESION if chosen else "none", edgecolor=LESION, linewidth=1.4)
        axes.text(score + 0.012, row, score_text(score), color=INK, fontsize=11, va="center", fontweight="bold")
    axes.set_yticks(range(len(scores)), labels=[class_name_in_full(label) for label, _ in scores])
    axes.set_xlim(0, 1.08)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"])
    axes.tick_params(colors=INK, labelsize=10.5, length=0)
    axes.set_xlabel(f"model score, {findings.model.score_level} level", color=INK, fontsize=10)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(SOFT)
    keys = [
        Patch(facecolor=LESION, edgecolor=LESION, label="cannot be set aside"),
        Patch(facecolor="none", edgecolor=LESION, label="set aside"),
    ]
    legend = {"loc": "lower right", "bbox_to_anchor": (0.99, 0.02), "ncols": 2, "frameon": False}
    figure.legend(handles=keys, labelcolor=INK, fontsize=10, **legend)
    figure.text(0.012, 0.1 / height, RESEARCH_USE, color=SOFT, fontsize=9, va="bottom")
    return written(figure, path, words)
