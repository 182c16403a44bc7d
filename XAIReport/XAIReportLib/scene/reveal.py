"""Brings a piece of evidence to sight: a heat map, a segment, a region of the atlas, a place in all slice views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from XAIReportLib.report.wording import region_name

from . import views
from .cases import LoadedResult
from .lesions import drawn, segment_id
from .nodes import image_array
from .segments import READER_SUFFIX, segment_voxels
from .session import slicer_package

ATLAS_OPACITY = 0.5
NO_REGION = 0  # the atlas value of what lies on no region


def heat_map(scene: Any, case: LoadedResult, name: str | None, opacity: float, legend: bool) -> None:
    """One heat map over the image, or none; its colour legend with it."""
    chosen = case.heatmaps.get(name or "")
    for node in case.heatmaps.values():
        scale = slicer_package().vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
        if scale is not None:
            scale.SetVisibility(legend and node is chosen)
    for layers in _layers(scene):
        layers.SetBackgroundVolumeID(case.volume.GetID())
        layers.SetForegroundVolumeID(chosen.GetID() if chosen is not None else None)
        layers.SetForegroundOpacity(opacity)


def opacity(scene: Any, value: float) -> None:
    """How far the heat map covers the image, 0 to 1."""
    for layers in _layers(scene):
        layers.SetForegroundOpacity(value)


def outlines(case: LoadedResult, lesions: bool, mask: str | None) -> None:
    """Which segments are seen: all lesions or none, also one that a reader has only begun, and the mask of one heat map, the
    reader's where there is one."""
    if case.segmentation is None:
        return
    segmentation, display = case.segmentation.GetSegmentation(), case.segmentation.GetDisplayNode()
    if display is None:  # deleted a moment ago
        return
    shown = {mask + READER_SUFFIX if mask and segmentation.GetSegment(mask + READER_SUFFIX) else mask}
    shown |= set(drawn(case)) if lesions else set()
    for index in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(index)
        display.SetSegmentVisibility(identifier, identifier in shown)


def atlas(scene: Any, case: LoadedResult, whole: bool, region: int | None) -> None:
    """The atlas over the image: all of it, one region of it, or nothing."""
    shown = _colors(case) is not None and (whole or region is not None)
    colors = _colors(case)
    if colors is not None:
        for label in range(1, colors.GetNumberOfColors()):
            named = colors.GetColorName(label) != "(none)"
            colors.SetOpacity(label, 1.0 if named and (region is None or label == region) else 0.0)
    for layers in _layers(scene):
        layers.SetLabelVolumeID(case.atlas.GetID() if shown else None)
        layers.SetLabelOpacity(ATLAS_OPACITY)


def region_label(case: LoadedResult, name: str, side: str | None) -> int | None:
    """The atlas value of a region of the findings; None for what lies on no region, or without an atlas."""
    colors = _colors(case)
    if colors is None:
        return None
    wanted = {region_name(name, side).lower(), name.lower()}
    found = [n for n in range(1, colors.GetNumberOfColors()) if colors.GetColorName(n).lower() in wanted]
    return found[0] if found else None


def region_at(case: LoadedResult, position: tuple[float, float, float] | None) -> str | None:
    """Name of the atlas region at a place of the views (RAS millimetres); None where there is none."""
    colors = _colors(case)
    if colors is None or position is None:
        return None
    ijk = np.rint(np.linalg.inv(ijk_to_ras(case.atlas)) @ [*from_world(case.atlas, position), 1.0])[:3].astype(int)
    image = case.atlas.GetImageData()
    if any(not 0 <= index < length for index, length in zip(ijk, image.GetDimensions(), strict=True)):
        return None
    label = int(image.GetScalarComponentAsDouble(*(int(n) for n in ijk), 0))
    return colors.GetColorName(label) if label else None


def place_of(case: LoadedResult, mask: str, label: int | None = None) -> tuple[float, float, float] | None:
    """The voxel of a mask ("lesion-1", a heat map's name), or of its part on one region, that lies nearest to its centre; RAS
    millimetres of the views. None where there is nothing."""
    if case.segmentation is None:
        return None
    inside = segment_voxels(case.segmentation, segment_id(case.segmentation, mask), case.volume)
    if label is not None and case.atlas is not None:
        inside &= image_array(case.atlas.GetImageData()) == label
    if not inside.any():
        return None
    kji = np.argwhere(inside)
    nearest = kji[np.argmin(((kji - kji.mean(axis=0)) ** 2).sum(axis=1))]
    return to_world(case.volume, (ijk_to_ras(case.volume) @ [*nearest[::-1], 1.0])[:3])


def peak_of(case: LoadedResult, name: str) -> tuple[float, float, float] | None:
    """Where a heat map is highest, RAS millimetres of the views."""
    if case.peaks is None:
        return None
    for index in range(case.peaks.GetNumberOfControlPoints()):
        if case.peaks.GetNthControlPointLabel(index) == f"Peak {name}":
            position = [0.0, 0.0, 0.0]
            case.peaks.GetNthControlPointPositionWorld(index, position)
            return tuple(position)
    return None


def voxel_ml(volume: Any) -> float:
    """Millilitres of one voxel of a volume node."""
    return float(abs(np.linalg.det(ijk_to_ras(volume)[:3, :3])) / 1000)


def go_to(scene: Any, position: tuple[float, float, float] | None) -> None:
    """Bring the slice of every view to a place."""
    views.go_to(scene, position)


def to_world(node: Any, position: Sequence[float]) -> tuple[float, float, float]:
    """A place of a node, RAS millimetres, where the views show it: moved by the transform that the node is under, if any."""
    return _moved(node.GetParentTransformNode(), None, position)


def from_world(node: Any, position: Sequence[float]) -> tuple[float, float, float]:
    """The opposite of ``to_world``."""
    return _moved(None, node.GetParentTransformNode(), position)


def _moved(source: Any, target: Any, position: Sequence[float]) -> tuple[float, float, float]:
    if source is not target:
        from vtkmodules.vtkCommonTransforms import vtkGeneralTransform

        transform = vtkGeneralTransform()
        slicer_package().vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, transform)
        position = transform.TransformPoint([float(v) for v in position])
    return tuple(float(v) for v in position)


def _colors(case: LoadedResult) -> Any:
    """The atlas's colours; None without an atlas, or where it was deleted a moment ago."""
    display = case.atlas.GetDisplayNode() if case.atlas is not None else None
    return display.GetColorNode() if display is not None else None


def _layers(scene: Any) -> list[Any]:
    count = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    return [scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode") for index in range(count)]


def ijk_to_ras(volume: Any) -> np.ndarray:
    """4x4, voxel index of a volume node to RAS millimetres."""
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
