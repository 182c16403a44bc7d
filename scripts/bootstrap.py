"""Makes the environment that demo.py and test.py run in: .venv at the repository root. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
MARKER = "xaireport-installed.json"
NEEDED_GB, SPARE_GB = 10.0, 1.0
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
    needed = max(NEEDED_GB * 1e9 - _size(venv), SPARE_GB * 1e9)
    if free < needed:
        raise SetupError(
            f"About {needed / 1e9:.0f} GB of disk space are needed for the libraries and {free / 1e9:.1f} GB are free; "
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
    if not _is_usable(venv):
        make(venv)
    scene = install(venv, root)
    (venv / MARKER).write_text(json.dumps({"wanted": wanted, "scene": scene}), encoding="utf-8")
    return python_of(venv)


def make(venv: Path) -> None:
    """A new environment in place of one that was half made or whose Python is gone. Raises SetupError."""
    if venv.is_dir() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise SetupError(f"{venv.name} in the repository is no Python environment; move it away and run again.")
    _say(f"Making the environment {venv.name} ...")
    shutil.rmtree(venv, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False, stdin=subprocess.DEVNULL).returncode:
        raise SetupError(f"The environment could not be made (see above); remove {venv.name} and run again.")


def install(venv: Path, root: Path) -> bool:
    """Installs the project with its libraries; returns whether the scene's are among them. Raises SetupError."""
    _say(
        "Installing the libraries. The first time this downloads some gigabytes (PyTorch, 3D Slicer's libraries) and takes minutes."
    )
    pip = [*_pip(venv), "-e"]
    code, errors = _run_with_signs_of_life([*pip, f"{root}[scene,test]"])
    if code == 0:
        return True
    cause = cause_of(errors)
    if cause is None:
        _say("That failed; trying without 3D Slicer's libraries (slicer-core has no package for every system) ...")
        code, errors = _run_with_signs_of_life([*pip, f"{root}[test]"])
        if code == 0:
            _say("Note: without slicer-core everything works but scene.mrb, which is skipped.")
            return False
        cause = cause_of(errors) or "pip's words are above; run the same command again when the cause is mended"
    raise SetupError(f"The libraries could not be installed: {cause}.")


# Nothing that is tied to this processor or needs more than a C++ compiler.
SERVER_FLAGS = (
    "-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF -DGGML_OPENMP=OFF -DLLAMA_BUILD_COMMON=OFF -DCMAKE_CXX_FLAGS_RELEASE=-O1"
)


def add_server(venv: Path = VENV, root: Path = ROOT) -> bool:
    """A server of language models, which some tests ask: built from source once. Without it they are skipped.

    Returns whether it is there. A build that has failed is tried again when the dependencies change.
    """

    def build() -> str | None:
        if os.name != "nt" and not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
            return "needs a C++ compiler"
        _say("Building a server of language models for the tests. This takes some minutes, once.")
        os.environ.setdefault("CMAKE_ARGS", SERVER_FLAGS)
        os.environ.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
        code, _ = _run_with_signs_of_life([*_pip(venv), "-e", f"{root}[server]"])
        return None if code == 0 else "could not be built, see above"

    return _add(venv, "server", "server of language models", build)


def add_syn(venv: Path = VENV, root: Path = ROOT) -> bool:
    """antspyx, which some tests register with. Without it they are skipped.

    Its bounds on numpy and scipy are below the versions that everything else is tested with; it goes beside these, without
    a look at its bounds, with the one package of its own that nothing else brings.

    Returns whether it is there. An installation that has failed is tried again when the dependencies change.
    """

    def install_() -> str | None:
        import tomllib  # not in a Python that check_machine refuses

        wanted = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        code, _ = _run_with_signs_of_life(
            [*_pip(venv), "--no-deps", "webcolors", *wanted["project"]["optional-dependencies"]["syn"]]
        )
        return None if code == 0 else "could not be installed, see above"

    return _add(venv, "syn", "antspyx", install_)


def _add(venv: Path, key: str, name: str, install_: Callable[[], str | None]) -> bool:
    """Adds what only some tests need, once; ``install_`` returns why it could not."""
    state = json.loads((venv / MARKER).read_text(encoding="utf-8"))
    if key in state:
        return state[key]
    lack = install_()
    if lack:
        _say(f"Note: there is no {name} (it {lack}); the tests that ask it are skipped.")
    (venv / MARKER).write_text(json.dumps({**state, key: lack is None}), encoding="utf-8")
    return lack is None


def _pip(venv: Path) -> list[str]:
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [str(python_of(venv)), "-m", "pip", "install", *quiet]


CAUSES = {
    "the disk is full; make room and run again": ("no space left", "not enough space", "errno 28"),
    "the network's certificate is not trusted here; give pip the certificate of your proxy (environment variable PIP_CERT) "
    "and run again": ("certificate_verify_failed", "certificate verify failed"),
    "the network cannot be reached; connect, or set your proxy (environment variable HTTPS_PROXY), and run again": (
        "name resolution", "name or service not known", "getaddrinfo failed", "nodename nor servname", "max retries",
        "failed to establish a new connection", "network is unreachable", "connection refused", "timed out", "proxyerror",
        "cannot connect to proxy",
    ),
}  # fmt: skip


def cause_of(errors: str) -> str | None:
    """What pip's words say of the cause, with the remedy; None when they say something else."""
    text = errors.lower()
    return next((cause for cause, signs in CAUSES.items() if any(sign in text for sign in signs)), None)


def _run_with_signs_of_life(command: list[str], every_s: float = 30.0) -> tuple[int, str]:
    """Exit code and stderr, both streams shown as they come; pip is silent for minutes while it unpacks."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    errors: list[str] = []

    def echo() -> None:
        for line in process.stderr or ():
            errors.append(line)
            sys.stderr.write(line)
            sys.stderr.flush()

    reader = threading.Thread(target=echo, daemon=True)
    reader.start()
    try:
        while True:
            try:
                code = process.wait(every_s)
                break
            except subprocess.TimeoutExpired:
                _say(f"... still installing, {time.monotonic() - began:.0f} s")
    except BaseException:
        process.kill()
        raise
    reader.join(5)
    return code, "".join(errors)


def _is_usable(venv: Path) -> bool:
    """Whether the environment has a Python that runs, of a fitting version, with pip."""
    question = f"import pip, sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    try:
        return subprocess.run([str(python_of(venv)), "-c", question], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _size(folder: Path) -> int:
    """Bytes of all files in a folder that may be missing."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(where) / name).lstat().st_size
    return total


def reenter(script: Path, arguments: list[str]) -> int | None:
    """Runs ``script`` again in the environment and returns its exit code; None when this already is the environment."""
    try:
        python = ensure()
    except SetupError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; the next run goes on from here.", file=sys.stderr)
        return 130
    if Path(sys.prefix).resolve() == VENV.resolve():
        return None
    try:
        return subprocess.run([str(python), str(script), *arguments], check=False).returncode
    except KeyboardInterrupt:
        return 130


def _say(sentence: str) -> None:
    print(sentence, flush=True)
