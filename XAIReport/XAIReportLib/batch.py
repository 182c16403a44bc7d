"""Many cases in one call: a case that fails is reported and the rest go on; finished cases are skipped."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from XAIReportLib.batch_cases import Cases, answer, shown
from XAIReportLib.batch_files import keep_summary, read_manifest
from XAIReportLib.batch_inputs import find_items
from XAIReportLib.case import InputError, new_case_id
from XAIReportLib.files import read_json
from XAIReportLib.folder import add_warning, check_writable, one_line, remove_all_leftovers, remove_leftovers
from XAIReportLib.options import add_analysis_options
from XAIReportLib.report.narrator_options import chosen_for_reports
from XAIReportLib.worker.client import WorkerClient

OK, SOME_FAILED = 0, 1
IGNORED_SHOWN = 5
# Nobody waits at a screen: a worker has the time to remove what it had begun (CLEAN_UP_S of worker/server.py).
GRACE_S = 5.0
# As in report/narrated.py, which needs more than Slicer's Python has.
NARRATED, WITHOUT_NARRATED = "narrated", "There is no report in the words of a language model"


def run_batch(
    wish: Path,
    output: Path,
    client: WorkerClient,
    timeout_s: float | None = None,
    add_scene: Callable[[Path], object] | None = None,
    summary: dict[str, Any] | None = None,
    narrator: Mapping[str, Any] | None = None,
    debug: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Analyses every case and returns the summary of this run; after each case it is also kept in OUTPUT/summary.json, which keeps
    what came of the cases of other runs, too.

    Reports in a language model's words are written after the last analysis, so that no result waits for a server.

    Args:
        client: a worker; a case that crashes or hangs it costs that case only.
        timeout_s: for one case, None for no limit.
        add_scene: makes scene.mrb of a finished folder in this process; by default the worker does.
        summary: one of new_summary, which is filled as the cases end, for who wants to know when the batch is interrupted.
        narrator: the fields of language_models.Choice, for reports in a language model's words.
        debug: print the details of an error, too; those of a case are kept in OUTPUT/errors.
        options: bundle, saliency, classes, device, force, contrast_agent, atlas, deformable, language of pipeline.analyze.

    Raises:
        InputError: bad use, or options that no case can meet; no case was started and nothing was written.
    """
    if timeout_s is not None and not 0 < timeout_s <= threading.TIMEOUT_MAX:
        raise InputError(f"A time limit of {timeout_s:g} s cannot be kept; give seconds above zero, or leave it out.")
    ignored: list[Path] = []
    items = find_items(wish, output, ignored)
    bundle_sha256 = _asked_first(client, "bundle", **{"bundle": "brain_tumor_mri", **options})["sha256"]
    if narrator:
        _asked_first(client, "check_narrator", **narrator)
    check_writable(output / new_case_id())
    output.mkdir(parents=True, exist_ok=True)
    remove_all_leftovers(output)
    read_manifest(output)
    summary = new_summary() if summary is None else summary
    base = wish if wish.is_dir() else wish.parent
    summary["ignored"] += [shown(path, base) for path in ignored]
    _tell_ignored(summary["ignored"])
    cases = Cases(client, output, base, bundle_sha256, options, timeout_s, add_scene, debug)
    for number, item in enumerate(items, 1):
        row = cases.row(number, item)
        summary[row["state"]] += 1
        summary["cases"].append(row)
        keep_summary(output, summary)
        said = f": {row['message']}" if "message" in row else ""
        print(f"[{number}/{len(items)}] {row.get('case_id', '-')} {row['state']}{said}", file=sys.stderr, flush=True)
    for row in summary["cases"] if narrator else ():
        if row["state"] != "failed":
            _add_narrated(client, output / row["case_id"], row, narrator, timeout_s)
            keep_summary(output, summary)
    return summary


def new_summary() -> dict[str, Any]:
    return {"ok": 0, "failed": 0, "skipped": 0, "cases": [], "ignored": []}


def _tell_ignored(names: Sequence[str]) -> None:
    """What was found beside the cases and is not read; all of it is in the summary."""
    if names:
        shown = ", ".join(names[:IGNORED_SHOWN]) + (", ..." if len(names) > IGNORED_SHOWN else "")
        print(f"Left out, {len(names)} that may be images and cannot be read: {shown}", file=sys.stderr, flush=True)


def _asked_first(client: WorkerClient, request: str, **parameters: Any) -> dict[str, Any]:
    """What the worker says before the first case: this process, which may be Slicer's, stays free of the network's libraries.

    Raises InputError when no case can be analysed at all.
    """
    for event in client.events(client.submit(request, **parameters)):
        if event.type == "result":
            return event.data
        if event.type == "error" and event.data.get("kind") == "input":
            raise InputError(event.data["message"])
        if event.is_last:
            said = event.data.get("message", "The worker was stopped.")
            raise InputError(f"No case can be analysed here. {said}") from RuntimeError(event.data.get("details", ""))
    raise AssertionError("a request ends with an event")


def _add_narrated(
    client: WorkerClient,
    folder: Path,
    row: dict[str, Any],
    narrator: Mapping[str, Any],
    timeout_s: float | None,
) -> None:
    """The report of a finished result in a language model's words, unless it is there; what came of it into its row. The result is
    finished work and stays, with a warning, when there can be none."""
    if _is_narrated(folder, narrator):
        return
    try:
        done = answer(client, client.submit("narrate_result", folder=str(folder), **narrator), timeout_s)
    except InputError as error:
        remove_leftovers(folder)  # of a worker that was killed
        done = {"warning": f"{WITHOUT_NARRATED}: {one_line(error)}"}
        with contextlib.suppress(InputError, OSError):  # as for a scene
            add_warning(folder, done["warning"], WITHOUT_NARRATED)
    row["narrated"] = "warning" not in done
    said = done.get("warning") or f"narrated, {done.get('usage')}"
    if "warning" in done:
        row["message"] = " ".join(filter(None, (row.get("message"), said)))
    print(f"[{row['number']}] {row['case_id']} {said}", file=sys.stderr, flush=True)


def _is_narrated(folder: Path, narrator: Mapping[str, Any]) -> bool:
    """Whether a result holds a report by this model, of its findings as they are."""
    try:
        story = read_json((folder / NARRATED / "narrative.json").read_bytes())
        found = hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest()
        who = (story["narrator"], story["findings_sha256"])
        return who == (narrator["narrator"], found) and narrator.get("model") in (None, story["model_requested"])
    except (OSError, ValueError, LookupError, TypeError):
        return False


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
    add_analysis_options(command)
    command.add_argument("--timeout-s", metavar="S", type=float, help="give a case up after so many seconds")
    command.add_argument("--debug", action="store_true", help="show where an error came from")
    command.set_defaults(run=run)


def run(
    options: argparse.Namespace,
    worker: Mapping[str, Any] | None = None,
    add_scene: Callable[[Path], object] | None = None,
) -> int:
    """The batch of a command line. Prints one machine-readable line last, also when it is interrupted.

    Returns 0, or 1 when some cases failed.

    Args:
        worker: arguments for WorkerClient (python, environment).
        add_scene: as for run_batch.
    """
    summary, narrator = new_summary(), chosen_for_reports(options)
    try:
        # A busy worker beats all the time; silence for ten minutes is a hang even on a slow machine.
        with WorkerClient(**(worker or {}), silence_timeout_s=600, cancel_grace_s=GRACE_S) as client:
            run_batch(
                options.input, options.output.absolute(), client, options.timeout_s, add_scene, summary, narrator,
                debug=options.debug,
                bundle=str(options.bundle), saliency=list(options.saliency), classes=list(options.classes),
                device=options.device, force=options.force, contrast_agent=options.contrast_agent, atlas=options.atlas,
                deformable=options.deformable, language=options.language,
            )  # fmt: skip
    finally:
        if options.output.is_dir():  # the worker is gone, however the batch has ended
            remove_all_leftovers(options.output.absolute())
        if summary["cases"]:
            counts = {name: summary[name] for name in ("ok", "failed", "skipped")}
            counts["ignored"] = len(summary["ignored"])
            print(f"XAIREPORT_BATCH {json.dumps(counts)}", flush=True)
    return SOME_FAILED if summary["failed"] else OK
