"""Slices of groups that a bundle was never trained or tuned on, as the network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from XAIReportLib.views import PictureViews, normalise

from training.slices import CLASSES, as_picture, load_slices, nested_split

CACHE = Path(__file__).resolve().parents[2] / "training" / "slices.npz"


@dataclass(frozen=True)
class UnseenSlices:
    """``pixels`` float32, ``lesions`` (reference) and ``heads`` bool: (n, 224, 224). ``targets``: column of the true class in the
    model's output. ``groups``, ``rows``: patient group, and row of the data set's table."""

    pixels: np.ndarray
    lesions: np.ndarray
    heads: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    rows: np.ndarray


def slices_of(part: str, data: Path, count: int, fold: int = 0) -> UnseenSlices:
    """``count`` slices of the "tune" or "test" groups, dealt out over the groups in turn; the same for the same arguments."""
    slices = load_slices(data, CACHE)
    rows = getattr(nested_split(slices.table, fold), part)
    groups = slices.table["group"].to_numpy()[rows]
    order = np.random.default_rng(7).permutation(len(rows))
    turn = np.zeros(len(rows), int)
    for group in np.unique(groups):
        members = order[groups[order] == group]
        turn[members] = np.arange(len(members))
    chosen = rows[np.lexsort((order, turn))][:count]
    part_of = slices.subset(chosen)
    pixels, lesions, heads = [], [], []
    for image, lesion, head in zip(part_of.images, part_of.lesions, part_of.heads, strict=True):
        mask = as_picture(head > 0)
        view = PictureViews.of(mask)
        pixels.append(view.from_case(normalise(as_picture(image), mask))[0])
        lesions.append(view.from_case(as_picture(lesion > 0), labels=True)[0])
        heads.append(view.from_case(mask, labels=True)[0])
    targets = np.array([1 + CLASSES.index(name) for name in part_of.table["label_name"]])
    return UnseenSlices(
        np.stack(pixels).astype(np.float32), np.stack(lesions).astype(bool), np.stack(heads).astype(bool),
        targets, part_of.table["group"].to_numpy(), chosen,
    )  # fmt: skip
