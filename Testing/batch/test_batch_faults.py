"""What goes wrong around a batch: a full disk, a second batch, an odd folder, a killed run; it costs one case at the most."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib import batch as batches
from XAIReportLib import batch_cases
from XAIReportLib.batch import run_batch
from XAIReportLib.batch_cases import input_sha256
from XAIReportLib.batch_files import remembered_id
from XAIReportLib.case import InputError
from XAIReportLib.worker.client import WorkerClient

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing" / "scene"))
from result_folders import write_result  # noqa: E402

COMMAND = [sys.executable, str(ROOT / "Testing" / "worker" / "scripted_worker.py")]


def cases(tmp_path: Path, *names: str) -> Path:
    """A CSV of inputs whose names are their case ids."""
    for name in names:
        (tmp_path / f"{name}.nii.gz").write_bytes(name.encode())
    table = tmp_path / "cases.csv"
    table.write_text("input,case_id\n" + "".join(f"{name}.nii.gz,{name}\n" for name in names))
    return table


def finished(tmp_path: Path, name: str, **changes: object) -> Path:
    """A result of the input of that name, with other values in its run.json."""
    folder = write_result(tmp_path / "out" / name, np.eye(4), case_id=name)
    run = {
        "input_sha256": input_sha256(tmp_path / f"{name}.nii.gz"),
        "bundle": {"sha256": "0" * 64},
        "options": {},
        **changes,
    }
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def states(summary: dict) -> list[str]:
    return [row["state"] for row in summary["cases"]]


def warnings(folder: Path) -> list[str]:
    return json.loads((folder / "run.json").read_text()).get("warnings", [])


# --- the batch's own files -------------------------------------------------------------------------------------------


def test_two_batches_in_one_output_folder_keep_the_case_ids_of_both(tmp_path: Path, client: WorkerClient) -> None:
    for name in ("a-first", "b-second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.nii.gz").write_bytes(name.encode())
    (tmp_path / "a-first" / "y.nii.gz").write_bytes(b"y")
    ids: list[str] = []

    def beside(_: Path) -> None:
        """Between two cases of the first batch, the second one runs."""
        if not ids:
            with WorkerClient(command=COMMAND) as other:
                ids.append(run_batch(tmp_path / "b-second", tmp_path / "out", other)["cases"][0]["case_id"])

    first = run_batch(tmp_path / "a-first", tmp_path / "out", client, add_scene=beside)
    ids += [row["case_id"] for row in first["cases"]]
    known = json.loads((tmp_path / "out" / "batch.json").read_text())["case_ids"]
    assert sorted(known.values()) == sorted(ids)
    kept = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert sorted(row["case_id"] for row in kept["cases"]) == sorted(ids)
    assert (kept["ok"], kept["failed"], kept["skipped"]) == (3, 0, 0)


def test_one_input_gets_one_case_id_however_many_batches_ask_at_once(tmp_path: Path) -> None:
    ids: list[str] = []
    ask = [threading.Thread(target=lambda: ids.append(remembered_id(tmp_path, "d" * 64))) for _ in range(8)]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["batch.json"]


def test_a_damaged_manifest_stops_the_batch_before_any_case(tmp_path: Path, client: WorkerClient) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "batch.json").write_text("[]")
    with pytest.raises(InputError, match=r"batch\.json in the output folder cannot be read"):
        run_batch(cases(tmp_path, "one"), tmp_path / "out", client)


def test_a_summary_that_cannot_be_written_now_is_written_after_the_next_case(
    tmp_path: Path, client: WorkerClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    replace, refused = Path.replace, []

    def once(self: Path, target: Path) -> Path:
        if target.name == "summary.json" and not refused:
            refused.append(target)
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", once)
    summary = run_batch(cases(tmp_path, "one", "two"), tmp_path / "out", client)
    assert states(summary) == ["ok", "ok"]
    assert "Warning: summary.json cannot be written (Permission denied)" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["summary.json"]


# --- what is wrong with one case -------------------------------------------------------------------------------------


@pytest.mark.parametrize("findings", [{"saliency": [{}]}, {"saliency": 5}, {"prediction": ["x"]}, {"anatomy": "x"}])
def test_an_odd_result_is_analysed_again(tmp_path: Path, client: WorkerClient, findings: dict) -> None:
    table = cases(tmp_path, "one", "two")
    (finished(tmp_path, "one") / "findings.json").write_text(json.dumps(findings))
    assert states(run_batch(table, tmp_path / "out", client)) == ["ok", "ok"]


@pytest.mark.parametrize(
    "changes", [{"options": None}, {"options": []}, {"bundle": "brain_tumor_mri"}, {"bundle": None}]
)
def test_an_odd_provenance_is_analysed_again(tmp_path: Path, client: WorkerClient, changes: dict) -> None:
    table = cases(tmp_path, "one", "two")
    finished(tmp_path, "one", **changes)
    assert states(run_batch(table, tmp_path / "out", client)) == ["ok", "ok"]


def test_a_file_that_no_memory_could_hold_costs_its_case(tmp_path: Path, client: WorkerClient) -> None:
    table = cases(tmp_path, "huge", "two")
    with (tmp_path / "huge.nii.gz").open("wb") as file:
        try:
            file.truncate(2**42)
        except OSError:
            pytest.skip("this disk has no sparse files")
    summary = run_batch(table, tmp_path / "out", client)
    assert states(summary) == ["failed", "ok"]
    assert "huge.nii.gz is larger than 4 GB" in summary["cases"][0]["message"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "one.nii.gz does not fit into memory"),
        (ZeroDivisionError("in /home/Doe/x"), "The case failed (ZeroDivisionError: in x)."),
    ],
)
def test_whatever_fails_while_an_input_is_read_costs_its_case(
    tmp_path: Path, client: WorkerClient, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    from XAIReportLib import reading

    read = reading.sha256_of_input

    def broken(source: Path) -> str:
        if source.name == "one.nii.gz":
            raise error
        return read(source)

    monkeypatch.setattr(reading, "sha256_of_input", broken)
    summary = run_batch(cases(tmp_path, "one", "two"), tmp_path / "out", client)
    assert states(summary) == ["failed", "ok"]
    assert said in summary["cases"][0]["message"]


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 0.0, -1.0, 1e300])
def test_a_time_limit_that_is_none_is_refused(tmp_path: Path, client: WorkerClient, seconds: float) -> None:
    with pytest.raises(InputError, match="time limit"):
        run_batch(cases(tmp_path, "one"), tmp_path / "out", client, seconds)
    assert not (tmp_path / "out").exists()


# --- scenes ----------------------------------------------------------------------------------------------------------


def test_a_full_disk_while_a_scene_is_made_costs_no_case(
    tmp_path: Path, client: WorkerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/data/Doe/out/one/scene.mrb")

    monkeypatch.setattr(batch_cases, "add_warning", full)
    summary = run_batch(cases(tmp_path, "one", "two"), tmp_path / "out", client, add_scene=full)
    assert states(summary) == ["ok", "ok"]
    assert summary["cases"][0]["message"] == (
        "scene.mrb was left out: [Errno 28] No space left on device: 'scene.mrb'. The details are in errors/one.txt."
    )


def test_a_warning_about_a_scene_names_no_folder(tmp_path: Path, client: WorkerClient) -> None:
    table = cases(tmp_path, "one")
    folder = finished(tmp_path, "one")

    def no_scene(folder: Path) -> None:
        (folder / "nowhere" / "scene.mrb").write_text("scene")

    run_batch(table, tmp_path / "out", client, add_scene=no_scene)
    assert warnings(folder) == ["scene.mrb was left out: [Errno 2] No such file or directory: 'scene.mrb'"]


@pytest.mark.parametrize("here", [True, False])
def test_a_run_that_was_killed_before_its_scene_gets_it_when_it_goes_on(
    tmp_path: Path, client: WorkerClient, here: bool
) -> None:
    table = cases(tmp_path, "one")
    folder = finished(tmp_path, "one")
    asked: list[Path] = []

    def add_scene(folder: Path) -> None:
        asked.append(folder)
        (folder / "scene.mrb").write_text("scene")

    for _ in range(2):
        summary = run_batch(table, tmp_path / "out", client, add_scene=add_scene if here else None)
        assert states(summary) == ["skipped"]
        assert "message" not in summary["cases"][0]
    assert (folder / "scene.mrb").is_file()
    assert asked == ([folder] if here else [])


def test_a_result_that_says_why_it_has_no_scene_is_left_as_it_is(tmp_path: Path, client: WorkerClient) -> None:
    table = cases(tmp_path, "one")
    folder = finished(tmp_path, "one", warnings=["scene.mrb was left out: slicer-core is not installed."])
    run_batch(table, tmp_path / "out", client)
    assert not (folder / "scene.mrb").exists()


@pytest.mark.parametrize(
    ("name", "said", "noted"),
    [
        ("bad", "scene.mrb was left out: scan.nii.gz is empty; copy it again.", True),
        ("warned", "scene.mrb was left out: there was no room.", False),  # the worker's part
    ],
)
def test_a_scene_that_the_worker_cannot_make_is_told(
    tmp_path: Path, client: WorkerClient, name: str, said: str, noted: bool
) -> None:
    table = cases(tmp_path, name)
    folder = finished(tmp_path, name)
    row = run_batch(table, tmp_path / "out", client)["cases"][0]
    assert (row["state"], row["message"]) == ("skipped", said)
    assert warnings(folder) == ([said] if noted else [])


# --- the last line ---------------------------------------------------------------------------------------------------


def test_the_line_for_programs_is_printed_whatever_ends_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "keep_summary", interrupted)
    parser = argparse.ArgumentParser()
    batches.add_options(parser)
    options = parser.parse_args(["--input", str(cases(tmp_path, "one", "two")), "--output", str(tmp_path / "out")])
    with pytest.raises(KeyboardInterrupt):
        batches.run(options, {"command": COMMAND})
    assert capsys.readouterr().out == 'XAIREPORT_BATCH {"ok": 1, "failed": 0, "skipped": 0, "ignored": 0}\n'


INTERRUPTED = f"""
import sys
from XAIReportLib import batch
from XAIReportLib.__main__ import main
from XAIReportLib.worker.client import WorkerClient
batch.WorkerClient = lambda **_: WorkerClient(command={COMMAND!r})
sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_batch_claims_only_what_is_true(tmp_path: Path) -> None:
    table = cases(tmp_path, "one", "two-slow")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, "batch", "--input", str(table), "--output", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "[1/2] one ok\n"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "Error: Interrupted; what was finished stays.\n")
    assert out == 'XAIREPORT_BATCH {"ok": 1, "failed": 0, "skipped": 0, "ignored": 0}\n'
    assert (tmp_path / "out" / "summary.json").is_file()
