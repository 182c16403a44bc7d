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
from stored_images import oblique, phantom, write_multi_frame


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
