"""The section "Prediction": warnings first, then the outcome in words, the scores as bars, the class set and the doubt."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.panel.statements import about
from XAIReportLib.report.wording import class_name_in_full, score_text
from XAIReportLib.results import ENHANCEMENT_NOT_DETECTED


class PredictionSection:
    """:param ui: the named widgets."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._grid = ui.scoresWidget.layout()
        self._grid.setColumnStretch(1, 1)
        self._bars: list[Any] = []

    def show(self, findings: dict[str, Any], narrative: dict[str, Any]) -> None:
        """Say what the findings and the sentences of the narrative say; empty ones clear the section."""
        sentences = narrative.get("sentences") or []
        warnings = [s["text"] for s in sentences if s.get("section") == "status"] or findings.get("warnings") or []
        self._ui.warningsLabel.text = "\n".join(f"⚠ {text}" for text in warnings)
        self._ui.warningsFrame.visible = bool(warnings)
        impression = [s["text"] for s in sentences if s.get("section") == "impression"]
        self._ui.outcomeLabel.text = impression[0] if impression else _("No result is shown yet.")
        prediction = findings.get("prediction") or {}
        reason = impression[1:]
        if prediction.get("reason", "").startswith(ENHANCEMENT_NOT_DETECTED):
            remedy = _("If contrast agent was given, tick “{box}” in the section Input and analyse again.")
            reason = [*reason, remedy.format(box=self._ui.contrastAgentCheckBox.text)]
        self._ui.reasonLabel.text = " ".join(reason)
        self._ui.reasonLabel.visible = bool(reason)
        doubt = about(sentences, "/prediction/class_set", "/prediction/uncertainty")
        self._ui.confidenceLabel.text = "\n".join(doubt)
        self._ui.confidenceLabel.visible = bool(doubt)
        self._showScores(prediction.get("scores") or {}, prediction.get("class_set") or ())

    def _showScores(self, scores: dict[str, float], classSet: Any) -> None:
        for widget in self._bars:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._bars = []
        for row, (label, score) in enumerate(sorted(scores.items(), key=lambda item: -item[1])):
            name, bar, value = qt.QLabel(), qt.QProgressBar(), qt.QLabel()
            name.textFormat = value.textFormat = qt.Qt.PlainText
            name.text, value.text = class_name_in_full(label), score_text(score)
            bar.maximum, bar.value, bar.textVisible = 1000, round(1000 * score), False
            bar.accessibleName = _("Model score of {name}").format(name=name.text)
            bar.accessibleDescription = value.text
            bar.maximumHeight, name.wordWrap = 14, True
            font = qt.QFont(name.font)
            font.setBold(label in classSet)
            name.font, value.font = font, font
            name.toolTip = (
                _("Cannot be set aside.") if label in classSet else _("Set aside at the model's confidence level.")
            )
            for column, widget in enumerate((name, bar, value)):
                self._grid.addWidget(widget, row, column)
                self._bars.append(widget)
        self._ui.scoresWidget.visible = bool(scores)
