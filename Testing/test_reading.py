"""Every format brings the same voxels to the same places; whatever is wrong with a file is one sentence."""

from __future__ import annotations

import gzip
import itertools
import struct
import sys
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from XAIReportLib.case import Case, InputError
from XAIReportLib.reading import case_from_array, read_case, sha256_of_input

sys.path.insert(0, str(Path(__file__).parent))
from stored_images import (
    LPS,
    SHAPE,
    SPACING,
    WRITERS,
    dicom_slice,
    oblique,
    phantom,
    refused,
    values_at,
    write_multi_frame,
    write_nifti,
    write_nrrd,
    write_series,
)


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
@pytest.mark.parametrize("name", WRITERS)
def test_the_same_point_has_the_same_value_in_every_format(
    tmp_path: Path, name: str, flips: tuple[int, int, int]
) -> None:
    array, affine = phantom(), oblique(flips)
    case = read_case(WRITERS[name](tmp_path / name, array, affine))
    voxels = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1).reshape(-1, 3)
    points = voxels @ affine[:3, :3].T + affine[:3, 3]
    assert np.array_equal(values_at(case, points), array.ravel().astype(np.float32))
    assert case.image.shape == SHAPE
    assert case.image.dtype == np.float32
    assert case.spacing_mm == pytest.approx(SPACING, abs=1e-4)
    assert case.voxel_ml == pytest.approx(np.prod(SPACING) / 1000, rel=1e-4)
    assert len(case.sha256) == 64
    assert case.modality == "MR"


def test_names_of_files_and_patients_stay_outside(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "Secret^Name", phantom(), oblique())
    first, second = read_case(folder), read_case(folder)
    assert first.case_id != second.case_id, "the default case id is random"
    assert first.sha256 == second.sha256
    assert "ecret" not in repr(first.case_id)


def test_dicom_modality_and_inverted_grey(tmp_path: Path) -> None:
    plain = read_case(write_series(tmp_path / "a", phantom(), oblique(), Modality="CT"))
    assert plain.modality == "CT"
    series = read_case(write_series(tmp_path / "b", phantom(), oblique(), PhotometricInterpretation="MONOCHROME1"))
    path = write_multi_frame(tmp_path / "frames.dcm", phantom(), oblique())
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation = "MONOCHROME1"
    data.save_as(path)
    for turned in (series, read_case(path)):
        assert np.corrcoef(turned.image.ravel(), plain.image.ravel())[0, 1] == pytest.approx(-1)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("RescaleSlope", "0.25"), ("RescaleIntercept", "4"), ("PhotometricInterpretation", "MONOCHROME2")],
)
def test_inverted_grey_is_refused_where_each_slice_would_be_turned_on_its_own(
    tmp_path: Path, keyword: str, value: str
) -> None:
    folder = write_series(tmp_path / "series", phantom(), oblique(), PhotometricInterpretation="MONOCHROME1")
    assert read_case(folder).image.shape == SHAPE
    _edit(folder, lambda data: setattr(data, keyword, value))
    refused(folder, "MONOCHROME1")


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({"ContrastBolusAgent": "Gadovist"}, True),
        ({"ContrastBolusAgent": "NONE"}, False),
        ({"ContrastBolusAgent": ""}, False),
        ({"SeriesDescription": "t1_mprage_sag +C"}, True),
        ({"SeriesDescription": "AX T1 POST GD"}, True),
        ({"SeriesDescription": "T1 pre contrast"}, False),
        ({"SeriesDescription": "t1 ohne KM"}, False),
        ({"SeriesDescription": "posterior fossa"}, False),
        ({}, False),
    ],
)
def test_a_header_that_names_a_contrast_agent_is_told_from_one_that_does_not(
    tmp_path: Path, tags: dict[str, str], named: bool
) -> None:
    assert read_case(write_series(tmp_path / "a", phantom(), oblique(), **tags)).contrast_agent is named


def test_every_frame_is_scaled_by_its_own_slope_and_intercept(tmp_path: Path) -> None:
    path = write_multi_frame(tmp_path / "frames.dcm", phantom(), oblique())
    data = pydicom.dcmread(path)
    del data.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    frames = data.PerFrameFunctionalGroupsSequence
    for number, frame in enumerate(frames):
        scaling = Dataset()
        scaling.RescaleSlope, scaling.RescaleIntercept = 1 + number % 4, 3 * number - 20
        frame.PixelValueTransformationSequence = Sequence([scaling])
    data.save_as(path)
    case = read_case(path)
    for number, frame in enumerate(frames):
        x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
        k = round((np.linalg.inv(case.affine) @ [-x, -y, z, 1])[2])
        expected = (1 + number % 4) * data.pixel_array[number].T.astype(float) + 3 * number - 20
        np.testing.assert_array_equal(case.image[:, :, k], expected)


def test_the_echo_time_is_read_from_slices_and_from_frames_and_may_be_missing(tmp_path: Path) -> None:
    assert read_case(write_series(tmp_path / "a", phantom(), oblique(), EchoTime="98.0")).echo_time_ms == 98
    assert read_case(write_series(tmp_path / "b", phantom(), oblique(), EchoTime="")).echo_time_ms is None
    path = write_multi_frame(tmp_path / "frames.dcm", phantom(), oblique())
    data = pydicom.dcmread(path)
    echo = Dataset()
    echo.EffectiveEchoTime = 12.5
    data.SharedFunctionalGroupsSequence[0].MREchoSequence = Sequence([echo])
    data.save_as(path)
    assert read_case(path).echo_time_ms == 12.5


def test_a_picture_stands_upright_and_has_no_geometry(tmp_path: Path) -> None:
    pixels = np.arange(40 * 30, dtype=np.uint16).reshape(30, 40) * 50
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    case = read_case(tmp_path / "deep.png")
    assert case.image.shape == (40, 30, 1)
    assert np.array_equal(case.image[:, :, 0], pixels.T), "all 16 bits are kept"
    assert case.affine is None
    assert case.spacing_mm is None
    assert not case.coloured

    turned = Image.fromarray((pixels // 240).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show rotated by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    expected = np.rot90((pixels // 240).astype(np.uint8), -1)
    assert np.array_equal(read_case(tmp_path / "turned.png").image[:, :, 0], expected.T)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_is_grey_however_it_is_stored(tmp_path: Path, mode: str) -> None:
    rng = np.random.default_rng(1)
    grey = Image.fromarray(rng.integers(0, 255, (32, 48), dtype=np.uint8))
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    picture = grey.convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(rng.integers(0, 255, (32, 48), dtype=np.uint8)))
    picture.save(path, quality=95) if mode == "CMYK" else picture.save(path)
    case = read_case(path)
    assert not case.coloured
    tolerance = 25 if mode == "CMYK" else 0.51
    assert np.abs(case.image[:, :, 0] - np.asarray(grey).T).max() <= tolerance


def test_true_colours_are_told(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, 10:30] = (200, 80, 160)
    Image.fromarray(pixels).save(tmp_path / "tile.jpg")
    assert read_case(tmp_path / "tile.jpg").coloured


def test_an_array_is_a_case() -> None:
    case = case_from_array(phantom(), oblique(), "case-1")
    assert (case.case_id, case.kind) == ("case-1", "array")
    assert case.sha256 != case_from_array(phantom() + 1, oblique()).sha256
    assert case_from_array(np.arange(400.0).reshape(20, 20), None).image.shape == (20, 20, 1)
    with pytest.raises(InputError, match="without an affine"):
        case_from_array(phantom(), None)


def test_one_volume_in_four_dimensions_is_a_volume(tmp_path: Path) -> None:
    assert read_case(write_nifti(tmp_path / "a.nii", phantom()[..., None], oblique())).image.shape == SHAPE


# --- bad input -------------------------------------------------------------------------------------------------------


def _array(change: str) -> np.ndarray:
    array = phantom().astype(np.float32)
    if change == "NaN":
        array[3, 4, 5] = np.nan
    elif change == "infinite":
        array[3, 4, 5] = np.inf
    elif change == "same value":
        array[:] = 3
    elif change == "8 or more":
        array = array[:, :, :7]
    elif change == "series of volumes":
        array = np.stack([array, array], axis=-1)
    elif change == "complex":
        array = array.astype(np.complex64)
    elif change == "colours":
        array = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    return array


@pytest.mark.parametrize(
    "change", ["NaN", "infinite", "same value", "8 or more", "series of volumes", "complex", "colours"]
)
def test_voxels_that_are_no_volume(tmp_path: Path, change: str) -> None:
    refused(write_nifti(tmp_path / "x.nii.gz", _array(change), oblique()), change)


@pytest.mark.parametrize(
    ("scale", "pattern"),
    [((0.05, 1, 1), "spacing"), ((1, 1, 20), "spacing"), ((0, 1, 1), "spacing"), ((1, 1, 1000), "spacing")],
)
def test_absurd_spacing(tmp_path: Path, scale: tuple[float, float, float], pattern: str) -> None:
    image = nib.Nifti1Image(phantom(), np.eye(4))
    image.header.set_sform(np.diag([*scale, 1.0]), 1)
    image.header.set_qform(None, 0)
    image.header.set_zooms(scale)
    path = tmp_path / "x.nii"
    path.write_bytes(image.header.binaryblock + b"\0" * 4 + phantom().tobytes(order="F"))
    data = bytearray(path.read_bytes())
    data[108:112] = struct.pack("<f", 352.0)
    data[344:348] = b"n+1\0"
    path.write_bytes(data)
    refused(path, pattern)


def test_flat_and_broken_affines() -> None:
    flat = np.eye(4)
    flat[:3, 2] = flat[:3, 1]
    with pytest.raises(InputError, match="singular"):
        case_from_array(phantom(), flat)
    with pytest.raises(InputError, match="4x4"):
        case_from_array(phantom(), np.eye(3))
    with pytest.raises(InputError, match="4x4"):
        case_from_array(phantom(), np.full((4, 4), np.nan))


def test_orientation_is_stated_once(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "none.nii", phantom(), oblique(), form="neither")
    refused(path, "left and right are unknown")
    image = nib.Nifti1Image(phantom(), oblique())
    image.set_sform(oblique(), 1)
    image.set_qform(oblique((-1, 1, 1)), 1)
    nib.save(image, tmp_path / "both.nii")
    refused(tmp_path / "both.nii", "contradicts itself")
    nrrd = write_nrrd(tmp_path / "x.nrrd", phantom(), oblique())
    nrrd.write_bytes(nrrd.read_bytes().replace(b"space: left-posterior-superior\n", b"space dimension: 3\n"))
    refused(nrrd, "left and right are unknown")


def test_files_that_are_no_image(tmp_path: Path) -> None:
    refused(tmp_path / "absent.nii.gz", "does not exist")
    for name in ("x.nii", "x.nii.gz", "x.nrrd", "x.nhdr", "x.png", "x.jpg", "x.dcm"):
        path = tmp_path / name
        path.write_bytes(b"")
        refused(path, "is empty")
        path.write_bytes(b"this is a letter, not an image, and it is long enough to be looked at " * 20)
        refused(path, "is not a|is not compressed")
    (tmp_path / "letter.txt").write_text("hello")
    refused(tmp_path / "letter.txt", "is not an image that can be read")
    (tmp_path / "nothing").mkdir()
    refused(tmp_path / "nothing", "no DICOM images")


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.nrrd", "x.png", "x.jpg", "frames.dcm"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_truncated_files(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    if name.endswith((".png", ".jpg")):
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    else:
        WRITERS[next(k for k in WRITERS if k.endswith(path.suffix))](path, phantom(), oblique())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path, "truncated|not a|does not say")


def test_a_compressed_file_that_lost_its_last_bytes_or_changed(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", phantom(), oblique())
    data = path.read_bytes()
    path.write_bytes(data[:-4])
    refused(path, "truncated")
    plain = bytearray(gzip.decompress(data))
    packed = bytearray(gzip.compress(bytes(plain)))
    packed[-6] ^= 0xFF  # the checksum
    path.write_bytes(packed)
    refused(path, "damaged")


def test_a_small_file_does_not_unpack_to_more_than_its_header_asks_for(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", phantom(), oblique())
    plain = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(plain + bytes(1000)))
    assert read_case(path).image.shape == SHAPE  # some programs fill their last block
    path.write_bytes(gzip.compress(plain + bytes(2**26)))
    tracemalloc.start()
    refused(path, rf"unpacks to more than the {len(plain)} bytes that its header asks for")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_voxels_that_begin_behind_more_than_extensions_take(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", phantom(), oblique())
    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[108:112] = struct.pack("<f", 2e9)
    path.write_bytes(gzip.compress(plain))
    refused(path, r"begin at byte 2e\+09, behind more than 64 MB of other things")


def test_a_header_that_asks_for_too_much(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii", phantom(), oblique())
    data = bytearray(path.read_bytes())
    data[40:56] = struct.pack("<8h", 3, 30000, 30000, 30000, 1, 1, 1, 1)
    path.write_bytes(data)
    refused(path, "30000 x 30000 x 30000")
    nrrd = write_nrrd(tmp_path / "x.nrrd", phantom(), oblique())
    nrrd.write_bytes(nrrd.read_bytes().replace(b"sizes: 22 18 11", b"sizes: 30000 30000 30000"))
    refused(nrrd, "30000 x 30000 x 30000")


def test_a_detached_header_reads_only_beside_itself(tmp_path: Path) -> None:
    path = write_nrrd(tmp_path / "x.nhdr", phantom(), oblique())
    text = path.read_text()
    for named in ("/dev/zero", "../x.raw.gz", "absent.raw", "LIST"):
        path.write_text(text.replace("x.raw.gz", named))
        refused(path, "beside it")


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_no_length_of_comments_hides_where_a_header_points(tmp_path: Path, ending: bytes) -> None:
    path = write_nrrd(tmp_path / "x.nhdr", phantom(), oblique())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "x.raw.gz").rename(tmp_path / "elsewhere" / "x.raw.gz")
    lines = path.read_bytes().replace(b"x.raw.gz", b"elsewhere/x.raw.gz").split(b"\n")
    at = next(n for n, line in enumerate(lines) if line.startswith(b"data file"))
    path.write_bytes(ending.join([*lines[:at], *[b"# " + b"-" * 68] * 1000, *lines[at:]]))
    refused(path, "x.nhdr has a header of more than 64 kB")
    with pytest.raises(InputError, match="more than 64 kB"):
        sha256_of_input(path)


def test_colour_volumes_in_nrrd(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((10, 12, 14, 3), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "rgb.nrrd"))
    refused(tmp_path / "rgb.nrrd", "3 values in each voxel")


def test_a_folder_with_several_series_lists_them_without_their_descriptions(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study", phantom(), oblique())
    for k in range(9):
        dicom_slice(k, oblique(), phantom()[:, :, k], series="9.9", number=7).save_as(folder / f"other{k}")
    refused(folder, r"number 4 \(11 images\), number 7 \(9 images\)")
    with pytest.raises(InputError) as caught:
        read_case(folder)
    assert "secret" not in str(caught.value).lower()


def test_slices_of_two_patients_are_refused_without_naming_them(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", phantom(), oblique(), PatientID="4711")
    _edit(folder, lambda data: setattr(data, "PatientID", None))
    assert read_case(folder).image.shape == SHAPE, "a slice without an ID may be anybody's"
    _edit(folder, lambda data: setattr(data, "PatientID", "4712"))
    refused(folder, "slices of 2 patients")
    with pytest.raises(InputError) as caught:
        read_case(folder)
    assert "471" not in str(caught.value)


def _edit(folder: Path, edit) -> None:
    """Change one slice in the middle of the stack."""
    paths = sorted(folder.glob("IM*"), key=lambda p: float(pydicom.dcmread(p).ImagePositionPatient[2]))
    path = paths[len(paths) // 2]
    data = pydicom.dcmread(path)
    if edit is None:
        path.unlink()
        return
    edit(data)
    data.save_as(path)


@pytest.mark.parametrize(
    ("edit", "pattern"),
    [
        (None, "slices are missing"),
        (lambda d: d.__setattr__("PixelSpacing", ["2", "2"]), "different size, spacing or orientation"),
        (lambda d: d.__setattr__("ImageOrientationPatient", ["1", "0", "0", "0", "1", "0"]), "orientation"),
        (lambda d: d.__delattr__("ImagePositionPatient"), "does not say where it lies"),
        (lambda d: d.__setattr__("PixelData", d.PixelData[:-200]), "damaged or truncated"),
        (lambda d: _shift(d, 0.5), "not evenly spaced"),
        (lambda d: _shift(d, 1.0), "at one place"),
    ],
)
def test_stacks_that_are_no_grid(tmp_path: Path, edit, pattern: str) -> None:
    folder = write_series(tmp_path / "series", phantom(), oblique())
    _edit(folder, edit)
    refused(folder, pattern)


def _shift(data: Dataset, slices: float) -> None:
    step = (LPS @ oblique())[:3, 2] * slices
    data.ImagePositionPatient = [f"{a + b:.6f}" for a, b in zip(data.ImagePositionPatient, step, strict=True)]


def section(k: int) -> tuple[np.ndarray, np.ndarray]:
    """The phantom's slice k, (i, j, 1), and its own affine to RAS."""
    affine = oblique()
    affine[:3, 3] += k * affine[:3, 2]
    return phantom()[:, :, k : k + 1], affine


def check_section(case: Case, k: int) -> None:
    array, affine = section(k)
    voxels = np.stack(np.meshgrid(*(np.arange(n) for n in array.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    assert np.array_equal(values_at(case, voxels @ affine[:3, :3].T + affine[:3, 3]), array.ravel().astype(np.float32))
    assert case.is_slice
    assert case.has_geometry
    assert sorted(case.spacing_mm) == pytest.approx(sorted(SPACING), abs=1e-4)
    assert case.spacing_mm[2] == pytest.approx(SPACING[2], abs=1e-4)


def test_a_dicom_slice_alone_keeps_its_place_and_its_thickness(tmp_path: Path) -> None:
    data = dicom_slice(5, oblique(), phantom()[:, :, 5])
    data.SliceThickness = f"{SPACING[2]:.6f}"
    data.save_as(tmp_path / "one.dcm")
    folder = tmp_path / "series"
    folder.mkdir()
    data.save_as(folder / "one")
    for source in (tmp_path / "one.dcm", folder):
        case = read_case(source)
        check_section(case, 5)
        assert case.sha256 == sha256_of_input(source)


@pytest.mark.parametrize("thickness", [None, "0", "-3"])
def test_a_dicom_slice_without_thickness_asks_for_its_series(tmp_path: Path, thickness: str | None) -> None:
    data = dicom_slice(0, oblique(), phantom()[:, :, 0])
    if thickness is None:
        data.pop("SliceThickness", None)
    else:
        data.SliceThickness = thickness
    data.save_as(tmp_path / "one.dcm")
    refused(tmp_path / "one.dcm", "does not say how thick")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(1, 1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("write", [write_nifti, write_nrrd])
def test_a_slice_lies_where_its_file_says_along_whatever_axis_it_is_stored(tmp_path, write, flips, order) -> None:
    array, affine = section(3)
    for axis, flip in enumerate(flips):
        if flip < 0:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    name = {write_nifti: "slice.nii.gz", write_nrrd: "slice.nrrd"}[write]
    case = read_case(write(tmp_path / name, np.ascontiguousarray(array.transpose(order)), affine[:, [*order, 3]]))
    check_section(case, 3)


@pytest.mark.parametrize("k_axis", [0, 2])
def test_a_nifti_slice_without_forms_is_a_picture_without_sides(tmp_path: Path, k_axis: int) -> None:
    array = phantom()[:, :, 3:4]
    image = nib.Nifti1Image(np.moveaxis(array, 2, k_axis), None)
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "bare.nii.gz")
    case = read_case(tmp_path / "bare.nii.gz")
    assert case.is_slice and not case.has_geometry
    assert np.array_equal(case.image, array.astype(np.float32))
    for volume in (phantom(), phantom()[..., None]):  # the last axis is time
        image = nib.Nifti1Image(volume, None)
        image.set_sform(None, 0)
        image.set_qform(None, 0)
        nib.save(image, tmp_path / "volume.nii.gz")
        refused(tmp_path / "volume.nii.gz", "left and right are unknown")


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1)])  # as nibabel and as ITK write a picture
@pytest.mark.parametrize("write", [write_nifti, write_nrrd])
def test_a_slice_with_the_identity_as_its_affine_is_a_picture_without_sides(tmp_path: Path, write, signs) -> None:
    name = {write_nifti: "slice.nii.gz", write_nrrd: "slice.nrrd"}[write]
    affine = np.diag([*signs, 1.0]).astype(float)
    case = read_case(write(tmp_path / name, phantom()[:, :, 3:4], affine))
    assert case.is_slice and not case.has_geometry
    affine[0, 3] = 12.0
    assert read_case(write(tmp_path / name, phantom()[:, :, 3:4], affine)).has_geometry
    assert read_case(write(tmp_path / name, phantom(), np.diag([*signs, 1.0]).astype(float))).has_geometry


def test_few_slices_are_neither_a_volume_nor_a_slice(tmp_path: Path) -> None:
    refused(write_nifti(tmp_path / "few.nii.gz", phantom()[:, :, :2], oblique()), "or a single slice")
    folder = tmp_path / "few"
    folder.mkdir()
    for k in range(2):
        dicom_slice(k, oblique(), phantom()[:, :, k]).save_as(folder / str(k))
    refused(folder, "2 slices")


# --- wild bytes ------------------------------------------------------------------------------------------------------

WILD = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MAGIC = (b"", b"\x1f\x8b\x08", b"NRRD0004\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\0" * 128 + b"DICM")


def read_or_refuse(path: Path) -> None:
    """A case, or an InputError: never another error."""
    try:
        assert np.isfinite(read_case(path).image).all()
    except InputError as error:
        assert str(error).endswith(".")


@WILD
@given(
    suffix=st.sampled_from([".nii", ".nii.gz", ".nrrd", ".nhdr", ".png", ".jpg", ".dcm", ""]),
    magic=st.sampled_from(MAGIC),
    data=st.binary(max_size=600),
)
def test_random_bytes_are_refused(tmp_path: Path, suffix: str, magic: bytes, data: bytes) -> None:
    path = tmp_path / f"wild{suffix}"
    path.write_bytes(magic + data)
    read_or_refuse(path)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    for name in ("sform.nii", "volume.nrrd", "frames.dcm"):
        WRITERS[name](folder / name, phantom(), oblique())
    rng = np.random.default_rng(0)
    for name in ("p.png", "p.jpg"):
        Image.fromarray(rng.integers(0, 255, (24, 24), dtype=np.uint8)).save(folder / name)
    dicom_slice(0, oblique(), phantom()[:, :, 0]).save_as(folder / "slice.dcm")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["sform.nii", "volume.nrrd", "frames.dcm", "p.png", "p.jpg"]),
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(0, 400),
)
def test_damaged_headers_are_read_or_refused(
    tmp_path: Path, originals: dict[str, bytes], name: str, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(originals[name])
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path / f"damaged-{name}"
    path.write_bytes(data[: len(data) - cut] if cut > 300 else data)
    read_or_refuse(path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(128, 900), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_slices_are_read_or_refused(
    tmp_path: Path, originals: dict[str, bytes], changes: list[tuple[int, int]]
) -> None:
    folder = tmp_path / "series"
    if not folder.exists():
        write_series(folder, phantom(), oblique())
    data = bytearray(originals["slice.dcm"])
    for at, value in changes:
        data[at % len(data)] = value
    (folder / "damaged").write_bytes(data)
    read_or_refuse(folder)
