"""Fits the head that tells a T1 after contrast agent from T1 without it and from other series, without having either.

Slices of the training groups are changed by program: what enhances inside the head is taken down to tissue's level (T1 without
contrast agent), or the order of fluid, grey and white matter is changed (FLAIR, T2, others). All kinds go through the same
scanner, poses and skull stripping, so that none of these is a cue.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch.utils.data import DataLoader
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.models.series import KINDS, SeriesHead

from training.augmentation import PLANES, TEXTURED, TrainingSlices, place, scan
from training.painting import move_lesion, paint_out
from training.slices import Slices

SAMPLES, SEED = 8000, 1
SHRINKAGE = 0.05  # of the discriminant's covariance
KEPT = 0.95  # share of the tune slices that are taken for what they are
SHARES = (0.36, 0.28, 0.36)  # of KINDS
TEMPLATE = 0.10  # share of slices of the ICBM template, in all kinds
STRIPPED = 0.35  # share of the others whose skull is cut away
PAINTED_OUT = (0.30, 0.75, 0.35)  # share of each kind whose lesion is painted out
LEAST_VARIANCE = 1e-4  # of a statistic, so that it can be told in half precision


class SeriesSlices(TrainingSlices):
    """Random samples: image float32 (1, 224, 224) and the number of its kind of series."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        kind = int(rng.choice(len(KINDS), p=SHARES))
        image, head, kind = self._of_kind(kind, rng)
        nothing = np.zeros_like(head)
        image, nothing, head = place(image, nothing, head, rng)
        self.scanner.set_random_state(seed=int(rng.integers(2**31)))
        return scan(image, nothing, head, self.scanner, rng)[0], kind

    def _of_kind(self, kind: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
        plane, s = PLANES[rng.integers(len(PLANES))], self.slices
        row, donor = self._draw(rng, plane), self._draw(rng, plane)
        template = rng.random() < TEMPLATE
        if template:
            views = self.template.images[plane]
            image, lesion = views[rng.integers(len(views))], np.zeros_like(s.lesions[row])
            head = cv2.morphologyEx((image > 20).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
            if kind == 0 or rng.random() < 0.3:
                image, lesion = move_lesion(image, head, s.images[donor], s.lesions[donor], s.heads[donor], rng)
                # The template itself is T1 without contrast agent.
                kind = 1 if kind == 0 and not lesion.any() else kind
        else:
            image, lesion, head = s.images[row], s.lesions[row], s.heads[row]
            if rng.random() < PAINTED_OUT[kind]:
                image = paint_out(image, lesion, head, rng, textured=rng.random() < TEXTURED)
                lesion = np.zeros_like(lesion)
        if (kind == 1 and (lesion.any() or not template)) or (kind == 2 and not template and rng.random() < 0.6):
            image = without_agent(image, head, rng)
        if kind == 2:
            image = another_series(image, head, lesion, rng)
        elif rng.random() < 0.35:
            image = flattened(image, head, rng)
        if not template and rng.random() < STRIPPED:
            image, head = self._strip_skull(image, lesion, head, plane, rng)
        return image, head, kind


def without_agent(image: np.ndarray, head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vessels (small and bright: a white top-hat) and what is brighter than white matter are taken down inside the head; fat of
    scalp and marrow stays. ``image`` uint8, ``head`` 0/1, both (row, column)."""
    inner = inside(head, rng)
    if inner.sum() < 100:
        return image
    soft = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 3)
    size = int(rng.choice((5, 7, 9)))
    opened = cv2.morphologyEx(image, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    low, middle, high = np.percentile(image[inner > 0], (25, 50, 75))
    spread = high - low + 2
    changed = image.astype(np.float32)
    changed -= np.clip(changed - opened - spread * rng.uniform(0.2, 0.5), 0, None) * soft
    changed -= np.clip(changed - middle - spread * rng.uniform(0.8, 1.4), 0, None) * soft * rng.uniform(0.75, 1.0)
    return np.clip(changed, 0, 255).astype(np.uint8)


def another_series(image: np.ndarray, head: np.ndarray, lesion: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fluid, grey matter, white matter and fat in another order: mostly FLAIR's (fluid dark, grey above white matter), T2's (fluid
    bright), or any. What lies in and around a lesion becomes bright, as oedema does."""
    inner = inside(head, rng)
    values = image[inner > 0] if inner.sum() >= 100 else image[head > 0]
    smooth = cv2.medianBlur(image, 3) if rng.random() < 0.5 else cv2.GaussianBlur(image, (0, 0), 1.0)
    smooth, texture = smooth.astype(np.float32), image - smooth.astype(np.float32)
    fat = float(np.percentile(smooth[head > 0], 99))
    fluid, grey, white = np.percentile(values, (3, rng.uniform(25, 45), rng.uniform(65, 92)))
    levels = np.maximum.accumulate([0, fluid, grey + 2, white + 4, max(fat, white + 6), 1.6 * max(fat, white + 6)])
    bright, kind = rng.uniform(0.45, 0.8), rng.random()
    if kind < 0.75:
        shown = [
            bright * rng.uniform(0.05, 0.5), bright, bright * rng.uniform(0.6, 0.95),
            rng.uniform(0.5, 1.2), rng.uniform(0.6, 1.3),
        ]  # fmt: skip
    elif kind < 0.9:
        shown = [rng.uniform(0.8, 1.1), bright, bright * rng.uniform(0.5, 0.9), *rng.uniform(0.4, 1.0, 2)]
    else:
        shown = list(rng.uniform(0.1, 1.0, 5))
    changed = np.interp(smooth, levels + np.arange(6) * 0.01, np.array([0, *shown]) * 230)
    changed += texture * rng.uniform(0.4, 1.2) * 0.8 * 230 / max(fat, 30)
    if lesion.any() and kind < 0.9:
        size = 2 * int(rng.integers(3, 12)) + 1
        around = cv2.dilate(lesion, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        share = 0.6 * cv2.GaussianBlur(around.astype(np.float32), (0, 0), 2)
        changed = changed * (1 - share) + share * 230 * rng.uniform(0.7, 1.1)
    return np.clip(changed * (head > 0), 0, 255).astype(np.uint8)


def flattened(image: np.ndarray, head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey and white matter nearer to each other, in the order that they have: many a T1 series shows them so."""
    inner = inside(head, rng)
    if inner.sum() < 100:
        return image
    low, middle, high = np.percentile(image[inner > 0], (20, 55, 88))
    share = rng.uniform(0.2, 0.8)
    top = 1.25 * high + 2
    levels = np.array([0, low / 2, low, middle, high, top, max(300.0, top)]) + np.arange(7) * 0.01
    shown = [
        0,
        low / 2,
        middle - (middle - low) * share,
        middle,
        middle + (high - middle) * share,
        top,
        max(300.0, top),
    ]
    return np.clip(np.interp(image.astype(np.float32), levels, shown), 0, 255).astype(np.uint8)


def inside(head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The head without its outer layer, as wide as scalp and skull: 0/1."""
    width = 2 * int(np.sqrt(head.sum()) * rng.uniform(0.06, 0.10)) + 1
    return cv2.erode(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))


def fit_series(network: DualHeadNetwork, slices: Slices) -> None:
    """Fits ``network.series``, in place, on samples of ``slices``: a linear discriminant with equal priors, rounded to the
    half precision that ships."""
    dataset = SeriesSlices(slices, SAMPLES, SEED)
    statistics, kinds = [], []
    with torch.inference_mode():
        for images, kind in DataLoader(dataset, 32, num_workers=1):
            statistics.append(SeriesHead.statistics(network.encoder(images)[3:6], images).numpy())
            kinds.append(kind.numpy())
    found, truth = np.concatenate(statistics).astype(np.float64), np.concatenate(kinds)
    mean, variance = found.mean(axis=0), np.maximum(found.var(axis=0), LEAST_VARIANCE)
    mean, variance = (torch.from_numpy(a).half().double().numpy() for a in (mean, variance))
    standardised = (found - mean) / np.sqrt(variance + network.series.standardise.eps)
    told = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=[1 / 3] * 3)
    told.fit(standardised, truth)
    with torch.no_grad():
        for tensor, values in (
            (network.series.standardise.running_mean, mean),
            (network.series.standardise.running_var, variance),
            (network.series.tell.weight, told.coef_),
            (network.series.tell.bias, told.intercept_),
        ):
            tensor.copy_(torch.from_numpy(values).half().float())
