"""The tags of one frame of an enhanced DICOM file, which keeps them in groups."""

from __future__ import annotations

from typing import Any

# Where PS3.3 puts a frame's tag; a sequence beside it, most of all a private one, may hold another under the same name.
FUNCTIONAL_GROUPS = {
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "EffectiveEchoTime": "MREchoSequence",
}


class FrameTags:
    """A frame's tags wherever the file keeps them: in the frame's own groups, the shared groups or the file itself."""

    def __init__(self, *levels: Any) -> None:
        self._levels = [level for level in levels if level is not None]

    def get(self, keyword: str) -> Any:
        for level in self._levels:
            for item in (level, *_groups(level, keyword)):
                if keyword in item:
                    return item.get(keyword)
        return None


def _groups(level: Any, keyword: str) -> list:
    """Where a level may keep the tag: its functional group, or any public sequence of one item if it has no group."""
    if keyword in FUNCTIONAL_GROUPS:
        return list(level.get(FUNCTIONAL_GROUPS[keyword]) or ())[:1]
    sequences = [element.value for element in level if element.VR == "SQ" and not element.tag.is_private]
    return [sequence[0] for sequence in sequences if len(sequence) == 1]
