"""How a case can end: what is finished is never called failed, and the cause of what failed can be found."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from XAIReportLib.batch import run_batch
from XAIReportLib.worker.client import WorkerClient

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
    assert run_batch(table, tmp_path / "out", client, limit_s)["skipped"] == 1
