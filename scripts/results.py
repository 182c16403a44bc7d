"""Writes docs/results.md from the saved metrics of the shipped bundle and from docs/measurements."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "XAIReport")]

from evaluate import parts  # noqa: E402
from evaluation import MEASUREMENTS  # noqa: E402
from training.card import ROWS  # noqa: E402

ARCHITECTURES = (
    "InceptionResNetV2", "Xception", "InceptionV3", "VGG16", "VGG19", "ResNet50", "DenseNet121", "EfficientNet-B0", "MobileNetV2",
)  # fmt: skip


def main() -> int:
    metadata = json.loads((ROOT / "Resources/Models/brain_tumor_mri/configs/metadata.json").read_text())
    metrics = metadata["xaireport"]["metrics"]
    lines = [
        "# Results",
        "",
        "Written by `python scripts/results.py` from the bundle's metadata (`scripts/make_bundle.py`) and from docs/measurements",
        "(`python scripts/evaluate.py PART`). Nothing here was tuned on test patients or on the volumes, except where it is said.",
        "",
        f"## Single slices: {metrics['n_images']} slices of {metrics['n_groups']} test patients of one nested split",
        "",
        "| figure | value | 95 % interval (bootstrap over patients) |",
        "| --- | --- | --- |",
        *(
            f"| {text} | {metrics[name]['value']:.3f} | {metrics[name]['low']:.3f} to {metrics[name]['high']:.3f} |"
            for name, text in ROWS.items()
        ),
        *(
            f"| lesion Dice, {c} | {metrics[f'lesion_dice_{c}']['value']:.3f} | |"
            for c in metadata["xaireport"]["classes"]
        ),
        "",
        "## Architectures",
        "",
        "| architecture | state |",
        "| --- | --- |",
        "| EfficientNet-Lite0 (shipped) | one fold, above |",
        *(f"| {name} | not trained yet |" for name in ARCHITECTURES),
        "",
    ]
    for part in parts():
        module, stored = importlib.import_module(f"evaluation.{part}"), MEASUREMENTS / f"{part}.json"
        if stored.exists():
            lines += [*module.section(json.loads(stored.read_text(encoding="utf-8"))), ""]
        else:
            lines += [f"## {part.capitalize()}", "", f"Not run yet (`python scripts/evaluate.py {part}`).", ""]
    (ROOT / "docs" / "results.md").write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
