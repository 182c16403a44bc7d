"""One file: read as JSON, and written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
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
