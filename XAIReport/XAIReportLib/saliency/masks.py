"""From a heat map to a binary mask, by a percentile that adapts to the map."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from XAIReportLib.results import Heatmap, SaliencyMask

LOWEST, HIGHEST = 80.0, 99.5  # percentiles of the head's values between which the rule may choose
SMALLEST_SHARE = 0.02  # of the largest component: smaller components are dropped


def adaptive_mask(heatmap: Heatmap, head: np.ndarray) -> SaliencyMask:
    """Cuts the map at the percentile of the head's values that Otsu's threshold falls on, kept within 80 and 99.5.

    The rule sees the heat map and the head only. Otsu (1979, doi 10.1109/TSMC.1979.4310076) is taken over the head's values
    above zero: the map's own split into background and hot spot.
    """
    inside = heatmap.values[head]
    positive = inside[inside > 0]
    if len(positive) < 2 or positive.max() <= positive.min():
        empty = np.zeros(head.shape, np.uint8)
        return SaliencyMask(heatmap.method, heatmap.target, empty, HIGHEST, "empty: the map has no hot spot", {})
    threshold = float(threshold_otsu(positive))
    otsu_percentile = 100.0 * float(np.count_nonzero(inside <= threshold)) / len(inside)
    percentile = float(np.clip(otsu_percentile, LOWEST, HIGHEST))
    cut = max(float(np.percentile(inside, percentile)), float(positive.min()))
    mask, dropped = largest_components((heatmap.values >= cut) & head)
    parameters = {
        "otsu_threshold": threshold,
        "otsu_percentile": otsu_percentile,
        "cut": cut,
        "components_dropped": dropped,
    }
    rule = f"Otsu's threshold as a percentile of the head, kept within {LOWEST:g} and {HIGHEST:g}"
    return SaliencyMask(heatmap.method, heatmap.target, mask.astype(np.uint8), percentile, rule, parameters)


def largest_components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The mask without components much smaller than its largest, and how many were dropped."""
    labels, count = ndimage.label(mask, structure=np.ones((3,) * mask.ndim))
    if count < 2:
        return mask, 0
    sizes = np.bincount(labels.ravel())[1:]
    kept = sizes >= SMALLEST_SHARE * sizes.max()
    return np.concatenate([[False], kept])[labels], int(count - kept.sum())
