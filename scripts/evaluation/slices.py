"""The bundle on single slices of patients that it was never trained or tuned on, by the road that a picture walks.

    python scripts/evaluate.py slices --data ../shared/data/brain_tumor_mri

The test groups of the bundle's split, at the slices' native resolution. ``xaireport evaluate`` gives the same figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.card import ROWS
from training.slices import load_slices, nested_split
from XAIReportLib.evaluate import Row, answer, read_index
from XAIReportLib.models.bundle import Bundle, load_bundle
from XAIReportLib.models.metrics import summary

from evaluation import ROOT, keep, machine

DATA = ROOT.parent / "shared" / "data" / "brain_tumor_mri"


def unseen(bundle: Bundle, data: Path) -> tuple[list[Row], dict[str, str]]:
    """The slices of the test groups of the bundle's split, and the SHA-256 of each part's list of groups."""
    table = load_slices(data, ROOT / "training" / "slices.npz").table
    split = nested_split(table, bundle.settings.metrics["fold"])
    test = set(table.iloc[split.test]["idx"].astype(str))
    return [row for row in read_index(data, bundle.classes) if row.name in test], split.groups_sha256


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    rows, digests = unseen(bundle, options.data)
    answered, _ = answer(rows, bundle)
    named = {"bundle": bundle.sha256, "machine": machine(), "fold": bundle.settings.metrics["fold"]}
    measured = {**named, "groups_sha256": digests, **summary(answered)}
    print(
        {name: figure["value"] for name, figure in measured.items() if isinstance(figure, dict) and "value" in figure}
    )
    keep("slices", measured)
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    more = {f"sensitivity_{c}": f"sensitivity, {c}" for c in measured["classes"]}
    more |= {f"lesion_dice_{c}": f"lesion Dice, {c}" for c in measured["classes"]}
    more |= {
        "coverage": "slices with a suggestion",
        "selective_accuracy": "of these, right",
        "no_lesion_found_rate": "slices with lesion in which none is found",
    }
    rows = [(words, measured[name]) for name, words in {**ROWS, **more}.items() if name in measured]
    return [
        f"## Single slices: {measured['n_images']} slices of {measured['n_groups']} test patients of one nested split",
        "",
        "At native resolution, by the product's own road. The model card's figures of bundle 0.1.0 are of the same slices at the",
        "training's 256 pixels.",
        "",
        "| figure | value | 95 % interval (bootstrap over patients) |",
        "| --- | --- | --- |",
        *(f"| {words} | {f['value']:.3f} | {f['low']:.3f} to {f['high']:.3f} |" for words, f in rows),
    ]
