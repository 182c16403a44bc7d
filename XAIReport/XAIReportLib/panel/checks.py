"""Whether the heat maps may be relied on: the verdict, every check with its figure, and what the model says of changed images."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from slicer.i18n import tr as _

from XAIReportLib.panel.statements import about
from XAIReportLib.report.wording import CHECK_NAMES, class_name, percent_text, score_text

SPACE = {"left": "", "right": "padding-left:12px"}  # between columns


class ChecksSection:
    """:param ui: the named widgets."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui

    def show(self, findings: dict[str, Any], narrative: dict[str, Any]) -> None:
        """Fill the section from findings and narrative; empty ones clear it."""
        sentences = narrative.get("sentences") or []
        check = findings.get("saliency_check") or {}
        self._put("reliedOnLabel", " ".join(dict.fromkeys(about(sentences, "/saliency_check/relied_on"))))
        self._put("checksLabel", _checks(check))
        told = about(sentences, "/counterfactuals")
        # The first sentence says which slices were looked at: their score is not that of the whole volume.
        self._put("changesIntroLabel", " ".join(told[:1]))
        self._put("changesLabel", _changes(findings.get("counterfactuals") or ()))
        shown = bool(check or findings.get("counterfactuals"))
        self._ui.checksButton.visible = shown
        self._put("changesNoteLabel", " ".join(told[-1:]))

    def _put(self, name: str, text: str) -> None:
        label = getattr(self._ui, name)
        label.text, label.visible = text, bool(text)


def _checks(check: dict[str, Any]) -> str:
    """The figures of the checks, as a table."""
    failed = check.get("failed") or ()
    rows = (
        (
            CHECK_NAMES.get(name, name.replace("_", " ")),
            score_text(value),
            _("✗ failed") if name in failed else _("✓ passed"),
        )
        for name, value in (check.get("figures") or {}).items()
    )
    return _table((_("Check"), _("Value"), _("Result")), rows)


def _changes(changed: Iterable[dict[str, Any]]) -> str:
    """The score of the class that the unchanged slices are given, before and after each change, as a table."""
    entries = list(changed)
    scores = entries[0]["before"].get("scores") if entries else None
    if not scores:
        return ""
    best = max(scores, key=scores.__getitem__)
    rows = [(_("unchanged"), "", score_text(scores[best]))]
    for entry in entries:
        after = entry["after"].get("scores") or {}
        share = percent_text(entry["changed_percent"])
        said = score_text(after[best]) if best in after else _("no lesion found")
        rows.append((entry["change"], share, said))
    return _table((_("Changed image"), _("Share"), _("Score of {name}").format(name=class_name(best))), rows)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """An HTML table in the widget's own colours; numbers and verdicts stand at the right."""
    lines = [f"<tr>{_cells('th', header)}</tr>", *(f"<tr>{_cells('td', row)}</tr>" for row in rows)]
    return f"<table width='100%' cellspacing='0' cellpadding='2'>{''.join(lines)}</table>" if len(lines) > 1 else ""


def _cells(tag: str, cells: tuple[str, ...]) -> str:
    sides = ("left", *("right" for _cell in cells[1:]))
    shown = [html.escape(cell).replace(" ", "&nbsp;") if n else html.escape(cell) for n, cell in enumerate(cells)]
    return "".join(
        f"<{tag} align='{s}' style='{SPACE[s]}'>{cell}</{tag}>" for s, cell in zip(sides, shown, strict=True)
    )
