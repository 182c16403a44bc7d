"""The user's volume and table as files for the worker; the nodes and their own files stay as they are."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError, new_case_id
from XAIReportLib.clinical import read_clinical

from .cases import ATTRIBUTE_PREFIX, HEAT_MAP, ROLE
from .session import slicer_package


def case_id_of(node: Any) -> str:
    """The random case id of a volume, the same whenever it is analysed: kept in the node, saved with the scene."""
    name = f"{ATTRIBUTE_PREFIX}AnalysedAs"
    if not node.GetAttribute(name):
        node.SetAttribute(name, node.GetAttribute(f"{ATTRIBUTE_PREFIX}CaseID") or new_case_id())
    return node.GetAttribute(name)


def export_volume(node: Any, path: Path) -> None:
    """Write a scalar volume node, with its place in the patient, to an NRRD file.

    Raises:
        InputError: there is no image in the node, it is moved by a transform, or it cannot be written.
    """
    name = node.GetName()
    if node.GetAttribute(ROLE) == HEAT_MAP:
        raise InputError(f"The volume '{name}' is a heat map of an earlier result; select the image.")
    if node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise InputError(f"The volume '{name}' holds no image; load one.")
    # A transform moves what is seen, not the voxels: the heat maps would lie elsewhere.
    if node.GetParentTransformNode() is not None:
        raise InputError(f"The volume '{name}' is under a transform; harden the transform on the volume first.")
    storage = slicer_package().vtkMRMLNRRDStorageNode()
    storage.SetFileName(str(path))
    storage.SetUseCompression(False)
    if not storage.WriteData(node):
        raise InputError(f"The volume '{name}' cannot be written to the temporary folder; is the disk full?")


def export_table(node: Any, path: Path) -> None:
    """Write a table node to a CSV file: its column names, then its rows."""
    table = node.GetTable()
    columns = range(table.GetNumberOfColumns())
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow([table.GetColumnName(column) or "" for column in columns])
        for row in range(table.GetNumberOfRows()):
            rows.writerow([table.GetValue(row, column).ToString() for column in columns])


def export_inputs(volume: Any, clinical: Any | None, folder: Path) -> dict[str, str]:
    """Write what is to be analysed into a folder; returns the files as parameters of the worker's "analyze" request.

    Raises:
        InputError: as ``export_volume``, or the clinical table breaks its rules.
    """
    files = {"source": folder / "volume.nrrd"}
    export_volume(volume, files["source"])
    if clinical is not None:
        files["clinical_table"] = folder / "clinical.csv"
        export_table(clinical, files["clinical_table"])
        read_clinical(files["clinical_table"])  # refused now, not after the worker has started
    return {name: str(path) for name, path in files.items()}
