"""The lines of a report that are no sentences: titles, facts at a glance, rows of tables, captions, what each sentence rests on.

They are known by standing word for word in the report that the findings make, a row under the head of its own table. So a
report can be checked as it is, and a row that says otherwise is read like any other text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from XAIReportLib.files import read_json

from . import narrative
from .content import content_of
from .documents import report_text
from .schema import Findings

_HANGING = "  "


def without_own_lines(text: str, findings: Findings, folder: Path, language: str) -> tuple[str, int]:
    """``text`` without such lines, and how many they were.

    Args:
        folder: of the findings; what a report shows of its run.json and its pictures is known where it holds them.
        language: of the text.
    """
    own = _Own(findings, folder, language)
    kept: list[str] = []
    found = 0
    blocks = list(_blocks(text))
    a_report = any(own.is_title(item) for block in blocks[:1] for item in block)
    for block in blocks:
        for item in block:
            known = own.holds(item, block)
            found += known
            if known:
                kept.append("")  # what stands around it is not joined
            else:  # a report wraps with a hanging indent; elsewhere that may be a list
                kept += [item.text] if a_report else item.lines
        kept.append("")
    return "\n".join(kept), found


@dataclass(frozen=True)
class _Item:
    """A line with those that go on in it, which hang under it; ``text``: without its line ends."""

    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join([self.lines[0].rstrip(), *(line.strip() for line in self.lines[1:])])


class _Own:
    """The lines of the report by the head of their block: of a table its title and its columns, else the title."""

    def __init__(self, findings: Findings, folder: Path, language: str) -> None:
        pictures = sorted((folder / "figures").glob("*.png"))
        content = content_of(findings, narrative.told(findings, language), pictures, _run(folder))
        titles = {title for title, _ in content.sections}
        self._tables = {table.title for table in (*content.tables, *content.model_tables)}
        first, facts, *blocks = _blocks(report_text(content))
        self._title = first[0].text
        self._anywhere = {self._title, *(item.text for item in facts), *titles}
        self._under = {
            self._head(block): {item.text for item in block} for block in blocks if block[0].text not in titles
        }

    def is_title(self, item: _Item) -> bool:
        return item.text == self._title

    def holds(self, item: _Item, block: list[_Item]) -> bool:
        return item.text in self._anywhere or item.text in self._under.get(self._head(block), ())

    def _head(self, block: list[_Item]) -> tuple[str, ...]:
        return tuple(item.text for item in block[: 2 if block[0].text in self._tables else 1])


def _blocks(text: str) -> Iterator[list[_Item]]:
    """What stands between blank lines, without what underlines a title."""
    block: list[_Item] = []
    for line in (*text.splitlines(), ""):
        if not line.strip():
            if block:
                yield block
            block = []
        elif block and line.startswith(_HANGING):
            block[-1] = _Item((*block[-1].lines, line))
        elif not (len(block) == 1 and set(line.strip()) == {"-"}):
            block.append(_Item((line,)))


def _run(folder: Path) -> dict[str, Any]:
    try:
        run = read_json((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}
