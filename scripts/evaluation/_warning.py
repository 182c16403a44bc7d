"""Does what is measured of a case's explanation warn of a wrong class, and by more than the model's own confidence?

A logistic regression on the confidence and at most MOST measures is chosen by forward selection and fitted on the tune slices only,
each group left out in turn; the test slices are looked at once, with what was chosen.

The product's own figure for this, ``doubt``, is such a regression that was fitted on the slices of other networks and patients
(``_warning_across``); here it is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from XAIReportLib.saliency import checks, doubt

REPEATS = 500
TAIL = 5  # percent of the right tune slices that may miss a limit
MOST = 3
WORTH = 0.005  # of AUROC on left-out tune groups that another measure must add

Rows = list[dict[str, Any]]


def measures(row: dict[str, Any]) -> dict[str, float]:
    """All that may be chosen among: the product's checks, and the signs of ``_warning_signs``. Not ``score_drop``, which a slice
    does not have where the highlighted area meets its own mirror image, and not ``doubt``, which is made of what was chosen."""
    return {n: value for n, value in {**row["checks"], **row["signs"]}.items() if n not in ("score_drop", "doubt")}


def with_doubt(rows: Rows, regression: doubt.Regression) -> Rows:
    """The rows with the check ``doubt`` as the product computes it from their measures."""
    return [
        r | {"checks": r["checks"] | {"doubt": regression.of({"confidence": r["confidence"], **measures(r)})}}
        for r in rows
    ]


def fitted_limits(tune: Rows, regression: doubt.Regression) -> dict[str, tuple[float, float]]:
    """The limits of the checks by one rule: TAIL % of the tune slices with the right class miss each of them."""
    right = [r["checks"] for r in tune if r["right"]]
    result = {"doubt": (0.0, regression.limit)}
    for name, (low, high) in checks.LIMITS.items():
        if name in result:
            continue
        values = [figures[name] for figures in right if name in figures]
        if not values:  # of a check that no slice has nothing is known
            result[name] = (low, high)
            continue
        cut = round(float(np.percentile(values, TAIL if high == 1 else 100 - TAIL)), 2)
        result[name] = (cut, high) if high == 1 else (low, cut)
    return result


def verdicts(tune: Rows, test: Rows, regression: doubt.Regression) -> dict[str, Any]:
    """What the product's verdict, which is either said or not, tells of the test slices: by the limits that ship, by these
    without the check ``doubt``, and by those that the rule gives with the network that was measured. Of rows ``with_doubt``."""
    wrong, unsure = wrong_of(test), -features(test, [])[:, 0]
    figure = figure_by_group(test)
    result = {}
    ways = {
        "shipped": checks.LIMITS,
        "shipped, without doubt": {check: bounds for check, bounds in checks.LIMITS.items() if check != "doubt"},
        "by the rule": fitted_limits(tune, regression),
    }
    for name, limits in ways.items():
        refused = np.array([bool(missed(r, limits)) for r in test])
        on_tune = np.array([bool(missed(r, limits)) for r in tune])
        result[name] = {
            "limits": {check: list(bounds) for check, bounds in limits.items()},
            "auroc": figure(lambda s, refused=refused: roc_auc_score(wrong[s], refused[s])),
            "gain": figure(
                lambda s, refused=refused: roc_auc_score(wrong[s], refused[s]) - roc_auc_score(wrong[s], unsure[s])
            ),
            "refused_of_wrong": round(float(refused[wrong].mean()), 3),
            "refused_of_right": round(float(refused[~wrong].mean()), 3),
            "auroc_on_tune": round(float(roc_auc_score(wrong_of(tune), on_tune)), 3),
            "missed_by": {
                check: [
                    round(
                        float(np.mean([check in missed(r, limits) for r in test if r["right"] is kind])),
                        3,
                    )
                    for kind in (False, True)
                ]
                for check in limits
            },
        }
    return result


def missed(row: dict[str, Any], limits: dict[str, tuple[float, float]]) -> tuple[str, ...]:
    return checks.failures({name: value for name, value in row["checks"].items() if name in limits}, limits)


def features(rows: Rows, names: Sequence[str]) -> np.ndarray:
    """The confidence in log-odds, then the measures: (rows, 1 + names)."""
    confidence = logit(np.clip([r["confidence"] for r in rows], 1e-6, 1 - 1e-6))
    return np.column_stack([confidence, *([measures(r)[n] for r in rows] for n in names)])


def regression_model() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, class_weight="balanced"))


def left_out(rows: Rows, names: Sequence[str], apart: str = "group") -> np.ndarray:
    """Log-odds of each slice by the regression that was fitted without its group, or without its "network"."""
    return cross_val_predict(
        regression_model(), features(rows, names), wrong_of(rows), groups=[r[apart] for r in rows],
        cv=LeaveOneGroupOut(), method="decision_function",
    )  # fmt: skip


def _reached(rows: Rows, names: Sequence[str]) -> float:
    """AUROC on groups that were left out of the fit."""
    return float(roc_auc_score(wrong_of(rows), left_out(rows, names)))


def wrong_of(rows: Rows) -> np.ndarray:
    return np.array([not r["right"] for r in rows])


def choose(tune: Rows) -> tuple[list[str], dict[str, float]]:
    """The measures chosen on the tune slices, and what each set that was tried reached there."""
    chosen: list[str] = []
    tried = {"confidence": _reached(tune, [])}
    best = tried["confidence"]
    while len(chosen) < MOST:
        more = {n: _reached(tune, [*chosen, n]) for n in measures(tune[0]) if n not in chosen}
        tried |= {" + ".join(["confidence", *chosen, n]): value for n, value in more.items()}
        name = max(more, key=more.__getitem__)
        if more[name] < best + WORTH:
            break
        chosen.append(name)
        best = more[name]
    return chosen, {name: round(value, 3) for name, value in tried.items()}


def warning_figures(tune: Rows, test: Rows) -> dict[str, Any]:
    """AUROC for wrong classes on the test slices, with 95 % intervals over groups, and what was tried on the tune slices."""
    wrong = wrong_of(test)
    groups_of_wrong = {r["group"] for r in tune if not r["right"]}
    if len(groups_of_wrong) < 2 or wrong.all() or not wrong.any():
        return {}
    chosen, tried = choose(tune)
    together = regression_model().fit(features(tune, chosen), wrong_of(tune)).decision_function(features(test, chosen))
    tune, test = with_doubt(tune, doubt.FITTED), with_doubt(test, doubt.FITTED)
    graded = np.array([r["checks"]["doubt"] for r in test])
    unsure = -features(test, [])[:, 0]
    figure = figure_by_group(test)

    def auroc(values: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda s: roc_auc_score(wrong[s], values[s])

    def gain(values: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda s: roc_auc_score(wrong[s], values[s]) - roc_auc_score(wrong[s], unsure[s])

    singles = {n: np.array([measures(r)[n] for r in test]) for n in measures(test[0])}
    return {
        "wrong": int(wrong.sum()),
        "groups_with_wrong": len({r["group"] for r in test if not r["right"]}),
        "tune_wrong": int(wrong_of(tune).sum()),
        "tune_groups_with_wrong": len(groups_of_wrong),
        "chosen": chosen,
        "tried_on_tune": tried,
        "auroc_confidence": figure(auroc(unsure)),
        "auroc_together": figure(auroc(together)),
        "gain": figure(gain(together)),
        "doubt": {
            "auroc": figure(auroc(graded)),
            "gain": figure(gain(graded)),
            "of_found": _graded_of_found(test),
            "regression": asdict(doubt.FITTED),
        },
        "auroc_of_each": {
            n: figure(auroc(v if roc_auc_score(wrong_of(tune), [measures(r)[n] for r in tune]) >= 0.5 else -v))
            for n, v in singles.items()
        },
        "without_score_drop": sum("score_drop" not in r["checks"] for r in test),
        "verdicts": verdicts(tune, test, doubt.FITTED),
    }


def _graded_of_found(test: Rows) -> dict[str, Any]:
    """The same where the class path finds a lesion: elsewhere a case has no heat maps, and nothing is said of them."""
    found = [r for r in test if r["found"]]
    wrong = wrong_of(found)
    if wrong.all() or not wrong.any():
        return {}
    graded, unsure = np.array([r["checks"]["doubt"] for r in found]), -features(found, [])[:, 0]
    figure = figure_by_group(found)
    return {
        "slices": len(found),
        "wrong": int(wrong.sum()),
        "auroc": figure(lambda s: roc_auc_score(wrong[s], graded[s])),
        "gain": figure(lambda s: roc_auc_score(wrong[s], graded[s]) - roc_auc_score(wrong[s], unsure[s])),
    }


def figure_by_group(rows: Rows) -> Callable[[Callable[[np.ndarray], float]], dict[str, float]]:
    """A figure of row numbers with its bootstrap interval; draws without both kinds of rows are drawn again."""
    wrong, groups = wrong_of(rows), np.array([r["group"] for r in rows])
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    draws = np.random.default_rng(0)
    samples: list[np.ndarray] = []
    while len(samples) < REPEATS:
        sample = np.concatenate([members[i] for i in draws.integers(0, len(members), len(members))])
        if 0 < wrong[sample].sum() < len(sample):
            samples.append(sample)

    def figure(of: Callable[[np.ndarray], float]) -> dict[str, float]:
        low, high = np.percentile([of(s) for s in samples], [2.5, 97.5])
        return {"value": round(float(of(np.arange(len(rows)))), 3), "low": round(low, 3), "high": round(high, 3)}

    return figure
