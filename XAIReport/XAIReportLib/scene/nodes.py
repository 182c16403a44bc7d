"""Volume nodes: the image, heat maps as scalar volumes with threshold and colours, the atlas labelmap."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import colors
from .contents import AtlasColor, Contents, GridImage
from .session import slicer_package

LEGEND_TITLE = "share of the map's maximum"


def image_volume(scene: Any, contents: Contents, name: str) -> Any:
    """The analysed image, windowed by the percentiles of the head."""
    node = _volume(scene, "vtkMRMLScalarVolumeNode", name, contents.image)
    display = node.GetDisplayNode()
    display.SetWindowLevelMinMax(*contents.window)
    display.SetInterpolate(True)
    return node


def heat_map_volume(scene: Any, heatmap: GridImage, name: str, cut: float, legend: bool) -> Any:
    """A heat map in [0, 1], shown from ``cut`` upwards; its colour legend is visible when ``legend`` says so."""
    node = _volume(scene, "vtkMRMLScalarVolumeNode", name, heatmap)
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colors.heat_map_table(scene).GetID())
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetThreshold(float(cut), 1.0)
    display.SetApplyThreshold(True)
    scale = slicer_package().vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
    scale.SetName(f"{name} legend")
    scale.SetTitleText(LEGEND_TITLE)
    scale.SetVisibility(legend)
    return node


def atlas_volume(scene: Any, atlas: GridImage, name: str, entries: tuple[AtlasColor, ...]) -> Any:
    """The atlas in the patient's space, each value with its region's name and colour."""
    node = _volume(scene, "vtkMRMLLabelMapVolumeNode", name, atlas)
    node.GetDisplayNode().SetAndObserveColorNodeID(colors.atlas_table(scene, f"{name} regions", entries).GetID())
    return node


def vtk_matrix(matrix: np.ndarray) -> Any:
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    result = vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, dtype=float).ravel().tolist())
    return result


def fill_image(image: Any, voxels: np.ndarray) -> None:
    """Copy an array (k, j, i) into a vtkImageData, which keeps no hold on it."""
    from vtkmodules.util.numpy_support import get_vtk_array_type

    image.SetDimensions(*reversed(voxels.shape))
    image.AllocateScalars(get_vtk_array_type(voxels.dtype), 1)
    write_voxels(image, voxels)


def write_voxels(image: Any, voxels: np.ndarray) -> None:
    """Copy an array (k, j, i) over the voxels of a vtkImageData of the same size and type."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    vtk_to_numpy(image.GetPointData().GetScalars()).reshape(voxels.shape)[:] = voxels


def image_array(image: Any) -> np.ndarray:
    """Voxels of a vtkImageData, axes (k, j, i); a copy."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tuple(reversed(image.GetDimensions()))).copy()


def _volume(scene: Any, node_class: str, name: str, grid: GridImage) -> Any:
    from vtkmodules.vtkCommonDataModel import vtkImageData

    node = scene.AddNewNodeByClass(node_class, name)
    node.SetIJKToRASMatrix(vtk_matrix(grid.ijk_to_ras))
    # Display first, and nothing automatic: for an image that is there, window and threshold would be searched for long.
    node.CreateDefaultDisplayNodes()
    if node.IsA("vtkMRMLScalarVolumeNode") and not node.IsA("vtkMRMLLabelMapVolumeNode"):
        node.GetDisplayNode().SetAutoWindowLevel(False)
        node.GetDisplayNode().SetAutoThreshold(False)
    image = vtkImageData()
    fill_image(image, grid.voxels)
    node.SetAndObserveImageData(image)
    # The fastest gzip level: the default level takes five times as long for a float volume and saves a few percent.
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetCompressionParameter("gzip_fastest")
    return node
