"""Pictures of the module beside the slice views, drawn by Slicer's own slice logic; outlines, letters of the sides and a legend are
added, as Slicer's views have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6 import QtCore, QtGui

PANEL, VIEW, GAP = (560, 1040), 510, 10
TITLES = ("Axial", "Sagittal", "Coronal")
DIRECTIONS = (("L", "R"), ("P", "A"), ("I", "S"))  # names of the ends of each RAS axis, the negative one first


def picture(widget: Any, host: Any, path: Path, look_at: Any) -> None:
    """Save the panel, scrolled to the widget ``look_at``, the three slice views and what their colours mean."""
    widget.parent.resize(*PANEL)
    for _ in range(5):  # a label that has grown moves what is below it in several rounds
        QtCore.QCoreApplication.processEvents()
    ui = widget.ui
    bar = ui.scrollArea.verticalScrollBar()
    bar.setValue(max(0, look_at.mapTo(ui.contentsWidget, QtCore.QPoint(0, 0)).y() - 8))
    QtCore.QCoreApplication.processEvents()
    canvas = QtGui.QImage(PANEL[0] + 2 * VIEW + 3 * GAP, PANEL[1], QtGui.QImage.Format_RGB32)
    canvas.fill(QtGui.QColor("#202020"))
    painter = QtGui.QPainter(canvas)
    painter.drawPixmap(0, 0, widget.parent.grab())
    painter.setPen(QtGui.QColor("white"))
    for index, (logic, title) in enumerate(zip(host.views, TITLES, strict=True)):
        x, y = PANEL[0] + GAP + (index % 2) * (VIEW + GAP), GAP // 2 + (index // 2) * (VIEW + GAP)
        view = slice_view(logic, host.scene)
        image = QtGui.QImage(view.tobytes(), VIEW, VIEW, 3 * VIEW, QtGui.QImage.Format_RGB888)
        painter.drawImage(x, y, image)
        painter.drawText(x + 8, y + 20, title)
        left, right = sides_of(logic.GetSliceNode())
        painter.drawText(x + 8, y + VIEW // 2, left)
        painter.drawText(x + VIEW - 20, y + VIEW // 2, right)
    _legend(painter, host.scene, PANEL[0] + 2 * GAP + VIEW, GAP // 2 + VIEW + GAP)
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    assert canvas.save(str(path))


def sides_of(node: Any) -> tuple[str, str]:
    """Letters of the patient's directions at the left and the right edge of a slice view."""
    across = np.array([node.GetSliceToRAS().GetElement(axis, 0) for axis in range(3)])
    axis = int(np.abs(across).argmax())
    negative, positive = DIRECTIONS[axis]
    return (negative, positive) if across[axis] > 0 else (positive, negative)


def slice_view(logic: Any, scene: Any) -> np.ndarray:
    """RGB picture of a slice view, uint8 (row from the top, column, channel)."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    node = logic.GetSliceNode()
    node.SetDimensions(VIEW, VIEW, 1)
    if not node.GetAttribute("Fitted") and logic.GetBackgroundLayer().GetVolumeNode() is not None:
        place = [node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)]
        logic.FitSliceToBackground()
        node.JumpSliceByOffsetting(*place)
        node.SetAttribute("Fitted", "1")
    connection = logic.GetImageDataConnection()
    if connection is None:
        return np.zeros((VIEW, VIEW, 3), np.uint8)
    producer = connection.GetProducer()
    producer.Update()
    image = producer.GetOutputDataObject(0)
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(VIEW, VIEW, -1)[..., :3].astype(np.uint8)
    pixels = pixels.copy()
    for color, outline in _outlines(node, scene):
        pixels[outline] = color
    return np.ascontiguousarray(pixels[::-1])


def _outlines(node: Any, scene: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    from scipy import ndimage
    from XAIReportLib.scene.reveal import ijk_to_ras
    from XAIReportLib.scene.segments import segment_voxels

    to_ras = np.array([[node.GetXYToRAS().GetElement(r, c) for c in range(4)] for r in range(4)])
    x, y = np.meshgrid(np.arange(VIEW), np.arange(VIEW))
    places = np.stack([x, y, 0 * x, 1 + 0 * x], axis=-1) @ to_ras.T
    drawn = []
    for case, identifier, segment in _shown_segments(scene):
        ijk = np.rint(places @ np.linalg.inv(ijk_to_ras(case.volume)).T)[..., :3].astype(int)
        voxels = segment_voxels(case.segmentation, identifier, case.volume)
        limits = np.array(voxels.shape[::-1])
        inside = ((ijk >= 0) & (ijk < limits)).all(axis=-1)
        i, j, k = np.moveaxis(np.clip(ijk, 0, limits - 1), -1, 0)
        shown = voxels[k, j, i] & inside
        outline = shown & ~ndimage.binary_erosion(shown, iterations=2)
        drawn.append(((255 * np.array(segment.GetColor())).astype(np.uint8), outline))
    return drawn


def _shown_segments(scene: Any) -> list[tuple[Any, str, Any]]:
    from XAIReportLib.scene.cases import cases_in

    found = []
    for case in cases_in(scene)[-1:]:
        if case.segmentation is None:
            continue
        segmentation, display = case.segmentation.GetSegmentation(), case.segmentation.GetDisplayNode()
        for index in range(segmentation.GetNumberOfSegments()):
            identifier = segmentation.GetNthSegmentID(index)
            if display.GetSegmentVisibility(identifier):
                found.append((case, identifier, segmentation.GetSegment(identifier)))
    return found


def _legend(painter: QtGui.QPainter, scene: Any, x: int, y: int) -> None:
    """The heat map's own colours with the title of its legend, and the names of what is outlined or coloured."""
    import slicer

    composite = scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    heat = scene.GetNodeByID(composite.GetForegroundVolumeID() or "")
    top = y + 30
    if heat is not None:
        display = heat.GetDisplayNode()
        colors = display.GetColorNode()
        painter.drawText(x + 20, top, f"Heat map: {heat.GetName().split(' heat map ')[-1]}")
        for column in range(300):
            rgba = [0.0] * 4
            colors.GetColor(round(column / 299 * (colors.GetNumberOfColors() - 1)), rgba)
            painter.fillRect(x + 20 + column, top + 12, 1, 16, QtGui.QColor.fromRgbF(*rgba[:3]))
        painter.drawText(x + 20, top + 46, "0")
        painter.drawText(x + 312, top + 46, "1")
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(heat)
        painter.drawText(x + 20, top + 66, f"{legend.GetTitleText()}, shown from {display.GetLowerThreshold():.2f}")
        top += 104
    for _case, _identifier, segment in _shown_segments(scene):
        pen = painter.pen()
        painter.setPen(QtGui.QPen(QtGui.QColor.fromRgbF(*segment.GetColor()), 2))
        painter.drawRect(x + 21, top - 11, 16, 12)
        painter.setPen(pen)
        painter.drawText(x + 48, top, segment.GetName())
        top += 24
    atlas = scene.GetNodeByID(composite.GetLabelVolumeID() or "")
    if atlas is not None:
        names = atlas.GetDisplayNode().GetColorNode()
        shown = [n for n in range(1, names.GetNumberOfColors()) if _opacity(names, n) > 0]
        if len(shown) == 1:
            rgba = [0.0] * 4
            names.GetColor(shown[0], rgba)
            painter.fillRect(x + 20, top - 12, 18, 14, QtGui.QColor.fromRgbF(*rgba[:3]))
            painter.drawText(x + 48, top, f"Atlas position: {names.GetColorName(shown[0])}")
        else:
            painter.drawText(x + 20, top, "Atlas regions in their own colours")


def _opacity(names: Any, label: int) -> float:
    return names.GetLookupTable().GetTableValue(label)[3]
