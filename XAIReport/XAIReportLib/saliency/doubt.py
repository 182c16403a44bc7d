"""How like the explanations of slices with a wrong class a case's explanation is: one figure from 0 to 1, and no probability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import expit, logit

from XAIReportLib.saliency.quality import dice, inpainted

METHOD = "gradcam++"  # whose mask is the highlighted area
MEASURES = ("highlighted_p", "mask_on_outline", "removed_p")  # beside the confidence
KEPT_RIM, REMOVED_RIM = 4, 6  # pixels around an area that are kept or removed with it

Shares = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Regression:
    """A logistic regression on standardised measures, the confidence in log-odds:

        d = 1 / (1 + exp(-(intercept + sum of coefficient (m - mean) / scale)))

    Attributes:
        weights_sha256: of the network whose slices it was fitted on; of another one it says nothing.
        terms: mean, scale and coefficient of "confidence" and of each of MEASURES.
        limit: the highest d that passes.
    """

    weights_sha256: str
    intercept: float
    terms: dict[str, tuple[float, float, float]]
    limit: float

    def of(self, measures: Mapping[str, float]) -> float:
        """d of ``measures``, which hold at least those of the terms."""
        odds = self.intercept
        for name, (mean, scale, coefficient) in self.terms.items():
            value = logit(np.clip(measures[name], 1e-6, 1 - 1e-6)) if name == "confidence" else measures[name]
            odds += coefficient * (value - mean) / scale
        return float(expit(odds))


# Fitted by scripts/evaluate.py saliency on 110 single slices of the 20 tune groups, with the weights of bundle brain_tumor_mri
# 0.3.3; nine of the slices, in six groups, have the wrong class. Of the right ones 5 % lie above the limit, each by the fit without
# its group.
FITTED = Regression(
    weights_sha256="6f2e99faf9074782774b71080c926072a5bbf527ce43d210638c780a7697ff98",
    intercept=-2.0058,
    terms={
        "confidence": (4.2943, 1.759, -1.1843),
        "highlighted_p": (0.7828, 0.2737, -1.1582),
        "mask_on_outline": (0.744, 0.2057, 0.4631),
        "removed_p": (0.3224, 0.2778, -0.7345),
    },
    limit=0.79,
)


def fitted(weights_sha256: str, method: str) -> Regression | None:
    """The regression for a network with these weights and a highlighted area by this method; None where it was not fitted."""
    return FITTED if (weights_sha256, method) == (FITTED.weights_sha256, METHOD) else None


def measured(
    shares: Shares, pixels: np.ndarray, heads: np.ndarray, lesions: np.ndarray, highlighted: np.ndarray
) -> dict[str, float]:
    """The measures of a case's largest sections, with p the calibrated share of the class among the classes:

        confidence       p of the sections as they are
        highlighted_p    p where all of the head but the highlighted area has its median
        removed_p        p where the segmented abnormality is filled from its rim
        mask_on_outline  Dice of the highlighted area with the segmented abnormality

    Args:
        shares: of changed sections (changes, n, rows, columns) p of each change, pooled over the sections.
        pixels, heads, lesions, highlighted: (n, rows, columns); the last three bool.
    """
    sections = list(zip(pixels, heads, lesions, highlighted, strict=True))
    alone = [np.where(_grown(area, KEPT_RIM, head), image, _flat(image, head)) for image, head, _, area in sections]
    removed = [inpainted(image, _grown(lesion, REMOVED_RIM, head)) for image, head, lesion, _ in sections]
    p = shares(np.stack([pixels, np.stack(alone), np.stack(removed)]).astype(np.float32))
    return {
        **dict(zip(("confidence", "highlighted_p", "removed_p"), p.tolist(), strict=True)),
        "mask_on_outline": dice(highlighted, lesions),
    }


def _flat(image: np.ndarray, head: np.ndarray) -> np.ndarray:
    return np.where(head, np.median(image[head]) if head.any() else 0.0, image)


def _grown(area: np.ndarray, pixels: int, head: np.ndarray) -> np.ndarray:
    return ndimage.binary_dilation(area, iterations=pixels) & head
