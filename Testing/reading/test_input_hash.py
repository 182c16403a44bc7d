"""The hash of an input is that of all its files, found without decoding a voxel, and the one that its case will hold."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib import reading
from XAIReportLib.case import InputError
from XAIReportLib.reading import read_case, sha256_of_input

sys.path.insert(0, str(Path(__file__).parents[1]))
from stored_images import WRITERS, oblique, phantom, write_nrrd


def detached(folder: Path, array: np.ndarray, suffix: str) -> Path:
    """A header with its voxels in a second file, by whatever suffix."""
    folder.mkdir()
    return write_nrrd(folder / "t1.nhdr", array, oblique()).rename(folder / f"t1{suffix}")


@pytest.mark.parametrize("name", WRITERS)
def test_the_hash_of_an_input_is_that_of_its_case(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, phantom(), oblique())
    assert sha256_of_input(path) == read_case(path).sha256


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".NRRD"])
def test_two_images_with_the_same_header_are_two_inputs(tmp_path: Path, suffix: str) -> None:
    paths = [detached(tmp_path / name, phantom()[::step], suffix) for name, step in (("one", 1), ("two", -1))]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    one, two = (sha256_of_input(path) for path in paths)
    assert one != two
    assert [one, two] == [read_case(path).sha256 for path in paths]


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr"])
def test_no_voxel_is_decoded_for_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = detached(tmp_path / "one", phantom(), suffix)
    monkeypatch.setattr(reading, "read_case", lambda *_: pytest.fail("the image was read"))
    monkeypatch.setattr("SimpleITK.ImageFileReader", lambda *_: pytest.fail("the image was read"))
    sha256_of_input(path)


def test_a_header_whose_voxels_are_gone_has_no_hash(tmp_path: Path) -> None:
    path = detached(tmp_path / "one", phantom(), ".nrrd")
    (tmp_path / "one" / "t1.raw.gz").unlink()
    with pytest.raises(InputError, match=r"t1\.nrrd names a data file that is not one file beside it"):
        sha256_of_input(path)


def test_voxels_that_no_head_needs_are_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = detached(tmp_path / "one", phantom(), ".nrrd")
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 1000)
    with pytest.raises(InputError, match=r"t1\.raw\.gz is larger"):
        sha256_of_input(path)
