"""How the figures of scripts/evaluation/saliency.py are worded for docs/results.md."""

from __future__ import annotations

from typing import Any

from evaluation._warning import TAIL

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
        f"Bundle {bundle['name']} {bundle['version']} ({bundle['sha256'][:12]}, weights {bundle['weights_sha256'][:12]}).",
        "The class with the highest score is explained, right or wrong. Figures that need many passes (gains, stability, and",
        f"methods marked *): {measured['slices_of_many_passes']} slices of {measured['groups_of_many_passes']} of the groups.",
        "Intervals: 95 %, bootstrap over groups. The class path reads features under the lesion attention, so that overlap with",
        "the lesion is not evidence of its own; further rows show the maps with the attention made uniform (plain pooling) or put",
        "in random order. Gain: insertion less deletion, above a random ranking of the same slice; ranking by the reference",
        f"outline reaches {_cell(measured['reference_gain_above_random'])}, Grad-CAM++ with removed pixels at the head's mean",
        f"{_cell(measured['gain_by_baseline']['head mean'])} and filled from their rim",
        f"{_cell(measured['gain_by_baseline']['inpainted'])}. The reference outline averaged over the layer's cells keeps a Dice",
        f"of {_cell(measured['ceiling'])}: the ceiling of the resolution. ScoreCAM in fast mode: SSIM with the exact map",
        f"{_cell(measured['fast_mode']['ssim'])}, gain less that of the exact map",
        f"{_cell(measured['fast_mode']['gain_less_exact'])}.",
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
        for family, row in rows.items():
            note = ", fitted with bundle 0.1.0" if family == "earlier share" else ""
            above = _cell(row["above_best_percentile"]) if "above_best_percentile" in row else ""
            lines.append(_row(method, row["rule"] + note, f"{row['tune']:.2f}", _cell(row["test"]), above))
    return [*lines, ""]


def _warning(found: dict[str, Any], measured: dict[str, Any]) -> list[str]:
    if "wrong" not in found:
        return ["Too few slices of the wrong class to say whether the checks warn of one."]
    lines = [
        f"Do the checks of a case warn of a wrong class? {found['wrong']} of {measured['slices']} test slices are wrong, in "
        f"{found['groups_with_wrong']} groups. Measures were chosen, and their weights fitted, on the tune slices "
        f"({found['tune_wrong']} wrong, in {found['tune_groups_with_wrong']} groups; {len(found['tried_on_tune'])} sets tried), "
        f"each group left out in turn; chosen: {', '.join(found['chosen']) or 'none beside the confidence'}.",
        "",
        _row("AUROC for wrong classes", "test"),
        _row("---", "---"),
        _row("the model's own confidence", _cell(found["auroc_confidence"])),
        _row("confidence and the chosen measures", _cell(found["auroc_together"])),
        _row("gain", _cell(found["gain"])),
    ]
    lines += [_row(f"{name} alone", _cell(figure)) for name, figure in found["auroc_of_each"].items()]
    lines += ["", _row("tried on left-out tune groups", "AUROC there"), _row("---", "---")]
    best = sorted(found["tried_on_tune"].items(), key=lambda item: -item[1])[:12]
    lines += [_row(name, f"{value:.2f}") for name, value in best]
    return [*lines, *_verdicts(found, measured)]


def _graded(doubt: dict[str, Any] | None) -> list[str]:
    """The product's own figure; nothing of figures from before it was one."""
    if doubt is None:
        return []
    rest = doubt["of_found"]
    lines = [
        "",
        "The product's own figure for this is the check `doubt`, from 0 to 1: a regression on the confidence and two measures that",
        'was fitted on the slices of other networks and patients ("Saliency across folds"). That two are enough was decided with',
        "the figures below in view.",
        "",
        _row("AUROC of `doubt` for wrong classes", "test", "gain over the confidence"),
        _row(*["---"] * 3),
        _row("all slices", _cell(doubt["auroc"]), _cell(doubt["gain"])),
    ]
    if rest:
        of = f"where a lesion is found ({rest['slices']} slices, {rest['wrong']} wrong)"
        lines.append(_row(of, _cell(rest["auroc"]), _cell(rest["gain"])))
    return lines


def _verdicts(found: dict[str, Any], measured: dict[str, Any]) -> list[str]:
    """The product's own verdict, which is said or not; nothing of figures from before it was measured."""
    if "verdicts" not in found:
        return []
    verdicts = found["verdicts"]
    lines = [
        *_graded(found.get("doubt")),
        "",
        'The product\'s verdict, "should not be relied on", is said of a slice or not: where any check misses its limit. By the',
        f"rule: limits that {TAIL} % of the tune slices with the right class miss, each check by itself. The limits that ship are,",
        "but for that of `doubt`, those that were fitted with bundle 0.1.0; they were kept after a look at these figures, so that",
        "the choice between the two was made with the test slices in view. The highlighted area meets its own mirror image, so",
        f"that `score_drop` is not computed, on {found['without_score_drop']} of the {measured['slices']} slices.",
        "",
        _row(
            "limits",
            "AUROC for wrong classes, tune",
            "test",
            "gain over the confidence",
            "said of the wrong",
            "of the right",
        ),
        _row(*["---"] * 6),
    ]
    for name, f in verdicts.items():
        said = (f"{100 * f[key]:.0f} %" for key in ("refused_of_wrong", "refused_of_right"))
        lines.append(_row(name, f"{f['auroc_on_tune']:.2f}", _cell(f["auroc"]), _cell(f["gain"]), *said))
    sets = {name: f for name, f in verdicts.items() if f["limits"].keys() == verdicts["shipped"]["limits"].keys()}
    lines += [
        "",
        _row("check", *(f"limits, {name} (missed by wrong, right)" for name in sets)),
        _row(*["---"] * (1 + len(sets))),
    ]
    for check in verdicts["shipped"]["limits"]:
        cells = []
        for f in sets.values():
            (low, high), missed = f["limits"][check], f["missed_by"][check]
            bound = f"at least {low:g}" if high == 1 else f"at most {high:g}"
            cells.append(f"{bound} ({100 * missed[0]:.0f} %, {100 * missed[1]:.0f} %)")
        lines.append(_row(check, *cells))
    return lines
