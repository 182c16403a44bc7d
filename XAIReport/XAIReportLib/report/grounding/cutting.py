"""A text cut into sentences, whether a line holds one, several, or a part of one that was wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ABBREVIATIONS = (
    "e.g.", "i.e.", "vs.", "approx.", "no.", "ca.", "cf.", "vol.", "max.", " v.", " sup.", " inf.", " ant.", " post.", " lat.",
    " med.",
)  # fmt: skip
_MARKUP = re.compile(r"\*\*|__|`|^\s*#{1,6}\s+")
_BULLET = re.compile(r"^\s*(?:[-*•·‣▪–]|!!|\d{1,2}[.)])\s+(?=\S)")
_CLOSING = r"[\"')\]”’»]"
_END = re.compile(rf"[.!?]+{_CLOSING}*(?=\s+|$)")
# Numbers of sources behind a sentence, "[1, 2]", as a report has them; an interval stands inside its sentence.
_NUMBERS = r"\[\d+(?:,\s*\d+)*\]"
_SOURCES = re.compile(rf"(?:(?<=[.!?])|(?<=[.!?]{_CLOSING}))(?:\s*{_NUMBERS})+(?=\s|$)|^(?:\s*{_NUMBERS})+\s*$")
_UNDERLINE = re.compile(r"\s*(?:-{3,}|={3,}|~{3,})\s*")
_ROW = re.compile(r"[A-ZÀ-Þ][^.!?:;]{0,60}:\s+\S")  # "Volume: 4.5 ml"
# A line that is nothing but one of these is a heading, which claims nothing.
_HEADINGS = frozenset(
    (
        "technique", "findings", "anatomy", "evidence", "evidence of the model", "changed images", "impression", "confidence",
        "limits", "limitations", "conclusion", "summary", "comparison", "report", "results", "warnings",
    )
)  # fmt: skip


def sentences(text: str) -> list[str]:
    """A text cut at full stops, question and exclamation marks; not inside numbers and abbreviations.

    A line that ends without one goes on in the next, so that no part of a sentence is read as one; not where a blank line,
    a bullet or a heading follows, or where both are rows of their own. Headings of a report, and the numbers of sources
    behind a sentence, are left out.
    """
    result: list[str] = []
    for line in _unwrapped(text):
        start = 0
        for end in _END.finditer(line):
            piece = line[start : end.end()].strip()
            if f" {piece.lower()}".endswith(_ABBREVIATIONS):
                continue
            result.append(piece)
            start = end.end()
        if rest := line[start:].strip():
            result.append(rest)
    return [piece for piece in result if re.search(r"\w", piece)]


def _unwrapped(text: str) -> Iterator[str]:
    """What stands in one or several lines, without markup, bullets, headings and numbers of sources."""
    written = text.splitlines() or [""]
    line, listed = "", False
    for place, following in zip(written, [*written[1:], ""], strict=True):
        here = "" if _UNDERLINE.fullmatch(place) else place
        bullet, bare = _BULLET.match(here), _MARKUP.sub("", here).strip()
        # After a line that goes on, "12. It lies ..." is a number that a line end has cut off, unless that was in a list, too.
        number = bool(bullet) and bullet.group().strip()[0].isdigit()
        title = here.lstrip().startswith("#") or (_is_heading(bare) and bare[0].isupper())
        apart = not bare or title or (bullet and (listed or not number))
        if line and not apart and _goes_on(line, bare):
            line = f"{line} {bare}"
            continue
        yield _SOURCES.sub("", line)
        line, listed = _MARKUP.sub("", _BULLET.sub("", here)).strip(), number
        if title or (line and _UNDERLINE.fullmatch(following)):
            yield "" if _is_heading(line) else line
            line = ""
    yield _SOURCES.sub("", line)


def _goes_on(line: str, following: str) -> bool:
    """Whether the sentence of a line goes on in the next."""
    bare = _SOURCES.sub("", line).rstrip()
    if not bare:
        return False
    if bare.endswith(":"):
        return following[0].islower()
    if _ROW.match(line) and _ROW.match(following):
        return False
    return not re.search(rf"[.!?]{_CLOSING}*$", bare) or f" {bare.lower()}".endswith(_ABBREVIATIONS)


def _is_heading(line: str) -> bool:
    return line.rstrip(":").strip().casefold() in _HEADINGS
