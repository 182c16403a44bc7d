"""Many cases in one call: a case that fails is reported and the rest go on; finished cases are skipped."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from XAIReportLib.batch_files import forget_details, keep_details, keep_summary, read_manifest, remembered_id
from XAIReportLib.batch_inputs import Item, find_items
from XAIReportLib.case import InputError, new_case_id
from XAIReportLib.folder import add_warning, analysed_input, check_writable, one_line, read_result, remove_all_leftovers
from XAIReportLib.options import add_analysis_options
from XAIReportLib.report.narrator_options import chosen_for_reports
from XAIReportLib.results import DEFAULT_ATLAS, DEFORMABLE_STEPS
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
        options: bundle, saliency, classes, device, force, atlas, deformable, language of pipeline.analyze.

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
    summary["ignored"] += [_shown(path, base) for path in ignored]
    _tell_ignored(summary["ignored"])
    cases = _Cases(client, output, base, bundle_sha256, options, timeout_s, add_scene, debug)
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


class CaseFailed(InputError):
    """Why a case has no result; ``details`` are for who looks for the cause."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@dataclass
class _Cases:
    """Cases one by one, each with its row of the summary."""

    client: WorkerClient
    output: Path
    base: Path
    bundle_sha256: str
    options: Mapping[str, Any]
    timeout_s: float | None
    add_scene: Callable[[Path], object] | None
    debug: bool
    seen: dict[str, str] = field(
        default_factory=dict
    )  # digests by case id in small letters, as find_items compares them

    def row(self, number: int, item: Item) -> dict[str, Any]:
        """What came of one case. Whatever is wrong with it, the rest go on."""
        row: dict[str, Any] = {"number": number, "input": _shown(item.source, self.base)}
        if item.case_id:
            row["case_id"] = item.case_id
        try:
            if item.problem:
                raise InputError(item.problem)
            self._fill(row, item)
        except Exception as error:
            said = str(error) if isinstance(error, InputError) else f"The case failed ({_named(error)})."
            said += _earlier(self.output, row)
            row |= {"state": "failed", "message": self._with_details(said, row, error)}
        return row

    def _fill(self, row: dict[str, Any], item: Item) -> None:
        row["input_sha256"] = digest = input_sha256(item.source)
        row["case_id"] = case_id = item.case_id or remembered_id(self.output, digest)
        folder = self.output / case_id
        if self.seen.setdefault(case_id.lower(), digest) != digest:
            raise InputError(
                f"The case id {case_id} was given to another image of this batch; give each image its own."
            )
        _check_image(folder, digest)
        forget_details(self.output, case_id)
        if _is_finished(folder, digest, self.bundle_sha256, self.options):
            row["state"] = "skipped"
            if _lacks_scene(folder):  # its run was killed just before
                self._add_scene(row, folder)
            return
        try:
            row |= _one(
                self.client, item.source, folder, self.timeout_s, {**self.options, "scene": self.add_scene is None}
            )
        except CaseFailed as error:
            remove_all_leftovers(self.output)  # of a worker that was killed
            if not _is_finished(folder, digest, self.bundle_sha256, self.options):
                raise
            row |= {"state": "ok", "outcome": _outcome(folder)}  # it ended while its scene was made
            if self.add_scene is None and _lacks_scene(folder):
                self._leave_scene_out(row, folder, error)
        if self.add_scene is not None:
            self._add_scene(row, folder)

    def _add_scene(self, row: dict[str, Any], folder: Path) -> None:
        """The analysis is finished work and stays, with a warning, when there can be no scene. The worker itself adds the warning,
        unless it does not come to that."""
        try:
            if self.add_scene is not None:
                self.add_scene(folder)
            else:
                row |= _warned(_answer(self.client, self.client.submit("scene", folder=str(folder)), self.timeout_s))
        except Exception as error:
            remove_all_leftovers(self.output)
            self._leave_scene_out(row, folder, error)

    def _leave_scene_out(self, row: dict[str, Any], folder: Path, error: Exception) -> None:
        message = f"scene.mrb was left out: {one_line(error)}"
        with contextlib.suppress(InputError, OSError):  # the disk that had no room for a scene may have none for this
            add_warning(folder, message)
        row["message"] = self._with_details(message, row, error)

    def _with_details(self, said: str, row: Mapping[str, Any], error: Exception) -> str:
        """What is said of an error, and in which file its details are kept."""
        if isinstance(error, InputError):
            details = error.details if isinstance(error, CaseFailed) else ""
        else:
            details = "".join(traceback.format_exception(error))
        if details and self.debug:
            print(details, file=sys.stderr, flush=True)
        kept = keep_details(self.output, row.get("case_id") or f"input-{row['number']}", details)
        return f"{said.removesuffix('.')}. {kept}" if kept else said


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
        done = _answer(client, client.submit("narrate_result", folder=str(folder), **narrator), timeout_s)
    except InputError as error:
        done = {"warning": f"{WITHOUT_NARRATED}: {one_line(error)}"}
        with contextlib.suppress(InputError, OSError):  # as for a scene
            add_warning(folder, done["warning"])
    row["narrated"] = "warning" not in done
    said = done.get("warning") or f"narrated, {done.get('usage')}"
    if "warning" in done:
        row["message"] = " ".join(filter(None, (row.get("message"), said)))
    print(f"[{row['number']}] {row['case_id']} {said}", file=sys.stderr, flush=True)


def _is_narrated(folder: Path, narrator: Mapping[str, Any]) -> bool:
    """Whether a result holds a report by this model, of its findings as they are."""
    try:
        story = json.loads((folder / NARRATED / "narrative.json").read_bytes())
        found = hashlib.sha256((folder / "findings.json").read_bytes()).hexdigest()
        who = (story["narrator"], story["findings_sha256"])
        return who == (narrator["narrator"], found) and narrator.get("model") in (None, story["model_requested"])
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _one(
    client: WorkerClient, source: Path, folder: Path, timeout_s: float | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    place = {"output": str(folder.parent), "case_id": folder.name}
    done = _answer(client, client.submit("analyze", source=str(source), **place, **options), timeout_s)
    return {"state": "ok", "outcome": done.get("outcome"), **_warned(done)}


def _answer(client: WorkerClient, request: str, timeout_s: float | None) -> dict[str, Any]:
    """What the worker returned. Raises CaseFailed with the reason when it did not, or not in time."""
    try:
        for event in client.events(request, timeout_s):
            if event.type == "result":
                return event.data
            if event.is_last:
                raise CaseFailed(
                    event.data.get("message", "The analysis was cancelled."), event.data.get("details", "")
                )
    except TimeoutError:
        client.cancel(request)
        for _ in client.events(request):
            pass
        raise CaseFailed(f"The case took longer than {timeout_s:g} s and was stopped.") from None
    raise AssertionError("a request ends with an event")


def _warned(done: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": done["warning"]} if "warning" in done else {}


def _outcome(folder: Path) -> str | None:
    prediction = read_result(folder).findings.get("prediction")
    return prediction.get("outcome") if isinstance(prediction, dict) else None


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)}"


def _lacks_scene(folder: Path) -> bool:
    """Whether a finished result has neither a scene nor a word on why it has none."""
    result = read_result(folder)
    return result.scene is None and "scene.mrb" not in str(result.run.get("warnings"))


def input_sha256(source: Path) -> str:
    """The hash that the result's run.json will hold for this input.

    Raises:
        InputError: the input does not exist, cannot be read or is too large.
    """
    from XAIReportLib.reading import sha256_of_input

    try:
        return sha256_of_input(source)
    except MemoryError as error:
        raise InputError(f"{source.name} does not fit into memory; give a smaller image.") from error


def _check_image(folder: Path, digest: str) -> None:
    """Raises InputError when the folder holds a result of another image, which is never replaced: the ids may be mixed up."""
    analysed = analysed_input(folder)
    if analysed is not None and analysed != digest:
        raise InputError(
            f"The case id {folder.name} has a result of another image in the output folder, which is not replaced; "
            "give this image another case id, or move that result elsewhere."
        )


def _earlier(output: Path, row: Mapping[str, Any]) -> str:
    """What a failed row says of the result that stands under its case id: it is no outcome of this run, nor always of its image."""
    analysed = analysed_input(output / row["case_id"]) if "case_id" in row else None
    if analysed is None:
        return ""
    of = "the same image" if analysed == row.get("input_sha256") else "another image"
    if "input_sha256" not in row:
        of = "an image that may be another one"
    return f" The result {row['case_id']} in the output folder is an earlier one, of {of}."


def _is_finished(folder: Path, digest: str, bundle_sha256: str, options: Mapping[str, Any]) -> bool:
    usual = {
        "force": False, "contrast_agent": False, "language": "en", "atlas": DEFAULT_ATLAS, "classes": [],
        "deformable": DEFORMABLE_STEPS[0],
    }  # fmt: skip
    wanted = {name: options.get(name, usual[name]) for name in usual}
    if "saliency" in options:
        wanted["saliency"] = list(options["saliency"])
    try:
        run = read_result(folder).run
        done = {**usual, **run.get("options", {})}
        return (
            run.get("input_sha256") == digest
            and run.get("bundle", {}).get("sha256") == bundle_sha256
            and all(done.get(name) == value for name, value in wanted.items())
        )
    except (ValueError, LookupError, TypeError, AttributeError):  # not as this program writes it: it is analysed again
        return False


def _shown(source: Path, base: Path) -> str:
    """The input as the person knows it; it stays in the summary and names no folder."""
    return source.relative_to(base).as_posix() if source.is_relative_to(base) else str(source)


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
