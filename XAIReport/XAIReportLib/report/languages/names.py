"""What classes, regions, lobes, positions, methods and measures are called in each language.

A region's name holds the place of its side: {m} or {f} by the gender that left and right take there, {} where they take none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_SIDES = {
    "fr": {"m": ("gauche", "droit"), "f": ("gauche", "droite")},
    "de": {"": ("links", "rechts")},
    "es": {"m": ("izquierdo", "derecho"), "f": ("izquierda", "derecha")},
}
_ELSEWHERE = {
    "fr": (", à gauche", ", à droite"),
    "de": (", links", ", rechts"),
    "es": (", a la izquierda", ", a la derecha"),
}
_PLACE = re.compile(r"\{([mf]?)\}")
_ENGLISH_SIDES = ("left ", "right ")


_NAMED = ("class", "region", "method")
_NO_NAME = re.compile(
    r"[!=<>]|[^\x00-\u024f]|\b(?:against|versus|than|less|more|least|smallest|largest|minority|majority|best|worst|both|that|why|no|"
    r"not|none|as|opposed|half|most|all|some|any|only)\b",
    re.IGNORECASE,
)


@dataclass
class Names:
    """``tables``: by kind, English name and language."""

    tables: Mapping[str, Mapping[str, Mapping[str, str]]]
    _there: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _back: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def said(self, kind: str, name: str, source: str, target: str, strict: bool) -> str | None:
        """The name in the other language; an unknown one stays as it is, or is None where ``strict`` or, on the way to English,
        where it would say more than a name does."""
        if kind not in self.tables:
            raise KeyError(f"the catalogue has no rule and no names of kind {kind!r}")
        there = source == "en"
        known = self._table(kind, target if there else source, there)
        found = known.get(_plain_region(name) if kind == "region" and there else name)
        if found is not None or strict:
            return found
        if not there and kind in _NAMED and _NO_NAME.search(name):
            return None
        return _unknown_region(name, target if there else source, there) if kind == "region" else name

    def _table(self, kind: str, language: str, there: bool) -> dict[str, str]:
        kept = self._there if there else self._back
        if (kind, language) not in kept:
            rows = {name: said[language] for name, said in self.tables[kind].items()}
            if kind == "region":
                rows = {
                    f"{_ENGLISH_SIDES[side] if side is not None else ''}{name}": _sided(said, language, side)
                    for name, said in rows.items()
                    for side in (None, 0, 1)
                }
            kept[kind, language] = rows if there else {said: name for name, said in reversed(rows.items())}
        return kept[kind, language]


def _sided(pattern: str, language: str, side: int | None) -> str:
    def word(found: re.Match[str]) -> str:
        return "" if side is None else f" {_SIDES[language][found[1]][side]}"

    return _PLACE.sub(word, pattern)


def _plain_region(name: str) -> str:
    """The atlas's own name of a region, without what other versions of the atlas add to it."""
    name = re.sub(r"\s*\((?:formerly|includes)[^)]*\)", "", name.replace("_", " "))
    name = re.sub(r"^(?:Left|Right) ", lambda side: side[0].lower(), name)
    return re.sub(r"^(left |right )?Brain-Stem", r"\1Brainstem", name).replace(", ", " ")


def _unknown_region(name: str, language: str, there: bool) -> str:
    """The name of another atlas stays as it is; its side is said behind it."""
    for english, said in zip(_ENGLISH_SIDES, _ELSEWHERE[language], strict=True):
        if there and name.startswith(english):
            return name.removeprefix(english) + said
        if not there and name.endswith(said):
            return english + name.removesuffix(said)
    return name
