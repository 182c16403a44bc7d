"""Where a class's score came from, on the case's own grid.

``explain`` runs the methods on every slice and brings each one's maps back as a ``Heatmap``; ``adaptive_mask`` cuts it; ``check``
says whether the maps of the case may be relied on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from XAIReportLib.case import InputError
from XAIReportLib.cells import cell_grid
from XAIReportLib.results import SALIENCY_METHODS as METHODS
from XAIReportLib.results import Heatmap, SaliencyCheck, SaliencyMask
from XAIReportLib.saliency import checks, doubt
from XAIReportLib.saliency.cam import METHODS as GRADIENT_METHODS
from XAIReportLib.saliency.cam import gradient_maps, record_layer
from XAIReportLib.saliency.input_methods import METHODS as INPUT_METHODS
from XAIReportLib.saliency.input_methods import PARAMETERS, input_maps
from XAIReportLib.saliency.masks import adaptive_mask
from XAIReportLib.saliency.score_cam import ScoreCam, Sweep, weighted_maps
from XAIReportLib.views import PIXELS, Views

__all__ = ["METHODS", "Explanation", "adaptive_mask", "check", "explain"]

FAINT = -4.0  # log-odds of a slice that adds less than 2 % to a map
KEY_SLICES = 1  # of each plane: the largest sections of what was found


@dataclass(frozen=True)
class Explanation:
    """``heatmaps`` on the case's grid; ``keys``: the slices with the largest sections, and ``sections``: each method's maps there,
    float32 (keys, 224, 224)."""

    heatmaps: tuple[Heatmap, ...]
    keys: list[int]
    sections: tuple[np.ndarray, ...]


def explain(
    methods: Sequence[str],
    target: tuple[str, int],
    model: nn.Module,
    layer: tuple[str, nn.Module],
    views: Views,
    pixels: np.ndarray,
    presence: np.ndarray,
    areas: np.ndarray,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    activations: np.ndarray | None = None,
    exact_scorecam: bool = False,
) -> Explanation:
    """Heat maps of one class over the whole case, one for each method.

    Every slice's map L is weighted by the slice's own probability of the target, 1 / (1 + exp(-y)), so that slices in which the
    network finds nothing stay dark; planes are averaged, and the result is divided by its maximum. ScoreCAM's channel weights are
    taken in fast mode on the largest lesion section of each plane and its neighbours, and exactly on the single slice of a picture
    and, when asked for, on the largest sections; their mean is used on all slices. Slices whose weight would be below 2 %
    (y below FAINT) are left dark without a pass, and methods at the input's pixels, which need many passes, look at slices with a
    positive y only; the largest lesion sections are always looked at.

    Args:
        methods: among METHODS; target: class name and its column in the model's output.
        model: slices (B, 1, 224, 224) to scores (B, columns); layer: name and module whose output is explained.
        pixels: the case's slices (n, 224, 224); presence: the target's log-odds y of each slice (n,).
        areas: the lesion's section in each slice (n,), which chooses ScoreCAM's key slices.
        activations: the layer's output on every slice, when an earlier pass has kept it.

    Raises:
        ValueError: unknown method.
        InputError: a method's map holds NaN or infinite values.
        Cancelled: between two batches.
    """
    unknown = [m for m in methods if m not in METHODS]
    if unknown:
        raise ValueError(f"saliency method {unknown[0]} is unknown; choose among {', '.join(METHODS)}")
    tell = progress or (lambda _fraction: None)
    name, column = target
    grid = cell_grid(model, layer[1], PIXELS)
    keys = key_slices(areas, views.planes, KEY_SLICES)
    looked = np.union1d(np.flatnonzero(presence > FAINT), keys)
    record = record_layer(
        model, layer[1], pixels[looked], column, progress=lambda f: tell(0.5 * f), cancelled=cancelled,
        known=None if activations is None else (activations[looked], presence[looked]),
    )  # fmt: skip
    share = 1 / (1 + np.exp(-np.clip(presence, -30, 30)))
    heatmaps, sections = [], []
    for method in methods:
        seen, parameters = looked, {"slices": len(looked), "cell_pixels": grid.stride[0]}
        if method in INPUT_METHODS:
            seen = np.union1d(np.flatnonzero(presence > 0), keys)
            found = input_maps(
                method, model, pixels[seen], column, progress=lambda f: tell(0.5 + 0.5 * f), cancelled=cancelled
            )
            parameters = {"slices": len(seen), "cell_pixels": 1.0, **PARAMETERS.get(method, {})}
        elif method in GRADIENT_METHODS:
            found = grid.onto_input(gradient_maps(method, model, layer[1], record), PIXELS)
        else:
            engine = ScoreCam(model, grid, cancelled=cancelled)
            if exact_scorecam or len(views.planes) == 1:
                at_keys = record.activations[np.searchsorted(looked, keys)]
                weights, how = _exact_weights(engine, pixels[keys], at_keys, column, tell)
            else:
                near = np.intersect1d(with_neighbours(keys, views.planes), looked)
                at = np.searchsorted(looked, near)
                weights, how = _fast_weights(
                    engine, pixels[near], record.activations[at], record.gradients[at], column, tell
                )
            found = grid.onto_input(weighted_maps(weights, record.activations), PIXELS)
            parameters |= {"effective_channels": effective_number(weights), **how}
        maps = np.zeros(pixels.shape, np.float32)
        maps[seen] = found
        sections.append(maps[keys])
        values = np.maximum(views.onto_case(maps * share[:, None, None]), 0)
        highest = float(values.max())
        if not np.isfinite(highest):
            raise InputError(
                f"The heat map {method} for {name} cannot be made of this image: the network gives values that are NaN or "
                "infinite. Analyse it on the CPU, and look at the image's values."
            )
        values = (values / highest if highest > 0 else values).astype(np.float32)
        where = "input" if method in INPUT_METHODS else layer[0]
        heatmaps.append(Heatmap(method, name, values, where, 0, parameters))
    return Explanation(tuple(heatmaps), keys, tuple(sections))


def check(
    explanation: Explanation,
    mask: SaliencyMask,
    target: int,
    model: nn.Module,
    layer: nn.Module,
    views: Views,
    pixels: np.ndarray,
    head: np.ndarray,
    lesion: np.ndarray,
    temperature: float = 1.0,
    weights_sha256: str = "",
) -> SaliencyCheck:
    """Whether the case's heat maps may be relied on, from the slices with the largest sections (``checks.check``).

    Args:
        mask: of the first heat map; target: column of the model's output.
        head, lesion: bool, on the case's grid.
        temperature: that the class scores are divided by.
        weights_sha256: of the model's weights, by which ``doubt`` is computed or left out.
    """
    keys, first = explanation.keys, explanation.heatmaps[0].values
    heads, lesions, highlighted = (
        views.from_case(array.astype(np.uint8), labels=True)[keys] > 0 for array in (head, lesion, mask.values)
    )
    highest = first >= mask.parameters.get("cut", np.inf)
    outside = float((highest & ~head).sum() / max(int(highest.sum()), 1))
    grid = cell_grid(model, layer, PIXELS)
    maps = {h.method: section for h, section in zip(explanation.heatmaps, explanation.sections, strict=True)}
    regression = doubt.fitted(weights_sha256, explanation.heatmaps[0].method)
    found = checks.check(
        model, layer, grid, target, pixels[keys], heads, lesions, highlighted, maps, outside, temperature, regression
    )
    largest = int(lesions.sum(axis=(1, 2)).argmax())
    there = {method: section[largest] for method, section in maps.items()}
    return replace(found, curves=checks.curves(model, target, pixels[keys[largest]], heads[largest], there))


def _exact_weights(
    engine: ScoreCam, pixels: np.ndarray, activations: np.ndarray, column: int, tell: Callable[[float], None]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Mean of these slices' exact weights, and how they were taken."""
    sweeps = []
    for done, (image, layer) in enumerate(zip(pixels, activations, strict=True)):
        within = lambda f, done=done: tell(0.5 + 0.5 * (done + f) / len(pixels))  # noqa: E731
        sweeps.append(engine.exact(image[None], layer, progress=within, target=column))
    return _mean(sweeps, column, "exact")


def _fast_weights(
    engine: ScoreCam,
    pixels: np.ndarray,
    activations: np.ndarray,
    gradients: np.ndarray,
    column: int,
    tell: Callable[[float], None],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Mean of these slices' weights in fast mode, and how they were taken."""
    sweeps = []
    for done, (image, layer, gradient) in enumerate(zip(pixels, activations, gradients, strict=True)):
        sweeps.append(engine.fast(image[None], layer, gradient, column))
        tell(0.5 + 0.5 * (done + 1) / len(pixels))
    return _mean(sweeps, column, "fast")


def _mean(sweeps: list[Sweep], column: int, mode: str) -> tuple[np.ndarray, dict[str, Any]]:
    how = {
        "mode": mode,
        "key_slices": len(sweeps),
        "channels_scored": sum(s.scored for s in sweeps) / len(sweeps),
        "channels_predicted": sum(s.predicted for s in sweeps) / len(sweeps),
        "precision": " and ".join(sorted({s.precision for s in sweeps})),
    }
    return np.mean([s.weights(column) for s in sweeps], axis=0), how


def with_neighbours(keys: Sequence[int], planes: tuple[str, ...]) -> list[int]:
    """The slices and those next to them in the same plane."""
    around = {
        n + step for n in keys for step in (-1, 0, 1) if 0 <= n + step < len(planes) and planes[n + step] == planes[n]
    }
    return sorted(around)


def key_slices(areas: np.ndarray, planes: tuple[str, ...], count: int) -> list[int]:
    """Indices of the ``count`` largest sections of each plane; the middle slice of a plane without any."""
    chosen = []
    names = np.array(planes)
    for plane in dict.fromkeys(planes):
        here = np.flatnonzero(names == plane)
        ranked = here[np.argsort(-areas[here], kind="stable")][:count]
        chosen += [int(n) for n in ranked] if areas[here].any() else [int(here[len(here) // 2])]
    return chosen


def effective_number(weights: np.ndarray) -> float:
    """1 / sum w^2 of weights that sum to 1: on how many channels the map rests."""
    total = float((weights**2).sum())
    return 1 / total if total > 0 else 0.0
