"""One text at a time by a narrator, in a worker of its own: neither an analysis nor a check waits for a language model."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.background import YIELD_S
from XAIReportLib.panel.consent import figures_of
from XAIReportLib.panel.run import POLL_INTERVAL_MS, Client
from XAIReportLib.panel.timer import Timer
from XAIReportLib.scene.cases import LoadedResult


class Narration:
    """:param makeClient: makes the worker's client when the first text is asked for, and after ``close``.
    :param type: what the worker is asked for: "narrate" a report, or "ask" for an answer.
    """

    def __init__(self, makeClient: Callable[[], Client], type: str) -> None:
        self._makeClient, self._type = makeClient, type
        self._client: Client | None = None
        self._request: str | None = None
        self._heard: Callable[[Any], None] = lambda _event: None
        self._workspace: Path | None = None
        self._timer = Timer(self._onTimer)

    @property
    def isRunning(self) -> bool:
        return self._request is not None

    def start(self, case: LoadedResult, parameters: dict[str, Any], heard: Callable[[Any], None]) -> None:
        """Ask for a text; returns at once.

        :param case: its findings as they are shown, after a correction too, and never its folder: nothing else is read, but
            the pictures where the request allows them.
        :param parameters: the rest of the worker's request.
        :param heard: called with each event of the request (worker.protocol.Event).
        :raises RuntimeError: a text is being written already.
        """
        if self.isRunning:
            raise RuntimeError(_("A text is being written; stop it or wait for its end."))
        if self._client is None:
            self._client = self._makeClient()
        self._workspace = Path(tempfile.mkdtemp(prefix="xaireport-"))
        try:
            file = self._workspace / "findings.json"
            file.write_text(case.texts["findings.json"].GetText(), encoding="utf-8")
            if parameters.get("allow_pictures"):
                shutil.copytree(figures_of(case), self._workspace / "figures")
            self._request = self._client.submit(self._type, findings=str(file), **parameters)
        except BaseException:
            self._removeWorkspace()
            raise
        self._heard = heard
        self._timer.start(POLL_INTERVAL_MS)

    def cancel(self) -> None:
        """Ask for the end of the text; its last event tells when it has ended."""
        if self._client is not None and self._request is not None:
            self._client.cancel(self._request)

    def close(self) -> None:
        """End the worker; of a text that is being written nothing more is heard."""
        client, self._client, self._request = self._client, None, None
        self._timer.stop()
        if client is not None:
            client.close()
        self._removeWorkspace()

    def _onTimer(self) -> None:
        time.sleep(YIELD_S)  # the client's threads read from the worker meanwhile
        for event in self._client.poll() if self._client is not None else ():
            if event.id == self._request:
                if event.is_last:
                    self._request = None
                    self._timer.stop()
                    self._removeWorkspace()
                self._heard(event)

    def _removeWorkspace(self) -> None:
        if self._workspace is not None:
            shutil.rmtree(self._workspace, ignore_errors=True)
            self._workspace = None
