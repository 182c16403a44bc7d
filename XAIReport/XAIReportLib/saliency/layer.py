"""Where the cells of a layer lie on the network's input, so that a map is drawn where its values come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class CellGrid:
    """Receptive-field centre of cell (row, column): ``origin + stride * (row, column)``, in input pixels."""

    origin: tuple[float, float]
    stride: tuple[float, float]

    def onto_input(self, maps: np.ndarray, pixels: int) -> np.ndarray:
        """Cell maps (n, rows, columns) on the input's grid, linear between the centres, nearest beyond: (n, pixels, pixels)."""
        (oy, ox), (sy, sx) = self.origin, self.stride
        rows = _linear_weights((np.arange(pixels) - oy) / sy, maps.shape[1])
        columns = _linear_weights((np.arange(pixels) - ox) / sx, maps.shape[2])
        return np.matmul(np.matmul(rows, maps.astype(np.float32)), columns.T)


def _linear_weights(positions: np.ndarray, cells: int) -> np.ndarray:
    """Matrix (positions, cells) of linear interpolation; positions beyond the cells take the nearest one."""
    inside = np.clip(positions, 0, cells - 1)
    below = np.minimum(np.floor(inside).astype(int), max(cells - 2, 0))
    weights = np.zeros((len(positions), cells), np.float32)
    number = np.arange(len(positions))
    weights[number, below] = 1 - (inside - below)
    weights[number, np.minimum(below + 1, cells - 1)] += inside - below
    return weights


def cell_grid(model: nn.Module, layer: nn.Module, pixels: int) -> CellGrid:
    """Follows the strided and the unpadded operations of one forward pass down to the size of the layer's output.

    Each change of size is read from the first operation that makes it (parallel branches share its grid): with kernel k,
    stride s and padding p, cell i is centred on cell s i - p + (k - 1) / 2 of the grid before (Araujo et al. 2019,
    doi 10.23915/distill.00021, eq. 5).
    """
    changes: dict[tuple[int, ...], tuple[tuple[int, ...], nn.Module]] = {}
    sizes: list[tuple[int, ...]] = []

    def watch(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        before, after = tuple(inputs[0].shape[-2:]), tuple(output.shape[-2:])
        if before != after and len(after) == 2 and after not in changes:
            changes[after] = (before, module)

    kinds = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
    handles = [m.register_forward_hook(watch) for m in model.modules() if isinstance(m, kinds)]
    handles.append(layer.register_forward_hook(lambda _m, _i, output: sizes.append(tuple(output.shape[-2:]))))
    parameter = next(model.parameters())
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 1, pixels, pixels, device=parameter.device, dtype=parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
    chain = []
    size = sizes[0]
    while size != (pixels, pixels):
        size, module = changes[size]
        chain.append(module)
    centre, stride = np.zeros(2), np.ones(2)
    for module in reversed(chain):
        k, s, p = (np.array(_pair(getattr(module, name))) for name in ("kernel_size", "stride", "padding"))
        centre = centre + stride * ((k - 1) / 2 - p)
        stride = stride * s
    return CellGrid(tuple(map(float, centre)), tuple(map(float, stride)))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
