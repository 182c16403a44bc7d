"""One dark figure of slices side by side at one scale: image, outlines, heat map, labels, letters, scale bar, legend.

Matplotlib's object interface only: no global state, no display.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from scipy import ndimage

from .languages import Language
from .planes import Orientation
from .wording import RESEARCH_USE

INCHES, DPI = 10.0, 160
BACKGROUND, INK, SOFT = "#0b0e12", "#f2f5f8", "#a9b4bf"
LESION, MASK, EDGES = "#56b4e9", "#ffffff", "#f0e442"
# Okabe and Ito's palette, told apart with every kind of colour vision; the lesion's blue is left out.
REGIONS = ("#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#999999", "#ffffff")
HEAT = colormaps["inferno"]
_HEAT_ALPHA = (
    0.8  # of what lies below a heat map only so much is left that its colours are still those of the colour bar
)
_GREY = 0.4  # that the colour bar is drawn on: of a brain in its window
_GAP, _TALLEST = 0.12, 4.6  # inches
_HALO = [patheffects.withStroke(linewidth=2.2, foreground="#000000")]
_MARK = 42  # letters of a mark beside an axis in one line
_NUMBERED_FROM_MM = 2.0
_SCALE_BARS_MM = (100, 50, 20, 10, 5)


class SliceFigure:
    """Panels of one case in a row, all at the same number of millimetres per inch.

    Args:
        sizes_mm: height and width of each panel.
        foot: inches below the panels, for legend and colour bar.
    """

    def __init__(self, sizes_mm: Sequence[tuple[float, float]], foot: float, columns: int | None = None) -> None:
        columns = columns or len(sizes_mm)
        rows = [sizes_mm[start : start + columns] for start in range(0, len(sizes_mm), columns)]
        widest = max(sum(width for _, width in row) for row in rows)
        tallest = max(height for height, _ in sizes_mm)
        self.inch_per_mm = min((INCHES - _GAP * (columns + 1)) / widest, _TALLEST / tallest)
        row_heights = [max(height for height, _ in row) * self.inch_per_mm for row in rows]
        self.foot = foot
        self.height = foot + sum(row_heights) + _GAP * (len(rows) + 1)
        self.figure = Figure(figsize=(INCHES, self.height), dpi=DPI, facecolor=BACKGROUND)
        FigureCanvasAgg(self.figure)
        self.axes: list[Axes] = []
        top = self.height - _GAP
        for row, row_height in zip(rows, row_heights, strict=True):
            width = sum(w for _, w in row) * self.inch_per_mm + _GAP * (len(row) - 1)
            left = (INCHES - width) / 2
            for height_mm, width_mm in row:
                high, wide = height_mm * self.inch_per_mm, width_mm * self.inch_per_mm
                self.axes.append(self._axes(left, top - (row_height + high) / 2, wide, high))
                left += wide + _GAP
            top -= row_height + _GAP
        self.figure.text(0.012, 0.1 / self.height, RESEARCH_USE, color=SOFT, fontsize=9, va="bottom")

    def _axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """All in inches from the lower left corner."""
        box = (left / INCHES, bottom / self.height, width / INCHES, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set_axis_off()
        return axes

    def legend(self, handles: Sequence[Line2D | Patch], columns: int, left: float = 0.012) -> None:
        """In the foot, from the left; ``left`` is a share of the width."""
        self.figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(left, (self.foot + 0.02) / self.height),
            ncols=columns,
            frameon=False,
            labelcolor=INK,
            fontsize=10,
            handlelength=2.0,
            columnspacing=1.6,
            borderaxespad=0.2,
        )

    def colour_bar(self, threshold: float | None) -> None:
        """Of a heat map over the image, at the right of the foot, with a mark where the mask's threshold lies if there is one."""
        axes = self.figure.add_axes((0.62, (self.foot - 0.24) / self.height, 0.34, 0.14 / self.height))
        colours = ListedColormap(_HEAT_ALPHA * HEAT(np.arange(HEAT.N))[:, :3] + (1 - _HEAT_ALPHA) * _GREY)
        bar = self.figure.colorbar(ScalarMappable(Normalize(0, 1), colours), cax=axes, orientation="horizontal")
        bar.set_label("share of the map's maximum", color=INK, fontsize=10)
        bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"])
        axes.tick_params(colors=INK, labelsize=9.5, length=3)
        bar.outline.set_visible(False)
        if threshold is None:
            return
        axes.axvspan(0, threshold, color=BACKGROUND, alpha=0.72, linewidth=0)
        axes.axvline(threshold, color=MASK, linewidth=1.6)

    def save(self, path: Path, words: Language) -> Path:
        return written(self.figure, path, words)


def written(figure: Figure, path: Path, words: Language) -> Path:
    """Write a figure as PNG, every text and mark of an axis in that language."""
    for text in figure.findobj(Text):
        text.set_text(words.label(text.get_text()))
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), FuncFormatter):  # marks that were written, not counted
            marks = [textwrap.fill(words.label(mark.get_text()), _MARK) for mark in axis.get_ticklabels()]
            axis.set_ticks(axis.get_ticklocs(), marks)
    figure.savefig(path, dpi=DPI, facecolor=BACKGROUND, metadata={"Software": None})
    return path


def show_image(axes: Axes, pixels: np.ndarray, pixel_mm: tuple[float, float], window: tuple[float, float]) -> None:
    """Grey slice; the axes count millimetres from the panel's upper left corner."""
    axes.imshow(
        pixels, cmap="gray", vmin=window[0], vmax=window[1], extent=_extent(pixels, pixel_mm), interpolation="bilinear"
    )


def show_colours(axes: Axes, rgba: np.ndarray, pixel_mm: tuple[float, float], smooth: bool = False) -> None:
    interpolation = "bilinear" if smooth else "nearest"
    axes.imshow(rgba, extent=_extent(rgba, pixel_mm), interpolation=interpolation)


def heat_colours(values: np.ndarray, threshold: float) -> np.ndarray:
    """RGBA of a heat map in [0, 1], transparent below its threshold."""
    rgba = HEAT(values)
    rgba[..., 3] = np.where(values >= threshold, _HEAT_ALPHA, 0.0)
    return rgba


def label_colours(labels: np.ndarray, colours: dict[int, str], alpha: float) -> np.ndarray:
    """RGBA of a label image, transparent where a label has no colour."""
    rgba = np.zeros((*labels.shape, 4))
    for label, colour in colours.items():
        rgba[labels == label] = to_rgba(colour, alpha)
    return rgba


def outline(axes: Axes, mask: np.ndarray, pixel_mm: tuple[float, float], colour: str, dashed: bool = False) -> None:
    """The border of ``mask``; a mask at the panel's edge is closed there."""
    if not mask.any():
        return
    down, across = pixel_mm
    padded = np.pad(mask.astype(float), 1)
    x = (np.arange(padded.shape[1]) - 0.5) * across
    y = (np.arange(padded.shape[0]) - 0.5) * down
    lines = axes.contour(
        x, y, padded, levels=[0.5], colors=[colour], linewidths=1.5, linestyles="--" if dashed else "-"
    )
    lines.set_path_effects([patheffects.withStroke(linewidth=2.8, foreground="#000000aa")])


def number_mark(axes: Axes, mask: np.ndarray, pixel_mm: tuple[float, float], text: str) -> None:
    """The number of a lesion beside its section."""
    rows, columns = np.nonzero(mask)
    place = ((columns.max() + 1) * pixel_mm[1], rows.min() * pixel_mm[0])
    axes.text(*place, text, color=LESION, fontsize=11, fontweight="bold", path_effects=_HALO, clip_on=True)


def region_mark(axes: Axes, mask: np.ndarray, pixel_mm: tuple[float, float], text: str) -> None:
    """The number of a region on the pixel that lies deepest in its section; none where the section is too small for it."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=pixel_mm)[1:-1, 1:-1]
    if depth.max() < _NUMBERED_FROM_MM:
        return
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    place = ((column + 0.5) * pixel_mm[1], (row + 0.5) * pixel_mm[0])
    axes.text(*place, text, color=INK, fontsize=9.5, ha="center", va="center", path_effects=_HALO, clip_on=True)


def letters(axes: Axes, names: tuple[str, str, str, str], height: float = 0.5) -> None:
    """What lies at the left, right, top and bottom edge; the first two at a share of the ``height``."""
    left, right, top, bottom = names
    height = height if len(left) <= 2 else 0.03  # longer names stand in the lower corners, off the head
    places = ((0.015, height, "left", left), (0.985, height, "right", right))
    for x, y, side, name in places:
        _mark(axes, x, y, name, ha=side, va="center" if len(left) <= 2 else "bottom")
    _mark(axes, 0.5, 0.985, top, ha="center", va="top")
    _mark(axes, 0.5, 0.015, bottom, ha="center", va="bottom")


def _mark(axes: Axes, x: float, y: float, text: str, size: float = 11, **options: str) -> None:
    axes.text(x, y, text, transform=axes.transAxes, color=INK, fontsize=size, path_effects=_HALO, **options)


def title(axes: Axes, text: str, size: float = 11) -> None:
    """In the panel's upper left corner."""
    _mark(axes, 0.02, 0.98, text, size, ha="left", va="top")


def scale_bar_mm(sizes_mm: Sequence[tuple[float, float]]) -> int:
    """For all panels of one scale: the longest round length of at most a third of the narrowest."""
    longest = min(width for _, width in sizes_mm) / 3
    return next((mm for mm in _SCALE_BARS_MM if mm <= longest), _SCALE_BARS_MM[-1])


def scale_bar(axes: Axes, size_mm: tuple[float, float], length: int) -> None:
    """In the lower right corner, ``length`` in millimetres."""
    height, width = size_mm
    right, bottom = width * 0.97, height * 0.955
    thickness = height * 0.012
    axes.add_patch(
        Rectangle((right - length, bottom), length, thickness, facecolor=INK, edgecolor="#000000", linewidth=0.6)
    )
    # The words end where the bar does: in a small panel they are longer than it.
    place = (right, bottom - height * 0.012)
    axes.text(*place, f"{length} mm", color=INK, fontsize=10, ha="right", va="bottom", path_effects=_HALO)


def line_key(colour: str, label: str, dashed: bool = False) -> Line2D:
    return Line2D([], [], color=colour, linewidth=2, linestyle="--" if dashed else "-", label=label)


def patch_key(colour: str, label: str) -> Patch:
    return Patch(facecolor=colour, label=label)


def panel_sizes(orientation: Orientation, panels: Sequence[tuple[str, np.ndarray]]) -> list[tuple[float, float]]:
    """Height and width of each panel in millimetres (pixels for a picture)."""
    sizes = []
    for plane, pixels in panels:
        down, across = orientation.pixel_mm(plane)
        sizes.append((pixels.shape[0] * down, pixels.shape[1] * across))
    return sizes


def _extent(pixels: np.ndarray, pixel_mm: tuple[float, float]) -> tuple[float, float, float, float]:
    return 0, pixels.shape[1] * pixel_mm[1], pixels.shape[0] * pixel_mm[0], 0
