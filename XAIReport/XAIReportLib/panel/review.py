"""What the person sees and presses: input, Analyze and Cancel, progress, the last error, the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.case import InputError
from XAIReportLib.panel import stages

METHODS = {"gradcamPlusPlus": "gradcam++", "gradcam": "gradcam", "scorecam": "scorecam"}


class ReviewPanel:
    """Connects the widgets of XAIReport.ui with the logic. Is the listener of the logic's analyses.

    :param ui: the named widgets.
    :param logic: XAIReportLogic.
    :param ensureDependencies: called when Analyze is pressed; may ask, install, and raise with the reason.
    """

    def __init__(self, ui: Any, logic: Any, ensureDependencies: Callable[[], None]) -> None:
        self._ui, self._logic, self._ensureDependencies = ui, logic, ensureDependencies
        self._parameters: Any = None
        self._stage, self._stageMessage = "", ""
        self._clock = qt.QTimer()
        self._clock.timeout.connect(self._showElapsed)
        ui.bundleSelector.addItems(logic.bundleNames())
        ui.analyzeButton.clicked.connect(self._onAnalyzeOrCancel)
        ui.loadResultButton.clicked.connect(self._onLoadResult)
        ui.detailsButton.toggled.connect(self._onDetails)
        ui.bundleSelector.currentIndexChanged.connect(self._onBundle)
        self._hideError()
        self._showIdle()

    def setParameters(self, parameters: Any) -> None:
        """Show the parameter node's values; None while there is no scene."""
        self._parameters = parameters
        if parameters is not None:
            index = self._ui.bundleSelector.findText(parameters.bundle)
            if index >= 0:
                self._ui.bundleSelector.currentIndex = index
            self._onBundle()
        self.update()

    def update(self) -> None:
        """Say whether Analyze can be pressed and, if not, why."""
        button = self._ui.analyzeButton
        if self._logic.isRunning:
            button.text, button.enabled, button.toolTip = _("Cancel"), True, _("Stop the running analysis.")
            return
        reason = self._whyNot()
        button.text, button.enabled = _("Analyze"), not reason
        button.toolTip = reason or _("Run the model on the volume, in a process of its own.")

    def _whyNot(self) -> str:
        if self._parameters is None or self._parameters.inputVolume is None:
            return _("Select a volume first.")
        if not self._ui.bundleSelector.currentText:
            return _("No model bundle is installed; install the extension again.")
        if not self._methods():
            return _("Choose at least one heat map.")
        return ""

    def _methods(self) -> list[str]:
        return [method for name, method in METHODS.items() if getattr(self._parameters, name)]

    def _onBundle(self, *_args: Any) -> None:
        if self._parameters is not None and self._ui.bundleSelector.currentText:
            self._parameters.bundle = self._ui.bundleSelector.currentText

    def _onAnalyzeOrCancel(self, *_args: Any) -> None:
        if self._logic.isRunning:
            self._ui.analyzeButton.enabled = False
            self._logic.cancel()
            return
        self._hideError()
        try:
            self._ensureDependencies()
            chosen = self._parameters
            options = {"bundle": chosen.bundle, "saliency": self._methods(), "device": chosen.device}
            self._logic.startAnalysis(chosen.inputVolume, self, **options)
        except Exception as error:  # whatever it was: it stays readable in the panel
            self.analysisFailed(str(error), "" if isinstance(error, InputError) else _traceback())
            return
        self._ui.progressBar.value, self._ui.progressBar.visible = 0, True
        self.analysisProgressed("read", 0.0, "")
        self._clock.start(1000)
        self.update()

    def _onLoadResult(self, *_args: Any) -> None:
        folder = qt.QFileDialog.getExistingDirectory(
            self._ui.loadResultButton, self._ui.loadResultButton.text, str(self._logic.defaultOutput())
        )
        if folder:
            self._hideError()
            self._open(folder)

    def _onDetails(self, *_args: Any) -> None:
        self._ui.detailsText.visible = self._ui.detailsButton.checked

    # The listener of an analysis.

    def analysisProgressed(self, stage: str, fraction: float, message: str) -> None:
        self._stage, self._stageMessage = stage, message
        self._ui.progressBar.value = round(100 * stages.overall(stage, fraction))
        self._showElapsed()

    def analysisFinished(self, folder: str) -> None:
        self._showIdle()
        self._open(folder)

    def analysisFailed(self, message: str, details: str) -> None:
        self._showIdle()
        self._ui.errorLabel.text = message
        self._ui.detailsText.plainText = details
        self._ui.detailsButton.checked = False
        self._ui.detailsButton.visible = bool(details)
        self._ui.detailsText.visible = False
        self._ui.errorFrame.visible = True

    def analysisCancelled(self) -> None:
        self._showIdle()
        self._ui.stageLabel.text = _("Cancelled.")

    def _open(self, folder: str) -> None:
        try:
            loaded = self._logic.loadResult(folder)
        except Exception as error:
            self.analysisFailed(str(error), "" if isinstance(error, InputError) else _traceback())
            return
        self._ui.narrativeText.plainText = narrativeText(loaded.texts["narrative.json"].GetText())
        self._ui.folderLabel.text = _("Result folder: {folder}").format(folder=Path(folder))

    def _showElapsed(self, *_args: Any) -> None:
        if self._logic.isRunning:
            self._ui.stageLabel.text = stages.sentence(self._stage, self._stageMessage, self._logic.elapsedSeconds, _tr)

    def _showIdle(self) -> None:
        self._clock.stop()
        self._ui.progressBar.visible = False
        self._ui.stageLabel.text = ""
        self.update()

    def _hideError(self) -> None:
        self._ui.errorFrame.visible = False


def narrativeText(document: str) -> str:
    """The sentences of a narrative, a line for each, an empty line between its sections."""
    lines, section = [], None
    for sentence in json.loads(document)["sentences"]:
        if lines and sentence.get("section") != section:
            lines.append("")
        section = sentence.get("section")
        lines.append(sentence["text"])
    return "\n".join(lines)


def _tr(text: str) -> str:
    return _(text)


def _traceback() -> str:
    import traceback

    return traceback.format_exc()
