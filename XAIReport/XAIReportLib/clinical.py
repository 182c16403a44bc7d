"""The clinical record of a case: a table of one row that is kept beside the result. No model uses it yet, and the report says so.

Only columns without a name, date or number of a patient are taken. Standard library only: it runs in Slicer's Python.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError

FILE_NAME = "clinical.csv"
MAX_BYTES = 100_000


def _number(low: float, high: float, step: float = 0.0) -> Callable[[str], str]:
    def checked(text: str) -> str:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high or (step and value % step):
            raise ValueError(f"a number from {low:g} to {high:g}{f' in steps of {step:g}' if step else ''}")
        return f"{value:g}"

    return checked


def _sex(text: str) -> str:
    if text.upper() not in ("F", "M", "O"):
        raise ValueError("F, M or O")
    return text.upper()


COLUMNS: Mapping[str, Callable[[str], str]] = {
    "age_years": _number(0, 120),
    "sex": _sex,
    "karnofsky": _number(0, 100, 10),
}


def read_clinical(path: str | Path) -> dict[str, str]:
    """Values by column, of a CSV file with a header and one row; an empty cell is left out.

    Raises InputError, which names column and row (the header is row 1).
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"The clinical table {path.name} is too large for one record; give a header and one row.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"The clinical table {path.name} cannot be read ({error.strerror}); choose another."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The clinical table {path.name} is no text in UTF-8; save it as CSV in UTF-8.") from error
    rows = list(csv.reader(io.StringIO(text)))
    if len(rows) < 2:
        raise InputError("The clinical table has no row below its header; give one row of values.")
    header = [title.strip() for title in rows[0]]
    for index, title in enumerate(header, start=1):
        if title not in COLUMNS:
            raise InputError(
                f"Column {index} of the clinical table has a title that is none of {', '.join(COLUMNS)}; "
                "remove it. Names, dates and numbers of a patient are never kept."
            )
        if header.count(title) > 1:
            raise InputError(f"Column {title} of the clinical table is there twice; keep one of them.")
    filled = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    if len(filled) != 1:
        raise InputError(
            f"The clinical table has {len(filled)} filled rows below its header; keep the one of this case."
        )
    number, cells = filled[0]
    if len(cells) > len(header):
        raise InputError(f"Row {number} of the clinical table has more cells than the header; remove them.")
    return {title: _value(title, number, cell) for title, cell in zip(header, cells, strict=False) if cell.strip()}


def _value(column: str, row: int, cell: str) -> str:
    try:
        return COLUMNS[column](cell.strip())
    except ValueError as error:
        # The cell may hold what belongs into another column, a name for instance: it is not repeated.
        raise InputError(
            f"Column {column}, row {row} of the clinical table must be {error}; correct the cell."
        ) from error


def notes(record: Mapping[str, str]) -> list[str]:
    """What the report must say of a record; nothing where there is none."""
    if not record:
        return []
    return [f"A clinical record ({', '.join(record)}) is kept with this result; the model did not use it."]


def provenance(record: Mapping[str, str]) -> dict[str, Any]:
    """What run.json says of a record: its columns and a hash of its text, no value."""
    text = csv_text(record)
    return {"columns": list(record), "sha256": hashlib.sha256(text.encode()).hexdigest(), "used_by_model": False}


def csv_text(record: Mapping[str, str]) -> str:
    """Header and row as they are kept."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(record), list(record.values())])
    return text.getvalue()
