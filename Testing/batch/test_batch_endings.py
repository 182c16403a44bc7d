"""How a case can end: what is finished is never called failed, and the cause of what failed can be found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from XAIReportLib.batch import run_batch
from XAIReportLib.folder import locked
from XAIReportLib.worker.client import WorkerClient

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "slicer_batch.py"
COMMAND = [sys.executable, str(Path(__file__).with_name("ending_worker.py"))]


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    with WorkerClient(command=COMMAND, silence_timeout_s=60) as client:
        yield client


def cases(folder: Path, *names: str) -> Path:
    """A CSV of inputs whose names are their case ids."""
    for name in names:
        (folder / f"{name}.nii.gz").write_bytes(name.encode())
    (folder / "cases.csv").write_text("input,case_id\n" + "".join(f"{name}.nii.gz,{name}\n" for name in names))
    return folder / "cases.csv"


@pytest.mark.parametrize("debug", [False, True])
def test_the_details_of_an_error_are_kept_and_printed_on_demand(
    tmp_path: Path, client: WorkerClient, capsys: pytest.CaptureFixture, debug: bool
) -> None:
    rows = run_batch(cases(tmp_path, "crash", "denied"), tmp_path / "out", client, debug=debug)["cases"]
    assert [row["state"] for row in rows] == ["failed", "failed"]
    assert rows[0]["message"].endswith(" The details are in errors/crash.txt.")
    assert rows[1]["message"].startswith("The analysis failed (PermissionError: [Errno 13] Permission denied: 'x').")
    crash, denied = ((tmp_path / "out" / "errors" / f"{name}.txt").read_text() for name in ("crash", "denied"))
    assert "libfoo: CUDA error 719 in kernel x" in crash
    assert "in analyze" in denied
    assert "Doe" not in denied + json.dumps(rows)
    assert ("CUDA error 719" in (printed := capsys.readouterr().err)) == debug
    assert ("in analyze" in printed) == debug


def test_details_of_an_earlier_run_go_with_its_error(tmp_path: Path) -> None:
    table = cases(tmp_path, "one")
    (tmp_path / "out" / "errors").mkdir(parents=True)
    (tmp_path / "out" / "errors" / "one.txt").write_text("of an earlier run")
    with WorkerClient(command=[sys.executable, str(COMMAND[1]).replace("ending", "narrating")]) as other:
        (tmp_path / "one.nii.gz").write_text("left glioma")
        assert run_batch(table, tmp_path / "out", other)["ok"] == 1
    assert not (tmp_path / "out" / "errors").exists()


@pytest.mark.parametrize(
    ("name", "limit_s", "said"),
    [
        ("slow-scene", 6.0, "scene.mrb was left out: The case took longer than 6 s and was stopped."),
        ("crash-scene", None, "scene.mrb was left out: The worker ended unexpectedly (exit code 3)"),
    ],
)
def test_a_case_whose_scene_was_not_finished_is(
    tmp_path: Path, client: WorkerClient, name: str, limit_s: float | None, said: str
) -> None:
    table = cases(tmp_path, name)
    (row,) = run_batch(table, tmp_path / "out", client, limit_s)["cases"]
    assert (row["state"], row["outcome"]) == ("ok", "class_suggested")
    assert row["message"].startswith(said)
    assert json.loads((tmp_path / "out" / name / "run.json").read_text())["warnings"][0].startswith(said)
    assert hidden(tmp_path / "out") == []
    assert run_batch(table, tmp_path / "out", client, limit_s)["skipped"] == 1


# --- what a case that was ended leaves -------------------------------------------------------------------------------


def hidden(output: Path) -> list[str]:
    return sorted(path.relative_to(output).as_posix() for path in output.rglob(".*"))


def test_a_case_that_is_stopped_leaves_nothing(tmp_path: Path, client: WorkerClient) -> None:
    (row,) = run_batch(cases(tmp_path, "half"), tmp_path / "out", client, 5)["cases"]
    assert "longer than 5 s" in row["message"]
    assert hidden(tmp_path / "out") == []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["summary.json"]


def test_a_batch_removes_what_killed_runs_left(tmp_path: Path, client: WorkerClient) -> None:
    for name in (".one.partial-1-0123abcd", "two/.scene-1-0k_x9abc"):
        (tmp_path / "out" / name).mkdir(parents=True)
    for name in (".one.lock", ".three.lock", ".batch.json.lock", "two/run.json"):
        (tmp_path / "out" / name).touch()
    with locked(tmp_path / "out" / "four"):
        run_batch(cases(tmp_path, "crash"), tmp_path / "out", client)
        assert hidden(tmp_path / "out") == [".four.lock"]


STARTED = f"""
import sys
from XAIReportLib import batch
from XAIReportLib.__main__ import main
from XAIReportLib.worker.client import WorkerClient
batch.WorkerClient = lambda **how: WorkerClient(command={COMMAND!r}, **how)
batch.GRACE_S = 0.5
"""
DOORS = {
    "xaireport": "sys.argv.insert(1, 'batch'); sys.exit(main())",
    "script": f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')",
}


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("door", DOORS)
def test_a_batch_that_is_ended_leaves_nothing(tmp_path: Path, door: str, how: signal.Signals, code: int) -> None:
    arguments = ["--input", str(cases(tmp_path, "half")), "--output", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-c", STARTED + DOORS[door], *arguments], stderr=subprocess.DEVNULL)
    for _ in range(1200):
        if list((tmp_path / "out").glob(".half.partial-*/image.nii.gz")):
            break
        time.sleep(0.05)
    process.send_signal(how)
    assert process.wait(60) == code
    assert hidden(tmp_path / "out") == []
