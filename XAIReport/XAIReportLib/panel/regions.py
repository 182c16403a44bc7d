"""The section "Regions": which atlas regions each mask projects onto; a click leads there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from XAIReportLib.panel.sentences import plainTip
from XAIReportLib.report.wording import class_name, method_name, region_name
from XAIReportLib.results import map_names

OTHER_LOBE = "other"
DECIMALS, LENGTHS = {2: 2, 3: 1, 4: 1}, {2: 7, 3: 5, 4: 5}  # by column: millilitres, percent
ROW_SPACE = 6  # pixels above and below a line together


class RegionsSection:
    """:param onRegion: called with mask ("lesion-1" or a heat map's name), name and side of the region that was chosen."""

    def __init__(self, ui: Any, onRegion: Callable[[str, str, str | None], None]) -> None:
        self._ui, self._onRegion = ui, onRegion
        self._rows: list[tuple[str, dict[str, Any]]] = []
        self._several = False  # whether there are heat maps of several classes
        titles = (_("Mask"), _("Region"), _("ml"), _("% mask"), _("% region"))
        explained = (
            _("The abnormality or the heat map's mask."),
            _("Atlas region that it projects onto."),
            _("Volume of the overlap, millilitres."),
            _("Share of the mask that lies on the region, percent."),
            _("Share of the region that the mask covers, percent."),
        )
        ui.regionsTable.columnCount = len(titles)
        ui.regionsTable.setHorizontalHeaderLabels(list(titles))
        for column, text in enumerate(explained):
            ui.regionsTable.horizontalHeaderItem(column).setToolTip(text)
        ui.regionsTable.verticalHeader().visible = False
        ui.regionsTable.verticalHeader().defaultSectionSize = ui.regionsTable.fontMetrics().height() + ROW_SPACE
        self._fitColumns(True)
        ui.regionsTable.itemSelectionChanged.connect(self._onSelection)

    def show(self, findings: dict[str, Any]) -> None:
        """The rows of every mask of the findings; the chosen row stays chosen when it is still there."""
        chosen = self._chosen()
        lesions = [
            (entry.get("name", ""), row)
            for entry in findings.get("lesions") or ()
            for row in entry.get("regions") or ()
        ]
        entries = findings.get("saliency") or []
        names = map_names((entry.get("method", ""), entry.get("target", "")) for entry in entries)
        maps = [(name, row) for name, entry in zip(names, entries, strict=True) for row in entry.get("regions") or ()]
        self._several = len({entry.get("target", "") for entry in entries}) > 1
        called = {
            name: _("{method}, {name}").format(method=method_name(entry["method"]), name=class_name(entry["target"]))
            for name, entry in zip(names, entries, strict=True)
            if self._several
        }
        self._rows = lesions + maps
        table = self._ui.regionsTable
        table.blockSignals(True)
        table.sortingEnabled = False  # or rows would move while they are filled
        self._fitColumns(False)  # or every cell would be measured again with every other
        table.rowCount = len(self._rows)
        for index, (mask, row) in enumerate(self._rows):
            share = row.get("percent_of_lesion", row.get("percent_of_mask"))
            cells = (
                called.get(mask) or _called(mask),
                _region(row),
                row.get("overlap_ml"),
                share,
                row.get("percent_of_region"),
            )
            for column, value in enumerate(cells):
                item = qt.QTableWidgetItem(value if isinstance(value, str) else _number(value, column))
                item.setData(qt.Qt.UserRole, index)
                item.setToolTip(plainTip(value) if isinstance(value, str) else "")
                if not isinstance(value, str):
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                table.setItem(index, column, item)
        table.sortingEnabled = True
        self._fitColumns(True)
        if chosen is not None:
            self._select(*chosen)
        table.blockSignals(False)
        anatomy = findings.get("anatomy") or {}
        verdict = (anatomy.get("registration") or {}).get("verdict", "")
        self._ui.regionsLabel.text = {
            "good": _("Atlas positions of an average head; function was not assessed."),
            "limited": _("The registration is of limited quality: regions are approximate. Function was not assessed."),
        }.get(verdict, _("No region is named: there is no registration to the atlas.") if findings else "")

    def select(self, mask: str, name: str, side: str | None) -> None:
        """Mark the row of a region, without leading there again."""
        self._ui.regionsTable.blockSignals(True)
        self._select(mask, name, side)
        self._ui.regionsTable.blockSignals(False)

    def _fitColumns(self, fit: bool) -> None:
        header = self._ui.regionsTable.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents if fit else qt.QHeaderView.Interactive)
        header.setSectionResizeMode(1, qt.QHeaderView.Stretch)
        if self._several:  # longer names may not take the regions' room
            header.setSectionResizeMode(0, qt.QHeaderView.Stretch)

    def _select(self, mask: str, name: str, side: str | None) -> None:
        table = self._ui.regionsTable
        table.clearSelection()
        for line in range(len(self._rows)):
            owner, row = self._rows[table.item(line, 0).data(qt.Qt.UserRole)]
            if (owner, row.get("name"), row.get("side")) == (mask, name, side):
                table.selectRow(line)
                table.scrollToItem(table.item(line, 0))
                return

    def _chosen(self) -> tuple[str, str, str | None] | None:
        chosen = self._ui.regionsTable.selectedItems()
        if not chosen:
            return None
        mask, row = self._rows[chosen[0].data(qt.Qt.UserRole)]
        return mask, row.get("name", ""), row.get("side")

    def _onSelection(self, *_args: Any) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._onRegion(*chosen)


def _number(value: float | None, column: int) -> str:
    """As a text of fixed length: blanks come before digits, so that texts sort like their numbers."""
    return "" if value is None else f"{value:{LENGTHS[column]}.{DECIMALS[column]}f}"


def _called(mask: str) -> str:
    number = mask.removeprefix("lesion-")
    return _("Abnormality {number}").format(number=number) if number != mask else method_name(mask)


def _region(row: dict[str, Any]) -> str:
    if row.get("lobe") == OTHER_LOBE and row.get("nearest"):
        return _("{name}, nearest: {nearest} ({distance} mm)").format(
            name=row.get("name", ""), nearest=row["nearest"], distance=row.get("nearest_mm")
        )
    return region_name(row.get("name", ""), row.get("side"))
