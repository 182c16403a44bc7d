"""Which segments of a case are abnormalities, and the number of each, whatever they are called in Slicer.

The module's own segments have their number in their id (``lesion-2``). A reader cannot choose ids: what is added, split off, copied
or imported in Slicer has its number in a tag, which is saved with the scene, from when it first holds voxels.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from XAIReportLib.case import InputError
from XAIReportLib.results import map_names

from .cases import ATTRIBUTE_PREFIX, LoadedResult
from .nodes import image_array
from .segments import READER_SUFFIX, lesion_name, segment_voxels
from .terminology import lesion_entry

NUMBER = f"{ATTRIBUTE_PREFIX}Lesion"
MOST = 255  # labels are uint8, here and in the files of a result

_ID = re.compile(r"lesion-([1-9]\d*)")


def numbered(node: Any) -> dict[int, str]:
    """Ids of the segments that have a lesion's number, in the order of the numbers.

    A number belongs to one segment: an id comes before a tag, and the first of two tags before its copy. One that no label can be
    is none.
    """
    tags: dict[int, str] = {}
    found: dict[int, str] = {}
    for identifier in _ids(node):
        named = _ID.fullmatch(identifier)
        if named and int(named[1]) <= MOST:
            found[int(named[1])] = identifier
        elif number := _tag(node.GetSegmentation().GetSegment(identifier)):
            tags.setdefault(number, identifier)
    return dict(sorted({**tags, **found}.items()))


def drawn(case: LoadedResult) -> list[str]:
    """Ids of all segments but the heat maps' masks: the lesions, and what is to become one."""
    if case.segmentation is None:
        return []
    entries = case.document("findings.json").get("saliency") or ()
    maps = {*case.heatmaps, *map_names((entry.get("method", ""), entry.get("target", "")) for entry in entries)}
    masks = maps | {name + READER_SUFFIX for name in maps}
    return [identifier for identifier in _ids(case.segmentation) if identifier not in masks]


def added(case: LoadedResult) -> list[str]:
    """Ids of the segments that hold voxels and have no number yet, in the order of the segmentation."""
    known = set(numbered(case.segmentation).values()) if case.segmentation is not None else set()
    return [one for one in drawn(case) if one not in known and holds_voxels(case.segmentation, one)]


def number_added(case: LoadedResult) -> None:
    """Make the segments that a reader has added lesions of the case, each with the lowest number that is free.

    A number that the findings know is never given again: the abnormality that the model had outlined under it stays gone.

    Raises:
        InputError: there are more lesions than numbers; none of the added ones has got one.
    """
    new = added(case)
    if not new:
        return
    findings = case.document("findings.json")
    known = {entry.get("name") for entry in findings.get("lesions") or ()}
    known |= set((findings.get("reader_edit") or {}).get("removed") or ())
    taken = {*numbered(case.segmentation), *(int(name[1]) for name in map(_ID.fullmatch, filter(None, known)) if name)}
    free = [number for number in range(1, MOST + 1) if number not in taken]
    if len(free) < len(new):
        count = len(numbered(case.segmentation)) + len(new)
        raise InputError(
            f"{count} segments are abnormalities, and at most {MOST} can be measured: join some, or remove those that are none."
        )
    for identifier, number in zip(new, free, strict=False):
        segment = case.segmentation.GetSegmentation().GetSegment(identifier)
        segment.SetTag(NUMBER, str(number))
        # The number by which the report knows it; what is split off would else be named for what it was split from.
        segment.SetName(lesion_name(number, findings))
        segment.SetTerminology(lesion_entry(None))


def segment_id(node: Any, mask: str) -> str:
    """Id of the segment of a mask of the findings: "lesion-1", ... or a heat map's name."""
    named = _ID.fullmatch(mask)
    return numbered(node).get(int(named[1]), mask) if named else mask


def labels(node: Any, reference: Any) -> tuple[np.ndarray, set[int]]:
    """The lesions as uint8 labels, their numbers, on the grid of ``reference``; where they overlap the smaller number wins. And the
    numbers of those that lost voxels by this."""
    result = np.zeros(tuple(reversed(reference.GetImageData().GetDimensions())), dtype=np.uint8)
    overlapped: set[int] = set()
    for number, identifier in reversed(numbered(node).items()):
        inside = segment_voxels(node, identifier, reference)
        overlapped |= {int(other) for other in np.unique(result[inside]) if other}
        result[inside] = number
    return result, overlapped


def holds_voxels(node: Any, identifier: str) -> bool:
    """Whether there is anything in a segment, also beyond the image."""
    segment = node.GetSegmentation().GetSegment(identifier)
    labelmap = segment.GetRepresentation("Binary labelmap") if segment is not None else None
    if labelmap is None or labelmap.IsEmpty():
        return False
    return bool((image_array(labelmap) == segment.GetLabelValue()).any())  # several segments may share one labelmap


def _ids(node: Any) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]


def _tag(segment: Any) -> int | None:
    from vtkmodules.vtkCommonCore import reference

    text = reference("")
    if not segment.GetTag(NUMBER, text):
        return None
    number = int(str(text)) if re.fullmatch(r"[1-9]\d*", str(text)) else MOST + 1
    return number if number <= MOST else None
