"""Many cases in one call: a case that fails is reported and the rest go on; finished cases are skipped."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError, new_case_id, safe_case_id
from XAIReportLib.folder import check_writable, read_result
from XAIReportLib.worker.client import WorkerClient

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".png", ".jpg", ".jpeg")
MANIFEST, SUMMARY = "batch.json", "summary.json"
OK, SOME_FAILED = 0, 1


@dataclass(frozen=True)
class Item:
    """One line of work: the input and, when the user named it, its case id."""

    source: Path
    case_id: str | None = None


def find_items(wish: Path) -> list[Item]:
    """The cases of a folder (images and DICOM series folders in it, by name) or of a CSV with columns input[, case_id].

    Raises:
        InputError: nothing there, an unreadable CSV, or an unsafe or repeated case id.
    """
    if wish.is_dir():
        items = [Item(path) for path in sorted(wish.iterdir()) if _is_case(path)]
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
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{wish.name} cannot be read as CSV ({error}); save it as UTF-8 with a column named input."
        ) from error
    if not rows or "input" not in rows[0]:
        raise InputError(
            f"{wish.name} has no column named input, or no row; add a header line and one row for each case."
        )
    items = []
    for row in rows:
        named = (row.get("case_id") or "").strip()
        source = Path((row["input"] or "").strip())
        items.append(
            Item(source if source.is_absolute() else wish.parent / source, safe_case_id(named) if named else None)
        )
    named = [item.case_id for item in items if item.case_id]
    if len(set(named)) < len(named):
        raise InputError(f"{wish.name} names a case id twice; every case needs its own.")
    return items


def run_batch(
    wish: Path, output: Path, client: WorkerClient, timeout_s: float | None = None, **options: Any
) -> dict[str, Any]:
    """Analyses every case and returns the summary, which is also kept in OUTPUT/summary.json after each case.

    Args:
        client: a worker; a case that crashes or hangs it costs that case only.
        timeout_s: for one case, None for no limit.
        options: bundle, saliency, device, force of pipeline.analyze.

    Raises:
        InputError: bad use; no case was started.
    """
    from XAIReportLib.models.bundle import load_bundle

    items = find_items(wish)
    bundle = load_bundle(options.get("bundle", "brain_tumor_mri"))
    output.mkdir(parents=True, exist_ok=True)
    known = _read_manifest(output)
    summary: dict[str, Any] = {"ok": 0, "failed": 0, "skipped": 0, "cases": []}
    for number, item in enumerate(items, 1):
        row: dict[str, Any] = {"number": number, "input": item.source.name}
        try:
            digest = input_sha256(item.source)
            case_id = item.case_id or known.setdefault(digest, new_case_id())
            _write_json(output / MANIFEST, {"case_ids": known})
            row["case_id"] = case_id
            if _is_finished(output / case_id, digest, bundle.sha256, options):
                row["state"] = "skipped"
            else:
                row |= _one(client, item.source, output, case_id, timeout_s, options)
        except InputError as error:
            row |= {"state": "failed", "message": str(error)}
        summary[row["state"]] += 1
        summary["cases"].append(row)
        _write_json(output / SUMMARY, summary)
        said = f": {row['message']}" if "message" in row else ""
        print(f"[{number}/{len(items)}] {row.get('case_id', '-')} {row['state']}{said}", file=sys.stderr, flush=True)
    return summary


def _one(
    client: WorkerClient, source: Path, output: Path, case_id: str, timeout_s: float | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    request = client.submit("analyze", source=str(source), output=str(output), case_id=case_id, **options)
    try:
        for event in client.events(request, timeout_s):
            if event.type == "result":
                return {"state": "ok", "outcome": event.data.get("outcome")}
            if event.is_last:
                return {"state": "failed", "message": event.data.get("message", "The analysis was cancelled.")}
    except TimeoutError:
        client.cancel(request)
        for _ in client.events(request, 30):
            pass
        return {"state": "failed", "message": f"The case took longer than {timeout_s:g} s and was stopped."}
    return {"state": "failed", "message": "The worker ended without an answer."}


def input_sha256(source: Path) -> str:
    """The hash that the result's run.json will hold for this input.

    Raises:
        InputError: the input does not exist or cannot be read.
    """
    from XAIReportLib.reading import sha256_of_input

    return sha256_of_input(source)


def _is_finished(folder: Path, digest: str, bundle_sha256: str, options: Mapping[str, Any]) -> bool:
    try:
        run = read_result(folder).run
    except InputError:
        return False
    wanted = {"force": bool(options.get("force", False))}
    if "saliency" in options:
        wanted["saliency"] = list(options["saliency"])
    done = run.get("options", {})
    return (
        run.get("input_sha256") == digest
        and run.get("bundle", {}).get("sha256") == bundle_sha256
        and all(done.get(name) == value for name, value in wanted.items())
    )


def _is_case(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return any(p.is_file() and not p.name.startswith(".") for p in path.iterdir())
    return path.name.lower().endswith(SUFFIXES)


def _read_manifest(output: Path) -> dict[str, str]:
    path = output / MANIFEST
    if not path.is_file():
        return {}
    try:
        return {
            str(k): safe_case_id(str(v)) for k, v in json.loads(path.read_text(encoding="utf-8"))["case_ids"].items()
        }
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(
            f"{MANIFEST} in the output folder cannot be read ({error}); remove it to give new case ids."
        ) from error


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        partial.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be written ({error.strerror}); give an output folder that can."
        ) from error


def add_parser(commands: argparse._SubParsersAction) -> None:
    """``xaireport batch``."""
    add_options(commands.add_parser("batch", help="analyse many cases, skipping finished ones"))


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--input", metavar="DIR|CSV", type=Path, required=True, help="images, or a CSV: input[, case_id]"
    )
    command.add_argument(
        "--output", metavar="DIR", type=Path, required=True, help="one result folder a case is put there"
    )
    command.add_argument("--bundle", metavar="NAME|PATH", default="brain_tumor_mri", help="model; default %(default)s")
    command.add_argument(
        "--saliency", metavar="METHODS", default="gradcam++,gradcam,scorecam", help="default %(default)s"
    )
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default %(default)s")
    command.add_argument("--force", action="store_true", help="analyse what does not look like a head MRI, too")
    command.add_argument("--timeout-s", metavar="S", type=float, help="give a case up after so many seconds")
    command.add_argument("--debug", action="store_true", help="show where an error came from")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, python: str = sys.executable) -> int:
    """The batch of a command line. Prints one machine-readable line last; returns 0, or 1 when some cases failed."""
    methods = [m.strip() for m in options.saliency.split(",") if m.strip()]
    output = options.output.absolute()
    check_writable(output / SUMMARY)
    # A busy worker beats all the time; silence for ten minutes is a hang even on a slow machine.
    with WorkerClient(python=python, silence_timeout_s=600) as client:
        summary = run_batch(
            options.input, output, client, options.timeout_s,
            bundle=str(options.bundle), saliency=methods, device=options.device, force=options.force,
        )  # fmt: skip
    counts = {name: summary[name] for name in ("ok", "failed", "skipped")}
    print(f"XAIREPORT_BATCH {json.dumps(counts)}", flush=True)
    return SOME_FAILED if summary["failed"] else OK
