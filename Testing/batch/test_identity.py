"""Whose result is whose: two images never become one result, and none takes the place of another's without a word."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from XAIReportLib.batch import run_batch
from XAIReportLib.worker.client import WorkerClient

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing"))
from stored_images import oblique, phantom, write_nrrd  # noqa: E402


def test_two_images_with_the_same_header_get_a_case_id_each(tmp_path: Path, client: WorkerClient) -> None:
    for name, step in (("one", 1), ("two", -1)):
        (tmp_path / "in" / name).mkdir(parents=True)
        write_nrrd(tmp_path / "in" / name / "t1.nhdr", phantom()[::step], oblique())
        (tmp_path / "in" / name / "t1.nhdr").rename(tmp_path / "in" / name / "t1.nrrd")
    rows = run_batch(tmp_path / "in", tmp_path / "out", client)["cases"]
    assert [row["state"] for row in rows] == ["ok", "ok"]
    assert rows[0]["case_id"] != rows[1]["case_id"]


def test_a_case_id_that_another_image_of_the_batch_had_is_refused(tmp_path: Path, client: WorkerClient) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.nii.gz").write_bytes(name.encode())
    (tmp_path / "out").mkdir()
    known = {hashlib.sha256(b"b").hexdigest(): "one"}
    (tmp_path / "out" / "batch.json").write_text(json.dumps({"case_ids": known}))
    (tmp_path / "cases.csv").write_text("input,case_id\na.nii.gz,One\nb.nii.gz,\n")
    rows = run_batch(tmp_path / "cases.csv", tmp_path / "out", client)["cases"]
    assert [row["state"] for row in rows] == ["ok", "failed"]
    assert "The case id one was given to another image of this batch" in rows[1]["message"]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A result ``one`` of the image a, and a CSV that gives its case id to the image b."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.nii.gz").write_bytes(name.encode())
    folder = tmp_path / "out" / "one"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"input_sha256": hashlib.sha256(b"a").hexdigest()}))
    (tmp_path / "cases.csv").write_text("input,case_id\nb.nii.gz,one\n")
    return folder


def test_a_result_of_another_image_is_not_replaced(tmp_path: Path, client: WorkerClient, earlier: Path) -> None:
    before = (earlier / "run.json").read_text()
    (row,) = run_batch(tmp_path / "cases.csv", tmp_path / "out", client)["cases"]
    assert row["state"] == "failed"
    assert "The case id one has a result of another image in the output folder" in row["message"]
    assert "give this image another case id, or move that result elsewhere" in row["message"]
    assert (earlier / "run.json").read_text() == before


@pytest.mark.parametrize(
    ("name", "said"),
    [("gone", "of an image that may be another one."), ("a-bad", "is an earlier one, of the same image.")],
)
def test_a_failed_row_says_whose_result_stands_under_its_case_id(
    tmp_path: Path, client: WorkerClient, earlier: Path, name: str, said: str
) -> None:
    (tmp_path / "a-bad.nii.gz").write_bytes(b"a")
    (tmp_path / "cases.csv").write_text(f"input,case_id\n{name}.nii.gz,{earlier.name}\n")
    (row,) = run_batch(tmp_path / "cases.csv", tmp_path / "out", client)["cases"]
    assert (row["state"], row["case_id"]) == ("failed", "one")
    assert row["message"].endswith(said)
