"""Findings of a case: built from the road's results, rounded to stated digits, read back with a clear error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from XAIReportLib.files import read_json

from ..case import Case, InputError
from ..results import (
    Anatomy,
    Answer,
    AtlasRegion,
    Counterfactual,
    Heatmap,
    MaskGeometry,
    MidlineShift,
    Prediction,
    RegionOverlap,
    SaliencyCheck,
    SaliencyMask,
    map_names,
)
from . import terminology
from .measured import (
    MILLIMETRE_DIGITS,
    PERCENT_DIGITS,
    SCORE_DIGITS,
    SPACING_DIGITS,
    VOLUME_DIGITS,
    appearance_of,
    image_side,
    largest_distance,
    lobe_of,
    measures_of,
    picture_of,
)
from .measured import number as _number
from .measured import position as _position
from .schema import OLDER_VERSIONS, SCHEMA_VERSION, Findings
from .wording import RESEARCH_USE, known_classes, method_name

__all__ = ["Findings", "FindingsError", "build", "load", "of_result", "parsed", "rounded_to_sum"]

MATRIX_DIGITS = 6
_ADVICE = "analyse the case again"


class FindingsError(ValueError):
    """One sentence for a person: which findings, what is wrong with them, what to do."""


def build(
    case: Case,
    prediction: Prediction,
    geometry: Mapping[str, MaskGeometry],
    heatmaps: Sequence[Heatmap],
    masks: Sequence[SaliencyMask],
    anatomy: Anatomy | None,
    model: Mapping[str, Any],
    forced: bool = False,
    warnings: Sequence[str] = (),
    check: SaliencyCheck | None = None,
    independent: bool | None = None,
    counterfactuals: Sequence[Counterfactual] = (),
) -> Findings:
    """The findings of one analysis, every number rounded to the digits above.

    Args:
        geometry: of "lesion-1", ... and of each heat map's mask (results.map_names); a missing one is measured here, without
            a side.
        masks: one for each heat map, those of the class with the highest score first; a heat map without a mask is not a finding.
        anatomy: None for a case that was not analysed.
        model: name, version, sha256, classes, data_set, score_level, calibration, metrics, non_commercial,
            saliency_layer.
        independent: whether the heat maps could lie elsewhere than the lesion; None when it is not known.

    Raises:
        FindingsError: the results contradict each other.
    """
    lesion_labels = _on_grid(prediction.lesion_labels, case)
    made = {(heatmap.method, heatmap.target): heatmap for heatmap in heatmaps}
    overlaps = anatomy.overlaps if anatomy is not None else ()
    names = [f"lesion-{label}" for label in range(1, int(lesion_labels.max(initial=0)) + 1)]
    largest = anatomy.largest if anatomy is not None else {}
    match = anatomy.picture if anatomy is not None else None
    lesions = [
        _lesion(case, name, lesion_labels == index + 1, geometry, overlaps, largest)
        | {"approximate_lobe": lobe_of(name, match)}
        for index, name in enumerate(names)
    ]
    content = {
        "schema_version": SCHEMA_VERSION,
        "case_id": case.case_id,
        "image": _image(case, forced),
        "model": {**model, "classes": tuple(model["classes"])},
        "prediction": _prediction(prediction),
        "lesions": lesions,
        "lesion_total": {
            "count": len(lesions),
            "voxels": int((lesion_labels > 0).sum()),
            "volume_ml": _volume(case, int((lesion_labels > 0).sum())),
            "largest_distance_mm": largest_distance(lesions),
        },
        "saliency": [
            _saliency(
                case,
                mask,
                made.get((mask.method, mask.target)),
                lesion_labels > 0,
                name,
                geometry=geometry,
                overlaps=overlaps,
            )
            | {"independent": independent}
            for name, mask in zip(map_names((m.method, m.target) for m in masks), masks, strict=True)
        ],
        "saliency_check": None if check is None else _check(check),
        "counterfactuals": [_counterfactual(changed) for changed in counterfactuals],
        "anatomy": _anatomy(anatomy),
        "warnings": tuple(dict.fromkeys([*warnings, *prediction.warnings])),
        "disclaimers": (RESEARCH_USE, known_classes(model["classes"])),
    }
    try:
        return Findings.model_validate(content)
    except ValidationError as error:
        raise FindingsError(f"The results of case {case.case_id} cannot be reported: {_first(error)}.") from error


def load(path: str | Path) -> Findings:
    """Read and validate a findings.json.

    Raises:
        FindingsError: the file is missing, is not JSON, has another version or breaks the schema.
    """
    path = Path(path)
    try:
        return parsed(path.read_bytes(), path.name)
    except OSError as error:
        raise FindingsError(f"{path.name} cannot be read ({error.strerror}); {_ADVICE}.") from error


def parsed(text: str | bytes, name: str = "findings.json") -> Findings:
    """The findings of a text, validated; ``name`` is what an error calls it. Raises FindingsError as ``load``."""
    try:
        content = read_json(text)
    except ValueError as error:
        raise FindingsError(f"{name} is not a JSON document; {_ADVICE}.") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    older = content if version in OLDER_VERSIONS else None
    if older is not None:
        content = migrated(older)
    elif version != SCHEMA_VERSION:
        raise FindingsError(
            f"{name} has schema version {version!r}, this XAIReport reads {OLDER_VERSIONS[0]} to {SCHEMA_VERSION}; {_ADVICE} "
            "or update."
        )
    try:
        found = Findings.model_validate(content)
        return found if older is None else found.read_from(older)
    except ValidationError as error:
        raise FindingsError(f"{name} breaks the findings schema: {_first(error)}; {_ADVICE}.") from error


def of_result(folder: Path) -> Findings:
    """The findings in the folder of a finished result (or of its corrected report), which its text was written from.

    Raises:
        InputError: they cannot be read, or were changed after the text had been written.
    """
    try:
        found = load(folder / "findings.json")
    except FindingsError as error:
        raise InputError(f"{str(error).rstrip('.')} (result folder {folder.name}).") from error
    try:
        told = read_json((folder / "narrative.json").read_bytes())
        written_from = told.get("findings_sha256") if isinstance(told, dict) else None
    except (OSError, ValueError) as error:
        raise InputError(f"narrative.json of the result folder {folder.name} cannot be read; {_ADVICE}.") from error
    if written_from != found.sha256():
        raise InputError(
            f"findings.json of the result folder {folder.name} is not the one that its text was written from (narrative.json "
            f"holds another SHA-256), so nothing is made of it; put the original file back, or {_ADVICE}."
        )
    return found


def migrated(content: Mapping[str, Any]) -> dict[str, Any]:
    """A document of an older version as one of this version: what it could not hold yet has its default, nothing."""
    return {**content, "schema_version": SCHEMA_VERSION}


def rounded_to_sum(values: Sequence[float], total: float, digits: int) -> list[float]:
    """``values`` scaled to ``total`` and rounded so that they still sum to it, by largest remainder.

    Raises:
        FindingsError: the values are negative, not finite, or miss the total by more than one part in 200.
    """
    shares = np.asarray(values, dtype=float)
    if not np.isfinite(shares).all() or (shares < 0).any() or abs(shares.sum() - total) > total / 200:
        raise FindingsError(f"These values should be shares of {total:g}: {', '.join(f'{v:g}' for v in values)}.")
    units = round(total * 10**digits)
    exact = shares * (units / shares.sum())
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: units - int(whole.sum())]] += 1
    return [round(int(count) / 10**digits, digits) for count in whole]


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = "/".join(str(step) for step in problem["loc"])
    return f"{place + ': ' if place else ''}{problem['msg'].removeprefix('Value error, ').rstrip('.')}"


def _on_grid(labels: np.ndarray | None, case: Case) -> np.ndarray:
    """The labels, or none at all for a case that was not analysed."""
    if labels is None or labels.size == 0:
        return np.zeros(case.image.shape, np.uint8)
    if labels.shape != case.image.shape:
        raise FindingsError(f"A mask of case {case.case_id} has shape {labels.shape}, the image {case.image.shape}.")
    return labels


def _volume(case: Case, voxels: int) -> float | None:
    return None if case.voxel_ml is None else _number(voxels * case.voxel_ml, VOLUME_DIGITS)


def _codes(codes: Sequence[terminology.Code | None]) -> tuple[dict[str, str], ...]:
    return tuple({"scheme": c.scheme, "value": c.value, "meaning": c.meaning} for c in codes if c is not None)


def _image(case: Case, forced: bool) -> dict[str, Any]:
    spacing = case.spacing_mm
    return {
        "kind": case.kind,
        "modality": case.modality,
        "shape": tuple(int(n) for n in case.image.shape),
        "spacing_mm": None if spacing is None else tuple(_number(edge, SPACING_DIGITS) for edge in spacing),
        "has_geometry": case.has_geometry,
        "forced": forced,
        "contrast_agent": case.contrast_agent,
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "outcome": prediction.outcome,
        "reason": prediction.reason,
        "label": prediction.label,
        "scores": _rounded_scores(prediction.scores),
        "class_set": tuple(prediction.class_set),
        "uncertainty": {name: _number(value, SCORE_DIGITS) for name, value in prediction.uncertainty.items()},
        "codes": _codes(terminology.class_codes(prediction.label)) if prediction.label else (),
    }


def _extent(case: Case, name: str, mask: np.ndarray, geometry: Mapping[str, MaskGeometry]) -> dict[str, Any]:
    """Place of a mask: from its geometry where there is one, from the picture's own halves where there is none."""
    measured = geometry.get(name)
    voxels = int(mask.sum())
    if measured is not None and measured.voxels != voxels:
        raise FindingsError(f"{name} of case {case.case_id} has {voxels} voxels, its geometry {measured.voxels}.")
    left = right = centroid = side = None
    if measured is not None and case.has_geometry:
        centroid, side = measured.centroid_ras_mm, measured.side
        if side is not None and measured.left_percent is not None:
            left, right = rounded_to_sum([measured.left_percent, 100 - measured.left_percent], 100, PERCENT_DIGITS)
    elif case.has_geometry and voxels:
        centroid = case.affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + case.affine[:3, 3]
    return {
        "side": side if left is not None else None,
        "left_percent": left,
        "right_percent": right,
        "image_side": None if case.has_geometry or not voxels else image_side(case, mask),
        "centroid_ras_mm": _position(centroid),
    }


def _lesion(
    case: Case,
    name: str,
    mask: np.ndarray,
    geometry: Mapping[str, MaskGeometry],
    overlaps: Sequence[RegionOverlap],
    largest: Mapping[str, Sequence[AtlasRegion]],
) -> dict[str, Any]:
    voxels = int(mask.sum())
    return {
        "name": name,
        "voxels": voxels,
        "volume_ml": _volume(case, voxels),
        **_extent(case, name, mask, geometry),
        "regions": _regions(name, overlaps, "percent_of_lesion"),
        "measures": measures_of(geometry.get(name)),
        "largest_regions": [{"name": r.name, "lobe": r.lobe, "side": r.side} for r in largest.get(name, ())],
        "appearance": appearance_of(geometry.get(name)),
    }


def _saliency(
    case: Case,
    mask: SaliencyMask,
    heatmap: Heatmap | None,
    lesion: np.ndarray,
    name: str,
    *,
    geometry: Mapping[str, MaskGeometry],
    overlaps: Sequence[RegionOverlap],
) -> dict[str, Any]:
    values = _on_grid(mask.values, case) > 0
    voxels = int(values.sum())
    dice = 2 * int((values & lesion).sum()) / (voxels + int(lesion.sum())) if voxels and lesion.any() else None
    return {
        "method": mask.method,
        "target": mask.target,
        "layer": "" if heatmap is None else heatmap.layer,
        "seed": 0 if heatmap is None else heatmap.seed,
        "percentile": _number(mask.percentile, PERCENT_DIGITS),
        "rule": mask.rule,
        "mask_voxels": voxels,
        "mask_volume_ml": _volume(case, voxels),
        "dice_with_lesion": _number(dice, SCORE_DIGITS),
        "parameters": _parameters(mask, heatmap),
        **_extent(case, name, values, geometry),
        "regions": _regions(name, overlaps, "percent_of_mask"),
    }


def _parameters(mask: SaliencyMask, heatmap: Heatmap | None) -> dict[str, Any] | None:
    """Of the heat map and of its mask; None where the results do not say."""
    given = {**({} if heatmap is None else heatmap.parameters), **mask.parameters}
    return {k: _number(v, SCORE_DIGITS) if isinstance(v, float) else v for k, v in given.items()} or None


def _check(check: SaliencyCheck) -> dict[str, Any]:
    figures = {name: _number(value, SCORE_DIGITS) for name, value in check.figures.items()}
    return {"relied_on": check.relied_on, "failed": check.failed, "figures": figures}


def _regions(mask: str, overlaps: Sequence[RegionOverlap], percent_key: str) -> list[dict[str, Any]]:
    """The rows of one mask, the largest share first."""
    rows = sorted((row for row in overlaps if row.mask == mask), key=lambda row: -row.percent_of_mask)
    shares = rounded_to_sum([row.percent_of_mask for row in rows], 100, PERCENT_DIGITS) if rows else []
    return [
        {
            "name": row.name,
            "lobe": row.lobe,
            "side": row.side,
            "overlap_ml": _number(row.overlap_ml, VOLUME_DIGITS),
            percent_key: share,
            "percent_of_region": _number(row.percent_of_region, PERCENT_DIGITS),
            "mean_probability": _number(row.mean_probability, SCORE_DIGITS),
            "nearest": row.nearest,
            "nearest_mm": _number(row.nearest_mm, MILLIMETRE_DIGITS),
            "percent_low": _number(row.percent_low, PERCENT_DIGITS),
            "percent_high": _number(row.percent_high, PERCENT_DIGITS),
            "codes": _codes(terminology.structure_codes(row.name)),
        }
        for row, share in zip(rows, shares, strict=True)
    ]


_CHANGES = {
    "lesion_removed": "the segmented abnormality replaced by what surrounds it",
    "lesion_only": "everything but the segmented abnormality set to zero",
    "background_zero": "everything outside the head set to zero",
    "background_noise": "everything outside the head replaced by noise",
    "saliency_removed": "the mask of {method} replaced by what surrounds it",
    "ranked_saliency_removed": "the hottest pixels of {method} replaced by what surrounds them",
}


def _counterfactual(changed: Counterfactual) -> dict[str, Any]:
    return {
        "name": changed.name,
        "method": changed.method,
        "change": _CHANGES[changed.name].format(method=method_name(changed.method or "")),
        "changed_percent": _number(changed.changed_percent, PERCENT_DIGITS),
        "slices": changed.slices,
        "slices_of_lesion": changed.slices_of_lesion,
        "before": _answer(changed.before),
        "after": _answer(changed.after),
        "changes_outcome": changed.changes_outcome,
        "tried_percent": tuple(_number(percent, PERCENT_DIGITS) for percent in changed.tried_percent),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {"outcome": answer.outcome, "label": answer.label, "scores": _rounded_scores(answer.scores)}


def _rounded_scores(scores: Mapping[str, float]) -> dict[str, float]:
    rounded = rounded_to_sum(list(scores.values()), 1, SCORE_DIGITS) if scores else []
    return dict(zip(scores, rounded, strict=True))


def _anatomy(anatomy: Anatomy | None) -> dict[str, Any]:
    if anatomy is None:
        registration = {"verdict": "not_possible", "reason": "The case was not analysed.", "checks": {}}
        return {"registration": registration, "atlas": "", "licence": ""}
    done = anatomy.registration
    checks = {name: _number(value, SCORE_DIGITS) if np.isfinite(value) else None for name, value in done.checks.items()}
    matrix = None if done.patient_to_mni is None else np.asarray(done.patient_to_mni, dtype=float).round(MATRIX_DIGITS)
    return {
        "registration": {
            "verdict": done.verdict,
            "reason": done.reason,
            "checks": checks,
            "patient_to_mni": None if matrix is None else tuple(tuple(row) for row in matrix.tolist()),
        },
        "atlas": anatomy.atlas,
        "licence": anatomy.licence,
        "midline_shift": _midline_shift(anatomy.midline_shift),
        "interval_mm": _number(anatomy.interval_mm, MILLIMETRE_DIGITS),
        "picture": picture_of(anatomy.picture),
    }


def _midline_shift(shift: MidlineShift | None) -> dict[str, Any] | None:
    if shift is None:
        return None
    distance = _number(shift.distance_mm, MILLIMETRE_DIGITS)
    towards = None if not distance else "right" if distance > 0 else "left"
    return {"distance_mm": None if distance is None else abs(distance), "towards": towards, "method": shift.method}
