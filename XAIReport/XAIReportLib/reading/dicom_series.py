"""DICOM: one series of slices in a folder, or a file of frames or of one slice. Geometry from the tags, pixels through GDCM."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from XAIReportLib.case import InputError
from XAIReportLib.files import for_itk
from XAIReportLib.reading import DICOM_SUFFIXES, acquisition
from XAIReportLib.reading.acquisition import Acquisition, Tags, acquisition_of
from XAIReportLib.reading.functional_groups import FrameTags

TAGS = (
    *acquisition.TAGS,
    "SOPClassUID",
    "PatientID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "PhotometricInterpretation",
    "BitsAllocated",
    "PixelData",
)
MIN_SLICES = 8
LARGE_ELEMENT_BYTES = 1024
MARK, MARK_AT = b"DICM", 128  # behind a preamble, which is nearly always zeros
META_GROUP = 2
FIRST_GROUPS = (b"\x02\0", b"\x08\0")  # how a file without preamble begins: its meta information or its data set
MAX_FIRST_BYTES = 128  # of the first element, a short text or a number
ORIENTATION_TOLERANCE = 1e-3  # of direction cosines; scanners write six decimals
SPACING_TOLERANCE = 1e-3  # millimetres in the plane
# Shares of the slice distance: how much it may vary (scanners round positions), how far a slice may lie off the
# straight grid, and below what two slices lie at one place.
STEP_SHARE, SHIFT_SHARE, SAME_PLACE_SHARE = 0.05, 0.25, 0.01


@dataclass(frozen=True)
class Plane:
    """One slice's place in space, LPS millimetres.

    Attributes:
        source: the file's name or the frame's number, for messages.
        position: centre of the first pixel.
        row, column: unit vectors along which the column index i and the row index j grow.
        spacing: distance between columns (i), between rows (j).
        size: number of columns, number of rows.
    """

    source: str
    position: np.ndarray
    row: np.ndarray
    column: np.ndarray
    spacing: tuple[float, float]
    size: tuple[int, int]


def read_folder(folder: Path, max_voxels: int) -> tuple[np.ndarray, np.ndarray, Acquisition, list[Path]]:
    """Voxels (rescaled) with axes (i, j, k), affine to LPS millimetres, the acquisition, and the files that were read.

    Raises InputError when the folder does not hold exactly one series on an even grid without gaps, or one slice.
    """
    headers = _series_headers(folder)
    name = folder.name or str(folder)
    first_path, first = headers[0]
    if len(headers) == 1 and int(first.get("NumberOfFrames") or 1) > 1:
        return *read_multi_frame(first_path, max_voxels), [first_path]
    return *_stacked(headers, name, max_voxels), [path for path, _ in headers]


def _stacked(headers: list[tuple[Path, Any]], name: str, max_voxels: int) -> tuple[np.ndarray, np.ndarray, Acquisition]:
    """Voxels, affine and acquisition of a series of files of one slice each."""
    import SimpleITK as sitk

    order, affine, lookups = _slices(headers, name)
    _check_greys(lookups, name)
    columns, rows = int(headers[0][1].Columns), int(headers[0][1].Rows)
    if columns * rows * len(order) > max_voxels:
        raise InputError(f"{name} has {columns} x {rows} x {len(order)} voxels, too many; give one head MRI series.")
    array = np.empty((columns, rows, len(order)), dtype=np.float32)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetOutputPixelType(sitk.sitkFloat32)
    for k, index in enumerate(order):
        reader.SetFileName(for_itk(headers[index][0]))
        try:
            array[:, :, k] = sitk.GetArrayFromImage(reader.Execute()).reshape(rows, columns).T
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"{headers[index][0].name} in {name} is damaged, truncated or compressed in an unknown way; "
                "export the series again."
            ) from error
    return array, affine, acquisition_of(lookups[0])


def read_file(path: Path, max_voxels: int) -> tuple[np.ndarray, np.ndarray, Acquisition]:
    """As ``read_multi_frame``, of a file that may also hold one slice with its place and thickness."""
    import pydicom

    try:
        header = _data_set(path, specific_tags=list(TAGS), defer_size=LARGE_ELEMENT_BYTES)
    except pydicom.errors.InvalidDicomError as error:
        raise InputError(f"{path.name} is not a DICOM file; give the file that its name promises.") from error
    if int(header.get("NumberOfFrames") or 1) > 1:
        return read_multi_frame(path, max_voxels)
    if "PixelData" not in header or _pixels_lack(header):
        raise InputError(f"{path.name} is truncated or holds no image; export it again.")
    return _stacked([(path, header)], path.name, max_voxels)


def read_multi_frame(path: Path, max_voxels: int) -> tuple[np.ndarray, np.ndarray, Acquisition]:
    """Voxels (rescaled) with axes (i, j, k), affine to LPS millimetres, the acquisition, of an enhanced multi-frame file.

    Raises InputError when it says no place for each frame, or is compressed.
    """
    import pydicom

    try:
        data = _data_set(path)
    except pydicom.errors.InvalidDicomError as error:
        raise InputError(f"{path.name} is not a DICOM file; give the file that its name promises.") from error
    if "PixelData" not in data:
        raise InputError(f"{path.name} is truncated or holds no image; export it again.")
    frames = int(data.get("NumberOfFrames") or 1)
    if data.Rows * data.Columns * frames > max_voxels:
        raise InputError(f"{path.name} has {data.Columns} x {data.Rows} x {frames} voxels; give one head MRI series.")
    order, affine, lookups = _frames(data, path.name)
    try:
        pixels = data.pixel_array
    except Exception as error:  # every decoder has its own
        raise InputError(
            f"{path.name} is truncated or compressed in a way that cannot be read; export it uncompressed."
        ) from error
    scaled = [
        pixels[i] * np.float32(lookups[i].get("RescaleSlope") or 1)
        + np.float32(lookups[i].get("RescaleIntercept") or 0)
        for i in order
    ]
    array = np.stack(scaled).transpose().astype(np.float32)
    if data.get("PhotometricInterpretation") == "MONOCHROME1":  # low values are white; GDCM turns them by itself
        array = array.max() - array
    return array, affine, acquisition_of(lookups[order[0]])


def source_images(source: Path) -> tuple[list[Path], list[int], np.ndarray]:
    """The files of a series, or the one multi-frame file, without reading pixels; for objects that refer to them.

    Returns:
        The files in the order of their names; for each index k of the volume's third axis (as ``read_folder`` and
        ``read_multi_frame`` stack it) the index of its file or, in a multi-frame file, of its frame; and the affine to LPS
        millimetres.

    Raises:
        InputError: as ``read_folder``.
    """
    headers = _series_headers(source) if source.is_dir() else [(source, _data_set(source, stop_before_pixels=True))]
    first_path, first = headers[0]
    if len(headers) == 1 and int(first.get("NumberOfFrames") or 1) > 1:
        order, affine, _ = _frames(_data_set(first_path, stop_before_pixels=True), first_path.name)
        return [first_path], order, affine
    order, affine, _ = _slices(headers, source.name or str(source))
    return [path for path, _ in headers], order, affine


def series_files(folder: Path) -> list[Path]:
    """The files that ``read_folder`` reads, in order of their names. Raises InputError when they are no series."""
    return [path for path, _ in _series_headers(folder)]


def _slices(headers: list[tuple[Path, Any]], name: str) -> tuple[list[int], np.ndarray, list[Tags]]:
    """The order of files of one slice each along their normal, the affine to LPS millimetres, and the tags of each slice."""
    planes, lookups = [], []
    for path, header in headers:
        if int(header.get("NumberOfFrames") or 1) > 1:
            raise InputError(
                f"{path.name} holds several slices and lies beside others in {name}; put it into its own folder."
            )
        groups = header.get("PerFrameFunctionalGroupsSequence")
        tags = FrameTags(groups[0], _shared(header), header) if groups else header
        planes.append(_plane(tags, header, path.name))
        lookups.append(tags)
    return *_ordered(planes, lookups[0], name), lookups


def _check_greys(slices: list[Tags], name: str) -> None:
    """Raises InputError where the slices would not fit together: GDCM turns MONOCHROME1 before it applies a slice's slope."""
    kinds = {str(tags.get("PhotometricInterpretation") or "MONOCHROME2") for tags in slices}
    scales = {(float(tags.get("RescaleSlope") or 1), float(tags.get("RescaleIntercept") or 0)) for tags in slices}
    if "MONOCHROME1" in kinds and (len(kinds) > 1 or len(scales) > 1):
        raise InputError(
            f"{name} stores bright as low values (MONOCHROME1) with a slope, intercept or interpretation that differs between "
            "its slices, so that their greys cannot be compared; export it as MONOCHROME2."
        )


def _shared(data: Any) -> Any:
    """The groups that all frames share; None where there are none."""
    return (data.get("SharedFunctionalGroupsSequence") or [None])[0]


def _frames(data, name: str) -> tuple[list[int], np.ndarray, list[FrameTags]]:
    """The frames' order along their normal, the affine to LPS millimetres, and the tags of each frame."""
    groups = data.get("PerFrameFunctionalGroupsSequence") or ()
    if len(groups) != int(data.get("NumberOfFrames") or 1):
        raise InputError(f"{name} does not say where its frames lie; give the series as single slices.")
    lookups = [FrameTags(group, _shared(data), data) for group in groups]
    order, affine = place([_plane(tags, data, f"frame {i + 1}") for i, tags in enumerate(lookups)], name)
    return order, affine, lookups


def _ordered(planes: list[Plane], header: Tags, name: str) -> tuple[list[int], np.ndarray]:
    """As ``place``; a single slice is as thick as its header says. Raises InputError when it does not say so."""
    if len(planes) > 1:
        return place(planes, name)
    thickness = _numbers([header.get("SliceThickness")], 1)
    if thickness is None or thickness[0] <= 0:
        raise InputError(
            f"{name} is one slice that does not say how thick it is (Slice Thickness); give the folder of its whole series."
        )
    (plane,) = planes
    affine = np.eye(4)
    affine[:3, 0] = plane.row * plane.spacing[0]
    affine[:3, 1] = plane.column * plane.spacing[1]
    affine[:3, 2] = np.cross(plane.row, plane.column) * thickness[0]
    affine[:3, 3] = plane.position
    return [0], affine


def place(planes: list[Plane], name: str) -> tuple[list[int], np.ndarray]:
    """The planes' order along their normal and the affine (i, j, k) to LPS millimetres of the grid that they form.

    Raises InputError when they differ in size, spacing or orientation, lie twice at one place, or not evenly.
    """
    if len(planes) < MIN_SLICES:
        raise InputError(f"{name} has {len(planes)} slices; give a series with at least {MIN_SLICES}.")
    first = planes[0]
    _check_parallel(planes, name)
    positions = np.array([plane.position for plane in planes])
    depth = positions @ np.cross(first.row, first.column)
    order = [int(index) for index in np.argsort(depth, kind="stable")]
    step = _check_even(depth[order], [planes[index].source for index in order], name)
    start, end = positions[order[0]], positions[order[-1]]
    slice_step = (end - start) / (len(planes) - 1)
    straight = start + np.outer(np.arange(len(planes)), slice_step)
    if np.linalg.norm(positions[order] - straight, axis=1).max() > SHIFT_SHARE * step:
        raise InputError(f"{name} has slices that are shifted against each other; give one series on a straight grid.")
    affine = np.eye(4)
    affine[:3, 0] = first.row * first.spacing[0]
    affine[:3, 1] = first.column * first.spacing[1]
    affine[:3, 2] = slice_step
    affine[:3, 3] = start
    return order, affine


def _check_parallel(planes: list[Plane], name: str) -> None:
    first = planes[0]
    for plane in planes:
        same = (
            plane.size == first.size
            and np.allclose(plane.spacing, first.spacing, rtol=0, atol=SPACING_TOLERANCE)
            and np.allclose((plane.row, plane.column), (first.row, first.column), rtol=0, atol=ORIENTATION_TOLERANCE)
        )
        if not same:
            raise InputError(
                f"{name} mixes slices of different size, spacing or orientation ({first.source} and {plane.source}); "
                "give one series of parallel slices."
            )


def _check_even(depth: np.ndarray, sources: list[str], name: str) -> float:
    """The distance between neighbouring slices, of sorted depths in millimetres. Raises InputError when it varies."""
    steps = np.diff(depth)
    step = float(np.median(steps))
    k = int(np.argmin(steps))
    if steps[k] <= max(SAME_PLACE_SHARE * step, 1e-6):
        raise InputError(
            f"{name} has several slices at one place ({sources[k]} and {sources[k + 1]}): several time points, echoes "
            "or copies; give one volume."
        )
    k = int(np.argmax(np.abs(steps - step)))
    if abs(steps[k] - step) > STEP_SHARE * step:
        wrong = "slices are missing" if steps[k] > 1.5 * step else "the slices are not evenly spaced"
        raise InputError(
            f"{name} has {steps[k]:.2f} mm between {sources[k]} and {sources[k + 1]} but {step:.2f} mm elsewhere, so "
            f"{wrong}; export the whole series again."
        )
    return step


def _series_headers(folder: Path) -> list[tuple[Path, object]]:
    """The headers of the one series in the folder, in order of the files' names. Raises InputError when it has not one."""
    headers = _headers(folder)
    name = folder.name or str(folder)
    if not headers:
        inside = "; give the folder with the images" if any(p.is_dir() for p in folder.iterdir()) else ""
        raise InputError(f"{name} holds no DICOM images{inside or '; give the folder of one DICOM series'}.")
    _check_one_series([header for _, header in headers], name)
    return headers


def _headers(folder: Path) -> list[tuple[Path, object]]:
    """The image files of the folder with their tags, in order of their names.

    Raises InputError for a file that may be a damaged slice: without the first or the last, a series would look whole.
    """
    import pydicom

    found = []
    for path in sorted(folder.iterdir(), key=lambda file: file.name):
        if not path.is_file() or path.name.startswith(".") or path.name.upper() == "DICOMDIR":
            continue
        try:
            # Pixels are only measured here, not read.
            header = _data_set(path, specific_tags=list(TAGS), defer_size=LARGE_ELEMENT_BYTES)
            if "Rows" not in header and _is_no_image(header):
                continue  # a report or a presentation state beside the slices
            if _pixels_lack(header):
                raise ValueError("fewer pixels than rows and columns say")
            found.append((path, header))
        except InputError:
            raise
        except Exception as error:  # a damaged header fails in any way
            if isinstance(error, pydicom.errors.InvalidDicomError) and not _seems_dicom(path):
                continue  # a note or a preview beside the slices
            raise InputError(
                f"{path.name} in {folder.name} is damaged or truncated; export the series again, or move the file "
                "elsewhere if it is no slice."
            ) from error
    return found


def _data_set(path: Path, **how):
    """The tags of a file, with or without preamble.

    Raises:
        InvalidDicomError: it is no DICOM file.
        InputError: it is deflated; pydicom would inflate all of it, to whatever size, for a single tag.
    """
    import pydicom

    with path.open("rb") as file:
        bare = file.read(2) in FIRST_GROUPS
        if _is_deflated(file, bare):
            raise InputError(f"{path.name} is a deflated DICOM file, which is not read; export it uncompressed.")
    data = pydicom.dcmread(path, force=bare, **how)
    if bare and "TransferSyntaxUID" not in data.file_meta:
        implicit, _ = data.original_encoding
        data.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        )
    return data


def _is_deflated(file: BinaryIO, bare: bool) -> bool:
    """Whether the meta information of a file, with or without preamble, says so."""
    from pydicom.filereader import read_dataset, read_preamble
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    file.seek(0)
    read_preamble(file, bare)
    meta = read_dataset(
        file, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, *_: tag.group != META_GROUP
    )
    return meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def begins_as_dicom(path: Path) -> bool:
    """Whether a file whose name tells nothing is DICOM by its beginning, with or without preamble. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(MARK_AT + len(MARK))
    if head[MARK_AT:] == MARK:
        return True
    # The first tag, then its type as two capitals or, where types are left out, a length of four bytes; both are short.
    return (
        head[:2] in FIRST_GROUPS
        and head[3:4] == b"\0"
        and (head[4:6].isupper() or 0 < int.from_bytes(head[4:8], "little") <= MAX_FIRST_BYTES)
    )


def _seems_dicom(path: Path) -> bool:
    """Whether a file that cannot be read was DICOM by its name or its beginning, as far as there is one."""
    with path.open("rb") as file:
        head = file.read(MARK_AT + len(MARK))
    blank = not head[:MARK_AT].strip(b"\0")  # an empty file, too
    return blank or head[MARK_AT:] == MARK or path.suffix.lower() in DICOM_SUFFIXES


def _is_no_image(header) -> bool:
    """Whether the object's class is not one of images. A cut file may have lost its class or the end of its class's number,
    which then looks private, but a private object that is whole belongs to a series."""
    kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    if kind is None or kind.is_private:
        return kind is not None and "SeriesInstanceUID" in header
    return kind.name != str(kind) and "Image Storage" not in kind.name


def _pixels_lack(header) -> bool:
    """Whether the file holds fewer bytes than its size asks for; GDCM would fill the rest without a word."""
    if "PixelData" not in header:
        return True
    element = header.get_item("PixelData")
    length = element.length if element.value is None else len(element.value)
    frames = int(header.get("NumberOfFrames") or 1)
    wanted = header.Rows * header.Columns * frames * int(header.get("BitsAllocated") or 8) // 8
    return not header.file_meta.TransferSyntaxUID.is_compressed and length < wanted


def _check_one_series(headers: list, name: str) -> None:
    """Raises InputError that lists the series by number, never by what a person typed or whose they are."""
    series = Counter((str(h.get("SeriesInstanceUID")), str(h.get("SeriesNumber") or "?")) for h in headers)
    if len({uid for uid, _ in series}) > 1:
        listed = ", ".join(f"number {number} ({count} images)" for (_, number), count in sorted(series.items())[:20])
        raise InputError(
            f"{name} holds {len(series)} DICOM series: {listed}; put the T1 post-contrast series into its own folder."
        )
    patients = {str(h.get("PatientID")).strip() for h in headers if h.get("PatientID")} - {""}
    if len(patients) > 1:
        raise InputError(
            f"{name} holds slices of {len(patients)} patients (their Patient ID differs); give the slices of one patient."
        )


def _plane(tags, header, source: str) -> Plane:
    """``tags`` say where the slice lies, ``header`` its size. Raises InputError when they do not."""
    position = _numbers(tags.get("ImagePositionPatient"), 3)
    axes = _numbers(tags.get("ImageOrientationPatient"), 6)
    spacing = _numbers(tags.get("PixelSpacing"), 2)
    if position is None or axes is None or spacing is None:
        raise InputError(f"{source} does not say where it lies in the patient; give a series of original slices.")
    if str(header.get("PhotometricInterpretation") or "MONOCHROME2") not in ("MONOCHROME1", "MONOCHROME2"):
        raise InputError(f"{source} is a colour picture; give the series of original grey slices.")
    row, column = axes[:3], axes[3:]
    lengths = np.linalg.norm((row, column), axis=1)
    if np.abs(lengths - 1).max() > 0.01 or abs(row @ column) > 0.01:
        raise InputError(f"{source} has an orientation that is no right angle; export the series again.")
    row = row / lengths[0]
    column = column - (column @ row) * row  # few digits leave them almost at a right angle
    return Plane(
        source,
        position,
        row,
        column / np.linalg.norm(column),
        (float(spacing[1]), float(spacing[0])),
        (int(header.get("Columns")), int(header.get("Rows"))),
    )


def _numbers(value, count: int) -> np.ndarray | None:
    try:
        numbers = np.array([float(v) for v in value], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.shape == (count,) and all(map(math.isfinite, numbers)) else None
