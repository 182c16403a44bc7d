"""ScoreCAM: how much of the score survives when only what one channel saw is left in the image.

    H_k = U(A_k), shifted and scaled to [0, 1];  w_k = softmax_k( y(x * H_k) );  L = ReLU( sum_k w_k A_k )
                                                                             (Wang et al. 2020, arXiv 1910.01279, eq. 3 to 6)

with U the resampling onto the input. The paper subtracts y of a baseline image before the softmax; a constant for all k does not
change a softmax, so it is not computed. One sweep over the channels serves every class. Channels that are constant over the image
have an empty mask and are left out. No hook is in place during the masked passes, and only one batch of masked images exists at a
time, so that memory does not grow with the number of channels. Pictures and volumes alike.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from XAIReportLib.cells import CellGrid
from XAIReportLib.saliency.channel_search import search
from XAIReportLib.saliency.masked_passes import EMPTY, Batches, MaskedPasses

SAMPLE = 8  # channels whose float32 scores decide whether bfloat16 may be used
DISAGREEMENT = 0.1  # most that the weights of those channels may differ between precisions (total variation, 0 to 1)
GAIN = 0.8  # bfloat16 must take less than this share of float32's time
FAST_SHARE, FAST_LEAST = 9, 10  # fast mode scores one channel in nine, at least ten


@dataclass(frozen=True)
class Sweep:
    """What the masked passes of one image gave.

    Attributes:
        scores: float64 (channels, columns of the model's output); NaN for constant channels, which are left out.
        precision: "float32", or "bfloat16" (in exact mode with the heaviest channels in float32).
        forwards: masked images that went through the network.
        predicted: how many channels' scores fast mode predicted from the others'.
        scored: how many channels were scored.
    """

    scores: np.ndarray
    precision: str
    forwards: int
    predicted: int = 0

    @property
    def scored(self) -> int:
        return int(np.isfinite(self.scores[:, 0]).sum()) - self.predicted

    def weights(self, target: int) -> np.ndarray:
        """w_k of one column of the model's output: float64 (channels,), summing to 1, 0 for constant channels."""
        weights = np.zeros(len(self.scores))
        varied = np.isfinite(self.scores[:, 0])
        if varied.any():
            weights[varied] = softmax(self.scores[varied, target])
        return weights


class ScoreCam:
    """Sweeps of one network, for many images. Keeps what it measured: the fastest batch, and whether bfloat16 may be used.

    Args:
        model: images (B, channels, *size) to scores (B, columns); its weights are put in channels-last order.
        grid: where the explained layer's cells lie.
        precision: "auto" uses bfloat16 where it was measured to be faster than float32 and to agree with it; "float32".
        cancelled: asked between two batches; Cancelled is raised from the sweep.
    """

    def __init__(
        self,
        model: nn.Module,
        grid: CellGrid,
        precision: str = "auto",
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        layout = torch.channels_last if len(grid.stride) == 2 else torch.channels_last_3d
        self.model, self.grid, self.cancelled = model.to(memory_format=layout), grid, cancelled
        self.models = {False: self.model}  # by whether the masked passes run in bfloat16
        self.batches = Batches(next(model.parameters()).device.type)
        self._half: bool | None = None if precision == "auto" else False

    def exact(
        self,
        image: np.ndarray,
        activations: np.ndarray,
        progress: Callable[[float], None] | None = None,
        target: int | None = None,
    ) -> Sweep:
        """Every channel is scored. In bfloat16 the heaviest channels are scored again in float32; when the two disagree, the
        whole sweep is done again in float32, and later ones too.

        Args:
            image: float32 (input channels, *size); activations: (channels, *cells).
            target: the only column whose weights are wanted, so that only its heaviest channels are scored again; default: all.

        Raises:
            Cancelled: between two batches.
        """
        passes = self._passes(image, activations, progress)
        whole = np.full((len(activations), 1), np.nan)
        if not len(passes.varied):
            return Sweep(whole, "float32", 0)
        half = self._may_use_half(passes)
        scores = passes.score(passes.varied, half)
        if half:
            wanted = slice(None) if target is None else slice(target, target + 1)
            heavy = _heaviest(scores[:, wanted])
            again = passes.score(passes.varied[heavy], half=False)
            if _disagreement(scores[heavy, wanted], again[:, wanted]) <= DISAGREEMENT:
                scores[heavy] = again
            else:
                self._half = half = False
                scores = passes.score(passes.varied, half=False)
        whole = np.full((len(activations), scores.shape[1]), np.nan)
        whole[passes.varied] = scores
        return Sweep(whole, "bfloat16" if half else "float32", passes.forwards)

    def fast(
        self,
        image: np.ndarray,
        activations: np.ndarray,
        gradients: np.ndarray,
        target: int,
        progress: Callable[[float], None] | None = None,
    ) -> Sweep:
        """One channel in FAST_SHARE is scored, chosen for one class; the others' scores are predicted (channel_search).

        What goes along with the scores is what would be left of the class's score if channel k's mask were laid over the layer's
        output A instead of the image, to first order: sum_ij H_k,ij sum_c A_c,ij dy/dA_c,ij. What fast mode loses is measured by
        ``scripts/benchmark.py score-cam`` (``ssim_fast``).

        Args:
            image: float32 (input channels, *size); activations, gradients: A and dy/dA (channels, *cells), of one backward pass
                down to the layer (``cam.record_layer``).

        Raises:
            Cancelled: between two batches.
        """
        passes = self._passes(image, activations, progress)
        if not len(passes.varied):
            return Sweep(np.full((len(activations), 1), np.nan), "float32", 0)
        half = self._may_use_half(passes)
        budget = min(max(len(passes.varied) // FAST_SHARE, FAST_LEAST), len(passes.varied))
        passes.expected = budget
        masks = _scaled(activations[passes.varied]).reshape(len(passes.varied), -1)
        scores, measured = search(
            masks,
            masks @ (activations * gradients).sum(axis=0).ravel(),
            lambda rows: passes.score(passes.varied[rows], half),
            target,
            budget,
        )
        whole = np.full((len(activations), scores.shape[1]), np.nan)
        whole[passes.varied] = scores
        return Sweep(whole, "bfloat16" if half else "float32", passes.forwards, int((~measured).sum()))

    def _passes(
        self, image: np.ndarray, activations: np.ndarray, progress: Callable[[float], None] | None
    ) -> MaskedPasses:
        return MaskedPasses(self.models, self.grid, self.batches, image, activations, progress, self.cancelled)

    def _may_use_half(self, passes: MaskedPasses) -> bool:
        if self._half is None:
            sample = passes.varied[np.linspace(0, len(passes.varied) - 1, SAMPLE).astype(int)]
            scores, seconds = {}, {}
            self.models[True] = _converted(self.model)
            for half in (False, True, False, True):  # the first pass of a precision also prepares it
                began = self.batches.clock()
                scores[half] = passes.score(sample, half)
                seconds[half] = min(self.batches.clock() - began, seconds.get(half, np.inf))
            agree = _disagreement(scores[True], scores[False]) <= DISAGREEMENT
            self._half = agree and seconds[True] < GAIN * seconds[False]
            passes.forwards = 0
        return self._half


def _converted(model: nn.Module) -> nn.Module:
    """A copy whose convolutions and linear layers hold bfloat16 weights: autocast would convert them again in every pass."""
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            module.bfloat16()
    return twin


def _heaviest(scores: np.ndarray) -> np.ndarray:
    """Rows with the SAMPLE highest scores of each column; a column that is the same in all rows weighs none above another."""
    differing = np.ptp(scores, axis=0) > 0
    return (
        np.unique(np.argsort(-scores[:, differing], axis=0, kind="stable")[:SAMPLE])
        if differing.any()
        else np.arange(1)
    )


def _disagreement(scores: np.ndarray, others: np.ndarray) -> float:
    """Largest total variation distance, over the columns, between the weights that two sets of scores give."""
    return float((np.abs(softmax(scores, axis=0) - softmax(others, axis=0)).sum(axis=0) / 2).max())


def _scaled(activations: np.ndarray) -> np.ndarray:
    """Each channel shifted and scaled to [0, 1]; constant ones are 0."""
    axes = tuple(range(1, activations.ndim))
    low = activations.min(axis=axes, keepdims=True)
    return (activations - low) / np.maximum(activations.max(axis=axes, keepdims=True) - low, EMPTY)


def weighted_maps(weights: np.ndarray, activations: np.ndarray) -> np.ndarray:
    """ReLU(sum_k w_k A_k): float32 (n, *cells). ``weights`` (channels,); ``activations`` (n, channels, *cells)."""
    return np.maximum(np.einsum("k,nk...->n...", weights, activations), 0).astype(np.float32)
