"""Turns a trained network into a bundle: calibrates on the tune groups, measures on the test groups, writes model and card.

python scripts/make_bundle.py --architecture efficientnet_lite0 --fold 0 --name brain_tumor_mri
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "XAIReport")]

from evaluation.audit import PaintedOut  # noqa: E402
from evaluation.audit import figures as painted_figures  # noqa: E402
from training.card import model_card  # noqa: E402
from training.painting import paint_out  # noqa: E402
from training.slices import CLASSES, Slices, as_picture, load_slices, nested_split  # noqa: E402
from XAIReportLib.evaluate import answer, read_index  # noqa: E402
from XAIReportLib.models.bundle import FORMAT, METADATA, Bundle, load_bundle, save_bundle  # noqa: E402
from XAIReportLib.models.calibration import calibrated, conformal_quantile, fit_temperature  # noqa: E402
from XAIReportLib.models.encoders import ARCHITECTURES  # noqa: E402
from XAIReportLib.models.inference import look  # noqa: E402
from XAIReportLib.models.metrics import summary, with_intervals  # noqa: E402
from XAIReportLib.models.networks import DualHeadNetwork  # noqa: E402
from XAIReportLib.views import PictureViews, normalise  # noqa: E402

CLASS_SET_LEVEL = 0.9
PAINTING_SEED = 0  # of the tune slices' painted-out lesions
FOUND_IN_PATIENTS = 0.95  # share of the tune patients whose lesion a volume's threshold keeps


class Answers:
    """The network's answers for slices as inference sees them, at the slices' own grid of 256 pixels."""

    def __init__(self, network: DualHeadNetwork, slices: Slices, images: np.ndarray) -> None:
        heads = [as_picture(h > 0) for h in slices.heads]
        views = [PictureViews.of(h) for h in heads]
        pixels = np.concatenate(
            [v.from_case(normalise(as_picture(i), h)) for v, i, h in zip(views, images, heads, strict=True)]
        )
        answers = look(network, pixels)
        self.scores = answers.scores
        self.lesion = np.stack([v.onto_case(answers.lesion[n : n + 1])[:, :, 0].T for n, v in enumerate(views)])
        self.logits = self.scores[:, 1:] - self.scores[:, 1:].mean(axis=1, keepdims=True)


def by_patient(slices: Slices, answers: Answers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patient-level logits (lesion-area weighted mean of the slices' log-softmax), labels and groups."""
    areas = (answers.lesion >= 0.5).sum(axis=(1, 2)) + 1.0
    logs = np.log(np.clip(softmax(answers.logits, axis=1), 1e-12, 1))
    groups = slices.table["group"].to_numpy()
    names = np.unique(groups)
    labels = np.array([CLASSES.index(n) for n in slices.table["label_name"]])
    logits = np.stack([np.average(logs[groups == g], axis=0, weights=areas[groups == g]) for g in names])
    return logits, np.array([labels[groups == g][0] for g in names]), names


def slice_presence(found: np.ndarray, emptied: np.ndarray) -> float:
    """The log-odds of a lesion at which as large a share of the slices with a lesion is passed over as of the same slices with
    the lesion painted out is not (the equal error rate): neither a missed nor an invented lesion is taken lightly.

    Args:
        found, emptied: best class log-odds of the slices as they are and painted out, (n,).
    """
    cuts = np.sort(np.concatenate([found, emptied]))
    missed, invented = (found <= cuts[:, None]).mean(axis=1), (emptied > cuts[:, None]).mean(axis=1)
    return float(cuts[np.abs(missed - invented).argmin()])


def volume_presence(slices: Slices, answers: Answers, threshold: float) -> float:
    """The log-odds of a lesion, averaged over a patient's slices by its section, that ``FOUND_IN_PATIENTS`` of the patients reach.

    A volume averages many sections, and so does this; a single slice varies more and has a threshold of its own.
    """
    present = answers.scores[:, 1:].max(axis=1)
    areas = (answers.lesion >= threshold).sum(axis=(1, 2)) + 1.0
    groups = slices.table["group"].to_numpy()
    means = [np.average(present[groups == g], weights=areas[groups == g]) for g in np.unique(groups)]
    return float(np.quantile(means, 1 - FOUND_IN_PATIENTS))


def dice(answers: Answers, slices: Slices, threshold: float) -> np.ndarray:
    found, truth = answers.lesion >= threshold, slices.lesions > 0
    return 2 * (found & truth).sum((1, 2)) / np.maximum(found.sum((1, 2)) + truth.sum((1, 2)), 1)


def test_metrics(bundle: Bundle, data: Path, test_slices: set[str]) -> dict[str, Any]:
    """Figures of the written bundle on the test groups, by the road of the product, and with every lesion painted out."""
    rows = [row for row in read_index(data, bundle.classes) if row.name in test_slices]
    answered, _ = answer(rows, bundle, "cpu")
    painted, _ = answer(rows, bundle, "cpu", change=PaintedOut())
    audit = with_intervals(painted, painted_figures)
    return {
        **summary(answered),
        "painted_out_no_lesion_rate": audit["no_lesion_found_rate"],
        "painted_out_forced_balanced_accuracy": audit["balanced_accuracy"],
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "brain_tumor_mri")
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), default="efficientnet_lite0")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--name", default="brain_tumor_mri")
    parser.add_argument("--run", help="name of the folder in training/; default <architecture>-fold<k>")
    parser.add_argument("--version", default="0.3.0")
    parser.add_argument("--change", default="trained anew", help="what is new in this version, for the changelog")
    options = parser.parse_args(argv)
    folder = ROOT / "Resources" / "Models" / options.name
    earlier = json.loads((folder / METADATA).read_text(encoding="utf-8"))["changelog"] if folder.exists() else {}
    run = ROOT / "training" / (options.run or f"{options.architecture}-fold{options.fold}")
    curve = json.loads((run / "curve.json").read_text())
    slices = load_slices(options.data, ROOT / "training" / "slices.npz")
    split = nested_split(slices.table, options.fold)
    network = DualHeadNetwork(ARCHITECTURES[options.architecture], classes=len(CLASSES))
    state = torch.load(run / "best.pt", map_location="cpu", weights_only=True)["average"]
    # What is measured is what ships: float16 weights.
    network.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in state.items()})
    network.eval().requires_grad_(False)

    print("tune groups: temperature, outline threshold, class sets", flush=True)
    tune = slices.subset(split.tune)
    answers = Answers(network, tune, tune.images)
    logits, labels, _ = by_patient(tune, answers)
    temperature = fit_temperature(answers.logits, np.array([CLASSES.index(n) for n in tune.table["label_name"]]))
    quantile = conformal_quantile(calibrated(logits, temperature), labels, CLASS_SET_LEVEL)
    candidates = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
    threshold = max(candidates, key=lambda t: dice(answers, tune, t).mean())

    rng = np.random.default_rng(PAINTING_SEED)
    emptied = [paint_out(i, m, h, rng) for i, m, h in zip(tune.images, tune.lesions, tune.heads, strict=True)]
    emptied = Answers(network, tune, np.stack(emptied))
    presence = slice_presence(answers.scores[:, 1:].max(axis=1), emptied.scores[:, 1:].max(axis=1))

    metadata = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20220324.json",
        "name": options.name,
        "version": options.version,
        "changelog": {**earlier, options.version: options.change},
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "task": "Lesion outline and class suggestion on contrast-enhanced T1 head MRI",
        "description": f"Dual-head {options.architecture}: lesion outline and one of glioma, meningioma, pituitary tumour.",
        "authors": "XAIReport contributors",
        "copyright": "XAIReport contributors, Apache-2.0",
        "data_source": "Jun Cheng, brain tumor dataset, Figshare 1512427, doi 10.6084/m9.figshare.1512427, CC BY 4.0",
        "data_type": "T1-weighted contrast-enhanced MR, single slices",
        "intended_use": "Research use only. Not for diagnosis.",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "MR",
                    "num_channels": 1,
                    "spatial_shape": [224, 224],
                    "dtype": "float32",
                    "value_range": [0, 1.5],
                    "is_patch_data": False,
                    "channel_def": {"0": "image"},
                }
            },
            "outputs": {
                "pred": {
                    "type": "probabilities",
                    "format": "segmentation",
                    "num_channels": 1,
                    "spatial_shape": [224, 224],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": {"0": "lesion"},
                }
            },
        },
        "xaireport": {
            "format": FORMAT,
            "classes": list(CLASSES),
            "network": {"family": "dual_head", "encoder": ARCHITECTURES[options.architecture], "neck_channels": 96},
            "weights_sha256": "",
            "saliency_layer": "neck",
            "input": {
                "modality": ["MR"],
                "contrast": "T1 post-contrast",
                "pixels": 224,
                "pixel_mm": 1.0,
                "intensity": "head percentiles 1 and 99.5 to 0 and 1",
            },
            "calibration": {
                "temperature": round(temperature, 4),
                "class_set_quantile": round(quantile, 4),
                "class_set_level": CLASS_SET_LEVEL,
                "level": "slice",
                "data": f"brain_tumor_mri, tune groups of fold {options.fold} ({len(np.unique(tune.table['group']))} patients)",
            },
            "thresholds": {
                "lesion_probability": threshold,
                "presence_score": round(presence, 2),
                "presence_score_volume": round(volume_presence(tune, answers, threshold), 2),
                "smallest_lesion_ml": 0.5,
                "smallest_lesion_pixels": 12,
                "lowest_plane_agreement": 0.6,
            },
            "metrics": {},
            "data_set": "brain_tumor_mri (Figshare 1512427)",
            "non_commercial": False,
        },
    }
    training = {"date": date.today().isoformat(), "python": platform.python_version(), "curve": curve}
    print("test groups: metrics", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        save_bundle(Path(scratch) / options.name, network, metadata, "")
        test = set(slices.table.iloc[split.test]["idx"].astype(str))
        metrics = test_metrics(load_bundle(Path(scratch) / options.name), options.data, test)
    metadata["xaireport"]["metrics"] = {**metrics, "fold": options.fold, "groups_sha256": split.groups_sha256}
    save_bundle(folder, network, metadata, model_card(metadata, training, options.architecture))
    print(json.dumps({k: v for k, v in metrics.items() if isinstance(v, dict) and "value" in v}, indent=1))
    print(
        f"temperature {temperature:.3f}, outline threshold {threshold}, class-set quantile {quantile:.3f}, presence {presence:.2f}"
    )
    print(f"wrote {folder.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
