"""The catalogue of one language: what is said in English, in that language, and what a text of that language means in English."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ...case import InputError
from .grammar import ALL, Grammar, Message
from .names import CaseNames, Names
from .typography import one_way

LANGUAGES = {"en": "English", "fr": "French", "de": "German", "es": "Spanish"}
_FOLDER = Path(__file__).parent
_UNIT = re.compile(r"(\d) (%|ml|mm|pixels|voxels|Pixel|Voxel|píxeles|vóxeles)")
_FRENCH_MARK = re.compile(r" ([:;!?»%])")


class Language:
    """One language of the report. English says everything as it is."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._case: Grammar | None = None
        self._said: dict[str, str | None] = {}
        self._labelled: dict[str, str] = {}

    def of(self, case: CaseNames) -> Language:
        """The same with the names of one case: no other is said or read."""
        if self.code == "en":
            return self
        one = copy(self)
        one._case = _sentences().of(case)
        return one

    def said(self, english: str) -> str | None:
        """A sentence of the template in this language; None where the catalogue does not hold it."""
        if self.code == "en":
            return english
        if english not in self._said:
            if len(self._said) > 10_000:
                self._said.clear()
            self._said[english] = next(iter(_sentences().whole(english, "en", self.code)), None)
        said = self._said[english]  # by the tables alone, so that it is the same for every case
        if said is None:
            said = next(iter((self._case or _sentences().lenient()).whole(english, "en", self.code)), None)
        return said

    def meant(self, text: str) -> list[str]:
        """What a sentence of this language can mean in English; nothing where the catalogue cannot read it. Names are those of
        the tables and of the case."""
        text = one_way(text)
        if self.code == "en":
            return [text]
        grammar = self._case or _sentences()
        return next(filter(None, (grammar.whole(form, self.code, "en") for form in _forms(text))), [])

    def label(self, english: str) -> str:
        """A title, a caption, a note or a cell in this language; a sentence that is not in the catalogue stays as it is."""
        if self.code == "en":
            return english
        if english not in self._labelled:
            if len(self._labelled) > 10_000:
                self._labelled.clear()
            said = _labels().said(english, "en", self.code)
            pieces = re.split(r"(?<=[.!?]) +", english)
            if not said and len(pieces) > 1:
                said = [" ".join(self.label(piece) for piece in pieces)]
            self._labelled[english] = self.set_in_type(said[0] if said else english)
        return self._labelled[english]

    def with_value(self, name: str, value: str) -> str:
        """``name: value`` as the language sets a colon."""
        return f"{name}\u00a0: {value}" if self.code == "fr" else f"{name}: {value}"

    def set_in_type(self, text: str) -> str:
        """With a number and its unit, and in French a word and its mark, on one line."""
        text = _UNIT.sub("\\1\u00a0\\2", text)
        return _FRENCH_MARK.sub("\u00a0\\1", text) if self.code == "fr" else text


@cache
def language(code: str) -> Language:
    """Raises InputError for a language that the report is not written in."""
    if code not in LANGUAGES:
        raise InputError(f"There is no report in language {code!r}; choose among {', '.join(LANGUAGES)}.")
    return Language(code)


def _forms(text: str) -> Iterator[str]:
    """As it stands, with its full stop, with the other first letter, with both."""
    for start in (text[:1], text[:1].swapcase()):
        yield start + text[1:]
        if not text.endswith((".", "!", "?")):
            yield f"{start}{text[1:]}."


@lru_cache(maxsize=1)
def _names() -> Names:
    return Names(tomllib.loads((_FOLDER / "names.toml").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _sentences() -> Grammar:
    content = _read("sentences/*.toml", "engine.toml", "formerly.toml")
    return Grammar(_checked(content["message"]), _rules(content), _names())


@lru_cache(maxsize=1)
def _labels() -> Grammar:
    content = _read("sentences/*.toml", "engine.toml", "labels/*.toml")
    messages = (*_read("labels/*.toml")["message"], *_read("engine.toml")["message"])
    return Grammar(_checked(messages), _rules(content), _names())


def _read(*patterns: str) -> dict[str, Any]:
    """The messages and rules of these files, together."""
    whole: dict[str, Any] = {"message": [], "rule": {}}
    for path in (path for pattern in patterns for path in sorted(_FOLDER.glob(pattern))):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        whole["message"] += content.get("message", []) + [{"all": pattern} for pattern in content.get("same", [])]
        whole["message"] += [{"en": english, **said} for english, said in content.get("label", {}).items()]
        for kind, rows in content.get("rule", {}).items():
            whole["rule"].setdefault(kind, []).extend(rows)
    return whole


def _rules(content: Mapping[str, Any]) -> dict[str, tuple[Message, ...]]:
    return {kind: _checked(rows) for kind, rows in content["rule"].items()}


def _checked(messages: Sequence[Message]) -> tuple[Message, ...]:
    """A row with the same words in every language is written once, as "all"."""
    rows = tuple(dict.fromkeys(ALL, m["all"]) if "all" in m else m for m in messages)
    for row in rows:
        if missing := set(ALL) - set(row):
            raise ValueError(f"the catalogue lacks {', '.join(sorted(missing))} of {row.get('en')!r}")
    return rows
