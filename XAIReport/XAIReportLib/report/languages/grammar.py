"""Patterns with slots: a sentence is matched by its pattern in one language, and its slots are filled in another.

    "{class} {n}"          slots by kind: a name, a number, or a rule of the catalogue; a figure tells two of a kind apart
    "{share+}"             one or more, joined as a list is in that language
    "{scored*}"            one or more with bare numbers, joined by semicolons where the decimal mark is a comma
    "{^class+}"            the first letter is a capital in this place
    "{reason}"             whole sentences of the catalogue, that stand in the findings at the place of their kind
    "{text}"               what stays as it is, in labels alone

A slot that cannot be said in the other language makes the whole pattern fail: nothing is ever half translated. On the way to
English all is closed: a name that neither the tables nor the case hold, or the same one twice, fails, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from .names import CaseNames, Names
from .typography import plain

ALL = ("en", "fr", "de", "es")
# Sentences that stand in the findings, and which of these they may hold themselves.
QUOTED: Mapping[str, tuple[str, ...]] = {"reason": (), "warning": ("objection",), "objection": (), "no_shift": ()}
_AND = {"en": " and ", "fr": " et ", "de": " und ", "es": " y "}
_AND_READ = {"en": " and ", "fr": " et ", "de": " und ", "es": " (?:y|e) "}
_SLOT = re.compile(r"\{(\^?)([a-z_]+)(\d*)([+*]?)\}")
_COMMA = {"en": ", ", "fr": ", ", "de": ", ", "es": ", "}
_SEMICOLON = {"en": ", ", "fr": " ; ", "de": "; ", "es": "; "}
_NAME = r"(?:[^.!?]|[.!?](?! ))+?"  # a name holds no end of a sentence
_POINT = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d+)?"
_NUMBER = {"en": _POINT, **dict.fromkeys(ALL[1:], _POINT.replace(r"\.", ","))}
_OTHER_MARK = str.maketrans(".,", ",.")
_E_BEFORE = re.compile(r"h?i(?!e)|í", re.IGNORECASE)  # Spanish "y" is "e" before the sound i
_MOST_JOINTS = 60  # more is no list of a report
_FIRST = 5  # letters by which messages are found


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


@dataclass(frozen=True)
class Mark:
    """What a text that a message holds begins with, and its longest literal text: most messages are told apart by these."""

    start: str
    longest: str
    message: Message


@dataclass
class Grammar:
    """``messages``: whole sentences; ``rules``: alternatives by kind; ``names``: by kind, None where a name is not known.

    ``strict``: a name that neither the tables nor the case hold makes a pattern fail on the way from English, too; otherwise it
    stays as it is.
    """

    messages: tuple[Message, ...]
    rules: Mapping[str, tuple[Message, ...]]
    names: Names
    strict: bool = True
    _compiled: dict[tuple[str, str], re.Pattern[str]] = field(default_factory=dict)
    _marked: dict[tuple[str, str], dict[str, list[Mark]]] = field(default_factory=dict)

    def of(self, case: CaseNames) -> Grammar:
        """The same with the names and sentences of one case."""
        return replace(self, names=self.names.of(case))

    def lenient(self) -> Grammar:
        """The same, which lets a name that it does not know stay as it is."""
        return replace(self, strict=False)

    def said(self, text: str, source: str, target: str, within: str = "") -> list[str]:
        """Everything that ``text`` can mean in the other language, most often one; nothing where no pattern holds it. First
        what the message with the most words of its own says: "{region} approximately holds" before "{region} holds".
        ``within``: the kind that the text is quoted as."""
        found: dict[str, None] = {}
        for mark in self._marks(text, source, within):
            if mark.longest in text and text.startswith(mark.start):
                said = self._through(mark.message, text, source, target)
                if said is not None:
                    found[said] = None
        return list(found)

    def _marks(self, text: str, source: str, within: str) -> Iterator[Mark]:
        """Those that the first letters of a text allow; the longest first, of those that begin alike."""
        if (source, within) not in self._marked:
            self._marked[source, within] = self._by_first(source, within)
        known = self._marked[source, within]
        for length in range(_FIRST, -1, -1):
            yield from known.get(text[:length], ()) if length <= len(text) else ()

    def _by_first(self, source: str, within: str) -> dict[str, list[Mark]]:
        allowed = QUOTED.get(within, QUOTED)
        marks = []
        for message in self.messages:
            pieces = parts(message[source])
            if any(isinstance(piece, Slot) and piece.kind in QUOTED and piece.kind not in allowed for piece in pieces):
                continue
            literal = [_written(piece, source) for piece in pieces if isinstance(piece, str)]
            start = literal[0] if isinstance(pieces[0], str) else ""
            marks.append((sum(map(len, literal)), Mark(start, max(literal, key=len, default=""), message)))
        found: dict[str, list[Mark]] = {}
        for _, mark in sorted(marks, key=lambda one: -one[0]):
            found.setdefault(mark.start[:_FIRST], []).append(mark)
        return found

    def _through(self, message: Message, text: str, source: str, target: str) -> str | None:
        """``text`` matched by the message in one language and written in another."""
        found = self._regex(message[source], source).fullmatch(text)
        if found is None:
            return None
        slots: dict[str, str] = {}
        named: set[tuple[str, str]] = set()
        for piece in parts(message[source]):
            if not isinstance(piece, Slot):
                continue
            value = found[piece.key]
            if piece.capital and not value[1:2].isupper():
                value = value[:1].lower() + value[1:]
            said = self._list(piece, value, source, target) if piece.many else self._one(piece, value, source, target)
            if said is None or (target == "en" and (piece.kind, said) in named):
                return None
            if piece.kind in self.names.tables:
                named.add((piece.kind, said))
            slots[piece.key] = said
        return "".join(
            piece if isinstance(piece, str) else _capital(slots[piece.key], piece.capital)
            for piece in parts(message[target])
        )

    def _one(self, slot: Slot, text: str, source: str, target: str) -> str | None:
        if slot.kind == "number":
            return text.translate(_OTHER_MARK) if _number(source).fullmatch(text) else None
        if slot.kind == "text":
            return text if source == "en" else None
        if slot.kind in QUOTED:
            said = self.whole(text, source, target, slot.kind)
            return next((one for one in said if source == "en" or one in self.names.case.get(slot.kind, ())), None)
        if slot.kind in self.rules:
            said = (self._through(rule, text, source, target) for rule in self.rules[slot.kind])
            return next((one for one in said if one is not None), None)
        if source == "en":
            return self.names.said(slot.kind, text, target, self.strict)
        return self.names.meant(slot.kind, text, source)

    def whole(self, text: str, source: str, target: str, within: str = "") -> list[str]:
        """What a text of one sentence or of several can mean: of several, all of them or nothing."""
        whole = self.said(text, source, target, within)
        if whole:
            return whole
        pieces = re.split(r"(?<=[.!?])\s+", text)
        said = [self.said(piece, source, target, within) for piece in pieces] if len(pieces) > 1 else []
        return [" ".join(one[0] for one in said)] if said and all(said) else []

    def _list(self, slot: Slot, text: str, source: str, target: str) -> str | None:
        """Item by item; a comma or an "and" that stands in a name parts none."""
        joints = [*_joint(slot.many, source).finditer(text)]
        if len(joints) > _MOST_JOINTS:
            return None

        @cache
        def items(first: int) -> tuple[tuple[bool, str], ...] | None:
            """Those behind the joint before ``first``, and whether "and" stands before them."""
            start, last = (joints[first - 1].end(), joints[first - 1][1] is None) if first else (0, False)
            for n in range(first, 0 if last else len(joints)):
                one = self._one(slot, text[start : joints[n].start()], source, target)
                if one is not None and (following := items(n + 1)):
                    return ((last, one), *following)
            one = self._one(slot, text[start:], source, target)
            return None if one is None else ((last, one),)

        found = items(0)
        if found is None or (target == "en" and len({one for _, one in found}) < len(found)):
            return None
        whole = found[0][1]
        for last, one in found[1:]:
            conjunction = " e " if target == "es" and _E_BEFORE.match(one) else _AND[target]
            whole += (conjunction if last else _commas(slot.many)[target]) + one
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
                whole += re.escape(_written(piece, language))
            else:
                inner = self._slot(piece, language)
                whole += f"(?P<{piece.key}>{inner})" if named else f"(?:{inner})"
        return whole

    def _slot(self, slot: Slot, language: str) -> str:
        if slot.many:
            return _NAME
        if slot.kind == "number":
            return _NUMBER[language]
        if slot.kind in QUOTED:
            return ".+"
        if slot.kind in self.rules:
            inner = "|".join(self._source(rule[language], language, False) for rule in self.rules[slot.kind])
            return f"(?:{inner})"
        return _NAME if slot.kind in self.names.tables else ".+?"


def _written(literal: str, language: str) -> str:
    """A pattern's own text as it is compared: English is written by the generators alone."""
    return literal if language == "en" else plain(literal)


def _commas(many: str) -> Mapping[str, str]:
    return _SEMICOLON if many == "*" else _COMMA


@cache
def _joint(many: str, language: str) -> re.Pattern[str]:
    """What stands between two items: a comma, or the word before the last."""
    return re.compile(rf"({re.escape(_written(_commas(many)[language], language))})|{_AND_READ[language]}")


@cache
def _number(language: str) -> re.Pattern[str]:
    return re.compile(_NUMBER[language])


def _capital(text: str, wanted: bool) -> str:
    return text[:1].upper() + text[1:] if wanted else text
