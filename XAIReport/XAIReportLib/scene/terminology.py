"""The codes of a segment, those of report/terminology.py, as Slicer's terminology string."""

from __future__ import annotations

from typing import Any

from XAIReportLib.report import terminology
from XAIReportLib.results import method_of

from .session import slicer_package

_CONTEXT = "Segmentation category and type - DICOM master list"
_REGION_CONTEXT = "Anatomic codes - DICOM master list"


def load_dictionaries() -> None:
    """Import pydicom's dictionaries, which takes a fifth of a second: before the window has to wait for a segment."""
    import pydicom.sr.codedict  # noqa: F401


def lesion_entry(side: str | None) -> str:
    """A segmented abnormality of the brain: "Lesion" of CID 7159, which names no entity, and the side if known."""
    from pydicom.sr.codedict import codes

    return _serialized(terminology.lesion_terminology(side), codes.SCT.Brain)


def saliency_entry(name: str) -> str:
    """Where a score came from: the DICOM codes for visual explanations (CID 217). ``name``: of the heat map."""
    return _serialized(terminology.saliency_terminology(method_of(name)), None)


def _serialized(segment: terminology.SegmentTerminology, region: Any) -> str:
    """``region``: pydicom's code of the place, which the segment's modifier then is of."""
    empty = ("", "", "")

    def triple(code: terminology.Code | None) -> tuple[str, str, str]:
        return (code.value, code.scheme, code.meaning) if code is not None else empty

    return slicer_package().vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
        _CONTEXT,
        *triple(segment.category),
        *triple(segment.type),
        *empty,
        _REGION_CONTEXT if region is not None else "",
        *((region.value, region.scheme_designator, region.meaning) if region is not None else empty),
        *triple(segment.modifier),
    )
