"""Gradient-weighted class activation maps, by pytorch-grad-cam, on every slice of a case.

The score that is explained is the network's log-odds of the target class against "no lesion".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.base_cam import BaseCAM
from torch import nn

from XAIReportLib.results import Cancelled

METHODS: dict[str, type[BaseCAM]] = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus}


def gradient_maps(
    method: str,
    model: nn.Module,
    layer: nn.Module,
    pixels: np.ndarray,
    target: int,
    batch: int = 16,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> np.ndarray:
    """L = ReLU(sum_k w_k A_k) of every slice, not normalised, so that slices can be compared: float32 (n, rows, columns).

    With y the target's score and A the layer's activations:

        gradcam    w_k = mean_ij dy/dA_kij                                       (Selvaraju et al. 2017, arXiv 1610.02391)
        gradcam++  w_k = sum_ij a_kij ReLU(dy/dA_kij), a_kij of its eq. 19       (Chattopadhyay et al. 2018, arXiv 1710.11063)

    Args:
        pixels: float32 (n, 224, 224); target: column of the model's output (B, columns).

    Raises:
        Cancelled: between two batches.
    """
    device = next(model.parameters()).device
    maps = []
    cam = METHODS[method](model=model, target_layers=[layer])
    try:
        for start in range(0, len(pixels), batch):
            if cancelled and cancelled():
                raise Cancelled(f"stopped during {method}")
            x = torch.from_numpy(pixels[start : start + batch, None]).to(device).requires_grad_(True)
            scores = cam.activations_and_grads(x)
            scores[:, target].sum().backward()
            activations = cam.activations_and_grads.activations[0].float().cpu().numpy()
            gradients = cam.activations_and_grads.gradients[0].float().cpu().numpy()
            maps.append(np.maximum(cam.get_cam_image(x, layer, None, activations, gradients), 0))
            if progress:
                progress(min((start + batch) / len(pixels), 1.0))
    finally:
        cam.activations_and_grads.release()
    return np.concatenate(maps).astype(np.float32)
