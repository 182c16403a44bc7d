"""The images that DICOM objects refer to: the series that was analysed, or one made of the result's own image."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import DataElement, Dataset, config, dcmread
from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from pydicom.valuerep import DA, DS, TM, validate_value

from ..case import InputError
from ..folder import ResultFolder
from ..reading import LPS_TO_RAS, MAX_VOXELS, dicom_series, nifti, sha256_of_input

# Of type 2 in every image: present, but maybe empty. A source that lacks them gives nothing to carry over.
_CARRIED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
# Left out where the source lacks them or holds what DICOM forbids: whose it is, what made it, and how it was compressed.
_OPTIONAL = (
    "IssuerOfPatientID",
    "PatientBirthTime",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "Manufacturer",
    "ManufacturerModelName",
    "PositionReferenceIndicator",
    "SliceThickness",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
_PLACE = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID")
_COMMON = ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID")
_SHEAR = 1e-3  # cosine between two axes of the grid above which it is no box


@dataclass(frozen=True)
class SourceImages:
    """What derived objects refer to.

    Attributes:
        images: the series' slices without pixels, or one multi-frame image; in the order of ``stack``.
        order: for each k of the volume the index of its slice or frame.
        made: slices with pixels that were made here, for an input that was no DICOM; empty otherwise.
    """

    images: tuple[Dataset, ...]
    order: tuple[int, ...]
    made: tuple[Dataset, ...] = ()

    def stack(self, array: np.ndarray) -> np.ndarray:
        """Axes (i, j, k) to frames (n, rows, columns), each at the index of its slice or frame."""
        frames = np.empty((len(self.order), array.shape[1], array.shape[0]), array.dtype)
        frames[list(self.order)] = array.transpose(2, 1, 0)
        return frames


def source_images(result: ResultFolder, series: Path | None) -> SourceImages:
    """The images for ``result``; ``series`` is the DICOM folder or multi-frame file that was analysed.

    Raises:
        InputError: a DICOM input without its series, or another one; a picture or a sheared grid, which objects of a
            volume cannot describe.
    """
    kind, geometry = result.run.get("input_kind"), result.run.get("geometry")
    if geometry is None:
        raise InputError(
            f"The result {result.path.name} is of a picture without geometry, and DICOM objects place a volume in the "
            "patient; analyse the volume that it was taken from."
        )
    if kind != "dicom" and series is not None:
        raise InputError(f"The result {result.path.name} was not made from DICOM; leave the series out.")
    if kind != "dicom":
        return _made(result)
    if series is None:
        raise InputError(f"The result {result.path.name} was made from DICOM; give its series.")
    if not series.exists():
        raise InputError(f"{series.name} does not exist; give the DICOM series that was analysed.")
    if sha256_of_input(series) != result.run.get("input_sha256"):
        raise InputError(
            f"{series.name} is not the series that the result {result.path.name} was made from (its SHA-256 differs); "
            "give that one, unchanged."
        )
    return _read(series, result.path.name)


def _read(series: Path, name: str) -> SourceImages:
    """``name``: the result's, for the message about a sheared grid."""
    files, order, affine = dicom_series.source_images(series)
    directions, spacing, _ = _grid(LPS_TO_RAS @ affine, name)
    # Nothing else is read, because highdicom copies all that it finds of the patient and the study, comments included.
    tags = [*_NEEDED, *_PLACE, *_CARRIED, *_OPTIONAL]
    images = [dcmread(path, stop_before_pixels=True, specific_tags=tags) for path in files]
    for path, image in zip(files, images, strict=True):
        missing = [keyword for keyword in _NEEDED if not image.get(keyword)]
        if missing:
            raise InputError(
                f"{path.name} lacks {', '.join(missing)}, so that no DICOM object can refer to it; give the series as "
                "the scanner or the archive exports it."
            )
    _check_together(images, series.name)
    for image in images:
        _make_carriable(image)
        _set_grid(image, directions, spacing)
    return SourceImages(tuple(images), tuple(order))


def _check_together(images: list[Dataset], name: str) -> None:
    """Raises InputError where no object can refer to all of them: slices of one patient, study and frame of reference, told
    apart by their UIDs, or one multi-frame image."""
    if len(images) > 1 and any("PerFrameFunctionalGroupsSequence" in image for image in images):
        raise InputError(
            f"{name} holds {len(images)} enhanced files of one frame each, and DICOM objects can refer to one "
            "enhanced file or to single slices; convert the series to either and analyse it again."
        )
    wrong = [keyword for keyword in _COMMON if len({str(image.get(keyword) or "") for image in images}) > 1]
    if wrong:
        raise InputError(
            f"The slices of {name} differ in {', '.join(wrong)}, and a DICOM object can belong to only one; export the series "
            "again as the scanner made it, and analyse it again."
        )
    if len({image.SOPInstanceUID for image in images}) < len(images):
        raise InputError(
            f"Several slices of {name} have the same SOPInstanceUID, so that no DICOM object can refer to one of them; "
            "export the series again as the scanner made it, and analyse it again."
        )


def _set_grid(image: Dataset, directions: np.ndarray, spacing: np.ndarray) -> None:
    """The orientation and spacing as which the volume was read, the same for all slices: a scanner's digits are few or
    differ, and its own distance between slices, which readers of the objects believe, may be wrong or missing. A thickness
    that is missing is that distance."""
    measures = orientation = image
    if "PerFrameFunctionalGroupsSequence" in image:
        measures, orientation = _shared(image, "PixelMeasuresSequence"), _shared(image, "PlaneOrientationSequence")
    orientation.ImageOrientationPatient = _decimals([*directions[:, 0], *directions[:, 1]])
    measures.PixelSpacing = _decimals([spacing[1], spacing[0]])
    measures.SpacingBetweenSlices = _decimals([spacing[2]])[0]
    if not measures.get("SliceThickness"):
        measures.SliceThickness = measures.SpacingBetweenSlices


def _shared(image: Dataset, keyword: str) -> Dataset:
    """The item of a multi-frame image's shared group; the first frame's becomes it where only the frames have that group."""
    if not image.get("SharedFunctionalGroupsSequence"):
        image.SharedFunctionalGroupsSequence = [Dataset()]
    (shared,) = image.SharedFunctionalGroupsSequence
    if not shared.get(keyword):
        setattr(shared, keyword, [*image.PerFrameFunctionalGroupsSequence[0].get(keyword, ())][:1] or [Dataset()])
    return shared[keyword][0]


def _make_carriable(image: Dataset) -> None:
    """What is carried over is present, in UTF-8, and allowed by DICOM: some archives hold values that it forbids."""
    image.decode()
    image.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*_CARRIED, *_OPTIONAL):
        element = image.pop(keyword, None)
        if element is not None and not element.is_empty and _is_allowed(keyword, element):
            setattr(image, keyword, element.value)
        elif keyword in _CARRIED:
            setattr(image, keyword, None)


def _is_allowed(keyword: str, element: DataElement) -> bool:
    """Whether the value is one that the tag's value representation (PS3.5, 6.2) and multiplicity allow."""
    kind, several = dictionary_VR(keyword), element.VM > 1
    texts = [str(value) for value in (element.value if several else [element.value])]
    if several and dictionary_VM(keyword) == "1":
        return False
    if any(c == "\\" or unicodedata.category(c) == "Cc" for text in texts for c in text):
        return False
    if keyword == "PatientSex":
        return texts[0] in ("M", "F", "O")
    if kind == "PN" and any(group.count("^") > 4 for group in texts[0].split("=")):
        return False
    try:
        for text in texts:
            validate_value(kind, text, config.RAISE)
            {"DA": DA, "TM": TM}.get(kind, str)(text)  # neither a range nor a day that no calendar has
    except ValueError:
        return False
    return True


def _made(result: ResultFolder) -> SourceImages:
    """An MR series with fresh UIDs and no patient, on the grid of image.nii.gz; nothing of an acquisition is claimed."""
    array, affine = nifti.decode(result.image.read_bytes(), result.image.name, MAX_VOXELS)
    directions, spacing, origin = _grid(affine, result.path.name)
    array = array.reshape(array.shape[:3])
    stored, slope, intercept = _stored(array)
    case_id = str(result.run.get("case_id", ""))
    common = _common(case_id, directions, spacing)
    common.WindowCenter, common.WindowWidth = _window(array)
    common.VOILUTFunction = "LINEAR_EXACT"  # of LINEAR, the default, a width below 1 is forbidden
    made = []
    for k in range(array.shape[2]):
        image = Dataset()
        image.update(common)
        image.SOPInstanceUID = generate_uid(None)
        image.InstanceNumber = k + 1
        image.ImagePositionPatient = _decimals(origin + k * spacing[2] * directions[:, 2])
        image.Rows, image.Columns = array.shape[1], array.shape[0]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelRepresentation = int(stored.dtype == np.int16)
        if slope != 1 or intercept:
            image.RescaleSlope, image.RescaleIntercept = _decimals([slope, intercept])
            image.RescaleType = "US"
        image.PixelData = np.ascontiguousarray(stored[:, :, k].T).tobytes()
        image.file_meta = FileMetaDataset()
        image.file_meta.MediaStorageSOPClassUID = MRImageStorage
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.append(image)
    return SourceImages(tuple(made), tuple(range(len(made))), tuple(made))


def _common(case_id: str, directions: np.ndarray, spacing: np.ndarray) -> Dataset:
    """What all slices of a made series share. Scanning Sequence RM is "research mode": how it was acquired is unknown."""
    common = Dataset()
    common.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _CARRIED:
        setattr(common, keyword, None)
    common.PatientID = case_id
    common.SOPClassUID, common.Modality = MRImageStorage, "MR"
    common.StudyInstanceUID, common.SeriesInstanceUID = generate_uid(None), generate_uid(None)
    common.FrameOfReferenceUID, common.PositionReferenceIndicator = generate_uid(None), None
    common.SeriesNumber, common.SeriesDescription = 1, "Made by XAIReport from a volume without DICOM tags"
    common.ImageComments = "Patient, study and acquisition are unknown. Research use only. Not for diagnosis."
    common.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    common.Manufacturer, common.AcquisitionNumber, common.Laterality = "XAIReport", None, None
    common.ScanningSequence, common.SequenceVariant = "RM", "NONE"
    common.ScanOptions, common.MRAcquisitionType = None, None
    common.EchoTime, common.RepetitionTime, common.EchoTrainLength = None, None, None
    common.PatientPosition = None
    common.ImageOrientationPatient = _decimals([*directions[:, 0], *directions[:, 1]])
    common.PixelSpacing = _decimals([spacing[1], spacing[0]])
    common.SliceThickness = common.SpacingBetweenSlices = _decimals([spacing[2]])[0]
    return common


def _grid(affine: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit directions of i, j, k (columns), millimetres between voxels and the first voxel's centre, in LPS."""
    lps = LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    directions = lps[:3, :3] / spacing
    if np.abs(directions.T @ directions - np.eye(3)).max() > _SHEAR:
        raise InputError(
            f"The image of the result {name} lies on a sheared grid, which DICOM slices cannot describe; resample it "
            "onto a grid of right angles and analyse it again."
        )
    return directions, spacing, lps[:3, 3]


def _stored(array: np.ndarray) -> tuple[np.ndarray, float, float]:
    """16-bit integers with the slope and intercept that give the values back: exactly where the values are integers that
    span at most 65535, to half a 65535th of their span otherwise."""
    low, high = float(array.min()), float(array.max())
    integers = bool((array == np.rint(array)).all())
    for kind in (np.int16, np.uint16) if integers else ():
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind), 1.0, 0.0
    slope = 1.0 if low == high or (integers and high - low <= 65535) else (high - low) / 65535
    return np.rint((array.astype(np.float64) - low) / slope).astype(np.uint16), slope, low


def _window(array: np.ndarray) -> list[DS]:
    low, high = np.percentile(array, [1, 99.5])
    return _decimals([(low + high) / 2, max(high - low, 1e-3)])


def _decimals(values: np.ndarray | list[float]) -> list[DS]:
    """Decimal strings of at most 16 characters, with as many digits as these hold."""
    return [DS(float(value), auto_format=True) for value in values]
