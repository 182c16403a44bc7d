"""``review.json`` of a result folder: the reader's own wording of sentences, who has read the report, when, and which findings
and wording that was about.

Standard library only, but for the lock: it runs in Slicer's Python.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError
from XAIReportLib.files import put_whole
from XAIReportLib.locks import held

FILE_NAME = "review.json"
SCHEMA_VERSION = "1.1.0"
# Who changes a review holds its lock for milliseconds.
LOCK_PATIENCE_S = 5.0
# Characters of a sentence, whoever wrote it: to check a longer one would take minutes, which nobody could stop.
LONGEST_SENTENCE = 1500


@dataclass(frozen=True)
class Edit:
    """A reader's wording in the place of a sentence of the report.

    ``section`` and ``original``: the sentence that it is about; ``text``: the reader's; ``outcome`` and ``why``: of the
    grounding check when it was written ("supported", "contradicted", "unsupported") against the findings of
    ``findings_sha256``; ``edited_at``: UTC, ISO 8601.
    An edit outlives its sentence, when that changes, but is then shown and exported no more.
    """

    section: str
    original: str
    text: str
    outcome: str
    why: str
    edited_at: str
    findings_sha256: str

    def is_about(self, sentence: dict[str, Any]) -> bool:
        """Whether it takes the place of this sentence of a narrative."""
        return (sentence.get("section"), sentence.get("text")) == (self.section, self.original)


@dataclass(frozen=True)
class Review:
    """``reviewer``, ``reviewed_at`` (UTC, ISO 8601): empty before anybody has signed; ``findings_sha256``, ``edits_sha256``:
    of the findings and of the edits that were signed; ``corrected``: the reader had changed an outline of the model."""

    reviewer: str = ""
    reviewed_at: str = ""
    findings_sha256: str = ""
    corrected: bool = False
    edits: tuple[Edit, ...] = ()
    edits_sha256: str = ""
    schema_version: str = SCHEMA_VERSION

    @property
    def is_signed(self) -> bool:
        return bool(self.reviewer)

    def is_of(self, findings: str) -> bool:
        """Whether exactly these findings, with the edits as they are now, were signed."""
        return self.findings_sha256 == fingerprint(findings) and self.edits_sha256 in ("", edits_print(self.edits))

    def edit_of(self, sentence: dict[str, Any]) -> Edit | None:
        """The reader's wording of a sentence of a narrative."""
        return next((edit for edit in self.edits if edit.is_about(sentence)), None)


# Joiners that words of some scripts are written with; other characters that are not seen could turn the order of those that are.
_JOINERS = "\u200c\u200d"
_UNSEEN = ("Cc", "Cf")


def one_line(text: str) -> str:
    """What a person has typed or pasted, on one line and without characters that are not seen (controls, marks of direction)."""
    spaced = (" " if c.isspace() else c for c in text)
    return " ".join("".join(c for c in spaced if c in _JOINERS or unicodedata.category(c) not in _UNSEEN).split())


def fingerprint(findings: str) -> str:
    """SHA-256 of the text of a findings.json."""
    return hashlib.sha256(findings.encode()).hexdigest()


def edits_print(edits: Sequence[Edit]) -> str:
    """SHA-256 of the readers' wording."""
    return hashlib.sha256(json.dumps([asdict(edit) for edit in edits], sort_keys=True).encode()).hexdigest()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_review(folder: Path, reviewer: str, findings: str, corrected: bool = False) -> Review:
    """Sign a result, with the edits that it has: whole or not at all.

    Raises InputError without a name, or when the folder cannot be written or its review not changed.
    """
    name = one_line(reviewer)
    if not name:
        raise InputError("A review needs the name of its reader; enter it first.")
    with _locked(folder):
        edits = _to_change(folder).edits
        review = Review(name, now(), fingerprint(findings), corrected, edits, edits_print(edits))
        _write(folder, review)
    return review


def write_edit(folder: Path, edit: Edit) -> Review:
    """Keep a reader's wording, in the place of an earlier one of the same sentence; a signature that is there does not
    cover it. Raises InputError when it is too long or has characters that are not seen (``one_line``), the folder cannot be
    written or its review not changed."""
    if len(edit.text) > LONGEST_SENTENCE:
        raise InputError(
            f"The wording has {len(edit.text)} characters and is not kept; shorten it to {LONGEST_SENTENCE} or fewer."
        )
    if edit.text != one_line(edit.text):
        raise InputError("The wording has characters that are not seen and is not kept; type it anew.")
    with _locked(folder):
        before = _to_change(folder)
        others = tuple(e for e in before.edits if (e.section, e.original) != (edit.section, edit.original))
        return _with_edits(folder, before, (*others, edit))


def remove_edit(folder: Path, section: str, original: str) -> Review:
    """Back to the report's own sentence. Raises InputError when the folder cannot be written or its review not changed."""
    with _locked(folder):
        before = _to_change(folder)
        others = tuple(e for e in before.edits if (e.section, e.original) != (section, original))
        return _with_edits(folder, before, others)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else changes the review of ``folder`` meanwhile."""
    with contextlib.ExitStack() as stack:
        try:
            folder.stat()  # a lock would make the folder that is missing
            alone = stack.enter_context(held(folder / f".{FILE_NAME}.lock", LOCK_PATIENCE_S))
        except ImportError:  # Slicer that has not installed what the worker needs: a report can be signed there too
            alone = True
        except OSError as error:
            raise _not_kept(folder, error) from error
        if not alone:
            raise InputError(f"{FILE_NAME} of {folder.name} is being changed by another process; try again.")
        yield


def _to_change(folder: Path) -> Review:
    """The review as it is, empty where there is none. Raises InputError when a change would lose what a newer version kept."""
    review = read_review(folder) or Review()
    if _version(review.schema_version) > _version(SCHEMA_VERSION):
        raise _newer(folder, review.schema_version)
    return review


def _with_edits(folder: Path, before: Review, edits: tuple[Edit, ...]) -> Review:
    # A signature of an older file was of no edits: from now on it must say so.
    signed = before.edits_sha256 or (edits_print(()) if before.is_signed else "")
    review = replace(before, edits=edits, edits_sha256=signed, schema_version=SCHEMA_VERSION)
    _write(folder, review)
    return review


def _write(folder: Path, review: Review) -> None:
    text = json.dumps(asdict(review), ensure_ascii=False, indent=2) + "\n"
    try:
        put_whole(folder / FILE_NAME, text.encode("utf-8"))
    except OSError as error:
        raise _not_kept(folder, error) from error
    except UnicodeEncodeError as error:
        raise InputError("The review has a character that no file can hold; enter the text again.") from error


def _not_kept(folder: Path, error: OSError) -> InputError:
    return InputError(f"The review cannot be kept in {folder} ({_reason(error)}); copy the result elsewhere.")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def read_review(folder: Path) -> Review | None:
    """The review of a result, signed or with edits alone; None where there is none.

    Raises InputError when the file cannot be read, is no review, or is one of a newer major version.
    """
    try:
        path = folder / FILE_NAME
        if path.exists() and not path.is_file():  # a pipe would be waited for without end
            raise ValueError("is no file")
        content = _document(path.read_bytes())
        version = content.get("schema_version", SCHEMA_VERSION)
        if _version(version)[0] <= _version(SCHEMA_VERSION)[0]:
            return _review(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(
            f"{FILE_NAME} of {folder.name} cannot be read ({_reason(error)}); copy the result to a folder of your own."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{FILE_NAME} of {folder.name} {error} and cannot be read; move it away, then edit and sign the report again."
        ) from error
    raise _newer(folder, version)


def _newer(folder: Path, version: str) -> InputError:
    return InputError(
        f"{FILE_NAME} of {folder.name} was written by a newer XAIReport (schema {version}, this one knows {SCHEMA_VERSION}) "
        "and stays as it is; update XAIReport."
    )


def _version(text: Any) -> tuple[int, ...]:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){2}", text):
        raise ValueError("holds no version in schema_version")
    return tuple(int(part) for part in text.split("."))


def _document(content: bytes) -> dict[str, Any]:
    """Raises ValueError with what is wrong, as do ``_review`` and ``_edit``."""
    try:
        document = json.loads(content)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError("is no JSON") from error
    if not isinstance(document, dict):
        raise ValueError("holds no document")
    return document


def _review(content: dict[str, Any]) -> Review:
    known = {name: content[name] for name in Review.__dataclass_fields__ if name in content}
    for name, value in known.items():
        type_, wanted = {"corrected": (bool, "true or false"), "edits": (list, "list")}.get(name, (str, "text"))
        if not isinstance(value, type_):
            raise ValueError(f"holds no {wanted} in {name}")
    review = Review(**{**known, "edits": tuple(_edit(edit) for edit in known.get("edits", ()))})
    if review.is_signed:
        try:
            datetime.fromisoformat(review.reviewed_at)
        except ValueError as error:
            raise ValueError("holds no time in reviewed_at") from error
    return review


def _edit(content: Any) -> Edit:
    if not isinstance(content, dict):
        raise ValueError("holds an edit that is none")
    known = {name: content.get(name) for name in Edit.__dataclass_fields__}
    for name, value in known.items():
        if not isinstance(value, str):
            raise ValueError(f"holds an edit without text in {name}")
    return Edit(**known)
