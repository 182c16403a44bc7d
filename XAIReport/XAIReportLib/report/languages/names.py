"""What classes, regions, lobes, positions, methods and measures are called in each language.

A region's name holds the place of its side: {m} or {f} by the gender that left and right take there, {} where they take none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .typography import one_way, unquoted

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
CaseNames = Mapping[str, Collection[str]]  # by kind, in English
# What a case calls its own: the same in every language, and in no table.
KEPT = ("model_name", "version", "data_set", "atlas_name", "file_kind", "series_kind")


@dataclass
class Names:
    """``tables``: by kind, English name and language. ``case``: by kind, what else one case names, in English; on the way to
    English nothing else is a name."""

    tables: Mapping[str, Mapping[str, Mapping[str, str]]]
    case: CaseNames = field(default_factory=dict)
    _there: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _back: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _of_case: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def of(self, case: CaseNames) -> Names:
        """The same tables with the names of one case."""
        return replace(self, case=case, _of_case={})

    def said(self, kind: str, name: str, target: str, strict: bool) -> str | None:
        """An English name in the other language; one that is in no table stays as it is, or is None where ``strict`` and no name
        of the case."""
        if kind in KEPT:
            return name
        found = self._table(kind, target).get(_plain_region(name) if kind == "region" else name)
        if found is not None or (strict and name not in self.case.get(kind, ())):
            return found
        return _side_behind(name, target) if kind == "region" else name

    def meant(self, kind: str, name: str, source: str) -> str | None:
        """A name of the other language in English: one of the tables or of the case, or None."""
        found = None if kind in KEPT else self._read_back(kind, source).get(name)
        return self._own(kind, source).get(unquoted(name) if kind in KEPT else name) if found is None else found

    def _table(self, kind: str, language: str) -> dict[str, str]:
        if kind not in self.tables:
            raise KeyError(f"the catalogue has no rule and no names of kind {kind!r}")
        if (kind, language) not in self._there:
            rows = {name: said[language] for name, said in self.tables[kind].items()}
            if kind == "region":
                rows = {
                    f"{_ENGLISH_SIDES[side] if side is not None else ''}{name}": _sided(said, language, side)
                    for name, said in rows.items()
                    for side in (None, 0, 1)
                }
            self._there[kind, language] = rows
        return self._there[kind, language]

    def _read_back(self, kind: str, language: str) -> dict[str, str]:
        if (kind, language) not in self._back:
            rows = reversed(self._table(kind, language).items())
            self._back[kind, language] = {one_way(said): name for name, said in rows}
        return self._back[kind, language]

    def _own(self, kind: str, language: str) -> dict[str, str]:
        if (kind, language) not in self._of_case:
            rows = {one_way(self.said(kind, name, language, False)): name for name in self.case.get(kind, ())}
            self._of_case[kind, language] = (
                {unquoted(said): name for said, name in rows.items()} if kind in KEPT else rows
            )
        return self._of_case[kind, language]


def _sided(pattern: str, language: str, side: int | None) -> str:
    def word(found: re.Match[str]) -> str:
        return "" if side is None else f" {_SIDES[language][found[1]][side]}"

    return _PLACE.sub(word, pattern)


def _plain_region(name: str) -> str:
    """The atlas's own name of a region, without what other versions of the atlas add to it."""
    name = re.sub(r"\s*\((?:formerly|includes)[^)]*\)", "", name.replace("_", " "))
    name = re.sub(r"^(?:Left|Right) ", lambda side: side[0].lower(), name)
    return re.sub(r"^(left |right )?Brain-Stem", r"\1Brainstem", name).replace(", ", " ")


def _side_behind(name: str, language: str) -> str:
    """The name of another atlas stays as it is; its side is said behind it."""
    for english, said in zip(_ENGLISH_SIDES, _ELSEWHERE[language], strict=True):
        if name.startswith(english):
            return name.removeprefix(english) + said
    return name
