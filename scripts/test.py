"""Installs what is needed and runs every test that needs no Slicer application: ``python3 scripts/test.py [pytest arguments]``.

Arguments are pytest's, for example files or ``-k NAME``. A file's tests run one after the other, several files at the same time;
``-n 0`` runs all of them one after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import bootstrap  # noqa: E402

CHECKED = ["XAIReport", "scripts", "Testing"]
PROCESSES = min(os.cpu_count() or 1, 4)  # of tests; each holds up to 3 GB
AT_ONCE = ["-n", str(PROCESSES), "--dist", "loadfile", "--max-worker-restart", "0"]


def main(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    code = bootstrap.reenter(Path(__file__).resolve(), arguments)
    if code is not None:
        return code
    bootstrap.add_server()
    bootstrap.add_syn()
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
    threads = max((os.cpu_count() or 1) // PROCESSES, 1)  # more would wait for one another
    tests = subprocess.run(
        [*run, "pytest", *AT_ONCE, *arguments],
        cwd=ROOT,
        check=False,
        env={"OMP_NUM_THREADS": str(threads), **os.environ},
    ).returncode
    return tests or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
