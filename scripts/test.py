"""Installs what is needed and runs every test that needs no Slicer application: ``python3 scripts/test.py [pytest arguments]``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import bootstrap  # noqa: E402

CHECKED = ["XAIReport", "scripts", "Testing"]


def main(arguments: list[str]) -> int:
    code = bootstrap.reenter(Path(__file__).resolve(), arguments)
    if code is not None:
        return code
    bootstrap.add_server()
    run = [sys.executable, "-m"]
    binaries = Path(sys.executable).parent
    steps = [
        ([*run, "ruff", "check", *CHECKED], "ruff check"),
        ([*run, "ruff", "format", "--check", *CHECKED], "ruff format"),
        ([str(binaries / "lint-imports"), "--config", str(ROOT / ".importlinter")], "import-linter"),
    ]
    failed = []
    for command, name in steps:
        print(f"{name} ...", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)} (see above). The tests run all the same.", flush=True)
    print("pytest ...", flush=True)
    tests = subprocess.run([*run, "pytest", *arguments], cwd=ROOT, check=False).returncode
    return tests or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
