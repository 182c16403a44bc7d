"""The cases of the English check, each also with everything else that findings can hold; nothing was measured on a patient."""

from __future__ import annotations

from functools import cache
from random import Random

from cases import CLASSES, RECIPES
from cases import findings_of as plain_findings
from XAIReportLib.report.findings import _CHANGES, rounded_to_sum
from XAIReportLib.report.schema import Findings
from XAIReportLib.report.wording import method_name

CASES = (*RECIPES, *(f"{name}, measured" for name in RECIPES), *(f"{name}, edited" for name in RECIPES))
POSITIONS = (
    "motor cortex",
    "language cortex (left hemisphere)",
    "visual cortex",
    "lateral ventricles",
    "brain surface",
)
NOT_COMPUTED = "Not computed: the septum pellucidum lies under the segmented abnormality."


@cache
def findings_of(case: str) -> Findings:
    """The findings of one case; "measured" has lengths, distances, changed images and checks, "edited" a reader's edit, too."""
    name, _, kind = case.partition(", ")
    content = plain_findings(name).model_dump(mode="json")
    if kind:
        _measure(content, Random(case))
    if kind == "edited" and content["lesions"]:
        content["lesions"][0]["edited_by_reader"] = True
        content["reader_edit"] = {
            "changed": ["lesion-1", "lesion-2"][: len(content["lesions"])],
            "removed": ["lesion-7"] if len(content["lesions"]) == 1 else ["lesion-7", "lesion-8", "lesion-9"],
            "model_total": {**content["lesion_total"], "voxels": content["lesion_total"]["voxels"] + 77},
        }
    return Findings.model_validate(content)


def _measure(content: dict, random: Random) -> None:
    def tenths(low: float, high: float) -> float:
        return round(random.uniform(low, high), 1)

    located = content["anatomy"]["registration"]["verdict"] in ("good", "limited")
    for lesion in content["lesions"]:
        _show(lesion, located, random)
        if content["image"]["has_geometry"]:
            first = tenths(12, 40)
            positions = random.sample(POSITIONS, 3)
            near = [tenths(0.5, 19), tenths(0.5, 19), 0.0]
            ways = [
                {
                    "position": position,
                    "distance_mm": way,
                    "low_mm": round(way * 0.5, 1),
                    "high_mm": round(way * 1.5 + 2, 1),
                    "contact": random.choice([None, "touches", "apart", "not told"]),
                }
                for position, way in zip(positions, near, strict=True)
            ]
            lesion["measures"] = {
                "equivalent_diameter_mm": tenths(10, 30), "feret_mm": tenths(41, 60),
                "axial_diameters_mm": [first, round(first * 0.8, 1)], "axial_level_mm": 3.0,
                "long_axis_mm": tenths(20, 40), "long_axis_ras": [0.0, 0.6, 0.8],
                "sphericity": round(random.uniform(0.4, 0.95), 2), "crosses_midline": False,
                "distances": ways if located else [], "neighbours": ways[:1] if located else [],
            }  # fmt: skip
    if not located and content["lesions"]:
        plane = random.choice(["axial", "coronal", "sagittal", None])
        content["anatomy"]["picture"] = {
            "plane": plane, "plane_agreement": 0.81, "level_mm": None, "level_range_mm": None, "fit": 0.6,
        }  # fmt: skip
    if located:
        way = tenths(0.5, 9)
        shift = {"distance_mm": way, "towards": random.choice(["left", "right"]), "method": "Mean of points."}
        unknown = {"distance_mm": None, "towards": None, "method": NOT_COMPUTED}
        content["anatomy"]["midline_shift"] = shift if random.random() < 0.8 else unknown
    for entry in content["saliency"]:
        entry["independent"] = False
        if entry["method"] == "scorecam":
            entry["parameters"] = {"mode": "fast", "channels_predicted": 86.0}
    if content["saliency"]:
        figures = {name: round(random.uniform(0.02, 0.98), 4) for name in
                   ("agreement", "stability", "score_drop", "outside_lesion", "outside_head", "doubt")}  # fmt: skip
        failed = random.sample(sorted(figures), random.choice([0, 1, 3]))
        content["saliency_check"] = {"relied_on": not failed, "failed": failed, "figures": figures}
    if content["prediction"]["scores"]:
        method = content["saliency"][0]["method"] if content["saliency"] else "gradcam++"
        content["counterfactuals"] = [_changed(name, method, random) for name in _CHANGES]


def _show(lesion: dict, located: bool, random: Random) -> None:
    """How an abnormality looks, and what holds the most of it; of one that is not located, a lobe."""
    if not located:
        lesion["approximate_lobe"] = {"lobe": random.choice(["frontal", "temporal", None]), "agreement": 0.72}
        return
    lesion["appearance"] = {
        "brighter_ml": round(random.uniform(0.1, 9), 2), "not_brighter_ml": round(random.uniform(0.1, 9), 2),
        "darker_percent": round(random.uniform(1, 60), 1), "pattern": random.choice(["solid", "ring", "mixed", "none"]),
    }  # fmt: skip
    named = [region for region in lesion["regions"] if region["lobe"] != "other"][: random.choice([1, 2])]
    lesion["largest_regions"] = [{key: region[key] for key in ("name", "lobe", "side")} for region in named]


def _changed(name: str, method: str, random: Random) -> dict:
    slices = 9
    return {
        "name": name,
        "method": method if "saliency" in name else None,
        "change": _CHANGES[name].format(method=method_name(method)),
        "changed_percent": round(random.uniform(0.5, 60), 1),
        "slices": slices,
        "slices_of_lesion": slices + random.choice([0, 21]),
        "before": _answer("class_suggested", random),
        "after": _answer(random.choice(["class_suggested", "abstained", "no_lesion_found"]), random),
        "changes_outcome": random.random() < 0.5,
        "tried_percent": [1.0, 2.0] if name.startswith("ranked") else [],
    }


def _answer(outcome: str, random: Random) -> dict:
    shares = [random.uniform(0.05, 1) for _ in CLASSES]
    scores = dict(zip(CLASSES, rounded_to_sum([s / sum(shares) for s in shares], 1, 4), strict=True))
    label = max(scores, key=scores.__getitem__) if outcome == "class_suggested" else None
    return {"outcome": outcome, "label": label, "scores": {} if outcome == "no_lesion_found" else scores}
