"""Makes the environment that demo.py and test.py run in: .venv at the repository root. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
MARKER = "xaireport-installed.json"
NEEDED_GB = 10.0
OLDEST, NEWEST = (3, 11), (3, 13)


class SetupError(RuntimeError):
    """One sentence: what is missing and what to do."""


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_state(root: Path = ROOT) -> str:
    """Changes when the dependencies do."""
    return hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest()


def is_complete(venv: Path, wanted: str) -> bool:
    """Whether an installation into ``venv`` ended well, for these dependencies."""
    try:
        stored = json.loads((venv / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return stored.get("wanted") == wanted and python_of(venv).exists()


def check_machine(venv: Path, free_bytes: int | None = None, version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Raises SetupError before anything is installed when it cannot work."""
    if not OLDEST <= version <= NEWEST:
        names = " to ".join(".".join(map(str, v)) for v in (OLDEST, NEWEST))
        raise SetupError(
            f"Python {version[0]}.{version[1]} runs this script, but {names} is needed; start it with one of these."
        )
    try:
        import ensurepip  # noqa: F401
        import venv as _  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "Python's venv module is not installed; on Debian and Ubuntu run: apt install python3-venv"
        ) from error
    free = shutil.disk_usage(venv.parent).free if free_bytes is None else free_bytes
    if not python_of(venv).exists() and free < NEEDED_GB * 1e9:
        raise SetupError(
            f"About {NEEDED_GB:g} GB of disk space are needed for the libraries and {free / 1e9:.1f} GB are free; "
            "make room and run again."
        )


def ensure(venv: Path = VENV, root: Path = ROOT) -> Path:
    """The environment's Python, after making and filling the environment where needed.

    Raises:
        SetupError: it cannot be made; the sentence says why.
    """
    wanted = wanted_state(root)
    if is_complete(venv, wanted):
        return python_of(venv)
    check_machine(venv)
    if not python_of(venv).exists():
        _say(f"Making the environment {venv.name} ...")
        shutil.rmtree(venv, ignore_errors=True)
        _run(
            [sys.executable, "-m", "venv", str(venv)], "The environment could not be made; remove .venv and run again."
        )
    python = str(python_of(venv))
    _say(
        "Installing the libraries. The first time this downloads some gigabytes (PyTorch, 3D Slicer's libraries) and takes minutes."
    )
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-e"]
    scene = True
    if subprocess.run([*pip, f"{root}[scene,test]"], check=False, stdin=subprocess.DEVNULL).returncode != 0:
        _say("That failed; trying without 3D Slicer's libraries (slicer-core has no package for every system) ...")
        scene = False
        _run(
            [*pip, f"{root}[test]"],
            "The libraries could not be installed (pip's words are above); often there is no network, or a proxy is not set "
            "(environment variable HTTPS_PROXY). Run the same command again when that is mended.",
        )
    if not scene:
        _say("Note: without slicer-core everything works but scene.mrb, which is skipped.")
    (venv / MARKER).write_text(json.dumps({"wanted": wanted, "scene": scene}), encoding="utf-8")
    return python_of(venv)


def reenter(script: Path, arguments: list[str]) -> int | None:
    """Runs ``script`` again in the environment and returns its exit code; None when this already is the environment."""
    try:
        python = ensure()
    except SetupError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() == VENV.resolve():
        return None
    try:
        return subprocess.run([str(python), str(script), *arguments], check=False).returncode
    except KeyboardInterrupt:
        return 130


def _run(command: list[str], failure: str) -> None:
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode != 0:
        raise SetupError(failure)


def _say(sentence: str) -> None:
    print(sentence, flush=True)
