"""What a batch is to work on: the cases of a folder or of a CSV file."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from XAIReportLib.case import InputError, safe_case_id
from XAIReportLib.folder import DOCUMENTS

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".png", ".jpg", ".jpeg")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
# What may hold an image or many, and is not read.
UNREAD_SUFFIXES = (
    ".mha", ".mhd", ".hdr", ".img", ".raw", ".mgz", ".mgh", ".mnc", ".par", ".rec", ".tif", ".tiff", ".bmp", ".gif", ".webp",
    ".jp2", ".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz",
)  # fmt: skip
# What stands beside images and is none, readable or not.
NO_IMAGES = (".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".docx", ".xlsx", ".log")
FILE, FOLDER = "file", "folder"
# The batch's own files, beside the result folders.
MANIFEST, SUMMARY, ERRORS = "batch.json", "summary.json", "errors"


@dataclass(frozen=True)
class Item:
    """One line of work: the input and, when the user named it, its case id; ``problem`` says why it cannot be looked at."""

    source: Path
    case_id: str | None = None
    problem: str = ""


def find_items(wish: Path, output: Path | None = None, ignored: list[Path] | None = None) -> list[Item]:
    """The cases of a folder (images and folders of DICOM files at any depth, by name) or of a CSV with columns input[, case_id].

    ``output``, result folders and what is hidden are not looked into. What looks like an image or an archive and is not read
    is added to ``ignored``.

    Raises:
        InputError: nothing there, an unreadable folder or CSV, a row without an input, or an unsafe or repeated case id.
    """
    if wish.is_dir():
        if output is not None and wish.resolve() == output.resolve():
            name = wish.resolve().name
            raise InputError(f"{name} is the input and the output folder at once; give another output folder.")
        search = _Search(output)
        try:
            items = list(search.below(wish))
        except OSError as error:
            raise InputError(_unreadable(wish, error)) from error
        if not items:
            first = f" (it holds {search.ignored[0].name}, which is not read)" if search.ignored else ""
            raise InputError(
                f"{wish.name} holds no NIfTI, NRRD, PNG or JPEG image and no DICOM folder{first}; give another folder."
            )
        if ignored is not None:
            ignored += search.ignored
        return items
    if not wish.is_file():
        raise InputError(
            f"{wish.name} does not exist; give a folder of images or a CSV file with a column named input."
        )
    try:
        with wish.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)  # or a quote without its end takes the next rows with it
            table.fieldnames = _columns(table.fieldnames or (), wish.name)
            rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{wish.name} cannot be read as CSV ({error}); save it as UTF-8 with a column named input, and every "
            "quotation mark closed."
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


def _columns(names: Sequence[str], table: str) -> list[str]:
    """The column names in small letters, with one underscore for spaces. Raises InputError when one that is used is there twice."""
    columns = ["_".join(name.lower().split()) for name in names]
    for name in ("input", "case_id"):
        if columns.count(name) > 1:
            raise InputError(f"{table} has {columns.count(name)} columns named {name}; leave one.")
    return columns


def _item(row: dict[str, str | None], place: str, base: Path) -> Item:
    source, case_id = ((row.get(name) or "").strip() for name in ("input", "case_id"))
    if not source:
        raise InputError(f"There is no input in {place}; name an image or a DICOM folder there, or remove the row.")
    if case_id.lower() in (MANIFEST, SUMMARY, ERRORS):
        raise InputError(f"The case id {case_id} in {place} is what the batch names a file of its own; give another.")
    return Item(base / source, safe_case_id(case_id) if case_id else None)


class _Search:
    """The cases of a folder and of those below it, in the order of their names. A folder with DICOM files is one case.

    What cannot be looked into costs itself: a case with its ``problem``. What looks like an image or an archive and is nothing
    that can be read is put into ``ignored``.
    """

    def __init__(self, output: Path | None) -> None:
        self.ignored: list[Path] = []
        self._visited = set() if output is None else {output.resolve()}

    def below(self, folder: Path) -> Iterator[Item]:
        """Raises OSError when the folder itself cannot be read."""
        place = folder.resolve()
        if place in self._visited:
            return
        self._visited.add(place)
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if {path.name for path in inside}.issuperset(DOCUMENTS):
            return  # a result
        kinds = {path: _kind(path) for path in inside}
        files = [path for path, kind in kinds.items() if kind == FILE]
        yield from self._of_files(folder, files)
        for path, kind in kinds.items():
            if kind == FOLDER:
                yield from self._inside(path)
            elif isinstance(kind, OSError):
                yield Item(path, problem=_unreadable(path, kind))
            elif path.name.lower().endswith(SUFFIXES):
                yield Item(path)
        others = [path for path in files if _is_unread(path.name.lower())]
        self.ignored += sorted(set(others) - _data_files(inside)) if others else []

    def _inside(self, folder: Path) -> Iterator[Item]:
        try:
            yield from self.below(folder)
        except OSError as error:
            yield Item(folder, problem=_unreadable(folder, error))

    def _of_files(self, folder: Path, files: list[Path]) -> Iterator[Item]:
        """The folder as a case, where it holds DICOM files or files of which that cannot be told."""
        unreadable: list[InputError] = []
        is_dicom = False
        for path in files:
            try:
                is_dicom = is_dicom or _is_dicom(path)
            except OSError as error:
                unreadable.append(InputError(_unreadable(path, error)))
        if is_dicom:
            yield Item(folder)
        elif unreadable:
            more = f" It is one of {len(unreadable)} such files in {folder.name}." if len(unreadable) > 1 else ""
            yield Item(folder, problem=f"{unreadable[0]}{more}")


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path.name} cannot be read ({(error.strerror or type(error).__name__).lower()}); change its permissions."


def _is_dicom(path: Path) -> bool:
    """Raises OSError when the file cannot be read."""
    from XAIReportLib.reading.dicom_series import begins_as_dicom

    name = path.name.lower()
    if name.endswith(DICOM_SUFFIXES):
        return True
    if name.endswith((*SUFFIXES, *UNREAD_SUFFIXES, *NO_IMAGES)) or name == "dicomdir":
        return False  # DICOMDIR is the table of contents of a disc
    return begins_as_dicom(path)


def _kind(path: Path) -> str | OSError:
    """FILE, FOLDER, nothing for what is neither (a link to nowhere), or why that cannot be told."""
    try:
        return FOLDER if path.is_dir() else FILE if path.is_file() else ""
    except OSError as error:
        return error


def _is_unread(name: str) -> bool:
    return name.endswith(UNREAD_SUFFIXES) and not name.endswith(SUFFIXES)


def _data_files(inside: list[Path]) -> set[Path]:
    """The files that NRRD headers of a folder name as those of their voxels."""
    from XAIReportLib.reading import nrrd

    named: set[Path] = set()
    for path in inside:
        if path.name.lower().endswith((".nrrd", ".nhdr")):
            with contextlib.suppress(InputError, OSError):  # its own row says what is wrong
                named.update(nrrd.files(path)[1:])
    return named
