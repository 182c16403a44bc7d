"""Patterns with slots: a sentence is matched by its pattern in one language, and its slots are filled in another.

    "{class} {n}"          slots by kind: a name, a number, text that stays as it is, or a rule of the catalogue;
                           a figure tells two of a kind apart
    "{share+}"             one or more, joined as a list is in that language
    "{scored*}"            one or more with bare numbers, joined by semicolons where the decimal mark is a comma
    "{^class+}"            the first letter is a capital in this place
    "{sentences}"          whole sentences of the catalogue

A slot that cannot be said in the other language makes the whole pattern fail: nothing is ever half translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from .names import Names

ALL = ("en", "fr", "de", "es")
_AND = {"en": " and ", "fr": " et ", "de": " und ", "es": " y "}
_AND_READ = {"en": " and ", "fr": " et ", "de": " und ", "es": " (?:y|e) "}
_SLOT = re.compile(r"\{(\^?)([a-z_]+)(\d*)([+*]?)\}")
_COMMA = {"en": ", ", "fr": ", ", "de": ", ", "es": ", "}
_SEMICOLON = {"en": ", ", "fr": " ; ", "de": "; ", "es": "; "}
_NAME = r"(?:[^.!?]|[.!?](?! ))+?"  # a name holds no end of a sentence
_POINT = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d+)?"
_NUMBER = {"en": _POINT, **dict.fromkeys(ALL[1:], _POINT.replace(r"\.", ","))}
_E_BEFORE = re.compile(r"h?i(?!e)|í", re.IGNORECASE)  # Spanish "y" is "e" before the sound i


@dataclass(frozen=True)
class Slot:
    kind: str
    key: str
    many: str  # "+", "*" or ""
    capital: bool


@cache
def parts(pattern: str) -> tuple[str | Slot, ...]:
    """Literal text and slots, in order."""
    found: list[str | Slot] = []
    end = 0
    for slot in _SLOT.finditer(pattern):
        found.append(pattern[end : slot.start()])
        kind = slot[2]
        found.append(Slot("number" if kind == "n" else kind, kind + slot[3], slot[4], bool(slot[1])))
        end = slot.end()
    return tuple(piece for piece in (*found, pattern[end:]) if piece != "")


Message = Mapping[str, str]  # the pattern in each language


@dataclass
class Grammar:
    """``messages``: whole sentences; ``rules``: alternatives by kind; ``names``: by kind, None where a name is not known.

    ``strict``: a name that is not in the tables makes a pattern fail; otherwise it stays as it is.
    """

    messages: tuple[Message, ...]
    rules: Mapping[str, tuple[Message, ...]]
    names: Names
    strict: bool = False
    _compiled: dict[tuple[str, str], re.Pattern[str]] = field(default_factory=dict)
    _marked: dict[str, tuple[tuple[str, str, Message], ...]] = field(default_factory=dict)

    def said(self, text: str, source: str, target: str) -> list[str]:
        """Everything that ``text`` can mean in the other language, most often one; nothing where no pattern holds it."""
        found: dict[str, None] = {}
        for start, longest, message in self._marks(source):
            if text.startswith(start) and longest in text:
                said = self._through(message, text, source, target)
                if said is not None:
                    found[said] = None
        return list(found)

    def _marks(self, source: str) -> tuple[tuple[str, str, Message], ...]:
        """Every message with the text before its first slot and its longest literal text: most are told apart by these."""
        if source not in self._marked:
            rows = []
            for message in self.messages:
                pieces = parts(message[source])
                literal = [piece for piece in pieces if isinstance(piece, str)]
                start = pieces[0] if isinstance(pieces[0], str) else ""
                rows.append((start, max(literal, key=len, default=""), message))
            self._marked[source] = tuple(rows)
        return self._marked[source]

    def _through(self, message: Message, text: str, source: str, target: str) -> str | None:
        """``text`` matched by the message in one language and written in another."""
        found = self._regex(message[source], source).fullmatch(text)
        if found is None:
            return None
        slots: dict[str, str] = {}
        for piece in parts(message[source]):
            if isinstance(piece, Slot):
                value = found[piece.key]
                if piece.capital and not value[1:2].isupper():
                    value = value[:1].lower() + value[1:]
                said = (
                    self._list(piece, value, source, target) if piece.many else self._one(piece, value, source, target)
                )
                if said is None:
                    return None
                slots[piece.key] = said
        return "".join(
            piece if isinstance(piece, str) else _capital(slots[piece.key], piece.capital)
            for piece in parts(message[target])
        )

    def _one(self, slot: Slot, text: str, source: str, target: str) -> str | None:
        if slot.kind == "number":
            return text if source != "en" and target != "en" else text.translate(str.maketrans(".,", ",."))
        if slot.kind == "text":
            return text
        if slot.kind == "sentences":
            return self.sentences(text, source, target)
        if slot.kind in self.rules:
            said = (self._through(rule, text, source, target) for rule in self.rules[slot.kind])
            return next((one for one in said if one is not None), None)
        return self.names.said(slot.kind, text, source, target, self.strict)

    def sentences(self, text: str, source: str, target: str) -> str | None:
        """All of them, or nothing."""
        whole = self.said(text, source, target)
        if whole:
            return whole[0]
        pieces = re.split(r"(?<=[.!?])\s+", text)
        said = [self.said(piece, source, target) for piece in pieces]
        return " ".join(one[0] for one in said) if len(pieces) > 1 and all(said) else None

    def _list(self, slot: Slot, text: str, source: str, target: str) -> str | None:
        item, comma = self._slot(slot, source), _commas(slot)
        following = re.compile(rf"({item})({comma[source]}|{_AND_READ[source]})({_listed(item, slot, source)})")
        said, joints = [], []
        while found := following.fullmatch(text):
            said.append(self._one(slot, found[1], source, target))
            joints.append(found[2])
            text = found[3]
        said.append(self._one(slot, text, source, target))
        if any(one is None for one in said):
            return None
        whole = said[0]
        for joint, one in zip(joints, said[1:], strict=True):
            conjunction = " e " if target == "es" and _E_BEFORE.match(one) else _AND[target]
            whole += (comma[target] if joint == comma[source] else conjunction) + one
        return whole

    def _regex(self, pattern: str, language: str) -> re.Pattern[str]:
        key = (pattern, language)
        if key not in self._compiled:
            self._compiled[key] = re.compile(self._source(pattern, language, True))
        return self._compiled[key]

    def _source(self, pattern: str, language: str, named: bool) -> str:
        whole = ""
        for piece in parts(pattern):
            if isinstance(piece, str):
                whole += re.escape(piece)
                continue
            inner = self._slot(piece, language)
            inner = _listed(inner, piece, language) if piece.many else inner
            whole += f"(?P<{piece.key}>{inner})" if named else f"(?:{inner})"
        return whole

    def _slot(self, slot: Slot, language: str) -> str:
        if slot.kind == "number":
            return _NUMBER[language]
        if slot.kind == "sentences":
            return ".+"
        if slot.kind in self.rules:
            inner = "|".join(self._source(rule[language], language, False) for rule in self.rules[slot.kind])
            return f"(?:{inner})"
        return ".+?" if slot.kind == "text" else _NAME


def _commas(slot: Slot) -> Mapping[str, str]:
    return _SEMICOLON if slot.many == "*" else _COMMA


def _listed(item: str, slot: Slot, language: str) -> str:
    return f"{item}(?:{_commas(slot)[language]}{item})*?(?:{_AND_READ[language]}{item})?"


def _capital(text: str, wanted: bool) -> str:
    return text[:1].upper() + text[1:] if wanted else text
