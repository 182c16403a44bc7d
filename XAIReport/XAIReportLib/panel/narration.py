"""One text at a time by a narrator, in a worker of its own: an analysis never waits for a language model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import qt

from XAIReportLib.panel.background import YIELD_S
from XAIReportLib.panel.run import POLL_INTERVAL_MS, Client


class Narration:
    """:param makeClient: makes the worker's client when the first text is asked for, and after ``close``."""

    def __init__(self, makeClient: Callable[[], Client]) -> None:
        self._makeClient = makeClient
        self._client: Client | None = None
        self._request: str | None = None
        self._heard: Callable[[Any], None] = lambda _event: None
        self._timer = qt.QTimer()
        self._timer.timeout.connect(self._onTimer)

    @property
    def isRunning(self) -> bool:
        return self._request is not None

    def start(self, parameters: dict[str, Any], heard: Callable[[Any], None]) -> None:
        """Ask for a text; returns at once.

        :param parameters: of the worker's "narrate" request.
        :param heard: called with each event of the request (worker.protocol.Event).
        :raises RuntimeError: a text is being written already.
        """
        if self.isRunning:
            raise RuntimeError("A text is being written; stop it or wait for its end.")
        if self._client is None:
            self._client = self._makeClient()
        self._heard = heard
        self._request = self._client.submit("narrate", **parameters)
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

    def _onTimer(self, *_args: Any) -> None:
        time.sleep(YIELD_S)  # the client's threads read from the worker meanwhile
        for event in self._client.poll() if self._client is not None else ():
            if event.id == self._request:
                if event.is_last:
                    self._request = None
                    self._timer.stop()
                self._heard(event)
