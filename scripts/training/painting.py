"""Lesions painted out and moved: what a head looks like where no lesion is, without a trace that a network could learn.

A lesion's place is filled with the surroundings' low frequencies (Telea inpainting, doi 10.1080/10867651.2004.10487596) and
with the high frequencies of tissue elsewhere in the slice (the mirrored side, or a shifted patch). The same painting at
lesion-free places keeps its trace from being a cue.
"""

from __future__ import annotations

import cv2
import numpy as np


def paint_out(
    image: np.ndarray, region: np.ndarray, head: np.ndarray, rng: np.random.Generator, textured: bool = True
) -> np.ndarray:
    """``image`` uint8 (row, column), ``region`` and ``head`` 0/1 masks: the image with the region filled by tissue.

    ``textured``: false leaves the fill smooth, as inpainting alone does.
    """
    grown = cv2.dilate(region, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(rng.integers(4, 8)) + 1,) * 2))
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(grown, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_NEAREST)
    filled = cv2.resize(cv2.inpaint(half, hole, 4, cv2.INPAINT_TELEA), image.shape[::-1]).astype(np.float32)
    filled = cv2.GaussianBlur(filled, (0, 0), 2.0)
    if textured:
        source = _texture_source(image, grown, head, rng)
        filled += source - cv2.GaussianBlur(source, (0, 0), rng.uniform(3.0, 8.0))
    weight = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), rng.uniform(1.0, 2.5))
    result = image * (1 - weight) + filled * weight
    return np.clip(result, 0, 255).astype(np.uint8)


def _texture_source(image: np.ndarray, region: np.ndarray, head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image moved so that lesion-free head tissue lies over the region: mirrored, or the best of some shifts."""
    columns = np.flatnonzero(head.any(axis=0))
    middle = columns[0] + columns[-1] if len(columns) else image.shape[1] - 1
    mirror = np.float32([[-1, 0, middle], [0, 1, 0]])
    moves = [mirror] if rng.random() < 0.6 else []
    moves += [np.float32([[1, 0, rng.integers(-70, 71)], [0, 1, rng.integers(-70, 71)]]) for _ in range(6)]
    allowed = (head > 0) & (region == 0)
    size = image.shape[::-1]
    shares = [
        cv2.warpAffine(allowed.astype(np.uint8), move, size)[region > 0].mean() if region.any() else 1.0
        for move in moves
    ]
    best = moves[0] if shares[0] > 0.9 else moves[int(np.argmax(shares))]
    return cv2.warpAffine(image, best, size, borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def move_lesion(
    image: np.ndarray,
    head: np.ndarray,
    donor: np.ndarray,
    donor_lesion: np.ndarray,
    donor_head: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Pastes the donor's lesion at the same relative place of another head. Returns (image, lesion mask 0/1).

    Brightness is matched by the medians of the two rings around the lesion, so that the paste is not a cue by itself.
    """
    box, donor_box = _box(head), _box(donor_head)
    scale = np.sqrt((box[2] * box[3]) / (donor_box[2] * donor_box[3])) * rng.uniform(0.8, 1.2)
    centre = np.argwhere(donor_lesion > 0).mean(axis=0)[::-1]
    relative = (centre - donor_box[:2]) / donor_box[2:]
    target = box[:2] + relative * box[2:] + rng.normal(0, 5, 2)
    angle = rng.normal(0, 12)
    move = cv2.getRotationMatrix2D(tuple(map(float, centre)), angle, float(scale))
    move[:, 2] += target - centre
    size = image.shape[::-1]
    moved = cv2.warpAffine(donor.astype(np.float32), move, size, borderMode=cv2.BORDER_REFLECT)
    mask = (cv2.warpAffine(donor_lesion.astype(np.float32), move, size) >= 0.5).astype(np.uint8)
    mask &= (head > 0).astype(np.uint8)
    ring = cv2.dilate(mask, np.ones((13, 13), np.uint8)) & ~cv2.dilate(mask, np.ones((3, 3), np.uint8)) & head
    if mask.sum() < 12 or ring.sum() < 12:
        return image, np.zeros_like(mask)
    here, there = (np.median(a[ring > 0]) for a in (image, moved))
    moved *= np.clip(here / max(there, 1.0), 0.4, 2.5)
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), rng.uniform(0.6, 1.6))
    return np.clip(image * (1 - weight) + moved * weight, 0, 255).astype(np.uint8), mask


def _box(mask: np.ndarray) -> np.ndarray:
    """Bounding box (x, y, width, height) of a 0/1 mask; the whole image when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return np.array([0.0, 0.0, mask.shape[1], mask.shape[0]])
    return np.array([columns[0], rows[0], columns[-1] - columns[0] + 1.0, rows[-1] - rows[0] + 1.0])
