"""A language model's answer: a JSON document of sentences, read while it arrives, kept and replayed.

A kept answer is one line of JSON, and an answer of any model, however it was had, can be written so and checked later:

    {"findings_sha256": ..., "task": "narrative", "answer": {"text": ..., "requested": ..., "returned": ...}}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from json.decoder import JSONDecoder
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError

from .chat import Answer, ChatError, Listener, Question
from .grounding import sentences
from .outbound import SECTIONS
from .wire import token_count, without_surrogates

_LONGEST_ITEM = 20_000  # characters
_LONGEST_S = 1e9
NARRATIVE = "narrative"  # the task of writing a narrative; a question of the dialogue has a name of its own
Asker = Callable[[Question, Listener], Answer]


class Items:
    """The items of ``{"sentences": [...]}``, each as soon as it is complete; a Listener.

    Args:
        take: called with each complete item.
        begun: called when an answer starts, and with it what was heard before is void.
    """

    def __init__(self, take: Callable[[Any], None], begun: Callable[[], None]) -> None:
        self._take, self._begun = take, begun
        self._rest, self._inside = "", False

    def begin(self) -> None:
        self._rest, self._inside = "", False
        self._begun()

    def add(self, text: str) -> None:
        if len(self._rest) > _LONGEST_ITEM:
            return  # no answer that was asked for; what it is, is seen at its end
        self._rest += text
        if not self._inside:
            start = self._rest.find("[", self._rest.find('"sentences"')) if '"sentences"' in self._rest else -1
            if start < 0:
                return
            self._rest, self._inside = self._rest[start + 1 :], True
        if "}" in text:
            self._take_complete()

    def _take_complete(self) -> None:
        while True:
            rest = self._rest.lstrip(" \t\r\n,")
            try:
                item, end = JSONDecoder().raw_decode(rest)
                item = _storable(item)
            except (ValueError, RecursionError):
                return  # not complete, or no JSON at all
            self._rest = rest[end:]
            self._take(item)


def items_of(text: str) -> list[Any]:
    """All items of a whole answer.

    Raises:
        ChatError: it is no JSON document of sentences, or one without any.
    """
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        items = _storable(json.loads(bare))["sentences"]
        if not isinstance(items, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ChatError("The answer is not the JSON document of sentences that was asked for.") from None
    if not any(is_sentence(item) for item in items):
        raise ChatError("The answer holds no sentence.")
    return items


def is_sentence(item: Any) -> bool:
    """Whether an item has the form that was asked for; what it says is not looked at."""
    return (
        isinstance(item, dict)
        and isinstance(item.get("text"), str)
        and item.get("section") in SECTIONS
        and bool(sentences(item["text"]))
    )


def replay(path: Path, sha256: str, task: str = NARRATIVE) -> Asker:
    """Gives the kept answers to ``task`` on the findings with this hash, in their order.

    Raises:
        InputError: the file cannot be read.
    """
    kept = [given for of, of_task, given in _rows(path, "make it with --store") if (of, of_task) == (sha256, task)]

    def answer(_: Question, listener: Listener) -> Answer:
        if not kept:
            raise ChatError(f"{path.name} holds no further answer for these findings.")
        given = kept.pop(0)
        listener.begin()
        listener.add(given.text)
        return given

    return answer


def stored(path: Path, sha256: str, inner: Asker, task: str = NARRATIVE) -> Asker:
    """Asks ``inner`` and keeps each answer for ``replay``.

    Raises:
        InputError: the file cannot be written, or holds something else; nothing was asked yet.
    """
    there = path.is_file()
    if there:
        _rows(path, "give another --store")
    _append(path, "")
    if not there and path.is_file():
        path.unlink()

    def answer(question: Question, listener: Listener) -> Answer:
        given = inner(question, listener)
        _append(path, json.dumps({"findings_sha256": sha256, "task": task, "answer": asdict(given)}) + "\n")
        return given

    return answer


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path.name} cannot be written ({error.strerror}); give another --store.") from error


def _rows(path: Path, advice: str) -> list[tuple[str, str, Answer]]:
    """Hash of the findings, task and answer of each line.

    Raises:
        InputError: the file cannot be read; ends with ``advice``.
    """
    try:
        # Not splitlines: a JSON string may hold the other line ends of Unicode.
        rows = [_storable(json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        return [(row["findings_sha256"], row.get("task", NARRATIVE), _answer(row["answer"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path.name} holds no stored answers ({type(error).__name__}); {advice}.") from error


def _answer(row: dict[str, Any]) -> Answer:
    """Raises TypeError where it is none."""
    given = Answer(**row)
    words = (given.text, given.requested, given.returned, given.dialect)
    if not all(isinstance(word, str) for word in words):
        raise TypeError("an answer is text")
    if not isinstance(given.seconds, int | float) or not 0 <= given.seconds <= _LONGEST_S:
        raise TypeError("an answer takes some seconds")
    return replace(given, input_tokens=token_count(given.input_tokens), output_tokens=token_count(given.output_tokens))


def _storable(document: Any) -> Any:
    """The same document without lone surrogates."""
    return json.loads(without_surrogates(json.dumps(document, ensure_ascii=False)))
