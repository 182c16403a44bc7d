"""DICOM objects of a finished result: segmentations, parametric maps and a structured report, made from its folder.

For a DICOM input they belong to its study and refer to its series; of its patient and study they hold what says whose
they are, and no comment or description. For any other input the volume itself is written as an MR series with fresh
identifiers and no patient, for the objects to refer to.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ..folder import ResultFolder, complete_or_absent, read_result
from ..reading import MAX_VOXELS, nifti
from . import findings as findings_module
from .dicom_images import source_images
from .dicom_objects import lesion_segmentation, parametric_map, saliency_segmentation
from .dicom_report import measurement_report
from .schema import Findings

FOLDER, INDEX, IMAGES = "dicom", "index.json", "image"


def write(
    result_folder: Path, series: Path | None = None, output: Path | None = None, language: str | None = None
) -> Path:
    """Write the DICOM objects of a result to ``output``/dicom (the result folder itself when None), and return that folder.

    It holds segmentation.dcm (segmented abnormalities), saliency.dcm (masks of the heat maps), heatmap-<name>.dcm
    (parametric maps), report.dcm (TID 1500), image/*.dcm where the input was no DICOM, and index.json. What a result
    does not have has no object. An older export is replaced in one step.

    Args:
        series: folder or multi-frame file of the DICOM input; it must be what the result was made from.
        language: of the sentences in report.dcm; that of the result's narrative when None.

    Raises:
        InputError: the result is incomplete, was changed, has no geometry, or ``series`` is missing or another one.
    """
    result = read_result(result_folder)
    findings = findings_module.of_result(result.path)
    objects = _made(result, findings, series, language)
    whole = complete_or_absent((output or result.path) / FOLDER, mark=INDEX)
    with whole as folder:
        for name, data in objects.items():
            (folder / name).parent.mkdir(exist_ok=True)
            data.save_as(folder / name, enforce_file_format=True)
        (folder / INDEX).write_text(_index(findings, objects), encoding="utf-8", newline="\n")
    return whole.target


def _made(result: ResultFolder, findings: Findings, series: Path | None, language: str | None) -> dict[str, Dataset]:
    source = source_images(result, series)
    objects: dict[str, Dataset] = {f"{IMAGES}/{n:04d}.dcm": image for n, image in enumerate(source.made, start=1)}
    lesions = None
    if findings.lesions and result.lesion is not None:
        lesions = objects["segmentation.dcm"] = lesion_segmentation(findings, _voxels(result.lesion), source)
    masks = {name: _voxels(path) for name, path in result.masks.items()}
    if masks := {name: mask for name, mask in masks.items() if mask.any()}:
        objects["saliency.dcm"] = saliency_segmentation(findings, masks, source)
    for number, (name, path) in enumerate(result.heatmaps.items()):
        objects[f"heatmap-{name}.dcm"] = parametric_map(findings, name, _voxels(path), source, number)
    objects["report.dcm"] = measurement_report(findings, source, lesions, language or result.language)
    return objects


def _voxels(path: Path) -> np.ndarray:
    return nifti.decode(path.read_bytes(), path.name, MAX_VOXELS)[0]


def _index(findings: Findings, objects: dict[str, Dataset]) -> str:
    """Which file is what, and of which findings."""
    files = {
        name: {"sop_class": d.SOPClassUID.name, "sop_instance_uid": d.SOPInstanceUID} for name, d in objects.items()
    }
    content = {"findings_sha256": findings.sha256(), "files": files}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
