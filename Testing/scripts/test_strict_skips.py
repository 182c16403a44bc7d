"""In CI a test that is skipped for a missing package has failed; elsewhere, and for other reasons, it is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
IN_A_TEST = "import pytest\ndef test_it():\n    pytest.importorskip('no_such_package')\n"
IN_A_FILE = "import pytest\npytest.importorskip('no_such_package')\n"
FOR_DATA = "import pytest\ndef test_it():\n    pytest.skip('shared data is absent')\n"


@pytest.mark.parametrize(
    ("text", "ci", "fails"),
    [
        (IN_A_TEST, "true", True),
        (IN_A_FILE, "true", True),
        (FOR_DATA, "true", False),
        (IN_A_TEST, "", False),
        (IN_A_FILE, "", False),
    ],
)
def test_skips_for_packages_fail_in_ci(tmp_path: Path, text: str, ci: str, fails: bool) -> None:
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_one.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "CI": ci}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode not in (0, 5)) is fails, done.stdout
    assert ("which CI must have" in done.stdout) is fails
