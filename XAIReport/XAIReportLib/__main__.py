"""The command line: ``xaireport``, the same as ``python -m XAIReportLib``.

Exit codes: 0 done, 1 failed, 2 bad input or use, 130 interrupted, 141 nobody reads the output any more, 143 terminated.
Everything that needs no network is checked before the network's libraries are loaded, so that bad input is answered at once.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from XAIReportLib import __version__
from XAIReportLib.case import InputError, new_case_id, safe_case_id
from XAIReportLib.options import add_analysis_options
from XAIReportLib.results import ENHANCEMENT_NOT_DETECTED

OK, FAILED, BAD_INPUT, INTERRUPTED, NOT_READ, TERMINATED = 0, 1, 2, 130, 141, 143
SHOWN_SHARE, SHOWN_S = 0.1, 10.0  # of a stage, or seconds, after which a person is told again
DOORS = (
    "XAIReportLib.batch",
    "XAIReportLib.evaluate",
    "XAIReportLib.exports",
    "XAIReportLib.report.commands",
    "XAIReportLib.worker.server",
)


class Parser(argparse.ArgumentParser):
    """Bad use is one sentence, like bad input."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see '{self.prog} --help'.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _print_every_character()
    console = Console(json_lines="--json-progress" in given)
    try:
        with terminated_as_exit():
            options = _parser().parse_args(given)
            options.console = console
            code = options.run(options)
            sys.stdout.flush()
            return code
    except InputError as error:
        console.error(str(error), "--debug" in given)
        return BAD_INPUT
    except KeyboardInterrupt:
        console.error("Interrupted; what was finished stays.")
        return INTERRUPTED
    except BrokenPipeError as error:  # of stdout, or of a child
        return _failed(console, error, given) if _is_read() else NOT_READ
    except Exception as error:  # the last door: a person gets one sentence
        return _failed(console, error, given)


def _failed(console: Console, error: Exception, given: Sequence[str]) -> int:
    console.error(f"XAIReport failed ({type(error).__name__}: {_one_line(error)}).", "--debug" in given)
    return FAILED


def _is_read() -> bool:
    """Whether somebody still reads what is printed; when not, as behind ``| head``, nothing more is tried at exit."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no poll; stdout may be no file
        ends = select.poll()
        ends.register(sys.stdout.fileno(), select.POLLERR)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in ends.poll(0)):  # the second one on macOS
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return False
    return True


class Console:
    """Progress, results and errors: lines for a person, or JSON lines on stdout for a program.

    Within a stage a person gets a further line where a tenth of the work or ten seconds have passed since the last one.
    """

    def __init__(self, json_lines: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._out: TextIO = sys.stdout
        self._json = json_lines
        self._clock = clock
        self._start = clock()
        self._stage = self._held = ""
        self._shown_fraction, self._shown_at = 0.0, self._start

    def progress(self, stage: str, fraction: float, message: str) -> None:
        if self._json:
            self._write({"type": "progress", "stage": stage, "fraction": round(fraction, 4), "message": message})
        elif stage != self._stage or self._is_due(fraction):
            now = self._clock()
            share = f" ({fraction:.0%})" if stage == self._stage else ""
            line = f"{now - self._start:7.1f} s  {stage}: {message}{share}\n"
            self._shown_fraction, self._shown_at = fraction, now
            # Bad input is found while reading, and then one sentence is all there is to see.
            self._held, shown = (line, "") if stage == "read" else ("", self._held + line)
            print(shown, end="", file=sys.stderr, flush=True)
        self._stage = stage

    def _is_due(self, fraction: float) -> bool:
        advanced = round(fraction - self._shown_fraction, 6)
        return advanced >= SHOWN_SHARE or (advanced > 0 and self._clock() - self._shown_at >= SHOWN_S)

    def warning(self, message: str) -> None:
        if self._json:
            self._write({"type": "warning", "message": message})
        print(f"Warning: {message}", file=sys.stderr, flush=True)

    def result(self, folder: Path) -> None:
        if self._json:
            self._write({"type": "result", "folder": str(folder)})
        else:
            print(f"Result: {folder}\nReport: {folder / 'report.html'}", file=self._out, flush=True)

    def narrated(self, folder: Path, usage: str) -> None:
        """A report in a language model's words, and what it took."""
        if self._json:
            self._write({"type": "narrated", "folder": str(folder), "usage": usage})
        else:
            print(f"In the model's words: {folder / 'report.html'}", file=self._out, flush=True)
            print(usage, file=sys.stderr, flush=True)

    def error(self, message: str, debug: bool = False) -> None:
        if debug:
            traceback.print_exc()
        if self._json:
            self._write({"type": "error", "message": message})
        print(f"Error: {message}", file=sys.stderr, flush=True)

    def _write(self, document: dict[str, Any]) -> None:
        print(json.dumps(document, ensure_ascii=True), file=self._out, flush=True)


def _parser() -> Parser:
    parser = Parser(
        prog="xaireport",
        description="Makes an image classifier's decision on a brain MRI inspectable. "
        "Research use only. Not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_analyze(commands)
    scene = commands.add_parser("scene", help="make scene.mrb of a finished result folder")
    scene.add_argument("folder", metavar="DIR", type=Path, help="the folder of one analysed case")
    scene.set_defaults(run=make_scene)
    models = commands.add_parser("models", help="list the model bundles that can be used")
    models.set_defaults(run=list_models)
    _add_other_doors(commands)
    for command in (scene, models):
        command.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _add_other_doors(commands: argparse._SubParsersAction) -> None:
    """The modules of DOORS bring their own commands; each sets ``run``, a function from options to an exit code."""
    for name in DOORS:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name).add_parser(commands)


def _add_analyze(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("analyze", help="analyse one case and write its result folder")
    command.add_argument(
        "input",
        metavar="INPUT",
        help="NIfTI or NRRD, folder with one DICOM series, DICOM file of one slice or of several frames, or "
        "PNG/JPEG slice",
    )
    command.add_argument("--output", metavar="DIR", type=Path, required=True, help="the result is put at DIR/<case id>")
    add_analysis_options(command)
    command.add_argument("--case-id", metavar="ID", help="default: a random one, never from a file name or a tag")
    command.add_argument("--keep", action="store_true", help="keep an old result and put the new one beside it")
    command.add_argument(
        "--counterfactuals",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look again at changed images (the abnormality removed, only the abnormality, ...); default on",
    )
    command.add_argument(
        "--clinical",
        metavar="CSV",
        type=Path,
        help="clinical record of the case, kept with the result; no model uses it",
    )
    command.add_argument(
        "--exact-scorecam", action="store_true", help="on volumes, too, ScoreCAM scores every channel (slower)"
    )
    command.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines on stdout")
    command.add_argument("--debug", action="store_true", help="show where an error came from")
    command.set_defaults(run=analyze)


def analyze(options: argparse.Namespace) -> int:
    """``xaireport analyze``: input and output are checked before anything slow is loaded."""
    from XAIReportLib.folder import check_writable
    from XAIReportLib.reading import read_case

    console: Console = options.console
    narrator = _narrator(options)
    case_id = new_case_id() if options.case_id is None else safe_case_id(options.case_id)
    check_writable(options.output / case_id, options.keep)
    console.progress("read", 0.0, "reading the image")
    case = read_case(options.input, case_id)
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result, whatever a library prints
        from XAIReportLib.pipeline import analyze as walk

        analysis = walk(
            case,
            options.output,
            bundle=options.bundle,
            saliency=options.saliency,
            classes=options.classes,
            device=options.device,
            keep=options.keep,
            force=options.force,
            contrast_agent=options.contrast_agent,
            counterfactuals=options.counterfactuals,
            language=options.language,
            atlas=options.atlas,
            deformable=options.deformable,
            clinical_table=options.clinical,
            exact_scorecam=options.exact_scorecam,
            progress=lambda step: console.progress(step.stage, step.fraction, step.message),
        )
        scene = _add_scene(analysis.folder, console)
    if analysis.prediction.reason.startswith(ENHANCEMENT_NOT_DETECTED):
        console.warning(
            f"{analysis.prediction.reason} If contrast agent was given, analyse again with --contrast-agent."
        )
    console.progress("done", 1.0, "the result is complete")
    console.result(analysis.folder)
    if narrator is not None:
        _add_narrated(analysis.folder, narrator, console)
    return scene


def _narrator(options: argparse.Namespace) -> Any:
    """Who writes a report beside the template's; None where nobody does. Raises InputError before anything slow is begun."""
    from XAIReportLib.report.narrator_options import chosen_for_reports

    given = chosen_for_reports(options)
    if given is None:
        return None
    from XAIReportLib.report import language_models

    choice = language_models.choice_of(given)
    language_models.check(choice)
    return choice


def _add_narrated(folder: Path, narrator: Any, console: Console) -> None:
    """The report of a finished result in a language model's words; the result stays, and says why, when there can be none."""
    from XAIReportLib.report import narrated
    from XAIReportLib.report.usage import took

    console.progress("narrate", 0.0, f"asking {narrator.narrator} for a report in its words")
    story, warning = narrated.add(folder, narrator)
    if story is None:
        console.warning(warning)
        return
    console.narrated(folder / narrated.NARRATED, took(story.usage.model_dump()) if story.usage else "")


def _add_scene(folder: Path, console: Console) -> int:
    """Add scene.mrb to a finished result. The result stays, and says why, when there can be none."""
    from XAIReportLib.folder import add_warning, one_line
    from XAIReportLib.scene import SceneUnavailable, write_mrb

    console.progress("scene", 0.0, "making the Slicer scene")
    try:
        write_mrb(folder)
    except SceneUnavailable as error:
        code, message = OK, f"scene.mrb was left out: {one_line(error)}"
    except Exception as error:  # the analysis is finished work and stays
        code, message = FAILED, f"scene.mrb could not be made ({one_line(error)}); the rest of the result is complete."
    else:
        return OK
    console.warning(message)
    try:
        add_warning(folder, message, "scene.mrb")
    except (InputError, OSError) as error:
        console.warning(f"The result itself does not say so: run.json cannot be changed ({one_line(error)}).")
        return FAILED
    return code


def make_scene(options: argparse.Namespace) -> int:
    """``xaireport scene``."""
    from XAIReportLib.folder import read_result
    from XAIReportLib.report.findings import of_result
    from XAIReportLib.scene import SceneUnavailable, write_mrb

    folder = read_result(options.folder.resolve()).path
    of_result(folder)  # a scene holds findings and text, which must be of each other
    try:
        with contextlib.redirect_stdout(sys.stderr):
            path = write_mrb(folder)
    except SceneUnavailable as error:
        options.console.error(f"scene.mrb cannot be made here: {_one_line(error)}", options.debug)
        return FAILED
    print(f"Scene: {path}")
    return OK


def list_models(options: argparse.Namespace) -> int:
    """``xaireport models``: each bundle with what it knows, or with what is wrong with it."""
    from XAIReportLib.models.bundle import find_bundles, load_bundle

    folders = find_bundles()
    if not folders:
        options.console.error("No model bundle was found; put one into a folder named by XAIREPORT_MODELS.")
        return FAILED
    code = OK
    for folder in folders:
        try:
            bundle = load_bundle(folder)
        except InputError as error:
            options.console.warning(str(error))
            code = FAILED
        else:
            print(f"{bundle.name} {bundle.version}: {', '.join(bundle.classes)} ({bundle.folder})")
    return code


def _print_every_character() -> None:
    """What the encoding of stdout lacks is printed as an escape: on Windows a pipe is not in Unicode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def terminated_as_exit() -> Iterator[None]:
    """A polite kill (a cluster's time limit) unwinds like an interruption, so that nothing half-written stays."""

    def leave(*_: object) -> NoReturn:
        raise SystemExit(TERMINATED)

    try:
        before: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not the main thread: its owner handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
