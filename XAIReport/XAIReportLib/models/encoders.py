"""The encoders, each with cells that lie over what they look at.

InceptionV3 is built without padding ("valid"), so that its cells are drawn together towards the middle of the image, by up to 35
pixels at its rim, and its feature sizes do not halve. Here it is padded as segmentation-models-pytorch pads its own Inception and
Xception encoders.
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from timm.models.inception_v3 import InceptionB, InceptionD
from torch import nn
from torch.nn import functional as F

# Architecture: its encoder, as segmentation-models-pytorch names it.
ARCHITECTURES = {
    "efficientnet_lite0": "tu-efficientnet_lite0",
    "mobilenet_v2": "mobilenet_v2",
    "efficientnet_b0": "tu-efficientnet_b0",
    "resnet50": "resnet50",
    "densenet121": "densenet121",
    "vgg16": "vgg16_bn",
    "vgg19": "vgg19_bn",
    "inceptionresnetv2": "inceptionresnetv2",
    "inceptionv3": "tu-inception_v3",
    "xception": "xception",
}


def make_encoder(name: str) -> nn.Module:
    """A segmentation-models-pytorch encoder of one input channel with random weights; features at strides 1, 2, 4, 8, 16, 32.

    Args:
        name: such as "resnet50", or "tu-..." for timm's.

    Raises:
        ValueError: an encoder padded on one side more than on the other, whose cells would be drawn beside what they look at.
    """
    if name.startswith("efficientnet-"):
        raise ValueError(f"{name} pads unevenly, so that its maps would be shifted; use tu-{name.replace('-', '_')}")
    encoder = smp.encoders.get_encoder(name, in_channels=1, depth=5, weights=None)
    if name == "tu-inception_v3":
        _pad(encoder)
    return encoder


def _pad(encoder: nn.Module) -> None:
    """Makes every unpadded window of an InceptionV3 keep its cells' places: padding (k - 1) / 2 for a window of k."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.padding = tuple((k - 1) // 2 for k in module.kernel_size)
        elif isinstance(module, nn.MaxPool2d):
            module.padding = 1
        elif isinstance(module, InceptionB | InceptionD):
            _pad_pool(module)


def _pad_pool(block: nn.Module) -> None:
    """The blocks' own pooling is a function, not a module: its branch is made anew, padded."""
    unpadded = block._forward

    def forward(x: torch.Tensor) -> list[torch.Tensor]:
        *convolved, _ = unpadded(x)  # the last branch is the pooling
        return [*convolved, F.max_pool2d(x, kernel_size=3, stride=2, padding=1)]

    block._forward = forward
