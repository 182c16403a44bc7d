"""One file: read as JSON, and written whole or not at all."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from XAIReportLib import files
from XAIReportLib.files import put_whole, read_json


@pytest.mark.parametrize("text", ["", "{ half", b"\xff\xfe\xfa", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_document_that_can_be_read_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        put_whole(tmp_path / "run.json", content)
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("run.json", content)]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    put_whole(tmp_path / "run.json", b"old")
    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], full)
    with pytest.raises(OSError, match="No space left"):
        put_whole(tmp_path / "run.json", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("run.json", b"old")]


def _held(monkeypatch: pytest.MonkeyPatch, refusals: int, wait_s: float) -> list[Path]:
    """Windows, where another program holds the new file open; returns what was tried."""
    tries: list[Path] = []
    replace = Path.replace

    def held(self: Path, to: Path) -> Path:
        tries.append(self)
        if len(tries) <= refusals:
            raise PermissionError(13, "used by another process")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr(files, "OPEN_FOR_S", wait_s)
    return tries


def test_a_program_that_holds_a_new_file_open_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = _held(monkeypatch, 3, 60.0)
    put_whole(tmp_path / "run.json", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]
    assert len(tries) == 4


def test_a_file_that_stays_open_or_is_forbidden_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bool(files.OPEN_FOR_S) == (os.name == "nt"), "elsewhere a refusal is final"
    tries = _held(monkeypatch, 1000, 0.1)
    with pytest.raises(PermissionError):
        put_whole(tmp_path / "run.json", b"new")
    assert 1 < len(tries) < 100
    assert list(tmp_path.iterdir()) == []


SHORT = {"C:/Users/J\xfcrgen": "C:/Users/JRGEN~1"}


class _Kernel32:
    """Windows' short names, as documented: the length of the name without its end, 0 where there is none."""

    def __init__(self) -> None:
        def short_name(path: str, into: ctypes.Array, room: int) -> int:
            assert room == len(into)
            name = SHORT.get(path, "")
            into.value = name
            return len(name)

        self.GetShortPathNameW = short_name


@pytest.mark.parametrize(
    ("path", "opened"),
    [
        ("C:/Users/J\xfcrgen/volume.nrrd", "C:/Users/JRGEN~1/volume.nrrd"),
        ("C:/Users/Anna/volume.nrrd", "C:/Users/Anna/volume.nrrd"),
        ("D:/J\xfcrgen/volume.nrrd", "D:/J\xfcrgen/volume.nrrd"),
    ],
    ids=["short", "ascii", "no short name"],
)
def test_itk_gets_a_folder_in_ascii_on_windows(monkeypatch: pytest.MonkeyPatch, path: str, opened: str) -> None:
    place = Path(path)
    assert files.for_itk(place) == str(place) or os.name == "nt", "elsewhere every name is UTF-8"
    monkeypatch.setattr(files, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(ctypes, "WinDLL", lambda _: _Kernel32(), raising=False)
    assert Path(files.for_itk(place)) == Path(opened)


def test_all_that_itk_reads_is_named_for_it() -> None:
    package = Path(files.__file__).parent
    for path in package.rglob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            if "sitk.ReadImage(" in line or ".SetFileName(" in line:
                assert "(for_itk(" in line, f"{path.name}: {line.strip()}"
