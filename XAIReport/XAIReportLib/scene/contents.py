"""A finished result folder read for the scene: arrays with their geometry, documents, atlas names.

Read with what Slicer's own Python has (SimpleITK, numpy); nothing touches the scene before all of it was read.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from XAIReportLib.case import InputError, head_mask
from XAIReportLib.files import for_itk
from XAIReportLib.folder import ResultFolder, read_result

Table = tuple[list[str], list[list[str]]]
TEXT_FILES = ("report.txt", "findings.json", "narrative.json")
READERS = 4  # files of a folder that are unpacked at the same time
# Window from the head's own values: the lowest percent is air left at its edge, the highest half percent vessels.
_WINDOW_PERCENTILES = (1.0, 99.5)
_WINDOW_SAMPLES = 128  # at most, along an axis
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class GridImage:
    """Voxels in MRML order (k, j, i) and the 4x4 matrix from (i, j, k, 1) to RAS millimetres."""

    voxels: np.ndarray
    ijk_to_ras: np.ndarray


@dataclass(frozen=True)
class AtlasColor:
    """One line of ``atlas.ctbl``; the colour is red, green, blue, alpha in [0, 1]."""

    label: int
    name: str
    rgba: tuple[float, float, float, float]


@dataclass(frozen=True)
class Contents:
    """What the scene shows of a result folder.

    Attributes:
        heatmaps: float32 by name (results.map_names).  saliency_masks: uint8 by the same.
        cuts: the value from which a heat map is shown.  peaks: where it is highest, RAS millimetres.
        lesions: int16 component labels, None without a lesion mask.
        lesion_numbers: the labels that are there.
        regions, clinical: header and rows of ``regions.csv`` and of the clinical record; without rows where there is none.
        window: lowest and highest image value to show.
        has_geometry: False for a picture, whose grid is a nominal 1 mm.
    """

    folder: Path
    case_id: str
    image: GridImage
    heatmaps: dict[str, GridImage]
    saliency_masks: dict[str, GridImage]
    cuts: dict[str, float]
    peaks: dict[str, tuple[float, float, float]]
    lesions: GridImage | None
    lesion_numbers: tuple[int, ...]
    atlas: GridImage | None
    atlas_colors: tuple[AtlasColor, ...]
    regions: Table
    clinical: Table
    findings: dict[str, Any]
    texts: dict[str, str]
    run: dict[str, Any]
    window: tuple[float, float]
    has_geometry: bool = True


def read_contents(folder: str | Path) -> Contents:
    """Read a result folder.

    Raises:
        InputError: it is not a finished result folder, or a file of it cannot be read.
    """
    result = read_result(folder)
    grids = _grids(result)
    heatmaps = {name: grids[path] for name, path in result.heatmaps.items()}
    masks = {name: grids[path] for name, path in result.masks.items()}
    lesions = grids[result.lesion] if result.lesion else None
    contents = Contents(
        folder=result.path,
        case_id=str(result.findings.get("case_id") or result.path.name),
        image=grids[result.image],
        heatmaps=heatmaps,
        saliency_masks=masks,
        cuts={name: _cut(grid, masks.get(name)) for name, grid in heatmaps.items()},
        peaks={name: _peak(grid) for name, grid in heatmaps.items()},
        lesions=lesions,
        lesion_numbers=_numbers(lesions.voxels) if lesions else (),
        atlas=grids[result.atlas] if result.atlas else None,
        atlas_colors=_color_table(result.atlas_colours) if result.atlas_colours else (),
        regions=read_table(result.reports["csv"]),
        clinical=read_table(result.clinical) if result.clinical else ([], []),
        findings=result.findings,
        texts={name: (result.path / name).read_text(encoding="utf-8") for name in TEXT_FILES},
        run=result.run,
        window=_window(grids[result.image].voxels),
        has_geometry=_has_geometry(result),
    )
    _same_grid(contents)
    return contents


def _grids(result: ResultFolder) -> dict[Path, GridImage]:
    """Every image of the folder, by its file."""
    kinds: dict[Path, type | None] = {result.image: None}
    kinds |= dict.fromkeys(result.heatmaps.values(), np.float32) | dict.fromkeys(result.masks.values(), np.uint8)
    kinds |= {path: np.int16 for path in (result.lesion, result.atlas) if path}
    with _sheared_grids_allowed(), ThreadPoolExecutor(READERS) as pool:
        return dict(zip(kinds, pool.map(_read_grid, kinds, kinds.values()), strict=True))


def _cut(heatmap: GridImage, mask: GridImage | None) -> float:
    """The lowest heat inside the map's mask, so that map and mask end at the same place; 0.5 without a mask.

    Never 0: a map that is shown everywhere hides the image.
    """
    inside = heatmap.voxels[mask.voxels > 0] if mask is not None else np.empty(0)
    lowest = float(inside.min()) if inside.size else 0.5
    return max(lowest, 1e-3)


def _peak(grid: GridImage) -> tuple[float, float, float]:
    """Where a map is highest, RAS millimetres; the first of several equal voxels."""
    kji = np.unravel_index(int(grid.voxels.argmax()), grid.voxels.shape)
    return tuple(float(v) for v in (grid.ijk_to_ras @ [*kji[::-1], 1.0])[:3])


def _numbers(labels: np.ndarray) -> tuple[int, ...]:
    return tuple(number for number in range(1, int(labels.max()) + 1) if (labels == number).any())


def _window(values: np.ndarray) -> tuple[float, float]:
    # Some voxels of a long axis: the percentiles stay, and the head is found in a fraction of the time.
    values = values[tuple(slice(None, None, ceil(length / _WINDOW_SAMPLES)) for length in values.shape)]
    low, high = np.percentile(_inside_of_head(values), _WINDOW_PERCENTILES)
    return float(low), float(max(high, low + 1e-6))


def _inside_of_head(values: np.ndarray) -> np.ndarray:
    """Values of the head without its outer shell, where a voxel is half air; all values when nothing is left."""
    from scipy import ndimage

    head = np.transpose(head_mask(np.transpose(values)))
    # A slice axis of one or few voxels has no shell to lose.
    reach = [3 if length > 8 else 1 for length in values.shape]
    inner = values[ndimage.binary_erosion(head, np.ones(reach), iterations=2)]
    return inner if inner.size else values


def _has_geometry(result: ResultFolder) -> bool:
    image = result.findings.get("image") or {}
    return bool(image.get("has_geometry", result.run.get("geometry", "stated") is not None))


def _read_grid(path: Path, dtype: type | None) -> GridImage:
    """Read one image of a result folder, as ``dtype`` or as stored; sheared grids keep their shear.

    Raises:
        InputError: the file is not a readable three-dimensional image.
    """
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(for_itk(path))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read as an image; analyse the case again. ({_last_line(error)})") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{path} is not one three-dimensional image; analyse the case again.")
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    matrix = _LPS_TO_RAS @ matrix
    if image.HasMetaDataKey("ITK_sform_corrected") and image.GetMetaData("ITK_sform_corrected") == "YES":
        matrix[:3] = [[float(v) for v in image.GetMetaData(f"srow_{row}").split()] for row in "xyz"]
    voxels = sitk.GetArrayFromImage(image)
    return _right_handed(GridImage(voxels if dtype is None else voxels.astype(dtype, copy=False), matrix))


def _right_handed(grid: GridImage) -> GridImage:
    """The same voxels at the same places with right-handed axes, as Slicer itself reads a left-handed file: its slice
    order is turned round. A node on a left-handed grid would come back from a saved scene with its slices turned."""
    if np.linalg.det(grid.ijk_to_ras[:3, :3]) > 0:
        return GridImage(np.ascontiguousarray(grid.voxels), grid.ijk_to_ras)
    matrix = grid.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, 2] * (grid.voxels.shape[0] - 1)
    matrix[:3, 2] *= -1
    return GridImage(np.ascontiguousarray(grid.voxels[::-1]), matrix)


@contextmanager
def _sheared_grids_allowed() -> Iterator[None]:
    """ITK refuses a sheared NIfTI grid unless this is set, and then squares it; the true matrix is in the header."""
    name = "ITK_NIFTI_SFORM_PERMISSIVE"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _same_grid(contents: Contents) -> None:
    others = [*contents.heatmaps.values(), *contents.saliency_masks.values(), contents.lesions, contents.atlas]
    reference = contents.image
    for other in others:
        if other is not None and (
            other.voxels.shape != reference.voxels.shape
            or not np.allclose(other.ijk_to_ras, reference.ijk_to_ras, atol=1e-3)
        ):
            raise InputError(
                f"{contents.folder}: a map or mask is not on the grid of image.nii.gz; analyse the case again."
            )


def read_table(path: Path) -> Table:
    """Header and rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    return (rows[0], rows[1:]) if rows else ([], [])


def _color_table(path: Path) -> tuple[AtlasColor, ...]:
    """Lines "label name r g b a" (0 to 255) as Slicer writes them, an underscore standing for a blank in a name."""
    colors = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) < 6 or line.startswith("#"):
            continue
        r, g, b, a = (int(word) / 255 for word in words[-4:])
        colors.append(AtlasColor(int(words[0]), " ".join(words[1:-4]).replace("_", " "), (r, g, b, a)))
    return tuple(colors)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
