"""The way of a radiologist through the module, with real clicks: load, Analyze, percentile, region, sentence, correction,
a sentence in other words, a question, review and export. Walked by a test, and by ``scripts/screenshots.py`` for the pictures
of the README."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hands import click_row, click_sentence, edit_outline
from PySide6 import QtCore  # noqa: F401 - a module that names PySide keeps its own names of properties, here methods
from scipy import ndimage


@dataclass
class Walk:
    """What the walk needs.

    ``wait``: lets Qt's events run until a condition holds; ``picture``: called with a name and the widget to look at;
    ``choose_folder``: answers the next dialogue; ``export_to``: an empty folder.
    """

    widget: Any
    volume: Any
    wait: Callable[..., None]
    picture: Callable[[str, Any], None]
    choose_folder: Callable[[Path], None]
    export_to: Path

    def begin(self) -> None:
        """Choose the volume and press Analyze."""
        ui = self.widget.ui
        ui.volumeSelector.setCurrentNode(self.volume)
        self.picture("1-volume", ui.inputButton)
        ui.analyzeButton.click()
        assert ui.analyzeButton.text() == "Cancel"
        self.wait(lambda: ui.progressBar.value() > 5 or not self.widget.logic.isRunning, 500)
        self.picture("2-analysis", ui.inputButton)

    def to_the_result(self) -> None:
        ui = self.widget.ui
        self.begin()
        self.wait(lambda: not self.widget.logic.isRunning and not self.widget.logic.isOpening, 500)
        assert not ui.errorFrame.isVisible(), ui.errorLabel.text() + ui.detailsText.toPlainText()
        self.wait(ui.percentileSlider.isEnabled, 60)
        self.picture("3-result", ui.predictionButton)

    def cancel(self) -> None:
        ui = self.widget.ui
        ui.analyzeButton.click()
        self.wait(lambda: ui.analyzeButton.text() == "Analyze", 60)

    def open_result(self) -> None:
        """The result from its folder instead."""
        ui = self.widget.ui
        ui.loadResultButton.click()
        self.wait(lambda: not self.widget.logic.isOpening, 60)
        assert not ui.errorFrame.isVisible(), ui.errorLabel.text()
        self.wait(ui.percentileSlider.isEnabled, 60)
        self.picture("3-result", ui.predictionButton)

    def percentile(self) -> None:
        ui = self.widget.ui
        stated = ui.percentileSlider.value
        ui.percentileSlider.setValue(stated + 0.6 if stated < 99 else stated - 1.5)
        assert "Set by the reader" in ui.percentileStateLabel.text()
        self.picture("4-percentile", ui.evidenceButton)

    def region(self) -> str:
        """Click the largest named region of the first abnormality; returns its name."""
        table = self.widget.ui.regionsTable
        lines = [
            line
            for line in range(table.rowCount())
            if table.item(line, 0).text() == "Abnormality 1" and "white matter" not in table.item(line, 1).text()
        ]
        line = max(lines, key=lambda n: float(table.item(n, 3).text()))
        click_row(table, line)
        self.picture("5-region", self.widget.ui.regionsButton)
        return table.item(line, 1).text()

    def sentence(self, words: str) -> None:
        click_sentence(self.widget.ui.narrativeText, words)
        assert self.widget.ui.restsOnLabel.text().startswith("Rests on: ")
        self.picture("6-sentence", self.widget.ui.reportButton)

    def correct(self) -> float:
        """Grow the first outline by two voxels, as with the Segment Editor; returns its volume in millilitres."""
        from XAIReportLib.scene.reveal import voxel_ml
        from XAIReportLib.scene.segments import segment_voxels

        ui, case = self.widget.ui, self.widget.panel.shown.case
        ui.correctButton.click()
        voxels = ndimage.binary_dilation(segment_voxels(case.segmentation, "lesion-1", case.volume), iterations=2)
        edit_outline(self.widget, "lesion-1", np.transpose(voxels))
        self.wait(lambda: "(edited by the reader)" in ui.narrativeText.toPlainText(), 150)
        self.picture("7-correction", ui.reportButton)
        return float(voxels.sum() * voxel_ml(case.volume))

    def reword(self, words: str) -> None:
        """Write the chosen sentence anew, and wait for the check."""
        ui = self.widget.ui
        click_sentence(self.widget.ui.narrativeText, "Segmented abnormality 1 (edited by the reader):")
        ui.sentenceEdit.setPlainText(words)
        ui.keepWordingButton.click()
        self.wait(lambda: f"{words} ✓ edited by the reader" in ui.narrativeText.toPlainText(), 150)
        below = ui.narrativeText.document().find("Anatomy")
        below.clearSelection()
        ui.narrativeText.setTextCursor(below)
        ui.narrativeText.ensureCursorVisible()
        self.picture("8-wording", ui.reportButton)

    def question(self, words: str) -> str:
        """Ask, and click the first sentence of the answer; returns the answer."""
        ui = self.widget.ui
        ui.questionEdit.setText(words)
        ui.askButton.click()
        self.wait(lambda: words in ui.answersText.toPlainText(), 150)
        answer = ui.answersText.toPlainText()
        click_sentence(ui.answersText, answer.splitlines()[1][:20])
        assert ui.answerRestsOnLabel.text().startswith("Rests on: ")
        self.picture("9-question", ui.reviewLabel)
        return answer

    def sign_and_export(self) -> Path:
        ui = self.widget.ui
        ui.reviewerEdit.setText("Example Reader")
        ui.reviewButton.click()
        self.wait(lambda: ui.reviewLabel.text().startswith("Reviewed by Example Reader"), 150)
        self.choose_folder(self.export_to)
        ui.exportButton.click()
        self.wait(lambda: ui.folderLabel.text().startswith("Exported to"), 150)
        self.picture("10-export", ui.reviewLabel)
        (exported,) = self.export_to.iterdir()
        return exported
