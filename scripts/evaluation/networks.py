"""Trained networks side by side on the groups that none of them saw: architectures, one head against two, patients apart or not.

    python scripts/train.py --run NAME ... && python scripts/evaluate.py networks --run NAME

Each run of train.py is calibrated on its tune groups and answers for the test groups of its fold by the road of the product.
Its figures are kept in docs/measurements/networks.json, its answers in docs/measurements/networks/NAME.csv. A run with
``--split record`` has slices of its test patients among those it was trained on; it is here to show what that would claim.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from training.bundling import described, trained
from training.slices import SPLITS, load_slices
from XAIReportLib.evaluate import answer, read_index
from XAIReportLib.models.bundle import load_bundle, save_bundle
from XAIReportLib.models.metrics import summary

from evaluation import MEASUREMENTS, ROOT, keep, machine
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


def measure(run: Path, data: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures and answers of one run on the test slices of its split."""
    curve = json.loads((run / "curve.json").read_text(encoding="utf-8"))
    asked = curve["options"]
    slices = load_slices(data, ROOT / "training" / "slices.npz")
    split = SPLITS[asked["split"]](slices.table, int(asked["fold"]))
    network = trained(run, asked["architecture"])
    metadata = described(
        network, curve["start"], slices, split, asked["architecture"], int(asked["fold"]), run.name, "0", {}
    )
    with tempfile.TemporaryDirectory() as scratch:
        save_bundle(Path(scratch) / run.name, network, metadata, "")
        bundle = load_bundle(Path(scratch) / run.name)
        test = set(slices.table.iloc[split.test]["idx"].astype(str))
        answered, records = answer([row for row in read_index(data, bundle.classes) if row.name in test], bundle, "cpu")
    told = {k: asked[k] for k in ("architecture", "heads", "split", "fold", "samples", "rate", "seed")}
    told |= {"epochs": curve["epoch"], "best_epoch": curve["best_epoch"], "start": curve["start"]}
    told |= {
        "parameters": sum(p.numel() for p in network.parameters()),
        "torch": torch.__version__,
        "machine": machine(),
    }
    return {**told, "groups_sha256": split.groups_sha256, **summary(answered)}, records


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--run", action="append", required=True, help="name of a folder in training/; may be given again"
    )
    options = parser.parse_args(argv)
    stored = MEASUREMENTS / "networks.json"
    runs = json.loads(stored.read_text(encoding="utf-8"))["runs"] if stored.exists() else {}
    for name in options.run:
        runs[name], records = measure(ROOT / "training" / name, options.data)
        print(name, {k: runs[name][k]["value"] for k in FIGURES}, flush=True)
        keep("networks", {"runs": runs})
        table = MEASUREMENTS / "networks" / f"{name}.csv"
        table.parent.mkdir(exist_ok=True)
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows({k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in records)
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    runs = measured["runs"]
    lines = [
        "## Networks side by side",
        "",
        "Each on the test slices of its fold, class forced; 95 % intervals by bootstrap over patients. Start: of the encoder's or",
        "the whole network's weights. Slices dealt out: slices of one patient are on both sides, to show what that would claim.",
        "Runs of few epochs compare with each other, not with the shipped network. An architecture that was not trained says so.",
        "",
        "| architecture | heads | split | start | epochs x samples | " + " | ".join(FIGURES.values()) + " |",
        "| --- " * (5 + len(FIGURES)) + "|",
    ]
    for run in runs.values():
        cells = [
            NAMES[run["architecture"]],
            run["heads"],
            {"patient": "patients apart", "record": "slices dealt out"}[run["split"]],
        ]
        cells += [run["start"].split(" (")[0], f"{run['epochs']} x {run['samples']}"]
        for figure in FIGURES:
            f = run[figure]
            nothing = figure == "lesion_dice" and run["heads"] == "single"
            cells.append("no outline" if nothing else f"{f['value']:.3f} ({f['low']:.3f} to {f['high']:.3f})")
        lines.append("| " + " | ".join(cells) + " |")
    trained_ones = {run["architecture"] for run in runs.values()}
    missing = [words for name, words in NAMES.items() if name not in trained_ones]
    return [*lines, *(f"| {words} | not trained |" + " |" * (3 + len(FIGURES)) for words in missing)]
