"""One way of writing for what can be written in several, so that a text is read however its letters, spaces and marks were set.

What a text says stays: a decimal point where a comma belongs is another number, and no way of writing it.
"""

from __future__ import annotations

import re
import unicodedata

_SAME = {
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),  # no width
    **dict.fromkeys("’‘ʼ′´`", "'"),
    **dict.fromkeys("‐‑‒−", "-"),
    "×": " x ",
    "ß": "ss",
}
_TABLE = str.maketrans(_SAME)
_ODD = re.compile(f"[{''.join(_SAME)}\u00ad–]")
# "Modell\u00adScore" is written with a hyphen, "Auffällig\u00adkeit" without one.
_SOFT_HYPHEN = re.compile(r"\u00ad(?=[^\W\d_a-zà-þ])")
_DASH = re.compile(r"(?<=\S)–(?=\S)")
_X = re.compile(r"x(?<=[\s\d]x)(?=[\s\d])")  # found fast, before the next is tried
_TIMES = re.compile(r"\s+x\s+|(?<=\d)x(?=\d)")
_BEFORE = re.compile(r"\s+(?=[:;%]|m[lm]\b)")
_QUOTES = "«»„“”‹›\"' "


def plain(text: str) -> str:
    """A text or a part of one, its spaces at both ends included."""
    text = unicodedata.normalize("NFC", text)
    if _ODD.search(text):
        text = _SOFT_HYPHEN.sub("-", text.translate(_TABLE)).replace("\u00ad", "")
        text = _DASH.sub("-", text)
    if _X.search(text):
        text = _TIMES.sub(" x ", text)
    if "mL" in text:
        text = re.sub(r"\bmL\b", "ml", text)
    return _BEFORE.sub("", text)


def one_way(text: str) -> str:
    """A whole text: also with single spaces."""
    return " ".join(plain(text).split())


def unquoted(name: str) -> str:
    """A name without the quotation marks around it."""
    return name.strip(_QUOTES)
