"""``review.json`` of a result folder: the reader's own wording of sentences, who has read the report, when, and which findings
and wording that was about.

Standard library only: it runs in Slicer's Python.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError

FILE_NAME = "review.json"
SCHEMA_VERSION = "1.1.0"


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

    Raises InputError without a name, or when the folder cannot be written.
    """
    name = " ".join(reviewer.split())
    if not name:
        raise InputError("A review needs the name of its reader; enter it first.")
    edits = (read_review(folder) or Review()).edits
    review = Review(name, now(), fingerprint(findings), corrected, edits, edits_print(edits))
    _write(folder, review)
    return review


def write_edit(folder: Path, edit: Edit) -> Review:
    """Keep a reader's wording, in the place of an earlier one of the same sentence; a signature that is there does not
    cover it. Raises InputError when the folder cannot be written."""
    before = read_review(folder) or Review()
    others = tuple(e for e in before.edits if (e.section, e.original) != (edit.section, edit.original))
    return _with_edits(folder, before, (*others, edit))


def remove_edit(folder: Path, section: str, original: str) -> Review:
    """Back to the report's own sentence. Raises InputError when the folder cannot be written."""
    before = read_review(folder) or Review()
    return _with_edits(folder, before, tuple(e for e in before.edits if (e.section, e.original) != (section, original)))


def _with_edits(folder: Path, before: Review, edits: tuple[Edit, ...]) -> Review:
    # A signature of an older file was of no edits: from now on it must say so.
    signed = before.edits_sha256 or (edits_print(()) if before.is_signed else "")
    review = replace(before, edits=edits, edits_sha256=signed, schema_version=SCHEMA_VERSION)
    _write(folder, review)
    return review


def _write(folder: Path, review: Review) -> None:
    temporary = folder / f".review-{secrets.token_hex(4)}.json"
    try:
        temporary.write_text(json.dumps(asdict(review), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder / FILE_NAME)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InputError(f"The review cannot be kept in {folder} ({reason}); copy the result elsewhere.") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_review(folder: Path) -> Review | None:
    """The review of a result, signed or with edits alone; None where there is none.

    Raises InputError when the file is no review.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no document")
        known = {name: content[name] for name in Review.__dataclass_fields__ if name in content}
        known["edits"] = tuple(Edit(**{n: e[n] for n in Edit.__dataclass_fields__}) for e in known.get("edits") or ())
        return Review(**known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{FILE_NAME} of {folder.name} cannot be read; move it away, then edit and sign the report again."
        ) from error
