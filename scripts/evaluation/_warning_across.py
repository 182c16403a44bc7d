"""Does a warning that was fitted on other networks and other patients tell a network's wrong classes?

The regression of the product's check ``doubt`` is fitted here, on the slices of all networks together. Of its measures the first
is that which forward selection takes, each network left out in turn; the second is one of three that then add nearly the same
(``tried``): the first of them when three networks had been measured, and one that has a meaning for several sections together.
Its limit follows from a rule: as with the other checks, TAIL % of the slices with the right class miss it, here by the figures
that they are given when their network is left out of the fit.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from XAIReportLib.saliency import checks, doubt

from evaluation._warning import (
    TAIL,
    Rows,
    features,
    figure_by_group,
    fitted_limits,
    left_out,
    measures,
    missed,
    regression_model,
    with_doubt,
    wrong_of,
)

NETWORK = "network"  # of a row: whose answer it is
CONFIDENCE = "the model's own confidence"
GRADED = "`doubt`, fitted on the other networks"


def fitted_doubt(rows: Rows, weights_sha256: str) -> doubt.Regression:
    """The regression of the check ``doubt``, of four digits, and its limit. Of rows whose "network" is told."""
    scaler, logistic = (
        step for _, step in regression_model().fit(features(rows, doubt.MEASURES), wrong_of(rows)).steps
    )
    columns = zip(scaler.mean_, scaler.scale_, logistic.coef_[0], strict=True)
    terms = {
        name: tuple(round(float(value), 4) for value in column)
        for name, column in zip(("confidence", *doubt.MEASURES), columns, strict=True)
    }
    right = expit(left_out(rows, doubt.MEASURES, NETWORK))[~wrong_of(rows)]
    limit = round(float(np.percentile(right, 100 - TAIL)), 2)
    return doubt.Regression(weights_sha256, round(float(logistic.intercept_[0]), 4), terms, limit)


def tried(rows: Rows) -> dict[str, float]:
    """AUROC with each network left out of the fit: of the confidence, and of it with the sets that forward selection meets."""
    wrong, chosen = wrong_of(rows), []
    found = {"confidence": float(roc_auc_score(wrong, left_out(rows, [], NETWORK)))}
    while len(chosen) < len(doubt.MEASURES):
        more = {
            n: float(roc_auc_score(wrong, left_out(rows, [*chosen, n], NETWORK)))
            for n in measures(rows[0])
            if n not in chosen
        }
        found |= {" + ".join(["confidence", *chosen, n]): value for n, value in more.items()}
        chosen.append(max(more, key=more.__getitem__))
    return {name: round(value, 3) for name, value in found.items()}


def across(rows: dict[str, Rows], weights_sha256: str) -> dict[str, Any]:
    """AUROC for wrong classes over all networks' slices, and its gain over the confidence, of figures and of verdicts.

    Args:
        rows: of each network, by its name.
        weights_sha256: of the network that the regression of all is for.
    """
    rows = {name: [row | {NETWORK: name} for row in part] for name, part in rows.items()}
    everyone = [row for part in rows.values() for row in part]
    graded: Rows = []
    refused: dict[str, list[bool]] = {"shipped limits, without doubt": [], "the same with doubt": [], "by the rule": []}
    regressions = {}
    for name, part in rows.items():
        others = [row for other, their in rows.items() if other != name for row in their]
        regression = fitted_doubt(others, "")
        regressions[name] = {"intercept": regression.intercept, "limit": regression.limit, "terms": regression.terms}
        others, own = with_doubt(others, regression), with_doubt(part, regression)
        plain = {check: bounds for check, bounds in checks.LIMITS.items() if check != "doubt"}
        ways = {
            "shipped limits, without doubt": plain,
            "the same with doubt": plain | {"doubt": (0.0, regression.limit)},
            "by the rule": fitted_limits(others, regression),
        }
        for way, limits in ways.items():
            refused[way] += [bool(missed(row, limits)) for row in own]
        graded += own
    wrong, unsure = wrong_of(graded), -features(graded, [])[:, 0]
    values = {CONFIDENCE: unsure, GRADED: np.array([r["checks"]["doubt"] for r in graded])}
    figure = figure_by_group(graded)
    found: dict[str, Any] = {name: _against(figure, wrong, value, unsure) for name, value in values.items()}
    verdicts = {}
    for way, said in refused.items():
        flags = np.array(said)
        verdicts[way] = _against(figure, wrong, flags, unsure) | {
            "refused_of_wrong": round(float(flags[wrong].mean()), 3),
            "refused_of_right": round(float(flags[~wrong].mean()), 3),
        }
    return {
        "tried": tried(everyone),
        "regression": asdict(fitted_doubt(everyone, weights_sha256)),
        "wrong": int(wrong.sum()),
        "groups_with_wrong": len({r["group"] for r in graded if not r["right"]}),
        "measures": list(doubt.MEASURES),
        "figures": found,
        "verdicts": verdicts,
        "regressions": regressions,
    }


def _against(figure: Any, wrong: np.ndarray, values: np.ndarray, unsure: np.ndarray) -> dict[str, Any]:
    return {
        "auroc": figure(lambda s: roc_auc_score(wrong[s], values[s])),
        "gain": figure(lambda s: roc_auc_score(wrong[s], values[s]) - roc_auc_score(wrong[s], unsure[s])),
    }


def across_lines(found: dict[str, Any]) -> list[str]:
    """Markdown lines."""
    lines = [
        f"Does it warn of a wrong class? {found['wrong']} of the slices are wrong, in {found['groups_with_wrong']} groups.",
        f"For each network the regression of `doubt` (the confidence, {', '.join(found['measures'])}) and the limits of the rule",
        f"({TAIL} % of the right slices miss each) were fitted on the slices of the other networks' patients.",
        "",
        "| AUROC for wrong classes | measured | gain over the confidence | said of the wrong | of the right |",
        "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for kind in ("figures", "verdicts"):
        for name, f in found[kind].items():
            auroc, gain = (f"{v['value']:.2f} ({v['low']:.2f} to {v['high']:.2f})" for v in (f["auroc"], f["gain"]))
            said = [f"{100 * f[k]:.0f} %" if k in f else "" for k in ("refused_of_wrong", "refused_of_right")]
            title = f"verdict, {name}" if kind == "verdicts" else name
            lines.append(f"| {title} | {auroc} | {'' if name == CONFIDENCE else gain} | {' | '.join(said)} |")
    fitted = found["regression"]
    best = sorted(found["tried"].items(), key=lambda item: -item[1])[:8]
    return [
        *lines,
        "",
        "| tried, each network left out | AUROC there |",
        "| --- | --- |",
        *(f"| {name} | {value:.2f} |" for name, value in (("confidence", found["tried"]["confidence"]), *best)),
        "",
        f"Fitted on all of them: the check `doubt` of the network with the weights {fitted['weights_sha256'][:12]}, which gave",
        'none of these slices. What it tells there is below ("Saliency").',
        "",
        "| term | mean | scale | coefficient |",
        "| --- | --- | --- | --- |",
        *(
            f"| {f'{name}, log-odds' if name == 'confidence' else name} | {' | '.join(f'{v:.4f}' for v in term)} |"
            for name, term in fitted["terms"].items()
        ),
        "",
        f"Intercept {fitted['intercept']:.4f}; the limit is {fitted['limit']:g}.",
    ]
