"""A case as the slices that a network sees, and maps on those slices brought back onto the case.

Every network input is a square slice of 224 pixels, axes (row, column), as a radiologist sees it: anterior or superior at the top,
patient right at the left, in sagittal slices the nose at the left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from XAIReportLib.case import Case, InputError

PIXELS = 224
HEAD_SHARE = 0.9  # of the field of view that a picture's head fills
SLICE_STEP = 2  # in cube pixels: every other millimetre of each plane is looked at
SMALLEST_MM = 20.0  # a slice with less head than a square of this is not looked at
NECK_LIMIT_MM = 210.0  # from the top of the head downwards: what lies lower is neck and shoulders
PLANES = ("axial", "coronal", "sagittal")
PICTURE = ("picture",)  # the planes of a case that is one slice
# How a radiologist sees a plane: the RAS directions along which its columns and its rows grow.
_SHOWN = {2: ((-1, 0, 0), (0, -1, 0)), 1: ((-1, 0, 0), (0, 0, -1)), 0: ((0, -1, 0), (0, 0, -1))}


def normalise(image: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Head percentiles 1 and 99.5 to 0 and 1, clipped to [0, 1.5], 0 outside the head. Any scale, any background."""
    values = image[head] if head.any() else image.ravel()
    low, high = np.percentile(values, [1.0, 99.5])
    scaled = np.clip((image - low) / max(float(high - low), 1e-6), 0.0, 1.5)
    return np.where(head, scaled, 0.0).astype(np.float32)


@dataclass(frozen=True)
class Upright:
    """How a slice (i, j, 1) is turned to be seen: by transposing, then mirroring its rows and its columns. A picture without
    geometry, whose i runs to its right and j down, is transposed."""

    transposed: bool = True
    mirrored: tuple[bool, bool] = (False, False)

    @classmethod
    def of(cls, affine: np.ndarray | None) -> Upright:
        """Of a slice by its affine (4x4, to RAS): as a radiologist sees the plane that it is nearest to."""
        if affine is None:
            return cls()
        i, j = affine[:3, :2].T / np.linalg.norm(affine[:3, :2], axis=0)[:, None]
        across, down = map(np.array, _SHOWN[int(np.abs(np.cross(i, j)).argmax())])
        if abs(i @ across) + abs(j @ down) >= abs(i @ down) + abs(j @ across):
            return cls(True, (bool(j @ down < 0), bool(i @ across < 0)))
        return cls(False, (bool(i @ down < 0), bool(j @ across < 0)))

    def seen(self, array: np.ndarray) -> np.ndarray:
        """(i, j, 1) as (rows, columns)."""
        flat = array[:, :, 0].T if self.transposed else array[:, :, 0]
        return flat[tuple(slice(None, None, -1 if m else 1) for m in self.mirrored)]

    def back(self, flat: np.ndarray) -> np.ndarray:
        """(rows, columns) as (i, j, 1)."""
        flat = flat[tuple(slice(None, None, -1 if m else 1) for m in self.mirrored)]
        return (flat.T if self.transposed else flat)[:, :, None]

    def edges(self, affine: np.ndarray | None) -> np.ndarray:
        """Of a pixel along (rows, columns), millimetres; ones without geometry."""
        i, j = (1.0, 1.0) if affine is None else np.linalg.norm(affine[:3, :2], axis=0)
        return np.array((j, i) if self.transposed else (i, j))


@dataclass(frozen=True)
class PictureViews:
    """One slice in the network's field of view: pixel (row, column) lies at ``origin + step * (row, column)`` of the slice as it
    is seen (``upright``).

    Cropping to the head makes the answer independent of the slice's field of view, padding and air.
    """

    origin: np.ndarray
    step: np.ndarray
    shape: tuple[int, int]
    upright: Upright = Upright()
    planes: tuple[str, ...] = PICTURE

    @classmethod
    def of(cls, head: np.ndarray, affine: np.ndarray | None = None) -> PictureViews:
        """``head``: bool (i, j, 1). ``affine``: of a slice with geometry, 4x4 to RAS millimetres."""
        upright = Upright.of(affine)
        flat, edges = upright.seen(head), upright.edges(affine)
        rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
        if len(rows) == 0:
            rows, columns = np.array([0, flat.shape[0] - 1]), np.array([0, flat.shape[1] - 1])
        centre = np.array([(rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2])
        longest = (np.array([rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1]) * edges).max()
        step = longest / (HEAD_SHARE * PIXELS) / edges
        return cls(centre - step * (PIXELS - 1) / 2, step, flat.shape, upright)

    def from_case(self, array: np.ndarray, labels: bool = False, only: Sequence[int] = (0,)) -> np.ndarray:
        """An array on the case's grid as slices (1, 224, 224), 0 outside: float32, linear; labels: nearest, unchanged type.
        ``only``: as of a volume, whose slices have numbers."""
        flat = self.upright.seen(array)
        if not labels:
            flat = _against_aliasing(flat.astype(np.float32), tuple(self.step))
        return ndimage.affine_transform(flat, self.step, self.origin, (PIXELS, PIXELS), order=0 if labels else 1)[None][
            list(only)
        ]

    def onto_case(self, maps: np.ndarray) -> np.ndarray:
        """Maps (1, 224, 224) on the case's grid: float32 (i, j, 1)."""
        flat = ndimage.affine_transform(
            maps[0].astype(np.float32), 1 / self.step, -self.origin / self.step, self.shape, order=1
        )
        return self.upright.back(flat)


@dataclass(frozen=True)
class VolumeViews:
    """A volume as axial, coronal and sagittal slices of one cube of 224 pixels, aligned with the patient's axes (RAS).

    Attributes:
        cube_to_voxel: 4x4, cube index (a, b, c), rising to right, anterior, superior, to voxel index (i, j, k).
        positions: for each plane the cube indices of its slices.
        shape: of the case.
    """

    cube_to_voxel: np.ndarray
    positions: dict[str, np.ndarray]
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, case: Case) -> VolumeViews:
        step, corner = _field_of_view(case)
        cube_to_ras = np.diag([step, step, step, 1.0])
        cube_to_ras[:3, 3] = corner
        views = cls(np.linalg.inv(case.affine) @ cube_to_ras, {}, case.image.shape)
        head = views._cube(case.head.astype(np.float32)) > 0.5
        smallest = SMALLEST_MM**2 / step**2
        for plane, axis in zip(PLANES, (2, 1, 0), strict=True):
            area = head.sum(axis=tuple(a for a in range(3) if a != axis))
            first, last = (np.flatnonzero(area >= smallest)[[0, -1]]) if (area >= smallest).any() else (0, -1)
            views.positions[plane] = np.arange(first, last + 1, SLICE_STEP)
        return views

    @property
    def planes(self) -> tuple[str, ...]:
        return tuple(plane for plane in PLANES for _ in self.positions[plane])

    def from_case(self, array: np.ndarray, labels: bool = False, only: Sequence[int] | None = None) -> np.ndarray:
        """An array on the case's grid as slices (n, 224, 224), 0 outside: float32, linear; labels: nearest, unchanged type.
        ``only``: the numbers of the slices wanted, without the cost of the others."""
        array = array if labels else array.astype(np.float32)
        if only is not None:
            return self._few(array, labels, only)
        cube = self._cube(array, labels)
        slices = [_view(cube, plane, at) for plane in PLANES for at in self.positions[plane]]
        return np.stack(slices) if slices else np.zeros((0, PIXELS, PIXELS), np.float32)

    def onto_case(self, maps: np.ndarray) -> np.ndarray:
        """Maps (n, 224, 224) on the case's grid: mean of the three planes, each linear between its slices."""
        total = sum(cube / len(PLANES) for cube in self._plane_cubes(maps))
        inverse = np.linalg.inv(self.cube_to_voxel)
        return ndimage.affine_transform(total, inverse[:3, :3], inverse[:3, 3], self.shape, order=1)

    def _plane_cubes(self, maps: np.ndarray) -> Iterator[np.ndarray]:
        start = 0
        for plane, axis in zip(PLANES, (2, 1, 0), strict=True):
            positions = self.positions[plane]
            cube = np.zeros((PIXELS,) * 3, np.float32)
            along = np.moveaxis(cube, axis, 0)
            for number, at in enumerate(positions):
                here = _unview(maps[start + number], plane)
                along[at] = here
                if number:  # fill the gap to the slice before, linearly
                    before = positions[number - 1]
                    for between in range(before + 1, at):
                        share = (between - before) / (at - before)
                        along[between] = (1 - share) * along[before] + share * here
            start += len(positions)
            yield cube

    def _few(self, array: np.ndarray, labels: bool, only: Sequence[int]) -> np.ndarray:
        """Slices by number: each is a cut through the cube of its own."""
        places = [(plane, at) for plane in PLANES for at in self.positions[plane]]
        source = self._smoothed(array, labels)
        matrix, offset = self.cube_to_voxel[:3, :3], self.cube_to_voxel[:3, 3]
        cuts = []
        for plane, at in (places[number] for number in only):
            axis = 2 - PLANES.index(plane)
            shape = tuple(1 if a == axis else PIXELS for a in range(3))
            cut = ndimage.affine_transform(
                source, matrix, offset + at * matrix[:, axis], shape, order=0 if labels else 1
            )
            cuts.append(_view(cut, plane, 0))
        return np.stack(cuts) if cuts else np.zeros((0, PIXELS, PIXELS), array.dtype)

    def _cube(self, array: np.ndarray, labels: bool = False) -> np.ndarray:
        matrix, offset = self.cube_to_voxel[:3, :3], self.cube_to_voxel[:3, 3]
        source = self._smoothed(array, labels)
        return ndimage.affine_transform(source, matrix, offset, (PIXELS,) * 3, order=0 if labels else 1)

    def _smoothed(self, array: np.ndarray, labels: bool) -> np.ndarray:
        voxel_steps = np.sqrt((np.linalg.inv(self.cube_to_voxel)[:3, :3] ** 2).sum(axis=0))
        return array if labels else _against_aliasing(array, tuple(1 / voxel_steps))


Views = PictureViews | VolumeViews


def make_views(case: Case) -> tuple[Views, np.ndarray]:
    """The case's views and its slices as network input: float32 (n, 224, 224).

    Raises:
        InputError: no section of the volume shows enough of a head to be looked at.
    """
    views = PictureViews.of(case.head, case.affine) if case.is_slice else VolumeViews.of(case)
    if not views.planes:
        raise InputError(
            f"{case.case_id} shows less than {SMALLEST_MM:.0f} mm x {SMALLEST_MM:.0f} mm of head in every section, too little to "
            "look at; give one head MRI volume."
        )
    return views, views.from_case(normalise(case.image, case.head))


def _field_of_view(case: Case) -> tuple[float, np.ndarray]:
    """Millimetres a cube pixel, and the RAS position of cube index (0, 0, 0): the head centred, neck and shoulders left out."""
    step_voxels = max(1, round((case.head.size / 2e6) ** (1 / 3)))
    inside = np.argwhere(case.head[::step_voxels, ::step_voxels, ::step_voxels]) * step_voxels
    if len(inside) == 0:
        inside = np.argwhere(np.ones((2, 2, 2))) * (np.array(case.image.shape) - 1)
    ras = inside @ case.affine[:3, :3].T + case.affine[:3, 3]
    top = np.percentile(ras[:, 2], 99.9)
    ras = ras[ras[:, 2] >= top - NECK_LIMIT_MM]
    low, high = np.percentile(ras, [0.1, 99.9], axis=0)
    step = max(1.0, float((high - low).max()) / (0.97 * PIXELS))
    return step, (low + high) / 2 - step * (PIXELS - 1) / 2


def _view(cube: np.ndarray, plane: str, at: int) -> np.ndarray:
    if plane == "axial":
        return cube[::-1, ::-1, at].T
    if plane == "coronal":
        return cube[::-1, at, ::-1].T
    return cube[at, ::-1, ::-1].T


def _unview(view: np.ndarray, plane: str) -> np.ndarray:
    """The slice of the cube, axes in the cube's order, that ``_view`` showed."""
    return view.T[::-1, ::-1] if plane in PLANES else view


def _against_aliasing(array: np.ndarray, steps: tuple[float, ...]) -> np.ndarray:
    """Smooths axes that the target grid samples more coarsely than the array's own; ``steps`` in array pixels."""
    sigmas = [0.5 * np.sqrt(s**2 - 1) if s > 1.2 else 0.0 for s in steps]
    return ndimage.gaussian_filter(array, sigmas) if any(sigmas) else array
