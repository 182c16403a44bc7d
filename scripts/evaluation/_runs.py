"""A run of train.py as a bundle that is measured and not kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.bundling import DataSource, described, trained
from training.slices import SPLITS, Slices, Split, load_slices
from XAIReportLib.models.bundle import Bundle, load_bundle, save_bundle
from XAIReportLib.models.networks import DualHeadNetwork

from evaluation import ROOT


@dataclass(frozen=True)
class Run:
    """``curve``: what train.py wrote of it; ``split``: of ``slices``, by which it was trained; ``bundle``: calibrated on its tune
    groups, and on disk while the run is looked at."""

    name: str
    fold: int
    curve: dict[str, Any]
    network: DualHeadNetwork
    slices: Slices
    split: Split
    bundle: Bundle


@contextmanager
def calibrated_run(folder: Path, data: Path) -> Iterator[Run]:
    """The run in training/NAME as a bundle.

    Raises:
        FileNotFoundError: there is no such run, or it has not finished an epoch.
    """
    curve = json.loads((folder / "curve.json").read_text(encoding="utf-8"))
    asked = curve["options"]
    fold = int(asked["fold"])
    slices = load_slices(data, ROOT / "training" / "slices.npz")
    split = SPLITS[asked["split"]](slices.table, fold)
    network = trained(folder, asked["architecture"])
    source = DataSource(data.name, "not said: a bundle that is measured and not kept", non_commercial=True)
    metadata = described(
        network, curve["start"], slices, split, source, asked["architecture"], fold, folder.name, "0", {}
    )
    with tempfile.TemporaryDirectory() as scratch:
        save_bundle(Path(scratch) / folder.name, network, metadata, "")
        yield Run(folder.name, fold, curve, network, slices, split, load_bundle(Path(scratch) / folder.name))
