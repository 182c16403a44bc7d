"""Does what is measured of a case's explanation warn of a wrong class, and by more than the model's own confidence?"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from XAIReportLib.saliency import checks

REPEATS = 500


def warning_figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """AUROC for wrong classes of the checks' doubt, of the model's confidence, and what the first adds; intervals by group."""
    wrong = np.array([not r["right"] for r in rows])
    if wrong.all() or not wrong.any():
        return {}
    unsure = np.array([1 - r["confidence"] for r in rows])
    doubt = np.array([checks.doubt(r["checks"], r["confidence"]) for r in rows])
    refused = np.array([bool(checks.failures(r["checks"])) for r in rows])
    groups = np.array([r["group"] for r in rows])
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    draws = np.random.default_rng(0)
    samples = []
    while len(samples) < REPEATS:
        chosen = np.concatenate([members[i] for i in draws.integers(0, len(members), len(members))])
        if 0 < wrong[chosen].sum() < len(chosen):
            samples.append(chosen)

    def figure(of: Any) -> dict[str, float]:
        low, high = np.percentile([of(s) for s in samples], [2.5, 97.5])
        return {"value": round(float(of(np.arange(len(rows)))), 3), "low": round(low, 3), "high": round(high, 3)}

    def auroc(values: np.ndarray) -> Any:
        return lambda s: roc_auc_score(wrong[s], values[s])

    single = {
        name: figure(auroc(np.array([r["checks"][name] for r in rows]) * checks.WORSE[name])) for name in checks.WORSE
    }
    return {
        "wrong": int(wrong.sum()),
        "groups_with_wrong": len(set(groups[wrong])),
        "auroc_confidence": figure(auroc(unsure)),
        "auroc_doubt": figure(auroc(doubt)),
        "gain": figure(lambda s: roc_auc_score(wrong[s], doubt[s]) - roc_auc_score(wrong[s], unsure[s])),
        "auroc_of_each": single,
        "refused_of_wrong": round(float(refused[wrong].mean()), 3),
        "refused_of_right": round(float(refused[~wrong].mean()), 3),
    }
