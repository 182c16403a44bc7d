"""An answer that says what was asked for in another dress: what a model thought before it, a code fence or prose around it, section
names in capitals, one pointer instead of a list. Nothing is risked: every sentence is checked whatever it came in.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from json.decoder import JSONDecoder
from typing import Any

from .chat import Listener

_THINKS, _THOUGHT = "<think>", "</think>"
_TRIES = 100  # opening brackets that may begin the document
_LONGEST_THOUGHT = 1_000_000  # characters that are looked through


def bare(text: str) -> str:
    """The outermost JSON document with ``sentences`` in an answer, its items tidied; the answer itself where there is none."""
    said = text.rpartition(_THOUGHT)[2]
    for place in islice(re.finditer(r"\{", said), _TRIES):
        try:
            document, _ = JSONDecoder().raw_decode(said, place.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(document.get("sentences"), list):
            return json.dumps({"sentences": [tidy(item) for item in document["sentences"]]}, ensure_ascii=False)
    return text


def tidy(item: Any) -> Any:
    """An item of an answer in the form that was asked for, where it says the same."""
    if not isinstance(item, dict):
        return item
    section, evidence = item.get("section"), item.get("evidence")
    return {
        **item,
        **({"section": section.strip().lower()} if isinstance(section, str) else {}),
        **({"evidence": [evidence]} if isinstance(evidence, str) else {}),
    }


class WithoutThoughts:
    """A Listener that hands on an answer as it arrives, but nothing that stands in ``<think>`` before it."""

    def __init__(self, inner: Listener) -> None:
        self._inner = inner
        self._held: str | None = ""  # what may be a thought; None once the answer has begun

    def begin(self) -> None:
        self._held = ""
        self._inner.begin()

    def add(self, text: str) -> None:
        if self._held is None:
            self._heard(text)
            return
        self._held = (self._held + text)[-_LONGEST_THOUGHT:]
        begun = self._held.lstrip()
        if _THOUGHT in self._held:
            said, self._held = self._held.rpartition(_THOUGHT)[2], None
            self._heard(said)
        elif not begun.startswith(_THINKS) and not _THINKS.startswith(begun[: len(_THINKS)]):
            said, self._held = self._held, None
            self._heard(said)

    def _heard(self, text: str) -> None:
        """What is handed on; the end of a thought whose beginning the server has kept makes void what was heard before."""
        if _THOUGHT in text:
            self._inner.begin()
            text = text.rpartition(_THOUGHT)[2]
        if text:
            self._inner.add(text)
