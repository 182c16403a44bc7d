"""Measures of one slice's explanation that might tell a wrong class; which of them are used is decided on tune groups only."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from XAIReportLib.cells import CellGrid
from XAIReportLib.models.bundle import Bundle
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.saliency import doubt
from XAIReportLib.saliency.cam import gradient_maps, record_layer
from XAIReportLib.saliency.quality import dice, inpainted, relevance_mass, small_changes


def _among_classes(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax over the last axis."""
    spread = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return spread / spread.sum(axis=-1, keepdims=True)


def warning_signs(
    bundle: Bundle,
    path: ClassPath,
    grid: CellGrid,
    image: np.ndarray,
    head: np.ndarray,
    outline: np.ndarray,
    highlighted: np.ndarray,
    values: np.ndarray,
    column: int,
    attention: np.ndarray,
) -> dict[str, float]:
    """For the class c of ``column``, p its calibrated share among the classes:

        votes, votes_p     share of the lesion attention on cells that vote for c by themselves; their mean p
        outline_p          p read under the segmentation's outline instead of the attention; uniform_p: everywhere alike
        only_p, near_p     p when all but the outline (and 16 pixels around it) is flat; highlighted_removed_p: when the
                           highlighted area is filled from its rim
        moved_*            mean and share agreeing of p over fifteen small changes of the image (the lowest is a check)
        map_entropy        spread of the map, a share of the head; map_on_outline: its mass there
        rivals             correlation of the maps of c and of the class that comes second
        highlighted_p      p when all but the highlighted area is flat; removed_p: when the outline is filled from its rim
        mask_on_outline    Dice of the highlighted area with the outline

    Args:
        outline, highlighted: bool, of the segmentation and of the map ``values``; attention: (rows, columns) of cells, 0 to 1.
    """
    temperature = bundle.settings.calibration.temperature
    network, c = path.network, column - 1
    layer = getattr(network, bundle.settings.saliency_layer)
    record = record_layer(path, layer, image[None], column)
    cells = record.activations[0]
    votes = (
        np.einsum("kc,cij->kij", network.classify.weight.numpy(), cells) + network.classify.bias.numpy()[:, None, None]
    )
    share = _among_classes(np.moveaxis(votes, 0, -1), temperature)
    weight = attention / attention.sum()
    rows, columns = grid.interpolation(cells.shape[1:], image.shape)
    under = rows.T @ outline.astype(np.float32) @ columns
    under = under / under.sum() if under.sum() > 0 else weight
    pooled = np.stack([np.einsum("kij,ij->k", votes, under), votes.mean(axis=(1, 2))])

    flat = np.where(head, np.median(image[head]) if head.any() else 0.0, image)

    def grown(area: np.ndarray, pixels: int) -> np.ndarray:
        return ndimage.binary_dilation(area, iterations=pixels) & head

    changed = [
        np.where(grown(outline, 4), image, flat), np.where(grown(outline, 16), image, flat),
        inpainted(image, grown(highlighted, doubt.REMOVED_RIM)),
        np.where(grown(highlighted, 4), image, flat), inpainted(image, grown(outline, 6)),
        *small_changes(image, head),
    ]  # fmt: skip
    with torch.inference_mode():
        x = torch.from_numpy(np.stack(changed)[:, None].astype(np.float32))
        scores = torch.cat([path(part) for part in x.split(8)]).numpy()
        second = 1 + int(np.argsort(path(torch.from_numpy(image[None, None]))[0, 1:].numpy())[-2])
    p = _among_classes(scores[:, 1:], temperature)
    other = gradient_maps("gradcam++", path, layer, record_layer(path, layer, image[None], second))
    rival = grid.onto_input(other, image.shape)[0][head]
    mine = values[head]
    mass = mine / max(float(mine.sum()), 1e-9)
    return {
        "votes": float(weight[share.argmax(axis=-1) == c].sum()),
        "votes_p": float((weight * share[..., c]).sum()),
        **dict(zip(("outline_p", "uniform_p"), _among_classes(pooled, temperature)[:, c].tolist(), strict=True)),
        **dict(zip(
            ("only_p", "near_p", "highlighted_removed_p"), p[:3, c].tolist(), strict=True
        )),
        "moved_p": float(p[3:, c].mean()),
        "moved_agree": float((p[3:].argmax(axis=1) == c).mean()),
        "map_entropy": float(np.exp(-(mass * np.log(mass + 1e-12)).sum()) / max(int(head.sum()), 1)),
        "map_on_outline": relevance_mass(values * head, outline),
        "rivals": float(np.corrcoef(mine, rival)[0, 1]) if mine.std() > 0 and rival.std() > 0 else 0.0,
        "mask_on_outline": dice(highlighted, outline),
    }  # fmt: skip
