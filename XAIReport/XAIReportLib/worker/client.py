"""The client of the worker: requests in, events out, nothing blocks. Standard library only: it runs in Slicer's Python."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from XAIReportLib.worker.process import ChildProcess
from XAIReportLib.worker.protocol import BEAT, CANCEL, PROTOCOL, Event, ProtocolError, decode, encode

# How long a request may take to heed a cancel before its process is killed.
CANCEL_GRACE_S = 1.0
# Python and the package start from a cold network disk in less.
START_TIMEOUT_S = 60.0
BEATS_PER_SILENCE = 4


@dataclass
class _Request:
    id: str
    line: bytes
    cancelled: bool = False


@dataclass
class _State:
    """What the supervising thread knows; no other thread touches it."""

    child: ChildProcess | None = None
    generation: int = 0
    ready: bool = False
    active: _Request | None = None
    waiting: deque[_Request] = field(default_factory=deque)
    deadline: float | None = None
    deadline_reason: str = ""
    closing: bool = False


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
    """

    def __init__(
        self,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
        silence_timeout_s: float = 120.0,
        command: Sequence[str] | None = None,
    ) -> None:
        # -P: the folder that the user happens to stand in is no place for Python modules.
        self._command = list(command or [str(python), "-P", "-m", "XAIReportLib", "worker"])
        self._environment = _child_environment(os.environ if environment is None else environment)
        self._silence_s = silence_timeout_s
        self._ids = itertools.count(1)
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._outbox: list[Event] = []
        self._news = threading.Condition()
        self._unfinished: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._state = _State()

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
        self._tell("submit", _Request(request, line))
        return request

    def cancel(self, request_id: str) -> None:
        """Stop a request: by asking, which leaves the model warm, and after a second by killing the process group."""
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
        """End the child and its process group. Unfinished requests end as cancelled. Takes two seconds at the most."""
        if self._closed:
            return
        if self._thread is not None:
            self._tell("close", None)
            self._thread.join(2 * CANCEL_GRACE_S + 3)
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
                self._news.wait(remaining)

    def _tell(self, what: str, value: Any) -> None:
        if self._closed:
            raise RuntimeError("This worker client was closed; make a new one.")
        self._inbox.put((what, value))
        if self._thread is None:
            self._thread = threading.Thread(target=self._supervise, daemon=True, name="xaireport-worker-client")
            self._thread.start()

    def _emit(self, request_id: str, type: str, **data: Any) -> None:
        event = Event(request_id, type, data)
        with self._news:
            self._outbox.append(event)
            if event.is_last:
                self._unfinished.discard(request_id)
            self._news.notify_all()

    # From here on: the supervising thread. It alone owns the child and the state.

    def _supervise(self) -> None:
        handlers = {
            "start": lambda _: self._start_child(),
            "submit": self._on_submit,
            "cancel": self._on_cancel,
            "close": self._on_close,
            "line": self._on_line,
            "stderr": self._on_stderr,
            "end": self._on_end,
        }
        state = self._state
        while not (state.closing and state.child is None):
            wait = None if state.deadline is None else max(0.0, state.deadline - time.monotonic())
            try:
                what, value = self._inbox.get(timeout=wait)
            except queue.Empty:
                self._on_deadline()
                continue
            if what in ("line", "stderr", "end"):
                generation, value = value
                if generation != state.generation or state.child is None:
                    continue  # from a child that is no longer ours
            handlers[what](value)

    def _start_child(self) -> None:
        state = self._state
        if state.child is not None or state.closing:
            return
        state.generation += 1
        generation, put = state.generation, self._inbox.put
        try:
            state.child = ChildProcess(
                self._command,
                self._environment,
                on_line=lambda line: put(("line", (generation, line))),
                on_stderr=lambda text: put(("stderr", (generation, text))),
                on_end=lambda: put(("end", (generation, None))),
            )
        except OSError as error:
            self._report_death(
                f"The worker cannot be started with {self._command[0]} ({error.strerror or error}).", "", None
            )
            return
        state.ready = False
        self._expect_life(max(self._silence_s, START_TIMEOUT_S))

    def _expect_life(self, within_s: float) -> None:
        self._state.deadline = time.monotonic() + within_s
        self._state.deadline_reason = f"The worker gave no sign of life for {within_s:g} s and was stopped."

    def _on_submit(self, request: _Request) -> None:
        self._state.waiting.append(request)
        self._send_next()

    def _send_next(self) -> None:
        """The next request goes to the child when that is free; a dead child is started again first."""
        state = self._state
        while state.waiting and state.active is None:
            if state.child is None:
                self._start_child()  # a failure takes the first waiting request with it
                if state.child is None:
                    continue
            if not state.ready:
                return
            state.active = state.waiting.popleft()
            state.child.send(state.active.line)
            self._expect_life(self._silence_s)

    def _on_cancel(self, request_id: str) -> None:
        state = self._state
        for request in list(state.waiting):
            if request.id == request_id:
                state.waiting.remove(request)
                self._emit(request_id, "cancelled", worker_stopped=False)
        if state.active is not None and state.active.id == request_id and not state.active.cancelled and state.child:
            state.active.cancelled = True
            state.child.send(encode({"id": request_id, "type": CANCEL}))
            state.deadline = time.monotonic() + CANCEL_GRACE_S

    def _on_close(self, _: None) -> None:
        state = self._state
        state.closing = True
        for request in list(state.waiting):
            self._on_cancel(request.id)
        if state.child is not None:
            if state.active is not None:
                self._on_cancel(state.active.id)
            state.child.end_input()
            state.deadline = time.monotonic() + CANCEL_GRACE_S

    def _on_line(self, line: bytes) -> None:
        state = self._state
        try:
            message = decode(line)
        except ProtocolError:
            return  # not ours; the child points its own stdout away, so nothing is lost
        type, data = message["type"], message.get("data", {})
        if type == "ready":
            self._on_ready(message["protocol"], data)
            return
        active = state.active
        if active is None:
            return
        if not (active.cancelled or state.closing):
            self._expect_life(self._silence_s)
        if type == BEAT or message["id"] != active.id:
            return
        event = Event(active.id, type)
        if event.is_last:
            state.active = None
            if not state.closing:
                state.deadline = None
        if type == "cancelled":
            data = {"worker_stopped": False}
        self._emit(active.id, type, **data)
        self._send_next()

    def _on_ready(self, protocol: Any, data: dict[str, Any]) -> None:
        state = self._state
        if protocol != PROTOCOL:
            self._stop(
                f"The worker speaks protocol {protocol}, this program speaks {PROTOCOL}; install the same version on both sides."
            )
            return
        state.ready = True
        if not state.closing:
            state.deadline = None
        self._emit("", "ready", **data)
        self._send_next()

    def _on_stderr(self, text: str) -> None:
        if self._state.active is not None:
            self._emit(self._state.active.id, "log", text=text)

    def _on_deadline(self) -> None:
        self._stop(self._state.deadline_reason)

    def _stop(self, reason: str) -> None:
        """Kill the child and report what that means for the request it was working on."""
        state = self._state
        assert state.child is not None
        child, state.child = state.child, None
        child.kill()
        self._report_death(reason, child.last_words(), None)

    def _on_end(self, _: None) -> None:
        state = self._state
        assert state.child is not None
        child, state.child = state.child, None
        self._report_death(_cause_of_death(child.returncode), child.last_words(), child.returncode)

    def _report_death(self, reason: str, last_words: str, returncode: int | None) -> None:
        """The request that died with the child, or the one that waited for it to start, ends here; the next one goes on."""
        state = self._state
        state.deadline, state.ready = None, False
        victim, state.active = state.active, None
        if victim is None and state.waiting and not state.closing:
            victim = state.waiting.popleft()
        if victim is not None and (victim.cancelled or state.closing):
            self._emit(victim.id, "cancelled", worker_stopped=True)
        elif not state.closing:
            request_id = "" if victim is None else victim.id
            self._emit(request_id, "died", message=reason, details=last_words, returncode=returncode)
        self._send_next()


def _child_environment(base: Mapping[str, str]) -> dict[str, str]:
    """``base``, with this package to be found first and text in UTF-8."""
    package_folder = str(Path(__file__).resolve().parents[2])
    paths = [package_folder, *(p for p in base.get("PYTHONPATH", "").split(os.pathsep) if p)]
    return {**base, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8:backslashreplace"}


def _cause_of_death(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = f"signal {-returncode}"
        hint = "; often the memory of the machine has run out" if name == "SIGKILL" else ""
        return f"The worker was ended by {name}{hint}."
    return f"The worker ended unexpectedly (exit code {returncode}); its last words are in the details."
