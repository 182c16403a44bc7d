"""The section "Report": sentences that lead to their evidence, copy, export, and the reader's sign-off."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.panel.statements import Target, resting_on, target_of


class ReportSection:
    """:param onTarget: called with what the clicked sentence points at."""

    def __init__(self, ui: Any, onTarget: Callable[[Target], None]) -> None:
        self._ui, self._onTarget = ui, onTarget
        self._sentences: list[dict[str, Any]] = []
        self._findings: dict[str, Any] = {}
        self._chosen: int | None = None
        ui.narrativeText.anchorClicked.connect(self._onAnchor)
        ui.copyButton.clicked.connect(self._onCopy)

    def show(self, findings: dict[str, Any], narrative: dict[str, Any]) -> None:
        """The sentences by section; the chosen one stays chosen while its text stays the same."""
        before = self._sentences[self._chosen]["text"] if self._chosen is not None else None
        self._sentences, self._findings = list(narrative.get("sentences") or ()), findings
        same = [index for index, sentence in enumerate(self._sentences) if sentence["text"] == before]
        self._choose(same[0] if same else None)
        self._ui.copyButton.enabled = bool(self._sentences)

    def plainText(self) -> str:
        """The sentences, a line for each, an empty line between sections."""
        return narrativeText(self._sentences)

    def _choose(self, index: int | None) -> None:
        self._chosen = index
        bar = self._ui.narrativeText.verticalScrollBar()
        place = bar.value
        self._ui.narrativeText.html = self._html()
        bar.value = place
        lines = resting_on(self._sentences[index].get("evidence") or (), self._findings) if index is not None else []
        self._ui.restsOnLabel.text = _("Rests on: {list}").format(list="; ".join(lines)) if lines else ""
        self._ui.restsOnLabel.visible = bool(lines)

    def _html(self) -> str:
        palette = self._ui.narrativeText.palette
        text, base = palette.color(qt.QPalette.Text).name(), palette.color(qt.QPalette.Highlight).name()
        chosen = palette.color(qt.QPalette.HighlightedText).name()
        parts, section = [], None
        for index, sentence in enumerate(self._sentences):
            if sentence.get("section") != section:
                section = sentence.get("section")
                parts.append(f"<p style='margin:8px 0 2px 0'><b>{html.escape(_title(section))}</b></p>")
            style = f"color:{chosen};background-color:{base}" if index == self._chosen else f"color:{text}"
            words = html.escape(sentence["text"])
            parts.append(
                f"<p style='margin:1px 0 1px 6px'><a href='sentence:{index}' style='text-decoration:none;{style}'>"
                f"{words}</a></p>"
            )
        return "".join(parts)

    def _onAnchor(self, url: Any) -> None:
        index = int(url.toString().split(":")[1])
        self._choose(index)
        self._onTarget(target_of(self._sentences[index].get("evidence") or (), self._findings))

    def _onCopy(self, *_args: Any) -> None:
        qt.QApplication.clipboard().setText(self.plainText())


def narrativeText(sentences: list[dict[str, Any]]) -> str:
    """The sentences, a line for each, an empty line between sections."""
    lines: list[str] = []
    section = None
    for sentence in sentences:
        if lines and sentence.get("section") != section:
            lines.append("")
        section = sentence.get("section")
        lines.append(sentence["text"])
    return "\n".join(lines)


def _title(section: str | None) -> str:
    return {
        "status": _("Before anything else"),
        "technique": _("Technique"),
        "findings": _("Findings"),
        "anatomy": _("Anatomy"),
        "evidence": _("Evidence of the model"),
        "impression": _("Impression"),
        "confidence": _("Confidence"),
        "limits": _("Limits"),
        None: _("Report"),
    }.get(section, str(section).replace("_", " ").capitalize())
