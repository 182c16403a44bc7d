"""Puts a finished result folder into a scene, everything under one subject hierarchy folder, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from . import nodes, scores, segments, tables, views
from .cases import ATTRIBUTE_PREFIX, CASE_ID, LoadedResult, cases_in, gather, mark, remove_case, tell_apart
from .contents import Contents, read_contents
from .session import live_scene, slicer_package

_TEXT_NAMES = {"report.txt": "Report", "findings.json": "Findings", "narrative.json": "Narrative"}


def load_result(folder: str | Path, scene: Any = None, replace: bool = False) -> LoadedResult:
    """Put a result folder into ``scene`` (default: the open scene of Slicer) and show it in the slice views.

    Args:
        replace: take earlier results of the same case id out of the scene when the new one is complete.

    Raises:
        SceneUnavailable: no scene was given and this is not a running Slicer.
        InputError: the folder is not a finished result; the scene is untouched.
    """
    scene = live_scene() if scene is None else scene
    steps = loading(read_contents(folder), scene, replace)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            tell_apart(scene, end.value)
            return end.value


def loading(contents: Contents, scene: Any, replace: bool = False) -> Generator[float, None, LoadedResult]:
    """The same in steps of a fraction of a second, so that a window stays alive between them; yields the share done.

    When a step fails, or the generator is closed before its end, no node of the case stays behind.
    """
    earlier = [case for case in cases_in(scene) if replace and case.case_id == contents.case_id]
    loaded = LoadedResult(contents.case_id, 0, None)
    steps = list(_steps(scene, contents, loaded))
    own: set[str] = set()
    try:
        for index, step in enumerate(steps):
            own |= _added_by(step, scene)
            yield (index + 1) / len(steps)
        views.show(scene, loaded.volume, next(iter(loaded.heatmaps.values()), None))
        views.go_to(scene, loaded.focus)
    except BaseException:
        if loaded.folder_item:
            remove_case(scene, loaded)
        for node_id in own:
            node = scene.GetNodeByID(node_id)
            if node is not None and not node.IsA("vtkMRMLSubjectHierarchyNode"):
                scene.RemoveNode(node)
        raise
    for case in earlier:
        remove_case(scene, case)
    return loaded


def _added_by(step: Callable[[], None], scene: Any) -> set[str]:
    """Ids of the nodes that a step adds; when it fails it takes them away itself."""
    before = _ids(scene)
    slicer = slicer_package()
    scene.StartState(slicer.vtkMRMLScene.BatchProcessState)
    try:
        step()
    except BaseException:
        for node_id in _ids(scene) - before:
            node = scene.GetNodeByID(node_id)
            if node is not None and not node.IsA("vtkMRMLSubjectHierarchyNode"):
                scene.RemoveNode(node)
        raise
    finally:
        scene.EndState(slicer.vtkMRMLScene.BatchProcessState)
    return _ids(scene) - before


def _ids(scene: Any) -> set[str]:
    return {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}


def _steps(scene: Any, contents: Contents, loaded: LoadedResult) -> Iterator[Callable[[], None]]:
    case = contents.case_id

    def image() -> None:
        loaded.volume = nodes.image_volume(scene, contents, f"{case} image")

    def heat_map(map_name: str) -> None:
        grid, first = contents.heatmaps[map_name], not loaded.heatmaps
        cut, name = contents.cuts[map_name], f"{case} heat map {map_name}"
        loaded.heatmaps[map_name] = nodes.heat_map_volume(scene, grid, name, cut, first)

    def keep(segmentation: Any) -> None:
        loaded.segmentation = segmentation

    def atlas() -> None:
        if contents.atlas is not None:
            loaded.atlas = nodes.atlas_volume(scene, contents.atlas, f"{case} atlas", contents.atlas_colors)

    def words() -> None:
        loaded.regions = tables.table(scene, contents.regions, f"{case} regions")
        loaded.clinical = tables.table(scene, contents.clinical, f"{case} clinical record (not used by the model)")
        loaded.points = tables.lesion_points(scene, contents, f"{case} abnormalities")
        loaded.peaks = tables.peak_points(scene, contents, f"{case} saliency peaks")
        loaded.scores = scores.chart(scene, contents.findings, f"{case} model scores")
        for file_name, content in contents.texts.items():
            loaded.texts[file_name] = tables.text(scene, content, f"{case} {_TEXT_NAMES[file_name].lower()}")
        loaded.focus = next(iter(tables.lesion_centroids(contents).values()), None)

    def together() -> None:
        for node in loaded.all_nodes():
            _set_provenance(node, contents)
        mark(loaded)
        loaded.folder_item = gather(scene, loaded)

    yield image
    yield from (partial(heat_map, map_name) for map_name in contents.heatmaps)
    yield from segments.segmentation_steps(scene, contents, lambda: loaded.volume, f"{case} segmentation", keep)
    yield from (atlas, words, together)


def _set_provenance(node: Any, contents: Contents) -> None:
    node.SetAttribute(CASE_ID, contents.case_id)
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
