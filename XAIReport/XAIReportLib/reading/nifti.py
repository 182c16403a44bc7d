"""NIfTI: bytes to an array and its affine to RAS millimetres, and back."""

from __future__ import annotations

import gzip
import io
import math
from typing import Any

import numpy as np

from XAIReportLib.case import InputError

MILLIMETRES = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
MAX_START = 2**26  # of the voxels: extensions lie before them, which hold texts
MAX_SURPLUS_BYTES = 2**20  # behind the voxels of a compressed file: it may hold a thousand times its own size
# How far the two forms may lie apart: headers round, and a voxel's size may be written with two decimals.
SIZE_SHARE, ANGLE_DEGREES, OFFSET_VOXELS = 0.005, 1.0, 1.0
NIFTI1_HEADER_BYTES, NIFTI2_HEADER_BYTES = 348, 540


def decode(data: bytes, name: str, max_voxels: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The voxels as the file scales them, and the affine to RAS millimetres; None for a single slice without one.

    ``data`` may be compressed; then all of it is unpacked, so that its checksum is verified. The sform goes before the
    qform (as in nibabel); a volume without either does not say where left is, and is refused, as is a file whose forms
    disagree: Slicer may take the other one.

    Raises InputError, and any error of the reading library when the file is damaged.
    """
    kind, header = _header(_unpacked(data, name, NIFTI2_HEADER_BYTES), name)
    length = _length(header, name, max_voxels)
    unpacked = _unpacked(data, name, length + MAX_SURPLUS_BYTES + 1)
    if len(unpacked) < length:
        raise InputError(f"{name} is truncated; export or copy it again.")
    if unpacked is not data and len(unpacked) > length + MAX_SURPLUS_BYTES:
        raise InputError(f"{name} unpacks to more than the {length} bytes that its header asks for; export it again.")
    image = kind.from_bytes(unpacked)
    return image.get_fdata(dtype=np.float32), _affine(image, name)


def encode(array: np.ndarray, affine: np.ndarray) -> bytes:
    """A .nii.gz file: the array's own type, the affine as sform and qform (code 1, scanner), millimetres.

    The same array gives the same bytes: no time and no name is stored.
    """
    import nibabel

    image = nibabel.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=5, mtime=0) as file:
        file.write(image.to_bytes())
    return packed.getvalue()


def _unpacked(data: bytes, name: str, most: int) -> bytes:
    """The first ``most`` bytes of what ``data`` holds compressed; all of ``data`` when it is not compressed."""
    if data[:2] != b"\x1f\x8b":
        if name.lower().endswith(".gz"):
            raise InputError(f"{name} is not compressed with gzip as its name says; rename it or export it again.")
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(most)
    except EOFError as error:
        raise InputError(f"{name} is truncated; export or copy it again.") from error


def _header(head: bytes, name: str) -> tuple[Any, Any]:
    """nibabel's class of the image that begins so, and its header. Raises InputError when it is none."""
    import nibabel

    size = {int.from_bytes(head[:4], order) for order in ("little", "big")}  # type: ignore[arg-type]
    if NIFTI1_HEADER_BYTES in size and head[344:347] == b"n+1":
        return nibabel.Nifti1Image, nibabel.Nifti1Header(head[:NIFTI1_HEADER_BYTES], check=False)
    if NIFTI2_HEADER_BYTES in size and head[4:7] == b"n+2":
        return nibabel.Nifti2Image, nibabel.Nifti2Header(head[:NIFTI2_HEADER_BYTES], check=False)
    if head[344:347] == b"ni1":
        raise InputError(f"{name} is the header of a NIfTI in two files; save it as one .nii.gz file.")
    raise InputError(f"{name} is not a NIfTI image; give the file that its name promises.")


def _length(header, name: str, max_voxels: int) -> int:
    """The bytes up to the end of the voxels. Raises InputError when the header asks for what is no grey image of a head."""
    _check_start(header, name)
    dtype, shape = header.get_data_dtype(), header.get_data_shape()
    if dtype.kind == "c":
        raise InputError(f"{name} holds complex numbers; give the magnitude image.")
    if dtype.names or dtype.kind not in "fiu":
        raise InputError(f"{name} holds colours or records, not intensities; give a grey image.")
    if min(shape, default=0) < 0 or math.prod(shape) > max_voxels:
        raise InputError(f"{name} has {' x '.join(map(str, shape))} voxels by its header; give one head MRI volume.")
    return int(header["vox_offset"]) + math.prod(shape) * dtype.itemsize


def _check_start(header, name: str) -> None:
    """Raises InputError when the voxels would begin within the header, whose own bytes would then be read as some of them, or
    behind more than extensions take."""
    begins, first = float(header["vox_offset"]), header.single_vox_offset
    if not begins >= first:
        raise InputError(
            f"{name} says that its voxels begin at byte {begins:g}, within its header, which takes {first}; write the file again."
        )
    if begins > MAX_START:
        raise InputError(
            f"{name} says that its voxels begin at byte {begins:g}, behind more than {MAX_START >> 20} MB of other things; "
            "write the file again."
        )


def _affine(image, name: str) -> np.ndarray | None:
    import nibabel

    header = image.header
    sform, qform = header.get_sform(coded=True)[0], None
    try:
        qform = header.get_qform(coded=True)[0]
    except (ValueError, nibabel.spatialimages.HeaderDataError):
        if sform is None:
            raise
    if sform is None and qform is None:
        if 1 in (*image.shape, 1, 1)[:3]:
            return None
        raise InputError(
            f"{name} does not say how it lies in space (sform and qform codes are 0), so left and right are unknown; "
            "write it again with its orientation."
        )
    if sform is not None and (differs := _disagreement(header, sform, qform)):
        raise InputError(
            f"{name} contradicts itself about how it lies in space ({differs}), so that another program may show another "
            "place or size; write it again with one geometry."
        )
    affine = np.array(sform if sform is not None else qform, dtype=np.float64)
    affine[:3] *= MILLIMETRES[header.get_xyzt_units()[0]]
    return affine


def _disagreement(header, sform: np.ndarray, qform: np.ndarray | None) -> str | None:
    """How the sform differs from the qform, or from the voxel spacing where there is none; None when it does not."""
    spacing = np.abs(header["pixdim"][1:4].astype(np.float64))
    lengths = np.linalg.norm(sform[:3, :3], axis=0)
    if (np.abs(lengths - spacing) > SIZE_SHARE * spacing)[spacing > 0].any():  # 0: not given
        return "its sform and its pixdim differ in voxel spacing"
    if qform is None:
        return None
    again = header.copy()
    again.set_qform(sform, 1)  # a qform holds no shear, so that the sform is compared without its own
    nearest = again.get_qform()
    axes, others = (form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0) for form in (nearest, qform))
    if ((axes * others).sum(axis=0) < math.cos(math.radians(ANGLE_DEGREES))).any():
        return "its sform and its qform differ in direction"
    middle = np.append((np.array((*header.get_data_shape(), 1, 1)[:3]) - 1) / 2, 1)
    if np.linalg.norm((nearest - qform) @ middle) > OFFSET_VOXELS * lengths.max():
        return "its sform and its qform differ in position"
    return None
