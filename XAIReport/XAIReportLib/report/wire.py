"""The two interfaces of language-model servers, as JSON: /v1/chat/completions, and /v1/responses (xAI, OpenAI, Ollama, llama.cpp).

How an answer is made to follow a schema differs from server to server: json_schema, json_object with the schema, or plain.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .servers import RESPONSES, Server

DIALECTS = ("json_schema", "json_object", "plain")
_MOST_TOKENS = 10**12  # a larger number is no count


def dialects_after(dialect: str) -> tuple[str, ...]:
    """What is tried next; the last one again where nothing follows, all of them after none."""
    return DIALECTS[DIALECTS.index(dialect) + 1 :] or DIALECTS[-1:] if dialect in DIALECTS else DIALECTS


class NoAnswer(ValueError):
    """What a server sent is no part of an answer; says in words what it is."""


@dataclass(frozen=True)
class Piece:
    """What one event of an answer holds. ``ended``: nothing follows; ``whole``: the text so far is replaced by ``text``."""

    text: str = ""
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    ended: bool = False
    whole: bool = False


def body(at: Server, rules: str, facts: str, pictures: Sequence[str], schema: dict[str, Any], dialect: str) -> dict:
    """The request. ``rules``: for the model; ``facts``: what it writes from; ``pictures``: data URLs."""
    if at.interface == RESPONSES:
        return _responses_body(at, rules, facts, pictures, schema, dialect)
    content: Any = facts
    if pictures:
        shown = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
        content = [{"type": "text", "text": facts}, *shown]
    messages = [{"role": "system", "content": rules}, {"role": "user", "content": content}]
    request: dict[str, Any] = {"model": at.model, "messages": messages, "stream": True}
    if dialect == "plain":  # nothing that a server could refuse
        return request
    request["temperature"] = 0
    if at.name != "mistral":  # which counts tokens unasked
        request["stream_options"] = {"include_usage": True}
    if dialect == "json_schema":
        inner = {"name": "report", "strict": True, "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": inner}
    else:
        request["response_format"] = {"type": "json_object", "schema": schema}
    return request


def _responses_body(
    at: Server, rules: str, facts: str, pictures: Sequence[str], schema: dict[str, Any], dialect: str
) -> dict[str, Any]:
    shown = [{"type": "input_image", "image_url": url} for url in pictures]
    content = [{"type": "input_text", "text": facts}, *shown] if pictures else facts
    messages = [{"role": "system", "content": rules}, {"role": "user", "content": content}]
    # Servers with this interface keep what they are asked unless they are told not to.
    request: dict[str, Any] = {"model": at.model, "input": messages, "stream": True, "store": False}
    if dialect == "plain":
        return request
    request["temperature"] = 0
    if dialect == "json_schema":
        request["text"] = {"format": {"type": "json_schema", "name": "report", "strict": True, "schema": schema}}
    else:
        request["text"] = {"format": {"type": "json_object"}}
    return request


def piece(interface: str, event: str) -> Piece:
    """The part of an answer in one event.

    Raises:
        NoAnswer: it is none.
    """
    try:
        document = json.loads(event)
        if document.get("error"):
            raise NoAnswer("an error instead of an answer")
        return _of_responses(document) if interface == RESPONSES else _of_chat(document)
    except NoAnswer:
        raise
    except (ValueError, AttributeError, IndexError, TypeError, KeyError, RecursionError) as error:
        raise NoAnswer("something that is no chat answer") from error


def _of_chat(document: dict[str, Any]) -> Piece:
    choice = (document.get("choices") or [{}])[0]
    if "choices" not in document and "usage" not in document:
        raise NoAnswer("something that is no chat answer")
    reason = choice.get("finish_reason")
    if reason == "length":
        raise NoAnswer("an answer that was cut off at its length limit")
    text = _text_of((choice.get("delta") or choice.get("message") or {}).get("content") or "")
    usage = document.get("usage") or {}
    counts = token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))
    return Piece(text, _name(document), *counts, ended=bool(reason))


def _text_of(content: Any) -> str:
    """The text of a message, which some servers send as a list of parts; what is no text (a thought, a reference) is not read."""
    if not isinstance(content, list):
        return str(content)
    parts = [part if isinstance(part, str) else part.get("text") for part in content if _is_text(part)]
    return "".join(part for part in parts if isinstance(part, str))


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"))


def _of_responses(document: dict[str, Any]) -> Piece:
    kind = document.get("type") or ""
    if kind == "response.output_text.delta":
        return Piece(text=str(document["delta"]))
    if kind in ("response.failed", "error"):
        raise NoAnswer("an error instead of an answer")
    response = document.get("response", document)
    if kind == "response.incomplete" or response.get("status") == "incomplete":
        raise NoAnswer("an answer that was cut off at its length limit")
    if kind == "response.completed" or (response.get("object") == "response" and not kind):
        parts = [part for item in response.get("output") or () for part in item.get("content") or ()]
        text = "".join(part.get("text", "") for part in parts if part.get("type") == "output_text")
        usage = response.get("usage") or {}
        counts = token_count(usage.get("input_tokens")), token_count(usage.get("output_tokens"))
        return Piece(text, _name(response), *counts, ended=True, whole=bool(text))
    if kind.startswith("response."):
        return Piece(model=_name(response))
    raise NoAnswer("something that is no answer of the responses interface")


def is_document(text: bytes) -> bool:
    """Whether this is a whole JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def token_count(value: Any) -> int | None:
    """A number of tokens, None where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None


def without_surrogates(text: str) -> str:
    """Joins the halves of characters that were cut apart, and replaces a lone one, which no file can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _name(document: dict[str, Any]) -> str:
    """The model that answers, as the server says, on one line."""
    name = document.get("model")
    return "".join(c for c in name if c.isprintable()) if isinstance(name, str) else ""
