"""Colour table nodes of our own, saved with the scene: Slicer's file-based ones are absent in a headless scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .contents import AtlasColor

HEAT_MAP_TABLE = "XAIReport heat map"

# Seventeen evenly spaced points of "inferno" (S. van der Walt, N. Smith; CC0): lightness rises evenly, so that it reads
# the same in every kind of colour vision and in print.
_INFERNO = (
    (0.001, 0.000, 0.014),
    (0.042, 0.028, 0.141),
    (0.129, 0.047, 0.291),
    (0.238, 0.037, 0.396),
    (0.342, 0.062, 0.429),
    (0.441, 0.099, 0.432),
    (0.541, 0.135, 0.415),
    (0.640, 0.171, 0.381),
    (0.736, 0.216, 0.330),
    (0.822, 0.275, 0.266),
    (0.894, 0.353, 0.194),
    (0.947, 0.449, 0.115),
    (0.978, 0.558, 0.035),
    (0.988, 0.675, 0.065),
    (0.975, 0.798, 0.206),
    (0.948, 0.917, 0.411),
    (0.988, 0.998, 0.645),
)


def heat_map_colors(count: int = 256) -> np.ndarray:
    """``count`` colours from dark to light, float in [0, 1], shape (count, 3)."""
    anchors = np.asarray(_INFERNO)
    where = np.linspace(0, len(anchors) - 1, count)
    return np.stack([np.interp(where, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)


def heat_map_table(scene: Any) -> Any:
    """The scene's heat map colour table, made once."""
    found = scene.GetFirstNodeByName(HEAT_MAP_TABLE)
    if found is not None and found.IsA("vtkMRMLColorTableNode"):
        return found
    node = _table(scene, HEAT_MAP_TABLE, 256)
    for index, (r, g, b) in enumerate(heat_map_colors()):
        node.SetColor(index, f"{index / 255:.3f}", float(r), float(g), float(b), 1.0)
    return node


def atlas_table(scene: Any, name: str, colors: Sequence[AtlasColor]) -> Any:
    """Region names and colours; values without a region are transparent."""
    node = _table(scene, name, max((color.label for color in colors), default=0) + 1)
    for index in range(node.GetNumberOfColors()):
        node.SetColor(index, "(none)", 0.0, 0.0, 0.0, 0.0)
    for color in colors:
        alpha = 0.0 if color.label == 0 else color.rgba[3]
        node.SetColor(color.label, color.name, *color.rgba[:3], alpha)
    return node


def _table(scene: Any, name: str, count: int) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", name)
    node.SetTypeToUser()
    node.SetNumberOfColors(count)
    node.GetLookupTable().SetTableRange(0, count - 1)
    node.SetAttribute("Category", "XAIReport")
    node.SetAttribute("XAIReport.ColorTable", name)
    node.SetHideFromEditors(False)
    return node
