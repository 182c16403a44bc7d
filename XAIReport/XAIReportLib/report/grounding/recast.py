"""A statement with a figure about the case as a whole, said in the report's own words by what it is made of.

"52.3 mm separate the centres" is the parts CENTRES, APART and a length, and the report says "the largest distance between the
centres of two of them is 52.3 mm". Each form of recast.en.txt says what must be in a statement, what may be, and the report's
words for it. A form fits only where every word is one of its parts or says nothing (FREE), so that a word that adds, denies or
compares leaves the statement as it is. The order of the parts does not matter; for this reason there are forms only for what
a case has one of. What a form gives is then read as any other sentence is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from .vocabulary import spelled

_FILE = Path(__file__).with_name("recast.en.txt")
_NEAR = (
    r"(?:(?:about|approximately|roughly|around|nearly|almost|just (?:under|over|below|above)|only|merely|just|close to|"
    r"slightly (?:under|over|less than|more than)|a little (?:under|over|less than|more than)) )*"
)
_COUNT = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|seventeen)"
_NUMBER = r"\d+(?:\.\d+)?"
_MM = r" ?(?:mm|cm|millimet(?:re|er)s?|centimet(?:re|er)s?)\b"
_BY = r" ?(?:x|×|by) ?"
_FIGURES = {  # in the order in which they are looked for
    "TRIPLE": rf"{_NUMBER}(?:{_MM})?{_BY}{_NUMBER}(?:{_MM})?{_BY}{_NUMBER}(?:{_MM})?",
    "OF": rf"\b{_COUNT} (?:out )?of (?:the |its |a total of |all )?{_COUNT}\b(?![.%]| ?(?:%|ml|mm|cm)|\.\d)",
    "LENGTH": rf"{_NEAR}(?:{_NUMBER}|{_COUNT}){_MM}",
    "PERCENT": rf"{_NEAR}{_NUMBER} ?(?:%|percent\b|per cent\b)",
    "SHARE": rf"{_NEAR}\b[01]\.\d+(?![\d.])",
}
_FIGURE = re.compile("|".join(rf"(?P<{kind}>{pattern})" for kind, pattern in _FIGURES.items()), re.IGNORECASE)
_WORD = re.compile(r"[\w'-]*\w|[^\w\s]")
Part = tuple[str, str]  # kind and words; of a word that the forms tell, no kind
Phrases = dict[str, list[tuple[tuple[str, ...], str]]]


@dataclass
class Form:
    """``needs``: kinds of which one each must be there; ``may``: kinds that may; ``words``: what the report says."""

    needs: tuple[frozenset[str], ...]
    may: frozenset[str]
    words: str

    @cached_property
    def figures(self) -> list[str]:
        return sorted(kind for kinds in self.needs for kind in kinds if kind in _FIGURES)

    @cached_property
    def phrases(self) -> Phrases:
        """The phrases of its concepts and of the free ones by their first word, the longest first."""
        names = self.may.union(*self.needs, {"FREE"})
        rows = ((first, [row for row in every if row[1] in names]) for first, every in _read()[0].items())
        return {first: own for first, own in rows if own}


@cache
def _read() -> tuple[Phrases, tuple[Form, ...]]:
    """The phrases of all concepts by their first word, and the forms."""
    table: Phrases = {}
    forms = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        head, arrow, words = line.partition(" => ")
        if arrow:
            needs = tuple(frozenset(name.split("|")) for name in head.split() if not name.endswith("?"))
            forms.append(Form(needs, frozenset(name[:-1] for name in head.split() if name.endswith("?")), words))
            continue
        name, _, patterns = line.partition(" = ")
        for phrase in (words for pattern in patterns.split(" | ") for words in spelled(pattern.strip())):
            row = tuple(_WORD.findall(phrase.lower()))
            table.setdefault(row[0], []).append((row, name))
    return {
        first: sorted(rows, key=lambda row: (-len(row[0]), row[1] == "FREE")) for first, rows in table.items()
    }, tuple(forms)


def recast(statement: str) -> Iterator[str]:
    """The statement in the report's words, once for each form that fits."""
    parts = list(_parts(" ".join(statement.split()).rstrip(" .")))
    figures = sorted(kind for kind, _ in parts if kind)
    for form in _read()[1]:
        if form.figures == figures and (told := _told(form, parts)) is not None and _fits(form, told):
            yield form.words.format(**{kind: words for kind, words in told if kind in _FIGURES})


def _parts(said: str) -> Iterator[Part]:
    last = 0
    for found in _FIGURE.finditer(said):
        yield from (("", word) for word in _WORD.findall(said[last : found.start()].lower()))
        yield found.lastgroup or "", found[0]
        last = found.end()
    yield from (("", word) for word in _WORD.findall(said[last:].lower()))


def _told(form: Form, parts: list[Part]) -> list[Part] | None:
    """The parts by the concepts of a form; None where a word is none of them."""
    told: list[Part] = []
    index = 0
    while index < len(parts):
        kind, word = parts[index]
        if kind:
            told.append((kind, word))
            index += 1
            continue
        rows = form.phrases.get(word, ())
        row = next((r for r in rows if parts[index : index + len(r[0])] == [("", w) for w in r[0]]), None)
        if row is None:
            return None
        if row[1] != "FREE":
            told.append((row[1], word))
        index += len(row[0])
    return told


def _fits(form: Form, told: list[Part]) -> bool:
    """Whether each thing that is needed is there; said twice, it is there as well."""
    kinds = {kind for kind, _ in told}
    return all(kinds & need for need in form.needs) and kinds <= form.may.union(*form.needs)
