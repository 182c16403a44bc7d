"""Gradient-weighted class activation maps, by pytorch-grad-cam, on every slice of a case, or on volumes of a network on volumes.

The score that is explained is the network's log-odds of the target class against "no lesion".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.base_cam import BaseCAM
from torch import nn

from XAIReportLib.results import Cancelled

METHODS: dict[str, type[BaseCAM]] = {
    "gradcam": GradCAM,
    "gradcam++": GradCAMPlusPlus,
    "layercam": LayerCAM,
    "hirescam": HiResCAM,
}
SAME = 0.01  # log-odds: two passes of the same slice differ by rounding only


@dataclass(frozen=True)
class LayerRecord:
    """A layer's output on every slice and the gradient of the target's score there: float32 (n, channels, *cells)."""

    activations: np.ndarray
    gradients: np.ndarray


def record_layer(
    model: nn.Module,
    layer: nn.Module,
    pixels: np.ndarray,
    target: int,
    batch: int = 16,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    known: tuple[np.ndarray, np.ndarray] | None = None,
) -> LayerRecord:
    """One forward pass, and a backward pass down to the layer only, from which every method of this file and ScoreCAM's
    activations come.

    Args:
        pixels: float32 (n, *size), slices or volumes; target: column of the model's output.
        known: the layer's output (n, channels, *cells) and the target's score (n,) of an earlier pass. Then only what
            lies behind the layer runs, as long as it gives the same scores; otherwise the whole network runs again.

    Raises:
        Cancelled: between two batches.
    """
    device = next(model.parameters()).device
    layout = torch.channels_last if pixels.ndim == 3 else torch.channels_last_3d
    activations, gradients, here = [], [], []
    start = 0

    def cut(_module: nn.Module, _inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        if known is not None:
            output = torch.from_numpy(known[0][start : start + batch]).to(output)
        here.append(output.detach().requires_grad_(True))
        return here[-1]

    handle = layer.register_forward_hook(cut)
    try:
        while start < len(pixels):
            if cancelled and cancelled():
                raise Cancelled("stopped while the layer was recorded")
            here.clear()
            seen = pixels[
                start : start + (batch if known is None else 1), None
            ]  # one slice is enough to reach the layer
            x = torch.from_numpy(seen).to(device, memory_format=layout)
            scores = model(x)[:, target]
            if known is not None and not _alike(scores, known[1][start : start + batch]):
                known = None  # the score does not depend on the layer's output alone
                continue
            (gradient,) = torch.autograd.grad(scores.sum(), here)
            activations.append(here[0].detach().float().cpu().numpy())
            gradients.append(gradient.float().cpu().numpy())
            start += batch
            if progress:
                progress(min(start / len(pixels), 1.0))
    finally:
        handle.remove()
    return LayerRecord(np.concatenate(activations), np.concatenate(gradients))


def _alike(scores: torch.Tensor, expected: np.ndarray) -> bool:
    found = scores.detach().float().cpu().numpy()
    return found.shape == expected.shape and bool(np.allclose(found, expected, atol=SAME))


def gradient_maps(method: str, model: nn.Module, layer: nn.Module, record: LayerRecord) -> np.ndarray:
    """L = ReLU(sum_k w_k A_k) of every slice, not normalised, so that slices can be compared: float32 (n, *cells).

    With y the target's score and A the layer's activations (LayerCAM and HiResCAM weight every cell ij by itself; in a volume ij
    stands for three indices):

        gradcam    w_k = mean_ij dy/dA_kij                                       (Selvaraju et al. 2017, arXiv 1610.02391)
        gradcam++  w_k = sum_ij a_kij ReLU(dy/dA_kij), a_kij of its eq. 19       (Chattopadhyay et al. 2018, arXiv 1710.11063)
        layercam   w_kij = ReLU(dy/dA_kij)                               (Jiang et al. 2021, doi 10.1109/TIP.2021.3089943)
        hirescam   w_kij = dy/dA_kij                                     (Draelos and Carin 2020, arXiv 2011.08891)
    """
    cam = METHODS[method](model=model, target_layers=[layer])
    cam.activations_and_grads.release()
    image = cam.get_cam_image(None, layer, None, record.activations, record.gradients, False)
    return np.maximum(image, 0).astype(np.float32)
