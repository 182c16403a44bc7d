"""Rules that turn a heat map into a mask, compared on tune groups; each sees the map and the head only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from skimage.filters import threshold_otsu
from XAIReportLib.saliency.quality import dice

RULE_METHODS = ("gradcam++", "gradcam", "scorecam")
PERCENTILES = (80.0, 85.0, 90.0, 92.5, 95.0, 96.0, 97.0, 98.0, 98.5, 99.0, 99.5)
EARLIER_SHARES = {
    "gradcam++": 0.55,
    "gradcam": 0.5,
    "scorecam": 0.7,
}  # fitted with bundle 0.1.0, shipped until they were refitted
FRACTIONS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)

Threshold = Callable[[np.ndarray], float]  # the head's values to a cut


def _otsu(inside: np.ndarray) -> float:
    positive = inside[inside > 0]
    return float(threshold_otsu(positive)) if len(positive) > 1 and np.ptp(positive) > 0 else np.inf


def _otsu_twice(inside: np.ndarray) -> float:
    """Otsu's threshold of what lies above Otsu's threshold."""
    return _otsu(inside[inside > _otsu(inside)])


def _energy(share: float) -> Threshold:
    """The highest values that together hold a share of the map's sum."""

    def cut(inside: np.ndarray) -> float:
        ranked = np.sort(inside)[::-1]
        total = ranked.cumsum()
        return float(ranked[min(int(np.searchsorted(total, share * total[-1])), len(ranked) - 1)])

    return cut


RULES: dict[str, Threshold] = {
    "otsu": _otsu,
    "otsu twice": _otsu_twice,
    **{f"percentile {p:g}": lambda inside, p=p: float(np.percentile(inside, p)) for p in PERCENTILES},
    **{f"energy {f:g}": _energy(f) for f in FRACTIONS},
    **{f"share of maximum {f:g}": lambda inside, f=f: f * float(inside.max()) for f in FRACTIONS},
}


def dice_of_rules(values: np.ndarray, head: np.ndarray, lesion: np.ndarray) -> dict[str, float]:
    """Dice of each rule's mask with the lesion; "oracle" is the best of a fine grid of percentiles for this very slice."""
    inside = values[head]
    scores = {
        name: round(dice((values >= cut(inside)) & head & (values > 0), lesion), 4) for name, cut in RULES.items()
    }
    grid = np.percentile(inside, np.arange(70, 99.9, 0.5))
    return scores | {"oracle": round(max(dice((values >= c) & head, lesion) for c in grid), 4)}


def best_rules(
    tune: list[dict[str, Any]],
    test: list[dict[str, Any]],
    by_group: Callable[[list[dict[str, Any]], Callable[[dict[str, Any]], float]], dict[str, float]],
) -> dict[str, Any]:
    """Of each family the rule that is best on the tune slices, and its Dice on the test slices."""
    families = {
        "otsu": "otsu",
        "percentile": "percentile ",
        "energy": "energy ",
        "share of maximum": "share of maximum ",
    }
    result: dict[str, Any] = {}
    for method in RULE_METHODS:
        rows = {}
        for family, prefix in families.items():
            names = [n for n in RULES if n.startswith(prefix)]
            mean = {n: float(np.mean([r["rules"][method][n] for r in tune])) for n in names}
            best = max(mean, key=mean.__getitem__)
            rows[family] = {"rule": best, "tune": round(mean[best], 3), "test": _of(test, method, best, by_group)}
        rows["oracle"] = {
            "rule": "best percentile of each slice",
            "tune": round(float(np.mean([r["rules"][method]["oracle"] for r in tune])), 3),
            "test": _of(test, method, "oracle", by_group),
        }
        earlier = f"share of maximum {EARLIER_SHARES[method]:g}"
        rows["earlier share"] = {
            "rule": earlier,
            "tune": round(float(np.mean([r["rules"][method][earlier] for r in tune])), 3),
            "test": _of(test, method, earlier, by_group),
        }
        best_percentile = rows["percentile"]["rule"]
        for family in ("otsu", "energy", "share of maximum", "earlier share"):
            rule = rows[family]["rule"]
            rows[family]["above_best_percentile"] = by_group(
                test, lambda r, a=rule, b=best_percentile, m=method: r["rules"][m][a] - r["rules"][m][b]
            )
        result[method] = rows
    return result


def _of(
    test: list[dict[str, Any]], method: str, rule: str, by_group: Callable[..., dict[str, float]]
) -> dict[str, float]:
    return by_group(test, lambda r: r["rules"][method][rule])
