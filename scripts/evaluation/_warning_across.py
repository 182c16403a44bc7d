"""Does a warning that was fitted on other networks and other patients tell a network's wrong classes?"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from XAIReportLib.saliency import checks, doubt

from evaluation._warning import (
    TAIL,
    Rows,
    features,
    figure_by_group,
    fitted_doubt,
    fitted_limits,
    missed,
    with_doubt,
    wrong_of,
)

CONFIDENCE = "the model's own confidence"
GRADED = "`doubt`, fitted on the other networks"


def across(rows: dict[str, Rows]) -> dict[str, Any]:
    """AUROC for wrong classes over all networks' slices, and its gain over the confidence, of figures and of verdicts."""
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
        f"Does it warn of a wrong class? {found['wrong']} of the slices are wrong, in {found['groups_with_wrong']} groups. For",
        f"each network the regression of `doubt` (the confidence, {', '.join(found['measures'])}) and the limits of the rule",
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
    return lines
