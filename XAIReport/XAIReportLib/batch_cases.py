"""One case of a batch: skipped when it is finished, else analysed by the worker, with its row of the summary."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from XAIReportLib.batch_files import forget_details, keep_details, remembered_id
from XAIReportLib.batch_inputs import Item
from XAIReportLib.case import InputError
from XAIReportLib.folder import add_warning, analysed_input, one_line, read_result, remove_all_leftovers
from XAIReportLib.results import DEFAULT_ATLAS, DEFAULT_SALIENCY, DEFORMABLE_STEPS
from XAIReportLib.worker.client import WorkerClient

# What pipeline.analyze does where nothing is said of an option that changes the result, as run.json names them.
USUAL = {
    "saliency": list(DEFAULT_SALIENCY), "classes": [], "force": False, "counterfactuals": True, "exact_scorecam": False,
    "contrast_agent": False, "language": "en", "atlas": DEFAULT_ATLAS, "deformable": DEFORMABLE_STEPS[0],
}  # fmt: skip


class CaseFailed(InputError):
    """Why a case has no result; ``details`` are for who looks for the cause."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@dataclass
class Cases:
    """Cases one by one, each with its row of the summary."""

    client: WorkerClient
    output: Path
    base: Path
    bundle_sha256: str
    options: Mapping[str, Any]
    timeout_s: float | None
    add_scene: Callable[[Path], object] | None
    debug: bool
    # Digests by case id in small letters, as find_items compares them.
    seen: dict[str, str] = field(default_factory=dict)

    def row(self, number: int, item: Item) -> dict[str, Any]:
        """What came of one case. Whatever is wrong with it, the rest go on."""
        row: dict[str, Any] = {"number": number, "input": shown(item.source, self.base)}
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
                row |= _warned(answer(self.client, self.client.submit("scene", folder=str(folder)), self.timeout_s))
        except Exception as error:
            remove_all_leftovers(self.output)
            self._leave_scene_out(row, folder, error)

    def _leave_scene_out(self, row: dict[str, Any], folder: Path, error: Exception) -> None:
        message = f"scene.mrb was left out: {one_line(error)}"
        with contextlib.suppress(InputError, OSError):  # the disk that had no room for a scene may have none for this
            add_warning(folder, message, "scene.mrb")
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


def _one(
    client: WorkerClient, source: Path, folder: Path, timeout_s: float | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    place = {"output": str(folder.parent), "case_id": folder.name}
    done = answer(client, client.submit("analyze", source=str(source), **place, **options), timeout_s)
    return {"state": "ok", "outcome": done.get("outcome"), **_warned(done)}


def answer(client: WorkerClient, request: str, timeout_s: float | None) -> dict[str, Any]:
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
    wanted = {name: options.get(name, usual) for name, usual in USUAL.items()}
    wanted |= {name: list(wanted[name]) for name in ("saliency", "classes")}
    try:
        run = read_result(folder).run
        done = {**USUAL, **run.get("options", {})}
        return (
            run.get("input_sha256") == digest
            and run.get("bundle", {}).get("sha256") == bundle_sha256
            and all(done.get(name) == value for name, value in wanted.items())
        )
    except (ValueError, LookupError, TypeError, AttributeError):  # not as this program writes it: it is analysed again
        return False


def shown(source: Path, base: Path) -> str:
    """The input as the person knows it; it stays in the summary and names no folder."""
    return source.relative_to(base).as_posix() if source.is_relative_to(base) else str(source)
