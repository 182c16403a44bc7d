"""The result that is shown: its sections, and what leads from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.checks import ChecksSection
from XAIReportLib.panel.consent import Consent
from XAIReportLib.panel.correction import Correction
from XAIReportLib.panel.editing import Editing
from XAIReportLib.panel.evidence import EvidenceSection
from XAIReportLib.panel.narrator import NarratorSection, put_narrative
from XAIReportLib.panel.opening import folder_of
from XAIReportLib.panel.prediction import PredictionSection
from XAIReportLib.panel.questions import QuestionsSection
from XAIReportLib.panel.regions import RegionsSection
from XAIReportLib.panel.report import ReportSection
from XAIReportLib.panel.sentences import plainTip
from XAIReportLib.panel.signing import Signing
from XAIReportLib.panel.statements import Target
from XAIReportLib.panel.timer import Timer
from XAIReportLib.reviews import fingerprint
from XAIReportLib.scene import reveal
from XAIReportLib.scene.cases import LoadedResult, case_of


class ShownCase:
    """Fills the sections from the nodes of one case, and shows what a person clicks.

    :param ui: the named widgets.
    :param logic: XAIReportLogic; its worker measures, checks and writes.
    :param prepare: called before the worker is needed; may ask, install, and raise with the reason.
    :param onError: called with what went wrong.
    :param onDevice: called with what the shown case was analyzed on, None without one.
    """

    def __init__(
        self,
        ui: Any,
        logic: Any,
        prepare: Callable[[], None],
        onError: Callable[[BaseException], None],
        onDevice: Callable[[str | None], None],
    ) -> None:
        self._ui, self._onDevice, ask = ui, onDevice, logic.ask
        self.case: LoadedResult | None = None
        self.findings: dict[str, Any] = {}
        self.prediction = PredictionSection(ui)
        self.evidence = EvidenceSection(ui)
        self.checks = ChecksSection(ui)
        self.regions = RegionsSection(ui, self.goToRegion)
        self.editing = Editing(ui, ask, prepare, self._onReworded, onError)
        self.report = ReportSection(ui, self.editing, self.goTo)
        consent = Consent()
        self.narrator = NarratorSection(
            ui,
            logic.narration,
            consent,
            prepare,
            self.report.preview,
            self._onWritten,
            lambda: self.show(self.case),
            onError,
        )
        self.questions = QuestionsSection(ui, logic.answering, consent, prepare, self.goTo, onError)
        self.correction = Correction(ui, ask, prepare, lambda: self.show(self.case), onError)
        self.signing = Signing(ui, ask, self.correction, self.editing, onError)
        self._observed: tuple[Any, int] | None = None
        self._looking = Timer(self._onRest)
        self.show(None)

    def setParameters(self, parameters: Any) -> None:
        self.evidence.setParameters(parameters)
        self.narrator.setParameters(parameters)
        self.questions.setParameters(parameters)
        self.follow(parameters)

    def follow(self, parameters: Any) -> None:
        """Show the case that the parameter node names, and bring its other choices to the scene."""
        volume = parameters.resultVolume if parameters is not None else None
        if volume is not (self.case.volume if self.case is not None else None):
            self.show(case_of(volume.GetScene(), volume) if volume is not None else None)
        else:
            self.evidence.apply()
            self.narrator.update()
            self.questions.update()

    def show(self, case: LoadedResult | None) -> None:
        """Fill all sections; None empties them."""
        for step in self.steps(case):
            step()

    def steps(self, case: LoadedResult | None) -> list[Callable[[], None]]:
        """The same in steps, so that the window stays alive between them."""
        findings = case.document("findings.json") if case is not None else {}
        narrative = case.document("narrative.json") if case is not None else {}

        def first() -> None:
            self.case, self.findings = case, findings
            self._observe(case.volume.GetScene() if case is not None else None)
            self.prediction.show(findings, narrative)

        def words() -> None:
            self.editing.show(case)
            self.report.show(findings, narrative)
            self.narrator.show(case, narrative)
            self.questions.show(case)

        def last() -> None:
            self.correction.show(case)
            self.signing.show(case)
            self._showWhereFrom()

        return [
            first,
            lambda: self.evidence.show(case, findings, narrative),
            lambda: self.checks.show(findings, narrative),
            lambda: self.regions.show(findings),
            words,
            last,
        ]

    def _observe(self, scene: Any) -> None:
        """Hear of nodes that a person deletes."""
        if self._observed is not None:
            before, tag = self._observed
            if before is scene:
                return
            before.RemoveObserver(tag)
        self._observed = (
            (scene, scene.AddObserver(scene.NodeRemovedEvent, self._onRemoved)) if scene is not None else None
        )

    def _onRemoved(self, *_args: Any) -> None:
        """Many nodes go at once, and the scene is not to be asked meanwhile."""
        if self.case is not None and not self.case.is_whole():
            self._looking.start(0)

    def _onRest(self) -> None:
        self._looking.stop()
        case = self.case
        if case is not None and case.volume.GetScene() is not None and not case.is_whole():
            self.show(case_of(case.volume.GetScene(), case.volume))

    def _onWritten(self, case: LoadedResult, narrative: dict[str, Any]) -> None:
        findings = case.texts["findings.json"].GetText()
        if narrative.get("findings_sha256") == fingerprint(findings):  # not corrected meanwhile
            put_narrative(case, narrative)

    def _onReworded(self) -> None:
        self.report.refresh()
        self.signing.show(self.case)

    def close(self) -> None:
        self.case = None
        self._looking.stop()
        self._observe(None)
        self.editing.show(None)
        self.narrator.close()
        self.questions.close()
        self.evidence.close()
        self.correction.show(None)

    def goToRegion(self, mask: str, name: str, side: str | None) -> None:
        """Bring all slice views to what a mask has of a region, and mark the region."""
        if self.case is None:
            return
        self.evidence.choose(mask)
        label = reveal.region_label(self.case, name, side)
        self.evidence.highlight(label)
        reveal.go_to(self.case.volume.GetScene(), reveal.place_of(self.case, mask, label or reveal.NO_REGION))

    def goTo(self, target: Target) -> None:
        """Show what a sentence points at: a region, a heat map at its peak, a segment, the atlas, the scores."""
        if self.case is None:
            return
        scene = self.case.volume.GetScene()
        if target.mask and target.region:
            self.goToRegion(target.mask, *target.region)
            self.regions.select(target.mask, *target.region)
            return
        self.evidence.highlight(None)
        if target.mask in self.case.heatmaps:
            self.evidence.choose(target.mask)
            self._ui.showMaskCheckBox.checked = True
            reveal.go_to(scene, reveal.peak_of(self.case, target.mask))
        elif target.mask:
            self._ui.showLesionCheckBox.checked = True
            reveal.go_to(scene, reveal.place_of(self.case, target.mask))
        elif target.atlas and self.case.atlas is not None:
            self._ui.showAtlasCheckBox.checked = True
        elif target.prediction:
            self._ui.predictionButton.collapsed = False
            self._ui.scrollArea.ensureWidgetVisible(self._ui.outcomeLabel)

    def _showWhereFrom(self) -> None:
        folder = folder_of(self.case) if self.case is not None else None
        text = _("Result folder: {folder}").format(folder=folder.name) if folder is not None else ""
        if self.case is not None and folder is None:
            text = _("The result folder of this case is not at hand; load it to review or correct the case.")
        self._ui.folderLabel.text = text
        self._ui.folderLabel.toolTip = plainTip(str(folder or ""))
        self._ui.folderLabel.visible = bool(text)
        self._onDevice(self.case.volume.GetAttribute("XAIReport.device") if self.case is not None else None)
