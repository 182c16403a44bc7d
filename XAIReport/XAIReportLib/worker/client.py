"""The client of the worker: requests in, events out, nothing blocks. Standard library only: it runs in Slicer's Python."""

from __future__ import annotations

import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from XAIReportLib.worker.protocol import Event, encode
from XAIReportLib.worker.supervisor import CANCEL_GRACE_S, Inbox, Request, Supervisor

BEATS_PER_SILENCE = 4
# Windows hears Ctrl-C only between two waits.
LONGEST_WAIT_S = 0.5


class WorkerClient:
    """Talks to one worker process, which keeps the model loaded between requests and is started again after its death.

    Requests are worked on one at a time, in order. Each ends with exactly one event of protocol.LAST_TYPES. Take events with
    ``poll`` (from a timer) or with ``events`` (blocking), one of the two for a request.

        with WorkerClient() as worker:
            request = worker.submit("analyze", source="scan.nii.gz", output="results")
            for event in worker.events(request):
                print(event.type, event.data)

    Args:
        python: the interpreter of the child.
        environment: of the child, instead of this process's own.
        silence_timeout_s: a busy child without any sign of life for so long is taken for hung and killed.
        command: the whole command line, instead of ``python -m XAIReportLib worker``.
        cancel_grace_s: how long a request may take to heed a cancel, and the child to end, before it is killed.
    """

    def __init__(
        self,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
        silence_timeout_s: float = 120.0,
        command: Sequence[str] | None = None,
        cancel_grace_s: float = CANCEL_GRACE_S,
    ) -> None:
        # -P: the folder that the user happens to stand in is no place for Python modules.
        self._command = list(command or [str(python), "-P", "-m", "XAIReportLib", "worker"])
        self._environment = _child_environment(os.environ if environment is None else environment)
        self._silence_s, self._grace_s = silence_timeout_s, cancel_grace_s
        self._ids = itertools.count(1)
        self._inbox: Inbox = queue.SimpleQueue()
        self._outbox: list[Event] = []
        self._news = threading.Condition()
        self._unfinished: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the child now, so that it is warm when the first request comes; ``submit`` does it otherwise."""
        self._tell("start", None)

    def submit(self, type: str, **params: Any) -> str:
        """Ask for something; returns the request's id at once. Raises TypeError when a parameter is no JSON."""
        request = str(next(self._ids))
        message = {"id": request, "type": type, "params": params, "heartbeat_s": self._silence_s / BEATS_PER_SILENCE}
        line = encode(message)
        with self._news:
            self._unfinished.add(request)
        self._tell("submit", Request(request, line))
        return request

    def cancel(self, request_id: str) -> None:
        """Stop a request: by asking, which leaves the model warm, and after ``cancel_grace_s`` by killing the process group."""
        self._tell("cancel", request_id)

    def poll(self) -> list[Event]:
        """What has happened since the last call. Never blocks."""
        with self._news:
            events, self._outbox = self._outbox, []
        return events

    def events(self, request_id: str, timeout_s: float | None = None) -> Iterator[Event]:
        """The events of one request as they come, until its last one.

        Raises TimeoutError when it has not ended after ``timeout_s``; it goes on then until it is cancelled.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            event = self._next(request_id, deadline)
            if event is None:
                return
            yield event
            if event.is_last:
                return

    def close(self) -> None:
        """End the child and its process group. Unfinished requests end as cancelled. Takes ``cancel_grace_s`` and little more."""
        if self._closed:
            return
        if self._thread is not None:
            self._tell("close", None)
            self._thread.join(2 * self._grace_s + 3)
        self._closed = True

    def _next(self, request_id: str, deadline: float | None) -> Event | None:
        with self._news:
            while True:
                for index, event in enumerate(self._outbox):
                    if event.id == request_id:
                        return self._outbox.pop(index)
                if request_id not in self._unfinished:
                    return None
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise TimeoutError(f"Request {request_id} has not ended in time.")
                self._news.wait(LONGEST_WAIT_S if remaining is None else min(remaining, LONGEST_WAIT_S))

    def _tell(self, what: str, value: Any) -> None:
        if self._closed:
            raise RuntimeError("This worker client was closed; make a new one.")
        self._inbox.put((what, value))
        if self._thread is None:
            supervisor = Supervisor(
                self._inbox, self._emit, self._command, self._environment, self._silence_s, self._grace_s
            )
            self._thread = threading.Thread(target=supervisor.run, daemon=True, name="xaireport-worker-client")
            self._thread.start()

    def _emit(self, event: Event) -> None:
        """Called by the supervisor's thread."""
        with self._news:
            self._outbox.append(event)
            if event.is_last:
                self._unfinished.discard(event.id)
            self._news.notify_all()


def _child_environment(base: Mapping[str, str]) -> dict[str, str]:
    """``base``, with this package to be found first and text in UTF-8."""
    package_folder = str(Path(__file__).resolve().parents[2])
    paths = [package_folder, *(p for p in base.get("PYTHONPATH", "").split(os.pathsep) if p)]
    return {**base, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8:backslashreplace"}
