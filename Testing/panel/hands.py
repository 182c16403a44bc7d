"""What a reader's hands do in the panel: clicks on sentences and rows, strokes of the Segment Editor."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6 import QtCore, QtTest, QtWidgets


def click_sentence(browser: QtWidgets.QTextBrowser, words: str) -> None:
    """A mouse click on the sentence that holds these words."""
    cursor = browser.document().find(words)
    assert not cursor.isNull(), words
    cursor.setPosition(cursor.selectionStart() + 2)
    browser.setTextCursor(cursor)
    browser.ensureCursorVisible()
    place = browser.cursorRect().center()
    assert browser.anchorAt(place), words
    QtTest.QTest.mouseClick(browser.viewport(), QtCore.Qt.LeftButton, pos=place)


def click_row(table: QtWidgets.QTableWidget, line: int) -> None:
    table.scrollToItem(table.item(line, 0))
    place = table.visualItemRect(table.item(line, 1)).center()
    QtTest.QTest.mouseClick(table.viewport(), QtCore.Qt.LeftButton, pos=place)


def choose(box: QtWidgets.QComboBox, text: str) -> None:
    box.setCurrentIndex(box.findText(text))


def edit_outline(widget: Any, identifier: str, voxels: np.ndarray) -> None:
    """``voxels``: bool, axes (i, j, k). What every effect of the Segment Editor ends in."""
    import slicer
    from XAIReportLib.scene.nodes import fill_image, vtk_matrix
    from XAIReportLib.scene.reveal import ijk_to_ras

    case = widget.panel.shown.case
    labelmap = slicer.vtkOrientedImageData()
    fill_image(labelmap, np.ascontiguousarray(np.transpose(voxels)).astype(np.uint8))
    labelmap.SetImageToWorldMatrix(vtk_matrix(ijk_to_ras(case.volume)))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.SetBinaryLabelmapToSegment(labelmap, case.segmentation, identifier, logic.MODE_REPLACE)
