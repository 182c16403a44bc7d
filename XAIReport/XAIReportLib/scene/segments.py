"""One segmentation node: a segment for each segmented abnormality and for each heat map's mask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from XAIReportLib.report.wording import series

from . import terminology
from .contents import Contents, GridImage
from .nodes import fill_image, image_array, vtk_matrix, write_voxels
from .session import slicer_package

# Okabe and Ito's colours, told apart in every kind of colour vision; none of them lies on the heat map's scale.
LESION_COLORS = ((0.34, 0.71, 0.91), (0.00, 0.45, 0.70))
SALIENCY_COLORS = ((0.00, 0.62, 0.45), (0.80, 0.47, 0.65), (0.60, 0.60, 0.60))
READER_SUFFIX = "-reader"  # behind the id of a heat map's mask that the reader has cut


def lesion_name(number: int, findings: dict[str, Any]) -> str:
    """What a segmented abnormality is called; ``findings``: findings.json, which tells of the series."""
    image = findings.get("image") or {}
    of = series(
        findings["prediction"]["reason"],
        findings.get("warnings") or (),
        image.get("modality", ""),
        bool(image.get("forced")),
    )
    return f"Segmented abnormality {number}{of}"


def saliency_name(map_name: str) -> str:
    return f"Saliency mask {map_name}"


def segmentation_steps(
    scene: Any, contents: Contents, volume: Any, name: str, keep: Callable[[Any], None]
) -> list[Callable[[], None]]:
    """What makes the segmentation of a case, a segment at a time; nothing when the model was not run. Where the model found nothing
    it is empty: a reader may draw what was missed.

    Args:
        volume: gives the image node once it is there.
        keep: takes the segmentation node.
    """
    if contents.lesions is None and not contents.saliency_masks:
        return []
    made: list[Any] = []

    def node() -> None:
        slicer = slicer_package()
        made.append(scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name))
        # Slicer's own DICOM SEG export needs both the geometry and the reference to the volume.
        made[0].SetReferenceImageGeometryParameterFromVolumeNode(volume())
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        made[0].SetNodeReferenceID(role, volume().GetID())
        made[0].GetSegmentation().SetSourceRepresentationName("Binary labelmap")
        made[0].CreateDefaultDisplayNodes()
        keep(made[0])

    def lesion(number: int) -> None:
        grid = GridImage(contents.lesions.voxels == number, contents.lesions.ijk_to_ras)
        color = LESION_COLORS[min(number - 1, len(LESION_COLORS) - 1)]
        segment = _segment(
            lesion_name(number, contents.findings), grid, color, terminology.lesion_entry(_side(contents, number))
        )
        _add(made[0], segment, f"lesion-{number}")

    def mask(index: int, map_name: str) -> None:
        color = SALIENCY_COLORS[index % len(SALIENCY_COLORS)]
        grid = contents.saliency_masks[map_name]
        _add(made[0], _segment(saliency_name(map_name), grid, color, terminology.saliency_entry(map_name)), map_name)

    return [
        node,
        *(partial(lesion, number) for number in contents.lesion_numbers),
        *(partial(mask, index, map_name) for index, map_name in enumerate(contents.saliency_masks)),
        lambda: _show_as_outlines(made[0]),
    ]


def segment_voxels(node: Any, identifier: str, reference: Any) -> np.ndarray:
    """A segment as bool voxels (k, j, i) on the grid of the volume node ``reference``, however it was edited or saved."""
    inside = np.zeros(tuple(reversed(reference.GetImageData().GetDimensions())), dtype=bool)
    segment = node.GetSegmentation().GetSegment(identifier)
    labelmap = segment.GetRepresentation("Binary labelmap") if segment is not None else None
    if labelmap is None or labelmap.IsEmpty():
        return inside
    grid = _reference_image(reference)
    value = segment.GetLabelValue()
    slicer = slicer_package()
    if not slicer.vtkOrientedImageDataResample.DoGeometriesMatchIgnoreOrigin(labelmap, grid) or not _same_origin(
        labelmap, grid
    ):
        resampled = slicer.vtkOrientedImageData()
        slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
            labelmap, grid, resampled, False, False
        )
        labelmap = resampled
    i0, i1, j0, j1, k0, k1 = labelmap.GetExtent()
    box = np.s_[max(k0, 0) : k1 + 1, max(j0, 0) : j1 + 1, max(i0, 0) : i1 + 1]
    target = inside[box]
    part = image_array(labelmap)[max(-k0, 0) :, max(-j0, 0) :, max(-i0, 0) :]
    target[:] = part[tuple(slice(0, n) for n in target.shape)] == value
    return inside


def _reference_image(volume: Any) -> Any:
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    image = slicer_package().vtkOrientedImageData()
    image.SetExtent(volume.GetImageData().GetExtent())
    matrix = vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetImageToWorldMatrix(matrix)
    return image


def _same_origin(one: Any, other: Any) -> bool:
    return bool(np.allclose(one.GetOrigin(), other.GetOrigin(), atol=1e-3))


def put_segment(node: Any, identifier: str, voxels: np.ndarray, reference: Any, color: Any, entry: str) -> None:
    """Make or replace a segment: uint8 voxels (k, j, i) on the grid of ``reference``."""
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegment(identifier)
    if segment is not None and segmentation.IsSharedBinaryLabelmap(identifier):
        segmentation.SeparateSegmentLabelmap(identifier)
    image = segment.GetRepresentation("Binary labelmap") if segment is not None else None
    if image is not None and tuple(reversed(image.GetDimensions())) == voxels.shape and segment.GetLabelValue() == 1:
        write_voxels(image, voxels)
        image.Modified()
        return
    image = _reference_image(reference)
    fill_image(image, voxels)
    if segment is None:
        segment = slicer_package().vtkSegment()
        segment.SetColor(*color)
        segment.SetTerminology(entry)
        segment.AddRepresentation("Binary labelmap", image)
        _add(node, segment, identifier)
    else:
        segment.SetLabelValue(1)
        segment.AddRepresentation("Binary labelmap", image)


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
    """Outlines only, the lesions and the first map's mask: a filled segment would hide the heat map under it."""
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    saliency_shown = False
    for index in range(node.GetSegmentation().GetNumberOfSegments()):
        identifier = node.GetSegmentation().GetNthSegmentID(index)
        is_lesion = identifier.startswith("lesion-")
        display.SetSegmentVisibility(identifier, is_lesion or not saliency_shown)
        saliency_shown = saliency_shown or not is_lesion
