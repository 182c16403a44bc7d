"""The section "Report": sentences that lead to their evidence, each with the word of the check, and copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.panel.editing import Editing
from XAIReportLib.panel.sentences import Inks, heading, leftOut, linked
from XAIReportLib.panel.statements import Target, resting_on, target_of
from XAIReportLib.reviews import Edit


class ReportSection:
    """:param editing: the reader's own wording.
    :param onTarget: called with what the clicked sentence points at."""

    def __init__(self, ui: Any, editing: Editing, onTarget: Callable[[Target], None]) -> None:
        self._ui, self._editing, self._onTarget = ui, editing, onTarget
        self._sentences: list[dict[str, Any]] = []
        self._leftOut: list[dict[str, Any]] = []
        self._findings: dict[str, Any] = {}
        self._chosen: int | None = None
        ui.narrativeText.anchorClicked.connect(self._onAnchor)
        ui.copyButton.clicked.connect(self._onCopy)

    def show(self, findings: dict[str, Any], narrative: dict[str, Any]) -> None:
        """The sentences by section; the chosen one stays chosen while its text stays the same."""
        before = self._sentences[self._chosen]["text"] if self._chosen is not None else None
        self._sentences, self._findings = list(narrative.get("sentences") or ()), findings
        self._leftOut = list(narrative.get("left_out") or ())
        same = [index for index, sentence in enumerate(self._sentences) if sentence["text"] == before]
        self._choose(same[0] if same else None)
        self._ui.copyButton.enabled = bool(self._sentences)

    def preview(self, sentences: list[dict[str, Any]]) -> None:
        """Show sentences that are still being written; ``show`` ends it."""
        self._sentences, self._leftOut = sentences, []
        self._choose(None)

    def refresh(self) -> None:
        """Draw the sentences again, as the reader has them now."""
        self._choose(self._chosen)

    def plainText(self) -> str:
        """The sentences, a line for each, an empty line between sections; a reader's wording as it is exported."""
        return narrativeText(self._sentences, self._editing.of)

    def _choose(self, index: int | None) -> None:
        self._chosen = index
        bar = self._ui.narrativeText.verticalScrollBar()
        place = bar.value
        self._ui.narrativeText.html = self._html()
        bar.value = place
        lines = resting_on(self._sentences[index].get("evidence") or (), self._findings) if index is not None else []
        self._ui.restsOnLabel.text = _("Rests on: {list}").format(list="; ".join(lines)) if lines else ""
        self._ui.restsOnLabel.visible = bool(lines)
        self._editing.choose(self._sentences[index] if index is not None else None)

    def _html(self) -> str:
        inks = Inks.of(self._ui.narrativeText)
        parts, section = [], None
        for index, sentence in enumerate(self._sentences):
            if sentence.get("section") != section:
                section = sentence.get("section")
                parts.append(heading(_title(section)))
            edit = self._editing.of(sentence)
            parts.append(linked(sentence, f"sentence:{index}", inks, index == self._chosen, edit))
        return "".join(parts) + leftOut(self._leftOut, inks)

    def _onAnchor(self, url: Any) -> None:
        index = int(url.toString().split(":")[1])
        self._choose(index)
        self._onTarget(target_of(self._sentences[index].get("evidence") or (), self._findings))

    def _onCopy(self, *_args: Any) -> None:
        qt.QApplication.clipboard().setText(self.plainText())


def narrativeText(
    sentences: list[dict[str, Any]], wording: Callable[[dict[str, Any]], Edit | None] = lambda _sentence: None
) -> str:
    """The sentences, a line for each, an empty line between sections.

    :param wording: gives the reader's wording of a sentence.
    """
    lines: list[str] = []
    section = None
    for sentence in sentences:
        if lines and sentence.get("section") != section:
            lines.append("")
        section = sentence.get("section")
        lines += _lines(sentence, wording(sentence))
    return "\n".join(lines)


def _lines(sentence: dict[str, Any], edit: Edit | None) -> Iterator[str]:
    if edit is None:
        yield sentence["text"]
    elif edit.outcome == "supported":
        yield _("{text} (edited by the reader)").format(text=edit.text)
    else:
        yield sentence["text"]
        kind = {
            "contradicted": _("Reader's wording, contradicted by the findings: “{text}”"),
            "unsupported": _("Reader's wording, not in the findings: “{text}”"),
        }.get(edit.outcome, _("Reader's wording, not checked: “{text}”"))
        yield kind.format(text=edit.text)


def _title(section: str | None) -> str:
    return {
        "status": _("Before anything else"),
        "technique": _("Technique"),
        "findings": _("Findings"),
        "anatomy": _("Anatomy"),
        "evidence": _("Evidence of the model"),
        "changes": _("Changed images"),
        "impression": _("Impression"),
        "confidence": _("Confidence"),
        "limits": _("Limits"),
        None: _("Report"),
    }.get(section, str(section).replace("_", " ").capitalize())
