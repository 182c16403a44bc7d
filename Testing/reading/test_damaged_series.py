"""A slice at an end of the stack leaves no gap: a file that may have been one is never passed over in silence."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    generate_uid,
)
from XAIReportLib.case import InputError
from XAIReportLib.reading import dicom_series, read_case

sys.path.insert(0, str(Path(__file__).parents[1]))
from stored_images import SHAPE, dicom_slice, oblique, phantom, refused, write_multi_frame, write_series

PREAMBLE_BYTES, MARK_BYTES = 128, 4
PRIVATE_CLASS = "1.3.12.2.1107.5.9.1"  # of Siemens, without an image
INFLATED_BYTES = 2**24


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return write_series(tmp_path / "series", phantom(), oblique())


def slices(folder: Path) -> list[Path]:
    """In order of their places."""
    return sorted(folder.glob("IM*"), key=lambda path: float(pydicom.dcmread(path).ImagePositionPatient[2]))


def bare(path: Path, meta: bool, implicit: bool = False) -> None:
    """The same file without preamble and mark, with or without its meta information."""
    data = pydicom.dcmread(path)
    if meta:
        path.write_bytes(path.read_bytes()[PREAMBLE_BYTES + MARK_BYTES :])
        return
    del data.file_meta
    pydicom.dcmwrite(path, Dataset(data), implicit_vr=implicit, little_endian=True, enforce_file_format=False)


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("length", [0, 1, 60, 128, 130, 132, 136, 150, 200, 320, 420, 700, 1000])
def test_an_end_slice_that_is_empty_or_cut_anywhere_is_refused(series: Path, end: int, length: int) -> None:
    path = slices(series)[end]
    path.write_bytes(path.read_bytes()[:length])
    refused(series, f"{path.name} in series is damaged or truncated")


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_no_length_of_a_cut_slice_is_passed_over(series: Path) -> None:
    path = min(series.glob("IM*"))  # the first to be looked at
    data = path.read_bytes()
    for length in range(len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="damaged or truncated"):
            dicom_series.series_files(series)


@pytest.mark.parametrize(
    ("name", "content"), [("IM9.dcm", b"no image"), ("IM9.IMA", b"\1" * 300), ("IM9", b"\0" * 900)]
)
def test_a_file_that_is_dicom_by_its_name_or_its_beginning_alone_is_refused(
    series: Path, name: str, content: bytes
) -> None:
    (series / name).write_bytes(content)
    refused(series, f"{name} in series is damaged or truncated")


@pytest.mark.parametrize(("meta", "implicit"), [(True, False), (False, False), (False, True)])
@pytest.mark.parametrize("which", [slice(0, 1), slice(-1, None), slice(None)])
def test_slices_without_a_preamble_are_read(series: Path, meta: bool, implicit: bool, which: slice) -> None:
    whole = read_case(series)
    for path in slices(series)[which]:
        bare(path, meta, implicit)
    case = read_case(series)
    assert case.image.shape == SHAPE
    assert np.array_equal(case.image, whole.image)
    assert np.array_equal(case.affine, whole.affine)


@pytest.mark.parametrize("length", [8, 40, 100, 200, 600])
def test_a_cut_slice_without_a_preamble_is_refused(series: Path, length: int) -> None:
    path = slices(series)[-1]
    bare(path, meta=False)
    path.write_bytes(path.read_bytes()[:length])
    refused(series, "damaged or truncated")


@pytest.mark.parametrize("meta", [True, False])
def test_frames_without_a_preamble_are_read(tmp_path: Path, meta: bool) -> None:
    whole = read_case(write_multi_frame(tmp_path / "frames.dcm", phantom(), oblique()))
    bare(tmp_path / "frames.dcm", meta)
    for source in (tmp_path, tmp_path / "frames.dcm"):
        assert np.array_equal(read_case(source).image, whole.image)
        assert dicom_series.source_images(source)[0] == [tmp_path / "frames.dcm"]


def test_what_lies_beside_the_slices_and_is_none_is_passed_over(series: Path) -> None:
    files = dicom_series.series_files(series)
    for name in (".DS_Store", "._IM0001.dcm", ".hidden", "DICOMDIR"):
        (series / name).write_bytes(b"\0" * 200)
    (series / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))
    (series / "letter.txt").write_text("short")
    (series / "protocol").write_text("a longer text without a suffix " * 20)
    (series / "preview.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(500))
    (series / "inside").mkdir()
    data = dicom_slice(0, oblique(), phantom()[:, :, 0])
    for tag in ("Rows", "Columns", "PixelData"):
        delattr(data, tag)
    for kind in (GrayscaleSoftcopyPresentationStateStorage, PRIVATE_CLASS):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = kind
        data.save_as(series / f"{kind}.dcm")
    assert dicom_series.series_files(series) == files
    assert read_case(series).image.shape == SHAPE


def test_an_index_of_the_medium_is_passed_over_under_any_name(series: Path) -> None:
    index = Dataset()
    index.file_meta = FileMetaDataset()
    index.file_meta.MediaStorageSOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    index.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    index.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    index.FileSetID = "DISC"
    index.save_as(series / "INDEX.dcm", enforce_file_format=True)
    assert len(dicom_series.series_files(series)) == SHAPE[2]


def deflate(path: Path, preamble: bool = True) -> None:
    """The same file, deflated, with more zeros behind its pixels than fit into what a test may take."""
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.DataSetTrailingPadding = bytes(INFLATED_BYTES)
    data.save_as(path, enforce_file_format=True)
    if not preamble:
        path.write_bytes(path.read_bytes()[PREAMBLE_BYTES + MARK_BYTES :])


@pytest.mark.parametrize("preamble", [True, False])
def test_a_deflated_slice_is_refused_before_it_is_inflated(
    series: Path, monkeypatch: pytest.MonkeyPatch, preamble: bool
) -> None:
    path = slices(series)[3]
    deflate(path, preamble)
    monkeypatch.setattr("zlib.decompress", lambda *_a, **_k: pytest.fail("the file was inflated"))
    for image in (series, path.rename(path.with_suffix(".dcm"))):
        refused(image, r"IM\d+(\.dcm)? is a deflated DICOM file, which is not read; export it uncompressed")
