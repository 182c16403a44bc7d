"""The shortcut audit: what the model still says when the lesion, the air or the field of view is changed.

    python scripts/evaluate.py audit --data ../shared/data/brain_tumor_mri --bundle brain_tumor_mri

On the test groups of the bundle's split. Beside it a random forest that sees no pixel of the lesion or its neighbourhood.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold
from training.painting import paint_out
from training.slices import CACHE_PIXELS, CLASSES, Slices, as_picture, load_slices
from XAIReportLib.case import Case, head_mask
from XAIReportLib.evaluate import Change, answer
from XAIReportLib.models.bundle import load_bundle
from XAIReportLib.models.metrics import Answered, in_words, with_intervals
from XAIReportLib.views import PLANES

from evaluation import ROOT, keep, machine
from evaluation.slices import DATA, unseen

REPEATS = 1000


def as_acquired(case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return case.image, lesion


def air_zeroed(case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(case.head, case.image, 0.0), lesion


class AirReplaced:
    """Rayleigh noise of 3 % of the head's brightness where air was."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sigma = 0.03 * np.percentile(case.image[case.head], 99)
        return np.where(case.head, case.image, self.rng.rayleigh(sigma, case.image.shape)), lesion


class Recropped:
    """The head at another place in a larger or smaller field of view; nothing of the head is cut."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        head = case.head[:, :, 0]
        box = [np.flatnonzero(head.any(axis=1 - a))[[0, -1]] for a in (0, 1)]
        level = np.median(case.image[~case.head]) if (~case.head).any() else 0.0
        image, mask = case.image[:, :, 0], lesion[:, :, 0]
        cut = tuple(
            slice(int(self.rng.integers(0, low + 1)), int(self.rng.integers(high + 1, n + 1)))
            for (low, high), n in zip(box, image.shape, strict=True)
        )
        pad = self.rng.integers(0, image.shape[0] // 5, (2, 2))
        wide = np.pad(image[cut], pad, constant_values=level)
        return wide[:, :, None], np.pad(mask[cut], pad)[:, :, None]


class PaintedOut:
    """The lesion, widened, filled with tissue of the same slice; at the training's resolution of 256 pixels."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = (CACHE_PIXELS, CACHE_PIXELS)
        image = cv2.resize(case.image[:, :, 0].T, size, interpolation=cv2.INTER_AREA).clip(0, 255).astype(np.uint8)
        mask = cv2.resize(lesion[:, :, 0].T.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        head = head_mask(as_picture(image).astype(np.float32))[:, :, 0].T
        painted = paint_out(image, mask.astype(np.uint8), head.astype(np.uint8), self.rng)
        return as_picture(painted).astype(np.float32), as_picture(np.zeros_like(mask))


def tumour_only(case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rest of the head at its median."""
    flat = np.where(case.head, np.median(case.image[case.head]), case.image)
    return np.where(lesion, case.image, flat), lesion


def head_outline_only(case: Case, lesion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole head at its median: its outline and the air are left."""
    return np.where(case.head, np.median(case.image[case.head]), case.image), np.zeros_like(lesion)


def changes() -> dict[str, tuple[str, Change]]:
    """By name: words for the table, and the change."""
    return {
        "as_acquired": ("as acquired", as_acquired),
        "air_zeroed": ("air zeroed", air_zeroed),
        "air_noise": ("air replaced by noise", AirReplaced()),
        "recropped": ("other field of view", Recropped()),
        "tumour_only": ("lesion only, the rest of the head flat", tumour_only),
        "painted_out": ("lesion painted out", PaintedOut()),
        "head_outline_only": ("head flat, only outline and air left", head_outline_only),
    }


def figures(a: Answered) -> dict[str, float]:
    forced = a.scores.argmax(axis=1)
    return {
        "accuracy": float(a.right.mean()),
        "balanced_accuracy": float(balanced_accuracy_score(a.labels, forced)),
        "no_lesion_found_rate": float((a.outcomes == "no_lesion_found").mean()),
        "not_applicable_rate": float((a.outcomes == "not_applicable").mean()),
    }


def without_lesion_pixels(slices: Slices) -> dict[str, float]:
    """A random forest in grouped 5-fold that sees plane, head outline, air and tissue far from the lesion."""
    features = np.array(
        [
            _features(image, lesion, head, plane)
            for image, lesion, head, plane in zip(
                slices.images, slices.lesions, slices.heads, slices.table["plane"], strict=True
            )
        ]
    )
    labels = np.array([CLASSES.index(name) for name in slices.table["label_name"]])
    forced = np.zeros(len(labels), int)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(features, labels, slices.table["group"]):
        forest = RandomForestClassifier(400, min_samples_leaf=3, class_weight="balanced", random_state=0, n_jobs=-1)
        forced[test] = forest.fit(features[train], labels[train]).predict(features[test])
    return {
        "accuracy": round(float((forced == labels).mean()), 4),
        "balanced_accuracy": round(float(balanced_accuracy_score(labels, forced)), 4),
    }


def _features(image: np.ndarray, lesion: np.ndarray, head: np.ndarray, plane: str) -> list[float]:
    inside, far = head > 0, (head > 0) & (cv2.dilate(lesion, np.ones((21, 21), np.uint8)) == 0)
    air = image[~inside] if (~inside).any() else np.zeros(1)
    tissue = image[far] if far.any() else np.zeros(1)
    rows, columns = (np.flatnonzero(inside.any(axis=a)) for a in (1, 0))
    box = [rows[0], rows[-1], columns[0], columns[-1]] if len(rows) else [0, 255, 0, 255]
    moments = cv2.HuMoments(cv2.moments(head.astype(np.uint8))).ravel()
    return [
        *(float(plane == p) for p in PLANES), *map(float, box), float(inside.mean()),
        *(-np.sign(moments) * np.log10(np.abs(moments) + 1e-12)),
        air.mean(), air.std(), *np.percentile(air, [5, 50, 95]),
        tissue.mean(), tissue.std(), *np.percentile(tissue, [1, 5, 25, 50, 75, 95, 99]),
    ]  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--bundle", default="brain_tumor_mri")
    options = parser.parse_args(argv)
    bundle = load_bundle(options.bundle)
    rows, digests = unseen(bundle, options.data)
    measured: dict[str, Any] = {
        "bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        "machine": machine(),
        "n_images": len(rows),
        "n_groups": len({row.group for row in rows}),
        "groups_sha256": digests,
        "without_lesion_pixels": without_lesion_pixels(load_slices(options.data, ROOT / "training" / "slices.npz")),
        "changes": {},
    }
    print("random forest without lesion pixels:", measured["without_lesion_pixels"], flush=True)
    for name, (_, change) in changes().items():
        answered, _ = answer(rows, bundle, change=change)
        measured["changes"][name] = with_intervals(answered, figures, REPEATS)
        print(name, {k: v["value"] for k, v in measured["changes"][name].items()}, flush=True)
    keep("audit", measured)
    return 0


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    forest = measured["without_lesion_pixels"]
    columns, told = {"no_lesion_found_rate": "no lesion found, or not analysed"}, []
    if all("not_applicable_rate" in row for row in measured["changes"].values()):
        columns = {"no_lesion_found_rate": "no lesion found", "not_applicable_rate": "not analysed"}
        told = [
            "Not analysed: taken for no head MRI, so that nothing was looked for; the forced class is what the network would say.",
            "",
        ]
    lines = [
        f"## Shortcut audit: {measured['n_images']} slices of {measured['n_groups']} test patients",
        "",
        f"A random forest that sees no pixel of the lesion (plane, head outline, air, tissue far from it) reaches accuracy "
        f"{forest['accuracy']:.3f} (balanced {forest['balanced_accuracy']:.3f}) in grouped 5-fold over the whole set.",
        "",
        *told,
        f"| slices | accuracy, class forced | balanced accuracy | {' | '.join(columns.values())} |",
        "| --- " * (3 + len(columns)) + "|",
    ]
    for name, (words, _) in changes().items():
        row = measured["changes"][name]
        cells = [in_words(row[k]) for k in ("accuracy", "balanced_accuracy", *columns)]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return lines
