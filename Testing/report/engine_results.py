"""A finished result folder as the engine writes it, of a head made of numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from phantom_case import Analysed, analysed_phantom
from XAIReportLib.arrays import write_arrays
from XAIReportLib.report import documents, narrative

RUN = {"device": "CPU: PyTorch was built without CUDA", "seed": 0, "bundle": {"name": "brain_tumor_mri"}}


def write_engine_result(folder: Path, analysed: Analysed | None = None, **options: Any) -> Path:
    """The phantom of the report tests: two lesions, two heat maps, an atlas; written by the engine's own functions.
    ``options``: of findings.build, such as the check of the heat maps."""
    analysed = analysed or analysed_phantom()
    folder.mkdir(parents=True)
    write_arrays(folder, analysed.case, analysed.prediction, analysed.heatmaps, analysed.masks, analysed.anatomy)
    found = analysed.findings(**options)
    (folder / "run.json").write_text(json.dumps(RUN), encoding="utf-8")
    documents.write(folder, found, narrative.told(found), [], RUN)
    return folder


def centre_ras(analysed: Analysed, inside: np.ndarray) -> np.ndarray:
    affine = analysed.case.affine
    return affine[:3, :3] @ np.argwhere(inside).mean(axis=0) + affine[:3, 3]
