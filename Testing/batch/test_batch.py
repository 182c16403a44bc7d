"""A batch: one bad case costs itself, nothing finished is lost, bad use is a sentence and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from XAIReportLib.batch import Item, find_items, run_batch
from XAIReportLib.case import InputError
from XAIReportLib.models.bundle import find_bundles
from XAIReportLib.worker.client import WorkerClient

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "Testing" / "worker" / "scripted_worker.py"
needs_bundle = pytest.mark.skipif(not find_bundles(), reason="no bundle was trained in this checkout")


def folder_of(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def batch(folder: Path, output: Path, timeout_s: float | None = 60) -> dict:
    with WorkerClient(command=[sys.executable, str(WORKER)], silence_timeout_s=30) as client:
        return run_batch(folder, output, client, timeout_s)


@needs_bundle
def test_a_case_that_fails_is_reported_and_the_rest_go_on(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.nii.gz", "b-bad.nii.gz", "c-die.nii.gz", "d.nrrd", "notes.txt")
    summary = batch(folder, tmp_path / "out")
    assert [row["state"] for row in summary["cases"]] == ["ok", "failed", "failed", "ok"]
    assert "copy it again" in summary["cases"][1]["message"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


@needs_bundle
def test_a_case_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a-slow.nii.gz", "b.nii.gz")
    summary = batch(folder, tmp_path / "out", timeout_s=1.5)
    assert [row["state"] for row in summary["cases"]] == ["failed", "ok"]
    assert "longer than 1.5 s" in summary["cases"][0]["message"]


@needs_bundle
def test_case_ids_are_random_and_remembered(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "Jane-Doe.nii.gz")
    first, second = (batch(folder, tmp_path / "out")["cases"][0]["case_id"] for _ in range(2))
    assert first == second
    assert "jane" not in first.lower()


def test_a_csv_names_inputs_relative_to_itself(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text("input,case_id\nx.nii.gz,one\nsub/y.nrrd,\n", encoding="utf-8-sig")
    assert find_items(table) == [Item(tmp_path / "x.nii.gz", "one"), Item(tmp_path / "sub/y.nrrd")]


@pytest.mark.parametrize(
    "text", ["", "file\nx.nii.gz\n", "input,case_id\na,../up\n", "input,case_id\na,same\nb,same\n"]
)
def test_a_useless_csv_is_refused(tmp_path: Path, text: str) -> None:
    table = tmp_path / "cases.csv"
    table.write_text(text)
    with pytest.raises(InputError):
        find_items(table)


@pytest.mark.parametrize("command", [["-m", "XAIReportLib", "batch"], [str(ROOT / "scripts" / "slicer_batch.py")]])
@pytest.mark.parametrize("wish", ["nowhere", "empty"])
def test_bad_use_is_a_sentence_and_exit_code_2(tmp_path: Path, command: list[str], wish: str) -> None:
    (tmp_path / "empty").mkdir()
    arguments = [*command, "--input", str(tmp_path / wish), "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_the_slicer_script_reports_bad_options_with_exit_code_2() -> None:
    script = str(ROOT / "scripts" / "slicer_batch.py")
    done = subprocess.run(
        [sys.executable, script, "--nonsense"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
