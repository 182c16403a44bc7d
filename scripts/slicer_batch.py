"""Batch analysis inside 3D Slicer, or under plain Python.

    Slicer --no-splash --no-main-window --python-script scripts/slicer_batch.py -- --input DIR_OR_CSV --output DIR
    python scripts/slicer_batch.py --input DIR_OR_CSV --output DIR

Exit code 0 all done, 1 some cases failed, 2 bad use. Slicer never stays open: whatever happens, its exit is asked for.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

OK, BAD_USE, FAILED = 0, 2, 1
MODULE = Path(__file__).resolve().parents[1] / "XAIReport"


def main(argv: list[str]) -> int:
    """Runs the batch and returns the exit code. Bad use is one sentence on stderr."""
    import argparse

    sys.path.insert(0, str(MODULE))
    argv = argv[1:] if argv[:1] == ["--"] else argv
    install = "--install-missing" in argv
    if install:
        argv = [a for a in argv if a != "--install-missing"]
        _install_missing()
    try:
        from XAIReportLib import batch
        from XAIReportLib.case import InputError
    except ImportError as error:
        print(
            f"Error: {error.name} is not installed; add --install-missing (in Slicer) or run pip install.",
            file=sys.stderr,
        )
        return BAD_USE
    parser = argparse.ArgumentParser(prog="slicer_batch.py", description="Analyse many cases. Research use only.")
    batch.add_options(parser)
    options = parser.parse_args(argv)
    try:
        return batch.run(options, python=_interpreter())
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return BAD_USE
    except ImportError as error:
        print(
            f"Error: {error.name} is not installed; add --install-missing (in Slicer) or run pip install.",
            file=sys.stderr,
        )
        return BAD_USE


def _application() -> object | None:
    """Slicer's application object; None under plain Python, where the module ``slicer`` may be the slicer-core libraries."""
    slicer = sys.modules.get("slicer")
    return getattr(slicer, "app", None)


def _interpreter() -> str:
    """Inside Slicer sys.executable is the application itself; the worker needs PythonSlicer."""
    if _application() is None:
        return sys.executable
    import shutil

    return shutil.which("PythonSlicer") or str(Path(sys.executable).with_name("PythonSlicer"))


def _install_missing() -> None:
    if _application() is None:
        print("--install-missing works in Slicer only; under plain Python use pip install.", file=sys.stderr)
        return
    import slicer.packaging

    wanted = slicer.packaging.load_requirements(str(MODULE / "Resources" / "requirements.txt"))
    slicer.packaging.pip_ensure(
        wanted, prompt_install=False, prompt_restart=False, show_progress=False, requester="XAIReport"
    )


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if _application() is None:
        sys.exit(code)
    import slicer.util

    slicer.util.exit(code)


if __name__ == "__main__":
    status = FAILED
    try:
        status = main(sys.argv[1:])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else BAD_USE if error.code else OK
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(status)
