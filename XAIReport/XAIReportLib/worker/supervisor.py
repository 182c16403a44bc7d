"""The thread behind WorkerClient: it alone owns the child, so that no lock is needed and nothing depends on being polled."""

from __future__ import annotations

import contextlib
import queue
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from XAIReportLib.worker.process import ChildProcess
from XAIReportLib.worker.protocol import BEAT, CANCEL, PROTOCOL, Event, ProtocolError, decode, encode

# How long a request may take to heed a cancel before its process is killed: a panel is then ready within a second.
CANCEL_GRACE_S = 0.75
# A killed process is gone at once, unless its disk does not answer.
KILL_WAIT_S = 0.5
# Python and the package start from a cold network disk in less.
START_TIMEOUT_S = 60.0
# How long the supervisor waits at a time, and by how much it may wake too late before it counts as having been kept from listening.
LISTEN_AT_LEAST_S, LISTEN_AT_MOST_S, LATE_S = 0.1, 1.0, 0.5

Inbox = queue.SimpleQueue[tuple[str, Any]]


@dataclass
class Request:
    """A request and the line that carries it."""

    id: str
    line: bytes
    cancelled: bool = False


class Supervisor:
    """Sends one request at a time, watches the child's signs of life, ends it and starts it again.

    Args:
        inbox: ("start" | "cancel" | "submit" | "close", value) from the client, and what the child's threads put in.
        emit: takes each event; called from this thread.
        command, environment: of the child.
        silence_s: a busy child may be silent for so long.
        cancel_grace_s: a request may take so long to heed a cancel.
    """

    def __init__(
        self,
        inbox: Inbox,
        emit: Callable[[Event], None],
        command: Sequence[str],
        environment: Mapping[str, str],
        silence_s: float,
        cancel_grace_s: float = CANCEL_GRACE_S,
    ) -> None:
        self._inbox, self._emit_event = inbox, emit
        self._command, self._environment, self._silence_s = command, environment, silence_s
        self._cancel_grace_s = cancel_grace_s
        self._child: ChildProcess | None = None
        self._generation = 0
        self._ready = False
        self._active: Request | None = None
        self._waiting: deque[Request] = deque()
        self._deadline: float | None = None
        self._deadline_reason = ""
        self._closing = False

    def _emit(self, request_id: str, type: str, /, **data: Any) -> None:
        self._emit_event(Event(request_id, type, data))

    def run(self) -> None:
        """Until the client is closed and its child has ended."""
        handlers = {
            "start": lambda _: self._start_child(),
            "submit": self._on_submit,
            "cancel": self._on_cancel,
            "close": self._on_close,
            "line": self._on_line,
            "stderr": self._on_stderr,
            "end": self._on_end,
        }
        while not (self._closing and self._child is None):
            heard = self._listen()
            if heard is None:
                continue
            what, value = heard
            if what in ("line", "stderr", "end"):
                generation, value = value
                if generation != self._generation or self._child is None:
                    continue  # from a child that is no longer ours
            handlers[what](value)

    def _listen(self) -> tuple[str, Any] | None:
        """What comes next; None after a while, and the child is stopped when its time is over.

        Time in which nobody could listen is no silence of the child: Slicer keeps Python's lock while it computes, and a computer
        sleeps.
        """
        if self._deadline is None:
            return self._inbox.get()
        began = time.monotonic()
        # Never a mere look: what has come may wait for Python's lock, which a wait gives back.
        wait = min(max(self._deadline - began, LISTEN_AT_LEAST_S), LISTEN_AT_MOST_S)
        heard = None
        with contextlib.suppress(queue.Empty):
            heard = self._inbox.get(timeout=wait)
        now = time.monotonic()
        if now - began > wait + LATE_S:
            self._deadline += now - began - wait
        elif heard is None and now >= self._deadline:
            self._stop(self._deadline_reason)
        return heard

    def _start_child(self) -> None:
        if self._child is not None or self._closing:
            return
        self._generation += 1
        generation, put = self._generation, self._inbox.put
        try:
            self._child = ChildProcess(
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
        self._ready = False
        self._expect_life(max(self._silence_s, START_TIMEOUT_S))

    def _expect_life(self, within_s: float) -> None:
        self._deadline = time.monotonic() + within_s
        self._deadline_reason = f"The worker gave no sign of life for {within_s:g} s and was stopped."

    def _on_submit(self, request: Request) -> None:
        if self._closing:
            self._emit(request.id, "cancelled", worker_stopped=False)
            return
        self._waiting.append(request)
        self._send_next()

    def _send_next(self) -> None:
        """The next request goes to the child when that is free; a dead child is started again first."""
        while self._waiting and self._active is None:
            if self._child is None:
                self._start_child()  # a failure takes the first waiting request with it
                if self._child is None:
                    continue
            if not self._ready:
                return
            self._active = self._waiting.popleft()
            self._child.send(self._active.line)
            self._expect_life(self._silence_s)

    def _on_cancel(self, request_id: str) -> None:
        for request in list(self._waiting):
            if request.id == request_id:
                self._waiting.remove(request)
                self._emit(request_id, "cancelled", worker_stopped=False)
        if self._active is not None and self._active.id == request_id and not self._active.cancelled and self._child:
            self._active.cancelled = True
            self._child.send(encode({"id": request_id, "type": CANCEL}))
            self._deadline = time.monotonic() + self._cancel_grace_s

    def _on_close(self, _: None) -> None:
        self._closing = True
        for request in list(self._waiting):
            self._on_cancel(request.id)
        if self._child is not None:
            if self._active is not None:
                self._on_cancel(self._active.id)
            self._child.end_input()
            self._deadline = time.monotonic() + self._cancel_grace_s

    def _on_line(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ProtocolError:
            return  # not ours; the child points its own stdout away, so nothing is lost
        type, data = message["type"], message["data"]
        if type == "ready":
            self._on_ready(message["protocol"], data)
            return
        active = self._active
        if active is None:
            return
        if not (active.cancelled or self._closing):
            self._expect_life(self._silence_s)
        if type == BEAT or message["id"] != active.id:
            return
        event = Event(active.id, type)
        if event.is_last:
            self._active = None
            if not self._closing:
                self._deadline = None
        if type == "cancelled":
            data = {"worker_stopped": False}
        self._emit(active.id, type, **data)
        self._send_next()

    def _on_ready(self, protocol: Any, data: dict[str, Any]) -> None:
        if protocol != PROTOCOL:
            spoken = f"The worker speaks protocol {protocol}, this program speaks {PROTOCOL}"
            self._stop(f"{spoken}; install the same version on both sides.")
            return
        self._ready = True
        if not self._closing:
            self._deadline = None
        self._emit("", "ready", **data)
        self._send_next()

    def _on_stderr(self, text: str) -> None:
        if self._active is not None:
            self._emit(self._active.id, "log", text=text)

    def _stop(self, reason: str) -> None:
        """Kill the child and report what that means for the request it was working on."""
        assert self._child is not None
        child, self._child = self._child, None
        child.kill()
        child.wait(KILL_WAIT_S)  # or what it had locked still is when its end is heard of
        self._report_death(reason, child.last_words(), None)

    def _on_end(self, _: None) -> None:
        assert self._child is not None
        child, self._child = self._child, None
        self._report_death(_cause_of_death(child.returncode), child.last_words(), child.returncode)

    def _report_death(self, reason: str, last_words: str, returncode: int | None) -> None:
        """The request that died with the child, or the one that waited for it to start, ends here; the next one goes on."""
        self._deadline, self._ready = None, False
        victim, self._active = self._active, None
        if victim is None and self._waiting and not self._closing:
            victim = self._waiting.popleft()
        if victim is not None and (victim.cancelled or self._closing):
            self._emit(victim.id, "cancelled", worker_stopped=True)
        elif not self._closing:
            request_id = "" if victim is None else victim.id
            self._emit(request_id, "died", message=reason, details=last_words, returncode=returncode)
        self._send_next()


def _cause_of_death(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            name = f"signal {-returncode}"
        hint = "; often the memory of the machine has run out" if name == "SIGKILL" else ""
        return f"The worker was ended by {name}{hint}."
    return f"The worker ended unexpectedly (exit code {returncode}); its last words are in the details."
