"""Puts a finished result folder into a scene, everything under one subject hierarchy folder, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from . import nodes, segments, tables, views
from .contents import Contents, read_contents
from .session import live_scene, slicer_package

_TEXT_NAMES = {"report.txt": "Report", "findings.json": "Findings", "narrative.json": "Narrative"}
ATTRIBUTE_PREFIX = "XAIReport."


@dataclass
class LoadedResult:
    """The nodes that a result folder became; a part that the folder does not have is None or empty.

    ``focus`` is where the views go: the centroid of the largest abnormality, RAS millimetres.
    """

    case_id: str
    folder_item: int
    volume: Any
    heatmaps: dict[str, Any] = field(default_factory=dict)
    segmentation: Any = None
    atlas: Any = None
    regions: Any = None
    points: Any = None
    texts: dict[str, Any] = field(default_factory=dict)
    focus: tuple[float, float, float] | None = None

    def all_nodes(self) -> list[Any]:
        """Every node of the case that a person sees, in the order of the subject hierarchy."""
        single = [self.segmentation, self.atlas, self.regions, self.points]
        parts = [self.volume, *self.heatmaps.values(), *single, *self.texts.values()]
        return [node for node in parts if node is not None]


def load_result(folder: str | Path, scene: Any = None) -> LoadedResult:
    """Put a result folder into ``scene`` (default: the open scene of Slicer) and show it in the slice views.

    Raises:
        SceneUnavailable: no scene was given and this is not a running Slicer.
        InputError: the folder is not a finished result; the scene is untouched.
    """
    scene = live_scene() if scene is None else scene
    contents = read_contents(folder)
    with _complete_or_absent(scene):
        loaded = _make_nodes(scene, contents)
    loaded.focus = next(iter(tables.lesion_centroids(contents).values()), None)
    views.show(scene, loaded.volume, next(iter(loaded.heatmaps.values()), None))
    views.go_to(scene, loaded.focus)
    return loaded


def _make_nodes(scene: Any, contents: Contents) -> LoadedResult:
    case = contents.case_id
    loaded = LoadedResult(case, 0, nodes.image_volume(scene, contents, f"{case} image"))
    for method, grid in contents.heatmaps.items():
        cut = nodes.heat_map_cut(grid, contents.saliency_masks.get(method))
        loaded.heatmaps[method] = nodes.heat_map_volume(scene, grid, f"{case} heat map {method}", cut)
    loaded.segmentation = segments.segmentation(scene, contents, loaded.volume, f"{case} segmentation")
    if contents.atlas is not None:
        loaded.atlas = nodes.atlas_volume(scene, contents.atlas, f"{case} atlas", contents.atlas_colors)
    loaded.regions = tables.region_table(scene, contents, f"{case} regions")
    loaded.points = tables.lesion_points(scene, contents, f"{case} abnormalities")
    for file_name, content in contents.texts.items():
        loaded.texts[file_name] = tables.text(scene, content, f"{case} {_TEXT_NAMES[file_name].lower()}")
    for node in loaded.all_nodes():
        _set_provenance(node, contents)
    for method, node in loaded.heatmaps.items():
        node.SetAttribute(f"{ATTRIBUTE_PREFIX}Method", method)
    loaded.folder_item = _gather(scene, loaded)
    return loaded


def _gather(scene: Any, loaded: LoadedResult) -> int:
    hierarchy = slicer_package().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), f"XAIReport {loaded.case_id}")
    for node in loaded.all_nodes():
        # In Slicer the node has an item already; a headless scene has nobody who makes one.
        existing = hierarchy.GetItemByDataNode(node)
        if existing:
            hierarchy.SetItemParent(existing, item)
        else:
            hierarchy.CreateItem(item, node)
    hierarchy.SetItemExpanded(item, True)
    return item


def _set_provenance(node: Any, contents: Contents) -> None:
    node.SetAttribute(f"{ATTRIBUTE_PREFIX}CaseID", contents.case_id)
    node.SetAttribute(f"{ATTRIBUTE_PREFIX}ResearchUseOnly", "Research use only. Not for diagnosis.")
    if not contents.has_geometry:
        node.SetAttribute(f"{ATTRIBUTE_PREFIX}Geometry", "picture without geometry: nominal 1 mm grid, no sides")
    for name, value in flat_provenance(contents.run).items():
        node.SetAttribute(ATTRIBUTE_PREFIX + name, value)


def flat_provenance(run: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """``run.json`` as one line for each value ("model.sha256"), without timings, null values and paths of a machine."""
    flat: dict[str, str] = {}
    for key, value in run.items():
        if key in ("timings", "timings_s", "warnings"):
            continue
        if isinstance(value, dict):
            flat.update(flat_provenance(value, f"{prefix}{key}."))
        elif isinstance(value, list):
            text = ", ".join(str(item) for item in value if isinstance(item, str | int | float))
            if text and not any(_is_path(item) for item in value):
                flat[prefix + key] = text
        elif value is not None and not _is_path(value):
            flat[prefix + key] = str(value)
    return flat


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute())


@contextmanager
def _complete_or_absent(scene: Any) -> Iterator[None]:
    """Take away every node that the block added when it fails: a half-made case must not stay behind."""
    before = {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}
    slicer = slicer_package()
    scene.StartState(slicer.vtkMRMLScene.BatchProcessState)
    try:
        yield
    except BaseException:
        for index in reversed(range(scene.GetNumberOfNodes())):
            node = scene.GetNthNode(index)
            if node is not None and node.GetID() not in before and not node.IsA("vtkMRMLSubjectHierarchyNode"):
                scene.RemoveNode(node)
        raise
    finally:
        scene.EndState(slicer.vtkMRMLScene.BatchProcessState)
