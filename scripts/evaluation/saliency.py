"""Every saliency method on slices of unseen groups, beside its controls, with intervals by group.

    python scripts/evaluate.py saliency --slices 300 --whole 100

What docs hold was measured with --whole 20 --tune-slices 110.

Two parts, each resumable (training/saliency-PART-*.jsonl keeps what is done): the tune groups, on which the rule of the masks and
the limits of the checks were chosen, and the test groups, which only report. Slices are dealt out over the groups in turn; what
needs many passes is measured on the first ``--whole`` of them. The class explained is the one that the model gives the highest
score, right or wrong, as in the product. Keeps docs/measurements/saliency.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training.unseen import UnseenSlices, slices_of
from XAIReportLib.models.bundle import Bundle, load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.saliency import checks

from evaluation import ROOT, keep, machine
from evaluation._mask_rules import best_rules
from evaluation._saliency_slices import DEAR, LOCAL, Explainer, measure_slice
from evaluation._saliency_tables import section
from evaluation._warning import warning_figures

__all__ = ["main", "section"]

WORK = ROOT / "training"
REPEATS = 2000


def measure_part(part: str, options: argparse.Namespace, bundle: Bundle) -> list[dict[str, Any]]:
    whole = options.whole if part == "test" else 0
    slices = slices_of(part, options.data, options.slices if part == "test" else options.tune_slices)
    code = hashlib.sha256(bundle.sha256.encode()).hexdigest()[:8]
    return measured_rows(WORK / f"saliency-{part}-{code}.jsonl", slices, bundle, whole)


def measured_rows(store: Path, slices: UnseenSlices, bundle: Bundle, whole: int) -> list[dict[str, Any]]:
    """Figures of each slice, of the first ``whole`` with those of many passes; what ``store`` holds is not measured again."""
    rows: dict[int, dict[str, Any]] = {}
    if store.exists():
        for line in store.read_text().splitlines():
            row = json.loads(line)
            rows[row["row"]] = row
    explainer = Explainer(ClassPath(load_network(bundle, "cpu")), bundle.settings.saliency_layer)
    with store.open("a") as file:
        for n, number in enumerate(slices.rows):
            if int(number) in rows and (n >= whole or "gain" in rows[int(number)]):
                continue
            row = measure_slice(bundle, explainer, slices, n, whole=n < whole)
            rows[row["row"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            if n % 10 == 0:
                print(f"{store.stem}: {n + 1} of {len(slices.rows)}", flush=True)
    return [rows[int(number)] for number in slices.rows]


def by_group(rows: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> dict[str, float]:
    """Mean over slices with a 95 % interval, bootstrap over groups."""
    groups = np.array([r["group"] for r in rows])
    values = np.array([value(r) for r in rows], float)
    names = np.unique(groups)
    sums = np.array([values[groups == g].sum() for g in names])
    counts = np.array([(groups == g).sum() for g in names])
    draws = np.random.default_rng(0).integers(0, len(names), (REPEATS, len(names)))
    low, high = np.percentile(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), [2.5, 97.5])
    return {"value": round(float(values.mean()), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def summary(tune: list[dict[str, Any]], test: list[dict[str, Any]], bundle: Bundle) -> dict[str, Any]:
    """Figures on all test slices, and on those measured wholly where many passes are needed."""
    dear = [r for r in test if "gain" in r]
    first = dear[0]

    def local(kind: str, name: str) -> dict[str, Any]:
        rows = dear if name in DEAR else test
        result = {f: by_group(rows, lambda r, f=f: r[kind][name][f]) for f in LOCAL}
        result["gain_above_random"] = by_group(dear, lambda r: r["gain"][name] - r["gain"]["chance"])
        return result | {"slices": len(rows)}

    def each(kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Figures two levels down."""
        return {
            k: {f: by_group(rows, lambda r, k=k, f=f: r[kind][k][f]) for f in figures}
            for k, figures in rows[0][kind].items()
        }

    right = [r for r in tune if r["right"]]
    return {
        "bundle": {
            "name": bundle.name,
            "version": bundle.version,
            "sha256": bundle.sha256,
            "weights_sha256": bundle.settings.weights_sha256,
        },
        "machine": machine(),
        "slices": len(test),
        "groups": len({r["group"] for r in test}),
        "slices_of_many_passes": len(dear),
        "groups_of_many_passes": len({r["group"] for r in dear}),
        "tune_slices": len(tune),
        "tune_groups": len({r["group"] for r in tune}),
        "right": by_group(test, lambda r: r["right"]),
        "outline_dice": by_group(test, lambda r: r["outline_dice"]),
        "ceiling": by_group(test, lambda r: r["ceiling"]),
        "methods": {m: local("methods", m) for m in first["methods"]},
        "controls": {m: local("controls", m) for m in first["controls"]},
        "reference_gain_above_random": by_group(dear, lambda r: r["gain"]["reference"] - r["gain"]["chance"]),
        "gain_by_baseline": {
            kind: by_group(dear, lambda r, k=kind: r["gain_by_baseline"][k]) for kind in first["gain_by_baseline"]
        },
        "fast_mode": {
            "ssim": by_group(dear, lambda r: r["fast_ssim"]),
            "gain_less_exact": by_group(dear, lambda r: r["gain"]["scorecam, fast"] - r["gain"]["scorecam"]),
        },
        "robustness": each("robustness", dear),
        "attention": {
            kind: {
                m: {f: by_group(test, lambda r, k=kind, m=m, f=f: r["attention"][k][m][f]) for f in LOCAL}
                for m in first["attention"][kind]
            }
            for kind in first["attention"]
        },
        "randomisation": each("randomisation", test)
        | {"drop": {k: by_group(test, lambda r, k=k: r["methods"]["gradcam++"]["dice"] - r["randomisation"][k]["dice"])
                    for k in first["randomisation"]}},
        "masks": best_rules(tune, test, by_group),
        "checks": {
            "percentiles_on_tune": {
                name: np.percentile([r["checks"][name] for r in right if name in r["checks"]], [5, 10, 50, 90, 95])
                .round(3)
                .tolist()
                for name in checks.LIMITS
                if any(name in r["checks"] for r in right)
            },
            **warning_figures(tune, test),
        },
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_tumor_mri")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--slices", type=int, default=300, help="of the test groups; default %(default)s")
    parser.add_argument("--whole", type=int, default=100, help="of these, by everything; default %(default)s")
    parser.add_argument("--tune-slices", type=int, default=150, help="default %(default)s")
    parser.add_argument("--threads", type=int, help="of torch")
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    bundle = load_bundle(options.bundle)
    measured = summary(measure_part("tune", options, bundle), measure_part("test", options, bundle), bundle)
    keep("saliency", measured)
    print("\n".join(section(measured)))
    return 0
