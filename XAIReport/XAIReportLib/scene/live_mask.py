"""A heat map cut at a percentile that the reader chooses, as a segment of its own: the mask of the report stays as it is."""

from __future__ import annotations

import numpy as np

from XAIReportLib.case import head_mask
from XAIReportLib.percentile_cut import PercentileCut

from . import terminology
from .cases import ATTRIBUTE_PREFIX, LoadedResult
from .nodes import image_array
from .segments import READER_SUFFIX, put_segment

READER_PERCENTILE = f"{ATTRIBUTE_PREFIX}ReaderPercentile"
READER_COLOR = (0.94, 0.89, 0.26)


class LiveMask:
    """One heat map that is cut in milliseconds, by the rule of the report's own mask (PercentileCut).

    ``prepare`` takes a second or two and changes no node, so that it can run in a thread; ``cut`` is for the main thread.

    Args:
        case: its image and its heat map of ``name``.
        head: bool, axes (k, j, i), from an earlier map of the case; found anew without it.
    """

    def __init__(self, case: LoadedResult, name: str, head: np.ndarray | None = None) -> None:
        self._case, self._name, self.head = case, name, head
        self._map, self._image = case.heatmaps[name].GetImageData(), case.volume.GetImageData()
        self._cut: PercentileCut | None = None

    def prepare(self) -> None:
        """Find the head and sort the map's values inside it; outside of it nothing is ever marked."""
        if self.head is None:
            head = np.transpose(head_mask(np.transpose(image_array(self._image))))
            self.head = head if head.any() else np.ones_like(head)
        self._cut = PercentileCut(image_array(self._map), self.head)

    def cut(self, percentile: float) -> int:
        """Mark what lies at or above a percentile; the map is shown from there upwards. Returns the count of voxels."""
        assert self._cut is not None
        voxels, lowest = self._cut.mask(percentile), min(self._cut.threshold(percentile), 1.0)
        case, node = self._case, self._case.segmentation
        identifier = self._name + READER_SUFFIX
        put_segment(node, identifier, voxels, case.volume, READER_COLOR, terminology.saliency_entry(self._name))
        segment = node.GetSegmentation().GetSegment(identifier)
        segment.SetName(f"Saliency mask {self._name} (percentile {percentile:.1f}, set by the reader)")
        heat_map = case.heatmaps[self._name]
        heat_map.GetDisplayNode().SetThreshold(lowest, 1.0)
        heat_map.SetAttribute(READER_PERCENTILE, f"{percentile:.1f}")
        return int(np.count_nonzero(voxels))


def reader_percentile(case: LoadedResult, name: str) -> float | None:
    """What the reader had chosen, also in a scene that was opened again."""
    text = case.heatmaps[name].GetAttribute(READER_PERCENTILE)
    return float(text) if text else None


def remove_reader_mask(case: LoadedResult, name: str) -> None:
    """Back to the mask of the report, and to the map as it is shown with it."""
    from .segments import segment_voxels

    case.segmentation.GetSegmentation().RemoveSegment(name + READER_SUFFIX)
    heat_map = case.heatmaps[name]
    heat_map.RemoveAttribute(READER_PERCENTILE)
    inside = image_array(heat_map.GetImageData())[segment_voxels(case.segmentation, name, case.volume)]
    lowest = float(inside.min()) if inside.size else 0.5
    heat_map.GetDisplayNode().SetThreshold(max(lowest, 1e-3), 1.0)
