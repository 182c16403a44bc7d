"""The result folder on disk: complete or absent, its arrays written, and read back.

Layout: findings.json, narrative.json, run.json, report.html, report.pdf, report.txt, regions.csv, image.nii.gz,
lesion_probability.nii.gz, heatmaps/<name>.nii.gz and masks/<name>.nii.gz (results.map_names: the method, and for a further class
its name, too), masks/lesion.nii.gz, atlas.nii.gz with atlas.ctbl, displacement.nii.gz, figures/*.png, scene.mrb, clinical.csv where
a record was given; on demand dicom/ and fhir.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from XAIReportLib.case import InputError
from XAIReportLib.files import UNABLE, onto_the_disk, patiently, put_whole, read_json
from XAIReportLib.locks import held
from XAIReportLib.results import map_names

DOCUMENTS = ("findings.json", "narrative.json", "run.json")
REPORTS = ("report.html", "report.pdf", "report.txt", "regions.csv")
LEFTOVER = re.compile(r"\.(?P<name>[A-Za-z0-9_-][A-Za-z0-9._-]*)\.(?P<kind>partial|replaced|removed)-\d+-[0-9a-f]{8}")
SCENE_LEFTOVER = re.compile(r"\.scene-\d+-[a-z0-9_]{8}")  # as scene/archive.py has tempfile name it
LOCK = re.compile(r"\.(?P<name>[A-Za-z0-9_-][A-Za-z0-9._-]*)\.lock")
# By one of these a folder is known as whole enough to be put back: of a result, and of its DICOM objects.
MARKS = ("run.json", "index.json")
# What a reader has put into a result: signature and own wording, outlines, documents in other words.
READERS_WORK = ("review.json", "corrected", "reviewed")
# Who removes leftovers holds a result's lock for a rename, who writes it for minutes.
LOCK_PATIENCE_S = 1.0
# A file that several processes write is locked for a moment by each.
FILE_PATIENCE_S = 30.0
# How often another process may remove a new folder as empty before this one has put something into it.
FOLDER_TRIES = 10
# The folders of an absolute path, as an error names it; a name may hold spaces.
FOLDERS = re.compile(
    r"""(?<![^\s'"(=])(?:[A-Za-z]:)?[\\/]{1,2}(?=[^\s\\/])(?:(?:[^\\/'":;,]|['":;,](?=[^\s\\/]))*[\\/](?!\s))*"""
)


class complete_or_absent:
    """A temporary sibling folder that takes the place of ``target`` only when the block ends well.

        with complete_or_absent(output / case_id, keep=False) as folder:
            ...  # write into folder

    An old result stays until then and is replaced in one step; one that holds a reader's work (READERS_WORK) is not
    deleted but stays beside the new one as ``<name>-reviewed``, and one of another image as ``<name>-other``.
    With ``keep`` every old one stays for good, and the new one is put beside it as ``<name>-2``. Nothing is left when the
    block fails, not even parent folders that were made for it. Leftovers of runs that were killed are removed
    on the way in. Two processes cannot write one result: a lock, which ends with its process, gives the second one an
    InputError or, with ``keep``, the next free name.

    ``mark`` is the file by which an older folder is known as one of this program's, which may be replaced.

    Attributes:
        target: where the result is; may differ from the wish with ``keep``, or when a program holds the old one open.
        kept_review: where the old result with its reader's work now is, once the block has ended; None when there was none.
        kept_other: the same of an old result of another image.

    Raises:
        InputError: the folder cannot be written, is being written by another process, or is no result of this program.
    """

    def __init__(self, target: Path, keep: bool = False, mark: str = "run.json") -> None:
        self.target = Path(target).absolute()
        self._wish, self._keep, self._mark = self.target, keep, mark
        self.kept_review: Path | None = None
        self.kept_other: Path | None = None
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Path:
        with contextlib.ExitStack() as stack:
            stack.enter_context(made_folder(self._wish.parent))
            remove_leftovers(self._wish.parent)
            self.target = self._claim(stack)
            folder = _sibling(self.target, "partial")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            try:
                folder.mkdir()
            except OSError as error:
                raise _not_writable(self._wish.parent, error) from error
            self._exit = stack.pop_all()
        self._folder = folder
        return folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._exit:
            if kind is None:
                _onto_the_disk(self._folder)
                self._swap()

    def _claim(self, stack: contextlib.ExitStack) -> Path:
        """The name that this run may write, locked until the stack ends."""
        for name in _names(self._wish.name):
            target = self._wish.with_name(name)
            if self._keep and os.path.lexists(target):
                continue
            if not _lock(target, stack, LOCK_PATIENCE_S):
                if self._keep:
                    continue
                raise InputError(
                    f"{target.name} is being analysed by another process; wait for it, or give another case id."
                )
            if self._keep and os.path.lexists(target):
                continue  # another process finished it in between
            _check_replaceable(target, self._mark)
            return target
        raise AssertionError("names never end")

    def _swap(self) -> None:
        """Put the new folder into its place; the old one comes back when that fails."""
        if not os.path.lexists(self.target):
            patiently(self._folder.rename, self.target)
            return
        _check_replaceable(self.target, self._mark)
        reviewed = any(os.path.lexists(self.target / name) for name in READERS_WORK)
        other = not reviewed and _is_of_another_image(self.target, self._folder)
        kept = reviewed or other
        old = _free(self.target, "reviewed" if reviewed else "other") if kept else _sibling(self.target, "replaced")
        try:
            patiently(self.target.rename, old)
        except OSError:
            # A program holds a file of the old result open (Windows): finished work goes beside it.
            self._keep = True
            self.target = self._claim(self._exit)
            patiently(self._folder.rename, self.target)
            return
        try:
            patiently(self._folder.rename, self.target)
        except BaseException:
            patiently(old.rename, self.target)
            raise
        if kept:
            self.kept_review, self.kept_other = (old, None) if reviewed else (None, old)
            return
        with contextlib.suppress(OSError):  # the next run removes it
            # Under a name that is never put back, so that half of it is not taken for a result when this run is killed.
            shutil.rmtree(old.rename(_sibling(self.target, "removed")), ignore_errors=True)


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[Path]:
    """``folder`` with its parents; those made here are removed again when the block ends and they are empty.

    Raises InputError when it cannot be made or written.
    """
    made: list[Path] = []
    try:
        try:
            _make(folder, made)
        except OSError as error:
            raise _not_writable(folder, error) from error
        yield folder
    finally:
        for path in made:
            with contextlib.suppress(OSError):  # not empty: it holds a result
                path.rmdir()


def _make(folder: Path, made: list[Path]) -> None:
    """``folder`` with its parents, found to be writable; those made here are put before ``made``. Raises OSError."""
    for tries_left in reversed(range(FOLDER_TRIES)):
        try:
            for path in reversed([path for path in (folder, *folder.parents) if not os.path.lexists(path)]):
                with contextlib.suppress(FileExistsError):  # another process was quicker
                    path.mkdir()
                    made.insert(0, path)
            trial = folder / f".trial-{secrets.token_hex(4)}"
            trial.touch(exist_ok=False)
            trial.unlink()
            return
        except FileNotFoundError:  # another process had made it, and removed it as empty
            if not tries_left:
                raise


def check_writable(target: Path, keep: bool = False) -> None:
    """Raises InputError when a result cannot be put at ``target``; found by trying, without a trace."""
    target = Path(target).absolute()
    with made_folder(target.parent):
        if not keep:
            _check_replaceable(target)


def remove_leftovers(output: Path) -> None:
    """Remove what killed runs left in ``output``; a result that was just being replaced gets its place back.

    What cannot be locked stays: its process is at work, or it is another user's.
    """
    try:
        inside = sorted(output.iterdir())
    except FileNotFoundError:  # another process removed it as empty
        return
    for path in inside:
        match = LEFTOVER.fullmatch(path.name)
        if not match:
            if locks := LOCK.fullmatch(path.name):
                _let_lock_go(output / locks["name"])
            continue
        unwanted = path if match["kind"] == "removed" else _let_go(path, output / match["name"])
        if unwanted is not None:
            shutil.rmtree(unwanted, ignore_errors=True)


def remove_all_leftovers(output: Path) -> None:
    """As ``remove_leftovers``, and what makers of scenes that were killed left inside results, too."""
    remove_leftovers(output)
    for folder in {path.parent for path in output.glob("*/.scene-*")}:
        if folder.is_symlink() or not (folder / "run.json").is_file():
            continue  # no result that was written here
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, InputError):
            if _lock(folder, stack):
                remove_scene_leftovers(folder)


def remove_scene_leftovers(folder: Path) -> None:
    """What makers of scenes that were killed left inside a result. For who has locked it: one may be at work."""
    for path in folder.glob(".scene-*"):
        if SCENE_LEFTOVER.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _let_lock_go(target: Path) -> None:
    """Removes the lock of ``target``, unless its process is at work or it is another user's."""
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError, InputError):
        _lock(target, stack)


def _let_go(leftover: Path, target: Path) -> Path | None:
    """The leftover under a name that needs no lock, so that nobody waits while it is removed; None when it must stay."""
    # Another process was quicker, or another user's lock cannot be taken.
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError, InputError):
        if not _lock(target, stack):
            return None  # its process is at work
        whole = any((leftover / name).is_file() for name in MARKS)
        if ".replaced-" in leftover.name and whole and not os.path.lexists(target):
            leftover.rename(target)
            return None
        return leftover.rename(_sibling(target, "removed"))
    return None


def _onto_the_disk(folder: Path) -> None:
    """Has the system write the files of a folder now: a rename outlives a power cut that takes what they hold.

    Raises OSError when there is no room for them after all.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            try:
                with path.open("r+b") as file:  # as Windows wants it
                    onto_the_disk(file.fileno())
            except OSError as error:
                if error.errno not in UNABLE:
                    raise


def _names(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _free(target: Path, word: str) -> Path:
    """``<name>-<word>`` beside the target, or the next name that nothing has."""
    paths = (target.with_name(name) for name in _names(f"{target.name}-{word}"))
    return next(path for path in paths if not os.path.lexists(path))


def _sibling(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{kind}-{os.getpid()}-{secrets.token_hex(4)}")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """No other process writes ``path`` within the block. Raises InputError when one goes on doing it, or nobody can."""
    with contextlib.ExitStack() as stack:
        if not _lock(path, stack, FILE_PATIENCE_S):
            raise InputError(f"{path.name} is being written by another process; try again.")
        yield


def _lock(target: Path, stack: contextlib.ExitStack, patience_s: float = 0.0) -> bool:
    """Whether this run alone may now write ``target``, until the stack ends; the system frees it with the process."""
    lock = held(target.with_name(f".{target.name}.lock"), patience_s)
    try:
        return stack.enter_context(lock)
    except OSError as error:
        raise _not_writable(target.parent, error) from error


def _check_replaceable(target: Path, mark: str = "run.json") -> None:
    """Raises InputError unless ``target`` is absent, empty or a result: nothing else is ever deleted."""
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target.name} in the output folder is in the way; remove it or choose another case id.")
    if any(target.iterdir()) and not (target / mark).is_file():
        raise InputError(
            f"{target.name} in the output folder is no result of XAIReport and is not replaced; choose another case id."
        )


def analysed_input(folder: Path) -> str | None:
    """The hash of the image that a result is of; None when there is no result, or it does not say."""
    try:
        digest = read_json((folder / "run.json").read_bytes())["input_sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return digest if isinstance(digest, str) else None


def _is_of_another_image(old: Path, new: Path) -> bool:
    images = (analysed_input(old), analysed_input(new))
    return None not in images and images[0] != images[1]


def _not_writable(folder: Path, error: OSError) -> InputError:
    reason = (error.strerror or type(error).__name__).lower()
    return InputError(f"The output folder {folder.name or folder} cannot be written ({reason}); choose another one.")


@dataclass(frozen=True)
class ResultFolder:
    """A complete result; documents are read when they are asked for, arrays are paths."""

    path: Path

    @cached_property
    def findings(self) -> dict[str, Any]:
        return _document(self.path / "findings.json")

    @cached_property
    def narrative(self) -> dict[str, Any]:
        return _document(self.path / "narrative.json")

    @property
    def language(self) -> str:
        """Of the narrative: en, fr, de or es; older results do not say it and are English."""
        return self.narrative.get("language", "en")

    @cached_property
    def run(self) -> dict[str, Any]:
        return _document(self.path / "run.json")

    @property
    def image(self) -> Path:
        return self.path / "image.nii.gz"

    @property
    def lesion(self) -> Path | None:
        """Component labels; None when the case was not analysed."""
        return _present(self.path / "masks" / "lesion.nii.gz")

    @property
    def lesion_probability(self) -> Path | None:
        return _present(self.path / "lesion_probability.nii.gz")

    @property
    def heatmaps(self) -> dict[str, Path]:
        """By name (results.map_names), in the order of the findings."""
        return {name: self.path / "heatmaps" / f"{name}.nii.gz" for name in self._maps}

    @property
    def masks(self) -> dict[str, Path]:
        """Saliency masks by the names of their heat maps, in the order of the findings."""
        return {name: self.path / "masks" / f"{name}.nii.gz" for name in self._maps}

    @property
    def atlas(self) -> Path | None:
        return _present(self.path / "atlas.nii.gz")

    @property
    def atlas_colours(self) -> Path | None:
        return _present(self.path / "atlas.ctbl")

    @property
    def displacement(self) -> Path | None:
        """Of the registration's deformable step (arrays.py); None where it was not kept."""
        return _present(self.path / "displacement.nii.gz")

    @property
    def clinical(self) -> Path | None:
        """The clinical record that was given, as CSV."""
        return _present(self.path / "clinical.csv")

    @property
    def figures(self) -> tuple[Path, ...]:
        """Links are none of a result's own: they may lead to any file, which would be copied into a report."""
        return tuple(sorted(path for path in (self.path / "figures").glob("*.png") if not path.is_symlink()))

    @property
    def reports(self) -> dict[str, Path]:
        """By suffix without its dot: html, pdf, txt; and regions.csv as csv."""
        return {Path(name).suffix[1:]: self.path / name for name in REPORTS}

    @property
    def scene(self) -> Path | None:
        return _present(self.path / "scene.mrb")

    @property
    def _maps(self) -> list[str]:
        entries = self.findings.get("saliency") or ()
        return map_names((entry["method"], entry.get("target", "")) for entry in entries)

    def missing(self) -> list[str]:
        """Names of the files that this result should hold by its findings and that are not there, or empty."""
        names = [*DOCUMENTS, *REPORTS, "image.nii.gz"]
        if (self.path / "findings.json").is_file():
            prediction = self.findings.get("prediction") or {}
            if prediction.get("outcome") != "not_applicable" or prediction.get("scores"):
                names += ["masks/lesion.nii.gz"]
            names += [f"{kind}/{name}.nii.gz" for name in self._maps for kind in ("heatmaps", "masks")]
            verdict = ((self.findings.get("anatomy") or {}).get("registration") or {}).get("verdict")
            if verdict in ("good", "limited"):
                names += ["atlas.nii.gz", "atlas.ctbl"]
        return [name for name in names if not _holds_something(self.path / name)]


def read_result(folder: str | Path) -> ResultFolder:
    """Open a result folder, wherever it was moved to.

    Raises InputError when it is none, or names the files that it lacks or that are empty.
    """
    path = Path(folder)
    if not path.is_dir() or not any((path / name).is_file() for name in DOCUMENTS):
        raise InputError(f"{path.name or path} is no result folder of XAIReport; give the folder of one analysed case.")
    result = ResultFolder(path)
    missing = result.missing()
    if missing:
        raise InputError(f"The result folder {path.name} lacks {', '.join(missing)}; analyse the case again.")
    return result


def add_warning(folder: Path, sentence: str, instead_of: str = "") -> None:
    """Add a sentence to the warnings in the run.json of a finished result, in the place of those that begin with ``instead_of``,
    where that is given.

    Raises:
        InputError: run.json cannot be read.
        OSError: it cannot be written; it is as it was.
    """
    run = _document(folder / "run.json")
    _put_warnings(folder, run, [*_others(run, instead_of), sentence])


def take_back_warning(folder: Path, beginning: str) -> None:
    """Remove the warnings that begin so from the run.json of a finished result. Raises as ``add_warning``."""
    run = _document(folder / "run.json")
    kept = _others(run, beginning)
    if len(kept) < len(run.get("warnings") or ()):
        _put_warnings(folder, run, kept)


def _others(run: dict[str, Any], beginning: str) -> list[Any]:
    warnings = run.get("warnings") or ()
    return [text for text in warnings if not (beginning and str(text).startswith(beginning))]


def _put_warnings(folder: Path, run: dict[str, Any], warnings: list[Any]) -> None:
    text = json.dumps({**run, "warnings": warnings}, ensure_ascii=False, indent=2) + "\n"
    put_whole(folder / "run.json", text.encode("utf-8"))


def one_line(error: BaseException) -> str:
    """What an error says, for a result or a summary: in one line, and with files by their names, since a folder's may be a
    patient's."""
    return without_folders(" ".join(str(error).split()))


def without_folders(text: str) -> str:
    """A text of one or more lines with files by their names."""
    return "\n".join(FOLDERS.sub("", line) for line in text.split("\n"))


def _document(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path.name} of the result folder {path.parent.name} cannot be read; analyse again."
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{path.name} of the result folder {path.parent.name} is no document; analyse the case again.")
    return document


def _holds_something(path: Path) -> bool:
    """Whether a file is there with something in it: none of a result is empty, unless the machine stopped while it was written."""
    try:
        return path.is_file() and path.stat().st_size > 0
    except FileNotFoundError:  # replaced or removed in between
        return False


def _present(path: Path) -> Path | None:
    return path if path.is_file() else None
