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
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage, optimize

from XAIReportLib.anatomy.atlas import load_atlas, load_template
from XAIReportLib.results import PictureMatch, PicturePlace

STEP_MM, SIZE, FFT_SIZE = 4.0, 64, 96  # of the grid on which sections are compared
MIDDLE_MM = np.array([0.0, -18.0, 10.0])  # of it, in MNI152
LEVEL_STEP_MM = 8.0
# RAS axis through a plane, axes across and down a picture of it, and the levels that show enough brain to be told.
PLANES = {
    "axial": (2, 0, 1, np.arange(-40.0, 49.0, LEVEL_STEP_MM)),
    "coronal": (1, 0, 2, np.arange(-76.0, 45.0, LEVEL_STEP_MM)),
    "sagittal": (0, 1, 2, np.arange(0.0, 57.0, LEVEL_STEP_MM)),
}
# Sizes of the head in the picture that are tried (square root of its box's area, mm), and how much of that the brain fills.
HEAD_MM = 115.0 * 1.07 ** np.arange(11)
FILLED = (0.62, 1.06)
TURNS = np.deg2rad([-10.0, 0.0, 10.0])
RIM_MM = 6.0  # around the brain, compared too: bone and fluid are dark there, as is the air around a stripped brain
FARTHEST_MM = 64.0
INSIDE_MM, WINDOW, FLAT = 6.0, 7, 2e-3  # how deep inside the brain the local correlation begins;
# of the local correlation: points of the grid, variance below which there is nothing to see
REFINED, LEVELS_APART_MM = 12, 12.0
# How fast a candidate's weight falls with its correlation; the fit and the weight below which nothing is said.
SHARPNESS, LEAST_FIT, LEAST_CONFIDENCE = 0.015, 0.55, 0.70


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
        return _points(
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
    low, high = _box(head)
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
        a, d = _grid()
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
    sections, forward = _sections(planes)
    reach = int(FARTHEST_MM / STEP_MM)
    shifts = np.r_[0 : reach + 1, -reach:0]
    for head_mm in HEAD_MM:
        stop()
        fits = np.array([FILLED[0] * head_mm <= s.extent_mm <= FILLED[1] * head_mm for s in sections])
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
            fit[count < 0.75 * np.array([s.count for s in sections])[fits][:, None, None]] = -1
            for section, values_of in zip(np.array(sections, object)[fits], fit, strict=True):
                at = np.unravel_index(int(values_of.argmax()), values_of.shape)
                across, down = (-STEP_MM * shifts[n] for n in at)
                yield Candidate(
                    section.plane, section.level_mm, section.nose_right, scale, turn, across, down, float(values_of[at])
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
            or not FILLED[0] * one.scale * size <= _extent(one.plane, one.level_mm) <= FILLED[1] * one.scale * size
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
    values, mask = _section(one.plane, one.level_mm, one.nose_right)
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
    own = [(c.level_mm, w) for c, w in zip(candidates, weights, strict=True) if c.plane == plane and w > 0.05]
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
    levels = [level for level, _ in own]
    spread = (min(levels) - LEVEL_STEP_MM / 2, max(levels) + LEVEL_STEP_MM / 2) if levels else None
    level = float(np.average(levels, weights=[w for _, w in own])) if levels else None
    return PictureMatch(plane if known else None, by_plane[plane], level, spread, best, known, places)


OUTSIDE = "outside the brain"


def lobes_at(points: np.ndarray) -> dict[str, float]:
    """Share of points of MNI152, (n, 3) mm, in each lobe; tissue without a label belongs to the nearest labelled lobe."""
    volume, affine, names = _lobes()
    index = np.rint((points - affine[:3, 3]) / np.diag(affine)[:3]).astype(int)
    inside = ((index >= 0) & (index < volume.shape)).all(axis=1)
    found = np.zeros(len(points), int)
    found[inside] = volume[tuple(index[inside].T)]
    counts = np.bincount(found, minlength=len(names)) / max(len(points), 1)
    return {names[n]: float(counts[n]) for n in np.flatnonzero(counts)}


@lru_cache(maxsize=1)
def _lobes() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Number of the lobe by voxel of the template, 0 outside the brain; affine; names."""
    atlas, template = load_atlas(), load_template()
    names = [OUTSIDE, *dict.fromkeys(region.lobe for region in atlas.regions)]
    of_label = np.array([0, *(names.index(region.lobe) for region in atlas.regions)], np.uint8)
    shape = template.image.shape
    axes = [np.arange(n) * template.affine[a, a] + template.affine[a, 3] for a, n in enumerate(shape)]
    index = [np.rint((axis - atlas.affine[a, 3]) / atlas.affine[a, a]).astype(int) for a, axis in enumerate(axes)]
    lobes = np.zeros(shape, np.uint8)
    good = [(i >= 0) & (i < n) for i, n in zip(index, atlas.labels.shape, strict=True)]
    lobes[np.ix_(*good)] = of_label[atlas.labels[np.ix_(*(i[g] for i, g in zip(index, good, strict=True)))]]
    nearest = ndimage.distance_transform_edt(lobes == 0, return_distances=False, return_indices=True)
    lobes = lobes[tuple(nearest)]
    lobes[~ndimage.binary_fill_holes(template.image > 0)] = 0
    return lobes, template.affine, names


@dataclass(frozen=True)
class _Section:
    plane: str
    level_mm: float
    nose_right: bool
    extent_mm: float
    count: float


@lru_cache(maxsize=8)
def _sections(planes: tuple[str, ...]) -> tuple[list[_Section], tuple[np.ndarray, ...]]:
    """All sections of some planes, and the transforms of their mask, values and squares."""
    sections, arrays = [], []
    for plane in planes:
        for level in PLANES[plane][3]:
            for nose_right in (False, True) if plane == "sagittal" else (False,):
                values, mask = _section(plane, float(level), nose_right)
                sections.append(
                    _Section(plane, float(level), nose_right, _extent(plane, float(level)), float(mask.sum()))
                )
                arrays.append((mask, mask * values, mask * values**2))
    stacked = (np.stack(parts) for parts in zip(*arrays, strict=True))
    return sections, tuple(fft.rfft2(part, (FFT_SIZE, FFT_SIZE)) for part in stacked)


def _section(plane: str, level: float, nose_right: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values and mask (brain and a rim) of a section, float32 (SIZE, SIZE)."""
    smooth, near, affine = _smooth_template()
    points = _points(plane, level, nose_right, *(g.ravel() for g in _grid()))
    index = ((points - affine[:3, 3]) / np.diag(affine)[:3]).T.reshape(3, SIZE, SIZE)
    return tuple(ndimage.map_coordinates(v, index, order=1) for v in (smooth, near))


def _extent(plane: str, level: float) -> float:
    """Square root of the area of the box around the brain in a section, mm."""
    levels, extents = _extents()[plane]
    return float(np.interp(level, levels, extents))


@lru_cache(maxsize=1)
def _extents() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    template = load_template()
    found = {}
    for plane, (through, _, _, told) in PLANES.items():
        levels = np.arange(told[0] - 4, told[-1] + 5, 4.0)
        extents = []
        for level in levels:
            n = round((level - template.affine[through, 3]) / template.affine[through, through])
            low, high = _box(np.take(template.image, n, axis=through) > 0)
            extents.append(float(np.sqrt((high - low).prod())))
        found[plane] = levels, np.array(extents)
    return found


@lru_cache(maxsize=1)
def _smooth_template() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The template and its brain with a rim on every second voxel, smoothed to the grid of the sections."""
    template = load_template()
    brain = ndimage.binary_fill_holes(template.image > 0)
    near = ndimage.distance_transform_edt(~brain[::2, ::2, ::2]) * 2 <= RIM_MM
    affine = template.affine.copy()
    affine[:3, :3] *= 2
    smooth = ndimage.gaussian_filter(template.image, 0.42 * STEP_MM)[::2, ::2, ::2]
    return smooth.astype(np.float32), near.astype(np.float32), affine


def _points(plane: str, level: float, nose_right: bool, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    through, first, second, _ = PLANES[plane]
    points = np.empty((len(across), 3))
    points[:, through] = level
    points[:, first] = MIDDLE_MM[first] + (-across if plane == "sagittal" and not nose_right else across)
    points[:, second] = MIDDLE_MM[second] - down
    return points


@lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, np.ndarray]:
    places = (np.arange(SIZE) - (SIZE - 1) / 2) * STEP_MM
    return tuple(np.meshgrid(places, places, indexing="ij"))


def _box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest index of a mask, (2,); zeros when it is empty."""
    found = np.argwhere(mask)
    if not len(found):
        return np.zeros(2), np.zeros(2)
    return np.percentile(found, 0.5, axis=0), np.percentile(found, 99.5, axis=0)
