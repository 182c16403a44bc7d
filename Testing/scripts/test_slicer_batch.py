"""The batch script inside Slicer: whatever happens, Slicer is asked to leave with the right code; a stand-in records it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "slicer_batch.py"
# Executed as Slicer does it: in __main__, with __file__ set, with the application's module loaded before.
SLICER = """
import os, sys, types
slicer = types.ModuleType("slicer")
slicer.__path__ = []
class Settings(dict):
    def value(self, key, otherwise=None): return self.get(key, otherwise)
    setValue = dict.__setitem__
settings = Settings()
slicer.app = types.SimpleNamespace(revisionUserSettings=lambda: settings)
slicer.util = types.SimpleNamespace(exit=lambda code: print("LEAVES WITH", code), startupEnvironment=lambda: dict(os.environ))
packaging = types.ModuleType("slicer.packaging")
packaging.load_requirements = lambda path: ["nibabel>=5"]
packaging.pip_check = lambda requirement: eval(CHECK)
def pip_ensure(requirements, prompt_install=True, prompt_restart=True, show_progress=True, **_):
    print("INSTALLS", requirements, prompt_install, prompt_restart, show_progress)
packaging.pip_ensure = pip_ensure
i18n = types.ModuleType("slicer.i18n")
i18n.tr = lambda text: text
i18n.translate = lambda context, text: text
sys.modules.update({"slicer": slicer, "slicer.packaging": packaging, "slicer.i18n": i18n})
sys.argv = [SCRIPT, *ARGUMENTS]
exec(open(SCRIPT).read(), {"__name__": "__main__", "__file__": SCRIPT})
print("SLICER GOES ON")
"""


def in_slicer(*arguments: str, check: str = "True", path: str = "") -> subprocess.CompletedProcess[str]:
    text = f"SCRIPT, ARGUMENTS, CHECK = {str(SCRIPT)!r}, {list(arguments)!r}, {check!r}\n{SLICER}"
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def wish(tmp_path: Path) -> list[str]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.nii.gz").write_bytes(b"this is no image")
    return ["--", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]


@pytest.fixture
def with_python_slicer(tmp_path: Path) -> str:
    """PATH with a PythonSlicer, which is this Python."""
    if os.name == "nt":
        pytest.skip("a shell script stands for PythonSlicer")
    program = tmp_path / "bin" / "PythonSlicer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return os.pathsep.join([str(program.parent), os.environ["PATH"]])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["--nonsense"], 2), (["--", "--input", "nowhere", "--output", "nowhere-either"], 2)],
)
def test_slicer_leaves_with_the_code_of_bad_use(arguments: list[str], code: int, with_python_slicer: str) -> None:
    done = in_slicer(*arguments, path=with_python_slicer)
    assert f"LEAVES WITH {code}\n" in done.stdout
    assert "Traceback" not in done.stderr


def test_missing_packages_are_named_and_nothing_is_installed(tmp_path: Path) -> None:
    done = in_slicer(*wish(tmp_path), check="False")
    assert "LEAVES WITH 2" in done.stdout
    assert "nibabel>=5" in done.stderr and "--install-missing" in done.stderr
    assert "INSTALLS" not in done.stdout


def test_installing_asks_no_question(tmp_path: Path) -> None:
    done = in_slicer(*wish(tmp_path), "--install-missing", check="False")
    assert "INSTALLS ['nibabel>=5'] False False False" in done.stdout
    assert "LEAVES WITH 2" in done.stdout  # the stand-in installed nothing


def test_slicer_without_its_python_is_a_sentence(tmp_path: Path) -> None:
    done = in_slicer(*wish(tmp_path), path=str(tmp_path))
    assert "LEAVES WITH 2" in done.stdout
    assert "PythonSlicer" in done.stderr


def test_a_defect_is_shown_and_slicer_leaves_all_the_same(tmp_path: Path) -> None:
    done = in_slicer(*wish(tmp_path), check="1 / 0")
    assert "ZeroDivisionError" in done.stderr
    assert "LEAVES WITH 1" in done.stdout


def test_a_case_that_fails_gives_code_1_and_the_machine_readable_line(tmp_path: Path, with_python_slicer: str) -> None:
    done = in_slicer(*wish(tmp_path), path=with_python_slicer)
    assert "LEAVES WITH 1" in done.stdout, done.stderr
    assert 'XAIREPORT_BATCH {"ok": 0, "failed": 1, "skipped": 0, "ignored": 0}' in done.stdout
    assert "broken.nii.gz" in (tmp_path / "out" / "summary.json").read_text()


def test_the_script_is_plain_ascii() -> None:
    """Slicer opens it in the encoding of the system."""
    assert SCRIPT.read_bytes().isascii()
