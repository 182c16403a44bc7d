"""One request over HTTP and its answer as events: bounded in time and size, stopped at once, to one host only."""

from __future__ import annotations

import email.utils
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3

from XAIReportLib.results import Cancelled

from . import wire
from .servers import INTERFACES, SERVERS, Server, api_key

TICK_S = 0.1
COUNT_S = 2.0  # from the end of an answer, for the count of its tokens
BLOCK_BYTES = 65536
_REFUSED = (400, 404, 415, 422, 500, 501)  # what servers answer to a dialect that they do not know


class ChatError(RuntimeError):
    """One sentence for a person: which server, what went wrong, what to do. Never a word of the server's own."""


class GivenUp(ChatError):
    """Asking once more would not help, or was done as often as it may be."""


class DialectRefused(Exception):
    """The server does not know this way to ask for a schema."""


class TryAgain(Exception):
    """Something that may pass; ``pause_s``: how long the server asks to wait."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


@dataclass
class Watch:
    """Who may stop a question: the person (``cancelled``) and the clock. ``waiting`` is called while nothing comes.

    ``ended``: when the answer has ended, None before.
    """

    total_s: float
    cancelled: Callable[[], bool] = lambda: False
    waiting: Callable[[], None] = lambda: None
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def end(self) -> None:
        """The answer is complete; only the count of its tokens may follow."""
        self.ended = time.monotonic() if self.ended is None else self.ended

    @property
    def is_over(self) -> bool:
        return self.ended is not None and time.monotonic() - self.ended > COUNT_S

    def check(self, host: str) -> None:
        """Raises Cancelled or ChatError when it is time to stop."""
        if self.cancelled():
            raise Cancelled("the question was cancelled")
        if self.seconds > self.total_s:
            raise GivenUp(f"{host} took longer than {self.total_s:g} s; try a smaller model.")


class _Adapter(requests.adapters.HTTPAdapter):
    """Hands over the socket of a connection as soon as it stands: a response has it only after its head."""

    def __init__(self, opened: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._opened = opened

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
        return self._telling(super().get_connection_with_tls_context(*args, **more))

    def get_connection(self, *args: Any, **more: Any) -> Any:  # what requests before 2.32 calls
        return self._telling(super().get_connection(*args, **more))

    def _telling(self, pool: Any) -> Any:
        opened = self._opened

        class Telling(type(pool).ConnectionCls):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        pool.ConnectionCls = Telling
        return pool


class _Reader(threading.Thread):
    """Reads the answer, so that the asker can be stopped while a server is silent. It ends soon after ``stop``."""

    def __init__(self, at: Server, body: dict[str, Any], formatted: bool) -> None:
        super().__init__(daemon=True, name="xaireport-language-model")
        self.items: queue.SimpleQueue[bytes | str | BaseException | None] = queue.SimpleQueue()
        self._at, self._body, self._formatted = at, body, formatted
        self._stopped = threading.Event()
        self._socket: socket.socket | None = None

    def run(self) -> None:
        try:
            self._read()
            self.items.put(None)
        except BaseException as error:  # raised again by the asker
            self.items.put(error)

    def stop(self) -> None:
        self._stopped.set()
        self._shut()

    def _opened(self, connected: socket.socket) -> None:
        self._socket = connected
        if self._stopped.is_set():
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a read that waits for a silent server

    def _read(self) -> None:
        at, key = self._at, _key(self._at)
        headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}
        session = requests.Session()
        session.mount("http://", _Adapter(self._opened))
        session.mount("https://", _Adapter(self._opened))
        session.get_redirect_target = lambda _: None  # or requests would read all of a redirection's body
        session.trust_env = not at.is_local  # a proxy would take what is meant for this machine elsewhere
        with (
            session,
            session.post(
                f"{at.url}/{INTERFACES[at.interface]}",
                json=self._body,
                headers=headers,
                auth=lambda request: request,  # or requests would take a password from ~/.netrc
                stream=True,
                allow_redirects=False,  # consent names one host
                timeout=(at.limits.connect_s, at.limits.silence_s),
            ) as response,
        ):
            _check_status(at, response, self._formatted)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise ChatError(f"{at.host} sent a compressed answer, which was not asked for; it was not read.")
            received = 0
            self.items.put(response.headers.get("Content-Type", ""))
            while block := response.raw.read1(BLOCK_BYTES):  # iter_content would wait for a full buffer
                received += len(block)
                if received > at.limits.answer_bytes:
                    raise ChatError(
                        f"{at.host} sent more than {at.limits.answer_bytes // 1000} kB; its answer was not read."
                    )
                if self._stopped.is_set():
                    return
                self.items.put(block)


def _key(at: Server) -> str | None:
    """Raises ChatError where the key cannot be sent; what it holds is not said."""
    key = api_key(at.name)
    if key and not (key.isascii() and key.isprintable()):
        raise ChatError(
            f"{at.host} was not asked: {SERVERS[at.name].key} holds a character that no key has; copy the key again."
        )
    return key


def events(at: Server, body: dict[str, Any], formatted: bool, watch: Watch) -> Iterator[str]:
    """The data of the server-sent events of an answer; a body that is one JSON document is one event.

    Raises:
        ChatError, TryAgain, DialectRefused: there is no answer; the sentence says why.
        Cancelled: the person has stopped it.
    """
    reader = _Reader(at, body, formatted)
    reader.start()
    try:
        yield from _events(reader, at, watch)
    finally:
        reader.stop()


def _events(reader: _Reader, at: Server, watch: Watch) -> Iterator[str]:
    rest, streamed = b"", False
    while True:
        watch.check(at.host)
        if watch.is_over:
            return
        try:
            item = reader.items.get(timeout=TICK_S)
        except queue.Empty:
            watch.waiting()
            continue
        if item is None:
            break
        if isinstance(item, BaseException):
            if not streamed and wire.is_document(rest):
                break
            raise _said(item, at) from None  # what requests says may hold the whole request
        if isinstance(item, str):
            streamed = "text/event-stream" in item
            continue
        rest += item
        while streamed and b"\n" in rest:
            line, _, rest = rest.partition(b"\n")
            if line.startswith(b"data:"):
                yield line[5:].strip().decode("utf-8", "replace")
    if not streamed and rest:
        yield rest.decode("utf-8", "replace")


def _said(error: BaseException, at: Server) -> BaseException:
    """What requests raised, as a sentence of ours."""
    untrusted = (
        f" (TLS failed{_why_untrusted(error)}); nothing was sent. Check the address and the server's certificate."
    )
    silent = GivenUp(f"{at.host} was silent for {at.limits.silence_s:g} s; try again or choose a smaller model.")
    unreachable = GivenUp(f"{at.host} cannot be reached; is the server running?")
    cases: list[tuple[type[BaseException], BaseException]] = [
        (requests.exceptions.SSLError, GivenUp(f"{at.host} could not be trusted{untrusted}")),
        (
            requests.exceptions.ConnectTimeout,
            GivenUp(f"{at.host} cannot be reached within {at.limits.connect_s:g} s; is the server running?"),
        ),
        (requests.exceptions.Timeout, silent),
        (urllib3.exceptions.ReadTimeoutError, silent),
        (urllib3.exceptions.ProtocolError, TryAgain("the answer broke off")),
        (requests.exceptions.ProxyError, GivenUp(f"{at.host} cannot be reached through the proxy; check the proxy.")),
    ]
    for kind, sentence in cases:
        if isinstance(error, kind):
            return sentence
    if isinstance(error, ChatError | TryAgain | DialectRefused) or not isinstance(error, Exception):
        return error
    if isinstance(error, requests.exceptions.ConnectionError):
        cause = error.args[0] if error.args else None
        if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
            return silent
        return TryAgain("the connection broke") if isinstance(cause, urllib3.exceptions.ProtocolError) else unreachable
    return ChatError(f"{at.host} could not be asked ({type(error).__name__}).")


def _why_untrusted(error: BaseException) -> str:
    """What is wrong with a server's certificate, in OpenSSL's words ("self-signed certificate"); empty where that is not it."""
    inner: Any = error
    for _ in range(5):
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f": {inner.verify_message.rstrip('.')}"
        inner = getattr(inner, "reason", None) or (inner.args[0] if getattr(inner, "args", ()) else None)
    return ""


def _check_status(at: Server, response: requests.Response, formatted: bool) -> None:
    status = response.status_code
    if status == requests.codes.ok:
        return
    if 300 <= status < 400:
        raise GivenUp(
            f"{at.host} answered with a redirection (HTTP {status}), which was not followed; check the address."
        )
    if formatted and status in _REFUSED:
        raise DialectRefused(f"HTTP {status}")
    if status in (401, 403):
        name = SERVERS[at.name].key or "a key"
        raise GivenUp(f"{at.host} refused the key (HTTP {status}); set {name} in the environment or the keyring.")
    if status == 429 or status >= 500:
        raise TryAgain(f"HTTP {status}", _pause(response.headers.get("Retry-After", "")))
    if status in _REFUSED:
        raise DialectRefused(f"HTTP {status}")
    raise GivenUp(f"{at.host} answered with HTTP {status}; check the address and --model {at.model}.")


def _pause(text: str) -> float | None:
    """Seconds to wait, from a number of them or from a date (RFC 9110, 10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, OSError):
        return None
