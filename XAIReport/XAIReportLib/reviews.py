"""``review.json`` of a result folder: who has read the report, when, and which findings that was about.

Standard library only: it runs in Slicer's Python.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from XAIReportLib.case import InputError

FILE_NAME = "review.json"


@dataclass(frozen=True)
class Review:
    """``findings_sha256``: of the text of the findings that were read; ``reviewed_at``: UTC, ISO 8601;
    ``corrected``: the reader had changed an outline of the model."""

    reviewer: str
    reviewed_at: str
    findings_sha256: str
    corrected: bool = False
    schema_version: str = "1.0.0"

    def is_of(self, findings: str) -> bool:
        """Whether exactly these findings were read."""
        return self.findings_sha256 == fingerprint(findings)


def fingerprint(findings: str) -> str:
    """SHA-256 of the text of a findings.json."""
    return hashlib.sha256(findings.encode()).hexdigest()


def write_review(folder: Path, reviewer: str, findings: str, corrected: bool = False) -> Review:
    """Sign a result: whole or not at all.

    Raises InputError without a name, or when the folder cannot be written.
    """
    name = " ".join(reviewer.split())
    if not name:
        raise InputError("A review needs the name of its reader; enter it first.")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    review = Review(name, now, fingerprint(findings), corrected)
    temporary = folder / f".review-{secrets.token_hex(4)}.json"
    try:
        temporary.write_text(json.dumps(asdict(review), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder / FILE_NAME)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InputError(f"The review cannot be kept in {folder} ({reason}); copy the result elsewhere.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return review


def read_review(folder: Path) -> Review | None:
    """The review of a result; None where there is none.

    Raises InputError when the file is no review.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {name: content[name] for name in Review.__dataclass_fields__ if name in content}
        return Review(**known)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{FILE_NAME} of {folder.name} cannot be read; sign the report again.") from error
