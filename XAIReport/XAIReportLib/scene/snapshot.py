"""What a scene holds, as plain values that can be compared: the check that a saved scene lost nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .nodes import image_array
from .session import slicer_package


def snapshot(scene: Any) -> dict[str, dict[str, Any]]:
    """Everything a person would miss, by node name: class, voxels, geometry, display, segments, cells, text, points,
    attributes and the place in the subject hierarchy."""
    hierarchy = slicer_package().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    found: dict[str, dict[str, Any]] = {}
    for index in range(scene.GetNumberOfNodes()):
        node = scene.GetNthNode(index)
        ours = any(name.startswith("XAIReport.") for name in node.GetAttributeNames())
        if not (ours or node.IsA("vtkMRMLSliceCompositeNode") or node.IsA("vtkMRMLColorLegendDisplayNode")) or not any(
            node.IsA(name) for name in _FACTS
        ):
            continue
        key = f"{node.GetClassName()} '{node.GetName()}'"
        if key in found:
            key = f"{key} #{node.GetID()}"
        found[key] = {**_facts(node), "attributes": _attributes(node), "folder": _folder(hierarchy, node)}
    return found


def differences(written: dict[str, dict[str, Any]], read: dict[str, dict[str, Any]]) -> list[str]:
    """One sentence for each thing that ``read`` lacks or has otherwise."""
    lost = [f"{key} is missing" for key in written if key not in read]
    lost += [f"{key} appeared" for key in read if key not in written]
    for key in (key for key in written if key in read):
        facts = written[key]
        lost += [f"{key}: {name} changed" for name, value in facts.items() if not _same(value, read[key].get(name))]
    return lost


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return a is not None and b is not None and a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=1e-4))
    if isinstance(a, float) and isinstance(b, float):
        # The scene file keeps six digits of a display setting.
        return a == b or (np.isnan(a) and np.isnan(b)) or abs(a - b) <= 1e-4 * max(abs(a), abs(b), 1.0)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _facts(node: Any) -> dict[str, Any]:
    return next(facts(node) for name, facts in _FACTS.items() if node.IsA(name))


def _volume(node: Any) -> dict[str, Any]:
    voxels = image_array(node.GetImageData()) if node.GetImageData() else np.empty(0)
    display = node.GetDisplayNode()
    facts = {"voxels": _digest(voxels), "geometry": _ijk_to_ras(node), "colors": None}
    if display is not None:
        facts["colors"] = display.GetColorNode().GetName() if display.GetColorNode() else None
        if node.IsA("vtkMRMLScalarVolumeNode") and not node.IsA("vtkMRMLLabelMapVolumeNode"):
            facts["window"] = [float(display.GetWindow()), float(display.GetLevel())]
            facts["threshold"] = [
                bool(display.GetApplyThreshold()),
                float(display.GetLowerThreshold()),
                float(display.GetUpperThreshold()),
            ]
    return facts


def _segmentation(node: Any) -> dict[str, Any]:
    slicer = slicer_package()
    segments: list[dict[str, Any]] = []
    for index in range(node.GetSegmentation().GetNumberOfSegments()):
        segment = node.GetSegmentation().GetNthSegment(index)
        segments.append(
            {
                "id": node.GetSegmentation().GetNthSegmentID(index),
                "name": segment.GetName(),
                "terminology": segment.GetTerminology(),
                "color": [float(v) for v in segment.GetColor()],
                "voxels": _segment_points(segment),
            }
        )
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    reference = node.GetNodeReference(role)
    return {"segments": segments, "reference volume": reference.GetName() if reference else None}


def _segment_points(segment: Any) -> dict[str, Any]:
    """Count, and first, last and mean position of the voxels: a saved labelmap comes back cut to its extent."""
    labelmap = segment.GetRepresentation("Binary labelmap")
    inside = np.argwhere(image_array(labelmap) == segment.GetLabelValue())[:, ::-1] if labelmap else np.empty((0, 3))
    if not len(inside):
        return {"count": 0, "digest": "", "mean": np.zeros(3)}
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    to_world = _array(matrix)
    start = np.asarray(labelmap.GetExtent())[::2]
    position = (inside + start) @ to_world[:3, :3].T + to_world[:3, 3]
    return {"count": len(inside), "digest": _digest(inside - inside[0]), "mean": position.mean(axis=0)}


def _table(node: Any) -> dict[str, Any]:
    columns = {}
    for index in range(node.GetNumberOfColumns()):
        column = node.GetTable().GetColumn(index)
        cells = [column.GetValue(row) for row in range(column.GetNumberOfValues())]
        columns[column.GetName()] = [column.GetDataTypeAsString(), cells]
    return {"columns": columns}


def _text(node: Any) -> dict[str, Any]:
    return {"text": node.GetText()}


def _points(node: Any) -> dict[str, Any]:
    points = []
    for index in range(node.GetNumberOfControlPoints()):
        position = [0.0, 0.0, 0.0]
        node.GetNthControlPointPosition(index, position)
        points.append([node.GetNthControlPointLabel(index), np.asarray(position)])
    return {"points": points}


def _chart(node: Any) -> dict[str, Any]:
    series = [node.GetNthPlotSeriesNode(index) for index in range(node.GetNumberOfPlotSeriesNodes())]
    tables = [one.GetTableNode().GetName() if one.GetTableNode() else None for one in series]
    return {"title": node.GetTitle(), "series": [one.GetName() for one in series], "tables": tables}


def _legend(node: Any) -> dict[str, Any]:
    owner = node.GetDisplayableNode()
    return {"title": node.GetTitleText(), "visible": bool(node.GetVisibility()), "of": owner and owner.GetName()}


def _layers(node: Any) -> dict[str, Any]:
    scene = node.GetScene()
    layers = {"background": node.GetBackgroundVolumeID(), "foreground": node.GetForegroundVolumeID()}
    names = {key: scene.GetNodeByID(value).GetName() for key, value in layers.items() if value}
    return {**names, "opacity": float(node.GetForegroundOpacity())}


def _colors(node: Any) -> dict[str, Any]:
    return {"colors": [_color(node, index) for index in range(node.GetNumberOfColors())]}


def _color(node: Any, index: int) -> list[Any]:
    rgba = [0.0, 0.0, 0.0, 0.0]
    node.GetColor(index, rgba)
    # A colour table file holds whole numbers from 0 to 255.
    return [node.GetColorName(index), *(round(value * 255) for value in rgba)]


def _attributes(node: Any) -> dict[str, str]:
    names = [name for name in node.GetAttributeNames() if name.startswith("XAIReport.")]
    return {name: node.GetAttribute(name) for name in names}


def _folder(hierarchy: Any, node: Any) -> str | None:
    item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
    return hierarchy.GetItemName(hierarchy.GetItemParent(item)) if item else None


def _ijk_to_ras(node: Any) -> np.ndarray:
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return _array(matrix)


def _array(matrix: Any) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def _digest(values: np.ndarray) -> str:
    values = np.ascontiguousarray(values)
    return f"{values.dtype} {values.shape} {hashlib.sha256(values).hexdigest()}"


_FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "vtkMRMLVolumeNode": _volume,
    "vtkMRMLSegmentationNode": _segmentation,
    "vtkMRMLTableNode": _table,
    "vtkMRMLTextNode": _text,
    "vtkMRMLMarkupsNode": _points,
    "vtkMRMLColorTableNode": _colors,
    "vtkMRMLPlotChartNode": _chart,
    "vtkMRMLColorLegendDisplayNode": _legend,
    "vtkMRMLSliceCompositeNode": _layers,
}
