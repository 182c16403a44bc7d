"""Every saliency method on slices of unseen groups, beside its controls, with intervals by group.

    python scripts/evaluate.py saliency --slices 300

Two parts, each resumable (training/saliency-PART-*.jsonl keeps what is done): the tune groups, on which the limits of the checks
and the rule of the masks are chosen, and the test groups, which only report. The class explained is the one that the model gives
the highest score, as in the product. Keeps docs/measurements/saliency.json.
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
from scipy import ndimage
from sklearn.metrics import roc_auc_score
from torch import nn
from training.unseen import UnseenSlices, slices_of
from XAIReportLib.models.bundle import Bundle, load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.results import SALIENCY_METHODS, Heatmap, SaliencyMask
from XAIReportLib.saliency import adaptive_mask, checks, quality
from XAIReportLib.saliency.cam import METHODS as GRADIENT_METHODS
from XAIReportLib.saliency.cam import gradient_maps, record_layer
from XAIReportLib.saliency.input_methods import METHODS as INPUT_METHODS
from XAIReportLib.saliency.input_methods import input_maps
from XAIReportLib.saliency.layer import cell_grid
from XAIReportLib.saliency.score_cam import ScoreCam, weighted_maps

from evaluation import ROOT, keep, machine
from evaluation._mask_rules import RULE_METHODS, best_rules, dice_of_rules

WORK = ROOT / "training"
REPEATS = 2000
OUTLINE = 0.5
LOCAL = ("dice", "iou", "pointing", "mass", "rank", "auprc", "gain")


class Explainer:
    """Maps of one slice by every method, from one network."""

    def __init__(self, bundle: Bundle, model: ClassPath) -> None:
        self.model = model
        self.layer: nn.Module = getattr(model.network, bundle.settings.saliency_layer)
        self.grid = cell_grid(model, self.layer, 224)
        self.score_cam = ScoreCam(model, self.grid)

    def maps(self, image: np.ndarray, column: int, methods: tuple[str, ...]) -> dict[str, np.ndarray]:
        record = record_layer(self.model, self.layer, image[None], column)
        found = {}
        for method in methods:
            if method in INPUT_METHODS:
                found[method] = input_maps(method, self.model, image[None], column)[0]
                continue
            if method in GRADIENT_METHODS:
                cells = gradient_maps(method, self.model, self.layer, record)
            else:
                weights = self.score_cam.exact(image[None], record.activations[0]).weights(column)
                cells = weighted_maps(weights, record.activations)
            found[method] = np.maximum(self.grid.onto_input(cells, 224)[0], 0)
        return found

    def score(self, column: int) -> Callable[[np.ndarray], np.ndarray]:
        def of(images: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                batches = torch.from_numpy(images[:, None]).split(8)
                return torch.cat([self.model(b)[:, column] for b in batches]).float().numpy()

        return of


def mask_of(method: str, values: np.ndarray, head: np.ndarray) -> SaliencyMask:
    """The product's mask of one slice's map."""
    scaled = (values / max(float(values.max()), 1e-12)).astype(np.float32)
    return adaptive_mask(Heatmap(method, "", scaled[..., None], "", 0), head[..., None])


def figures_of(
    method: str, values: np.ndarray, slices: UnseenSlices, n: int, score: Callable[[np.ndarray], np.ndarray], gain: bool
) -> dict[str, float]:
    head, lesion = slices.heads[n], slices.lesions[n]
    cut = mask_of(method, values, head)
    mask = cut.values[..., 0] > 0
    row = {
        "dice": quality.dice(mask, lesion),
        "iou": quality.overlap(mask, lesion),
        "pointing": float(quality.pointing(values * head, lesion)),
        "mass": quality.relevance_mass(values, lesion),
        "rank": quality.relevance_rank(values * head, lesion),
        "auprc": quality.precision_recall_area(values, lesion, head),
        "percentile": cut.percentile,
    }
    if gain:
        row["gain"] = gain_of(values, slices, n, score)
    return row


def gain_of(values: np.ndarray, slices: UnseenSlices, n: int, score: Callable[[np.ndarray], np.ndarray]) -> float:
    """Insertion less deletion."""
    deletion, insertion = quality.deletion_insertion(score, slices.pixels[n], slices.heads[n], values)
    return quality.area(insertion) - quality.area(deletion)


def without_attention(model: ClassPath, kind: str) -> tuple[ClassPath, Callable[[], None]]:
    """The class path with its lesion attention the same everywhere ("ones") or put in a random order ("shuffled")."""

    def replaced(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        if kind == "ones":
            return torch.zeros_like(output)
        order = torch.randperm(output[0, 0].numel(), generator=torch.Generator().manual_seed(0))
        return output.flatten(2)[..., order].reshape(output.shape)

    return model, model.network.attend.register_forward_hook(replaced).remove


def evaluate_slice(bundle: Bundle, explainer: Explainer, slices: UnseenSlices, n: int, part: str) -> dict[str, Any]:
    image, head, lesion = slices.pixels[n], slices.heads[n], slices.lesions[n]
    with torch.inference_mode():
        output = explainer.model.network(torch.from_numpy(image[None, None]))
    scores = output.scores[0].float().numpy()
    outline = torch.sigmoid(output.outline[0, 0].float()).numpy() >= bundle.settings.thresholds.lesion_probability
    column = 1 + int(scores[1:].argmax())
    logits = scores[1:] / bundle.settings.calibration.temperature
    confidence = float((np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()).max())
    methods = SALIENCY_METHODS if part == "test" else RULE_METHODS
    maps = explainer.maps(image, column, methods)
    score = explainer.score(column)
    row: dict[str, Any] = {
        "row": int(slices.rows[n]),
        "group": str(slices.groups[n]),
        "right": bool(column == slices.targets[n]),
        "found": bool(scores[1:].max() > 0),
        "confidence": confidence,
        "outline_dice": quality.dice(outline & head, lesion),
        "rules": {m: dice_of_rules(maps[m], head, lesion) for m in RULE_METHODS},
    }
    shown = {m: maps[m] for m in RULE_METHODS}
    first, values = next(iter(shown.items()))
    mask = mask_of(first, values, head)
    highest = values >= mask.parameters.get("cut", np.inf) * values.max()
    row["checks"] = checks.check(
        explainer.model, explainer.layer, explainer.grid, column, image[None], head[None], (outline & head)[None],
        mask.values[None, ..., 0] > 0, [m[None] for m in shown.values()],
        float((highest & ~head).sum() / max(int(highest.sum()), 1)),
    ).figures  # fmt: skip
    if part == "tune":
        return row
    row["methods"] = {m: figures_of(m, v, slices, n, score, gain=True) for m, v in maps.items()}
    row["controls"] = {
        m: figures_of(m, v, slices, n, score, gain=True) for m, v in quality.control_maps(image, head).items()
    }
    row["reference_gain"] = gain_of(ndimage.gaussian_filter(lesion.astype(float), 2.0), slices, n, score)
    row["random_gain"] = gain_of(np.random.default_rng(n).random(image.shape), slices, n, score)
    row["robustness"] = robustness(explainer, image, head, column, maps)
    row["attention"] = {}
    for kind in ("ones", "shuffled"):
        model, restore = without_attention(explainer.model, kind)
        try:
            changed = Explainer(bundle, model).maps(image, column, ("gradcam++", "gradcam"))
        finally:
            restore()
        row["attention"][kind] = {m: figures_of(m, v, slices, n, score, gain=False)["dice"] for m, v in changed.items()}
    row["randomisation"] = randomisation(bundle, explainer, slices, n, column, maps["gradcam++"])
    return row


def robustness(
    explainer: Explainer, image: np.ndarray, head: np.ndarray, column: int, maps: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """SSIM of the map with those of noisy and of shifted copies (brought back), and max-sensitivity, of the fast methods."""
    shifts = [(0, 4), (4, 0)]
    copies = [*quality.noisy(image, head, count=2), *(np.roll(image, s, (0, 1)) for s in shifts)]
    result = {}
    methods = tuple(GRADIENT_METHODS)
    changed = [explainer.maps(copy, column, methods) for copy in copies]
    for method in methods:
        noise = [c[method] for c in changed[:2]]
        back = [np.roll(c[method], (-s[0], -s[1]), (0, 1)) for c, s in zip(changed[2:], shifts, strict=True)]
        result[method] = {
            "ssim_noise": float(np.mean([quality.similarity(maps[method], m) for m in noise])),
            "ssim_shift": float(np.mean([quality.similarity(maps[method], m) for m in back])),
            "max_sensitivity": quality.max_sensitivity(maps[method], noise),
        }
    return result


def randomisation(
    bundle: Bundle, explainer: Explainer, slices: UnseenSlices, n: int, column: int, values: np.ndarray
) -> dict[str, dict[str, float]]:
    """Grad-CAM++ after the heads, then also the neck, then also the encoder were drawn anew: Dice, and SSIM with the true map."""
    network = explainer.model.network
    heads = [network.attend, network.classify, network.presence]
    stages = {"heads": heads, "and neck": [*heads, network.neck, network.lateral], "and encoder": [network]}
    result = {}
    for name, parts in stages.items():
        twin = quality.randomised(explainer.model, parts, seed=n % 5).eval()
        changed = Explainer(bundle, twin).maps(slices.pixels[n], column, ("gradcam++",))["gradcam++"]
        dice = figures_of("gradcam++", changed, slices, n, explainer.score(column), gain=False)["dice"]
        result[name] = {"dice": dice, "ssim": quality.similarity(values, changed)}
    return result


def measure_part(part: str, options: argparse.Namespace, bundle: Bundle) -> list[dict[str, Any]]:
    slices = slices_of(part, options.data, options.slices if part == "test" else options.tune_slices)
    code = hashlib.sha256(bundle.sha256.encode()).hexdigest()[:8]
    store = WORK / f"saliency-{part}-{code}.jsonl"
    rows = {}
    if store.exists():
        for line in store.read_text().splitlines():
            row = json.loads(line)
            rows[row["row"]] = row
    explainer = Explainer(bundle, ClassPath(load_network(bundle, "cpu")))
    with store.open("a") as file:
        for n, number in enumerate(slices.rows):
            if int(number) in rows:
                continue
            row = evaluate_slice(bundle, explainer, slices, n, part)
            rows[row["row"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            if n % 10 == 0:
                print(f"{part}: {n + 1} of {len(slices.rows)}", flush=True)
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


def warning_figures(tune: list[dict[str, Any]], test: list[dict[str, Any]]) -> dict[str, Any]:
    """Does the verdict warn of wrong classes? Each check is ranked among the tune slices; the worst rank is the warning."""

    def badness(row: dict[str, Any]) -> float:
        ranks = []
        for name in checks.LIMITS:
            sign = 1 if name.startswith("outside") else -1
            reference = sign * np.array([r["checks"][name] for r in tune])
            ranks.append(float((reference < sign * row["checks"][name]).mean()))
        return float(np.mean(ranks))

    wrong = np.array([not r["right"] for r in test])
    if wrong.all() or not wrong.any():
        return {}
    doubt = np.array([1 - r["confidence"] for r in test])
    bad = np.array([badness(r) for r in test])
    doubt_rank = np.array([np.mean([1 - t["confidence"] < d for t in tune]) for d in doubt])
    refused = np.array([
        any(not low <= r["checks"][name] <= high for name, (low, high) in checks.LIMITS.items()) for r in test
    ])  # fmt: skip
    groups = np.array([r["group"] for r in test])
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    draws = np.random.default_rng(0)

    def auroc(values: np.ndarray) -> dict[str, float]:
        several = []
        while len(several) < 500:
            rows = np.concatenate([members[i] for i in draws.integers(0, len(members), len(members))])
            if 0 < wrong[rows].sum() < len(rows):
                several.append(roc_auc_score(wrong[rows], values[rows]))
        low, high = np.percentile(several, [2.5, 97.5])
        return {"value": round(float(roc_auc_score(wrong, values)), 3), "low": round(low, 3), "high": round(high, 3)}

    return {
        "wrong": int(wrong.sum()),
        "auroc_checks": auroc(bad),
        "auroc_confidence": auroc(doubt),
        "auroc_both": auroc(bad + doubt_rank),
        "refused_of_wrong": round(float(refused[wrong].mean()), 3),
        "refused_of_right": round(float(refused[~wrong].mean()), 3),
    }


def summary(tune: list[dict[str, Any]], test: list[dict[str, Any]], bundle: Bundle) -> dict[str, Any]:
    def local(kind: str, name: str) -> dict[str, Any]:
        result = {f: by_group(test, lambda r, f=f: r[kind][name][f]) for f in LOCAL}
        result["gain_above_random"] = by_group(test, lambda r: r[kind][name]["gain"] - r["random_gain"])
        return result

    first = test[0]
    return {
        "bundle": bundle.sha256,
        "machine": machine(),
        "slices": len(test),
        "groups": len({r["group"] for r in test}),
        "tune_slices": len(tune),
        "right": by_group(test, lambda r: r["right"]),
        "outline_dice": by_group(test, lambda r: r["outline_dice"]),
        "methods": {m: local("methods", m) for m in first["methods"]},
        "controls": {m: local("controls", m) for m in first["controls"]},
        "reference_gain_above_random": by_group(test, lambda r: r["reference_gain"] - r["random_gain"]),
        "robustness": {
            m: {f: by_group(test, lambda r, m=m, f=f: r["robustness"][m][f]) for f in figures}
            for m, figures in first["robustness"].items()
        },
        "attention": {
            k: {m: by_group(test, lambda r, k=k, m=m: r["attention"][k][m]) for m in figures}
            for k, figures in first["attention"].items()
        },
        "randomisation": {
            k: {f: by_group(test, lambda r, k=k, f=f: r["randomisation"][k][f]) for f in figures}
            for k, figures in first["randomisation"].items()
        },
        "masks": best_rules(tune, test, by_group),
        "checks": {
            "percentiles_on_tune": {
                name: np.percentile([r["checks"][name] for r in tune if r["right"]], [5, 10, 50, 90, 95]).round(3).tolist()
                for name in checks.LIMITS
            },
            **warning_figures(tune, test),
        },
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_tumor_mri")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    parser.add_argument("--slices", type=int, default=300, help="of the test groups; default %(default)s")
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


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        f"## Saliency: {measured['slices']} slices of {measured['groups']} unseen groups ({measured['machine']})",
        "",
        "The class with the highest score is explained, right or wrong. Intervals: 95 %, bootstrap over groups. The class path",
        "reads features under the lesion attention, so that overlap with the lesion is not evidence of its own; the last rows",
        "show the same maps with the attention made uniform or put in random order. Gain: insertion less deletion, above a",
        "random ranking of the same slice; "
        f"ranking by the reference outline reaches {_cell(measured['reference_gain_above_random'])}.",
        "",
        "| map | Dice of its mask | pointing game | relevance mass | relevance rank | AUPRC | gain |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, note in (("methods", ""), ("controls", "control: ")):
        for name, figures in measured[kind].items():
            cells = [figures[f] for f in ("dice", "pointing", "mass", "rank", "auprc", "gain_above_random")]
            lines.append(f"| {note}{name} | " + " | ".join(_cell(c) for c in cells) + " |")
    for kind, methods in measured["attention"].items():
        for method, figure in methods.items():
            lines.append(f"| {method}, attention {kind} | {_cell(figure)} | | | | | |")
    lines += [
        "",
        "| method | SSIM under noise | SSIM under shifts of 4 pixels | max-sensitivity |",
        "| --- | --- | --- | --- |",
    ]
    for name, f in measured["robustness"].items():
        lines.append(
            f"| {name} | " + " | ".join(_cell(f[k]) for k in ("ssim_noise", "ssim_shift", "max_sensitivity")) + " |"
        )
    lines += ["", "| parameters drawn anew (Grad-CAM++) | Dice | SSIM with the true map |", "| --- | --- | --- |"]
    lines += [f"| {name} | {_cell(f['dice'])} | {_cell(f['ssim'])} |" for name, f in measured["randomisation"].items()]
    lines += [
        "",
        f"Mask rules, chosen on {measured['tune_slices']} tune slices (mask before clean-up):",
        "",
        "| map | rule | Dice, tune | Dice, test | above the best fixed percentile, test |",
        "| --- | --- | --- | --- | --- |",
    ]
    for method, rows in measured["masks"].items():
        for row in rows.values():
            above = _cell(row["above_best_percentile"]) if "above_best_percentile" in row else ""
            lines.append(f"| {method} | {row['rule']} | {row['tune']:.2f} | {_cell(row['test'])} | {above} |")
    found = measured["checks"]
    if "wrong" in found:
        lines += [
            "",
            f"Do the checks of a case warn of a wrong class ({found['wrong']} of {measured['slices']} slices)? AUROC of the checks "
            f"{_cell(found['auroc_checks'])}, of the model's own confidence {_cell(found['auroc_confidence'])}, of both "
            f'{_cell(found["auroc_both"])}. "Should not be relied on" is said of {100 * found["refused_of_wrong"]:.0f} % of the '
            f"wrong and {100 * found['refused_of_right']:.0f} % of the right ones.",
        ]
    return lines
