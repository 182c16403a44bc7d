"""One question to a server of language models: xAI, Mistral, Ollama, llama.cpp, vLLM or a kin (wire.py: the interfaces).

The answer is streamed, asked again on 429 and 5xx, and can be cancelled at any moment. The way to ask for a schema is found by
trying: json_schema, then json_object with the schema, then nothing, when a server refuses one or its answer is of another form;
whatever comes is checked here all the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from . import stream, wire
from .servers import Server, api_key
from .stream import ChatError, DialectRefused, GivenUp, TryAgain, Watch

__all__ = ["Answer", "ChatError", "GivenUp", "Listener", "Question", "ask"]

_LONGEST_NAME = 120  # of the model that a server says has answered


class Listener(Protocol):
    """Hears an answer as it arrives. ``begin``: an answer starts, and what was heard before it is void."""

    def begin(self) -> None: ...
    def add(self, text: str) -> None: ...


@dataclass(frozen=True)
class Question:
    """What a server is asked: rules for the model, the facts that it writes from, pictures (data URLs), the answer's schema.

    ``after``: the dialect of an earlier answer that could not be read; the next one is tried.
    """

    rules: str
    facts: str
    schema: dict[str, Any]
    pictures: tuple[str, ...] = ()
    after: str = ""


@dataclass(frozen=True)
class Answer:
    """``returned``: the model that the server says has answered. Tokens as the server counts them, None where it does not."""

    text: str
    requested: str
    returned: str
    dialect: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0


class _Deaf:
    def begin(self) -> None:
        pass

    def add(self, text: str) -> None:
        pass


def ask(
    at: Server,
    question: Question,
    listener: Listener | None = None,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
) -> Answer:
    """The answer to ``question``. ``waiting`` is called some times a second while nothing comes.

    Raises:
        ChatError: there is none; the sentence says why.
        Cancelled: ``cancelled`` returned True.
    """
    watch = Watch(at.limits.total_s, cancelled or (lambda: False), waiting or (lambda: None))
    for dialect in wire.dialects_after(question.after):
        body = wire.body(at, question.rules, question.facts, question.pictures, question.schema, dialect)
        try:
            return _patiently(at, body, dialect, listener or _Deaf(), watch)
        except DialectRefused as refused:
            if dialect == wire.DIALECTS[-1]:
                seeing = " and whether it reads pictures" if question.pictures else ""
                raise GivenUp(f"{at.host} refused the request ({refused}); check --model {at.model}{seeing}.") from None
    raise AssertionError("the last dialect answers or raises")


def _patiently(at: Server, body: dict[str, Any], dialect: str, listener: Listener, watch: Watch) -> Answer:
    """Asks again on 429, 5xx and a broken connection, with growing pauses or those that the server asks for."""
    for attempt in range(at.limits.tries):
        try:
            return _once(at, body, dialect, listener, watch)
        except TryAgain as again:
            pause = again.pause_s if again.pause_s is not None else at.limits.pause_s * 2**attempt
            if attempt == at.limits.tries - 1:
                raise GivenUp(f"{at.host} gave no answer ({again}); try again later.") from None
            if watch.seconds + pause > at.limits.total_s:
                raise GivenUp(f"{at.host} gave no answer ({again}) and asks to wait for {pause:.0f} s.") from None
            _wait(pause, at, watch)
    raise AssertionError("the last try answers or raises")


def _wait(seconds: float, at: Server, watch: Watch) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        watch.check(at.host)
        watch.waiting()
        time.sleep(min(stream.TICK_S, left))


def _once(at: Server, body: dict[str, Any], dialect: str, listener: Listener, watch: Watch) -> Answer:
    heard = _Heard(listener)
    try:
        for event in stream.events(at, body, dialect != "plain", watch):
            if event == "[DONE]":
                heard.ended = True
                break
            piece = _piece(at, event)
            heard.take(piece)
            if heard.ended:
                watch.end()
                if piece.output_tokens is not None:
                    break
    except (ChatError, TryAgain):
        if not heard.ended:  # what comes after the end takes nothing from an answer
            raise
    if not heard.ended:
        raise TryAgain("the answer broke off")
    text = _without_key(at, wire.without_surrogates("".join(heard.parts)))
    returned = _without_key(at, heard.returned or at.model)[:_LONGEST_NAME]
    seconds = round(watch.seconds, 3)
    return Answer(text, at.model, returned, dialect, heard.input_tokens, heard.output_tokens, seconds)


def _piece(at: Server, event: str) -> wire.Piece:
    try:
        return wire.piece(at.interface, event)
    except wire.NoAnswer as error:
        raise ChatError(f"{at.host} sent {error}; check the address and --model {at.model}.") from None


class _Heard:
    """What has come of an answer; ``ended``: its text is complete."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.parts: list[str] = []
        self.returned, self.ended = "", False
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        listener.begin()

    def take(self, piece: wire.Piece) -> None:
        self.ended = self.ended or piece.ended
        self.returned = piece.model or self.returned
        if piece.input_tokens is not None:
            self.input_tokens = piece.input_tokens
        if piece.output_tokens is not None:
            self.output_tokens = piece.output_tokens
        added = piece.text.removeprefix("".join(self.parts)) if piece.whole else piece.text
        if piece.whole:
            self.parts = []
        self.parts.append(piece.text)
        if added:
            self._listener.add(added)


def _without_key(at: Server, text: str) -> str:
    """A server may repeat what it was sent; a key is never kept."""
    key = api_key(at.name)
    if not key:
        return text
    # Within JSON each of its letters may be written as an escape, too.
    letters = (rf"(?:{re.escape(letter)}|\\{re.escape(letter)}|\\u(?i:{ord(letter):04x}))" for letter in key)
    return re.sub("".join(letters), "", text)
