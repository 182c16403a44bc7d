"""From a heat map to a binary mask, by a percentile that adapts to the map."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from XAIReportLib.percentile_cut import PercentileCut
from XAIReportLib.results import Heatmap, SaliencyMask

LOWEST, HIGHEST = 80.0, 99.9  # percentiles of the head's values between which the rule may choose
SHARES = {
    "gradcam++": 0.4,
    "gradcam": 0.4,
    "scorecam": 0.5,
}  # fitted on tune groups and frozen (scripts/evaluate.py saliency)
UNFITTED = 0.55  # for the other methods
SMALLEST_SHARE = 0.02  # of the largest component: smaller components are dropped


def adaptive_mask(heatmap: Heatmap, head: np.ndarray) -> SaliencyMask:
    """Cuts the map at the percentile of the head's values on which a share of its maximum falls, kept within 80 and 99.9.

    The rule sees the heat map and the head only; the share is the method's, chosen for the best Dice with reference outlines on
    slices of tune groups. Components much smaller than the largest are dropped.
    """
    cut = PercentileCut(heatmap.values, head)
    if not len(cut.sorted) or not np.isfinite(cut.lowest) or cut.sorted[-1] <= cut.lowest:
        empty = np.zeros(head.shape, np.uint8)
        return SaliencyMask(heatmap.method, heatmap.target, empty, HIGHEST, "empty: the map has no hot spot", {})
    share = SHARES.get(heatmap.method, UNFITTED)
    wanted = cut.percentile_of(share * float(cut.sorted[-1]))
    percentile = float(np.clip(wanted, LOWEST, HIGHEST))
    mask, dropped = largest_components(cut.mask(percentile) > 0)
    parameters = {
        "share_of_maximum": share,
        "share_percentile": wanted,
        "cut": cut.threshold(percentile),
        "smallest_component": SMALLEST_SHARE,
        "components_dropped": dropped,
    }
    rule = f"{share:g} of the map's maximum in the head as a percentile, kept within {LOWEST:g} and {HIGHEST:g}"
    return SaliencyMask(heatmap.method, heatmap.target, mask.astype(np.uint8), percentile, rule, parameters)


def largest_components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The mask without components much smaller than its largest, and how many were dropped."""
    labels, count = ndimage.label(mask, structure=np.ones((3,) * mask.ndim))
    if count < 2:
        return mask, 0
    sizes = np.bincount(labels.ravel())[1:]
    kept = sizes >= SMALLEST_SHARE * sizes.max()
    return np.concatenate([[False], kept])[labels], int(count - kept.sum())
