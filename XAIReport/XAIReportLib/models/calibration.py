"""From log-odds to what may be said: calibrated scores, class sets, the outcome."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax


def calibrated(class_logits: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of logits / temperature over the last axis (Guo et al. 2017, arXiv 1706.04599)."""
    return softmax(np.asarray(class_logits, np.float64) / temperature, axis=-1)


def fit_temperature(class_logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the smallest negative log-likelihood. ``class_logits``: (n, classes); ``labels``: (n,)."""

    def cost(log_t: float) -> float:
        return -log_softmax(class_logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels].mean()

    return float(np.exp(minimize_scalar(cost, bounds=(-2.5, 2.5), method="bounded").x))


def conformal_quantile(scores: np.ndarray, labels: np.ndarray, level: float) -> float:
    """Split-conformal quantile of 1 - score of the true class (LAC; Sadinle et al. 2019, doi 10.1080/01621459.2017.1395341)."""
    misses = 1 - scores[np.arange(len(labels)), labels]
    rank = min(np.ceil((len(misses) + 1) * level) / len(misses), 1.0)
    return float(np.quantile(misses, rank, method="higher"))


def class_set(scores: dict[str, float], quantile: float) -> tuple[str, ...]:
    """Classes that cannot be set aside, best first; never empty: the best is always among them."""
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    return tuple(name for n, name in enumerate(ranked) if n == 0 or scores[name] >= 1 - quantile)


def normalised_entropy(scores: dict[str, float]) -> float:
    """Entropy of the scores over that of equal scores: 0 certain, 1 undecided."""
    p = np.clip(np.array(list(scores.values())), 1e-12, 1)
    return float(-(p * np.log(p)).sum() / np.log(len(p)))
