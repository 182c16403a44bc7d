"""A batch: one bad case costs itself, nothing finished is lost, bad use is a sentence and exit code 2."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib.batch import run_batch
from XAIReportLib.batch_cases import USUAL, input_sha256
from XAIReportLib.batch_inputs import Item, find_items
from XAIReportLib.case import InputError
from XAIReportLib.pipeline import analyze
from XAIReportLib.results import DEFORMABLE_STEPS
from XAIReportLib.worker.client import WorkerClient

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing" / "scene"))
from result_folders import write_result  # noqa: E402

WORKER = ROOT / "Testing" / "worker" / "scripted_worker.py"


def folder_of(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def batch(folder: Path, output: Path, timeout_s: float | None = 60) -> dict:
    with WorkerClient(command=[sys.executable, str(WORKER)], silence_timeout_s=30) as client:
        return run_batch(folder, output, client, timeout_s)


def finished(tmp_path: Path, options: dict) -> None:
    """A result of x.nii.gz, analysed with these options."""
    folder = write_result(tmp_path / "out" / "one", np.eye(4), case_id="one")
    run = json.loads((folder / "run.json").read_text())
    run |= {
        "input_sha256": input_sha256(tmp_path / "x.nii.gz"),
        "bundle": {"sha256": "0" * 64},
        "options": options,
    }
    (folder / "run.json").write_text(json.dumps(run))


@pytest.fixture(scope="module")
def real_worker() -> Iterator[WorkerClient]:
    with WorkerClient(silence_timeout_s=300) as client:
        yield client


def test_a_case_that_fails_is_reported_and_the_rest_go_on(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.nii.gz", "b-bad.nii.gz", "c-die.nii.gz", "d.png", "notes.txt")
    summary = batch(folder, tmp_path / "out")
    assert [row["state"] for row in summary["cases"]] == ["ok", "failed", "failed", "ok"]
    assert "copy it again" in summary["cases"][1]["message"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


def test_a_case_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a-slow.nii.gz", "b.nii.gz")
    summary = batch(folder, tmp_path / "out", timeout_s=1.5)
    assert [row["state"] for row in summary["cases"]] == ["failed", "ok"]
    assert "longer than 1.5 s" in summary["cases"][0]["message"]


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"atlas": "harvard_oxford"}, "skipped"),
        ({"atlas": "desikan_killiany"}, "ok"),
        ({"contrast_agent": True}, "ok"),
        ({"classes": []}, "skipped"),
        ({"classes": ["all"]}, "ok"),
        ({"force": False}, "skipped"),
        ({"force": True}, "ok"),
        ({"deformable": DEFORMABLE_STEPS[0]}, "skipped"),
        ({"deformable": DEFORMABLE_STEPS[1]}, "ok"),
    ],
)
def test_a_finished_case_is_skipped_unless_something_else_is_asked_for(
    tmp_path: Path, options: dict, state: str
) -> None:
    (tmp_path / "x.nii.gz").write_bytes(b"a volume")
    (tmp_path / "cases.csv").write_text("input,case_id\nx.nii.gz,one\n")
    finished(tmp_path, {"force": False})
    with WorkerClient(command=[sys.executable, str(WORKER)], silence_timeout_s=30) as client:
        summary = run_batch(tmp_path / "cases.csv", tmp_path / "out", client, 60, **options)
    assert summary["cases"][0]["state"] == state


@pytest.mark.parametrize(
    "analysed", [{"counterfactuals": False}, {"exact_scorecam": True}, {"saliency": ["occlusion"]}]
)
def test_a_case_that_was_analysed_otherwise_than_a_batch_does_is_analysed_again(tmp_path: Path, analysed: dict) -> None:
    (tmp_path / "x.nii.gz").write_bytes(b"a volume")
    (tmp_path / "cases.csv").write_text("input,case_id\nx.nii.gz,one\n")
    finished(tmp_path, {"force": False, **analysed})
    with WorkerClient(command=[sys.executable, str(WORKER)], silence_timeout_s=30) as client:
        summary = run_batch(tmp_path / "cases.csv", tmp_path / "out", client, 60)
    assert summary["cases"][0]["state"] == "ok"


def test_every_option_of_an_analysis_that_changes_its_result_is_compared() -> None:
    known = {name: of.default for name, of in inspect.signature(analyze).parameters.items()}
    elsewhere = {"source", "output", "bundle", "device", "case_id", "keep", "notes", "clinical_table"}
    compared = {name: known[name] for name in known.keys() - elsewhere - {"progress", "cancelled"}}
    assert {name: list(v) if isinstance(v, tuple) else v for name, v in compared.items()} == USUAL


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
    ("text", "said"),
    [
        ("", "no column named input"),
        ("file\nx.nii.gz\n", "no column named input"),
        ("input,case_id\na,../up\n", "../up"),
        ("input,case_id\na,same\nb,same\n", "same twice"),
        ("input,case_id\na,Case1\nb,case1\n", "capitals make no difference"),
        ("input,case_id\na,one\n ,two\n", "no input in row 3"),
        ("input,case_id\na,summary.json\n", "row 2"),
        ("input,case_id\na,Batch.json\n", "a file of its own"),
    ],
)
def test_a_useless_csv_is_refused(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "cases.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)):
        find_items(table)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * 128 + b"DICM" if "slice" in name else b"x")


def test_a_folder_is_searched_at_any_depth_in_a_fixed_order(tmp_path: Path) -> None:
    touch(
        tmp_path, "b/scan.nii.gz", "a/series/slice1", "a/series/slice2", "a/DICOMDIR", "c.PNG", "notes.txt", ".hid.nii"
    )
    found = [item.source.relative_to(tmp_path).as_posix() for item in find_items(tmp_path)]
    assert found == ["a/series", "b/scan.nii.gz", "c.PNG"]


def test_a_folder_of_dicom_files_is_one_case(tmp_path: Path) -> None:
    touch(tmp_path, "slice1", "slice2.dcm")
    assert find_items(tmp_path) == [Item(tmp_path)]


def test_the_output_and_results_inside_the_input_are_no_cases(tmp_path: Path) -> None:
    touch(tmp_path, "scan.nii.gz", "out/summary.json", "out/x/image.nii.gz")
    touch(tmp_path, *(f"old/{name}" for name in ("findings.json", "narrative.json", "run.json", "image.nii.gz")))
    assert find_items(tmp_path, tmp_path / "out") == [Item(tmp_path / "scan.nii.gz")]


def test_results_are_not_put_among_the_images(tmp_path: Path) -> None:
    touch(tmp_path, "in/scan.nii.gz")
    with pytest.raises(InputError, match="in is the input and the output folder at once"):
        find_items(tmp_path / "in", tmp_path / "elsewhere" / ".." / "in")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a/scan.nii.gz")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert find_items(tmp_path) == [Item(tmp_path / "a" / "scan.nii.gz")]


def test_equal_names_in_different_folders_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path / "in", "one/t1.nii.gz", "two/t1.nii.gz")
    assert [row["input"] for row in batch(tmp_path / "in", tmp_path / "out")["cases"]] == [
        "one/t1.nii.gz",
        "two/t1.nii.gz",
    ]


def test_an_unknown_bundle_stops_the_batch_before_anything_is_written(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.nii.gz")
    command = [sys.executable, str(WORKER)]
    with WorkerClient(command=command) as client, pytest.raises(InputError, match="bundle nothing is unknown"):
        run_batch(folder, tmp_path / "out", client, bundle="nothing")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classes": ["unicorn"]}, "knows no class unicorn"),
        ({"saliency": ["gaze"]}, "saliency gaze is unknown"),
        ({"device": "abacus"}, "device abacus is unknown"),
        ({"atlas": "mercator"}, "atlas mercator is unknown"),
        ({"language": "tlh"}, "tlh"),
    ],
)
def test_options_that_no_case_can_meet_stop_the_batch_before_anything_is_written(
    tmp_path: Path, real_worker: WorkerClient, options: dict, said: str
) -> None:
    folder = folder_of(tmp_path, "a.nii.gz")
    with pytest.raises(InputError, match=said):
        run_batch(folder, tmp_path / "out", real_worker, **options, force=True)
    assert not (tmp_path / "out").exists()


def test_a_worker_that_cannot_start_stops_the_batch(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.nii.gz")
    with (
        WorkerClient(command=[str(tmp_path / "no-python")]) as client,
        pytest.raises(InputError, match="cannot be started"),
    ):
        run_batch(folder, tmp_path / "out", client)


def test_a_scene_that_cannot_be_made_here_does_not_cost_the_case(tmp_path: Path) -> None:
    def no_scene(folder: Path) -> None:
        assert folder == tmp_path / "out" / "one"
        folder.mkdir()
        (folder / "run.json").write_text('{"warnings": []}')
        raise RuntimeError("no Slicer here")

    touch(tmp_path, "x.nii.gz")
    (tmp_path / "cases.csv").write_text("input,case_id\nx.nii.gz,one\n")
    with WorkerClient(command=[sys.executable, str(WORKER)]) as client:
        row = run_batch(tmp_path / "cases.csv", tmp_path / "out", client, add_scene=no_scene)["cases"][0]
    assert row["state"] == "ok"
    assert "no Slicer here" in row["message"]


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
