"""Values in DICOM objects are shown and stored as they are, and what the source holds comes along only where it may."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_case import analysed_series, assert_valid, grid_affine, small
from exported import PATIENT, STUDY, moved, write_result, write_series
from phantom_case import Analysed
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.pixels import apply_modality_lut, apply_windowing
from pydicom.tag import Tag
from XAIReportLib.report import dicom

KEPT = {"PatientAge": "060Y", "PatientSize": "1.75", "PatientWeight": "70.5", "IssuerOfPatientID": "Ward 3"}


@pytest.fixture(scope="module")
def phantom(analysed: Analysed) -> Analysed:
    return small(analysed)


def with_values(phantom: Analysed, low: float, high: float) -> Analysed:
    """The phantom with its values between ``low`` and ``high``, integers where these are."""
    image = (phantom.case.image - phantom.case.image.min()) / np.ptp(phantom.case.image) * (high - low) + low
    if float(low).is_integer() and high - low > 1:
        image = np.rint(image)
    return replace(phantom, case=replace(phantom.case, image=image.astype(np.float32)))


def export_of_a_series(folder: Path, phantom: Analysed, tags: dict[str, str]) -> list[Path]:
    """The objects of a series that holds ``tags``, whatever DICOM says of them."""
    series = write_series(folder / "series", phantom.case.image, grid_affine("coronal"))
    for path in series.iterdir():
        data = pydicom.dcmread(path)
        for keyword, text in tags.items():
            tag, value = Tag(tag_for_keyword(keyword)), text.encode() + b" " * (len(text) % 2)
            data[tag] = RawDataElement(tag, dictionary_VR(keyword), len(value), value, 0, False, True)
        data.save_as(path)
    analysed_series(folder / "result", phantom, series)
    return sorted(dicom.write(folder / "result", series).glob("*.dcm"))


@pytest.mark.parametrize(
    "forbidden",
    [
        {
            "PatientID": "x" * 65,
            "PatientName": "A" * 65,
            "ReferringPhysicianName": "A" * 65,
            "AccessionNumber": "1" * 17,
            "StudyID": "S" * 17,
            "StudyDate": "2026.03.01",
            "StudyTime": "10:11:12",
            "PatientSex": "FEMALE",
            "PatientAge": "60",
            "PatientSize": "1,75",
            "PatientWeight": "n/a",
            "PatientBirthTime": "25:99",
            "IssuerOfPatientID": "i" * 65,
            "PositionReferenceIndicator": "y" * 65,
        },
        {
            "PatientID": "a\\b",
            "PatientName": "Doe^Jane\\Roe^Jane",
            "ReferringPhysicianName": "A^B^C^D^E^F",
            "AccessionNumber": "a\tb",
            "StudyDate": "20260231",
            "StudyTime": "101112-111213",
            "PatientBirthDate": "19600101-19700101",
            "PatientAge": "060y",
        },
    ],
    ids=["too long or of another form", "too many or impossible"],
)
@pytest.mark.filterwarnings("ignore:The value length", "ignore:The PN component")
def test_values_that_dicom_forbids_are_left_empty_or_out(
    tmp_path: Path, phantom: Analysed, forbidden: dict[str, str]
) -> None:
    objects = export_of_a_series(tmp_path, phantom, forbidden)
    for path in objects:
        data = pydicom.dcmread(path)
        assert {keyword: str(data.get(keyword) or "") for keyword in forbidden} == dict.fromkeys(forbidden, "")
        assert not set(KEPT) & set(forbidden) & set(data.dir())
        for keyword, value in {**PATIENT, **STUDY}.items():
            assert keyword in data and (keyword in forbidden or str(data[keyword].value) == value)
    assert_valid(objects)


def test_a_thickness_that_is_no_number_is_the_distance_of_the_slices(tmp_path: Path, phantom: Analysed) -> None:
    *_, path = export_of_a_series(tmp_path, phantom, {"SliceThickness": "3,0"})
    (measures,) = pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    step = np.linalg.norm(grid_affine("coronal")[:3, 2])
    assert float(measures.SliceThickness) == pytest.approx(step)


def test_nothing_comes_along_but_whose_study_it_is(tmp_path: Path, phantom: Analysed) -> None:
    typed = {
        "PatientComments": "Planted",
        "StudyDescription": "Planted" * 15,
        "AdditionalPatientHistory": "Planted",
        "OtherPatientNames": "Planted^P",
        "Occupation": "Planted",
        "PhysiciansOfRecord": "Planted^P",
        "Manufacturer": "Scanner maker",
        "InstitutionName": "Planted",
        "InstitutionAddress": "Planted",
        "StationName": "Planted" * 3,
    }
    objects = export_of_a_series(tmp_path, phantom, {**typed, **KEPT})
    for path in objects:
        data = pydicom.dcmread(path)
        assert {keyword: str(data.get(keyword)) for keyword in KEPT} == KEPT
        assert b"Planted" not in path.read_bytes()
    assert_valid(objects)


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory, phantom: Analysed) -> Path:
    """The export of a volume without DICOM tags whose values lie between 0 and 1."""
    folder = tmp_path_factory.mktemp("shares") / "result"
    write_result(folder, moved(with_values(phantom, 0, 1), grid_affine("coronal")))
    return dicom.write(folder)


def test_the_window_of_a_heat_map_shows_every_value_as_its_own(shares: Path) -> None:
    data = pydicom.dcmread(shares / "heatmap-scorecam.dcm")
    (window,) = data.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence
    window.PhotometricInterpretation, window.BitsStored, window.PixelRepresentation = "MONOCHROME2", 16, 0
    values = np.unique(data.pixel_array).astype(np.float64)
    shown = apply_windowing(values, window)
    assert len(values) > 1000 and (np.diff(shown) > 0).all()


def test_the_window_of_an_image_of_small_values_is_allowed_and_shows_them(shares: Path) -> None:
    paths = sorted((shares / "image").iterdir())
    data = pydicom.dcmread(paths[len(paths) // 2])
    assert data.WindowWidth < 1
    shown = apply_windowing(apply_modality_lut(data.pixel_array, data), data)
    assert len(np.unique(shown)) > 50
    assert_valid(paths[:1])


@pytest.mark.parametrize(
    ("low", "high", "error"),
    [
        (0, 40000, 0),
        (-30000, 30000, 0),
        (-40000, 20000, 0),
        (200000, 265535, 0),
        (0, 131070, 1),
        (0.5, 0.5, 0),
    ],
)
def test_integers_that_sixteen_bits_can_tell_apart_are_stored_exactly(
    tmp_path: Path, phantom: Analysed, low: float, high: float, error: float
) -> None:
    values = with_values(replace(phantom, heatmaps=(), masks=()), low, high)
    write_result(tmp_path / "result", moved(values, grid_affine("coronal")))
    paths = sorted((dicom.write(tmp_path / "result") / "image").iterdir())
    images = [pydicom.dcmread(path) for path in paths]
    back = np.stack([apply_modality_lut(image.pixel_array, image).T for image in images], axis=-1)
    assert np.abs(back - values.case.image).max() <= error
    assert_valid(paths[:1])
