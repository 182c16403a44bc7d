"""Folding changes how long the network takes, and nothing that it says."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from XAIReportLib.models.folding import folded
from XAIReportLib.models.networks import DualHeadNetwork


def wandering(network: nn.Module) -> nn.Module:
    """The network with statistics that a training could have left."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.1 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    return network.eval()


def normalisations(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "tu-efficientnet_lite0", "densenet121"])
def test_a_folded_network_says_the_same(encoder: str) -> None:
    network = wandering(DualHeadNetwork(encoder))
    before = normalisations(network)
    twin = folded(network)
    assert normalisations(network) == before
    assert normalisations(twin) < before
    x = torch.rand(2, 1, 128, 128)
    with torch.inference_mode():
        ours, theirs = twin(x), network(x)
    torch.testing.assert_close(ours.scores, theirs.scores, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(ours.outline, theirs.outline, atol=1e-3, rtol=1e-3)


class Shared(nn.Module):
    """A convolution whose output is used a second time, past the normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.normalisation = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor):
        raw = self.convolution(x)

        class Answer:
            scores = (raw + self.normalisation(raw)).mean(dim=(2, 3))

        return Answer


def test_what_cannot_be_folded_is_left_as_it_is() -> None:
    network = wandering(Shared())
    assert folded(network) is network
