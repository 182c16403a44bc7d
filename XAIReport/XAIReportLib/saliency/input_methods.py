"""Attributions at the input's own pixels, by Captum: gradients of the score, and the score when parts are covered.

Their maps are sharper than class activation maps and far noisier; each needs many passes, so that only the slices that are asked
for are looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency
from torch import nn

from XAIReportLib.results import Cancelled

STEPS = 16  # of integrated gradients
SAMPLES, NOISE = 8, 0.1  # of SmoothGrad; the noise's deviation as a share of the image's range
WINDOW, STRIDE = 32, 16  # of occlusion, in pixels
PASSES = 16  # at a time
SEED = 0
PARAMETERS: dict[str, dict[str, float]] = {  # as the findings call them
    "smoothgrad": {"samples": SAMPLES, "noise": NOISE},
    "integrated_gradients": {"steps": STEPS},
    "occlusion": {"window_pixels": WINDOW, "stride_pixels": STRIDE},
}

Attribution = Callable[[nn.Module, torch.Tensor, int], torch.Tensor]


def _saliency(model: nn.Module, x: torch.Tensor, target: int) -> torch.Tensor:
    return Saliency(model).attribute(x, target=target, abs=True)


def _smoothgrad(model: nn.Module, x: torch.Tensor, target: int) -> torch.Tensor:
    torch.manual_seed(SEED)
    spread = NOISE * float((x.max() - x.min()).detach())
    return NoiseTunnel(Saliency(model)).attribute(
        x, nt_type="smoothgrad", nt_samples=SAMPLES, nt_samples_batch_size=SAMPLES, stdevs=spread, target=target
    )


def _integrated_gradients(model: nn.Module, x: torch.Tensor, target: int) -> torch.Tensor:
    return IntegratedGradients(model).attribute(x, target=target, n_steps=STEPS, internal_batch_size=PASSES).clamp(0)


def _occlusion(model: nn.Module, x: torch.Tensor, target: int) -> torch.Tensor:
    with torch.inference_mode():
        covered = Occlusion(model).attribute(
            x, (1, WINDOW, WINDOW), strides=(1, STRIDE, STRIDE), target=target, perturbations_per_eval=PASSES
        )
    return covered.clamp(0)


METHODS: dict[str, Attribution] = {
    "saliency": _saliency,
    "smoothgrad": _smoothgrad,
    "integrated_gradients": _integrated_gradients,
    "occlusion": _occlusion,
}


def input_maps(
    method: str,
    model: nn.Module,
    pixels: np.ndarray,
    target: int,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> np.ndarray:
    """Maps of slices at the input's pixels, not normalised: float32 (n, rows, columns), none below 0.

    With y the target's score, x the image, x' the black image:

        saliency              |dy/dx|                                                    (Simonyan et al. 2014, arXiv 1312.6034)
        smoothgrad            mean over 8 noisy copies of |dy/dx|                          (Smilkov et al. 2017, arXiv 1706.03825)
        integrated_gradients  ReLU((x - x') mean over a in [0, 1] of dy(x' + a(x - x'))/dx) (Sundararajan et al. 2017, 1703.01365)
        occlusion             ReLU(mean of y(x) - y(x, black there) over covering windows)  (Zeiler, Fergus 2014, arXiv 1311.2901)

    Args:
        pixels: float32 (n, rows, columns); target: column of the model's output.

    Raises:
        Cancelled: between two slices.
    """
    device = next(model.parameters()).device
    maps = []
    for number, image in enumerate(pixels):
        if cancelled and cancelled():
            raise Cancelled(f"stopped during {method}")
        x = torch.from_numpy(image[None, None]).to(device).requires_grad_(True)
        maps.append(METHODS[method](model, x, target)[0, 0].detach().float().cpu().numpy())
        if progress:
            progress((number + 1) / len(pixels))
    return np.stack(maps)
