"""From a trained network to a bundle's metadata: what is calibrated and chosen on the tune groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from XAIReportLib.models.bundle import FORMAT
from XAIReportLib.models.calibration import calibrated, conformal_quantile, fit_temperature
from XAIReportLib.models.encoders import ARCHITECTURES
from XAIReportLib.models.forms import AS_IT_IS, PICTURE_FORMS, Form
from XAIReportLib.models.inference import look
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.models.series import enhancement
from XAIReportLib.views import PICTURE, PictureViews, normalise

from training.painting import paint_out
from training.series import KEPT
from training.slices import CLASSES, Slices, Split, as_picture, index_sha256

CLASS_SET_LEVEL = 0.9
ENHANCEMENT_VOLUME = 1.0  # no volume is among the training data: chosen with volumes in view (docs/models.md)
FOUND_IN_PATIENTS = 0.95  # share of the tune patients whose lesion a volume's threshold keeps
PAINTING_SEED = 0  # of the tune slices' painted-out lesions
OUTLINE_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


@dataclass(frozen=True)
class DataSource:
    """What a bundle says of the data that it was trained on: the set's name, whence and under what licence, and whether that
    forbids commercial use."""

    name: str
    words: str
    non_commercial: bool


BRAIN_TUMOR_MRI = DataSource(
    "brain_tumor_mri (Figshare 1512427)",
    "Jun Cheng, brain tumor dataset, Figshare 1512427, doi 10.6084/m9.figshare.1512427, CC BY 4.0",
    non_commercial=False,
)
KNOWN_DATA = {
    "31e4ad19889e5809db2008dfee58fd84efe4abadc65e72590b7d045ba4ad1e55": BRAIN_TUMOR_MRI
}  # by SHA-256 of index.csv


class BundlingError(ValueError):
    """No bundle can be made of this; the sentence says why."""


def data_source(data: Path, words: str | None = None, non_commercial: bool | None = None) -> DataSource:
    """The source of ``data``, known by its index.csv or as it is named.

    Raises:
        BundlingError: other data, of which it was not said whence they come and whether they may be used commercially.
    """
    known = KNOWN_DATA.get(index_sha256(data))
    if words is not None and non_commercial is not None:
        return DataSource(known.name if known else data.resolve().name, words, non_commercial)
    if known is None or words is not None or non_commercial is not None:
        raise BundlingError(
            f"{data} is not brain_tumor_mri as it is known here, or only one of the two was said: give --data-source (who "
            "published the data, where, under what licence) and --non-commercial or --commercial"
        )
    return known


def finished(run: Path) -> dict[str, Any]:
    """curve.json of a run of train.py.

    Raises:
        BundlingError: there is no such run, or it has not kept an epoch.
    """
    try:
        if (run / "best.pt").is_file():
            return json.loads((run / "curve.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass
    raise BundlingError(f"training/{run.name} holds no finished training; run scripts/train.py first, or give --run")


def mismatches(curve: dict[str, Any], split: Split, architecture: str, fold: int) -> list[str]:
    """What keeps a run of train.py (its curve.json) from being made a bundle of this architecture and fold, in words."""
    asked = curve["options"]
    wanted = {"architecture": architecture, "fold": str(fold), "split": "patient", "heads": "dual"}
    told = [f"its {name} is {asked[name]}, not {value}" for name, value in wanted.items() if asked[name] != value]
    return told + [
        f"its {part} groups are not those of fold {fold} of these data"
        for part, digest in split.groups_sha256.items()
        if curve["groups_sha256"].get(part) != digest
    ]


def trained(run: Path, architecture: str) -> DualHeadNetwork:
    """The best epoch's network of a run of train.py, with the float16 weights that ship: what is measured is what ships."""
    network = DualHeadNetwork(ARCHITECTURES[architecture], classes=len(CLASSES))
    state = torch.load(run / "best.pt", map_location="cpu", weights_only=True)["average"]
    network.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in state.items()})
    return network.eval().requires_grad_(False)


class Answers:
    """The network's answers for slices as inference sees them, in ``forms``, at the slices' own grid of 256 pixels."""

    def __init__(
        self, network: DualHeadNetwork, slices: Slices, images: np.ndarray, forms: Sequence[Form] = (AS_IT_IS,)
    ) -> None:
        heads = [as_picture(h > 0) for h in slices.heads]
        views = [PictureViews.of(h) for h in heads]
        pixels = np.concatenate(
            [v.from_case(normalise(as_picture(i), h)) for v, i, h in zip(views, images, heads, strict=True)]
        )
        answers = look(network, pixels, forms=forms)
        self.scores = answers.scores
        self.lesion = np.stack([v.onto_case(answers.lesion[n : n + 1])[:, :, 0].T for n, v in enumerate(views)])
        self.enhancement = np.array(
            [enhancement(answers.series[[n]], answers.heads[[n]], PICTURE) for n in range(len(heads))]
        )
        self.logits = self.scores[:, 1:] - self.scores[:, 1:].mean(axis=1, keepdims=True)

    def enhancement_kept(self, share: float) -> float:
        """The log-odds of a series after contrast agent that this share of the slices reaches."""
        return float(np.quantile(self.enhancement, 1 - share))


def calibration(slices: Slices, answers: Answers) -> tuple[float, float]:
    """The temperature that fits the slices, and the class sets' quantile at it."""
    temperature = fit_temperature(answers.logits, np.array([CLASSES.index(n) for n in slices.table["label_name"]]))
    logits, labels, _ = by_patient(slices, answers)
    return temperature, conformal_quantile(calibrated(logits, temperature), labels, CLASS_SET_LEVEL)


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


def described(
    network: DualHeadNetwork,
    start: str,
    slices: Slices,
    split: Split,
    source: DataSource,
    architecture: str,
    fold: int,
    name: str,
    version: str,
    changelog: dict[str, str],
) -> dict[str, Any]:
    """metadata.json of a bundle, without figures: temperature, class sets and thresholds come from the tune slices.

    Args:
        start: what weights the training began from, in words.
        source: of the slices.
    """
    tune = slices.subset(split.tune)
    once, answers = (Answers(network, tune, tune.images, forms) for forms in ((AS_IT_IS,), PICTURE_FORMS))
    temperature, quantile = calibration(tune, once)
    temperature_picture, quantile_picture = calibration(tune, answers)
    threshold = max(OUTLINE_THRESHOLDS, key=lambda t: dice(once, tune, t).mean())
    rng = np.random.default_rng(PAINTING_SEED)
    painted = [paint_out(i, m, h, rng) for i, m, h in zip(tune.images, tune.lesions, tune.heads, strict=True)]
    emptied = Answers(network, tune, np.stack(painted), PICTURE_FORMS)
    presence = slice_presence(answers.scores[:, 1:].max(axis=1), emptied.scores[:, 1:].max(axis=1))
    return {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20220324.json",
        "name": name,
        "version": version,
        "changelog": changelog,
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "task": "Lesion outline and class suggestion on contrast-enhanced T1 head MRI",
        "description": f"Dual-head {architecture}: lesion outline and one of glioma, meningioma, pituitary tumour.",
        "authors": "XAIReport contributors",
        "copyright": "XAIReport contributors, Apache-2.0",
        "data_source": source.words,
        "initial_weights": start,
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
            "network": {"family": "dual_head", "encoder": ARCHITECTURES[architecture], "neck_channels": 96},
            "weights_sha256": "",
            "saliency_layer": "neck",
            "input": {
                "modality": ["MR"],
                "contrast": "T1 post-contrast",
                "pixels": 224,
                "pixel_mm": 1.0,
                "intensity": "head percentiles 1 and 99.5 to 0 and 1",
            },
            "picture_forms": [asdict(form) for form in PICTURE_FORMS],
            "calibration": {
                "temperature": round(temperature, 4),
                "temperature_picture": round(temperature_picture, 4),
                "class_set_quantile": round(quantile, 4),
                "class_set_quantile_picture": round(quantile_picture, 4),
                "class_set_level": CLASS_SET_LEVEL,
                "level": "slice",
                "data": f"{source.name.split(' (')[0]}, tune groups of fold {fold} "
                f"({len(np.unique(tune.table['group']))} patients)",
            },
            "thresholds": {
                "lesion_probability": threshold,
                "presence_score": round(presence, 2),
                "presence_score_volume": round(volume_presence(tune, once, threshold), 2),
                "smallest_lesion_ml": 0.5,
                "smallest_lesion_pixels": 12,
                "lowest_plane_agreement": 0.6,
                "enhancement_slice": round(answers.enhancement_kept(KEPT), 2),
                "enhancement_volume": ENHANCEMENT_VOLUME,
            },
            "metrics": {},
            "data_set": source.name,
            "non_commercial": source.non_commercial,
        },
    }
