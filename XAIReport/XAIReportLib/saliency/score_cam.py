"""ScoreCAM: how much of the score survives when only what one channel saw is left in the image.

    w_k = softmax_k( y(x * H_k) ),  H_k = the channel's activation, scaled to [0, 1] and resampled onto the input
    L   = ReLU( sum_k w_k A_k )                                              (Wang et al. 2020, arXiv 1910.01279, eq. 3 to 6)

The paper subtracts y of a baseline image before the softmax; a constant for all k does not change a softmax, so it is not computed.
Channels that are constant over a slice have an empty mask and are left out. No hook is in place during the masked passes, and the
masked images of one batch exist at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from XAIReportLib.results import Cancelled
from XAIReportLib.saliency.layer import CellGrid


def channel_weights(
    model: nn.Module,
    pixels: np.ndarray,
    activations: np.ndarray,
    grid: CellGrid,
    target: int,
    batch: int = 16,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> np.ndarray:
    """w_k of one slice, exact: float64 (channels,), 0 for constant channels.

    Args:
        pixels: float32 (224, 224); activations: (channels, rows, columns); target: column of the model's output.

    Raises:
        Cancelled: between two batches of channels.
    """
    device = next(model.parameters()).device
    low, high = activations.min(axis=(1, 2)), activations.max(axis=(1, 2))
    varied = np.flatnonzero(high - low > 1e-8)
    if len(varied) == 0:
        return np.zeros(len(activations))
    image = torch.from_numpy(pixels).to(device)
    scores = []
    for start in range(0, len(varied), batch):
        if cancelled and cancelled():
            raise Cancelled("stopped during scorecam")
        part = varied[start : start + batch]
        scaled = (activations[part] - low[part, None, None]) / (high - low)[part, None, None]
        masks = torch.from_numpy(grid.onto_input(scaled, pixels.shape[-1])).to(device)
        with torch.inference_mode():
            scores.append(model((image * masks)[:, None])[:, target].double().cpu().numpy())
        if progress:
            progress(min((start + batch) / len(varied), 1.0))
    weights = np.zeros(len(activations))
    weights[varied] = softmax(np.concatenate(scores))
    return weights


def weighted_maps(weights: np.ndarray, activations: np.ndarray) -> np.ndarray:
    """ReLU(sum_k w_k A_k): float32 (n, rows, columns)."""
    return np.maximum(np.einsum("k,nkij->nij", weights, activations), 0).astype(np.float32)
