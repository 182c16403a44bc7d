"""What kind of series a case is, by its grey values: T1 after contrast agent, T1 without it, or another one (FLAIR, T2).

A file's header rarely says it, and a class of a series that the model was not made for means nothing. The judge is a linear
discriminant of the encoder's features, fitted on slices of the training groups whose contrast was changed by program
(scripts/training/series.py): no series without contrast agent and no FLAIR is needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import logsumexp
from torch import nn
from torch.nn import functional as F

from XAIReportLib.results import ENHANCEMENT_NOT_DETECTED

_NOT_SEEN = f"{ENHANCEMENT_NOT_DETECTED}, and the model was made for contrast-enhanced T1, "
NOT_DETECTED = f"{_NOT_SEEN}so no class is suggested."
NO_LESION_WITHOUT_AGENT = f"{_NOT_SEEN}so a lesion may have been missed."
KINDS = ("T1 after contrast agent", "T1 without contrast agent", "another series")


class SeriesHead(nn.Module):
    """Means and deviations over the head of the encoder's strides 8, 16 and 32, standardised, then one linear layer.

    Args:
        channels: of the three strides.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm1d(2 * sum(channels), affine=False)
        self.tell = nn.Linear(2 * sum(channels), len(KINDS))

    def forward(self, features: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Features (B, C, h, w) of the slices ``x`` (B, 1, H, W), whose air is 0: log-odds of KINDS, (B, 3)."""
        return self.tell(self.standardise(self.statistics(features, x)))

    @staticmethod
    def statistics(features: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """(B, 2 * channels)."""
        head = (x != 0).float()
        told = []
        for level in (feature.float() for feature in features):
            share = F.adaptive_avg_pool2d(head, level.shape[-2:])
            share = share / share.sum(dim=(2, 3), keepdim=True).clamp(min=1e-3)
            mean = (level * share).sum(dim=(2, 3), keepdim=True)
            deviation = ((level - mean) ** 2 * share).sum(dim=(2, 3)).clamp(min=0).sqrt()
            told += [mean.flatten(1), deviation]
        return torch.cat(told, dim=1)


def enhancement(series: np.ndarray, heads: np.ndarray, planes: Sequence[str]) -> float:
    """Log-odds that a case is T1 after contrast agent: of its best plane, the mean over slices weighted by the head's area.

    A volume is sharp in the plane that it was acquired in; the cuts across thick slices look less like any series. Where no slice
    shows a head nothing is enhanced: minus infinity.

    Args:
        series: (n, 3) log-odds of KINDS. heads: (n,) area of the head in each slice. planes: (n,) names.
    """
    odds = series[:, 0] - logsumexp(series[:, 1:], axis=1)
    names = np.array(planes)
    shown = [names == plane for plane in dict.fromkeys(planes)]
    return max(
        (float(np.average(odds[here], weights=heads[here])) for here in shown if heads[here].any()), default=-np.inf
    )
