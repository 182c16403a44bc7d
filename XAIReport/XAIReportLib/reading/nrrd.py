"""NRRD: the header is looked at first, then SimpleITK reads the voxels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from XAIReportLib.case import InputError
from XAIReportLib.files import for_itk

HEADER_BYTES = 2**16  # a real one takes a few hundred
# Spaces in which the patient's left is known; "scanner-xyz" and "3D-right-handed" say nothing of the patient.
PATIENT_SPACES = frozenset(
    {"right-anterior-superior", "left-anterior-superior", "left-posterior-superior", "ras", "las", "lps"}
)


def read(path: Path, max_voxels: int) -> tuple[np.ndarray, np.ndarray, list[Path]]:
    """Voxels with axes (i, j, k), affine to LPS millimetres, and the files that were read.

    Raises InputError, and any error of SimpleITK when the file is damaged.
    """
    import SimpleITK as sitk

    fields = _fields(path)
    read_from = [path, *_data_files(path, fields)]
    if fields.get("space", "").lower() not in PATIENT_SPACES or "space directions" not in fields:
        raise InputError(
            f"{path.name} does not say how it lies in the patient (space and space directions), so left and right are "
            "unknown; write it again with its orientation."
        )
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(for_itk(path))
    reader.ReadImageInformation()
    size = reader.GetSize()
    if math.prod(size) > max_voxels:
        raise InputError(
            f"{path.name} has {' x '.join(map(str, size))} voxels by its header; give one head MRI volume."
        )
    if reader.GetNumberOfComponents() > 1:
        raise InputError(
            f"{path.name} has {reader.GetNumberOfComponents()} values in each voxel (colours or a series of volumes); "
            "give one grey volume."
        )
    image = reader.Execute()
    array = sitk.GetArrayFromImage(image).transpose()
    return array, _affine_lps(image), read_from


def files(path: Path) -> list[Path]:
    """The files that ``read`` reads, of whatever suffix: the header's, and the data file that it names.

    Raises InputError when it is no NRRD image, or names a data file that is not one file beside it.
    """
    return [path, *_data_files(path, _fields(path))]


def _affine_lps(image) -> np.ndarray:
    n = image.GetDimension()
    affine = np.eye(4)
    m = min(n, 3)
    affine[:m, :m] = (np.reshape(image.GetDirection(), (n, n)) * np.asarray(image.GetSpacing()))[:m, :m]
    affine[:m, 3] = image.GetOrigin()[:m]
    return affine


def _fields(path: Path) -> dict[str, str]:
    """The header's fields, names in lower case."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if not head.startswith(b"NRRD"):
        raise InputError(f"{path.name} is not an NRRD image; give the file that its name promises.")
    header, blank_line, _ = head.replace(b"\r\n", b"\n").partition(b"\n\n")
    if not blank_line and len(head) == HEADER_BYTES:  # a detached header may end with its file instead
        raise InputError(
            f"{path.name} has a header of more than {HEADER_BYTES >> 10} kB; write it again without its comments."
        )
    text = header.decode("latin-1")
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return {name.strip().lower(): value.lstrip("=").strip() for name, value in pairs}


def _data_files(path: Path, fields: dict[str, str]) -> list[Path]:
    """The detached data file, which must lie beside its header: a header may name any file, or a pipe."""
    named = fields.get("data file", fields.get("datafile"))
    if named is None:
        return []
    if Path(named).name != named or not (path.parent / named).is_file():
        raise InputError(f"{path.name} names a data file that is not one file beside it; save it as one .nrrd file.")
    return [path.parent / named]
