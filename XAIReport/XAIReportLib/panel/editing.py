"""The reader's own wording of a sentence: checked against the findings while it is typed, kept in review.json, undone at will."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.case import InputError
from XAIReportLib.panel.opening import folder_of
from XAIReportLib.panel.timer import Timer
from XAIReportLib.reviews import Edit, Review, fingerprint, now, one_line, read_review, remove_edit, write_edit
from XAIReportLib.scene.cases import LoadedResult

# A pause in typing, after which what was typed is checked.
REST_MS = 300


class Editing:
    """The field below the report. What is kept there stands in the report marked as the reader's, with the check's word.

    :param ask: XAIReportLogic.ask; the worker checks.
    :param prepare: called before a wording is kept; may ask, install, and raise with the reason.
    :param onChanged: called when a wording was kept or undone.
    :param onError: called with what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        ask: Callable[..., None],
        prepare: Callable[[], None],
        onChanged: Callable[[], None],
        onError: Callable[[BaseException], None],
    ) -> None:
        self._ui, self._ask, self._prepare = ui, ask, prepare
        self._onChanged, self._onError = onChanged, onError
        self._case: LoadedResult | None = None
        self._sentence: dict[str, Any] | None = None
        self.review = Review()
        self._outcomes: dict[
            str, tuple[str, str]
        ] = {}  # outcome and why, by text, against the findings as they are shown
        self._keepWhenChecked = False
        self._filling = False
        self._timer = Timer(self._onRest)
        ui.sentenceEdit.textChanged.connect(self._onText)
        ui.keepWordingButton.clicked.connect(self._onKeep)
        ui.undoWordingButton.clicked.connect(self._onUndo)
        self.choose(None)

    def show(self, case: LoadedResult | None) -> None:
        """Read the wording that was kept for a case. What was checked against other findings is checked again."""
        self._case, self.review, self._outcomes = case, Review(), {}
        folder = folder_of(case) if case is not None else None
        if folder is None:
            return
        try:
            self.review = read_review(folder) or Review()
        except InputError as error:
            self._onError(error)
        now_shown = fingerprint(self._findings())
        self._outcomes = {e.text: (e.outcome, e.why) for e in self.review.edits if e.findings_sha256 == now_shown}
        others = [edit.text for edit in self.review.edits if edit.text not in self._outcomes]
        if others:
            self._check(others, self._onChanged, lambda _reason: None)

    def of(self, sentence: dict[str, Any]) -> Edit | None:
        """The reader's wording of a sentence, with what the check says of it now."""
        edit = self.review.edit_of(sentence)
        if edit is None:
            return None
        outcome, why = self._outcomes.get(edit.text, ("not_checked", ""))
        return replace(edit, outcome=outcome, why=why)

    def _findings(self) -> str:
        assert self._case is not None
        return self._case.texts["findings.json"].GetText()

    def _check(self, texts: list[str], done: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Have texts checked against the findings as they are shown; an answer that comes too late is not heard."""
        findings = self._findings()

        def answered(event: Any) -> None:
            if self._case is None or self._findings() != findings:
                return
            if event.type != "result":
                failed(event.data.get("message") or _("the check was stopped"))
                return
            found = [(one["outcome"], one["why"]) for one in event.data["checked"]]
            self._outcomes.update(zip(texts, found, strict=True))
            done()

        try:
            language = self._case.document("narrative.json").get("language", "en")
            self._ask("check", {"findings": findings, "texts": texts, "language": language}, answered)
        except Exception as error:  # said where it is needed; what was typed stays
            failed(str(error))

    def choose(self, sentence: dict[str, Any] | None) -> None:
        """Offer a sentence of the narrative for editing, or none."""
        if sentence is None or sentence != self._sentence:
            self._timer.stop()
            self._keepWhenChecked = False
            self._sentence = sentence
            self._fill()
        self._update()

    @property
    def isPending(self) -> bool:
        """Whether a wording waits for its check before it is kept."""
        return self._keepWhenChecked

    def _fill(self) -> None:
        edit = self.of(self._sentence) if self._sentence is not None else None
        self._filling = True
        self._ui.sentenceEdit.plainText = edit.text if edit else (self._sentence or {}).get("text", "")
        self._filling = False

    def _text(self) -> str:
        return one_line(self._ui.sentenceEdit.plainText)

    def _shownText(self) -> str:
        assert self._sentence is not None
        edit = self.of(self._sentence)
        return edit.text if edit else self._sentence["text"]

    def _update(self) -> None:
        """What can be pressed, and what the check says of the words in the field."""
        here = self._sentence is not None
        editable = here and self._case is not None and folder_of(self._case) is not None
        for widget in ("sentenceEdit", "keepWordingButton", "undoWordingButton", "verdictLabel"):
            getattr(self._ui, widget).visible = here
        if not here:
            return
        self._ui.sentenceEdit.readOnly = not editable
        changed = self._text() != self._shownText()
        self._ui.keepWordingButton.enabled = editable and changed and bool(self._text()) and not self._keepWhenChecked
        self._ui.undoWordingButton.enabled = editable and (changed or self.of(self._sentence) is not None)
        self._ui.verdictLabel.text = self._verdict(editable, changed)

    def _verdict(self, editable: bool, changed: bool) -> str:
        if not editable:
            return _("The result folder of this case is not at hand; load it to edit sentences.")
        if not self._text():
            return ""
        if changed or self.of(self._sentence) is not None:
            if self._text() not in self._outcomes:
                return _("Checking against the findings…")
            return said(*self._outcomes[self._text()])
        return said(self._sentence.get("outcome", ""), self._sentence.get("why", ""))

    def _onText(self, *_args: Any) -> None:
        if not self._filling and self._sentence is not None:
            self._timer.start(REST_MS)
            self._update()

    def _onRest(self) -> None:
        self._timer.stop()
        text = self._text()
        if self._case is None or self._sentence is None or not text:
            return
        if text in self._outcomes:
            self._onChecked(text)
        elif text != self._shownText():
            self._check([text], lambda: self._onChecked(text), self._notChecked)

    def _onChecked(self, text: str) -> None:
        if self._sentence is None or text != self._text():
            return  # typed on since; the next answer is on its way
        self._update()
        if self._keepWhenChecked:
            self._keep()

    def _notChecked(self, reason: str) -> None:
        self._keepWhenChecked = False
        self._update()
        self._ui.verdictLabel.text = _("Not checked, and not kept: {reason}").format(reason=reason)

    def _onKeep(self, *_args: Any) -> None:
        try:
            self._prepare()
        except Exception as error:  # said in the panel
            self._onError(error)
            return
        self._keepWhenChecked = True
        self._update()
        self._onRest()

    def _keep(self) -> None:
        assert self._sentence is not None
        self._keepWhenChecked = False
        text = self._text()
        section, original = self._sentence.get("section", ""), self._sentence["text"]
        edit = Edit(section, original, text, *self._outcomes[text], now(), fingerprint(self._findings()))
        self._write(lambda folder: write_edit(folder, edit))

    def _onUndo(self, *_args: Any) -> None:
        assert self._sentence is not None
        self._timer.stop()
        self._keepWhenChecked = False
        section, original = self._sentence.get("section", ""), self._sentence["text"]
        if self.of(self._sentence) is not None:
            self._write(lambda folder: remove_edit(folder, section, original))
        self._fill()
        self._update()

    def _write(self, change: Callable[[Any], Review]) -> None:
        folder = folder_of(self._case) if self._case is not None else None
        try:
            if folder is None:
                raise InputError(_("The result folder of this case is not at hand; load it to edit sentences."))
            self.review = change(folder)
        except Exception as error:  # said in the panel; what was typed stays
            self._onError(error)
            self._update()
            return
        self._onChanged()
        self._update()


def outcome_text(outcome: str) -> str:
    """What the check says of a sentence, in words with a sign."""
    return {
        "supported": _("✓ Supported by the findings."),
        "contradicted": _("✗ Contradicted by the findings."),
        "unsupported": _("? Not in the findings."),
    }.get(outcome, _("Not checked."))


def said(outcome: str, why: str) -> str:
    """The same with the reason, where the findings do not hold it."""
    return f"{outcome_text(outcome)} {why}" if why and outcome != "supported" else outcome_text(outcome)
