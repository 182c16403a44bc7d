"""Sentences as the panel draws them: links to their evidence with the sign of the check, in the colours of the widget."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.reviews import Edit

SIGNS = {"supported": "✓", "contradicted": "✗", "unsupported": "?"}
# Dark on light and light on dark, told apart in every kind of colour vision by their signs and lightness.
COLORS = {
    "supported": ("#00684f", "#4fd0ae"),
    "contradicted": ("#b02a00", "#ff9d6e"),
    "unsupported": ("#7a5b00", "#e8c04a"),
}
DARK_BELOW = 128


@dataclass(frozen=True)
class Inks:
    """Colours of a text browser: of its words, and of a chosen sentence on its ground."""

    text: str
    chosen: str
    chosenGround: str
    isDark: bool

    @classmethod
    def of(cls, browser: Any) -> Inks:
        palette = browser.palette
        names = (palette.color(role).name() for role in (qt.QPalette.Text, qt.QPalette.HighlightedText))
        ground = palette.color(qt.QPalette.Highlight).name()
        return cls(*names, ground, palette.color(qt.QPalette.Base).lightness() < DARK_BELOW)


def plainTip(text: str) -> str:
    """A tool tip that shows a text of the data as it is: Qt would draw one with tags in it."""
    return f"<span>{html.escape(text)}</span>" if "<" in text or "&" in text else text


def heading(words: str) -> str:
    """A title above sentences."""
    return f"<p style='margin:8px 0 2px 0'><b>{html.escape(words)}</b></p>"


def linked(sentence: dict[str, Any], link: str, inks: Inks, isChosen: bool, edit: Edit | None = None) -> str:
    """A sentence, or the reader's wording of it, that can be clicked."""
    ink = f"color:{inks.chosen};background-color:{inks.chosenGround}" if isChosen else f"color:{inks.text}"
    words = html.escape(edit.text if edit else sentence["text"])
    return (
        f"<p style='margin:1px 0 1px 6px'><a href='{link}' style='text-decoration:none;{ink}'>"
        f"{words}</a>{_badge(sentence, edit, inks)}</p>"
    )


def leftOut(sentences: Sequence[dict[str, Any]], inks: Inks) -> str:
    """What a language model has written and the findings do not hold: seen as such, copied and exported never."""
    if not sentences:
        return ""
    lines = [
        f"<p style='margin:1px 0 1px 6px;color:{inks.text}'><s>{html.escape(one['text'])}</s>{_badge(one, None, inks)}</p>"
        for one in sentences
    ]
    return heading(_("Left out of the language model's text")) + "".join(lines)


def _badge(sentence: dict[str, Any], edit: Edit | None, inks: Inks) -> str:
    """The check's word behind a sentence: a sign, and words where the reader has written or the findings do not hold it."""
    outcome = edit.outcome if edit else sentence.get("outcome", "")
    words = {
        "supported": "",
        "contradicted": _("contradicted by the findings"),
        "unsupported": _("not in the findings"),
    }.get(outcome, _("not checked yet"))
    if not words and edit is None and sentence.get("narrator") == "template":
        words = _("template")  # in a text by a language model
    if edit is not None:
        words = _("edited by the reader, {outcome}").format(outcome=words or _("supported"))
    elif outcome not in SIGNS:
        return ""
    color = COLORS.get(outcome, COLORS["unsupported"])[inks.isDark]
    shown = f"{SIGNS.get(outcome, '')} {html.escape(words)}".strip()
    return f" <span style='color:{color}'><small>{shown}</small></span>"
