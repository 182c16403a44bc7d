"""How like the explanations of slices with a wrong class a case's explanation is: one figure from 0 to 1, and no probability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import expit, logit

from XAIReportLib.saliency.quality import inpainted

METHOD = "gradcam++"  # whose mask is the highlighted area
MEASURES = ("steadiness", "highlighted_removed_p")  # beside the confidence
REMOVED_RIM = 6  # pixels around an area that are removed with it

Shares = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Regression:
    """A logistic regression on standardised measures, the confidence in log-odds:

        d = 1 / (1 + exp(-(intercept + sum of coefficient (m - mean) / scale)))

    Attributes:
        weights_sha256: of the network on whose test slices it was tried; of another one it is not known to tell anything.
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


# Fitted by scripts/evaluate.py folds on 800 single slices of 133 patients, each by a network of the short training that
# never saw the patient; 72 of the slices, in 35 groups, have the wrong class. Of the right ones 5 % lie above the
# limit, each by the fit without its network. Tried on test slices of bundle brain_tumor_mri 0.3.3.
FITTED = Regression(
    weights_sha256="6f2e99faf9074782774b71080c926072a5bbf527ce43d210638c780a7697ff98",
    intercept=-1.1001,
    terms={
        "confidence": (3.4452, 2.1158, -0.1687),
        "steadiness": (0.7662, 0.2691, -1.4344),
        "highlighted_removed_p": (0.4016, 0.2766, -0.5418),
    },
    limit=0.86,
)


def fitted(weights_sha256: str, method: str) -> Regression | None:
    """The regression for a network with these weights and a highlighted area by this method; None where it was not tried."""
    return FITTED if (weights_sha256, method) == (FITTED.weights_sha256, METHOD) else None


def measured(
    shares: Shares, pixels: np.ndarray, heads: np.ndarray, highlighted: np.ndarray, steadiness: float
) -> dict[str, float]:
    """The measures of a case's largest sections, with p the calibrated share of the class among the classes:

        confidence               p of the sections as they are
        steadiness               the lowest p under small changes (``checks.check``)
        highlighted_removed_p    p where the highlighted area is filled from its rim

    Args:
        shares: of changed sections (changes, n, rows, columns) p of each change, pooled over the sections.
        pixels, heads, highlighted: (n, rows, columns); the last two bool.
    """
    removed = [
        inpainted(image, ndimage.binary_dilation(area, iterations=REMOVED_RIM) & head)
        for image, head, area in zip(pixels, heads, highlighted, strict=True)
    ]
    confidence, without = shares(np.stack([pixels, np.stack(removed)]).astype(np.float32)).tolist()
    return {"confidence": confidence, "steadiness": steadiness, "highlighted_removed_p": without}
