"""Every voxel is where the result folder says it is, in millimetres of the patient, on every kind of grid."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from result_folders import METHODS, oblique, sheared, write_result
from XAIReportLib.scene import load_result
from XAIReportLib.scene.nodes import image_array

AXIAL = np.diag([1.0, 1.0, 3.0, 1.0])
CORONAL = np.array([[1.0, 0, 0, -90], [0, 0, 2.5, -120], [0, -1.0, 0, 70], [0, 0, 0, 1]])
GRIDS = {
    "oblique left-handed": oblique(),
    "oblique right-handed": oblique(flips=(1, 1, 1)),
    "i and k turned round": oblique(flips=(-1, 1, -1)),
    "sheared": sheared(),
    "axial": AXIAL,
    "coronal slices": CORONAL,
}


def matrix_of(read: object) -> np.ndarray:
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    read(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def values_at(voxels_kji: np.ndarray, ijk_to_ras: np.ndarray, ras: np.ndarray) -> np.ndarray:
    """Values at positions that must be voxel centres."""
    ijk = np.linalg.solve(ijk_to_ras, np.vstack([ras.T, np.ones(len(ras))]))[:3].T
    assert np.abs(ijk - np.round(ijk)).max() < 1e-2
    i, j, k = np.round(ijk).astype(int).T
    return voxels_kji[k, j, i]


def every_voxel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """RAS positions and values of all voxels of a NIfTI file, read by another library than the product's."""
    image = nib.load(path)
    values = np.asarray(image.dataobj)
    ijk = np.argwhere(np.ones(values.shape))
    return nib.affines.apply_affine(image.affine, ijk), values.ravel()


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_a_voxel_of_a_volume_node_lies_where_the_file_puts_it(a_session, tmp_path, grid):
    folder = write_result(tmp_path / "case", grid)
    loaded = load_result(folder, a_session.scene)
    files = {"image": loaded.volume, "atlas": loaded.atlas}
    files |= {f"heatmaps/{method}": node for method, node in loaded.heatmaps.items()}
    for name, node in files.items():
        ras, values = every_voxel(folder / f"{name}.nii.gz")
        found = values_at(image_array(node.GetImageData()), matrix_of(node.GetIJKToRASMatrix), ras)
        np.testing.assert_array_equal(found, values, err_msg=name)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_a_segment_holds_exactly_the_voxels_of_its_mask(a_session, tmp_path, grid):
    folder = write_result(tmp_path / "case", grid)
    segmentation = load_result(folder, a_session.scene).segmentation.GetSegmentation()
    masks = {method: (f"masks/{method}.nii.gz", 1) for method in METHODS}
    masks |= {"lesion-1": ("masks/lesion.nii.gz", 1), "lesion-2": ("masks/lesion.nii.gz", 2)}
    assert segmentation.GetNumberOfSegments() == len(masks)
    for identifier, (file_name, label) in masks.items():
        labelmap = segmentation.GetSegment(identifier).GetRepresentation("Binary labelmap")
        ras, values = every_voxel(folder / file_name)
        found = values_at(image_array(labelmap), matrix_of(labelmap.GetImageToWorldMatrix), ras)
        np.testing.assert_array_equal(found, values == label, err_msg=identifier)


def test_nodes_are_right_handed_as_slicer_itself_reads_files(a_session, a_result):
    volume = load_result(a_result, a_session.scene).volume
    assert np.linalg.det(matrix_of(volume.GetIJKToRASMatrix)[:3, :3]) > 0


def test_points_mark_the_centroids_of_the_lesions(a_session, a_result):
    node = load_result(a_result, a_session.scene).points
    mask = nib.load(a_result / "masks" / "lesion.nii.gz")
    for index in range(2):
        expected = nib.affines.apply_affine(
            mask.affine, np.argwhere(np.asarray(mask.dataobj) == index + 1).mean(axis=0)
        )
        position = [0.0, 0.0, 0.0]
        node.GetNthControlPointPosition(index, position)
        np.testing.assert_allclose(position, expected, atol=1e-3)


def test_a_picture_is_one_slice_without_sides(a_session, tmp_path):
    folder = write_result(tmp_path / "case", None, shape=(40, 30, 1))
    loaded = load_result(folder, a_session.scene)
    assert loaded.volume.GetImageData().GetDimensions() == (40, 30, 1)
    assert "without geometry" in loaded.volume.GetAttribute("XAIReport.Geometry")
    for index in range(loaded.segmentation.GetSegmentation().GetNumberOfSegments()):
        entry = loaded.segmentation.GetSegmentation().GetNthSegment(index).GetTerminology()
        assert "Left" not in entry
        assert "Right" not in entry
