"""Where a class's score came from, on the case's own grid.

``explain`` is the one call: it runs a method on every slice and brings the maps back as one ``Heatmap``; ``adaptive_mask`` cuts it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from XAIReportLib.results import Heatmap
from XAIReportLib.saliency.cam import METHODS as GRADIENT_METHODS
from XAIReportLib.saliency.cam import gradient_maps
from XAIReportLib.saliency.layer import cell_grid
from XAIReportLib.saliency.masks import adaptive_mask
from XAIReportLib.saliency.score_cam import activations_of, channel_weights, weighted_maps
from XAIReportLib.views import PIXELS, Views

__all__ = ["METHODS", "adaptive_mask", "explain"]

METHODS = (*GRADIENT_METHODS, "scorecam")
SCORECAM_KEY_SLICES = 1  # of each plane: the largest sections of what was found


def explain(
    method: str,
    target: tuple[str, int],
    model: nn.Module,
    layer: nn.Module,
    layer_name: str,
    views: Views,
    pixels: np.ndarray,
    presence: np.ndarray,
    areas: np.ndarray,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Heatmap:
    """One heat map for one class over the whole case.

    Every slice's map L is weighted by the slice's own probability of the target, 1 / (1 + exp(-y)), so that slices in which the
    network finds nothing stay dark; planes are averaged, and the result is divided by its maximum.

    Args:
        method: one of METHODS; target: class name and its column in the model's output.
        model: slices (B, 1, 224, 224) to scores (B, columns); layer: the module whose output is explained.
        pixels: the case's slices (n, 224, 224); presence: the target's log-odds y of each slice (n,).
        areas: the lesion's section in each slice (n,), which chooses ScoreCAM's key slices.

    Raises:
        ValueError: unknown method.
        Cancelled: between two batches.
    """
    if method not in METHODS:
        raise ValueError(f"saliency method {method} is unknown; choose among {', '.join(METHODS)}")
    name, column = target
    grid = cell_grid(model, layer, PIXELS)
    parameters: dict[str, object] = {"cells_mm_or_pixels": grid.stride[0], "slices": len(pixels)}
    if method in GRADIENT_METHODS:
        maps = gradient_maps(method, model, layer, pixels, column, progress=progress, cancelled=cancelled)
    else:
        keys = key_slices(areas, views.planes, SCORECAM_KEY_SLICES)
        activations = activations_of(model, layer, pixels)
        weights = np.zeros(activations.shape[1])
        for number, key in enumerate(keys):
            weights += channel_weights(
                model, pixels[key], activations[key], grid, column,
                progress=(lambda f, n=number: progress((n + f) / len(keys))) if progress else None,
                cancelled=cancelled,
            ) / len(keys)  # fmt: skip
        maps = weighted_maps(weights, activations)
        parameters |= {"key_slices": len(keys), "effective_channels": effective_number(weights)}
    share = 1 / (1 + np.exp(-np.clip(presence, -30, 30)))
    values = np.maximum(views.onto_case(grid.onto_input(maps * share[:, None, None], PIXELS)), 0)
    highest = float(values.max())
    values = (values / highest if highest > 0 else values).astype(np.float32)
    return Heatmap(method, name, values, layer_name, 0, parameters)


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
