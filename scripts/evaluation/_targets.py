"""What was aimed at with the classifier beside what was measured, for docs/results.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from XAIReportLib.models.metrics import in_words

Measured = dict[str, dict[str, Any]]
Row = tuple[str, str, str, bool | None]  # what, aim, value in words, met (None: not measured)
NOT_MEASURED = "not measured"
PREDICTION = ("slices made", "every slice looked at", "planes fused")  # stages of benchmarks/explain.py
FOREIGN = {"chest CT": 0.05, "histology (H&E)": 0.05, "FLAIR": 0.20, "T1 before contrast agent": 0.20}
OWN = "T1 after contrast agent, test patients"


def section(measured: Measured) -> list[str]:
    """Markdown lines. ``measured``: what docs/measurements/NAME.json hold, by NAME; what is absent is said not to be measured."""
    rows = [*_slices(measured), *_audit(measured), *_volumes(measured), *_foreign(measured), *_cost(measured)]
    rows += _networks(measured)
    return [
        "## Targets of the classifier",
        "",
        "Each on groups that were never used for training or tuning; where the way of measuring was chosen with the cases in view,",
        "its own section says so. What was tried to reach those that are missed, and what each try gave:",
        '[docs/models.md](models.md#what-was-tried), "What was tried".',
        "",
        *table(rows),
    ]


def table(rows: list[Row]) -> list[str]:
    verdicts = {True: "met", False: "missed", None: NOT_MEASURED}
    return [
        "| what | aim | measured | |",
        "| --- | --- | --- | --- |",
        *(f"| {what} | {aim} | {value} | {verdicts[met]} |" for what, aim, value, met in rows),
    ]


def _slices(measured: Measured) -> Iterator[Row]:
    found = measured.get("slices", {})
    aims = (
        ("patient-macro accuracy", "patient_macro_accuracy", 0.95, 0.92),
        ("macro AUROC", "macro_auroc", 0.99, None),
        ("lesion Dice at the fixed threshold", "lesion_dice", 0.82, None),
        ("of gliomas", "lesion_dice_glioma", 0.75, None),
    )
    for what, name, value, low in aims:
        aim = f"at least {value:.2f}" + (f", lower bound {low:.2f}" if low else "")
        f = found.get(name)
        yield what, aim, _shown(f), f and f["value"] >= value and (low is None or (f["low"] or 0) >= low)
    f = found.get("ece")
    met = f and f["value"] <= 0.03 and f["high"] is not None and f["high"] <= 0.06
    yield "calibration error (ECE)", "at most 0.03, upper bound 0.06", _shown(f), met


def _audit(measured: Measured) -> Iterator[Row]:
    changes = measured.get("audit", {}).get("changes", {})
    painted = changes.get("painted_out", {})
    f = painted.get("balanced_accuracy")
    yield "lesion painted out: forced balanced accuracy", "at most 0.60", _shown(f), f and f["value"] <= 0.60
    f = painted.get("no_lesion_found_rate")
    yield "lesion painted out: no lesion found", "at least 0.90", _shown(f), f and f["value"] >= 0.90
    for name, what in (("air_zeroed", "air zeroed"), ("recropped", "other field of view")):
        if name in changes:
            lost = changes[name]["accuracy"]["value"] - changes["as_acquired"]["accuracy"]["value"]
            yield f"{what}: change of accuracy", "at most 1 point", f"{100 * lost:+.1f} points", abs(lost) <= 0.01
        else:
            yield f"{what}: change of accuracy", "at most 1 point", NOT_MEASURED, None


def _volumes(measured: Measured) -> Iterator[Row]:
    rows = [v for v in measured.get("volumes", {}).get("volumes", []) if "dice" in v]

    def of(values: list[float], worst: float, met: bool) -> tuple[str, bool | None]:
        return (f"{', '.join(f'{v:.2f}' for v in values)} (worst {worst:.2f})", met) if rows else (NOT_MEASURED, None)

    recall, outside = ([v[name] for v in rows] for name in ("recall_of_enhancing", "outside_all_labels"))
    best = [max(v["dice"].values()) for v in rows]
    worst = min(recall, default=0)
    yield "volumes: recall of enhancing tumour", "at least 0.85 in each", *of(recall, worst, worst >= 0.85)
    worst = max(outside, default=0)
    yield "volumes: share outside all labels", "at most 0.15 in each", *of(outside, worst, worst <= 0.15)
    worst = min(best, default=0)
    yield "volumes: Dice with the best-matching labels", "at least 0.70 in each", *of(best, worst, worst >= 0.70)
    healthy = measured.get("healthy")
    value = f"{healthy['clean']} of {healthy['of']}" if healthy else NOT_MEASURED
    clean = healthy and healthy["clean"] / healthy["of"] >= 0.95
    yield "healthy head, acquisitions without a lesion of 0.5 ml", "at least 95 % of 20", value, clean
    free = measured.get("tumour_free")
    value = f"{_percent(free['share'])} ({_percent(free['low'])} to {_percent(free['high'])})" if free else NOT_MEASURED
    yield "false positives on level-matched tumour-free slices", "at most 5 %", value, free and free["share"] <= 0.05
    yield from _noise_around(measured)


def _noise_around(measured: Measured) -> Iterator[Row]:
    what, aim = "the same answer for a volume with noise as background", "the same"
    rows = [v for v in measured.get("volumes", {}).get("volumes", []) if "noise_around" in v]
    if not rows:
        yield what, aim, NOT_MEASURED, None
        return
    same = [all(v["noise_around"][name] == v[name] for name in ("outcome", "label")) for v in rows]
    dice = min(v["noise_around"]["dice"] for v in rows)
    change = max(v["noise_around"]["score_change"] for v in rows)
    value = f"{sum(same)} of {len(rows)} (outlines at Dice {dice:.3f} and more, scores {change:.3f} apart at most)"
    yield what, aim, value, all(same)


def _foreign(measured: Measured) -> Iterator[Row]:
    foreign = measured.get("foreign", {})
    kinds, volumes = foreign.get("kinds", {}), (foreign.get("volumes") or {}).get("kinds", {})
    accepted = f"{_percent(kinds[OWN]['enhanced'])}" if OWN in kinds else NOT_MEASURED
    for kind, most in FOREIGN.items():
        row = kinds.get(kind)
        value = f"{_percent(row['enhanced'])} (of the test patients' own slices {accepted})" if row else NOT_MEASURED
        aim = f"at most {100 * most:.0f} % at 95 % of its own"
        yield f"taken for a T1 after contrast agent: {kind}", aim, value, row and row["enhanced"] <= most
        if row := volumes.get(kind):
            value = f"{_percent(row['enhanced'])} of {row['n']}"
            yield f"the same as volumes: {kind}", f"at most {100 * most:.0f} %", value, row["enhanced"] <= most


def _cost(measured: Measured) -> Iterator[Row]:
    explain = measured.get("benchmark-explain")
    seconds = sum(explain["seconds"][stage]["median"] for stage in PREDICTION) if explain else 0
    value = f"{seconds:.1f} s of one thread" if explain else NOT_MEASURED
    slowest = max((v["seconds"] for v in measured.get("volumes", {}).get("volumes", []) if "dice" in v), default=0)
    if slowest:
        value += f"; slowest of the volumes below {slowest:.1f} s"
    met = max(seconds, slowest) <= 20 if explain or slowest else None
    yield "240 x 240 x 155 in three planes on 2 CPU cores", "at most 20 s", value, met
    yield "the same on a data-centre GPU", "at most 1.5 s", NOT_MEASURED, None
    peaks = [v["peak_gb"] for v in measured.get("volumes", {}).get("volumes", []) if "peak_gb" in v]
    value = f"{max(peaks):.1f} GB at most, libraries included" if peaks else NOT_MEASURED
    yield "the same, memory", "under 3 GB", value, max(peaks) < 3 if peaks else None


def _networks(measured: Measured) -> Iterator[Row]:
    from evaluation.networks import NAMES, untrained

    runs = measured.get("networks", {}).get("runs", {})
    folds = sorted({int(run["fold"]) for run in runs.values()})
    lacking = untrained(runs)
    asked = [name for name in NAMES.values() if name != NAMES["efficientnet_lite0"]]
    done = [name for name in asked if name not in lacking]
    value = f"{len(done)} of {len(asked)}" + (f" ({', '.join(done)})" if done else "")
    yield "architectures trained", "all nine", value, len(done) == len(asked)
    rest = "" if len(folds) == 5 else f"; the others {NOT_MEASURED}"
    yield "folds trained", "all five", f"{len(folds)} of 5{rest}", len(folds) == 5
    heads = {run["heads"] for run in runs.values()}
    yield "single-head ablation", "one at least", "yes" if "single" in heads else "not trained", "single" in heads
    dealt = any(run["split"] == "record" for run in runs.values())
    yield "slices dealt out, beside patients apart", "one at least", "yes" if dealt else "not trained", dealt or None


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shown(figure: dict[str, float] | None) -> str:
    return in_words(figure) if figure else NOT_MEASURED
