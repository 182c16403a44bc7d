"""One analysed case as nodes of a scene: what ``load`` made, or what a saved scene brought back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from XAIReportLib.results import method_of

from .session import slicer_package

ATTRIBUTE_PREFIX = "XAIReport."
ROLE = f"{ATTRIBUTE_PREFIX}Role"
METHOD = f"{ATTRIBUTE_PREFIX}Method"
MAP, CLASS = f"{ATTRIBUTE_PREFIX}Map", f"{ATTRIBUTE_PREFIX}Class"
FOLDER = f"{ATTRIBUTE_PREFIX}Folder"
IMAGE, HEAT_MAP, TEXT = "image", "heat map", "text"


@dataclass
class LoadedResult:
    """The nodes that a result folder became; a part that the folder does not have is None or empty.

    ``heatmaps`` are by name (results.map_names). ``focus`` is where the views go: the centroid of the largest abnormality,
    RAS millimetres.
    """

    case_id: str
    folder_item: int
    volume: Any
    heatmaps: dict[str, Any] = field(default_factory=dict)
    segmentation: Any = None
    atlas: Any = None
    regions: Any = None
    clinical: Any = None
    points: Any = None
    peaks: Any = None
    scores: Any = None
    texts: dict[str, Any] = field(default_factory=dict)
    focus: tuple[float, float, float] | None = None

    def all_nodes(self) -> list[Any]:
        """Every node of the case that a person sees, in the order of the subject hierarchy."""
        single = [getattr(self, part) for part in _PARTS]
        parts = [self.volume, *self.heatmaps.values(), *single, *self.texts.values()]
        return [node for node in parts if node is not None]

    def document(self, name: str) -> dict[str, Any]:
        """``findings.json`` or ``narrative.json`` as it stands in the scene; empty when it is not there."""
        node = self.texts.get(name)
        return json.loads(node.GetText()) if node is not None else {}


_PARTS = ("segmentation", "atlas", "regions", "clinical", "points", "peaks", "scores")


def mark(loaded: LoadedResult) -> None:
    """Write into every node what it is, so that ``cases_in`` finds the case in a saved scene."""
    loaded.volume.SetAttribute(ROLE, IMAGE)
    targets = [entry.get("target", "") for entry in loaded.document("findings.json").get("saliency") or ()]
    for (name, node), target in zip(loaded.heatmaps.items(), targets, strict=True):
        node.SetAttribute(ROLE, HEAT_MAP)
        node.SetAttribute(MAP, name)
        node.SetAttribute(METHOD, method_of(name))
        node.SetAttribute(CLASS, target)
    for part in _PARTS:
        if getattr(loaded, part) is not None:
            getattr(loaded, part).SetAttribute(ROLE, part)
    for name, node in loaded.texts.items():
        node.SetAttribute(ROLE, TEXT)
        node.SetAttribute(f"{ATTRIBUTE_PREFIX}File", name)


def cases_in(scene: Any) -> list[LoadedResult]:
    """The cases of a scene, in the order in which they came."""
    hierarchy = slicer_package().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    images = [
        node
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))
        if (node := scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode")).GetAttribute(ROLE) == IMAGE
    ]
    return [_case_of(hierarchy, image) for image in images if hierarchy.GetItemByDataNode(image)]


def case_of(scene: Any, image: Any) -> LoadedResult | None:
    """The case that an image node belongs to."""
    return next((case for case in cases_in(scene) if case.volume is image), None)


def _case_of(hierarchy: Any, image: Any) -> LoadedResult:
    from vtkmodules.vtkCommonCore import vtkIdList

    item = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(image))
    found = vtkIdList()
    hierarchy.GetItemChildren(item, found)
    case = LoadedResult(image.GetAttribute(f"{ATTRIBUTE_PREFIX}CaseID") or "", item, image)
    for index in range(found.GetNumberOfIds()):
        node = hierarchy.GetItemDataNode(found.GetId(index))
        role = node.GetAttribute(ROLE) if node is not None else None
        if role == HEAT_MAP:
            case.heatmaps[node.GetAttribute(MAP) or node.GetAttribute(METHOD)] = node  # older scenes: one class, no map
        elif role == TEXT:
            case.texts[node.GetAttribute(f"{ATTRIBUTE_PREFIX}File")] = node
        elif role in _PARTS:
            setattr(case, role, node)
    if case.points is not None and case.points.GetNumberOfControlPoints():
        position = [0.0, 0.0, 0.0]
        case.points.GetNthControlPointPosition(0, position)
        case.focus = tuple(position)
    return case


def remove_case(scene: Any, case: LoadedResult) -> None:
    """Take a case's nodes, what displays them, and its folder out of the scene."""
    hierarchy = slicer_package().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    chart = case.scores
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())] if chart else []
    own = [*series, *(one.GetTableNode() for one in series)]
    own += [case.atlas.GetDisplayNode().GetColorNode()] if case.atlas is not None else []
    for node in case.all_nodes():
        if node.IsA("vtkMRMLDisplayableNode"):
            own += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
        if node.IsA("vtkMRMLStorableNode"):
            own += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    nodes = [*case.all_nodes(), *own]
    hierarchy.RemoveItem(case.folder_item)  # with its items and their nodes; items without nodes would be inconsistent
    for node in nodes:
        if node is not None and scene.IsNodePresent(node):
            scene.RemoveNode(node)
