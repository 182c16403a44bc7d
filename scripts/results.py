"""Writes docs/results.md from the saved metrics of the shipped bundle and of evaluate_volumes.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from training.card import ROWS  # noqa: E402

ARCHITECTURES = (
    "InceptionResNetV2", "Xception", "InceptionV3", "VGG16", "VGG19", "ResNet50", "DenseNet121", "EfficientNet-B0", "MobileNetV2",
)  # fmt: skip


def main() -> int:
    metadata = json.loads((ROOT / "Resources/Models/brain_tumor_mri/configs/metadata.json").read_text())
    metrics = metadata["xaireport"]["metrics"]
    volumes = json.loads((ROOT / "docs" / "volumes.json").read_text())
    lines = [
        "# Results",
        "",
        "Written by `python scripts/results.py` from the bundle's metadata (`scripts/make_bundle.py`) and `docs/volumes.json`",
        "(`scripts/evaluate_volumes.py`). Figures are of one nested split by patient; nothing here was tuned on the test patients",
        "or on the volumes, but the rule that a lesion needs the class path's support in every plane was written after seeing",
        "false findings on two brain templates and on the healthy volume, so that row is a development figure.",
        "",
        f"## Single slices: {metrics['n_images']} slices of {metrics['n_groups']} test patients",
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
        f"## Whole volumes ({volumes['machine']}, CPU)",
        "",
        "Four skull-stripped gliomas (BRATS 2013) and one healthy head with skull and neck; none was trained on.",
        "",
        "| volume | outcome | lesions, ml | recall of enhancing tumour | outside all labels | Dice 1+3+4 / 1+4 / 1 to 4 | s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in volumes["volumes"]:
        outcome = row["outcome"].replace("_", " ") + (f": {row['label']}" if row["label"] else "")
        sizes = ", ".join(map(str, row["lesions_ml"])) or "none"
        dice = " / ".join(f"{d:.2f}" for d in row["dice"].values()) if "dice" in row else ""
        recall, outside = (f"{row[k]:.2f}" if k in row else "" for k in ("recall_of_enhancing", "outside_all_labels"))
        lines.append(
            f"| {row['volume']} | {outcome} | {sizes} | {recall} | {outside} | {dice} | {row['seconds']:.0f} |"
        )
    lines += [
        "",
        "## Architectures",
        "",
        "| architecture | state |",
        "| --- | --- |",
        "| EfficientNet-Lite0 (shipped) | one fold, above |",
        *(f"| {name} | not trained yet |" for name in ARCHITECTURES),
        "",
    ]
    (ROOT / "docs" / "results.md").write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
