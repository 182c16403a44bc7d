"""XAIReport makes an image classifier's decision on a brain MRI inspectable. Research use only. Not for diagnosis.

    import XAIReportLib
    analysis = XAIReportLib.analyze("head.nii.gz", output="results")

A case walks one road, and every stage hands typed results to the next (``results.py``):

    case.py, reading/   what comes in: the image, its geometry, where the head is; every format, every check
    plausibility.py     whether it looks like a head MRI at all
    models/             bundle, network, prediction, calibration
    saliency/           heat maps of the score, and their masks by adaptive percentile
    anatomy/            registration to MNI152, atlas regions under each mask
    report/             findings (the only source of facts), narrative, figures, documents
    pipeline.py         analyze(): the whole road on one screen
    arrays.py, folder.py   the result folder: complete or absent, written and read back

Three doors lead onto it: ``__main__.py`` and ``batch.py`` (command line), ``worker/`` with ``panel/`` (3D Slicer), and
this package (Python). ``scene/`` makes the MRML scene of a finished result folder.

Importing this package is light: a name below loads what it needs when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from XAIReportLib.case import Case, InputError
    from XAIReportLib.folder import ResultFolder, read_result
    from XAIReportLib.pipeline import Analysis, Progress, analyze
    from XAIReportLib.plausibility import unlike_head_mri
    from XAIReportLib.reading import case_from_array, read_case
    from XAIReportLib.results import Cancelled
    from XAIReportLib.scene import SceneUnavailable, write_mrb

__version__ = "0.1.0"

_MODULES = {
    "Case": "case",
    "InputError": "case",
    "ResultFolder": "folder",
    "read_result": "folder",
    "Analysis": "pipeline",
    "Cancelled": "results",
    "Progress": "pipeline",
    "analyze": "pipeline",
    "unlike_head_mri": "plausibility",
    "case_from_array": "reading",
    "read_case": "reading",
    "SceneUnavailable": "scene",
    "write_mrb": "scene",
}

__all__ = [
    "Analysis",
    "Cancelled",
    "Case",
    "InputError",
    "Progress",
    "ResultFolder",
    "SceneUnavailable",
    "analyze",
    "case_from_array",
    "read_case",
    "read_result",
    "unlike_head_mri",
    "write_mrb",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
