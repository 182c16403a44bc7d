"""Questions about the shown case, answered from its findings alone: by the template, or by the chosen language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.consent import TEMPLATE, Consent, whyNot
from XAIReportLib.panel.failures import failure
from XAIReportLib.panel.narration import Narration
from XAIReportLib.panel.sentences import Inks, heading, leftOut, linked
from XAIReportLib.panel.statements import Target, resting_on, target_of
from XAIReportLib.scene.cases import LoadedResult


class QuestionsSection:
    """The field for questions at the end of the report, and the answers below it, the newest first.

    :param answering: has a question answered.
    :param consent: what may leave this machine for it.
    :param prepare: called before a question is asked; may ask, install, and raise with the reason.
    :param onTarget: called with what a clicked sentence points at.
    :param onError: called with what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        answering: Narration,
        consent: Consent,
        prepare: Callable[[], None],
        onTarget: Callable[[Target], None],
        onError: Callable[[BaseException], None],
    ) -> None:
        self._ui, self._answering, self._consent, self._prepare = ui, answering, consent, prepare
        self._onTarget, self._onError = onTarget, onError
        self._parameters: Any = None
        self._case: LoadedResult | None = None
        self._findings = ""
        # As the worker gives them, the newest first; one that is still arriving comes before them.
        self._replies: list[dict[str, Any]] = []
        self._arriving: list[dict[str, Any]] = []
        self._chosen: tuple[int, int] | None = None
        ui.questionEdit.textChanged.connect(self.update)
        ui.questionEdit.returnPressed.connect(self._onReturn)
        ui.askButton.clicked.connect(self._onAskOrStop)
        ui.answersText.anchorClicked.connect(self._onAnchor)

    def setParameters(self, parameters: Any) -> None:
        self._parameters = parameters
        self.update()

    def show(self, case: LoadedResult | None) -> None:
        """Take questions about a case. Answers of another one, or from findings that have changed, are not kept."""
        node = case.texts.get("findings.json") if case is not None else None
        case, findings = (case, node.GetText()) if node is not None else (None, "")
        same = case is not None and self._case is not None and case.volume is self._case.volume
        if not same or findings != self._findings:
            had = same and bool(self._replies or self._answering.isRunning)
            self._answering.close()
            self._replies, self._arriving, self._chosen = [], [], None
            self._say(_("The findings have changed; ask again.") if had else "")
        self._case, self._findings = case, findings
        self._draw()
        self.update()

    def update(self, *_args: Any) -> None:
        """Say whether a question can be asked."""
        running, asked = self._answering.isRunning, bool(self._typed())
        reason = whyNot(self._parameters)
        if self._case is None:
            reason = _("Open a result first.")
        self._ui.questionEdit.enabled = self._case is not None
        self._ui.askButton.text = _("Stop") if running else _("Ask")
        self._ui.askButton.enabled = running or (asked and not reason)
        self._ui.askButton.toolTip = reason or _("Answered from the findings alone; every sentence is checked.")

    def close(self) -> None:
        self._answering.close()
        self._case = None

    def _onReturn(self, *_args: Any) -> None:
        if self._ui.askButton.enabled and not self._answering.isRunning:
            self._onAskOrStop()

    def _onAskOrStop(self, *_args: Any) -> None:
        if self._answering.isRunning:
            self._ui.askButton.enabled = False
            self._answering.cancel()
            return
        try:
            self._ask(self._typed())
        except Exception as error:  # said in the panel
            self._onError(error)
        self.update()

    def _ask(self, question: str) -> None:
        assert self._case is not None
        request = self._consent.request(self._parameters, self._case)
        if request is None:
            return
        self._prepare()
        self._answering.start(self._case, {"question": question, **request}, lambda event: self._heard(question, event))
        self._say(_("Answering…"))

    def _heard(self, question: str, event: Any) -> None:
        if event.type == "progress":
            if "sentence" in event.data:
                self._hear(question, event.data["sentence"])
            else:
                self._say(event.data.get("message") or _("Answering…"))
        elif event.is_last:
            self._end(event)

    def _hear(self, question: str, sentence: dict[str, Any] | None) -> None:
        """A checked sentence of an answer that is still arriving; without one, those before it are void."""
        before = self._arriving[0]["sentences"] if self._arriving else []
        self._arriving = [{"question": question, "sentences": [*before, sentence]}] if sentence is not None else []
        self._chosen = None
        self._draw()

    def _end(self, event: Any) -> None:
        self._arriving, self._chosen = [], None
        self._say("")
        if event.type == "result":
            self._take(event.data["reply"])
        elif event.type == "cancelled":
            self._say(_("Stopped."))
        else:
            self._onError(failure(event, _("The question was not answered.")))
        self._draw()
        self.update()

    def _take(self, reply: dict[str, Any]) -> None:
        self._replies.insert(0, reply)
        if self._typed() == reply["question"]:  # not the next question already
            self._ui.questionEdit.clear()
        self._say(_told(reply))
        self._ui.answersText.verticalScrollBar().value = 0

    def _typed(self) -> str:
        return " ".join(self._ui.questionEdit.text.split())

    def _say(self, text: str) -> None:
        self._ui.answerLabel.text, self._ui.answerLabel.visible = text, bool(text)

    def _draw(self) -> None:
        inks, parts = Inks.of(self._ui.answersText), []
        for index, reply in enumerate(self._shown()):
            parts.append(heading(reply["question"]))
            for number, sentence in enumerate(reply["sentences"]):
                parts.append(linked(sentence, f"answer:{index}:{number}", inks, (index, number) == self._chosen))
            parts.append(leftOut(reply.get("left_out") or (), inks))
        bar = self._ui.answersText.verticalScrollBar()
        place = bar.value
        self._ui.answersText.html = "".join(parts)
        bar.value = place
        self._ui.answersText.visible = bool(parts)
        lines = resting_on(self._sentence()["evidence"], self._document()) if self._chosen is not None else []
        self._ui.answerRestsOnLabel.text = _("Rests on: {list}").format(list="; ".join(lines)) if lines else ""
        self._ui.answerRestsOnLabel.visible = bool(lines)

    def _sentence(self) -> dict[str, Any]:
        assert self._chosen is not None
        return self._shown()[self._chosen[0]]["sentences"][self._chosen[1]]

    def _shown(self) -> list[dict[str, Any]]:
        return [*self._arriving, *self._replies]

    def _document(self) -> dict[str, Any]:
        assert self._case is not None
        return self._case.document("findings.json")

    def _onAnchor(self, url: Any) -> None:
        index, number = url.toString().split(":")[1:]
        self._chosen = (int(index), int(number))
        self._draw()
        self._onTarget(target_of(self._sentence()["evidence"], self._document()))


def _told(reply: dict[str, Any]) -> str:
    """Who has answered, and what went wrong on the way."""
    notes = list(reply.get("notes") or ())
    if reply["narrator"] != TEMPLATE:
        notes.insert(0, _("Answered by {narrator}; every sentence was checked.").format(narrator=reply["narrator"]))
    return " ".join(notes)
