"""Findings with everything a real analysis adds: shape, distances, midline shift, checks of the heat maps, changed images, a
reader's edit. Recipes of cases.py with such parts put in; nothing in them was measured on a patient."""

from __future__ import annotations

from functools import cache
from typing import Any

import cases
from XAIReportLib.report.findings import _CHANGES as CHANGES
from XAIReportLib.report.schema import Findings
from XAIReportLib.report.wording import method_name

Scores = tuple[float, float, float]
Answer = dict[str, Any]


def _answer(label: str | None, scores: Scores | None) -> Answer:
    if scores is None:
        return {"outcome": "no_lesion_found", "label": None, "scores": {}}
    outcome = "class_suggested" if label else "abstained"
    return {"outcome": outcome, "label": label, "scores": dict(zip(cases.CLASSES, scores, strict=True))}


def _change(
    name: str, percent: float, before: Answer, after: Answer, method: str | None = None, tried: tuple[float, ...] = ()
) -> dict[str, Any]:
    same = (before["outcome"], before["label"]) == (after["outcome"], after["label"])
    return {
        "name": name,
        "method": method,
        "change": CHANGES[name].format(method=method_name(method or "")),
        "changed_percent": percent,
        "slices": 9,
        "slices_of_lesion": 31,
        "before": before,
        "after": after,
        "changes_outcome": not same,
        "tried_percent": tried,
    }


def _way(position: str, mm: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"position": position, "distance_mm": mm, "low_mm": low, "high_mm": high}


def _shape(axial: tuple[float, float], feret: float, sphericity: float, *distances: dict[str, Any]) -> dict[str, Any]:
    return {
        "equivalent_diameter_mm": 20.4,
        "feret_mm": feret,
        "axial_diameters_mm": axial,
        "axial_level_mm": 12.0,
        "long_axis_mm": 26.1,
        "long_axis_ras": (0.0, 0.6, 0.8),
        "sphericity": sphericity,
        "crosses_midline": False,
        "distances": distances,
        "neighbours": (),
    }


def _shift(mm: float | None, towards: str | None, method: str = "Mean distance of the septum pellucidum.") -> dict:
    return {"distance_mm": mm, "towards": towards, "method": method}


_PASSED = {
    "relied_on": True,
    "failed": (),
    "figures": {
        "agreement": 0.71,
        "stability": 0.93,
        "score_drop": 0.24,
        "outside_lesion": 0.18,
        "outside_head": 0.02,
    },
}
_FAILED = {
    "relied_on": False,
    "failed": ("agreement", "outside_lesion"),
    "figures": _PASSED["figures"] | {"agreement": 0.12, "outside_lesion": 0.85},
}
_GLIOMA = _answer("glioma", (0.8712, 0.0903, 0.0385))
_MENINGIOMA = _answer("meningioma", (0.2012, 0.7604, 0.0384))
_FRONTAL = _shape(
    (24.6, 15.2),
    28.9,
    0.74,
    _way("motor cortex", 11.4, 8.9, 13.6),
    _way("lateral ventricles", 6.3, 3.8, 8.7),
    _way("brain surface", 0.0),
    _way("visual cortex", 71.0, 68.1, 73.9),
)
_PARIETAL = _shape((31.7, 22.5), 36.4, 0.61, _way("motor cortex", 4.2, 1.9, 6.5), _way("brain surface", 2.1))
_THALAMIC = _shape((9.8, 8.1), 12.7, 0.83, _way("lateral ventricles", 0.0))

# name: the recipe it is made from, parts by name
MEASURED: dict[str, tuple[str, dict[str, Any]]] = {
    "measured glioma": (
        "left glioma",
        {
            "measures": (_FRONTAL,),
            "appearance": ({"brighter_ml": 3.1, "not_brighter_ml": 1.35, "darker_percent": 21.4, "pattern": "ring"},),
            "midline_shift": _shift(3.4, "right"),
            "saliency_check": _PASSED,
            "counterfactuals": (
                _change("lesion_removed", 4.2, _GLIOMA, _answer("meningioma", (0.3102, 0.5514, 0.1384))),
                _change("lesion_only", 95.8, _GLIOMA, _answer(None, (0.4711, 0.4305, 0.0984))),
                _change("background_zero", 48.3, _GLIOMA, _GLIOMA),
                _change("background_noise", 48.3, _GLIOMA, _answer("glioma", (0.8505, 0.1002, 0.0493))),
                _change("saliency_removed", 6.1, _GLIOMA, _answer("glioma", (0.6208, 0.2711, 0.1081)), "scorecam"),
                _change(
                    "ranked_saliency_removed",
                    8.0,
                    _GLIOMA,
                    _answer("meningioma", (0.4102, 0.4823, 0.1075)),
                    "gradcam++",
                    (1.0, 2.0, 4.0, 8.0),
                ),
            ),
        },
    ),
    "measured meningioma": (
        "right meningioma",
        {
            "measures": (_PARIETAL,),
            "midline_shift": _shift(0.8, "left"),
            "saliency_check": _FAILED,
            "counterfactuals": (
                _change("lesion_removed", 3.1, _MENINGIOMA, _answer(None, None)),
                _change("lesion_only", 96.9, _MENINGIOMA, _answer("meningioma", (0.1205, 0.8411, 0.0384))),
                _change(
                    "ranked_saliency_removed",
                    16.0,
                    _MENINGIOMA,
                    _answer("meningioma", (0.2911, 0.6604, 0.0485)),
                    "gradcam++",
                    (1.0, 2.0, 4.0, 8.0, 16.0),
                ),
            ),
        },
    ),
    "measured pair": (
        "two lesions",
        {
            "measures": (_FRONTAL, _THALAMIC),
            "largest_distance_mm": 52.3,
            "midline_shift": _shift(
                None, None, "Not computed: the septum pellucidum lies under the segmented abnormality."
            ),
        },
    ),
    "edited pair": (
        "two lesions",
        {
            "measures": (_FRONTAL, _THALAMIC),
            "largest_distance_mm": 52.3,
            "edited": {"changed": ("lesion-1",), "removed": ("lesion-3",), "voxels": 2100, "volume_ml": 5.04},
        },
    ),
}


def all_cases() -> tuple[str, ...]:
    """Names of all findings, those of cases.py first."""
    return (*cases.RECIPES, *MEASURED)


@cache
def findings_of(name: str) -> Findings:
    """The findings of one recipe, or of one with the parts of a real analysis."""
    if name not in MEASURED:
        return cases.findings_of(name)
    recipe, parts = MEASURED[name]
    content = cases.findings_of(recipe).model_dump()
    for lesion, measures in zip(content["lesions"], parts.get("measures", ()), strict=False):
        lesion["measures"] = measures
    for lesion, look in zip(content["lesions"], parts.get("appearance", ()), strict=False):
        lesion["appearance"] = look
    content["anatomy"] |= {"midline_shift": parts.get("midline_shift"), "interval_mm": 2.5}
    content["lesion_total"]["largest_distance_mm"] = parts.get("largest_distance_mm")
    content["saliency_check"] = parts.get("saliency_check")
    content["counterfactuals"] = parts.get("counterfactuals", ())
    if edited := parts.get("edited"):
        content["reader_edit"] = {
            "changed": edited["changed"],
            "removed": edited["removed"],
            "model_total": {"count": 3, "voxels": edited["voxels"], "volume_ml": edited["volume_ml"]},
        }
        for lesion in content["lesions"]:
            lesion["edited_by_reader"] = lesion["name"] in edited["changed"]
    return Findings.model_validate(content)
