"""Trained networks side by side on the groups that none of them saw: architectures, one head against two, patients apart or not.

    python scripts/train.py --run NAME ... && python scripts/evaluate.py networks --run NAME

Each run of train.py is calibrated on its tune groups and answers for the test groups of its fold by the road of the product.
Its figures are kept in docs/measurements/networks.json, its answers in docs/measurements/networks/NAME.csv. A run with
``--split record`` has slices of its test patients among those it was trained on; it is here to show what that would claim.
Three class activation maps of every other run are held against the reference outlines. Runs of the same training on several
folds answer together, each patient by the network that never saw him; without --run only that is computed anew. Two runs are
compared by

    python scripts/compare_bundles.py docs/measurements/networks/short-single.csv docs/measurements/networks/short-dual.csv \
        --output docs/measurements/networks/comparison.json
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compare_bundles import read_answers
from training.unseen import slices_of
from XAIReportLib.evaluate import answer, read_index
from XAIReportLib.models.bundle import Bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.models.metrics import Answered, in_words, summary

from evaluation import MEASUREMENTS, ROOT, _out_of_fold, keep, machine
from evaluation._forest import forest_line
from evaluation._out_of_fold import temperatures
from evaluation._runs import calibrated_run
from evaluation._saliency_slices import Explainer, place_of
from evaluation.saliency import by_group
from evaluation.slices import DATA

NAMES = {
    "efficientnet_lite0": "EfficientNet-Lite0",
    "inceptionresnetv2": "InceptionResNetV2",
    "xception": "Xception",
    "inceptionv3": "InceptionV3",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50": "ResNet50",
    "densenet121": "DenseNet121",
    "efficientnet_b0": "EfficientNet-B0",
    "mobilenet_v2": "MobileNetV2",
}
SPLIT_WORDS = {"patient": "patients apart", "record": "slices dealt out"}
FIGURES = {
    "accuracy": "accuracy",
    "patient_macro_accuracy": "patient-macro accuracy",
    "macro_auroc": "macro AUROC",
    "ece": "ECE",
    "lesion_dice": "lesion Dice",
}
CAMS = {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++", "scorecam": "ScoreCAM"}
CAM_SLICES = 120
PLACES = ("dice", "pointing")


def measure(run: Path, data: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures and answers of one run on the test slices of its split."""
    with calibrated_run(run, data) as found_run:
        curve, split, bundle, network = found_run.curve, found_run.split, found_run.bundle, found_run.network
        asked = curve["options"]
        test = set(found_run.slices.table.iloc[split.test]["idx"].astype(str))
        answered, records = answer([row for row in read_index(data, bundle.classes) if row.name in test], bundle, "cpu")
        maps = cams(bundle, data, found_run.fold) if asked["split"] == "patient" else None
    told = {k: asked[k] for k in ("architecture", "heads", "split", "fold", "samples", "rate", "seed")}
    told |= {"epochs": curve["epoch"], "best_epoch": curve["best_epoch"], "start": curve["start"]}
    told |= {
        "parameters": sum(p.numel() for p in network.parameters()),
        "torch": torch.__version__,
        "machine": machine(),
    }
    found = summary(answered)
    kept = {name: found[name] for name in (*FIGURES, "confusion_matrix", "n_images", "n_groups")}
    # Outcomes are those of a bundle: they also ask for the kind of series, which is fitted for what ships only.
    answers = [{k: v for k, v in record.items() if k != "outcome"} for record in records]
    return {**told, "groups_sha256": split.groups_sha256, "cams": maps, **kept}, answers


# What must be the same for runs to be one training on several folds.
RECIPE = ("architecture", "heads", "split", "start", "epochs", "samples", "rate", "seed")


def together(runs: dict[str, Any]) -> dict[str, Any]:
    """Of each training with patients apart on several folds: the names of its runs, and figures of all their answers."""
    trainings: dict[tuple, list[str]] = {}
    for name, run in runs.items():
        if run["split"] == "patient":
            trainings.setdefault(tuple(str(run[part]) for part in RECIPE), []).append(name)
    result = {}
    for names in trainings.values():
        names.sort(key=lambda name: runs[name]["fold"])
        if len({runs[name]["fold"] for name in names}) < 2:
            continue
        answers = [read_answers(MEASUREMENTS / "networks" / f"{name}.csv").answered for name in names]
        whole = Answered(
            answers[0].classes,
            *(
                np.concatenate([getattr(a, p) for a in answers])
                for p in ("groups", "labels", "scores", "dice", "outcomes")
            ),
        )
        found = summary(whole)
        kept = {name: found[name] for name in (*FIGURES, "confusion_matrix", "n_images", "n_groups")}
        result[names[0]] = {"runs": names, **kept, "out_of_fold": temperatures(answers)}
    return result


def cams(bundle: Bundle, data: Path, fold: int) -> dict[str, Any]:
    """Where the maps of the class with the highest score lie, on slices of all test groups."""
    slices = slices_of("test", data, CAM_SLICES, fold)
    path = ClassPath(load_network(bundle, "cpu"))
    explainer = Explainer(path, bundle.settings.saliency_layer)
    rows = []
    for n, image in enumerate(slices.pixels):
        with torch.inference_mode():
            column = 1 + int(path(torch.from_numpy(image[None, None]))[0, 1:].argmax())
        maps = explainer.maps(image, column, tuple(CAMS))
        places = {m: place_of(m, values, slices.heads[n], slices.lesions[n]) for m, values in maps.items()}
        rows.append({"group": str(slices.groups[n]), **places})
    return {
        "slices": len(rows),
        "groups": len(set(slices.groups)),
        **{m: {f: by_group(rows, lambda row, m=m, f=f: row[m][f]) for f in PLACES} for m in CAMS},
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--run", action="append", default=[], help="name of a folder in training/; may be given again")
    options = parser.parse_args(argv)
    stored = MEASUREMENTS / "networks.json"
    runs = json.loads(stored.read_text(encoding="utf-8"))["runs"] if stored.exists() else {}
    for name in options.run:
        runs[name], records = measure(ROOT / "training" / name, options.data)
        print(name, {k: runs[name][k]["value"] for k in FIGURES}, flush=True)
        table = MEASUREMENTS / "networks" / f"{name}.csv"
        table.parent.mkdir(exist_ok=True)
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows({k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in records)
        keep("networks", {"runs": runs})
    keep("networks", {"runs": runs, "together": together(runs)})
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    runs = measured["runs"]
    lines = [
        "## Networks side by side",
        "",
        "Each on the test slices of its fold, class forced; 95 % intervals by bootstrap over patients. Start: of the encoder's or",
        "the whole network's weights. Slices dealt out: slices of one patient are on both sides, to show what that would claim.",
        "Runs of few epochs compare with each other, not with the shipped network. What was not trained says so.",
        *forest_line(),
        "",
        "| architecture | heads | split | fold | start | epochs x samples | " + " | ".join(FIGURES.values()) + " |",
        "| --- " * (6 + len(FIGURES)) + "|",
    ]
    for run in _rows(runs, measured.get("together", {})):
        cells = [
            NAMES[run["architecture"]],
            run["heads"],
            SPLIT_WORDS[run["split"]],
            str(run["fold"]),
        ]
        cells += [run["start"].split(" (")[0], f"{run['epochs']} x {run['samples']}"]
        for figure in FIGURES:
            f = run[figure]
            nothing = figure == "lesion_dice" and run["heads"] == "single"
            cells.append("no outline" if nothing else in_words(f))
        lines.append("| " + " | ".join(cells) + " |")
    if not any(run["split"] == "record" for run in runs.values()):
        lines.append(f"| any | | {SPLIT_WORDS['record']} | | not trained |" + " |" * (1 + len(FIGURES)))
    lines += [f"| {words} | not trained |" + " |" * (4 + len(FIGURES)) for words in untrained(runs)]
    for found in measured.get("together", {}).values():
        lines += _out_of_fold.section(found["out_of_fold"]) if "out_of_fold" in found else []
    compared = MEASUREMENTS / "networks" / "comparison.json"
    lines += _compared(json.loads(compared.read_text(encoding="utf-8")), runs) if compared.exists() else []
    with_maps = {name: run for name, run in runs.items() if run.get("cams")}
    if not with_maps:
        return lines
    some = next(iter(with_maps.values()))["cams"]
    lines += [
        "",
        f"Maps of the class with the highest score on {some['slices']} slices of a fold's test groups,",
        "cut as in the product: Dice with the reference outline, and how often the hottest pixel lies inside it.",
        "A dual network reads the class under an attention to the outline that it learns, so that its maps lie over",
        "lesions because they were taught to.",
        "",
        "| architecture | heads | fold | " + " | ".join(f"{words} Dice | pointing" for words in CAMS.values()) + " |",
        "| --- " * (3 + 2 * len(CAMS)) + "|",
    ]
    for run in with_maps.values():
        cells = [in_words(run["cams"][m][f]) for m in CAMS for f in PLACES]
        lines.append("| " + " | ".join([NAMES[run["architecture"]], run["heads"], str(run["fold"]), *cells]) + " |")
    return lines


def _rows(runs: dict[str, Any], pooled: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each run, and behind the last of a training's folds all of them together."""
    last = {found["runs"][-1]: found for found in pooled.values()}
    for name, run in runs.items():
        yield run
        if found := last.get(name):
            *before, last_fold = (str(runs[n]["fold"]) for n in found["runs"])
            folds = f"{', '.join(before)} and {last_fold}"
            yield (
                run
                | {figure: found[figure] for figure in FIGURES}
                | {"fold": f"{folds} together, {found['n_groups']} patients"}
            )


def _compared(comparison: dict[str, Any], runs: dict[str, Any]) -> list[str]:
    """Pairs of runs on the same slices (scripts/compare_bundles.py)."""
    lines = []
    for pair in (p for p in comparison["pairs"] if {p["first"], p["second"]} <= set(runs)):
        first, second = (_named(runs[name]) for name in (pair["first"], pair["second"]))
        lines += [
            "",
            f"{second} less {first}, on the same {comparison['slices']} slices of {comparison['patients']} patients",
            f"(all p-values corrected together; intervals by {comparison['draws']} draws of patients):",
            "",
            "| compared | difference | 95 % interval | p | p, Holm |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, test in pair["tests"].items():
            words = name.replace("_", " ")
            if test is None:
                lines.append(f"| {words} | not computed | | | |")
                continue
            interval = f"{test['low']:+.3f} to {test['high']:+.3f}" if "low" in test else ""
            lines.append(
                f"| {words} | {test['difference']:+.3f} | {interval} | {test['p']:.3f} | {test['p_holm']:.3f} |"
            )
    return lines


def _named(run: dict[str, Any]) -> str:
    return f"{NAMES[run['architecture']]} with {run['heads']} head{'s' * (run['heads'] == 'dual')}"


def untrained(runs: dict[str, Any]) -> list[str]:
    trained_ones = {run["architecture"] for run in runs.values()}
    return [words for name, words in NAMES.items() if name not in trained_ones]
