"""What a reader's hands do in the panel: clicks on sentences and rows, strokes of the Segment Editor."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6 import QtCore, QtTest, QtWidgets
from strokes import draw


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
    """``voxels``: bool, axes (i, j, k)."""
    draw(widget.panel.shown.case, identifier, voxels)


def add_outline(widget: Any, voxels: np.ndarray) -> str:
    """A segment that the reader adds, as Slicer does it, and draws into; returns the id that Slicer made up."""
    identifier = widget.panel.shown.case.segmentation.GetSegmentation().AddEmptySegment("")
    edit_outline(widget, identifier, voxels)
    return identifier
