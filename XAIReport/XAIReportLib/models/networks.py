"""The dual-head network: where the lesion is, and which class it is, from one encoder; and what kind of series it looks at.

The class path stops at stride 8 (encoder, neck, heads); the segmentation decoder is a branch beside it, so that methods which
ask for the class score thousands of times do not pay for the outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import nn
from torch.nn import functional as F

from XAIReportLib.cells import CellGrid, grids
from XAIReportLib.models.encoders import make_encoder
from XAIReportLib.models.series import SeriesHead

TRIAL_PIXELS = 96  # of the image by which the places of the encoder's cells are found


@dataclass(frozen=True)
class NetworkOutput:
    """``scores``: (B, 1 + classes) log-odds against "no lesion", which is column 0 and always 0.
    ``outline``: (B, 1, H, W) lesion logits, or None from the class path. ``attention``: (B, 1, H/8, W/8) lesion logits.
    ``neck``: (B, neck_channels, H/8, W/8), never negative: the features that the class is read from.
    ``series``: (B, 3) log-odds of the kinds of models/series.py, or None from the class path."""

    scores: torch.Tensor
    outline: torch.Tensor | None
    attention: torch.Tensor
    neck: torch.Tensor
    series: torch.Tensor | None = None


class DualHeadNetwork(nn.Module):
    """Encoder, stride-8 neck, lesion-attended class head and U-Net segmentation decoder.

    The class is read from features averaged under the lesion attention, never from the whole image: what surrounds the lesion
    (field of view, air, plane) must not decide. With attention logits a, neck features f and class weights W,

        w = sigmoid(a) / sum(sigmoid(a)),  z = W sum(w f) + b,  s = g mean(top-k a) + h,
        score_c = s + log softmax(z)_c,    score_no_lesion = 0.

    Args:
        encoder: a segmentation-models-pytorch encoder name ("mobilenet_v2", "resnet50", "tu-..." for timm).
        classes: number of lesion classes.
    """

    def __init__(self, encoder: str, classes: int = 3, neck_channels: int = 96, top_cells: int = 6) -> None:
        super().__init__()
        self.top_cells = top_cells
        self.encoder = make_encoder(encoder)
        channels = self.encoder.out_channels
        self.lateral = nn.ModuleList(nn.Conv2d(c, neck_channels, 1) for c in channels[3:6])
        self.neck = nn.Sequential(
            nn.Conv2d(neck_channels, neck_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(neck_channels),
            nn.ReLU(),
        )
        self.grids = _grids(self.encoder)
        self.attend = nn.Conv2d(neck_channels, 1, 1)
        self.dropout = nn.Dropout(0.3)
        self.classify = nn.Linear(neck_channels, classes)
        self.presence = nn.Linear(1, 1)
        nn.init.constant_(self.attend.bias, -3.0)
        nn.init.constant_(self.presence.weight, 1.0)
        nn.init.constant_(self.presence.bias, 0.0)
        # Four blocks end at stride 2; the last doubling is bilinear, at a quarter of the cost of a stride-1 block.
        self.decoder = UnetDecoder(
            encoder_channels=channels,
            decoder_channels=(96, 64, 40, 24),
            n_blocks=4,
            interpolation_mode="bilinear",
        )
        self.outline = nn.Conv2d(24, 1, 3, padding=1)
        nn.init.constant_(self.outline.bias, -3.0)
        self.series = SeriesHead(channels[3:6])

    def forward(self, x: torch.Tensor, outline: bool = True) -> NetworkOutput:
        """``x``: (B, 1, H, W), H and W multiples of 32, as made by inference.to_network_input."""
        features = self.encoder(x)
        neck = self.neck_features(features)
        scores, attention = self.class_scores(neck)
        logits = series = None
        if outline:
            series = self.series(features[3:6], x)
            logits = F.interpolate(
                self.outline(self.decoder(features)), size=x.shape[-2:], mode="bilinear", align_corners=False
            )
        return NetworkOutput(scores, logits, attention, neck, series)

    def neck_features(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Top-down sum of the encoder's strides 32, 16 and 8, then one 3x3 convolution: (B, neck_channels, H/8, W/8).

        A coarser level is drawn where its cells lie: a cell of stride 32 between two of stride 16 counts half for each.
        """
        merged: torch.Tensor | None = None
        coarser: CellGrid | None = None
        for lateral, level, grid in zip(
            reversed(self.lateral), reversed(features[3:6]), reversed(self.grids), strict=True
        ):
            here = lateral(level)
            if merged is not None:
                here = here + _along(merged, _resampling(grid, coarser, here.shape[-2:], merged.shape[-2:]))
            merged, coarser = here, grid
        return self.neck(merged)

    def lesion_shares(self, lesion: torch.Tensor) -> torch.Tensor:
        """A 0/1 mask (B, 1, H, W) as its share of the square around each cell of the neck: (B, 1, H/8, W/8)."""
        pixels = tuple(lesion.shape[-2:])
        return _along(lesion, _shares(self.grids[0], pixels))

    def class_scores(self, neck: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        attention = self.attend(neck)
        weights = torch.sigmoid(attention.float()) + 1e-6
        weights = weights / weights.sum(dim=(2, 3), keepdim=True)
        pooled = (neck.float() * weights).sum(dim=(2, 3))
        among_classes = F.log_softmax(self.classify(self.dropout(pooled)), dim=1)
        strongest = attention.float().flatten(1).topk(self.top_cells, dim=1).values.mean(dim=1, keepdim=True)
        scores = self.presence(strongest) + among_classes
        return torch.cat([torch.zeros_like(scores[:, :1]), scores], dim=1), attention


def _grids(encoder: nn.Module) -> tuple[CellGrid, ...]:
    """Where the cells of an encoder's strides 8, 16 and 32 lie."""
    encoder.eval()
    found = grids(encoder, TRIAL_PIXELS)
    encoder.train()
    return tuple(found[TRIAL_PIXELS // stride, TRIAL_PIXELS // stride] for stride in (8, 16, 32))


def _along(maps: torch.Tensor, matrices: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Maps (B, C, h, w) multiplied along rows and columns by matrices (H, h) and (W, w): (B, C, H, W)."""
    rows, columns = (m.to(maps) for m in matrices)
    return rows @ maps @ columns.T


def _kept(matrices: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode(False):  # what is kept is also used while training
        rows, columns = (torch.from_numpy(m) for m in matrices)
    return rows, columns


@lru_cache(maxsize=32)
def _resampling(grid: CellGrid, coarser: CellGrid, cells: tuple[int, int], coarser_cells: tuple[int, int]) -> tuple:
    return _kept(grid.from_coarser(coarser, cells, coarser_cells))


@lru_cache(maxsize=32)
def _shares(grid: CellGrid, pixels: tuple[int, int]) -> tuple:
    return _kept(grid.shares(tuple(round(n / s) for n, s in zip(pixels, grid.stride, strict=True)), pixels))
