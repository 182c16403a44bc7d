"""One analysis at a time in the worker, watched by a timer: the panel, the console and a script use the same."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from slicer.i18n import tr as _

from XAIReportLib.panel.background import YIELD_S, Background
from XAIReportLib.panel.failures import details_of
from XAIReportLib.panel.timer import Timer
from XAIReportLib.worker.protocol import Event

POLL_INTERVAL_MS = 100
WAIT_INTERVAL_S = 0.03


class Client(Protocol):
    """What a run needs of worker.client.WorkerClient."""

    def submit(self, type: str, **params: Any) -> str: ...
    def poll(self) -> list[Any]: ...
    def cancel(self, request_id: str) -> None: ...
    def close(self) -> None: ...


class Listener(Protocol):
    """Is told how a run goes; exactly one of the last three ends it."""

    def analysisProgressed(self, stage: str, fraction: float, message: str) -> None: ...
    def analysisFinished(self, folder: str) -> None: ...
    def analysisFailed(self, message: str, details: str) -> None: ...
    def analysisCancelled(self) -> None: ...


class AnalysisRun:
    """Keeps one worker warm and walks one request through it.

    :param makeClient: makes the worker's client when the first analysis is started, and after ``close``.
    """

    def __init__(self, makeClient: Callable[[], Client]) -> None:
        self._makeClient = makeClient
        self._client: Client | None = None
        self._request: str | None = None
        self._listener: Listener | None = None
        self._writing: Background | None = None
        self._cancelled = False
        self._workspace: Path | None = None
        self._started = 0.0
        self._lastSeconds: float | None = None
        self._log: list[str] = []
        self._asked: dict[str, Callable[[Any], None]] = {}
        self._timer = Timer(self._onTimer)

    @property
    def isRunning(self) -> bool:
        return self._listener is not None

    @property
    def elapsedSeconds(self) -> float:
        """Since the running analysis was started."""
        return time.monotonic() - self._started if self.isRunning else 0.0

    @property
    def lastSeconds(self) -> float | None:
        """How long the last finished analysis took."""
        return self._lastSeconds

    def start(
        self,
        prepareInputs: Callable[[Path], tuple[dict[str, str], Callable[[], None]]],
        parameters: dict[str, Any],
        listener: Listener,
    ) -> None:
        """Hand a volume to the worker; returns at once.

        :param prepareInputs: gives, for a folder, the parameters that name its files, whose names tell nothing, and what
            writes them in a thread; the folder is gone when the analysis ends.
        :param parameters: of the worker's "analyze" request, without those.
        :raises RuntimeError: an analysis is running already.
        """
        if self.isRunning:
            raise RuntimeError(_("An analysis is running; cancel it or wait for its end."))
        self._workspace = Path(tempfile.mkdtemp(prefix="xaireport-"))
        try:
            files, write = prepareInputs(self._workspace)
            if self._client is None:
                self._client = self._makeClient()
        except BaseException:
            self._removeWorkspace()
            raise
        self._listener, self._started, self._log, self._cancelled = listener, time.monotonic(), [], False
        self._writing = Background(write, lambda _nothing, error: self._onWritten({**files, **parameters}, error))

    def _onWritten(self, parameters: dict[str, Any], error: BaseException | None) -> None:
        self._writing = None
        if self._cancelled:
            self._end().analysisCancelled()
            return
        try:
            if error is not None:
                raise error
            self._request = self._client.submit("analyze", **parameters)
        except Exception as failed:  # handed to the listener
            self._end().analysisFailed(str(failed), details_of(failed))
            return
        self._timer.start(POLL_INTERVAL_MS)

    def ask(self, type: str, parameters: dict[str, Any], answer: Callable[[Any], None]) -> None:
        """Ask the worker for something short; it waits for its turn behind what the worker is at.

        :param answer: called with the last event of the request (worker.protocol.Event).
        """
        if self._client is None:
            self._client = self._makeClient()
        self._asked[self._client.submit(type, **parameters)] = answer
        self._timer.start(POLL_INTERVAL_MS)

    def cancel(self) -> None:
        """Ask for the end of the running analysis; the listener hears when it has ended."""
        self._cancelled = True
        if self._client is not None and self._request is not None:
            self._client.cancel(self._request)

    def close(self) -> None:
        """End the worker; a running analysis and what was asked end as cancelled. The next ``start`` makes a new worker."""
        client, self._client = self._client, None
        asked, self._asked = self._asked, {}
        if self._writing is not None:
            self._writing.abandon()
            self._writing.join()  # or its file would outlive the folder
            self._writing = None
        if client is not None:
            client.close()
        self._timer.stop()
        if self.isRunning:
            self._end().analysisCancelled()
        for request, answer in asked.items():  # whoever waits for one would wait for ever
            answer(Event(request, "cancelled", {}))

    def wait(self, outcome: Outcome) -> Any:
        """Blocks until ``outcome``, the listener of the running analysis, is known, while Slicer's window stays alive.

        :raises Exception: what ended the analysis.
        """
        import slicer

        while not outcome.isKnown:
            slicer.app.processEvents()
            self.poll()
            time.sleep(WAIT_INTERVAL_S)
        return outcome.result()

    def poll(self) -> None:
        """Take the worker's news and pass it on. Never blocks."""
        for event in self._client.poll() if self._client is not None else ():
            if event.is_last and event.id in self._asked:
                self._asked.pop(event.id)(event)
            elif self._request is not None and event.id == self._request:
                self._handle(event)
        if self._request is None and not self._asked:
            self._timer.stop()

    def _onTimer(self) -> None:
        time.sleep(YIELD_S)  # the client's threads read from the worker meanwhile
        self.poll()

    def _handle(self, event: Any) -> None:
        data = event.data
        if event.type == "progress":
            self._listener.analysisProgressed(data["stage"], data.get("fraction", 0.0), data.get("message", ""))
        elif event.type == "log":
            self._log.append(data.get("text", ""))
        elif event.type == "result":
            self._lastSeconds = self.elapsedSeconds
            self._end().analysisFinished(data["folder"])
        elif event.type == "cancelled":
            self._end().analysisCancelled()
        elif event.type in ("error", "died"):
            details = data.get("details") or "\n".join(self._log)
            self._end().analysisFailed(data.get("message") or _("The analysis failed without a reason."), details)

    def _end(self) -> Listener:
        """The run is over before its listener hears so, so that it can start the next one."""
        listener = self._listener
        self._request, self._listener = None, None
        self._removeWorkspace()
        return listener

    def _removeWorkspace(self) -> None:
        if self._workspace is not None:
            shutil.rmtree(self._workspace, ignore_errors=True)
            self._workspace = None


class Outcome:
    """A listener for the console: keeps the result, loaded into the scene, or the error.

    :param load: opens a result folder.
    :param callback: hears the loaded result or the exception.
    """

    def __init__(self, load: Callable[[str], Any], callback: Callable[[Any], None] | None = None) -> None:
        self._load, self._callback = load, callback
        self._result: Any = None
        self._error: Exception | None = None
        self.isKnown = False

    def result(self) -> Any:
        """:raises Exception: what ended the analysis."""
        if self._error is not None:
            raise self._error
        return self._result

    def analysisProgressed(self, stage: str, fraction: float, message: str) -> None:
        """Nothing to show."""

    def analysisFinished(self, folder: str) -> None:
        try:
            self._know(self._load(folder), None)
        except Exception as error:  # handed to whoever asks for the result
            self._know(None, error)

    def analysisFailed(self, message: str, details: str) -> None:
        self._know(None, RuntimeError(f"{message}\n{details}" if details else message))

    def analysisCancelled(self) -> None:
        self._know(None, RuntimeError(_("The analysis was cancelled.")))

    def _know(self, result: Any, error: Exception | None) -> None:
        self._result, self._error, self.isKnown = result, error, True
        if self._callback is not None:
            self._callback(error if result is None else result)


def makeWorkerClient() -> Client:
    """The client of a worker in Slicer's own Python."""
    from XAIReportLib.panel.dependencies import workerCommand
    from XAIReportLib.worker.client import WorkerClient

    return WorkerClient(**workerCommand())
