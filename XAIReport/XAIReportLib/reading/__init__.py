"""Reading: NIfTI, NRRD, DICOM series, single DICOM slices and pictures become one checked ``Case``.

Every reader hands over an array with axes (i, j, k) and an affine to RAS millimetres; the checks are the same for all. A single
slice with geometry keeps it, with its one voxel along k. A NIfTI or NRRD slice with no affine, or with the identity, is a picture.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from XAIReportLib.case import Case, InputError, head_mask, new_case_id, safe_case_id
from XAIReportLib.reading.acquisition import Acquisition

MIN_VOXELS = 8  # along each axis: fewer are a localiser or a cut, not a volume
MIN_SPACING_MM, MAX_SPACING_MM = 0.1, 15.0  # outside: a wrong unit, a wrong header, or no clinical brain MRI
MAX_VOXELS = 2**29  # 2 GiB as float32, four times a head at 0.5 mm; a damaged header can ask for any amount
MAX_FILE_BYTES = 2**32
HASHED_BYTES = 2**20  # at a time
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# A volume is flat when its voxel is smaller than this share of the box with the same edge lengths.
MIN_VOXEL_SHARE = 0.01


@dataclass(frozen=True)
class LoadedImage:
    """What a reader found, before any check: affine is None for a picture."""

    array: np.ndarray
    affine: np.ndarray | None
    kind: str
    sha256: str
    modality: str = "MR"
    coloured: bool = False
    echo_time_ms: float | None = None
    contrast_agent: bool | None = None


def read_case(source: str | Path, case_id: str | None = None) -> Case:
    """Read and check one image.

    Args:
        source: a NIfTI (.nii, .nii.gz) or NRRD (.nrrd, .nhdr) file, a folder with one DICOM series, a DICOM file of
            several frames or of one slice, or a PNG or JPEG picture of one slice.
        case_id: random when None; never taken from a file name or a tag.

    Raises:
        InputError: the sentence names the input, what is wrong with it and what to do.
    """
    case_id = new_case_id() if case_id is None else safe_case_id(case_id)
    path = Path(source)
    name = path.name or str(path)
    try:
        with _quiet():
            loaded = _reader(path, name)(path)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{name} does not fit into memory; give a smaller image.") from error
    except PermissionError as error:
        raise InputError(f"{name} may not be read; change its permissions or copy it.") from error
    except Exception as error:  # a damaged file makes the readers fail in any way
        raise InputError(f"{name} is damaged or truncated; export or copy it again.") from error
    return _checked(loaded, name, case_id)


def case_from_array(
    image: np.ndarray, affine: np.ndarray | None, case_id: str | None = None, modality: str = "MR"
) -> Case:
    """A case from an array that is in memory already.

    Args:
        image: axes (i, j, k), or (columns, rows) for a picture, grey.
        affine: 4x4, voxel index to RAS millimetres; None for a picture.

    Raises:
        InputError: as ``read_case``.
    """
    case_id = new_case_id() if case_id is None else safe_case_id(case_id)
    array = np.asarray(image)
    if affine is None and array.ndim != 2 and array.shape[2:] != (1,):
        raise InputError("The array is a volume without an affine; give the affine to RAS millimetres.")
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    if affine is not None:
        affine = np.array(affine, dtype=np.float64)
        digest.update(affine.tobytes())
    return _checked(LoadedImage(array, affine, "array", digest.hexdigest(), modality), "The array", case_id)


def _reader(path: Path, name: str) -> Callable[[Path], LoadedImage]:
    """The reader for what ``path`` is by its suffix."""
    if not path.exists():
        raise InputError(f"{name} does not exist; check the path.")
    if path.is_dir():
        return _dicom_folder
    if not path.is_file():
        raise InputError(f"{name} is neither a file nor a folder; give an image file or a DICOM series folder.")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{name} is empty; export or copy it again.")
    if size > MAX_FILE_BYTES:
        raise InputError(f"{name} is larger than {MAX_FILE_BYTES >> 30} GB; give one head MRI volume.")
    lower = name.lower()
    for suffixes, reader in READERS.items():
        if lower.endswith(suffixes):
            return reader
    from XAIReportLib.reading.dicom_series import begins_as_dicom

    if begins_as_dicom(path):
        return _dicom_file
    raise InputError(
        f"{name} is not an image that can be read; give NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr), a folder with one "
        "DICOM series, a DICOM file, or a PNG or JPEG slice."
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the reading libraries: they print about damaged headers, with full paths, where one sentence is due."""
    import logging

    loggers = [logging.getLogger(name) for name in ("nibabel.global", "pydicom")]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled


def _nifti(path: Path) -> LoadedImage:
    from XAIReportLib.reading import nifti

    data = path.read_bytes()
    array, affine = nifti.decode(data, path.name, MAX_VOXELS)
    return LoadedImage(array, affine, "nifti", hashlib.sha256(data).hexdigest())


def _nrrd(path: Path) -> LoadedImage:
    from XAIReportLib.reading import nrrd

    array, affine_lps, files = nrrd.read(path, MAX_VOXELS)
    return LoadedImage(array, LPS_TO_RAS @ affine_lps, "nrrd", _sha256(files))


def _dicom_folder(path: Path) -> LoadedImage:
    from XAIReportLib.reading import dicom_series

    array, affine_lps, how, files = dicom_series.read_folder(path, MAX_VOXELS)
    return _dicom(array, affine_lps, how, files)


def _dicom_file(path: Path) -> LoadedImage:
    from XAIReportLib.reading import dicom_series

    array, affine_lps, how = dicom_series.read_file(path, MAX_VOXELS)
    return _dicom(array, affine_lps, how, [path])


def _dicom(array: np.ndarray, affine_lps: np.ndarray, how: Acquisition, files: list[Path]) -> LoadedImage:
    return LoadedImage(
        array,
        LPS_TO_RAS @ affine_lps,
        "dicom",
        _sha256(files),
        how.modality,
        echo_time_ms=how.echo_time_ms,
        contrast_agent=how.contrast_agent,
    )


def _picture(path: Path) -> LoadedImage:
    from XAIReportLib.reading import picture

    array, coloured = picture.read(path)
    return LoadedImage(array, None, "picture", _sha256([path]), coloured=coloured)


READERS: dict[tuple[str, ...], Callable[[Path], LoadedImage]] = {
    (".nii", ".nii.gz"): _nifti,
    (".nrrd", ".nhdr"): _nrrd,
    DICOM_SUFFIXES: _dicom_file,
    (".png", ".jpg", ".jpeg"): _picture,
}


def sha256_of_input(source: str | Path) -> str:
    """``Case.sha256`` of an input: of the bytes of all files that its image is read from, none of which is decoded.

    Raises:
        InputError: it does not exist, cannot be read, is too large, or is not what its name promises.
    """
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path.name} does not exist; check the path.")
    try:
        files = _files_of(path)
        for file in files:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise InputError(f"{file.name} is larger than {MAX_FILE_BYTES >> 30} GB; give one head MRI volume.")
        return _sha256(files)
    except OSError as error:
        raise InputError(f"{path.name} may not be read; change its permissions or copy it.") from error


def _files_of(path: Path) -> list[Path]:
    """The files that the reader of ``path`` hashes, found by headers alone."""
    if path.is_dir():
        from XAIReportLib.reading import dicom_series

        with _quiet():
            return dicom_series.series_files(path)
    if not path.is_file():
        raise InputError(f"{path.name} is neither a file nor a folder; give an image file or a DICOM series folder.")
    if path.name.lower().endswith((".nrrd", ".nhdr")):  # either may have its voxels in a second file
        from XAIReportLib.reading import nrrd

        return nrrd.files(path)
    return [path]


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda file: file.name):
        with path.open("rb") as file:
            while block := file.read(HASHED_BYTES):
                digest.update(block)
    return digest.hexdigest()


def _checked(loaded: LoadedImage, name: str, case_id: str) -> Case:
    """The case, when its voxels and its grid are those of an image that can be analysed."""
    image, affine = _checked_voxels(loaded.array, name), loaded.affine
    if affine is not None:
        _check_grid(affine, name)
    if 1 in image.shape:
        if affine is not None and loaded.kind in ("nifti", "nrrd") and np.array_equal(np.abs(affine), np.eye(4)):
            affine = None  # what programs write when they turn a picture into such a file
        order = sorted(range(3), key=lambda axis: image.shape[axis] == 1)  # a NIfTI's one voxel may lie along any axis
        image = np.ascontiguousarray(image.transpose(order))
        affine = affine if affine is None else affine[:, [*order, 3]]
    return Case(
        case_id,
        image,
        affine,
        head_mask(image),
        modality=loaded.modality,
        kind=loaded.kind,
        sha256=loaded.sha256,
        coloured=loaded.coloured,
        echo_time_ms=loaded.echo_time_ms,
        contrast_agent=loaded.contrast_agent,
    )


def _checked_voxels(array: np.ndarray, name: str) -> np.ndarray:
    """float32, three axes; of a single slice one of them has one voxel."""
    if np.iscomplexobj(array):
        raise InputError(f"{name} holds complex numbers; give the magnitude image.")
    if array.dtype.names or array.dtype.kind not in "fiub":
        raise InputError(f"{name} holds colours or records, not intensities; give a grey image.")
    shape = array.shape[:3] + tuple(n for n in array.shape[3:] if n != 1)
    if len(shape) > 3:
        raise InputError(
            f"{name} has {len(shape)} dimensions ({' x '.join(map(str, shape))}), so it is a series of volumes; "
            "give one volume."
        )
    shape = shape + (1,) * (3 - len(shape))
    if math.prod(shape) == 0 or min(sorted(shape)[1:]) < MIN_VOXELS or 1 < min(shape) < MIN_VOXELS:
        raise InputError(
            f"{name} has {' x '.join(map(str, shape))} voxels; give an image with {MIN_VOXELS} or more along each axis, or "
            "a single slice."
        )
    if math.prod(shape) > MAX_VOXELS:
        raise InputError(f"{name} has {' x '.join(map(str, shape))} voxels, too many; give one head MRI volume.")
    with np.errstate(over="ignore", invalid="ignore"):
        image = np.ascontiguousarray(array.reshape(shape), dtype=np.float32)
    if not np.isfinite(image).all():
        raise InputError(f"{name} holds values that are not finite numbers (NaN or infinite); replace them.")
    if image.min() == image.max():
        raise InputError(f"{name} has the same value in every voxel, so it shows nothing; export it again.")
    return image


def _check_grid(affine: np.ndarray, name: str) -> None:
    """Raises InputError when the affine is no grid in space at clinical voxel sizes."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or not np.allclose(affine[3], (0, 0, 0, 1)):
        raise InputError(
            f"{name} has an affine that is no 4x4 transform to millimetres; write it again with its geometry."
        )
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if spacing.min() < MIN_SPACING_MM or spacing.max() > MAX_SPACING_MM:
        shown = " x ".join(f"{value:.4g}" for value in spacing)
        raise InputError(
            f"{name} has a voxel spacing of {shown} mm, outside {MIN_SPACING_MM} to {MAX_SPACING_MM:g} mm; "
            "write it again with its true spacing."
        )
    if abs(np.linalg.det(affine[:3, :3])) < MIN_VOXEL_SHARE * spacing.prod():
        raise InputError(f"{name} has a singular affine (its axes lie in one plane); write it again with its geometry.")
