"""Where the cells of a layer lie on the network's input, so that a map is drawn where its values come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

RESIZING = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.Conv3d, nn.MaxPool3d, nn.AvgPool3d)


@dataclass(frozen=True)
class CellGrid:
    """Centre of cell (i, j, ...): ``origin + stride * (i, j, ...)``, in input pixels, for each axis."""

    origin: tuple[float, ...]
    stride: tuple[float, ...]

    def onto_input(self, maps: np.ndarray, pixels: int | tuple[int, ...]) -> np.ndarray:
        """Cell maps (n, *cells) on the input's grid, linear between the centres, nearest beyond: float32 (n, *pixels)."""
        result = np.ascontiguousarray(maps, np.float32)
        for axis, matrix in enumerate(self.interpolation(maps.shape[1:], pixels), 1):
            before, after = result.shape[:axis], result.shape[axis + 1 :]
            if after:  # one product for each row of what comes before
                found = matrix @ result.reshape(-1, result.shape[axis], int(np.prod(after)))
            else:
                found = result.reshape(-1, result.shape[axis]) @ matrix.T
            result = found.reshape(*before, len(matrix), *after)
        return result

    def interpolation(self, cells: tuple[int, ...], pixels: int | tuple[int, ...]) -> list[np.ndarray]:
        """For each axis the matrix (pixels, cells) that ``onto_input`` multiplies with."""
        sizes = (pixels,) * len(cells) if isinstance(pixels, int) else pixels
        return [
            _linear_weights((np.arange(size) - origin) / stride, count)
            for size, count, origin, stride in zip(sizes, cells, self.origin, self.stride, strict=True)
        ]

    def shares(self, cells: tuple[int, ...], pixels: tuple[int, ...]) -> list[np.ndarray]:
        """For each axis the matrix (cells, pixels) by which a mask becomes its share of the cell-sized square around a cell."""
        found = []
        for count, size, origin, stride in zip(cells, pixels, self.origin, self.stride, strict=True):
            middles, pixel = origin + stride * np.arange(count)[:, None], np.arange(size)
            low, high = np.maximum(middles - stride / 2, pixel - 0.5), np.minimum(middles + stride / 2, pixel + 0.5)
            found.append((np.clip(high - low, 0, None) / stride).astype(np.float32))
        return found

    def from_coarser(self, coarse: CellGrid, cells: tuple[int, ...], coarse_cells: tuple[int, ...]) -> list[np.ndarray]:
        """For each axis the matrix (cells, coarse_cells) that draws a coarser grid's values at this grid's cells."""
        return [
            _linear_weights((origin + stride * np.arange(count) - coarse_origin) / coarse_stride, coarse_count)
            for origin, stride, count, coarse_origin, coarse_stride, coarse_count in zip(
                self.origin, self.stride, cells, coarse.origin, coarse.stride, coarse_cells, strict=True
            )
        ]


def _linear_weights(positions: np.ndarray, cells: int) -> np.ndarray:
    """Matrix (positions, cells) of linear interpolation; positions beyond the cells take the nearest one."""
    inside = np.clip(positions, 0, cells - 1)
    below = np.minimum(np.floor(inside).astype(int), max(cells - 2, 0))
    weights = np.zeros((len(positions), cells), np.float32)
    number = np.arange(len(positions))
    weights[number, below] = 1 - (inside - below)
    weights[number, np.minimum(below + 1, cells - 1)] += inside - below
    return weights


def cell_grid(model: nn.Module, layer: nn.Module, pixels: int | tuple[int, ...], input_channels: int = 1) -> CellGrid:
    """Where a layer's cells lie: at their receptive-field centres, found by its output's size (``grids``).

    Args:
        pixels: size of the network's input, an int for a square picture, one number an axis otherwise.
    """
    sizes: list[tuple[int, ...]] = []
    handle = layer.register_forward_hook(lambda _m, _i, output: sizes.append(tuple(output.shape[2:])))
    try:
        found = grids(model, pixels, input_channels)
    finally:
        handle.remove()
    return found[sizes[0]]


def grids(model: nn.Module, pixels: int | tuple[int, ...], input_channels: int = 1) -> dict[tuple[int, ...], CellGrid]:
    """The grid of each size of features that a network in evaluation mode makes of an input of ``pixels``.

    The strided and the unpadded operations of one forward pass are followed. Each change of size is read from the first operation
    that makes it (parallel branches share its grid): with kernel k, dilation d, stride s and padding p, cell i is centred on cell
    s i - p + d (k - 1) / 2 of the grid before (Araujo et al. 2019, doi 10.23915/distill.00021, eq. 5).
    """
    whole = (pixels, pixels) if isinstance(pixels, int) else tuple(pixels)
    changes: dict[tuple[int, ...], tuple[tuple[int, ...], nn.Module]] = {}

    def watch(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        before, after = tuple(inputs[0].shape[2:]), tuple(output.shape[2:])
        if before != after and len(after) == len(whole) and after not in changes:
            changes[after] = (before, module)

    handles = [m.register_forward_hook(watch) for m in model.modules() if isinstance(m, RESIZING)]
    parameter = next(model.parameters())
    try:
        with torch.inference_mode():
            model(torch.zeros(1, input_channels, *whole, device=parameter.device, dtype=parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
    found = {whole: CellGrid((0.0,) * len(whole), (1.0,) * len(whole))}
    for after, (before, module) in changes.items():
        finer = found[before]
        centre, stride = np.array(finer.origin), np.array(finer.stride)
        k, s, p = (_per_axis(getattr(module, name), len(whole)) for name in ("kernel_size", "stride", "padding"))
        d = _per_axis(getattr(module, "dilation", 1), len(whole))  # averages have none
        centre = centre + stride * (d * (k - 1) / 2 - p)
        found[after] = CellGrid(tuple(map(float, centre)), tuple(map(float, stride * s)))
    return found


def _per_axis(value: int | tuple[int, ...], axes: int) -> np.ndarray:
    return np.full(axes, value) if isinstance(value, int) else np.array(value)
