"""What the person sees and presses: input, Analyze and Cancel, progress, the last error, and the result that is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.panel import stages
from XAIReportLib.panel.background import Background
from XAIReportLib.panel.device import DeviceSection
from XAIReportLib.panel.failures import details_of
from XAIReportLib.panel.inputs import InputSection
from XAIReportLib.panel.installation import InstallationSection
from XAIReportLib.panel.opening import load_libraries
from XAIReportLib.panel.shown_case import ShownCase
from XAIReportLib.panel.timer import Timer
from XAIReportLib.scene.cases import IMAGE, ROLE, LoadedResult, cases_in


class ReviewPanel:
    """Connects the widgets of XAIReport.ui with the logic. Is the listener of the logic's analyses and openings.

    :param ui: the named widgets.
    :param logic: XAIReportLogic.
    :param requirementsPath: of requirements.txt.
    """

    def __init__(self, ui: Any, logic: Any, requirementsPath: str) -> None:
        self._ui, self._logic = ui, logic
        self._installation = InstallationSection(ui, requirementsPath, logic.close, self.failed)
        self._parameters: Any = None
        self._stage, self._stageMessage, self._done = "", "", 0.0
        self._clock = Timer(self._showElapsed)
        self._inputs = InputSection(ui, logic)
        ui.resultSelector.addAttribute("vtkMRMLScalarVolumeNode", ROLE, IMAGE)
        self._device = DeviceSection(ui, logic.askDevices, lambda: self._installation.isComplete)
        self.shown = ShownCase(ui, logic, self._installation.ensure, self.failed, self._device.showUsed)
        ui.analyzeButton.clicked.connect(self._onAnalyzeOrCancel)
        ui.loadResultButton.clicked.connect(self._onLoadResult)
        ui.detailsButton.toggled.connect(self._onDetails)
        self._hideError()
        self._showIdle()
        # A library that is missing is told by the section Installation.
        self._loading = Background(load_libraries, lambda _nothing, _error: None)

    def setParameters(self, parameters: Any) -> None:
        """Show the parameter node's values and its result; None while there is no scene."""
        self._parameters = parameters
        self._inputs.setParameters(parameters)
        self.shown.setParameters(parameters)
        self.update()

    def sceneImported(self, scene: Any) -> None:
        """A scene was opened: show the result that it was saved with, or the last one it holds."""
        cases = cases_in(scene)
        if self._parameters is not None and self._parameters.resultVolume is None and cases:
            self._parameters.resultVolume = cases[-1].volume

    def update(self) -> None:
        """Follow the parameters; say whether Analyze can be pressed and, if not, why."""
        if self._parameters is not None and not self._logic.isOpening:  # which fills the sections by itself
            self.shown.follow(self._parameters)
        self._inputs.follow()
        self._device.follow(self._parameters)
        button = self._ui.analyzeButton
        busy = self._logic.isRunning or self._logic.isOpening
        self._ui.loadResultButton.enabled = not busy
        if busy:
            button.text, button.enabled, button.toolTip = _("Cancel"), True, _("Stop the running analysis.")
            return
        reason = self._inputs.whyNot()
        button.text, button.enabled = _("Analyze"), not reason
        button.toolTip = reason or _("Run the model on the volume, in a process of its own.")

    def close(self) -> None:
        """Follow nothing any more."""
        self._loading.abandon()
        self._clock.stop()
        self.shown.close()

    def _onAnalyzeOrCancel(self, *_args: Any) -> None:
        if self._logic.isOpening:
            self._logic.cancel()
            self.analysisCancelled()
            return
        if self._logic.isRunning:
            self._ui.analyzeButton.enabled = False
            self._ui.stageLabel.text = _("Stopping…")
            self._clock.stop()
            self._logic.cancel()
            return
        self._hideError()
        try:
            self._installation.ensure()
            self._logic.startAnalysis(self._parameters.inputVolume, self, **self._inputs.options())
        except Exception as error:  # whatever it was: it stays readable in the panel
            self.failed(error)
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
        self._stage, self._stageMessage, self._done = stage, message, stages.overall(stage, fraction)
        self._ui.progressBar.value = round(100 * self._done)
        self._showElapsed()

    def analysisFinished(self, folder: str) -> None:
        self._open(folder)

    def analysisFailed(self, message: str, details: str) -> None:
        if not (self._logic.isRunning or self._logic.isOpening):  # or something else failed meanwhile
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

    # The listener of an opening.

    def openingProgressed(self, fraction: float) -> None:
        self._ui.progressBar.value = round(100 * stages.overall("open", fraction))

    def filling(self, loaded: LoadedResult) -> list[Callable[[], None]]:
        return self.shown.steps(loaded)

    def opened(self, loaded: LoadedResult) -> None:
        if self._parameters is not None:  # named before anything follows the parameters again
            self._parameters.resultVolume = loaded.volume
            self._parameters.showLesion = self._parameters.showMask = True
        self._showIdle()
        # The result comes first now; what was chosen for it can be unfolded again.
        self._ui.inputButton.collapsed = True
        self._ui.scrollArea.verticalScrollBar().value = 0

    def openingFailed(self, error: BaseException) -> None:
        self.failed(error)

    def _open(self, folder: str) -> None:
        self._clock.stop()
        self._ui.progressBar.visible = True
        self._ui.progressBar.value = round(100 * stages.overall("open", 0.0))
        self._ui.stageLabel.text = _("Opening the result…")
        replace = self._parameters is None or not self._parameters.keepEarlier
        self._logic.openResult(folder, self, replace)
        self.update()

    def failed(self, error: BaseException) -> None:
        """Keep an error readable in the panel, what it came from under "Details"."""
        self.analysisFailed(str(error), details_of(error))

    def _showElapsed(self) -> None:
        if self._logic.isRunning:
            elapsed = self._logic.elapsedSeconds
            expected = stages.expected_seconds(elapsed, self._done, self._logic.lastSeconds)
            self._ui.stageLabel.text = stages.sentence(self._stage, self._stageMessage, elapsed, expected)

    def _showIdle(self) -> None:
        self._clock.stop()
        self._ui.progressBar.visible = False
        self._ui.stageLabel.text = ""
        self.update()

    def _hideError(self) -> None:
        self._ui.errorFrame.visible = False
