"""Batch normalisation folded into the convolutions before it: the same answers in two thirds of the time on a CPU."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-3  # of the scores; rounding alone gives about 1e-5
SIDE = 96  # of the trial image


def folded(network: nn.Module) -> nn.Module:
    """A copy in which each batch normalisation that only rescales one convolution's output is part of that convolution.

    With y = conv(x) and (y - m) / s * g + b after it, the convolution's weights become W g / s and its bias b - m g / s
    (Jacob et al. 2018, arXiv 1712.05877, eq. 14). Which convolution feeds which normalisation is watched during one pass and not
    guessed from names. Outputs of folded convolutions change; those of the blocks around them do not.

    Args:
        network: in evaluation mode, for images (1, 1, SIDE, SIDE); its answer has ``scores``.

    Returns:
        The folded copy; the network itself when the two do not answer alike.
    """
    trial = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    twin = copy.deepcopy(network)
    with torch.inference_mode():
        expected = network(trial).scores
    for convolution, normalisation in _pairs(twin, trial):
        twin.set_submodule(convolution, fuse_conv_bn_eval(
            twin.get_submodule(convolution), twin.get_submodule(normalisation)
        ))  # fmt: skip
        # timm's normalisations hold the activation that follows
        twin.set_submodule(normalisation, getattr(twin.get_submodule(normalisation), "act", nn.Identity()))
    with torch.inference_mode():
        agree = torch.allclose(twin(trial).scores, expected, atol=TOLERANCE)
    return twin if agree else network


def _pairs(network: nn.Module, trial: torch.Tensor) -> list[tuple[str, str]]:
    """Names of a convolution and of the normalisation that its output goes into, each called once in a pass."""
    made: dict[int, tuple[str, torch.Tensor]] = {}  # the tensor is kept, so that its id stays its own
    found: list[tuple[str, str]] = []
    calls: Counter[str] = Counter()
    handles = []

    def watch(name: str, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):

            def after(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
                calls[name] += 1
                made[id(output)] = (name, output)

            handles.append(module.register_forward_hook(after))
        elif isinstance(module, nn.BatchNorm2d) and isinstance(getattr(module, "drop", nn.Identity()), nn.Identity):

            def before(_module: nn.Module, inputs: tuple) -> None:
                calls[name] += 1
                if id(inputs[0]) in made:
                    found.append((made[id(inputs[0])][0], name))

            handles.append(module.register_forward_pre_hook(before))

    for name, module in network.named_modules():
        watch(name, module)
    try:
        with torch.inference_mode():
            network(trial)
    finally:
        for handle in handles:
            handle.remove()
    return [pair for pair in found if calls[pair[0]] == calls[pair[1]] == 1]
