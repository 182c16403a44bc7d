"""A reader's correction in the scene: the edited outlines out, the findings that rest on them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import tables
from .cases import ATTRIBUTE_PREFIX, LoadedResult
from .contents import read_table
from .reveal import ijk_to_ras
from .segments import LESION_COLORS, lesion_ids, lesion_labels, lesion_name, put_segment
from .session import slicer_package
from .terminology import lesion_entry

EDITED = f"{ATTRIBUTE_PREFIX}EditedByReader"
_SUFFIX = ", edited by the reader"


def state_of(case: LoadedResult) -> tuple[tuple[str, int], ...]:
    """Changes whenever an outline of a lesion is edited, added or removed, and only then."""
    segmentation = case.segmentation.GetSegmentation() if case.segmentation is not None else None
    found = []
    for identifier in lesion_ids(case.segmentation) if segmentation is not None else ():
        labelmap = segmentation.GetSegment(identifier).GetRepresentation("Binary labelmap")
        found.append((identifier, labelmap.GetMTime() if labelmap is not None else 0))
    return tuple(found)


def edited_labels(case: LoadedResult) -> tuple[np.ndarray, np.ndarray]:
    """The outlines as uint8 labels, axes (i, j, k), and their matrix to RAS millimetres."""
    labels = lesion_labels(case.segmentation, case.volume)
    return np.ascontiguousarray(np.transpose(labels)), ijk_to_ras(case.volume)


def ready_to_edit(case: LoadedResult) -> str:
    """A lesion to edit, an empty one where the model found none, chosen in Slicer's Segment Editor; returns its id."""
    identifiers = lesion_ids(case.segmentation)
    if not identifiers:
        empty = np.zeros(tuple(reversed(case.volume.GetImageData().GetDimensions())), np.uint8)
        put_segment(case.segmentation, "lesion-1", empty, case.volume, LESION_COLORS[0], lesion_entry(None))
        name = lesion_name(1, case.document("findings.json"))
        case.segmentation.GetSegmentation().GetSegment("lesion-1").SetName(name)
        identifiers = ["lesion-1"]
    scene = case.volume.GetScene()
    editor = scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    if editor is None:
        editor = slicer_package().vtkMRMLSegmentEditorNode()
        editor.SetSingletonTag("SegmentEditor")
        editor = scene.AddNode(editor)
    editor.SetAndObserveSegmentationNode(case.segmentation)
    editor.SetAndObserveSourceVolumeNode(case.volume)
    editor.SetSelectedSegmentID(identifiers[0])
    return identifiers[0]


def show_corrected(case: LoadedResult, folder: Path, findings: dict[str, Any]) -> None:
    """Bring revised findings, sentences, regions and centroids (of ``folder``) into the nodes of the case."""
    for name in ("findings.json", "narrative.json"):
        case.texts[name].SetText((folder / name).read_text(encoding="utf-8"))
    case.texts["report.txt"].SetText(_report(case))
    if case.regions is not None:
        tables.fill_table(case.regions, *read_table(folder / "regions.csv"))
    lesions = {entry["name"]: entry for entry in findings.get("lesions") or ()}
    if case.points is not None:
        points = {
            f"Abnormality {name.removeprefix('lesion-')}": entry["centroid_ras_mm"]
            for name, entry in lesions.items()
            if entry.get("centroid_ras_mm")
        }
        tables.fill_points(case.points, points)
    changed = [name for name, entry in lesions.items() if entry.get("edited_by_reader")]
    for identifier in lesion_ids(case.segmentation):
        segment = case.segmentation.GetSegmentation().GetSegment(identifier)
        plain = segment.GetName().removesuffix(_SUFFIX)
        segment.SetName(plain + _SUFFIX if identifier in changed else plain)
    edit = findings.get("reader_edit") or {}
    names = [*(edit.get("changed") or ()), *(f"{name} (removed)" for name in edit.get("removed") or ())]
    for node in (case.segmentation, case.regions, case.points, *case.texts.values()):
        if node is not None and names:
            node.SetAttribute(EDITED, ", ".join(names))
        elif node is not None:
            node.RemoveAttribute(EDITED)


def _report(case: LoadedResult) -> str:
    sentences = case.document("narrative.json").get("sentences") or []
    return "\n".join(sentence["text"] for sentence in sentences) + "\n"
