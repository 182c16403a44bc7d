"""What a frame's tags say is read from the groups that the standard has for them, in files of many frames and of one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from XAIReportLib.reading import read_case

sys.path.insert(0, str(Path(__file__).parents[1]))
from stored_images import SHAPE, SPACING, oblique, phantom, refused, write_multi_frame, write_series


@pytest.mark.parametrize("level", ["PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"])
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PixelSpacing", ["0.3", "0.3"]),
        ("ImageOrientationPatient", ["-1", "0", "0", "0", "1", "0"]),
        ("ImagePositionPatient", ["0", "0", "0"]),
        ("RescaleSlope", "7"),
        ("RescaleIntercept", "300"),
        ("EffectiveEchoTime", 98.0),
        ("EchoTime", "98"),
    ],
)
def test_a_private_group_beside_the_standard_ones_says_nothing(
    tmp_path: Path, level: str, keyword: str, value: object
) -> None:
    path = write_multi_frame(tmp_path / "frames.dcm", phantom(), oblique())
    plain = read_case(path)
    data, private = pydicom.dcmread(path), Dataset()
    setattr(private, keyword, value)
    for groups in data[level].value:
        groups.private_block(0x2005, "Philips MR Imaging DD 005", create=True).add_new(0x0F, "SQ", [private])
    data.save_as(path)
    case = read_case(path)
    assert np.array_equal(case.affine, plain.affine)
    assert np.array_equal(case.image, plain.image)
    assert case.echo_time_ms == plain.echo_time_ms


@pytest.mark.parametrize("level", ["PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"])
def test_the_echo_time_of_a_converted_series_is_found(tmp_path: Path, level: str) -> None:
    path = write_multi_frame(tmp_path / "frames.dcm", phantom(), oblique())
    data, converted = pydicom.dcmread(path), Dataset()
    converted.EchoTime = "12.5"
    kind = "PerFrame" if level.startswith("PerFrame") else "Shared"
    for groups in data[level].value:
        setattr(groups, f"Unassigned{kind}ConvertedAttributesSequence", [converted])
    data.save_as(path)
    assert read_case(path).echo_time_ms == 12.5


def write_one_frame_files(folder: Path) -> Path:
    """An enhanced file for each slice, with a slope of its own, that says all of its place in its functional groups."""
    folder.mkdir()
    for k in range(SHAPE[2]):
        affine = oblique()
        affine[:3, 3] += k * affine[:3, 2]
        path = write_multi_frame(folder / f"IM{(7 * k) % SHAPE[2]:04d}", phantom()[:, :, k : k + 1], affine)
        data = pydicom.dcmread(path)
        shared, slope = data.SharedFunctionalGroupsSequence[0], 0.25 * (1 + k % 4)
        values = np.frombuffer(data.PixelData, np.int16) * 0.5 / slope
        shared.PixelValueTransformationSequence[0].RescaleSlope = str(slope)
        shared.PixelMeasuresSequence[0].SliceThickness = str(SPACING[2])
        data.PixelData = np.rint(values).astype(np.int16).tobytes()
        del data.SliceThickness
        data.save_as(path)
    return folder


def test_enhanced_files_of_one_frame_each_are_a_series(tmp_path: Path) -> None:
    plain = read_case(write_series(tmp_path / "plain", phantom(), oblique()))
    case = read_case(write_one_frame_files(tmp_path / "enhanced"))
    assert case.affine == pytest.approx(plain.affine, abs=1e-6)
    assert np.abs(case.image - plain.image).max() <= 0.5, "half of the largest slope"


def test_an_enhanced_file_of_one_frame_is_a_slice(tmp_path: Path) -> None:
    case = read_case(write_one_frame_files(tmp_path / "enhanced") / "IM0000")
    assert case.is_slice
    assert case.spacing_mm == pytest.approx(SPACING, abs=1e-4)
    assert case.affine[:3, 3] == pytest.approx(oblique()[:3, 3], abs=1e-4)
    assert np.array_equal(case.image, phantom()[:, :, :1].astype(np.float32))


def test_files_of_several_frames_in_one_folder_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        write_multi_frame(tmp_path / name, phantom(), oblique())
    refused(tmp_path, "a holds several slices and lies beside others")
