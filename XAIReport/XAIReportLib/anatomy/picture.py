"""Where in the head a single slice lies, found by matching it with sections of the MNI152 template.

A picture holds no millimetre and no side, so plane, level, size and place in the plane are all looked for: sections of the
template in three planes at every LEVEL_STEP_MM, in many sizes and turns, by the masked normalised correlation of their
brains with the picture (Padfield 2012, doi 10.1109/TIP.2011.2181402); the best of them are refined. A picture and its
mirror image are turned into the same one first, so that both have the same answer and neither a side of the patient.
What is said of a place is the mean over the candidates, weighed by how well they fit; where they disagree, nothing is said.
The picture's top is taken for the patient's front (axial) or top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import fft, ndimage, optimize

from XAIReportLib.anatomy.lobes import OUTSIDE, lobes_at
from XAIReportLib.anatomy.sections import (
    FFT_SIZE,
    LEVEL_STEP_MM,
    PLANES,
    RIM_MM,
    STEP_MM,
    box,
    extent,
    grid,
    points_of,
    section,
    sections,
)
from XAIReportLib.results import PictureMatch, PicturePlace

# Sizes of the head in the picture that are tried (square root of its box's area, mm), and how much of that the brain fills.
HEAD_MM = 115.0 * 1.07 ** np.arange(11)
FILLED = (0.62, 1.06)
TURNS = np.deg2rad([-10.0, 0.0, 10.0])
FARTHEST_MM = 64.0
INSIDE_MM, WINDOW, FLAT = 6.0, 7, 2e-3  # how deep inside the brain the local correlation begins;
# of the local correlation: points of the grid, variance below which there is nothing to see
REFINED, LEVELS_APART_MM = 12, 12.0
# How fast a candidate's weight falls with its correlation; the fit and the weight below which nothing is said.
SHARPNESS, LEAST_FIT, LEAST_CONFIDENCE, SELDOM = 0.015, 0.55, 0.70, 0.05


@dataclass(frozen=True)
class Candidate:
    """A similarity from a picture's pixels to a section of MNI152.

    Attributes:
        plane, level_mm: the section. nose_right: of a sagittal one. scale: mm a pixel. turn: radians.
        across_mm, down_mm: where the picture's centre lies from the section's. fit: correlation.
    """

    plane: str
    level_mm: float
    nose_right: bool
    scale: float
    turn: float
    across_mm: float
    down_mm: float
    fit: float = 0.0

    def to_mni(self, offsets: np.ndarray) -> np.ndarray:
        """Pixels from the picture's centre, (n, 2) right and down, as mm of MNI152, (n, 3)."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        x, y = offsets.T * self.scale
        return points_of(
            self.plane, self.level_mm, self.nose_right, self.across_mm + c * x - s * y, self.down_mm + s * x + c * y
        )


def place_picture(
    image: np.ndarray,
    head: np.ndarray,
    masks: Mapping[str, np.ndarray],
    planes: tuple[str, ...] = tuple(PLANES),
    stop: Callable[[], None] = lambda: None,
) -> tuple[PictureMatch, Callable[[np.ndarray], np.ndarray] | None]:
    """The section that a picture shows, and the lobe that each mask lies in, as far as the candidates agree.

    Args:
        image: (columns, rows), i to the right, j down. head: bool. masks: bool, by name; they are left out of the comparison.
        planes: among PLANES, where it is known.
        stop: called between steps; may raise.

    Returns:
        The match, and a function from pixels (n, 2) to mm of MNI152 by the best candidate; None where none fits.
    """
    flipped = _is_flipped(image)
    turn = (lambda array: array[::-1]) if flipped else (lambda array: array)
    image, head = turn(image), turn(head)
    masks = {name: turn(mask > 0) for name, mask in masks.items()}
    lesion = np.any(list(masks.values()), axis=0) if masks else np.zeros(image.shape, bool)
    low, high = box(head)
    if min(high - low) < 24:
        return PictureMatch(None, 0.0, None, None, 0.0, False, {}), None
    centre, size = (low + high) / 2, float(np.sqrt((high - low).prod()))
    picture = _Picture(image, lesion, centre)
    found = sorted(_search(picture, size, planes, stop), key=lambda one: -one.fit)[: 12 * REFINED]
    candidates = []
    for one in _apart(found):
        stop()
        candidates.append(_refined(picture, one, size))
    if not candidates:
        return PictureMatch(None, 0.0, None, None, 0.0, False, {}), None
    match = _said(candidates, masks, centre)
    best = max(candidates, key=lambda one: one.fit)

    def to_mni(pixels: np.ndarray) -> np.ndarray:
        offsets = np.asarray(pixels, float) - centre
        if flipped:
            offsets[:, 0] = image.shape[0] - 1 - pixels[:, 0] - centre[0]
        points = best.to_mni(offsets)
        if flipped and best.plane != "sagittal":
            points[:, 0] *= -1  # the picture's right stays the right, whichever way round it was compared
        return points

    return match, to_mni


def _is_flipped(image: np.ndarray) -> bool:
    """Whether the picture is turned over before it is looked at: the same picture results from it and its mirror image."""
    columns = image.astype(float).sum(axis=1)
    unlike = np.flatnonzero(columns != columns[::-1])
    return bool(len(unlike) and columns[unlike[0]] > columns[::-1][unlike[0]])


@dataclass
class _Picture:
    image: np.ndarray
    lesion: np.ndarray
    centre: np.ndarray
    _smoothed: dict[float, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def sampled(self, scale: float, turn: float, across: float, down: float) -> tuple[np.ndarray, np.ndarray]:
        """Picture and weight on the grid of the sections, (SIZE, SIZE)."""
        a, d = grid()
        c, s = np.cos(turn), np.sin(turn)
        x, y = (a - across) / scale, (d - down) / scale
        index = np.stack([c * x + s * y + self.centre[0], -s * x + c * y + self.centre[1]])
        sigma = max(0.42 * STEP_MM / scale, 0.1)
        smooth, weight = self._smooth(round(sigma, 1))
        return (
            ndimage.map_coordinates(smooth, index, order=1, mode="nearest"),
            ndimage.map_coordinates(weight, index, order=1, mode="constant"),
        )

    def _smooth(self, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        if sigma not in self._smoothed:
            weight = (~ndimage.binary_dilation(self.lesion, iterations=2)).astype(np.float32)
            low, high = np.percentile(self.image, [1, 99.5])
            values = np.clip((self.image - low) / max(high - low, 1e-6), 0, 1.2).astype(np.float32)
            self._smoothed[sigma] = ndimage.gaussian_filter(values, sigma), weight
        return self._smoothed[sigma]


def _search(picture: _Picture, size: float, planes: tuple[str, ...], stop: Callable[[], None]) -> Iterator[Candidate]:
    """The best shift of every section at every size and turn."""
    every, forward = sections(planes)
    reach = int(FARTHEST_MM / STEP_MM)
    shifts = np.r_[0 : reach + 1, -reach:0]
    for head_mm in HEAD_MM:
        stop()
        fits = np.array([FILLED[0] * head_mm <= s.extent_mm <= FILLED[1] * head_mm for s in every])
        if not fits.any():
            continue
        mask, values, squares = (f[fits] for f in forward)
        for turn in TURNS:
            scale = head_mm / size
            image, weight = picture.sampled(scale, turn, 0.0, 0.0)
            w, i, ii = (fft.rfft2(p, (FFT_SIZE, FFT_SIZE)) for p in (weight, weight * image, weight * image**2))

            def slide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
                return fft.irfft2(a * np.conj(b), (FFT_SIZE, FFT_SIZE))[:, shifts][:, :, shifts]

            count = np.maximum(slide(w, mask), 1.0)
            mean_i, mean_t = slide(i, mask) / count, slide(w, values) / count
            var_i, var_t = slide(ii, mask) / count - mean_i**2, slide(w, squares) / count - mean_t**2
            both = slide(i, values) / count - mean_i * mean_t
            fit = both / np.sqrt(np.maximum(var_i, 1e-4) * np.maximum(var_t, 1e-4))
            fit[count < 0.75 * np.array([s.count for s in every])[fits][:, None, None]] = -1
            for one, values_of in zip(np.array(every, object)[fits], fit, strict=True):
                at = np.unravel_index(int(values_of.argmax()), values_of.shape)
                across, down = (-STEP_MM * shifts[n] for n in at)
                yield Candidate(
                    one.plane, one.level_mm, one.nose_right, scale, turn, across, down, float(values_of[at])
                )


def _apart(found: list[Candidate]) -> list[Candidate]:
    """The best candidate of every neighbourhood of levels."""
    kept: list[Candidate] = []
    for one in found:
        near = [
            k
            for k in kept
            if (k.plane, k.nose_right) == (one.plane, one.nose_right)
            and abs(k.level_mm - one.level_mm) < LEVELS_APART_MM
        ]
        if not near and len(kept) < REFINED:
            kept.append(one)
    return kept


def _refined(picture: _Picture, start: Candidate, size: float) -> Candidate:
    """The best fit near a candidate; its size and level stay within what is possible."""
    _, _, _, levels = PLANES[start.plane]
    steps = np.array([0.04 * start.scale, np.deg2rad(4), 4.0, 4.0, 4.0])
    first = np.array([start.scale, start.turn, start.across_mm, start.down_mm, start.level_mm])

    def candidate(v: np.ndarray) -> Candidate:
        scale, turn, across, down, level = first + v * steps
        level = float(np.clip(level, levels[0] - 4, levels[-1] + 4))
        return Candidate(start.plane, level, start.nose_right, float(scale), float(turn), float(across), float(down))

    def cost(v: np.ndarray) -> float:
        one = candidate(v)
        if (
            one.scale <= 0
            or not FILLED[0] * one.scale * size <= extent(one.plane, one.level_mm) <= FILLED[1] * one.scale * size
        ):
            return 1.0
        return -_fit(picture, one)

    simplex = np.vstack([np.zeros(5), np.eye(5)])
    done = optimize.minimize(
        cost, np.zeros(5), method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": 140, "xatol": 0.05, "fatol": 2e-4},
    )  # fmt: skip
    best = candidate(done.x)
    return Candidate(**{**best.__dict__, "fit": float(-done.fun)})


def _fit(picture: _Picture, one: Candidate) -> float:
    image, weight = picture.sampled(one.scale, one.turn, one.across_mm, one.down_mm)
    values, mask = section(one.plane, one.level_mm, one.nose_right)
    w = weight * mask
    total = float(w.sum())
    if total < 0.75 * mask.sum() or total < 20:
        return -1.0
    a, b = image - (w * image).sum() / total, values - (w * values).sum() / total
    whole = float((w * a * b).sum() / np.sqrt(max((w * a * a).sum() * (w * b * b).sum(), 1e-6)))
    inner = ndimage.binary_erosion(mask > 0.5, iterations=round((RIM_MM + INSIDE_MM) / STEP_MM))
    return (whole + _local(image, values, w, inner)) / 2


def _local(image: np.ndarray, values: np.ndarray, weight: np.ndarray, inner: np.ndarray) -> float:
    """Mean correlation of neighbourhoods inside the brain: ventricles and fissures count as much as the outline."""

    def mean(array: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(weight * array, WINDOW)

    weight = weight * inner
    share = mean(np.ones_like(weight)) + 1e-6
    a, b = mean(image) / share, mean(values) / share
    spread = (mean(image**2) / share - a**2, mean(values**2) / share - b**2)
    together = mean(image * values) / share - a * b
    seen = inner & (weight > 0.5) & (share > 0.3)
    if not seen.any():
        return -1.0
    return float((together / np.sqrt(np.maximum(spread[0], FLAT) * np.maximum(spread[1], FLAT)))[seen].mean())


def _said(candidates: list[Candidate], masks: Mapping[str, np.ndarray], centre: np.ndarray) -> PictureMatch:
    best = max(one.fit for one in candidates)
    weights = np.exp((np.array([one.fit for one in candidates]) - best) / SHARPNESS)
    weights /= weights.sum()
    by_plane = {p: float(sum(w for w, c in zip(weights, candidates, strict=True) if c.plane == p)) for p in PLANES}
    plane = max(by_plane, key=by_plane.__getitem__)
    own = [(c, w) for c, w in zip(candidates, weights, strict=True) if c.plane == plane]
    known = best >= LEAST_FIT and by_plane[plane] >= LEAST_CONFIDENCE
    places = {}
    for name, mask in masks.items():
        pixels = np.argwhere(mask)
        shares: dict[str, float] = {}
        if len(pixels):
            pixels = pixels[:: max(1, len(pixels) // 2000)] - centre
            for one, weight in zip(candidates, weights, strict=True):
                for lobe, share in lobes_at(one.to_mni(pixels)).items():
                    shares[lobe] = shares.get(lobe, 0.0) + weight * share
        lobe = max(shares, key=shares.__getitem__, default=None)
        confidence = shares.get(lobe, 0.0)
        told = known and lobe not in (None, OUTSIDE) and confidence >= LEAST_CONFIDENCE
        places[name] = PicturePlace(lobe if told else None, float(confidence))
    level = max(own, key=lambda one: one[1])[0].level_mm
    near = float(sum(w for c, w in own if abs(c.level_mm - level) < LEVELS_APART_MM))
    levels = [c.level_mm for c, w in own if w > SELDOM and abs(c.level_mm - level) < LEVELS_APART_MM]
    spread = min(levels) - LEVEL_STEP_MM / 2, max(levels) + LEVEL_STEP_MM / 2
    if not known or near < LEAST_CONFIDENCE:
        level = spread = None
    return PictureMatch(plane if known else None, by_plane[plane], level, spread, best, known, places, near)
