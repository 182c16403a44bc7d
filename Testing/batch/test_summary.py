"""summary.json is of the output folder: no run takes what came of another one's cases out of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from XAIReportLib.batch import run_batch
from XAIReportLib.worker.client import WorkerClient


def images(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.nii.gz").write_bytes(f"{folder.name} {name}".encode())
    return folder


def kept(output: Path) -> dict:
    return json.loads((output / "summary.json").read_text())


def rows(output: Path) -> list[tuple[str, str]]:
    return sorted((row["input"], row["state"]) for row in kept(output)["cases"])


def test_the_outcomes_of_two_inputs_stand_beside_each_other(tmp_path: Path, client: WorkerClient) -> None:
    for site in ("a", "b"):
        run_batch(images(tmp_path / site, "one", "two-bad"), tmp_path / "out", client)
    assert rows(tmp_path / "out") == [("one.nii.gz", "ok")] * 2 + [("two-bad.nii.gz", "failed")] * 2
    assert (kept(tmp_path / "out")["ok"], kept(tmp_path / "out")["failed"]) == (2, 2)
    assert [row["number"] for row in kept(tmp_path / "out")["cases"]] == [1, 2, 3, 4]


def test_a_run_that_was_interrupted_keeps_what_the_last_one_knew(tmp_path: Path, client: WorkerClient) -> None:
    folder = images(tmp_path / "in", "a", "b-bad", "c", "d")
    run_batch(folder, tmp_path / "out", client)
    before = rows(tmp_path / "out")

    asked: list[Path] = []

    def stop(folder: Path) -> None:
        asked.append(folder)
        if len(asked) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(folder, tmp_path / "out", client, add_scene=stop)
    assert rows(tmp_path / "out") == before


def test_a_case_has_one_row_however_often_it_is_run(tmp_path: Path, client: WorkerClient) -> None:
    for _ in range(3):
        run_batch(images(tmp_path / "in", "a", "b-bad"), tmp_path / "out", client)
    assert rows(tmp_path / "out") == [("a.nii.gz", "ok"), ("b-bad.nii.gz", "failed")]


def test_another_image_under_the_same_name_and_id_has_a_row_of_its_own(tmp_path: Path, client: WorkerClient) -> None:
    (tmp_path / "cases.csv").write_text("input,case_id\nin/a.nii.gz,one\n")
    images(tmp_path / "in", "a")
    run_batch(tmp_path / "cases.csv", tmp_path / "out", client)
    (tmp_path / "in" / "a.nii.gz").write_bytes(b"another image")
    run_batch(tmp_path / "cases.csv", tmp_path / "out", client)
    assert [row["input"] for row in kept(tmp_path / "out")["cases"]] == ["in/a.nii.gz"] * 2
    assert len({row["input_sha256"] for row in kept(tmp_path / "out")["cases"]}) == 2


def test_an_image_that_could_not_be_read_and_now_can_has_one_row(tmp_path: Path, client: WorkerClient) -> None:
    (tmp_path / "cases.csv").write_text("input\nin/a.nii.gz\n")
    run_batch(tmp_path / "cases.csv", tmp_path / "out", client)
    assert rows(tmp_path / "out") == [("in/a.nii.gz", "failed")]
    images(tmp_path / "in", "a")
    run_batch(tmp_path / "cases.csv", tmp_path / "out", client)
    assert rows(tmp_path / "out") == [("in/a.nii.gz", "ok")]


@pytest.mark.parametrize("text", ["{", "[]", '{"cases": [{}]}', '{"cases": 5}'])
def test_a_summary_that_cannot_be_read_is_put_aside(
    tmp_path: Path, client: WorkerClient, capsys: pytest.CaptureFixture, text: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text(text)
    run_batch(images(tmp_path / "in", "a"), tmp_path / "out", client)
    assert rows(tmp_path / "out") == [("a.nii.gz", "ok")]
    assert (tmp_path / "out" / "summary-unreadable.json").read_text() == text
    assert "put aside as summary-unreadable.json" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among files")
def test_a_summary_that_is_a_pipe_is_put_aside_and_not_waited_for(tmp_path: Path, client: WorkerClient) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "summary.json")
    run_batch(images(tmp_path / "in", "a"), tmp_path / "out", client)
    assert rows(tmp_path / "out") == [("a.nii.gz", "ok")]
    assert (tmp_path / "out" / "summary-unreadable.json").is_fifo()
