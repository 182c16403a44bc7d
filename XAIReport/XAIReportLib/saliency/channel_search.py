"""Which channels' masks to score when not all can be: the other scores are predicted from masks that look alike.

The score of a masked image is a function of the mask, and similar masks give similar scores. A Gaussian process over the masks
(Rasmussen and Williams 2006, algorithm 2.1) predicts the scores that are not known. The first masks are spread out by
farthest-point clustering (Gonzalez 1985, doi 10.1016/0304-3975(85)90224-5); the next are those whose predicted score plus half its
standard deviation is highest, since only high scores carry weight after the softmax.

On tune patients this came close to an oracle that knows which scores are highest. Channels chosen by gradient times activation,
and all channels at half the input's resolution, lost far more: the network's answer changes with the scale. What is lost is
measured by ``scripts/benchmark.py score-cam``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

LENGTH = 0.5  # of the kernel, in units of the median distance between two masks
NOISE = 0.05  # of the scores, in standard deviations
BOLDNESS = 0.5  # standard deviations added to a prediction when the next masks are chosen
ROUNDS = 2  # of choosing, after the first half of the budget


def search(
    seen: np.ndarray, score: Callable[[np.ndarray], np.ndarray], target: int, budget: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all masks, from ``budget`` of them.

    Args:
        seen: float (masks, features), what each mask lets through.
        score: rows of ``seen`` to scores (rows, columns).
        target: the column whose high scores are looked for.

    Returns:
        Scores (masks, columns), and which of them were not predicted: bool (masks,).
    """
    budget = min(budget, len(seen))
    distances = _distances(seen)
    known = _spread(distances, int(seen.sum(axis=1).argmax()), max(budget // 2, 1))
    scores = score(np.array(known))
    step = -(-(budget - len(known)) // ROUNDS)
    features = seen / max(float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0, 1e-12)
    while len(known) < budget:
        mean, deviation = _predict(features, known, scores)
        promise = mean[:, target] + BOLDNESS * deviation[:, target]
        promise[known] = -np.inf
        more = np.argsort(-promise, kind="stable")[: min(step, budget - len(known))]
        scores = np.concatenate([scores, score(more)])
        known += [int(n) for n in more]
    whole = _predict(features, known, scores)[0]
    whole[known] = scores
    measured = np.zeros(len(seen), bool)
    measured[known] = True
    return whole, measured


def _predict(features: np.ndarray, known: list[int], scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every mask's scores, (masks, columns)."""
    process = GaussianProcessRegressor(RBF(LENGTH, "fixed"), alpha=NOISE**2, optimizer=None, normalize_y=True)
    mean, deviation = process.fit(features[known], scores).predict(features, return_std=True)
    return mean.reshape(len(features), -1), deviation.reshape(len(features), -1)


def _distances(seen: np.ndarray) -> np.ndarray:
    squares = (seen**2).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * seen @ seen.T, 0))


def _spread(distances: np.ndarray, first: int, count: int) -> list[int]:
    chosen = [first]
    nearest = distances[first].copy()
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    return chosen
