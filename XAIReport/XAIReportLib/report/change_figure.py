"""The picture of the changed images: a section as the network saw it, and the model scores below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..results import Counterfactual
from .drawing import BACKGROUND, DPI, INCHES, INK, LESION, SOFT, written
from .languages import Language
from .wording import RESEARCH_USE, class_name, method_name, percent_text, score_text

_COLUMNS = 5
_TITLES = {
    "lesion_removed": "abnormality\nfilled from around",
    "lesion_only": "only the abnormality",
    "background_zero": "background zero",
    "background_noise": "background noise",
    "saliency_removed": "{method} mask\nfilled from around",
    "ranked_saliency_removed": "hottest {percent} of\n{method}\nfilled from around",
}
_OUTCOMES = {"no_lesion_found": "no lesion found", "abstained": "no class suggested"}
_FOOT, _CELL, _SCORES = 0.35, 2.85, 0.55  # inches; the scores are left out below a row that has none


def draw_changes(changed: Sequence[Counterfactual], classes: Sequence[str], path: Path, words: Language) -> Path:
    """The unchanged section first; each cell names what was changed, the outcome and the score of every class."""
    cells = [("unchanged", changed[0].example[0], changed[0].before)]
    cells += [(_title(c), c.example[1], c.after) for c in changed]
    rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    heights = [_CELL if any(answer.scores for *_, answer in row) else _CELL - _SCORES for row in rows]
    height = sum(heights) + _FOOT
    figure = Figure(figsize=(INCHES, height), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    width = 1 / _COLUMNS
    for index, (title, pixels, answer) in enumerate(cells):
        left, top = (index % _COLUMNS) * width, 1 - sum(heights[: index // _COLUMNS]) / height
        picture = figure.add_axes((left + 0.01, top - 2.0 / height, width - 0.02, 1.5 / height))
        picture.imshow(pixels, cmap="gray", vmin=0, vmax=1.1, interpolation="nearest")
        picture.set_axis_off()
        figure.text(left + width / 2, top - 0.26 / height, title, color=INK, fontsize=8.5, ha="center", va="center")
        if answer.scores:  # where no lesion is found, no class is scored
            place = (left + 0.11, top - 2.8 / height, width - 0.13, 0.58 / height)
            _scores(figure.add_axes(place, facecolor=BACKGROUND), classes, answer.scores, answer.label)
        outcome = _OUTCOMES.get(answer.outcome, f"suggestion: {class_name(answer.label or '')}")
        figure.text(left + width / 2, top - 2.12 / height, outcome, color=LESION, fontsize=9, ha="center", va="center")
    figure.text(0.012, 0.1 / height, RESEARCH_USE, color=SOFT, fontsize=9, va="bottom")
    return written(figure, path, words)


def _title(changed: Counterfactual) -> str:
    return _TITLES[changed.name].format(
        method=method_name(changed.method or ""), percent=percent_text(changed.changed_percent)
    )


def _scores(axes: Axes, classes: Sequence[str], scores: Mapping[str, float], suggested: str | None) -> None:
    """One bar a class, filled for the suggested one."""
    for row, label in enumerate(reversed(classes)):
        axes.barh(row, scores[label], height=0.6, facecolor=LESION if label == suggested else "none", edgecolor=LESION)
        axes.text(scores[label] + 0.03, row, score_text(scores[label]), color=INK, fontsize=7.5, va="center")
    names = [class_name(label).removesuffix(" tumour") for label in reversed(classes)]
    axes.set_yticks(range(len(classes)), labels=names)
    axes.set_xlim(0, 1.5)
    axes.set_ylim(-0.6, len(classes) - 0.4)
    axes.set_xticks([])
    axes.tick_params(colors=INK, labelsize=7.5, length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(SOFT)
