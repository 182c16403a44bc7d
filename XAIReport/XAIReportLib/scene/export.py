"""The user's volume and table as files for the worker; the nodes and their own files stay as they are."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from XAIReportLib.case import InputError, new_case_id
from XAIReportLib.clinical import read_clinical

from .cases import ATTRIBUTE_PREFIX, CASE_ID, HEAT_MAP, ROLE
from .nodes import image_array
from .reveal import ijk_to_ras

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def case_id_of(node: Any) -> str:
    """The random case id of a volume, the same whenever it is analysed: kept in the node, saved with the scene."""
    name = f"{ATTRIBUTE_PREFIX}AnalysedAs"
    if not node.GetAttribute(name):
        node.SetAttribute(name, node.GetAttribute(CASE_ID) or new_case_id())
    return node.GetAttribute(name)


def export_volume(node: Any, path: Path) -> Callable[[], None]:
    """What writes a scalar volume node, with its place in the patient, to an NRRD file: from a copy of the voxels, so that it
    can run in a thread while the node is changed. It raises InputError when the file cannot be written.

    Raises:
        InputError: there is no image in the node, or it is moved by a transform.
    """
    name = node.GetName()
    if node.GetAttribute(ROLE) == HEAT_MAP:
        raise InputError(f"The volume '{name}' is a heat map of an earlier result; select the image.")
    if node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise InputError(f"The volume '{name}' holds no image; load one.")
    # A transform moves what is seen, not the voxels: the heat maps would lie elsewhere.
    if node.GetParentTransformNode() is not None:
        raise InputError(f"The volume '{name}' is under a transform; harden the transform on the volume first.")
    return partial(_write, image_array(node.GetImageData()), ijk_to_ras(node), path, name)


def _write(voxels: np.ndarray, matrix: np.ndarray, path: Path, name: str) -> None:
    """``voxels``: axes (k, j, i); ``matrix``: 4x4, (i, j, k, 1) to RAS millimetres."""
    import SimpleITK as sitk

    lps = RAS_TO_LPS @ matrix
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    try:
        sitk.WriteImage(image, str(path), False)
    except RuntimeError as error:
        text = f"The volume '{name}' cannot be written to the temporary folder; is the disk full?"
        raise InputError(text) from error


def export_table(node: Any, path: Path) -> None:
    """Write a table node to a CSV file: its column names, then its rows."""
    table = node.GetTable()
    columns = range(table.GetNumberOfColumns())
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow([table.GetColumnName(column) or "" for column in columns])
        for row in range(table.GetNumberOfRows()):
            rows.writerow([table.GetValue(row, column).ToString() for column in columns])


def export_inputs(volume: Any, clinical: Any | None, folder: Path) -> tuple[dict[str, str], Callable[[], None]]:
    """What is to be analysed, as files of a folder: the parameters of the worker's "analyze" request that name them, and
    what writes the volume (``export_volume``); the table is written already.

    Raises:
        InputError: as ``export_volume``, or the clinical table breaks its rules.
    """
    files = {"source": folder / "volume.nrrd"}
    write = export_volume(volume, files["source"])
    if clinical is not None:
        files["clinical_table"] = folder / "clinical.csv"
        export_table(clinical, files["clinical_table"])
        read_clinical(files["clinical_table"])  # refused now, not after the worker has started
    return {name: str(path) for name, path in files.items()}, write
