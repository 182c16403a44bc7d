"""One segmentation node: a segment for each segmented abnormality and for each method's saliency mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import terminology
from .contents import Contents, GridImage
from .nodes import fill_image, vtk_matrix
from .session import slicer_package

# Okabe and Ito's colours, told apart in every kind of colour vision; none of them lies on the heat map's scale.
LESION_COLORS = ((0.34, 0.71, 0.91), (0.00, 0.45, 0.70))
SALIENCY_COLORS = ((0.00, 0.62, 0.45), (0.80, 0.47, 0.65), (0.60, 0.60, 0.60))


def lesion_name(number: int) -> str:
    return f"Segmented abnormality {number} (T1 post-contrast)"


def saliency_name(method: str) -> str:
    return f"Saliency mask {method}"


def segmentation(scene: Any, contents: Contents, volume: Any, name: str) -> Any:
    """The segmentation of a case, or None when there is nothing to segment."""
    lesions = _numbered(contents.lesions)
    if not lesions and not contents.saliency_masks:
        return None
    slicer = slicer_package()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    # Slicer's own DICOM SEG export needs both the geometry and the reference to the volume.
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.SetNodeReferenceID(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole(), volume.GetID())
    node.GetSegmentation().SetSourceRepresentationName("Binary labelmap")
    node.CreateDefaultDisplayNodes()
    for number, color in lesions:
        grid = GridImage(contents.lesions.voxels == number, contents.lesions.ijk_to_ras)
        segment = _segment(lesion_name(number), grid, color, terminology.lesion_entry(_side(contents, number)))
        _add(node, segment, f"lesion-{number}")
    for index, (method, grid) in enumerate(contents.saliency_masks.items()):
        color = SALIENCY_COLORS[index % len(SALIENCY_COLORS)]
        _add(node, _segment(saliency_name(method), grid, color, terminology.saliency_entry(method)), method)
    _show_as_outlines(node)
    return node


def _numbered(lesions: GridImage | None) -> list[tuple[int, tuple[float, float, float]]]:
    labels = [] if lesions is None else [int(v) for v in np.unique(lesions.voxels) if v > 0]
    return [(number, LESION_COLORS[min(number - 1, len(LESION_COLORS) - 1)]) for number in labels]


def _side(contents: Contents, number: int) -> str | None:
    lesions = contents.findings.get("lesions") or []
    return lesions[number - 1].get("side") if contents.has_geometry and number <= len(lesions) else None


def _segment(name: str, grid: GridImage, color: tuple[float, float, float], entry: str) -> Any:
    slicer = slicer_package()
    image = slicer.vtkOrientedImageData()
    fill_image(image, grid.voxels.astype(np.uint8))
    image.SetImageToWorldMatrix(vtk_matrix(grid.ijk_to_ras))
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.SetColor(*color)
    segment.SetTerminology(entry)
    segment.AddRepresentation("Binary labelmap", image)
    return segment


def _add(node: Any, segment: Any, identifier: str) -> None:
    if not node.GetSegmentation().AddSegment(segment, identifier):
        raise RuntimeError(f"The scene refused the segment {segment.GetName()}.")


def _show_as_outlines(node: Any) -> None:
    """Outlines only, the lesions and the first method's mask: a filled segment would hide the heat map under it."""
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    saliency_shown = False
    for index in range(node.GetSegmentation().GetNumberOfSegments()):
        identifier = node.GetSegmentation().GetNthSegmentID(index)
        is_lesion = identifier.startswith("lesion-")
        display.SetSegmentVisibility(identifier, is_lesion or not saliency_shown)
        saliency_shown = saliency_shown or not is_lesion
