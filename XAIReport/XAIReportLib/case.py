"""What comes in: one case, its image and its geometry, and where in the image the head is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

CASE_ID_LENGTH = 64
# Windows keeps these names for devices, with any extension behind them.
RESERVED_NAMES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


class InputError(ValueError):
    """One sentence for a person: which input, what is wrong with it, what to do."""


@dataclass(frozen=True)
class Case:
    """One image to analyse.

    Every array in this package has the axes and shape of ``image``. A picture without geometry (PNG, JPEG) is one
    slice: shape (columns, rows, 1), i to the image's right, j down, ``affine`` is None and every millimetre is unknown.
    A single slice with geometry has the shape (i, j, 1), too; its thickness is the length of the affine's third column.

    Attributes:
        case_id: random token unless the user named it; safe as a folder name.
        image: float32, axes (i, j, k) as in NIfTI.
        affine: 4x4, voxel index (i, j, k, 1) to RAS millimetres, or None.
        head: bool, the head (or the brain, when skull-stripped) without the air around it; never assumed from zeros.
        modality: DICOM modality code, "MR" unless the file says otherwise.
        kind: "nifti", "nrrd", "dicom", "picture" or "array".
        sha256: of the input file's bytes (of all files of a DICOM series, in order of their names).
        coloured: the file held true colours; ``image`` is their luminance.
        echo_time_ms: of a DICOM series, when its header gives one.
        clinical: clinical record by column, as clinical.read_clinical gives it; no model uses it.
        contrast_agent: whether a contrast agent is named, by a DICOM header or by the user; None where nothing says it.
    """

    case_id: str
    image: np.ndarray
    affine: np.ndarray | None
    head: np.ndarray
    modality: str = "MR"
    kind: str = "array"
    sha256: str = ""
    coloured: bool = False
    echo_time_ms: float | None = None
    contrast_agent: bool | None = None
    clinical: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_geometry(self) -> bool:
        return self.affine is not None

    @property
    def is_slice(self) -> bool:
        """Whether it is one slice, with or without geometry."""
        return self.image.shape[2] == 1

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Voxel edge lengths in millimetres along (i, j, k)."""
        if self.affine is None:
            return None
        i, j, k = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(i), float(j), float(k)

    @property
    def voxel_ml(self) -> float | None:
        """Volume of one voxel in millilitres, right for oblique and sheared grids (determinant of the affine)."""
        return None if self.affine is None else float(abs(np.linalg.det(self.affine[:3, :3])) / 1000.0)


def new_case_id() -> str:
    """A random case id: names in files and DICOM tags can be a patient's, so none of them is ever used."""
    return secrets.token_hex(6)


def safe_case_id(text: str) -> str:
    """``text`` when it is safe as a folder name on every system. Raises InputError with the reason when it is not."""
    shown = text if len(text) <= CASE_ID_LENGTH else text[:CASE_ID_LENGTH] + "..."
    if not text:
        wrong = "is empty"
    elif len(text) > CASE_ID_LENGTH:
        wrong = f"is longer than {CASE_ID_LENGTH} characters"
    elif not re.fullmatch(r"[A-Za-z0-9._-]+", text):
        wrong = "holds other characters than letters, digits, dot, underscore and hyphen"
    elif text.startswith((".", "-")) or text.endswith(".") or ".." in text:
        wrong = "starts with a dot or hyphen, ends with a dot or holds two dots in a row"
    elif text.partition(".")[0].lower() in RESERVED_NAMES:
        wrong = "is a name that Windows reserves for a device"
    else:
        return text
    raise InputError(f"The case id {shown!r} {wrong}; use for example 'case-001'.")


# The head's edge lies this far up from the level of air to that of tissue: below dark fluid and bone, above ringing.
EDGE_FRACTION = 0.12
# The edge also lies above this share of the air, whose noise and ghosts stay outside.
AIR_PERCENTILE = 95.0
# Clefts narrower than twice this share of the image's longest edge are closed (signal drops out at the neck).
CLOSING_SHARE = 0.01


def head_mask(image: np.ndarray) -> np.ndarray:
    """Where the head (or the stripped brain) is, without the air around it.

    The level of the air is found in the image, never assumed: zero, noise and the negative background of z-scored
    volumes give the same mask. Holes (sinuses, fluid) are filled within each slice.

    Args:
        image: axes (i, j, k), any intensities, finite; a picture has one slice.

    Returns:
        bool, the image's shape; all False when the image is constant.
    """
    from scipy import ndimage

    low, high = float(image.min()), float(np.percentile(image, 99.5))
    if high <= low:
        high = float(image.max())
    if high <= low:
        return np.zeros(image.shape, dtype=bool)
    # Halves, because the distance between two float32 numbers may be none.
    scaled = (np.clip(image, low, high).astype(np.float32) / 2 - low / 2) / (high / 2 - low / 2)
    size = tuple(3 if n > 8 else 1 for n in image.shape)
    smooth = ndimage.uniform_filter(scaled, size)
    level = _edge_level(smooth)
    # Smoothing quiets the noise and widens the head by a voxel, which the voxels themselves take back.
    return _filled(_largest(smooth > level) & (scaled > level))


def _edge_level(smooth: np.ndarray) -> float:
    """Between air and tissue, for intensities in [0, 1]."""
    dark, bright = _split(smooth)
    # Split once more: air below, dark tissue above. Constant air has no spread, and then the fraction decides.
    air, _ = _split(dark)
    level, ceiling = np.percentile(air, (50.0, AIR_PERCENTILE))
    return float(max(level + EDGE_FRACTION * (np.median(bright) - level), ceiling))


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values below and above their Otsu threshold; all of them twice where no threshold parts them."""
    threshold = _otsu(values)
    low, high = values[values <= threshold], values[values > threshold]
    return (low, high) if low.size and high.size else (values, values)


def _otsu(values: np.ndarray) -> float:
    """The threshold with the largest variance between classes (Otsu 1979, eq. 18), for values in [0, 1]."""
    counts, edges = np.histogram(values, bins=512, range=(0.0, 1.0))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / below[-1] - mass) ** 2 / (below * above)
    return float(centres[int(np.nanargmax(np.where(np.isfinite(between), between, -1.0)))])


def _ball(mask: np.ndarray) -> np.ndarray:
    """A voxel with its neighbours across its faces, within the slice when there is one slice."""
    from scipy import ndimage

    ball = ndimage.generate_binary_structure(3, 1)
    return ball[:, :, 1:2] if mask.shape[2] == 1 else ball


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest component, after an opening that cuts thin bridges."""
    from scipy import ndimage

    labels, count = ndimage.label(ndimage.binary_opening(mask, _ball(mask)))
    if count == 0:
        return np.zeros_like(mask)
    return labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))


def _filled(mask: np.ndarray) -> np.ndarray:
    """``mask`` with its clefts closed and the holes of each slice filled, in all three directions."""
    filled = _closed(mask, round(CLOSING_SHARE * max(mask.shape)))
    for axis in range(3):
        if min(n for other, n in enumerate(mask.shape) if other != axis) > 1:
            filled = _fill_slices(filled, axis)
    return filled


def _closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """``mask`` closed by ``radius`` voxels, as if it went on beyond the image's border."""
    from scipy import ndimage

    if radius < 1:
        return mask
    ball = _ball(mask)
    wide = np.pad(mask, [(radius, radius) if n > 1 else (0, 0) for n in mask.shape], mode="edge")
    wide = ndimage.binary_erosion(ndimage.binary_dilation(wide, ball, radius), ball, radius, border_value=1)
    return wide[tuple(slice(radius, -radius) if n > 1 else slice(None) for n in mask.shape)]


def _fill_slices(mask: np.ndarray, axis: int) -> np.ndarray:
    """``mask`` with the holes closed that are enclosed within a slice across ``axis``."""
    from scipy import ndimage

    in_plane = ndimage.generate_binary_structure(3, 1)
    in_plane[tuple(slice(None, None, 2) if a == axis else slice(None) for a in range(3))] = False
    labels, count = ndimage.label(~mask, in_plane)
    outside = np.zeros(count + 1, dtype=bool)
    for other in (a for a in range(3) if a != axis):
        for index in (0, -1):
            outside[np.take(labels, index, other).ravel()] = True
    outside[0] = False
    return ~outside[labels]
