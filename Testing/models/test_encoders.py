"""Every architecture's cells lie over what they look at."""

from __future__ import annotations

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from XAIReportLib.cells import cell_grid
from XAIReportLib.models.encoders import ARCHITECTURES, make_encoder
from XAIReportLib.models.networks import DualHeadNetwork

PIXELS = 224


class Stride8(torch.nn.Module):
    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x)[3]


@torch.no_grad()
def symmetric(encoder: torch.nn.Module) -> torch.nn.Module:
    """Random weights without a left and a right, and batch statistics of a random image, so that only the geometry is left."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.Conv2d):
            w = module.weight
            w.copy_((w + w.flip(-1) + w.flip(-2) + w.flip(-1, -2)) / 4)
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    encoder.train()(torch.rand(2, 1, PIXELS, PIXELS))
    return encoder.eval()


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_a_cell_depends_on_the_pixels_around_its_place(architecture: str) -> None:
    torch.manual_seed(0)
    layer = Stride8(symmetric(make_encoder(ARCHITECTURES[architecture])))
    grid = cell_grid(layer, layer, PIXELS)
    x = torch.rand(1, 1, PIXELS, PIXELS, requires_grad=True)
    cells = layer(x)
    assert cells.shape[-2:] == (PIXELS // 8, PIXELS // 8)
    for row, column in ((14, 14), (20, 7)):
        (gradient,) = torch.autograd.grad((cells[0, :, row, column] ** 2).sum(), x, retain_graph=True)
        strength = gradient[0, 0].numpy() ** 2
        strength[strength < strength.max() / 20] = 0
        seen = [np.average(axis, weights=strength) for axis in np.indices(strength.shape)]
        place = np.array(grid.origin) + np.array(grid.stride) * (row, column)
        np.testing.assert_allclose(seen, place, atol=4.0)


@pytest.mark.parametrize("stride", [8, 16])
def test_a_dilated_encoders_cells_lie_where_those_of_the_strided_one_begin(stride: int) -> None:
    """Each dilated stage keeps the grid of the stage before, with windows of the same middle."""
    torch.manual_seed(0)
    encoder = symmetric(
        smp.encoders.get_encoder("resnet18", in_channels=1, depth=5, weights=None, output_stride=stride)
    )
    features = encoder(torch.zeros(1, 1, PIXELS, PIXELS))
    assert features[-1].shape[-1] == PIXELS // stride
    layer = encoder.layer4
    grid = cell_grid(encoder, layer, PIXELS)
    row = column = PIXELS // stride // 2
    x = torch.rand(1, 1, PIXELS, PIXELS, requires_grad=True)
    (encoder(x)[-1][0, :, row, column] ** 2).sum().backward()
    strength = x.grad[0, 0].numpy() ** 2
    strength[strength < strength.max() / 20] = 0
    seen = [np.average(axis, weights=strength) for axis in np.indices(strength.shape)]
    np.testing.assert_allclose(seen, np.array(grid.origin) + np.array(grid.stride) * (row, column), atol=stride / 2)


def test_an_encoder_that_pads_unevenly_is_refused_with_the_one_to_use() -> None:
    with pytest.raises(ValueError, match="use tu-efficientnet_b0"):
        make_encoder("efficientnet-b0")


@pytest.mark.parametrize("architecture", ["inceptionv3", "vgg16", "xception"])
def test_every_encoder_carries_both_heads_and_a_class_path_at_stride_8(architecture: str) -> None:
    network = DualHeadNetwork(ARCHITECTURES[architecture]).eval()
    with torch.inference_mode():
        output = network(torch.zeros(1, 1, 96, 96))
    assert output.scores.shape == (1, 4)
    assert output.outline.shape == (1, 1, 96, 96)
    assert output.attention.shape == (1, 1, 12, 12)


@pytest.mark.parametrize("architecture", ["resnet50", "densenet121", "vgg16"])
def test_coarse_features_are_merged_where_their_cells_lie(architecture: str) -> None:
    """Features that say in which pixel column their cell lies say it in the neck, too."""
    network = DualHeadNetwork(ARCHITECTURES[architecture]).eval()
    network.neck = torch.nn.Identity()
    features = []
    for channels, stride in zip(network.encoder.out_channels, (1, 2, 4, 8, 16, 32), strict=True):
        features.append(torch.zeros(1, channels, 96 // stride, PIXELS // stride))
    for level, grid in enumerate(network.grids, 3):
        features[level][:] = grid.origin[1] + grid.stride[1] * torch.arange(features[level].shape[-1])
    with torch.inference_mode():
        for lateral in network.lateral:
            torch.nn.init.constant_(lateral.weight, 1 / lateral.in_channels)
            torch.nn.init.zeros_(lateral.bias)
        merged = network.neck_features(features)[0, 0] / 3
    fine = network.grids[0]
    places = fine.origin[1] + fine.stride[1] * np.arange(merged.shape[1])
    # beyond the middle of the last coarse cell its value is kept
    np.testing.assert_allclose(merged[:, 4:-4], np.broadcast_to(places, merged.shape)[:, 4:-4], atol=1e-3)


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "vgg16"])
def test_a_lesions_share_of_the_cells_keeps_its_area_and_its_place(architecture: str) -> None:
    network = DualHeadNetwork(ARCHITECTURES[architecture])
    lesion = torch.zeros(1, 1, 96, PIXELS)
    lesion[:, :, 33:50, 100:137] = 1
    shares = network.lesion_shares(lesion)[0, 0].numpy()
    grid = network.grids[0]
    assert shares.shape == (12, PIXELS // 8)
    assert shares.max() == pytest.approx(1)
    assert shares.sum() * np.prod(grid.stride) == pytest.approx(float(lesion.sum()), rel=1e-4)
    columns = grid.origin[1] + grid.stride[1] * np.arange(shares.shape[1])
    assert np.average(columns, weights=shares.sum(axis=0)) == pytest.approx((100 + 136) / 2, abs=0.7)
