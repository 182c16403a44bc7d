"""Findings after a reader's edit of the outlines: what rests on them measured anew, all else as the model left it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import ValidationError

from ..case import Case
from ..results import AtlasRegion, MaskGeometry, RegionOverlap
from . import findings as original
from .findings import Findings, FindingsError


def revise(
    findings: Findings,
    case: Case,
    labels: np.ndarray,
    changed: Sequence[int],
    geometry: Mapping[str, MaskGeometry],
    overlaps: Sequence[RegionOverlap],
    masks: Mapping[str, np.ndarray],
    largest: Mapping[str, Sequence[AtlasRegion]],
) -> Findings:
    """The findings of the model, with the reader's lesions.

    Args:
        labels: the reader's lesion labels on the case's grid.
        changed: labels whose voxels differ from the model's, gone ones too; what was not changed is kept word for word.
        geometry, overlaps: of the changed lesions. largest: the regions that may hold the largest share of each.
        masks: the saliency masks by name (results.map_names), for its overlap with the lesions.

    A lesion that the model has not outlined has a number that no lesion of the model had.

    Raises:
        FindingsError: the results contradict each other.
    """
    before = {lesion.name: lesion for lesion in findings.lesions}
    model = {lesion.number for lesion in findings.lesions}
    counts = np.bincount(labels.ravel())
    numbers = [int(n) for n in np.flatnonzero(counts) if n]
    if any(n in changed and n not in model for n in numbers):
        numbers.sort(
            key=lambda n: -counts[n]
        )  # as the model's own are, so that what is said of the largest is said of it
    lesions = [
        {**original._lesion(case, f"lesion-{n}", labels == n, geometry, overlaps, largest), "edited_by_reader": True}
        if n in changed
        else before[f"lesion-{n}"].model_dump()
        for n in numbers
    ]
    voxels = int((labels > 0).sum())
    removed = [name for name in before if name not in {f"lesion-{n}" for n in numbers}]
    content = findings.model_dump()
    content |= {
        "lesions": lesions,
        "lesion_total": {
            "count": len(lesions),
            "voxels": voxels,
            "volume_ml": original._volume(case, voxels),
            "largest_distance_mm": original.largest_distance(lesions),
        },
        "saliency": [
            {**entry, "dice_with_lesion": _dice(masks[name], labels)}
            for name, entry in zip(findings.map_names, content["saliency"], strict=True)
        ],
    }
    if changed:
        content["reader_edit"] = {
            "changed": [f"lesion-{n}" for n in sorted(numbers) if n in changed],
            "removed": removed,
            "model_total": findings.lesion_total.model_dump(),
        }
    try:
        return Findings.model_validate(content)
    except ValidationError as error:
        raise FindingsError(f"The edited case {case.case_id} cannot be reported: {original._first(error)}.") from error


def _dice(mask: np.ndarray, labels: np.ndarray) -> float | None:
    marked, lesion = mask > 0, labels > 0
    if not marked.any() or not lesion.any():
        return None
    dice = 2 * np.count_nonzero(marked & lesion) / (np.count_nonzero(marked) + np.count_nonzero(lesion))
    return original._number(dice, original.SCORE_DIGITS)
