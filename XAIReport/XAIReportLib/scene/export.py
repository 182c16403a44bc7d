"""The user's volume as a file for the worker; the node and its own file stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError, new_case_id

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
