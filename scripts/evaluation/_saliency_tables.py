"""How the figures of scripts/evaluation/saliency.py are worded for docs/results.md."""

from __future__ import annotations

from typing import Any

PLACE = ("dice", "pointing", "mass", "rank", "auprc")


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines."""
    return [
        *_introduction(measured),
        *_maps(measured),
        *_robustness(measured),
        *_masks(measured),
        *_warning(measured["checks"], measured),
    ]


def _introduction(measured: dict[str, Any]) -> list[str]:
    bundle = measured["bundle"]
    return [
        f"## Saliency: {measured['slices']} slices of {measured['groups']} unseen groups ({measured['machine']})",
        "",
        f"Bundle {bundle['name']} {bundle['version']} ({bundle['sha256'][:12]}). The class with the highest score is explained,",
        "right or wrong. Figures that need many passes (gains, stability, and the methods marked *) are of "
        f"{measured['slices_of_many_passes']} slices of {measured['groups_of_many_passes']} of the groups.",
        "Intervals: 95 %, bootstrap over groups. The class path reads features under the lesion attention, so that overlap with",
        "the lesion is not evidence of its own; further rows show the maps with the attention made uniform (plain pooling) or put",
        "in random order. Gain: insertion less deletion, above a random ranking of the same slice; ranking by the reference",
        f"outline reaches {_cell(measured['reference_gain_above_random'])}, Grad-CAM++ with removed pixels at the head's mean",
        f"{_cell(measured['gain_by_baseline']['head mean'])} and filled from their rim",
        f"{_cell(measured['gain_by_baseline']['inpainted'])}. The reference outline averaged over the layer's cells keeps a Dice",
        f"of {_cell(measured['ceiling'])}: the ceiling of the resolution.",
        "",
    ]  # fmt: skip


def _maps(measured: dict[str, Any]) -> list[str]:
    lines = [
        _row("map", "Dice of its mask", "pointing game", "relevance mass", "relevance rank", "AUPRC", "gain"),
        _row(*["---"] * 7),
    ]
    for kind, note in (("methods", ""), ("controls", "control: ")):
        for name, figures in measured[kind].items():
            mark = "*" if figures["slices"] < measured["slices"] else ""
            cells = [_cell(figures[f]) for f in (*PLACE, "gain_above_random")]
            lines.append(_row(f"{note}{name}{mark}", *cells))
    for kind, methods in measured["attention"].items():
        for method, figures in methods.items():
            lines.append(_row(f"{method}, attention {kind}", *(_cell(figures[f]) for f in PLACE), ""))
    return [*lines, ""]


def _robustness(measured: dict[str, Any]) -> list[str]:
    names = ("ssim_noise", "ssim_shift", "max_sensitivity")
    lines = [_row("method", "SSIM under noise", "SSIM under shifts of 4 pixels", "max-sensitivity"), _row(*["---"] * 4)]
    lines += [_row(name, *(_cell(f[k]) for k in names)) for name, f in measured["robustness"].items()]
    lines += [
        "",
        _row("parameters drawn anew (Grad-CAM++)", "Dice", "lower by", "SSIM with the true map"),
        _row(*["---"] * 4),
    ]
    found = measured["randomisation"]
    for name, drop in found["drop"].items():
        lines.append(_row(name, _cell(found[name]["dice"]), _cell(drop), _cell(found[name]["ssim"])))
    return [*lines, ""]


def _masks(measured: dict[str, Any]) -> list[str]:
    lines = [
        f"Mask rules, chosen on {measured['tune_slices']} slices of {measured['tune_groups']} tune groups (mask before clean-up; "
        "ScoreCAM in fast mode):",
        "",
        _row("map", "rule", "Dice, tune", "Dice, test", "above the best fixed percentile, test"),
        _row(*["---"] * 5),
    ]
    for method, rows in measured["masks"].items():
        for row in rows.values():
            above = _cell(row["above_best_percentile"]) if "above_best_percentile" in row else ""
            lines.append(_row(method, row["rule"], f"{row['tune']:.2f}", _cell(row["test"]), above))
    return [*lines, ""]


def _warning(found: dict[str, Any], measured: dict[str, Any]) -> list[str]:
    if not found["test"]:
        return ["No class of a test slice was wrong, so that nothing is known of the verdict's warning."]
    test, tune = found["test"], found["tune"]
    lines = [
        f"Do the checks of a case warn of a wrong class? {test['wrong']} of {measured['slices']} test slices are wrong, in "
        f"{test['groups_with_wrong']} groups; the weights were fitted on the tune slices ({tune.get('wrong', 0)} wrong, in "
        f"{tune.get('groups_with_wrong', 0)} groups) and frozen.",
        "",
        _row("AUROC for wrong classes", "tune (fitted there)", "test"),
        _row(*["---"] * 3),
    ]
    words = {
        "auroc_confidence": "the model's own confidence",
        "auroc_doubt": "checks and confidence together",
        "gain": "gain",
    }
    for name, text in words.items():
        lines.append(_row(text, _cell(tune[name]) if tune else "", _cell(test[name])))
    for name, figure in test["auroc_of_each"].items():
        lines.append(_row(f"{name} alone", _cell(tune["auroc_of_each"][name]) if tune else "", _cell(figure)))
    lines += [
        "",
        f'"Should not be relied on" is said of {100 * test["refused_of_wrong"]:.0f} % of the wrong and '
        f"{100 * test['refused_of_right']:.0f} % of the right slices.",
    ]
    return lines
