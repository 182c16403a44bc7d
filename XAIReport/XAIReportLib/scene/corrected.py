"""A reader's correction in the scene: the edited outlines out, the findings that rest on them in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import lesions, tables
from .cases import ATTRIBUTE_PREFIX, LoadedResult
from .contents import read_table
from .reveal import ijk_to_ras
from .segments import LESION_COLORS, lesion_name, put_segment
from .session import slicer_package
from .terminology import lesion_entry

EDITED = f"{ATTRIBUTE_PREFIX}EditedByReader"
_SUFFIX = ", edited by the reader"


def state_of(case: LoadedResult) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever an outline of a lesion is edited, added or removed, and only then; a segment without voxels is none yet."""
    if case.segmentation is None:
        return ()
    found = []
    for identifier in sorted([*lesions.numbered(case.segmentation).values(), *lesions.added(case)]):
        segment = case.segmentation.GetSegmentation().GetSegment(identifier)
        labelmap = segment.GetRepresentation("Binary labelmap")
        found.append((identifier, labelmap.GetMTime() if labelmap is not None else 0, segment.GetLabelValue()))
    return tuple(found)


def unmeasured(case: LoadedResult) -> bool:
    """Whether a reader has added an abnormality that the findings in the scene do not know."""
    if case.segmentation is None:
        return False
    known = {entry.get("name") for entry in case.document("findings.json").get("lesions") or ()}
    others = (one for number, one in lesions.numbered(case.segmentation).items() if f"lesion-{number}" not in known)
    return any(lesions.holds_voxels(case.segmentation, one) for one in others) or bool(lesions.added(case))


@dataclass(frozen=True)
class Outlines:
    """``labels``: uint8, axes (i, j, k), by number; ``affine``: their matrix to RAS millimetres.

    ``nothing``: numbers of the lesions that are drawn, but no voxel of the image is theirs; ``in_part``: of those that share voxels
    with a smaller number, which has them.
    """

    labels: np.ndarray
    affine: np.ndarray
    nothing: tuple[int, ...]
    in_part: tuple[int, ...]


def edited_outlines(case: LoadedResult) -> Outlines:
    """What is to be measured; what a reader has added gets its number.

    Raises:
        InputError: there are too many to be measured.
    """
    lesions.number_added(case)
    labels, overlapped = lesions.labels(case.segmentation, case.volume)
    there = set(np.flatnonzero(np.bincount(labels.ravel())).tolist())
    absent = {number: one for number, one in lesions.numbered(case.segmentation).items() if number not in there}
    nothing = tuple(number for number, one in absent.items() if lesions.holds_voxels(case.segmentation, one))
    in_part = tuple(sorted(overlapped & there))
    return Outlines(np.ascontiguousarray(np.transpose(labels)), ijk_to_ras(case.volume), nothing, in_part)


def ready_to_edit(case: LoadedResult) -> str:
    """A lesion to edit, an empty one where there is none, chosen in Slicer's Segment Editor, which leaves the other segments alone;
    returns its id."""
    identifiers = [*lesions.numbered(case.segmentation).values(), *lesions.drawn(case)]
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
    # Slicer's default takes what is painted away from every other segment, and so from the heat maps' masks.
    editor.SetOverwriteMode(editor.OverwriteNone)
    return identifiers[0]


def show_corrected(case: LoadedResult, folder: Path, findings: dict[str, Any]) -> None:
    """Bring revised findings, sentences, regions and centroids (of ``folder``) into the nodes of the case."""
    for name in ("findings.json", "narrative.json"):
        case.texts[name].SetText((folder / name).read_text(encoding="utf-8"))
    case.texts["report.txt"].SetText(_report(case))
    if case.regions is not None:
        tables.fill_table(case.regions, *read_table(folder / "regions.csv"))
    found = {entry["name"]: entry for entry in findings.get("lesions") or ()}
    if case.points is not None:
        points = {
            f"Abnormality {name.removeprefix('lesion-')}": entry["centroid_ras_mm"]
            for name, entry in found.items()
            if entry.get("centroid_ras_mm")
        }
        tables.fill_points(case.points, points)
    for number, identifier in lesions.numbered(case.segmentation).items():
        segment = case.segmentation.GetSegmentation().GetSegment(identifier)
        plain = segment.GetName().removesuffix(_SUFFIX)
        changed = found.get(f"lesion-{number}", {}).get("edited_by_reader")
        segment.SetName(plain + _SUFFIX if changed else plain)
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
