"""Test-time augmentation: a picture is looked at in several forms, and the answers are averaged.

A volume is looked at in three planes and many slices; of a picture there is one look only, and what the network makes of it
depends on how it happens to lie. Forms keep the middle of the slice, so that maps are brought back onto the slice as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Form:
    """``mirrored`` left to right, after ``scale``: of what is shown, about the middle of the slice; 1 is as it is."""

    mirrored: bool = False
    scale: float = 1.0

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """Slices (B, channels, rows, columns) in this form: linear between pixels, 0 outside."""
        scaled = _scaled(x, self.scale)
        return scaled.flip(-1) if self.mirrored else scaled

    def undone(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (B, channels, rows, columns) on slices in this form, on the slices as they are."""
        return _scaled(maps.flip(-1) if self.mirrored else maps, 1 / self.scale)


AS_IT_IS = Form()
# Among forms tried on tune groups (docs/models.md); no form is there twice, mirrored and not, since that gained nothing.
PICTURE_FORMS = (AS_IT_IS, Form(mirrored=True), Form(scale=0.9), Form(scale=1.1))


def _scaled(x: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return x
    matrix = torch.eye(2, 3, dtype=x.dtype, device=x.device) / scale
    grid = F.affine_grid(matrix.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)
