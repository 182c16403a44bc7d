"""Many masked copies of one image through a network: the fastest batch found on the way, halved when memory runs out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from XAIReportLib.cells import CellGrid
from XAIReportLib.results import Cancelled

BATCHES = {"cpu": (4, 8, 16), "cuda": (32, 64, 128)}  # masked images at a time, among which the fastest is found
TRIES = 2  # timings of a batch size; the first also pays for the preparation
EMPTY = 1e-8  # a channel with a smaller range is constant


class Batches:
    """Which batch size is the fastest for each precision, learned from the work itself.

    On the CPU ``clock`` is processor time, which other programs on the machine do not change.
    """

    def __init__(self, device: str) -> None:
        self.sizes = BATCHES[device]
        self.clock = time.process_time if device == "cpu" else time.perf_counter
        self._seconds: dict[tuple[bool, int], list[float]] = {}

    def next(self, half: bool) -> int:
        for size in self.sizes:
            if len(self._seconds.get((half, size), ())) < TRIES:
                return size
        return min(self.sizes, key=lambda size: min(self._seconds[half, size]))

    def took(self, half: bool, size: int, seconds: float, images: int) -> None:
        if images == size:  # the last, smaller batch says nothing about the size
            self._seconds.setdefault((half, size), []).append(seconds / images)

    def halve(self, size: int) -> None:
        self.sizes = tuple(s for s in self.sizes if s < size) or (max(size // 2, 1),)


class MaskedPasses:
    """The masked images x * H_k of one image, built and scored a batch at a time.

    Args:
        models: images (B, channels, *size) to scores (B, columns), by whether the pass is in bfloat16.
        image: float32 (input channels, *size); activations: float32 (channels, *cells), which become the masks H_k.
        progress: told the share of ``expected`` masked images that are done.
        cancelled: asked between two batches.
    """

    def __init__(
        self,
        models: dict[bool, nn.Module],
        grid: CellGrid,
        batches: Batches,
        image: np.ndarray,
        activations: np.ndarray,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.device = next(models[False].parameters()).device
        self.models, self.batches, self.progress, self.cancelled = models, batches, progress, cancelled
        self.layout = torch.channels_last if image.ndim == 3 else torch.channels_last_3d
        self.image = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)[None]
        self.activations = torch.from_numpy(np.ascontiguousarray(activations)).to(self.device)
        self.matrices = [
            torch.from_numpy(m).to(self.device) for m in grid.interpolation(activations.shape[1:], image.shape[1:])
        ]
        flat = activations.reshape(len(activations), -1)
        self.varied = np.flatnonzero(flat.max(axis=1) - flat.min(axis=1) > EMPTY)
        self.forwards, self.expected = 0, max(len(self.varied), 1)

    def masks(self, channels: np.ndarray) -> torch.Tensor:
        """H_k: the activations on the input's grid, each shifted and scaled to [0, 1]: (n, 1, *size)."""
        maps = self.activations[torch.from_numpy(channels).to(self.device)]
        for axis, matrix in enumerate(self.matrices, 1):
            maps = torch.movedim(torch.movedim(maps, axis, -1) @ matrix.T, -1, axis)
        flat = maps.flatten(1)
        low, high = (v.view(-1, *(1,) * (maps.ndim - 1)) for v in (flat.amin(1), flat.amax(1)))
        return ((maps - low) / (high - low).clamp(min=EMPTY))[:, None]

    def score(self, channels: np.ndarray, half: bool) -> np.ndarray:
        """y(x * H_k) of these channels: float64 (n, columns).

        Raises:
            Cancelled: between two batches.
        """
        scores = []
        start = 0
        while start < len(channels):
            if self.cancelled and self.cancelled():
                raise Cancelled("stopped during scorecam")
            size = self.batches.next(half)
            part = channels[start : start + size]
            began = self.batches.clock()
            try:
                scores.append(self._forward(part, half))
            except RuntimeError as error:
                if size == 1 or not _out_of_memory(error):
                    raise
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                self.batches.halve(size)
                continue
            self.batches.took(half, size, self.batches.clock() - began, len(part))
            start += len(part)
            self.forwards += len(part)
            if self.progress:
                self.progress(min(self.forwards / self.expected, 1.0))
        return np.concatenate(scores)

    def _forward(self, channels: np.ndarray, half: bool) -> np.ndarray:
        precision = torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()
        with torch.inference_mode(), precision:
            masked = (self.image * self.masks(channels)).contiguous(memory_format=self.layout)
            return self.models[half](masked).double().cpu().numpy()


def _out_of_memory(error: RuntimeError) -> bool:
    """CUDA raises OutOfMemoryError; the CPU's allocator a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
