"""Two pictures of how the heat maps were checked: the shortcut card, and the curves of deletion and insertion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..results import SaliencyCheck
from .drawing import BACKGROUND, DPI, INCHES, INK, LESION, REGIONS, SOFT, written
from .languages import Language
from .wording import CHECK_NAMES, RESEARCH_USE, method_name, score_text

FAILED = "#d55e00"
SHARES = {
    "unchanged": "unchanged",
    "without_mirrored": "mirror image of the highlighted area removed",
    "without_highlighted": "highlighted area removed",
    "without_lesion": "segmented abnormality removed",
}
CURVES_HEIGHT = 3.5  # inches
_TICKS = (0, 0.25, 0.5, 0.75, 1)
# Columns of the card, in shares of its width: what a row is of, its bar, its value, its verdict.
_NAMES_END, _BARS, _BARS_WIDTH, _VALUES, _VERDICTS = 0.495, 0.515, 0.275, 0.807, 0.882


def draw_shortcuts(check: SaliencyCheck, path: Path, words: Language) -> Path:
    """Above: what is left of the score when an area is removed. Below: every check with the range that passes."""
    shares = [(what, check.shares[name]) for name, what in SHARES.items() if name in check.shares]
    figures = [(name, value) for name, value in check.figures.items() if name in check.limits]
    row, heads, foot = 0.36, 0.52, 0.4
    height = foot + 2 * heads + row * (len(shares) + len(figures))
    figure = _figure(height)
    bottom = foot + row * len(figures) + heads
    _heading(
        figure, height - 0.3, height, "Lesion score that is left on the largest sections, 0 to 1 (not the class score)"
    )
    axes = _rows(figure, bottom / height, len(shares), row * len(shares) / height)
    for place, (what, value) in enumerate(reversed(shares)):
        axes.barh(place, value, height=0.6, color=LESION)
        _cell(axes, _NAMES_END, place, what, INK, "right")
        _cell(axes, _VALUES, place, score_text(value), INK)
    _heading(figure, bottom - 0.3, height, "Checks (the band passes)")
    axes = _rows(figure, foot / height, len(figures), row * len(figures) / height)
    for place, (name, value) in enumerate(reversed(figures)):
        low, high = np.clip(check.limits[name], 0, 1)
        colour = FAILED if name in check.failed else INK
        axes.barh(place, high - low, left=low, height=0.6, color=SOFT, alpha=0.35)
        axes.plot(np.clip(value, 0, 1), place, "o", color=colour, markersize=8, clip_on=False)
        mark = "failed" if name in check.failed else "passed"
        _cell(axes, _NAMES_END, place, CHECK_NAMES.get(name, name), colour, "right")
        _cell(axes, _VALUES, place, score_text(value), colour)
        _cell(axes, _VERDICTS, place, mark, colour)
    return _save(figure, height, path, words)


def draw_curves(check: SaliencyCheck, path: Path, words: Language) -> Path:
    """The score while the hottest pixels of one section are removed, and while they are brought back, for each method."""
    figure = _figure(CURVES_HEIGHT)
    titles = ("Deletion: hottest pixels removed first", "Insertion: hottest pixels brought back first")
    for side, title in enumerate(titles):
        axes = figure.add_axes((0.075 + 0.475 * side, 0.32, 0.42, 0.56), facecolor=BACKGROUND)
        for number, (name, curves) in enumerate(check.curves.items()):
            style = {"color": SOFT, "linestyle": ":"} if name == "random" else {"color": REGIONS[number]}
            axes.plot(np.linspace(0, 1, len(curves[side])), curves[side], linewidth=1.8, **style)
        axes.set_title(title, color=INK, fontsize=10.5)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS])
        axes.set_yticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS])
        axes.tick_params(colors=INK, labelsize=9)
        axes.set_xlabel("share of the head's pixels", color=INK, fontsize=9.5)
        if side == 0:
            axes.set_ylabel("score left", color=INK, fontsize=9.5)
        for spine in axes.spines.values():
            spine.set_color(SOFT)
    keys = [
        Line2D([], [], color=SOFT, linestyle=":", label="random ranking")
        if name == "random"
        else Line2D([], [], color=REGIONS[number], label=method_name(name))
        for number, name in enumerate(check.curves)
    ]
    figure.legend(
        handles=keys,
        loc="lower right",
        ncols=4,
        frameon=False,
        labelcolor=INK,
        fontsize=9.5,
        bbox_to_anchor=(0.985, 0.0),
    )
    return _save(figure, CURVES_HEIGHT, path, words)


def _figure(height: float) -> Figure:
    figure = Figure(figsize=(INCHES, height), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    return figure


def _heading(figure: Figure, inches: float, height: float, text: str) -> None:
    figure.text(0.012, inches / height, text, color=INK, fontsize=11, fontweight="bold", va="center")


def _rows(figure: Figure, bottom: float, rows: int, height: float) -> Axes:
    """The column of the bars, from 0 to 1."""
    axes = figure.add_axes((_BARS, bottom, _BARS_WIDTH, height), facecolor=BACKGROUND)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.5, rows - 0.5)
    axes.set_axis_off()
    return axes


def _cell(axes: Axes, across: float, row: int, text: str, colour: str, side: str = "left") -> None:
    """A text of a row, at a share of the figure's width."""
    place = ((across - _BARS) / _BARS_WIDTH, row)
    axes.text(*place, text, color=colour, fontsize=9, va="center", ha=side)


def _save(figure: Figure, height: float, path: Path, words: Language) -> Path:
    figure.text(0.012, 0.1 / height, RESEARCH_USE, color=SOFT, fontsize=9, va="bottom")
    return written(figure, path, words)
