"""The same phantom as every kind of file that can be read, and what a refusal looks like."""

from __future__ import annotations

import random
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from XAIReportLib.case import Case, InputError
from XAIReportLib.reading import read_case

SHAPE = (22, 18, 11)
SPACING = (0.9, 1.3, 3.1)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SLOPE, INTERCEPT = 0.5, -20.0


def oblique(flips: tuple[int, int, int] = (1, 1, 1)) -> np.ndarray:
    """Rotated about all axes, anisotropic, away from the origin."""
    x, y, z = np.radians((14.0, -21.0, 33.0))
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rx @ ry @ rz @ np.diag(np.multiply(SPACING, flips))
    affine[:3, 3] = (-30.5, 42.25, -7.75)
    return affine


def phantom() -> np.ndarray:
    """No symmetry: every turn or flip would show."""
    i, j, k = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    blob = 200 * np.exp(-(((i - 6) / 4) ** 2 + ((j - 11) / 3) ** 2 + ((k - 3) / 2) ** 2))
    return np.rint(blob + 7 * i + 3 * j + 11 * k).astype(np.int16) * 2


def values_at(case: Case, points: np.ndarray) -> np.ndarray:
    """The case's voxels at RAS points that are voxel centres."""
    ijk = (points - case.affine[:3, 3]) @ np.linalg.inv(case.affine[:3, :3]).T
    assert np.abs(ijk - np.rint(ijk)).max() < 2e-3, "the points are no voxel centres of this grid"
    return case.image[tuple(np.rint(ijk).astype(int).T)]


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray, form: str = "sform") -> Path:
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 1 if form == "sform" else 0)
    image.set_qform(affine, 1 if form == "qform" else 0)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def write_nrrd(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(array.transpose())
    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def dicom_slice(k: int, affine: np.ndarray, pixels: np.ndarray, series: str = "1.2.3", number: int = 4) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    directions = lps[:3, :3] / spacing
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SeriesInstanceUID, data.StudyInstanceUID = "MR", series, "1.2"
    data.SeriesNumber, data.PatientName, data.SeriesDescription = number, "Secret^Name", "secret description"
    data.ImagePositionPatient = [f"{v:.6f}" for v in (lps @ [0, 0, k, 1])[:3]]
    data.ImageOrientationPatient = [f"{v:.8f}" for v in (*directions[:, 0], *directions[:, 1])]
    data.PixelSpacing = [f"{spacing[1]:.6f}", f"{spacing[0]:.6f}"]
    data.SliceThickness = "1"
    _pixels(data, pixels.T)
    return data


def _pixels(data: Dataset, rows_columns: np.ndarray) -> None:
    data.Rows, data.Columns = rows_columns.shape[-2:]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.RescaleSlope, data.RescaleIntercept = str(SLOPE), str(INTERCEPT)
    data.PixelData = np.ascontiguousarray((rows_columns - INTERCEPT) / SLOPE, dtype=np.int16).tobytes()


def write_series(folder: Path, array: np.ndarray, affine: np.ndarray, **tags: object) -> Path:
    """One file a slice; names are shuffled, so that their order says nothing."""
    folder.mkdir(exist_ok=True)
    names = [f"IM{n:04d}" for n in range(array.shape[2])]
    random.Random(5).shuffle(names)
    for k, name in enumerate(names):
        data = dicom_slice(k, affine, array[:, :, k])
        for tag, value in tags.items():
            setattr(data, tag, value)
        data.save_as(folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


def write_multi_frame(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    data = dicom_slice(0, affine, array[:, :, 0])
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = EnhancedMRImageStorage
    order = random.Random(2).sample(range(array.shape[2]), array.shape[2])
    _pixels(data, array.transpose(2, 1, 0)[order])
    data.NumberOfFrames = array.shape[2]
    frames = []
    for k in order:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = dicom_slice(k, affine, array[:, :, k]).ImagePositionPatient
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    orientation, measures, scaling, shared = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient, measures.PixelSpacing = data.ImageOrientationPatient, data.PixelSpacing
    scaling.RescaleSlope, scaling.RescaleIntercept = data.RescaleSlope, data.RescaleIntercept
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([orientation]), Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([scaling])
    data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence = Sequence(frames), Sequence([shared])
    for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(data, tag)
    data.save_as(path)
    return path


def write_big_endian(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    """A scaled big-endian NIfTI-2 whose sform counts in metres."""
    metres = affine.copy()
    metres[:3] /= 1000
    image = nib.Nifti2Image(array.astype(">i2"), metres, nib.Nifti2Header(endianness=">"))
    image.set_sform(metres, 1)
    image.set_qform(metres, 0)
    image.header.set_xyzt_units("meter")
    nib.save(image, path)
    return path


WRITERS = {
    "sform.nii": lambda p, a, m: write_nifti(p, a, m, "sform"),
    "qform.nii.gz": lambda p, a, m: write_nifti(p, a, m, "qform"),
    "METRES.NII": write_big_endian,
    "volume.nrrd": write_nrrd,
    "detached.nhdr": write_nrrd,
    "series": write_series,
    "frames.dcm": write_multi_frame,
    "frames": write_multi_frame,
}


def refused(path: Path, pattern: str) -> None:
    """The sentence says what is wrong, names the file, ends, and shows no folder of it."""
    with pytest.raises(InputError, match=pattern) as caught:
        read_case(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert path.name in message or "frame" in message or "IM0" in message
    assert str(path.parent) not in message
