"""Batch analysis inside 3D Slicer, or under plain Python.

    Slicer --no-splash --no-main-window --python-script scripts/slicer_batch.py -- --input DIR_OR_CSV --output DIR
    python scripts/slicer_batch.py --input DIR_OR_CSV --output DIR

Exit code 0 all done, 1 some cases failed, 2 bad use, 143 terminated. Slicer never stays open: whatever happens, its exit is
asked for. Under plain Python this is ``xaireport batch``. In Slicer the analysis runs in PythonSlicer, and Slicer itself makes the
scenes. --install-missing installs the packages that are missing, without a question; without it nothing is installed.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

OK, FAILED, BAD_USE = 0, 1, 2
ROOT = Path(__file__).resolve().parents[1]
MODULE = ROOT / "XAIReport"
REQUIREMENTS = MODULE / "Resources" / "requirements.txt"
INSTALL = "--install-missing"


def main(argv: list[str]) -> int:
    """Runs the batch and returns the exit code. Bad use is one sentence on stderr."""
    sys.path.insert(0, str(MODULE))
    argv = argv[1:] if argv[:1] == ["--"] else argv
    try:
        from XAIReportLib import __main__ as command_line
        from XAIReportLib import batch
        from XAIReportLib.case import InputError
    except ImportError as error:
        return _refuse(f"{error.name or error} is not installed here. {_remedy()}")
    if not _in_slicer():
        if INSTALL in argv:
            print(f"{INSTALL} does nothing outside 3D Slicer.", file=sys.stderr, flush=True)
        return command_line.main(["batch", *(argument for argument in argv if argument != INSTALL)])
    options = _parser(batch).parse_args(argv)
    try:
        with command_line.terminated_as_exit():
            return _run_in_slicer(batch, options)
    except InputError as error:
        return _refuse(str(error))


def _parser(batch):
    """The options of ``xaireport batch`` and one more; none has the name of an option of Slicer's own."""
    import argparse

    parser = argparse.ArgumentParser(prog="slicer_batch.py", description="Analyse many cases. Research use only.")
    batch.add_options(parser)
    parser.add_argument(INSTALL, action="store_true", help="in Slicer: install missing packages first")
    return parser


def _run_in_slicer(batch, options) -> int:
    from XAIReportLib.panel import dependencies
    from XAIReportLib.scene import write_mrb

    try:
        if options.install_missing:
            dependencies.ensure(str(REQUIREMENTS), ask=False)
        missing = dependencies.missing(str(REQUIREMENTS))
        if missing:
            return _refuse(f"These packages are not installed: {', '.join(missing)}. {_remedy()}")
        worker = dependencies.workerCommand()
    except dependencies.MissingDependencies as error:
        return _refuse(str(error))
    return batch.run(options, worker, add_scene=write_mrb)


def _in_slicer() -> bool:
    """Under plain Python the module ``slicer`` may be the slicer-core libraries, which have no application."""
    return getattr(sys.modules.get("slicer"), "app", None) is not None


def _remedy() -> str:
    if _in_slicer():
        return f"Add {INSTALL} to install what is missing."
    return f"Run: {Path(sys.executable).name} -m pip install {ROOT.name}"


def _refuse(sentence: str) -> int:
    print(f"Error: {sentence}", file=sys.stderr, flush=True)
    return BAD_USE


def _exit_code(error: SystemExit) -> int:
    if isinstance(error.code, int):
        return error.code
    if error.code is None:
        return OK
    print(error.code, file=sys.stderr)
    return FAILED


def _leave(code: int) -> None:
    """End the program. An exception that reached Slicer would leave it open, for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    if not _in_slicer():
        sys.exit(code)
    sys.modules["slicer"].util.exit(code)


if __name__ == "__main__":
    status = FAILED
    try:
        status = main(sys.argv[1:])
    except SystemExit as error:
        status = _exit_code(error)
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(status)
