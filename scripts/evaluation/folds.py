"""Saliency and its warning by networks of several folds, each on the groups that it never saw: more groups than one split has.

    python scripts/train.py --run NAME --fold K ... && python scripts/evaluate.py folds --run NAME --run OTHER

What docs hold was measured with the four runs short-dual-fold1 to short-dual-fold4, --slices 200 --whole 25. Each network is
calibrated on its own tune groups. What needs a fit, the regression of the check ``doubt`` and the limits, is fitted on the slices
of the other networks and never sees the network or the patients that it is tried on. Resumable (training/folds-NAME-*.jsonl keeps
what is done). Keeps docs/measurements/folds.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.unseen import slices_of
from XAIReportLib.models.bundle import load_bundle

from evaluation import ROOT, keep, machine
from evaluation._runs import calibrated_run
from evaluation._saliency_slices import DEAR, LOCAL
from evaluation._warning_across import across, across_lines
from evaluation.saliency import WORK, by_group, measured_rows
from evaluation.slices import DATA

PLACES = ("dice", "pointing", "mass", "rank", "auprc")
Rows = list[dict[str, Any]]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--run", action="append", required=True, help="name of a folder in training/; give several")
    parser.add_argument("--slices", type=int, default=200, help="of each fold's test groups; default %(default)s")
    parser.add_argument("--whole", type=int, default=25, help="of these, by everything; default %(default)s")
    options = parser.parse_args(argv)
    rows, networks = {}, []
    for name in options.run:
        with calibrated_run(ROOT / "training" / name, options.data) as run:
            weights = run.bundle.settings.weights_sha256
            slices = slices_of("test", options.data, options.slices, run.fold)
            rows[name] = measured_rows(
                WORK / f"folds-{name}-{weights[:8]}.jsonl", slices, run.bundle, min(options.whole, len(slices.rows))
            )
            networks.append({"run": name, "fold": run.fold, "weights_sha256": weights, "slices": len(rows[name])})
    if len({n["fold"] for n in networks}) < len(networks):
        parser.error("two of the runs are of the same fold, and would answer for the same patients")
    measured = {"machine": machine(), "networks": networks, **summary(rows)}
    keep("folds", measured)
    print("\n".join(section(measured)))
    return 0


def summary(rows: dict[str, Rows]) -> dict[str, Any]:
    """Figures of all networks' slices together; groups are told apart by bootstrap, whichever network answers for them."""
    everyone = [row for part in rows.values() for row in part]
    dear = [row for row in everyone if "gain" in row]

    def local(kind: str, name: str) -> dict[str, Any]:
        of = dear if name in DEAR else everyone
        result: dict[str, Any] = {f: by_group(of, lambda r, f=f: r[kind][name][f]) for f in LOCAL}
        result["gain_above_random"] = by_group(dear, lambda r: r["gain"][name] - r["gain"]["chance"])
        return result | {"slices": len(of)}

    changed = everyone[0]["randomisation"]
    return {
        "slices": len(everyone),
        "groups": len({r["group"] for r in everyone}),
        "slices_of_many_passes": len(dear),
        "groups_of_many_passes": len({r["group"] for r in dear}),
        "right": by_group(everyone, lambda r: r["right"]),
        "methods": {m: local("methods", m) for m in dear[0]["methods"]},
        "controls": {m: local("controls", m) for m in dear[0]["controls"]},
        "fast_mode": {
            "ssim": by_group(dear, lambda r: r["fast_ssim"]),
            "gain_less_exact": by_group(dear, lambda r: r["gain"]["scorecam, fast"] - r["gain"]["scorecam"]),
        },
        "attention": {
            kind: {
                m: {f: by_group(everyone, lambda r, k=kind, m=m, f=f: r["attention"][k][m][f]) for f in LOCAL}
                for m in methods
            }
            for kind, methods in everyone[0]["attention"].items()
        },
        "randomisation_drop": {
            k: by_group(everyone, lambda r, k=k: r["methods"]["gradcam++"]["dice"] - r["randomisation"][k]["dice"])
            for k in changed
        },
        "warning": across(rows, load_bundle("brain_tumor_mri").settings.weights_sha256),
    }


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    networks = measured["networks"]
    folds = ", ".join(str(n["fold"]) for n in networks)
    fast, drop = measured["fast_mode"], measured["randomisation_drop"]
    lines = [
        f"## Saliency across folds: {measured['slices']} slices of {measured['groups']} unseen groups ({measured['machine']})",
        "",
        f'Networks of the short training ("Networks side by side"), of the folds {folds}, each on test slices of its own fold;',
        f"none of them ships. Right classes: {_cell(measured['right'])}. Figures that need many passes (gains, and methods",
        f"marked *): {measured['slices_of_many_passes']} slices of {measured['groups_of_many_passes']} groups.",
        "Intervals: 95 %, bootstrap over groups.",
        f"ScoreCAM in fast mode: SSIM with the exact map {_cell(fast['ssim'])}, gain less that of the exact map",
        f"{_cell(fast['gain_less_exact'])}. The heads drawn anew lower the Dice of Grad-CAM++ by",
        f"{_cell(drop['heads'])}, heads and neck by {_cell(drop['and neck'])}.",
        "",
        "| map | Dice of its mask | pointing game | relevance mass | relevance rank | AUPRC | gain |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for kind, note in (("methods", ""), ("controls", "control: ")):
        for name, figures in measured[kind].items():
            mark = "*" if figures["slices"] < measured["slices"] else ""
            cells = [_cell(figures[f]) for f in (*PLACES, "gain_above_random")]
            lines.append(f"| {note}{name}{mark} | {' | '.join(cells)} |")
    for kind, methods in measured["attention"].items():
        for method, figures in methods.items():
            cells = " | ".join(_cell(figures[f]) for f in PLACES)
            lines.append(f"| {method}, attention {kind} | {cells} | |")
    return [*lines, "", *across_lines(measured["warning"])]
