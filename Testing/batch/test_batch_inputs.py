"""What a batch finds in a folder or a CSV: nothing that may be a case is left out in silence, and nothing stops the rest."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from XAIReportLib.batch import run_batch
from XAIReportLib.batch_inputs import Item, find_items
from XAIReportLib.case import InputError
from XAIReportLib.reading import read_case
from XAIReportLib.worker.client import WorkerClient

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing"))
from stored_images import oblique, phantom, write_multi_frame, write_nrrd, write_series  # noqa: E402


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def bare(path: Path, implicit: bool, whole: bool) -> None:
    """Takes the preamble off a DICOM file, and its meta information, too, unless it is left ``whole``."""
    data = pydicom.dcmread(path)
    if whole:
        path.write_bytes(path.read_bytes()[132:])
    else:
        pydicom.dcmwrite(path, pydicom.Dataset(data), implicit_vr=implicit, little_endian=True)


# --- DICOM and what is left out --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("implicit", "whole"), [(True, False), (False, False), (False, True)])
def test_dicom_files_without_preamble_and_suffix_are_a_case(tmp_path: Path, implicit: bool, whole: bool) -> None:
    series = write_series(tmp_path / "series", phantom(), oblique())
    for path in series.glob("IM*"):
        bare(path, implicit, whole)
    assert find_items(tmp_path) == [Item(series)]
    assert read_case(series).kind == "dicom"


def test_one_dicom_file_without_preamble_and_suffix_is_read(tmp_path: Path) -> None:
    path = write_multi_frame(tmp_path / "frames", phantom(), oblique())
    bare(path, implicit=False, whole=True)
    assert read_case(path).kind == "dicom"


@pytest.mark.parametrize("voxels", [b"\x08\0\0\0\0\0\0\0" * 40, b"\x08\0\x09\0\x0a\0\x0b\0" * 40, b"\x08", b""])
def test_other_files_are_not_taken_for_dicom(tmp_path: Path, voxels: bytes) -> None:
    touch(tmp_path, "scan.nii.gz")
    (tmp_path / "values").write_bytes(voxels)
    assert find_items(tmp_path) == [Item(tmp_path / "scan.nii.gz")]


def test_what_may_be_an_image_and_is_not_read_is_listed(
    tmp_path: Path, client: WorkerClient, capsys: pytest.CaptureFixture
) -> None:
    folder = touch(
        tmp_path / "in", "a/scan.mha", "b/scan.HDR", "b/scan.img", "disc.zip", "notes.txt", "x.nii.gz", ".h.zip"
    )
    write_nrrd(folder / "y.nhdr", phantom(), oblique())  # its voxels are in y.raw.gz
    listed = ["a/scan.mha", "b/scan.HDR", "b/scan.img", "disc.zip"]
    summary = run_batch(folder, tmp_path / "out", client)
    assert sorted(summary["ignored"]) == listed
    assert [row["input"] for row in summary["cases"]] == ["x.nii.gz", "y.nhdr"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["ignored"] == listed
    assert "Left out, 4 that may be images and cannot be read: " in capsys.readouterr().err


def test_a_folder_with_nothing_that_can_be_read_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no NIfTI.*\(it holds scan\.mgz, which is not read\)"):
        find_items(touch(tmp_path / "in", "scan.mgz"))


# --- what cannot be looked into --------------------------------------------------------------------------------------


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of folders and files that cannot be opened, by whomever the tests are run."""
    names: list[str] = []
    iterdir, opened, stat = Path.iterdir, Path.open, Path.stat

    def refuse(path: Path) -> None:
        if path.name in names:
            raise PermissionError(13, "Permission denied", str(path))

    def iterate(self: Path) -> Iterator[Path]:
        refuse(self)
        return iterdir(self)

    def open_file(self: Path, *how: object, **more: object) -> object:
        refuse(self)
        return opened(self, *how, **more)

    def ask(self: Path, **how: object) -> object:
        if self.name in names and self.name.startswith("link"):  # to what lies in a closed folder
            refuse(self)
        return stat(self, **how)

    monkeypatch.setattr(Path, "stat", ask)
    monkeypatch.setattr(Path, "iterdir", iterate)
    monkeypatch.setattr(Path, "open", open_file)
    return names


def test_a_folder_that_cannot_be_read_costs_its_own_row(
    tmp_path: Path, client: WorkerClient, closed: list[str]
) -> None:
    folder = touch(tmp_path / "in", "a/scan.nii.gz", "b/scan.nii.gz", "c/scan.nii.gz")
    closed.append("b")
    rows = run_batch(folder, tmp_path / "out", client)["cases"]
    assert [(row["input"], row["state"]) for row in rows] == [
        ("a/scan.nii.gz", "ok"),
        ("b", "failed"),
        ("c/scan.nii.gz", "ok"),
    ]
    assert rows[1]["message"] == "b cannot be read (permission denied); change its permissions."


def test_files_that_cannot_be_opened_cost_their_own_row(
    tmp_path: Path, client: WorkerClient, closed: list[str]
) -> None:
    folder = touch(tmp_path / "in", "a/IM1", "a/IM2", "a/notes.txt", "b/scan.nii.gz", "c/notes.txt")
    closed += ["IM1", "IM2", "notes.txt"]
    rows = run_batch(folder, tmp_path / "out", client)["cases"]
    assert [(row["input"], row["state"]) for row in rows] == [("a", "failed"), ("b/scan.nii.gz", "ok")]
    assert rows[0]["message"].startswith("IM1 cannot be read (permission denied)")
    assert rows[0]["message"].endswith("It is one of 2 such files in a.")


def test_an_entry_that_leads_into_a_closed_folder_costs_its_own_row(
    tmp_path: Path, client: WorkerClient, closed: list[str]
) -> None:
    folder = touch(tmp_path / "in", "a.nii.gz", "link", "z.nii.gz")
    closed.append("link")
    rows = run_batch(folder, tmp_path / "out", client)["cases"]
    assert [(row["input"], row["state"]) for row in rows] == [
        ("a.nii.gz", "ok"),
        ("link", "failed"),
        ("z.nii.gz", "ok"),
    ]


def test_a_folder_that_is_all_there_is_and_cannot_be_read_is_bad_use(tmp_path: Path, closed: list[str]) -> None:
    closed.append("in")
    with pytest.raises(InputError, match=r"in cannot be read \(permission denied\)"):
        find_items(touch(tmp_path / "in", "scan.nii.gz"))


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('input,case_id,note\na,one,fine\nb,two,"T1 post\nc,three,fine\nd,four,fine\n', "cannot be read as CSV"),
        ('input,case_id,note\na,one,"T1\nb,two,fine\nc,three,"T1 post"\n', "cannot be read as CSV"),
        ("input,Input\na,b\n", "has 2 columns named input"),
        ("input,case id,case_id\na,b,c\n", "has 2 columns named case_id"),
    ],
)
def test_a_csv_that_would_lose_rows_or_ids_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(InputError, match=re.escape(said)):
        find_items(tmp_path / "cases.csv")


@pytest.mark.parametrize("header", ["Input,Case_ID", " INPUT , case id", "input,Case Id "])
def test_names_of_columns_are_read_in_capitals_and_with_spaces(tmp_path: Path, header: str) -> None:
    (tmp_path / "cases.csv").write_text(f'{header},note\na.nii.gz,one,"T1, after\ncontrast"\n')
    assert find_items(tmp_path / "cases.csv") == [Item(tmp_path / "a.nii.gz", "one")]
