"""Volume nodes: the image, heat maps as scalar volumes with threshold and colours, the atlas labelmap."""

from __future__ import annotations

from typing import Any

import numpy as np

from XAIReportLib.case import head_mask

from . import colors
from .contents import AtlasColor, Contents, GridImage

# Window from the head's own values: the lowest percent is air left at its edge, the highest half percent vessels.
_WINDOW_PERCENTILES = (1.0, 99.5)


def image_volume(scene: Any, contents: Contents, name: str) -> Any:
    """The analysed image, windowed by the percentiles of the head."""
    node = _volume(scene, "vtkMRMLScalarVolumeNode", name, contents.image)
    values = contents.image.voxels
    low, high = np.percentile(_inside_of_head(values), _WINDOW_PERCENTILES)
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(float(low), float(max(high, low + 1e-6)))
    display.SetInterpolate(True)
    return node


def _inside_of_head(values: np.ndarray) -> np.ndarray:
    """Values of the head without its outer shell, where a voxel is half air; all values when nothing is left."""
    from scipy import ndimage

    head = np.transpose(head_mask(np.transpose(values)))
    # A slice axis of one or few voxels has no shell to lose.
    reach = [3 if length > 8 else 1 for length in values.shape]
    inner = values[ndimage.binary_erosion(head, np.ones(reach), iterations=2)]
    return inner if inner.size else values


def heat_map_volume(scene: Any, heatmap: GridImage, name: str, cut: float) -> Any:
    """A heat map in [0, 1], shown from ``cut`` upwards."""
    node = _volume(scene, "vtkMRMLScalarVolumeNode", name, heatmap)
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colors.heat_map_table(scene).GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetAutoThreshold(False)
    display.SetThreshold(float(cut), 1.0)
    display.SetApplyThreshold(True)
    return node


def heat_map_cut(heatmap: GridImage, mask: GridImage | None) -> float:
    """The lowest heat inside the method's mask, so that map and mask end at the same place; 0.5 without a mask.

    Never 0: a map that is shown everywhere hides the image.
    """
    inside = heatmap.voxels[mask.voxels > 0] if mask is not None else np.empty(0)
    lowest = float(inside.min()) if inside.size else 0.5
    return max(lowest, 1e-3)


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
    from vtkmodules.util.numpy_support import get_vtk_array_type, vtk_to_numpy

    image.SetDimensions(*reversed(voxels.shape))
    image.AllocateScalars(get_vtk_array_type(voxels.dtype), 1)
    vtk_to_numpy(image.GetPointData().GetScalars()).reshape(voxels.shape)[:] = voxels


def image_array(image: Any) -> np.ndarray:
    """Voxels of a vtkImageData, axes (k, j, i); a copy."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tuple(reversed(image.GetDimensions()))).copy()


def _volume(scene: Any, node_class: str, name: str, grid: GridImage) -> Any:
    from vtkmodules.vtkCommonDataModel import vtkImageData

    node = scene.AddNewNodeByClass(node_class, name)
    node.SetIJKToRASMatrix(vtk_matrix(grid.ijk_to_ras))
    image = vtkImageData()
    fill_image(image, grid.voxels)
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    # The fastest gzip level: the default level takes five times as long for a float volume and saves a few percent.
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetCompressionParameter("gzip_fastest")
    return node
