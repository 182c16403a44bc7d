"""Standard codes of a segment (SNOMED CT and DICOM, from pydicom's dictionaries) as Slicer's terminology string."""

from __future__ import annotations

from typing import Any

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

    modifier = {"left": codes.SCT.Left, "right": codes.SCT.Right}.get(side or "")
    return _serialized(codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion, codes.SCT.Brain, modifier)


def saliency_entry(name: str) -> str:
    """Where a score came from: the DICOM codes for visual explanations (CID 217). ``name``: of the heat map."""
    from pydicom.sr.codedict import codes

    name = method_of(name).lower()
    if name.startswith("gradcam"):
        kind = codes.DCM.GradientWeightedClassActivation
    elif "cam" in name:
        kind = codes.DCM.ClassActivation
    else:
        kind = codes.DCM.Saliency
    return _serialized(codes.SCT.SpatialAndRelationalConcept, kind, None, None)


def _serialized(category: Any, kind: Any, region: Any, region_modifier: Any) -> str:
    empty = ("", "", "")

    def triple(code: Any) -> tuple[str, str, str]:
        return (code.value, code.scheme_designator, code.meaning) if code is not None else empty

    return slicer_package().vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
        _CONTEXT,
        *triple(category),
        *triple(kind),
        *empty,
        _REGION_CONTEXT if region is not None else "",
        *triple(region),
        *triple(region_modifier),
    )
