"""DICOM objects lie on the grid as which their source was read, whatever the source's tags say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_case import analysed_series, assert_same_places, assert_valid, grid_affine, small
from exported import write_multi_frame, write_series
from phantom_case import Analysed
from pydicom.dataset import Dataset
from XAIReportLib.case import InputError
from XAIReportLib.report import dicom

STEP = float(np.linalg.norm(grid_affine("oblique")[:3, 2]))


@pytest.fixture(scope="module")
def phantom(analysed: Analysed) -> Analysed:
    return small(analysed)


def edit(source: Path, change: Callable[[Dataset], None]) -> None:
    """Change every file of a series, or the one of frames."""
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        data = pydicom.dcmread(path)
        change(data)
        data.save_as(path)


def first_lesion(folder: Path) -> hd.Volume:
    segmentation = hd.seg.segread(folder / "segmentation.dcm")
    return segmentation.get_volume(segment_numbers=[1], combine_segments=True, allow_missing_positions=True)


def spacings(folder: Path) -> list[float]:
    """Between the slices of each object that has any."""
    found = []
    for path in sorted(folder.glob("*.dcm")):
        for shared in pydicom.dcmread(path).get("SharedFunctionalGroupsSequence", ()):
            found.append(float(shared.PixelMeasuresSequence[0].SpacingBetweenSlices))
    return found


@pytest.mark.parametrize("said", ["1", "-6"])
def test_a_wrong_distance_between_slices_does_not_come_along(tmp_path: Path, phantom: Analysed, said: str) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("oblique"))
    edit(series, lambda data: setattr(data, "SpacingBetweenSlices", said))
    read = analysed_series(tmp_path / "result", phantom, series)
    folder = dicom.write(tmp_path / "result", series)
    assert spacings(folder) == pytest.approx([STEP] * 4, abs=1e-6)
    assert_same_places(first_lesion(folder), (read.prediction.lesion_labels == 1).astype(int), read.case.affine)
    assert_valid([*folder.glob("*.dcm")])


def wrong_in_shared_groups(data: Dataset) -> None:
    data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = "1"


def wrong_in_each_frame(data: Dataset) -> None:
    wrong_in_shared_groups(data)
    for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        for frame in data.PerFrameFunctionalGroupsSequence:
            setattr(frame, keyword, data.SharedFunctionalGroupsSequence[0][keyword].value)
    del data.SharedFunctionalGroupsSequence


@pytest.mark.parametrize("change", [wrong_in_shared_groups, wrong_in_each_frame])
def test_a_wrong_distance_between_frames_does_not_come_along(
    tmp_path: Path, phantom: Analysed, change: Callable[[Dataset], None]
) -> None:
    source = write_multi_frame(tmp_path / "enhanced.dcm", phantom.case.image, grid_affine("oblique"))
    edit(source, change)
    read = analysed_series(tmp_path / "result", phantom, source)
    folder = dicom.write(tmp_path / "result", source)
    assert spacings(folder) == pytest.approx([STEP] * 4, abs=1e-6)
    assert_same_places(first_lesion(folder), (read.prediction.lesion_labels == 1).astype(int), read.case.affine)
    assert_valid([*folder.glob("*.dcm")])


def one_slice(phantom: Analysed) -> Analysed:
    """The slice with most of the first lesion, in which the second is not segmented."""
    k = int((phantom.prediction.lesion_labels == 1).sum(axis=(0, 1)).argmax())

    def cut(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[:, :, k : k + 1])

    labels = cut(phantom.prediction.lesion_labels)
    return replace(
        phantom,
        case=replace(phantom.case, image=cut(phantom.case.image), head=cut(phantom.case.head)),
        prediction=replace(
            phantom.prediction,
            lesion_labels=(labels == 1).astype(labels.dtype),
            lesion_probability=cut(phantom.prediction.lesion_probability),
        ),
        heatmaps=tuple(replace(h, values=cut(h.values)) for h in phantom.heatmaps),
        masks=tuple(replace(m, values=cut(m.values)) for m in phantom.masks),
        anatomy=replace(phantom.anatomy, labels=cut(phantom.anatomy.labels), overlaps=()),
    )


@pytest.mark.parametrize("name", ["", "IM0000"])
def test_the_objects_of_one_slice_are_as_thick_as_it_is(tmp_path: Path, phantom: Analysed, name: str) -> None:
    only = one_slice(phantom)
    source = write_series(tmp_path / "series", only.case.image, grid_affine("oblique")) / name
    read = analysed_series(tmp_path / "result", only, source)
    folder = dicom.write(tmp_path / "result", source)
    assert spacings(folder) == pytest.approx([STEP] * 4, abs=1e-6)
    volume = first_lesion(folder)
    voxels = int(read.prediction.lesion_labels.sum())
    assert (volume.array > 0).sum() * volume.voxel_volume / 1000 == pytest.approx(voxels * read.case.voxel_ml, rel=1e-6)


def sheared(data: Dataset) -> None:
    """Each slice two hundredths of a millimetre to the side for every millimetre between the slices."""
    row, column = np.array(data.ImageOrientationPatient, dtype=float).reshape(2, 3)
    place = np.array(data.ImagePositionPatient, dtype=float)
    data.ImagePositionPatient = [f"{value:.8f}" for value in place + 0.02 * (place @ np.cross(row, column)) * column]


def test_a_series_with_a_tilted_gantry_is_refused(tmp_path: Path, phantom: Analysed) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("oblique"))
    edit(series, sheared)
    analysed_series(tmp_path / "result", phantom, series)
    with pytest.raises(InputError, match="result lies on a sheared grid"):
        dicom.write(tmp_path / "result", series)
    assert not (tmp_path / "result" / "dicom").exists()


@pytest.mark.parametrize("written", [lambda x: f"{x:.3f}", lambda x: f"{0.993 * x:.8f}"], ids=["few", "short"])
def test_direction_cosines_of_few_digits_are_written_as_they_were_read(
    tmp_path: Path, phantom: Analysed, written: Callable[[float], str]
) -> None:
    def rewrite(data: Dataset) -> None:
        data.ImageOrientationPatient = [written(float(value)) for value in data.ImageOrientationPatient]

    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("oblique"))
    edit(series, rewrite)
    read = analysed_series(tmp_path / "result", phantom, series)
    axes = read.case.affine[:3, :2] / np.linalg.norm(read.case.affine[:3, :2], axis=0)
    assert axes.T @ axes == pytest.approx(np.eye(2), abs=1e-12)
    folder = dicom.write(tmp_path / "result", series)
    shared = pydicom.dcmread(folder / "segmentation.dcm").SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    assert cosines @ np.diag([-1, -1, 1]) == pytest.approx(axes.T, abs=1e-12)
    assert_same_places(first_lesion(folder), (read.prediction.lesion_labels == 1).astype(int), read.case.affine)
    assert_valid([*folder.glob("*.dcm")])


def test_a_file_of_one_frame_is_exported_and_several_are_refused(tmp_path: Path, phantom: Analysed) -> None:
    only = one_slice(phantom)
    source = write_multi_frame(tmp_path / "one.dcm", only.case.image, grid_affine("oblique"))
    read = analysed_series(tmp_path / "result", only, source)
    volume = first_lesion(dicom.write(tmp_path / "result", source))
    assert_same_places(volume, read.prediction.lesion_labels.astype(int), read.case.affine)

    (tmp_path / "series").mkdir()
    for k in range(phantom.case.image.shape[2]):
        data = pydicom.dcmread(source)
        step = STEP * k * np.cross(*np.reshape(orientation(data), (2, 3)))
        (position,) = data.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
        position.ImagePositionPatient = [f"{v:.6f}" for v in np.array(position.ImagePositionPatient, float) + step]
        data.PixelData = np.ascontiguousarray(phantom.case.image[:, :, k].T, np.int16).tobytes()
        data.save_as(tmp_path / "series" / f"{k:04d}")
    analysed_series(tmp_path / "several", phantom, tmp_path / "series")
    with pytest.raises(InputError, match="enhanced files of one frame each"):
        dicom.write(tmp_path / "several", tmp_path / "series")


def orientation(data: Dataset) -> np.ndarray:
    (plane,) = data.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    return np.array(plane.ImageOrientationPatient, dtype=float)
