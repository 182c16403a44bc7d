"""Pictures of the module beside the slice views, drawn by Slicer's own slice logic; outlines of segments are added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6 import QtCore, QtGui

PANEL, VIEW = (560, 1040), 500
TITLES = ("Axial", "Sagittal", "Coronal")


def picture(widget: Any, host: Any, path: Path, look_at: Any) -> None:
    """Save the panel, scrolled to the widget ``look_at``, and the three slice views."""
    widget.parent.resize(*PANEL)
    for _ in range(5):  # a label that has grown moves what is below it in several rounds
        QtCore.QCoreApplication.processEvents()
    ui = widget.ui
    bar = ui.scrollArea.verticalScrollBar()
    bar.setValue(max(0, look_at.mapTo(ui.contentsWidget, QtCore.QPoint(0, 0)).y() - 8))
    QtCore.QCoreApplication.processEvents()
    canvas = QtGui.QImage(PANEL[0] + 2 * VIEW + 30, PANEL[1], QtGui.QImage.Format_RGB32)
    canvas.fill(QtGui.QColor("#202020"))
    painter = QtGui.QPainter(canvas)
    painter.drawPixmap(0, 0, widget.parent.grab())
    for index, (logic, title) in enumerate(zip(host.views, TITLES, strict=True)):
        x, y = PANEL[0] + 10 + (index % 2) * (VIEW + 10), 10 + (index // 2) * (VIEW + 10)
        view = slice_view(logic, host.scene)
        image = QtGui.QImage(view.tobytes(), VIEW, VIEW, 3 * VIEW, QtGui.QImage.Format_RGB888)
        painter.drawImage(x, y, image)
        painter.setPen(QtGui.QColor("white"))
        painter.drawText(x + 8, y + 20, title if title == "Sagittal" else f"{title} (R: left edge)")
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    assert canvas.save(str(path))


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
    from XAIReportLib.scene.cases import cases_in
    from XAIReportLib.scene.reveal import ijk_to_ras
    from XAIReportLib.scene.segments import segment_voxels

    to_ras = np.array([[node.GetXYToRAS().GetElement(r, c) for c in range(4)] for r in range(4)])
    x, y = np.meshgrid(np.arange(VIEW), np.arange(VIEW))
    places = np.stack([x, y, 0 * x, 1 + 0 * x], axis=-1) @ to_ras.T
    drawn = []
    for case in cases_in(scene)[-1:]:
        segmentation, display = case.segmentation.GetSegmentation(), case.segmentation.GetDisplayNode()
        ijk = np.rint(places @ np.linalg.inv(ijk_to_ras(case.volume)).T)[..., :3].astype(int)
        for index in range(segmentation.GetNumberOfSegments()):
            identifier = segmentation.GetNthSegmentID(index)
            if not display.GetSegmentVisibility(identifier):
                continue
            voxels = segment_voxels(case.segmentation, identifier, case.volume)
            limits = np.array(voxels.shape[::-1])
            inside = ((ijk >= 0) & (ijk < limits)).all(axis=-1)
            i, j, k = np.moveaxis(np.clip(ijk, 0, limits - 1), -1, 0)
            shown = voxels[k, j, i] & inside
            outline = shown & ~ndimage.binary_erosion(shown, iterations=2)
            color = np.array(segmentation.GetSegment(identifier).GetColor())
            drawn.append(((255 * color).astype(np.uint8), outline))
    return drawn
