"""One analysed case as nodes of a scene: what ``load`` made, or what a saved scene brought back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from XAIReportLib.results import method_of

from .session import slicer_package

ATTRIBUTE_PREFIX = "XAIReport."
ROLE = f"{ATTRIBUTE_PREFIX}Role"
METHOD = f"{ATTRIBUTE_PREFIX}Method"
MAP, CLASS = f"{ATTRIBUTE_PREFIX}Map", f"{ATTRIBUTE_PREFIX}Class"
CASE_ID = f"{ATTRIBUTE_PREFIX}CaseID"
FOLDER = f"{ATTRIBUTE_PREFIX}Folder"
# References of the image node: to itself, which no copy of it has, and to the other nodes of its case.
ITSELF, PARTS = f"{ATTRIBUTE_PREFIX}Image", f"{ATTRIBUTE_PREFIX}Parts"
IMAGE, HEAT_MAP, TEXT = "image", "heat map", "text"


@dataclass
class LoadedResult:
    """The nodes that a result folder became; a part that the folder does not have is None or empty.

    ``folder_item`` is the case's own folder in the subject hierarchy, 0 where the image lies in it no more. ``heatmaps`` are by
    name (results.map_names). ``focus`` is where the views go: the centroid of the largest abnormality, RAS millimetres.
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

    def is_whole(self) -> bool:
        """Whether all its nodes are still in the scene."""
        return all(node.GetScene() is not None for node in self.all_nodes())

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
    loaded.volume.SetNodeReferenceID(ITSELF, loaded.volume.GetID())
    for node in loaded.all_nodes()[1:]:
        loaded.volume.AddNodeReferenceID(PARTS, node.GetID())


def gather(scene: Any, loaded: LoadedResult) -> int:
    """Put the nodes of a case into a folder of its own; returns its item."""
    hierarchy = _hierarchy(scene)
    item = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), _folder_name(loaded.case_id))
    hierarchy.SetItemAttribute(item, CASE_ID, loaded.case_id)
    for node in loaded.all_nodes():
        # In Slicer the node has an item already; a headless scene has nobody who makes one.
        existing = hierarchy.GetItemByDataNode(node)
        if existing:
            hierarchy.SetItemParent(existing, item)
        else:
            hierarchy.CreateItem(item, node)
    hierarchy.SetItemExpanded(item, True)
    return item


def tell_apart(scene: Any, loaded: LoadedResult) -> None:
    """Give a case that stands beside an earlier one of its id names of its own. Slicer's node selector shows names alone, and of a
    choice between two nodes of one name it tells nobody."""
    others = (case for case in cases_in(scene) if case.case_id == loaded.case_id and case.volume is not loaded.volume)
    taken, old = {case.volume.GetName() for case in others}, f"{loaded.case_id} "
    if loaded.volume.GetName() not in taken:
        return
    new = next(name for n in count(2) if f"{(name := f'{old}({n}) ')}image" not in taken)
    for node in loaded.all_nodes():
        node.SetName(new + node.GetName().removeprefix(old))
    _hierarchy(scene).SetItemName(loaded.folder_item, _folder_name(new.rstrip()))


def cases_in(scene: Any) -> list[LoadedResult]:
    """The cases of a scene, in the order in which they came."""
    hierarchy = _hierarchy(scene)
    images = [
        node
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))
        if (node := scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode")).GetAttribute(ROLE) == IMAGE
    ]
    found = (_case_of(hierarchy, image) for image in images if hierarchy.GetItemByDataNode(image))
    return [case for case in found if case is not None]


def case_of(scene: Any, image: Any) -> LoadedResult | None:
    """The case that an image node belongs to."""
    return next((case for case in cases_in(scene) if case.volume is image), None)


def _case_of(hierarchy: Any, image: Any) -> LoadedResult | None:
    """None for a copy of a case's image: Mask Volume and "Clone" copy its attributes, too."""
    case_id = image.GetAttribute(CASE_ID) or ""
    item = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(image))
    item = item if _is_folder_of(hierarchy, item, case_id) else 0
    if image.GetNodeReference(ITSELF) is image:
        count = image.GetNumberOfNodeReferences(PARTS)
        nodes = [image.GetNthNodeReference(PARTS, index) for index in range(count)]
    elif item and not hierarchy.HasItemAttribute(item, CASE_ID):  # a scene from before there were references
        nodes = _nodes_in(hierarchy, item)
    else:
        return None
    case = LoadedResult(case_id, item, image)
    for node in filter(None, nodes):
        role = node.GetAttribute(ROLE)
        if role == HEAT_MAP:
            case.heatmaps[node.GetAttribute(MAP) or node.GetAttribute(METHOD)] = node  # older scenes: one class, no map
        elif role == TEXT:
            case.texts[node.GetAttribute(f"{ATTRIBUTE_PREFIX}File")] = node
        elif role in _PARTS:
            setattr(case, role, node)
    if case.points is not None and case.points.GetNumberOfControlPoints():
        position = [0.0, 0.0, 0.0]
        case.points.GetNthControlPointPositionWorld(0, position)
        case.focus = tuple(position)
    return case


def _remove_item(hierarchy: Any, item: int, nodes: list[Any]) -> None:
    """An item with its node, one of ``nodes``; what a person put under it moves up."""
    parent = hierarchy.GetItemParent(item)
    for child in _children(hierarchy, item):  # a segment has no node
        if (other := hierarchy.GetItemDataNode(child)) is not None and other not in nodes:
            hierarchy.SetItemParent(child, parent)
    hierarchy.RemoveItem(item)
    if item in _children(hierarchy, parent):  # a headless scene has nobody who takes the item away with its node
        hierarchy.RemoveItem(item, False)


def _folder_name(case_id: str) -> str:
    return f"XAIReport {case_id}"


def _is_folder_of(hierarchy: Any, item: int, case_id: str) -> bool:
    """Whether an item is the folder that ``gather`` made for a case, and not where a person put its image."""
    if not item or item == hierarchy.GetSceneItemID() or hierarchy.GetItemDataNode(item) is not None:
        return False
    if hierarchy.HasItemAttribute(item, CASE_ID):
        return hierarchy.GetItemAttribute(item, CASE_ID) == case_id
    return hierarchy.GetItemName(item) == _folder_name(case_id)


def _nodes_in(hierarchy: Any, item: int) -> list[Any]:
    return [hierarchy.GetItemDataNode(child) for child in _children(hierarchy, item)]


def _children(hierarchy: Any, item: int) -> list[int]:
    from vtkmodules.vtkCommonCore import vtkIdList

    found = vtkIdList()
    hierarchy.GetItemChildren(item, found)
    return [found.GetId(index) for index in range(found.GetNumberOfIds())]


def _hierarchy(scene: Any) -> Any:
    return slicer_package().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def remove_case(scene: Any, case: LoadedResult) -> None:
    """Take a case's nodes, what displays them, and its folder out of the scene; what else a person put there stays."""
    hierarchy = _hierarchy(scene)
    chart = case.scores
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())] if chart else []
    own = [*series, *(one.GetTableNode() for one in series)]
    shown = case.atlas.GetDisplayNode() if case.atlas is not None else None
    own += [shown.GetColorNode()] if shown is not None else []
    for node in case.all_nodes():
        if node.IsA("vtkMRMLDisplayableNode"):
            own += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
        if node.IsA("vtkMRMLStorableNode"):
            own += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    nodes = [*case.all_nodes(), *own]
    for node in case.all_nodes():
        if item := hierarchy.GetItemByDataNode(node):
            _remove_item(hierarchy, item, nodes)
    for node in nodes:
        if node is not None and scene.IsNodePresent(node):
            scene.RemoveNode(node)
    if case.folder_item and not _children(hierarchy, case.folder_item):
        hierarchy.RemoveItem(case.folder_item)
