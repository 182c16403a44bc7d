"""The region table, the clinical record, the texts and the marked points of a case."""

from __future__ import annotations

from typing import Any

import numpy as np

from .contents import Contents, Table


def table(scene: Any, content: Table, name: str) -> Any:
    """A table node with typed columns: whole numbers, numbers (an empty cell is NaN) or text; None without a header."""
    if not content[0]:
        return None
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    fill_table(node, *content)
    return node


def fill_table(node: Any, header: list[str], rows: list[list[str]]) -> None:
    """Give a table node these columns instead of its own."""
    node.RemoveAllColumns()
    for index, title in enumerate(header):
        column = _column([row[index] if index < len(row) else "" for row in rows])
        column.SetName(title)
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)


def _column(cells: list[str]) -> Any:
    from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkIntArray, vtkStringArray

    filled = [cell for cell in cells if cell]
    values: list[Any]
    if filled and len(filled) == len(cells) and all(_is(int, cell) for cell in cells):
        array, values = vtkIntArray(), [int(cell) for cell in cells]
    elif filled and all(_is(float, cell) for cell in filled):
        array, values = vtkDoubleArray(), [float(cell) if cell else float("nan") for cell in cells]
    else:
        array, values = vtkStringArray(), cells
    for value in values:
        array.InsertNextValue(value)
    return array


def _is(kind: type, cell: str) -> bool:
    try:
        kind(cell)
    except ValueError:
        return False
    return True


def text(scene: Any, content: str, name: str) -> Any:
    """A text node in a file of its own: inside the scene's XML, line ends would not survive."""
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", name)
    node.SetForceCreateStorageNode(True)
    node.SetText(content)
    return node


def lesion_points(scene: Any, contents: Contents, name: str) -> Any:
    """A labelled point at the centroid of each segmented abnormality, maybe of none; None when the model was not run."""
    if contents.lesions is None:
        return None
    points = {f"Abnormality {n}": position for n, position in lesion_centroids(contents).items()}
    return _points(scene, name, points, (0.34, 0.71, 0.91))


def peak_points(scene: Any, contents: Contents, name: str) -> Any:
    """A labelled point at the highest value of each heat map; None without one. Hidden at first: they lie close together."""
    peaks = {f"Peak {map_name}": at for map_name, at in contents.peaks.items() if map_name in contents.saliency_masks}
    if not peaks:
        return None
    node = _points(scene, name, peaks, (0.90, 0.62, 0.00))
    node.GetDisplayNode().SetVisibility(False)
    return node


def _points(scene: Any, name: str, points: dict[str, Any], color: tuple[float, float, float]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.CreateDefaultDisplayNodes()
    fill_points(node, points)
    node.SetLocked(True)
    display = node.GetDisplayNode()
    display.SetSelectedColor(*color)
    display.SetGlyphScale(1.5)
    display.SetTextScale(3.0)
    return node


def fill_points(node: Any, points: dict[str, Any]) -> None:
    """Give a markups node these labelled points (RAS millimetres) instead of its own."""
    node.RemoveAllControlPoints()
    for label, position in points.items():
        node.AddControlPoint(*position, label)


def lesion_centroids(contents: Contents) -> dict[int, tuple[float, float, float]]:
    """RAS millimetres (of the nominal grid for a picture) by lesion number: from the findings, else from the mask."""
    if contents.lesions is None:
        return {}
    stated = contents.findings.get("lesions") or []
    points = {}
    for number in contents.lesion_numbers:
        position = stated[number - 1].get("centroid_ras_mm") if number <= len(stated) else None
        if position is None:
            kji = np.argwhere(contents.lesions.voxels == number).mean(axis=0)
            position = (contents.lesions.ijk_to_ras @ [*kji[::-1], 1.0])[:3]
        points[number] = tuple(float(v) for v in position)
    return points
