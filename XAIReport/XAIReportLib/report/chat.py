"""One question to a server with the /v1/chat/completions interface: xAI, Mistral, Ollama, llama.cpp, vLLM or a kin.

The answer is streamed, bounded in time and size, asked again on 429 and 5xx, and can be cancelled. How an answer is made to
follow a schema differs from server to server: json_schema, then json_object with the schema, then nothing is tried.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from XAIReportLib.case import InputError
from XAIReportLib.results import Cancelled

# Name: address, and the environment variable with the key.
SERVERS = {
    "ollama": ("http://localhost:11434/v1", ""),
    "llama.cpp": ("http://127.0.0.1:8080/v1", ""),
    "vllm": ("http://127.0.0.1:8000/v1", "VLLM_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "openai": ("", "OPENAI_API_KEY"),
}
_LOCAL = ("localhost", "127.0.0.1", "::1")
DIALECTS = ("json_schema", "json_object", "plain")
_REFUSED = (400, 404, 415, 422, 500, 501)  # what servers answer to a dialect that they do not know


class ChatError(RuntimeError):
    """One sentence for a person: which server, what went wrong, what to do."""


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes. ``silence_s``: between two pieces of an answer; ``tries``: for 429, 5xx and a broken connection."""

    connect_s: float = 5.0
    silence_s: float = 60.0
    total_s: float = 180.0
    answer_bytes: int = 1_000_000
    tries: int = 3
    pause_s: float = 1.0


@dataclass(frozen=True)
class Server:
    """Where to ask, and whom. The key is never printed, stored or logged."""

    name: str
    url: str
    model: str
    limits: Limits = Limits()

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True)
class Answer:
    """``returned``: the model that the server says has answered; ``tokens``: as counted by the server, None where it does not."""

    text: str
    requested: str
    returned: str
    dialect: str
    tokens: int | None
    seconds: float


def server(
    name: str, url: str | None, model: str, allowed_hosts: Sequence[str] = (), limits: Limits | None = None
) -> Server:
    """A server that may be asked: on this machine, or one whose host was named by the person.

    Raises:
        InputError: no such server, no address, or no consent to its host.
    """
    if name not in SERVERS:
        raise InputError(f"narrator {name} is unknown; choose among template, replay, {', '.join(SERVERS)}.")
    address = (url or SERVERS[name][0]).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise InputError(
            f"narrator {name} has no usable address; give --endpoint http(s)://HOST/v1, without a user name in it."
        )
    if not model:
        raise InputError(f"narrator {name} has no model; give --model.")
    if parts.hostname not in _LOCAL and parts.hostname not in allowed_hosts:
        raise InputError(
            f"{parts.hostname} is not on this machine, and findings would be sent to it; "
            f"if that is wanted, give --allow-remote {parts.hostname}."
        )
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise InputError(f"{parts.hostname} would be asked without encryption; give an https address.")
    return Server(name, address, model, limits or Limits())


def api_key(name: str) -> str | None:
    """From the environment, else from the system's keyring (service "xaireport", when the keyring package is there)."""
    variable = SERVERS[name][1]
    if not variable:
        return None
    if key := os.environ.get(variable):
        return key
    with suppress(Exception):  # no keyring package, no back end, or a locked one: then there is no key
        import keyring

        return keyring.get_password("xaireport", variable)
    return None


def ask(
    at: Server,
    messages: Sequence[dict[str, str]],
    schema: dict[str, Any],
    piece: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Answer:
    """The answer to ``messages``. ``piece`` gets the text as it arrives.

    Raises:
        ChatError: there is none; the sentence says why.
        Cancelled: ``cancelled`` returned True.
    """
    began = time.monotonic()
    for dialect in DIALECTS:
        try:
            text, returned, tokens = _patiently(at, _body(at, messages, schema, dialect), piece, cancelled, began)
        except _DialectRefused as refused:
            if dialect == DIALECTS[-1]:
                raise ChatError(f"{at.host} refused the request ({refused}); check --model {at.model}.") from refused
            continue
        return Answer(text, at.model, returned, dialect, tokens, round(time.monotonic() - began, 3))
    raise AssertionError("the last dialect answers or raises")


class _DialectRefused(Exception):
    pass


class _TryAgain(Exception):
    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


def _body(at: Server, messages: Sequence[dict[str, str]], schema: dict[str, Any], dialect: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": at.model, "messages": list(messages), "stream": True, "temperature": 0}
    if dialect == "json_schema":
        inner = {"name": "report", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": inner}
    elif dialect == "json_object":
        body["response_format"] = {"type": "json_object", "schema": schema}
    return body


def _patiently(
    at: Server,
    body: dict[str, Any],
    piece: Callable[[str], None] | None,
    cancelled: Callable[[], bool] | None,
    began: float,
) -> tuple[str, str, int | None]:
    """Asks again on 429, 5xx and a broken connection, with growing pauses."""
    for attempt in range(at.limits.tries):
        try:
            return _once(at, body, piece, cancelled, began)
        except _TryAgain as again:
            last = attempt == at.limits.tries - 1
            pause = again.pause_s if again.pause_s is not None else at.limits.pause_s * 2**attempt
            if last or time.monotonic() - began + pause > at.limits.total_s:
                raise ChatError(f"{at.host} gave no answer ({again}); try again later.") from again
            _wait(pause, cancelled)
    raise AssertionError("the last try answers or raises")


def _wait(seconds: float, cancelled: Callable[[], bool] | None) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cancelled and cancelled():
            raise Cancelled("the question was cancelled")
        time.sleep(min(0.1, max(0.0, end - time.monotonic())))


def _once(
    at: Server,
    body: dict[str, Any],
    piece: Callable[[str], None] | None,
    cancelled: Callable[[], bool] | None,
    began: float,
) -> tuple[str, str, int | None]:
    key = api_key(at.name)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with requests.post(
            f"{at.url}/chat/completions",
            json=body,
            headers=headers,
            auth=lambda request: request,  # or requests would take a password from ~/.netrc
            stream=True,
            allow_redirects=False,  # consent names one host
            timeout=(at.limits.connect_s, at.limits.silence_s),
        ) as response:
            _check_status(at, response, "response_format" in body)
            return _collected(at, response, piece, cancelled, began)
    except requests.exceptions.SSLError as error:
        raise ChatError(f"{at.host} could not be trusted (TLS failed); nothing was sent. Check the address.") from error
    except requests.exceptions.ConnectTimeout as error:
        raise ChatError(
            f"{at.host} cannot be reached within {at.limits.connect_s:g} s; is the server running?"
        ) from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise _TryAgain("the answer broke off") from error
    except requests.exceptions.ConnectionError as error:
        if "timed out" in str(error).lower():
            raise ChatError(
                f"{at.host} was silent for {at.limits.silence_s:g} s; try again or choose a smaller model."
            ) from error
        raise ChatError(f"{at.host} cannot be reached; is the server running?") from error
    except requests.exceptions.Timeout as error:
        raise ChatError(
            f"{at.host} was silent for {at.limits.silence_s:g} s; try again or choose a smaller model."
        ) from error
    except requests.exceptions.RequestException as error:
        raise ChatError(f"{at.host} could not be asked ({type(error).__name__}).") from error


def _check_status(at: Server, response: requests.Response, formatted: bool) -> None:
    status = response.status_code
    if status == requests.codes.ok:
        return
    if formatted and status in _REFUSED:
        raise _DialectRefused(f"HTTP {status}")
    if status in (401, 403):
        raise ChatError(
            f"{at.host} refused the key (HTTP {status}); set {SERVERS[at.name][1] or 'a key'} in the environment."
        )
    if status == 429 or status >= 500:
        wait = response.headers.get("Retry-After", "")
        raise _TryAgain(f"HTTP {status}", float(wait) if wait.isdigit() else None)
    if status in _REFUSED:
        raise _DialectRefused(f"HTTP {status}")
    raise ChatError(f"{at.host} answered with HTTP {status}; check the address and --model {at.model}.")


def _collected(
    at: Server,
    response: requests.Response,
    piece: Callable[[str], None] | None,
    cancelled: Callable[[], bool] | None,
    began: float,
) -> tuple[str, str, int | None]:
    text, returned, tokens, ended = "", at.model, None, False
    for event in _events(at, response, cancelled, began):
        if event == "[DONE]":
            ended = True
            break
        try:
            document = json.loads(event)
            choice = (document.get("choices") or [{}])[0]
            part = (choice.get("delta") or choice.get("message") or {}).get("content") or ""
            usage = document.get("usage") or {}
        except (ValueError, AttributeError, IndexError, TypeError) as error:
            raise ChatError(f"{at.host} sent something that is no chat answer; check the address.") from error
        returned = str(document.get("model") or returned)
        tokens = usage.get("total_tokens", tokens)
        ended = ended or bool(choice.get("finish_reason"))
        text += part
        if piece and part:
            piece(part)
    if not ended:
        raise _TryAgain("the answer broke off")
    return text, returned, tokens


def _events(
    at: Server, response: requests.Response, cancelled: Callable[[], bool] | None, began: float
) -> Iterator[str]:
    """Data of server-sent events; a body that is one JSON document is one event."""
    received, rest = 0, b""
    streamed = "text/event-stream" in response.headers.get("Content-Type", "")
    for block in response.iter_content(chunk_size=None):
        received += len(block)
        if cancelled and cancelled():
            raise Cancelled("the question was cancelled")
        if received > at.limits.answer_bytes:
            raise ChatError(f"{at.host} sent more than {at.limits.answer_bytes // 1000} kB; its answer was not read.")
        if time.monotonic() - began > at.limits.total_s:
            raise ChatError(f"{at.host} took longer than {at.limits.total_s:g} s; try a smaller model.")
        rest += block
        while streamed and b"\n" in rest:
            line, _, rest = rest.partition(b"\n")
            if line.startswith(b"data:"):
                yield line[5:].strip().decode("utf-8", "replace")
    if not streamed and rest:
        yield rest.decode("utf-8", "replace")
