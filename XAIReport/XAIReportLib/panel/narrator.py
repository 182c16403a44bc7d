"""Who writes the report: the template, or a language model whose every sentence is checked before it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.choices import nameChoices
from XAIReportLib.panel.consent import TEMPLATE, Consent, whyNot
from XAIReportLib.panel.failures import failure
from XAIReportLib.panel.narration import Narration
from XAIReportLib.report.servers import SERVERS
from XAIReportLib.report.usage import took
from XAIReportLib.scene.cases import LoadedResult


class NarratorSection:
    """The row above the report.

    :param narration: has the text written.
    :param consent: what may leave this machine for it.
    :param prepare: called before a text is asked for; may ask, install, and raise with the reason.
    :param onSentences: called with the sentences heard so far.
    :param onWritten: called with the case and the narrative (narrative.json) when it is written.
    :param onEnd: called when a text has ended, however it did.
    :param onError: called with what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        narration: Narration,
        consent: Consent,
        prepare: Callable[[], None],
        onSentences: Callable[[list[dict[str, Any]]], None],
        onWritten: Callable[[LoadedResult, dict[str, Any]], None],
        onEnd: Callable[[], None],
        onError: Callable[[BaseException], None],
    ) -> None:
        self._ui, self._narration, self._consent, self._prepare = ui, narration, consent, prepare
        self._onSentences, self._onWritten, self._onEnd, self._onError = onSentences, onWritten, onEnd, onError
        self._parameters: Any = None
        self._case: LoadedResult | None = None
        self._sentences: list[dict[str, Any]] = []
        ui.writeButton.clicked.connect(self._onWriteOrStop)

    def setParameters(self, parameters: Any) -> None:
        self._parameters = parameters
        if parameters is not None:
            languages = {"en": _("English"), "fr": _("French"), "de": _("German"), "es": _("Spanish")}
            nameChoices(self._ui.languageSelector, languages)
            nameChoices(self._ui.narratorSelector, {TEMPLATE: _("template")})  # the others are names of programs
        self.update()

    def show(self, case: LoadedResult | None, narrative: dict[str, Any]) -> None:
        """Say who has written the text of a case; a text that is being written for another one is stopped."""
        if self._narration.isRunning and (case is None or self._case is None or case.volume is not self._case.volume):
            self._narration.close()
        self._case = case
        self._ui.narratorLabel.text = _told(narrative)
        self._ui.narratorLabel.visible = bool(self._ui.narratorLabel.text)
        self.update()

    def update(self) -> None:
        """Follow the choice of the narrator."""
        narrator = self._parameters.narrator if self._parameters is not None else TEMPLATE
        asks = narrator != TEMPLATE
        for widget in ("modelEdit", "endpointEdit", "serverLabel", "picturesCheckBox"):
            getattr(self._ui, widget).visible = asks
        for widget in ("languageLabel", "languageSelector"):
            getattr(self._ui, widget).visible = not asks  # a language model writes English
        if asks:
            preset = SERVERS[narrator]
            self._ui.endpointEdit.placeholderText = preset.url or _("address, such as https://host/v1")
            self._ui.endpointEdit.toolTip = (
                _("The key comes from the environment ({name}) or the system's keyring, never from here.").format(
                    name=preset.key
                )
                if preset.key
                else _("No key is used.")
            )
        self._ui.writeButton.text = _("Stop") if self._narration.isRunning else _("Write")
        reason = whyNot(self._parameters)
        self._ui.writeButton.enabled = self._narration.isRunning or (self._case is not None and not reason)
        self._ui.writeButton.toolTip = reason or _("Have the report written anew; every sentence is checked.")

    def close(self) -> None:
        self._narration.close()
        self._case = None

    def _onWriteOrStop(self, *_args: Any) -> None:
        if self._narration.isRunning:
            self._ui.writeButton.enabled = False
            self._narration.cancel()
            return
        try:
            self._start()
        except Exception as error:  # said in the panel
            self._onError(error)
        self.update()

    def _start(self) -> None:
        assert self._case is not None
        case, request = self._case, self._consent.request(self._parameters, self._case)
        if request is None:
            return
        if request["narrator"] == TEMPLATE:
            request["language"] = self._parameters.language
        self._prepare()
        self._sentences = []
        self._narration.start(case, request, lambda event: self._heard(case, event))
        self._say(_("Writing…"))

    def _heard(self, case: LoadedResult, event: Any) -> None:
        if event.type == "progress":
            if "sentence" in event.data:
                sentence = event.data["sentence"]
                self._sentences = [] if sentence is None else [*self._sentences, sentence]
                self._onSentences(self._sentences)
            self._say(event.data.get("message") or _("Writing…"))
        elif event.is_last:
            self._end(case, event)

    def _end(self, case: LoadedResult, event: Any) -> None:
        self._say("")
        if event.type == "result":
            self._onWritten(case, event.data["narrative"])
        self._onEnd()
        if event.type in ("error", "died"):
            self._onError(failure(event, _("The text was not written.")))
        elif event.type == "cancelled":
            self._say(_("Stopped; the text is as it was."))

    def _say(self, text: str) -> None:
        self._ui.narratorLabel.text, self._ui.narratorLabel.visible = text, bool(text)


def _told(narrative: dict[str, Any]) -> str:
    """Who has written, what went wrong on the way, and what it took."""
    narrator = narrative.get("narrator", TEMPLATE)
    notes = list(narrative.get("notes") or ())
    if narrator != TEMPLATE:
        model = narrative.get("model_returned") or narrative.get("model_requested") or ""
        notes.insert(
            0, _("Written by {model} ({narrator}); every sentence was checked.").format(model=model, narrator=narrator)
        )
    if usage := narrative.get("usage"):
        notes.append(took(usage))
    return " ".join(notes)


def put_narrative(case: LoadedResult, narrative: dict[str, Any]) -> None:
    """Bring a narrative into the text nodes of a case."""
    case.texts["narrative.json"].SetText(json.dumps(narrative, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
    sentences = narrative.get("sentences") or ()
    case.texts["report.txt"].SetText("\n".join(sentence["text"] for sentence in sentences) + "\n")
