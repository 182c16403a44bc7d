"""What a batch is to work on: the cases of a folder or of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from XAIReportLib.case import InputError, safe_case_id
from XAIReportLib.folder import DOCUMENTS

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".png", ".jpg", ".jpeg")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
# The batch's own files, beside the result folders.
MANIFEST, SUMMARY = "batch.json", "summary.json"


@dataclass(frozen=True)
class Item:
    """One line of work: the input and, when the user named it, its case id."""

    source: Path
    case_id: str | None = None


def find_items(wish: Path, output: Path | None = None) -> list[Item]:
    """The cases of a folder (images and folders of DICOM files at any depth, by name) or of a CSV with columns input[, case_id].

    ``output``, result folders and what is hidden are not looked into.

    Raises:
        InputError: nothing there, an unreadable CSV, a row without an input, or an unsafe or repeated case id.
    """
    if wish.is_dir():
        if output is not None and wish.resolve() == output.resolve():
            name = wish.resolve().name
            raise InputError(f"{name} is the input and the output folder at once; give another output folder.")
        items = list(_cases_below(wish, set() if output is None else {output.resolve()}))
        if not items:
            raise InputError(
                f"{wish.name} holds no NIfTI, NRRD, PNG or JPEG image and no DICOM folder; give another folder."
            )
        return items
    if not wish.is_file():
        raise InputError(
            f"{wish.name} does not exist; give a folder of images or a CSV file with a column named input."
        )
    try:
        with wish.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{wish.name} cannot be read as CSV ({error}); save it as UTF-8 with a column named input."
        ) from error
    if not rows or "input" not in rows[0][1]:
        raise InputError(
            f"{wish.name} has no column named input, or no row; add a header line and one row for each case."
        )
    items = [_item(row, f"row {number} of {wish.name}", wish.parent) for number, row in rows]
    named: set[str] = set()
    for case_id in (item.case_id for item in items if item.case_id):
        if case_id.lower() in named:  # one folder on Windows and macOS
            raise InputError(
                f"{wish.name} names the case id {case_id} twice; every case needs its own, and capitals make no difference."
            )
        named.add(case_id.lower())
    return items


def _item(row: dict[str, str | None], place: str, base: Path) -> Item:
    source, case_id = ((row.get(name) or "").strip() for name in ("input", "case_id"))
    if not source:
        raise InputError(f"There is no input in {place}; name an image or a DICOM folder there, or remove the row.")
    if case_id.lower() in (MANIFEST, SUMMARY):
        raise InputError(f"The case id {case_id} in {place} is the name of a file of the batch itself; give another.")
    return Item(base / source, safe_case_id(case_id) if case_id else None)


def _cases_below(folder: Path, visited: set[Path]) -> Iterator[Item]:
    """Cases in ``folder`` and below it, in the order of their names. A folder with DICOM files is one case."""
    if folder.resolve() in visited:
        return
    visited.add(folder.resolve())
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder.name} cannot be read ({error.strerror}); change its permissions.") from error
    names = {path.name for path in inside}
    if names.issuperset(DOCUMENTS):
        return  # a result
    files = [path for path in inside if path.is_file()]
    if any(_is_dicom(path) for path in files):
        yield Item(folder)
    for path in inside:
        if path.is_dir():
            yield from _cases_below(path, visited)
        elif path.name.lower().endswith(SUFFIXES):
            yield Item(path)


def _is_dicom(path: Path) -> bool:
    if path.name.lower().endswith(DICOM_SUFFIXES):
        return True
    if path.suffix.lower() in (".gz", *SUFFIXES) or path.name.upper() == "DICOMDIR":
        return False  # DICOMDIR is the table of contents of a disc
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
