"""Looks at whole volumes with a bundle and prints what was found beside reference labels. Never used for training or tuning.

    python scripts/evaluate_volumes.py --data ../shared/data/brain_volumes

DATA holds one folder a volume: t1c.nii.gz or t1.nii.gz, and tumor_labels.nii.gz where there is a tumour (1 necrosis, 2 oedema,
3 non-enhancing, 4 enhancing). Writes docs/volumes.json, from which results.py makes its table.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from XAIReportLib.models.bundle import choose_device, load_bundle, load_network
from XAIReportLib.models.inference import look, predict
from XAIReportLib.reading import read_case
from XAIReportLib.views import make_views

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = {"1+3+4": (1, 3, 4), "1+4": (1, 4), "1 to 4": (1, 2, 3, 4)}


def evaluate(folder: Path, bundle_name: str) -> dict:
    bundle = load_bundle(bundle_name)
    device, _ = choose_device("auto")
    network = load_network(bundle, device.type)
    case = read_case(next(p for p in (folder / "t1c.nii.gz", folder / "t1.nii.gz") if p.exists()), folder.name)
    began = time.monotonic()
    views, pixels = make_views(case)
    answers = look(network, pixels)
    prediction = predict(case, views, answers, bundle)
    seconds = time.monotonic() - began
    row = {
        "volume": folder.name,
        "outcome": prediction.outcome,
        "label": prediction.label,
        "scores": {name: round(score, 3) for name, score in prediction.scores.items()},
        "lesions_ml": [
            round(float((prediction.lesion_labels == n).sum() * case.voxel_ml), 2)
            for n in range(1, int(prediction.lesion_labels.max()) + 1)
        ],
        "seconds": round(seconds, 1),
    }
    reference = folder / "tumor_labels.nii.gz"
    if reference.exists():
        truth, found = np.asarray(nib.load(reference).dataobj), prediction.lesion_labels > 0
        row |= {
            "recall_of_enhancing": round(float(found[truth == 4].mean()), 3),
            "outside_all_labels": round(float((found & (truth == 0)).sum() / max(found.sum(), 1)), 3),
            "dice": {
                name: round(float(2 * (found & np.isin(truth, s)).sum() / (found.sum() + np.isin(truth, s).sum())), 3)
                for name, s in REFERENCES.items()
            },
        }
    return row


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_volumes")
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    rows = []
    for folder in sorted(p for p in options.data.iterdir() if p.is_dir()):
        rows.append(evaluate(folder, options.bundle))
        print(json.dumps(rows[-1]), flush=True)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    document = {"bundle": load_bundle(options.bundle).sha256, "machine": machine, "volumes": rows}
    (ROOT / "docs" / "volumes.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
