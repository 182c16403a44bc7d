"""The set-up on a fresh machine: what is made, what is made again, and what a person is told when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import bootstrap  # noqa: E402

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the libraries were installed; nothing really is, the environment is a real one."""
    calls: list[Path] = []
    monkeypatch.setattr(bootstrap, "install", lambda venv, _: calls.append(venv) or True)
    return calls


def test_the_environment_is_made_once_and_filled_again_when_the_dependencies_change(
    root: Path, installed: list[Path]
) -> None:
    venv = root / ".venv"
    python = bootstrap.ensure(venv, root)
    assert subprocess.run([str(python), "-c", "import pip"], check=False).returncode == 0
    bootstrap.ensure(venv, root)
    assert len(installed) == 1
    (root / "pyproject.toml").write_text(PROJECT + "dependencies = []\n")
    kept = venv / "kept"
    kept.touch()
    bootstrap.ensure(venv, root)
    assert len(installed) == 2
    assert kept.exists()


def test_an_environment_that_was_half_made_is_made_again(root: Path, installed: list[Path]) -> None:
    venv = root / ".venv"
    python = bootstrap.python_of(venv)
    python.parent.mkdir(parents=True)
    python.write_text("")
    (venv / "pyvenv.cfg").write_text("")
    bootstrap.ensure(venv, root)
    assert subprocess.run([str(python), "-c", "import pip"], check=False).returncode == 0
    assert installed == [venv]


def test_a_folder_that_is_no_environment_is_left_alone(root: Path, installed: list[Path]) -> None:
    (root / ".venv").mkdir()
    (root / ".venv" / "thesis.docx").touch()
    with pytest.raises(bootstrap.SetupError, match="move it away"):
        bootstrap.ensure(root / ".venv", root)
    assert (root / ".venv" / "thesis.docx").exists()
    assert installed == []


def test_an_installation_that_failed_is_not_taken_for_done(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Path) -> bool:
        raise bootstrap.SetupError("no network")

    monkeypatch.setattr(bootstrap, "install", fail)
    with pytest.raises(bootstrap.SetupError):
        bootstrap.ensure(root / ".venv", root)
    assert not bootstrap.is_complete(root / ".venv", bootstrap.wanted_state(root))


def test_space_that_is_already_taken_by_the_environment_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "_size", lambda _: 8_000_000_000)
    bootstrap.check_machine(tmp_path / ".venv", free_bytes=3_000_000_000, version=(3, 12))
    with pytest.raises(bootstrap.SetupError, match="About 2 GB"):
        bootstrap.check_machine(tmp_path / ".venv", free_bytes=1_500_000_000, version=(3, 12))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError: Failed to establish a new connection: Name or service not known", "HTTPS_PROXY"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED. Max retries exceeded", "PIP_CERT"),
        ("ERROR: No matching distribution found for slicer-core", None),
    ],
)
def test_the_cause_of_a_failed_installation_is_told_with_its_remedy(words: str, told: str | None) -> None:
    cause = bootstrap.cause_of(words)
    assert (cause is None) if told is None else told in str(cause)


def pip(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, str]) -> list[str]:
    """pip answers in turn; returns what it was asked to install."""
    wanted: list[str] = []
    rest = list(answers)
    monkeypatch.setattr(bootstrap, "_run_with_signs_of_life", lambda c: wanted.append(c[-1]) or rest.pop(0))
    return wanted


def test_without_a_package_of_slicer_core_the_rest_is_installed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = pip(monkeypatch, (1, "No matching distribution found for slicer-core"), (0, ""))
    assert bootstrap.install(root / ".venv", root) is False
    assert [name.rsplit("[", 1)[1] for name in wanted] == ["scene,test]", "test]"]


def test_without_a_network_nothing_is_tried_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = pip(monkeypatch, (1, "Network is unreachable"))
    with pytest.raises(bootstrap.SetupError, match="HTTPS_PROXY"):
        bootstrap.install(root / ".venv", root)
    assert len(wanted) == 1


@pytest.mark.parametrize("code", [0, 1])
def test_the_server_of_language_models_is_built_once_and_its_lack_is_no_error(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = pip(monkeypatch, (code, "error: something"))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: "/usr/bin/c++")
    for name in ("CMAKE_ARGS", "CMAKE_BUILD_PARALLEL_LEVEL"):
        monkeypatch.setenv(name, "")  # put back afterwards
    (root / bootstrap.MARKER).write_text('{"wanted": "x", "scene": true}')
    for _ in range(2):
        assert bootstrap.add_server(root, root) is (code == 0)
    assert [name.rsplit("[", 1)[1] for name in wanted] == ["server]"]
    assert ("the tests that ask it are skipped" in capsys.readouterr().out) is (code == 1)


@pytest.mark.parametrize("code", [0, 1])
def test_antspyx_is_added_once_beside_newer_libraries_and_its_lack_is_no_error(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "_run_with_signs_of_life", lambda c: commands.append(c) or (code, ""))
    (root / "pyproject.toml").write_text(PROJECT + '[project.optional-dependencies]\nsyn = ["antspyx>=0.6.3"]\n')
    (root / bootstrap.MARKER).write_text('{"wanted": "x", "scene": true, "server": true}')
    for _ in range(2):
        assert bootstrap.add_syn(root, root) is (code == 0)
    (command,) = commands
    assert command[-1] == "antspyx>=0.6.3"
    assert "--no-deps" in command
    assert ("the tests that ask it are skipped" in capsys.readouterr().out) is (code == 1)
    assert bootstrap.add_server(root, root)  # what is known of the other stays


@pytest.mark.skipif(os.name == "nt", reason="there, only the build itself finds the compiler")
def test_without_a_compiler_no_server_is_tried(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = pip(monkeypatch)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)
    (root / bootstrap.MARKER).write_text('{"wanted": "x", "scene": true}')
    assert bootstrap.add_server(root, root) is False
    assert wanted == []


def test_a_long_silent_step_shows_signs_of_life_and_errors_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    text = "import sys, time; print('on stderr', file=sys.stderr); time.sleep(1); sys.exit(4)"
    assert bootstrap._run_with_signs_of_life([sys.executable, "-c", text], every_s=0.2) == (4, "on stderr\n")
    shown = capfd.readouterr()
    assert "still installing" in shown.out
    assert "on stderr" in shown.err


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for the interpreter")
def test_a_python_without_the_venv_module_is_told_what_to_install(root: Path, tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError('Debian keeps this apart')")
    text = f"import bootstrap, pathlib; bootstrap.check_machine(pathlib.Path({str(root / '.venv')!r}))"
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "scripts")])
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "apt install python3-venv" in done.stderr
