"""A NIfTI file says twice where it lies; where the two differ, Slicer may show another place than the report names."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from XAIReportLib.reading import nifti, read_case

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import GRIDS, turned
from stored_images import LPS, SHAPE, oblique, phantom, refused

VOLUMES = Path(__file__).parents[3] / "shared" / "data" / "brain_volumes"


def affine(
    size: tuple[float, float, float] = (1.0, 1.0, 1.0), degrees: float = 0.0, offset_mm: float = 0.0
) -> np.ndarray:
    """Turned about the middle of the volume."""
    matrix = np.eye(4)
    matrix[:3, :3] = turned(degrees, 2) @ np.diag(size)
    middle = (np.array(SHAPE) - 1) / 2
    matrix[:3, 3] = middle * size - matrix[:3, :3] @ middle + (offset_mm, 0, 0)
    return matrix


def write(path: Path, sform: np.ndarray, qform: np.ndarray, codes: tuple[int, int] = (1, 1)) -> Path:
    image = nib.Nifti1Image(phantom(), sform)
    image.set_qform(qform, codes[1])
    image.set_sform(sform, codes[0])
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 2), (4, 1)])
@pytest.mark.parametrize(
    ("other", "what"),
    [
        (affine((2, 2, 1)), "voxel spacing"),
        (affine((1, 1, 1.02)), "voxel spacing"),
        (affine(degrees=40), "direction"),
        (affine(degrees=2), "direction"),
        (affine((-1, 1, 1)), "direction"),
        (affine(offset_mm=80), "position"),
        (affine(offset_mm=1.5), "position"),
    ],
)
def test_forms_that_differ_are_refused_whatever_their_codes(
    tmp_path: Path, other: np.ndarray, what: str, codes: tuple[int, int]
) -> None:
    for forms in ((affine(), other), (other, affine())):
        refused(write(tmp_path / "x.nii", *forms, codes), f"contradicts itself .* differ in {what}")


def test_a_spacing_that_the_sform_does_not_have_is_refused_without_a_qform(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nii", affine(), affine((2, 2, 1)), (1, 0))
    assert sitk.ReadImage(str(path)).GetSpacing() == (2, 2, 1)
    refused(path, "its sform and its pixdim differ in voxel spacing")


@pytest.mark.parametrize("grid", GRIDS)
def test_forms_that_agree_up_to_rounding_are_read_where_slicer_puts_them(tmp_path: Path, grid: str) -> None:
    matrix = np.eye(4)
    directions, size = GRIDS[grid]
    matrix[:3, :3], matrix[:3, 3] = directions @ np.diag(size), (-81.3, 104.7, -33.1)
    rounded = np.round(matrix, 2)
    for sform in (matrix, rounded):
        path = write(tmp_path / "x.nii", sform, matrix)
        case = read_case(path)
        np.testing.assert_allclose(case.affine, sform, atol=1e-5)
        image = sitk.ReadImage(str(path))
        for index in ((0, 0, 0), (21, 17, 10)):
            place = LPS[:3, :3] @ image.TransformIndexToPhysicalPoint(index)
            assert np.linalg.norm(place - (case.affine @ [*index, 1])[:3]) < 0.2


def test_what_is_written_is_read_again_even_where_the_slices_are_slanted() -> None:
    slanted = oblique()
    slanted[:3, 2] += 0.2 * slanted[:3, 1]
    for matrix in (oblique(), oblique((-1, 1, -1)), slanted):
        np.testing.assert_allclose(
            nifti.decode(nifti.encode(phantom(), matrix), "x.nii.gz", 10**6)[1], matrix, atol=1e-4
        )


@pytest.mark.skipif(not VOLUMES.is_dir(), reason="the real volumes are not here")
def test_real_volumes_are_read() -> None:
    paths = sorted(VOLUMES.rglob("*.nii.gz"))
    assert paths
    for path in paths:
        assert nifti.decode(path.read_bytes(), path.name, 2**29)[1].shape == (4, 4)


@pytest.mark.parametrize("start", [0, 4, 348])
@pytest.mark.parametrize(("kind", "first"), [(nib.Nifti1Image, 352), (nib.Nifti2Image, 544)])
def test_voxels_that_begin_within_the_header_are_refused(tmp_path: Path, kind: type, first: int, start: int) -> None:
    data = bytearray(kind(phantom(), affine()).to_bytes())
    struct.pack_into(*(("<f", data, 108) if first == 352 else ("<q", data, 168)), start)
    (tmp_path / "x.nii").write_bytes(data)
    refused(tmp_path / "x.nii", f"begin at byte {start}, within its header, which takes {first}")
