"""How far a heat map can be trusted: does it point at what the score rests on, at the lesion, and does it depend on the network?

Maps are float (rows, columns), not negative; masks bool of the same shape. Every figure needs its controls (``control_maps``)
beside it: a map that has nothing to do with the network reaches a good part of many figures.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity
from sklearn.metrics import average_precision_score
from torch import nn

BLUR_PIXELS = 12.0  # deviation of the blur that deletion puts in a pixel's place
STEPS = 10  # of deletion and insertion
CONTROLS = ("random", "centre", "edges", "bright")

Score = Callable[
    [np.ndarray], np.ndarray
]  # images (n, rows, columns) to log-odds of the target against "no lesion" (n,)


def baseline_image(image: np.ndarray, head: np.ndarray, kind: str) -> np.ndarray:
    """What takes the place of a removed pixel: "blur", the image without detail, or "head mean". ("inpainted" depends on what is
    left, see ``deletion_insertion``.)"""
    if kind == "blur":
        weight = ndimage.gaussian_filter(head.astype(np.float32), BLUR_PIXELS)
        return np.where(head, ndimage.gaussian_filter(image * head, BLUR_PIXELS) / np.maximum(weight, 1e-3), image)
    if kind == "head mean":
        return np.where(head, image[head].mean() if head.any() else 0.0, image)
    raise ValueError(f"baseline {kind} is unknown; choose blur, head mean or inpainted")


def inpainted(image: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The image with an area filled from its rim (Telea 2004, doi 10.1080/10867651.2004.10487596), at 8 bits.

    A smooth blob in a lesion's place looks like a lesion to a network; what continues the surroundings does so far less.
    """
    low, high = float(image.min()), float(image.max())
    scale = 255 / max(high - low, 1e-6)
    levels = np.round((image - low) * scale).astype(np.uint8)
    filled = cv2.inpaint(levels, area.astype(np.uint8), 5, cv2.INPAINT_TELEA) / scale + low
    return np.where(area, filled, image).astype(np.float32)


def deletion_insertion(
    score: Score, image: np.ndarray, head: np.ndarray, ranking: np.ndarray, baseline: str = "blur"
) -> tuple[np.ndarray, np.ndarray]:
    """Curves of 1 / (1 + exp(-y)) while the head's pixels are removed, or brought back, from the highest rank down.

    Each has STEPS + 1 points, at equal shares of the head's pixels, 0 to 1 (Petsiuk et al. 2018, arXiv 1806.07421). The area under
    a curve is its mean by the trapezoidal rule (``area``). Ties are broken by chance, the same for the same shape. ``baseline``:
    of ``baseline_image``, or "inpainted", where every hole is filled from its own rim.
    """
    inside = np.flatnonzero(head)
    chance = np.random.default_rng(0).random(len(inside))
    order = inside[np.lexsort((chance, -ranking.ravel()[inside]))]
    empty = None if baseline == "inpainted" else baseline_image(image, head, baseline)
    removed, brought = [], []
    for step in range(STEPS + 1):
        taken = np.zeros(image.shape, bool)
        taken.ravel()[order[: round(len(order) * step / STEPS)]] = True
        for images, hole in ((removed, taken), (brought, head & ~taken)):
            images.append(inpainted(image, hole) if empty is None else np.where(hole, empty, image))
    curve = 1 / (1 + np.exp(-np.clip(score(np.stack(removed + brought).astype(np.float32)), -30, 30)))
    return curve[: STEPS + 1], curve[STEPS + 1 :]


def area(curve: np.ndarray) -> float:
    """Under a curve over equal steps from 0 to 1."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def pointing(values: np.ndarray, lesion: np.ndarray) -> bool:
    """Whether the map's highest value lies in the lesion (Zhang et al. 2018, doi 10.1007/s11263-017-1059-x, without a margin)."""
    return bool(lesion.ravel()[int(values.argmax())])


def relevance_mass(values: np.ndarray, lesion: np.ndarray) -> float:
    """Share of the map's sum in the lesion (Arras et al. 2022, doi 10.1016/j.inffus.2021.11.008)."""
    total = float(values.sum())
    return float(values[lesion].sum()) / total if total > 0 else 0.0


def relevance_rank(values: np.ndarray, lesion: np.ndarray) -> float:
    """Of the K highest pixels the share in the lesion, K being the lesion's size (Arras et al. 2022)."""
    highest = np.argsort(-values, axis=None, kind="stable")[: int(lesion.sum())]
    return float(lesion.ravel()[highest].mean()) if len(highest) else 0.0


def precision_recall_area(values: np.ndarray, lesion: np.ndarray, head: np.ndarray) -> float:
    """Average precision of the map as a detector of the lesion's pixels, within the head."""
    return float(average_precision_score(lesion[head], values[head])) if lesion[head].any() else 0.0


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((found & truth).sum()) / max(float(found.sum() + truth.sum()), 1.0)


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union."""
    return float((found & truth).sum()) / max(float((found | truth).sum()), 1.0)


def similarity(values: np.ndarray, others: np.ndarray) -> float:
    """SSIM of two maps, each divided by its maximum (Wang et al. 2004, doi 10.1109/TIP.2003.819861)."""
    scaled = [v / v.max() if v.max() > 0 else v for v in (np.asarray(values, float), np.asarray(others, float))]
    return float(structural_similarity(*scaled, data_range=1.0))


def noisy(image: np.ndarray, head: np.ndarray, share: float = 0.03, count: int = 3) -> np.ndarray:
    """Copies with Gaussian noise in the head, its deviation a share of the image's range: (count, rows, columns)."""
    noise = np.random.default_rng(0).normal(0, share * float(np.ptp(image)), (count, *image.shape))
    return (image + noise * head).astype(np.float32)


def small_changes(image: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Fifteen changes that leave what a reader sees as it is: mirrored, shifted by 6 pixels, with noise, another gamma, larger and
    smaller by a tenth, turned by 10 degrees, smoothed: float32 (15, rows, columns)."""
    bright = np.clip(image, 0, None)
    middle = (np.array(image.shape) / 2)[:, None]
    sizes = [ndimage.affine_transform(image, np.eye(2) * k, (middle * (1 - k)).ravel(), order=1) for k in (0.9, 1.1)]
    changed = [
        image[:, ::-1], *(np.roll(image, s, (0, 1)) for s in ((6, 0), (-6, 0), (0, 6), (0, -6))), *noisy(image, head),
        bright**0.8, bright**1.25, *sizes,
        *(ndimage.rotate(image, a, reshape=False, order=1) for a in (-10, 10)), ndimage.gaussian_filter(image, 1.0),
    ]  # fmt: skip
    return np.stack(changed).astype(np.float32)


def max_sensitivity(values: np.ndarray, perturbed: Iterable[np.ndarray]) -> float:
    """Largest relative change of the map under small changes of the image (Yeh et al. 2019, arXiv 1901.09392, eq. 2)."""
    norm = max(float(np.linalg.norm(values)), 1e-12)
    return max(float(np.linalg.norm(other - values)) / norm for other in perturbed)


def randomised(model: nn.Module, parts: Iterable[nn.Module], seed: int = 0) -> nn.Module:
    """A copy of the model in which the parameters of ``parts`` (its own modules) are drawn anew, with their mean and deviation.

    A map that does not change says nothing about what the model learned (Adebayo et al. 2018, arXiv 1810.03292).
    """
    memory: dict[int, object] = {}
    twin = copy.deepcopy(model, memory)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in parts:
            for parameter in memory[id(part)].parameters():
                deviation = float(parameter.std()) if parameter.numel() > 1 else abs(float(parameter.mean()))
                fresh = torch.randn(parameter.shape, generator=draw) * deviation + float(parameter.mean())
                parameter.copy_(fresh.to(parameter.device))
    return twin


def control_maps(image: np.ndarray, head: np.ndarray) -> dict[str, np.ndarray]:
    """Maps that know nothing of the network: noise of a lesion's size, the head's middle, edges, bright blobs."""
    chance = ndimage.gaussian_filter(np.random.default_rng(0).random(image.shape), 8.0)
    rows, columns = np.indices(image.shape)
    middle = ndimage.center_of_mass(head) if head.any() else (image.shape[0] / 2, image.shape[1] / 2)
    width = max(np.sqrt(head.sum()) / 4, 1.0)
    centre = np.exp(-((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2) / (2 * width**2))
    edges = ndimage.gaussian_gradient_magnitude(image, 1.5)
    bright = ndimage.gaussian_filter(image, 8.0)
    maps = {"random": chance, "centre": centre, "edges": edges, "bright": bright}
    return {name: ((m - m[head].min()).clip(0) * head if head.any() else m) for name, m in maps.items()}
