"""Finished result folders of the phantom, and the DICOM series or volume that they were made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from phantom_case import Analysed
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from XAIReportLib.arrays import write_arrays
from XAIReportLib.report import documents, narrative
from XAIReportLib.report.findings import Findings

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
PATIENT = {"PatientName": "Doe^Jane", "PatientID": "4711", "PatientBirthDate": "19600102", "PatientSex": "F"}
STUDY = {"StudyID": "S9", "StudyDate": "20260301", "StudyTime": "101112", "AccessionNumber": "A1"}


def moved(analysed: Analysed, affine: np.ndarray) -> Analysed:
    """The phantom's voxels on another grid in space: what is compared is arrays and places, not anatomy."""
    linear = affine @ np.linalg.inv(analysed.case.affine)
    geometry = {}
    for name, g in analysed.geometry.items():
        centroid = (linear @ np.append(g.centroid_ras_mm, 1))[:3]
        volume = g.voxels * abs(np.linalg.det(affine[:3, :3])) / 1000
        geometry[name] = replace(g, centroid_ras_mm=tuple(map(float, centroid)), volume_ml=float(volume))
    return replace(analysed, case=replace(analysed.case, affine=affine), geometry=geometry)


def write_result(folder: Path, analysed: Analysed) -> Findings:
    """A finished result folder without pictures."""
    case = analysed.case
    found = analysed.findings()
    run = {
        "case_id": case.case_id,
        "input_kind": case.kind,
        "input_sha256": case.sha256,
        "geometry": None if case.affine is None else case.affine.round(6).tolist(),
    }
    folder.mkdir(parents=True)
    write_arrays(folder, case, analysed.prediction, analysed.heatmaps, analysed.masks, analysed.anatomy)
    documents.write(folder, found, narrative.write(found), (), run)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return found


def write_series(folder: Path, image: np.ndarray, affine: np.ndarray, backwards: bool = False) -> Path:
    """A series of one patient, one slice a file; ``backwards``: names run against the slices' order in space."""
    folder.mkdir(parents=True)
    common = _common()
    directions, spacing, origin = _grid(affine)
    for k in range(image.shape[2]):
        data = Dataset()
        data.update(common)
        data.SOPClassUID, data.SOPInstanceUID, data.InstanceNumber = MRImageStorage, generate_uid(), k + 1
        data.ImagePositionPatient = _decimals(origin + k * spacing[2] * directions[:, 2])
        data.ImageOrientationPatient = _decimals([*directions[:, 0], *directions[:, 1]])
        data.PixelSpacing = _decimals([spacing[1], spacing[0]])
        data.SliceThickness = _decimals([spacing[2]])[0]
        _save(data, image[:, :, k].T[None], folder / f"IM{image.shape[2] - k if backwards else k:04d}")
    return folder


def write_multi_frame(path: Path, image: np.ndarray, affine: np.ndarray) -> Path:
    """One enhanced file, its frames against their order in space."""
    data = _common()
    directions, spacing, origin = _grid(affine)
    data.SOPClassUID, data.SOPInstanceUID, data.InstanceNumber = EnhancedMRImageStorage, generate_uid(), 1
    order = range(image.shape[2] - 1, -1, -1)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = _decimals([spacing[1], spacing[0]]), _decimals([spacing[2]])[0]
    orientation.ImageOrientationPatient = _decimals([*directions[:, 0], *directions[:, 1]])
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    data.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for k in order:
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = _decimals(origin + k * spacing[2] * directions[:, 2])
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence, data.NumberOfFrames = frames, len(frames)
    _save(data, np.stack([image[:, :, k].T for k in order]), path)
    return path


def _common() -> Dataset:
    data = Dataset()
    for keyword, value in {**PATIENT, **STUDY}.items():
        setattr(data, keyword, value)
    data.ReferringPhysicianName = None
    data.Modality, data.SeriesNumber = "MR", 4
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    return data


def _grid(affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    return lps[:3, :3] / spacing, spacing, lps[:3, 3]


def _decimals(values) -> list[str]:
    return [f"{value:.8f}" for value in values]


def _save(data: Dataset, frames: np.ndarray, path: Path) -> None:
    data.Rows, data.Columns = frames.shape[-2:]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelData = np.ascontiguousarray(frames, np.int16).tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = (
        data.SOPClassUID,
        data.SOPInstanceUID,
    )
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)
