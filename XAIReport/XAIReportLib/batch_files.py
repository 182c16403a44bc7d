"""The batch's own files, beside the result folders: the case ids of images, what came of every case, and errors."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from XAIReportLib.batch_inputs import ERRORS, MANIFEST, SUMMARY
from XAIReportLib.case import InputError, new_case_id, safe_case_id
from XAIReportLib.files import put_whole, read_json
from XAIReportLib.folder import locked, one_line, without_folders

STATES = ("ok", "failed", "skipped")
# Where a summary that cannot be read is put, so that nothing is lost with it.
UNREADABLE = "summary-unreadable.json"


def read_manifest(output: Path) -> dict[str, str]:
    """The case ids by the hashes of their images. Raises InputError when the file cannot be read."""
    path = output / MANIFEST
    if not path.is_file():
        return {}
    try:
        return {str(k): safe_case_id(str(v)) for k, v in read_json(path.read_bytes())["case_ids"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{MANIFEST} in the output folder cannot be read ({one_line(error)}); remove it to give new case ids."
        ) from error


def remembered_id(output: Path, digest: str) -> str:
    """The case id of an input in this output folder. A new one is written down at once: other batches may share the folder."""
    with locked(output / MANIFEST):
        known = read_manifest(output)
        if digest not in known:
            known[digest] = new_case_id()
            _write_json(output / MANIFEST, {"case_ids": known})
        return known[digest]


def keep_summary(output: Path, summary: Mapping[str, Any]) -> None:
    """Write what came of this run's cases, beside that of the cases of other runs: other batches may share the folder.

    Where it cannot be written now, it can be after the next case.
    """
    try:
        with locked(output / SUMMARY):
            _write_json(output / SUMMARY, _merged(_known(output), summary))
    except InputError as error:
        print(f"Warning: {error}", file=sys.stderr, flush=True)


def _merged(before: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """The rows of other images first, then those of this run. A case that was skipped keeps the outcome that was known of it."""
    known, cases = before["cases"], summary["cases"]
    new = {_key(row) for row in cases}
    read = {row["input"] for row in cases if "input_sha256" in row}
    others = [row for row in known if _key(row) not in new and not ("input_sha256" not in row and row["input"] in read)]
    outcomes = {_key(row): {"outcome": row["outcome"]} for row in known if "outcome" in row}
    rows = others + [{**outcomes.get(_key(row), {}), **row} if row["state"] == "skipped" else row for row in cases]
    counts = {state: sum(row["state"] == state for row in rows) for state in STATES}
    ignored = {*before["ignored"], *summary["ignored"]} - {row["input"] for row in rows}
    numbered = [{**row, "number": number} for number, row in enumerate(rows, 1)]
    return {**counts, "cases": numbered, "ignored": sorted(ignored)}


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Which row is of which case: one image under one name and id. One that could not be read is known by its name alone."""
    return tuple(row.get(name) for name in ("input", "input_sha256", "case_id"))


def _known(output: Path) -> dict[str, Any]:
    """The rows, and the names of what was ignored, of the summary in the output folder. One that cannot be read is put aside,
    with a warning."""
    path = output / SUMMARY
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for without end
            raise ValueError(f"{SUMMARY} is no file")
        document = read_json(path.read_bytes())
        rows, ignored = document["cases"], document.get("ignored", [])
        if all(isinstance(row["input"], str) and row["state"] in STATES for row in rows):
            return {"cases": list(rows), "ignored": list(map(str, ignored))}
    except FileNotFoundError:
        return {"cases": [], "ignored": []}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    print(f"Warning: {SUMMARY} cannot be read; it is put aside as {UNREADABLE}.", file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        path.replace(path.with_name(UNREADABLE))
    return {"cases": [], "ignored": []}


def keep_details(output: Path, name: str, details: str) -> str:
    """Puts the details of an error, without the folders that they name, into a file; a sentence that names it, or nothing."""
    if not details.strip():
        return ""
    path = output / ERRORS / f"{name}.txt"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(without_folders(details), encoding="utf-8", errors="backslashreplace")
    except OSError:
        return ""
    return f"The details are in {ERRORS}/{path.name}."


def forget_details(output: Path, name: str) -> None:
    """Removes what an earlier run has put there: they are not of this one."""
    with contextlib.suppress(OSError):
        (output / ERRORS / f"{name}.txt").unlink()
        (output / ERRORS).rmdir()


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    try:
        put_whole(path, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode("utf-8"))
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be written ({error.strerror}); give an output folder that can."
        ) from error
