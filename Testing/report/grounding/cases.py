"""Findings of many kinds, made by the product's own builder from small arrays; nothing in them was measured on a patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from XAIReportLib.case import Case
from XAIReportLib.report import findings as builder
from XAIReportLib.report.findings import Findings
from XAIReportLib.results import Anatomy, Heatmap, MaskGeometry, Prediction, RegionOverlap, Registration, SaliencyMask

CLASSES = ("glioma", "meningioma", "pituitary")
MODEL = {
    "name": "brain_tumor_mri",
    "version": "0.1.0",
    "sha256": "ab" * 32,
    "classes": CLASSES,
    "data_set": "Jun Cheng, brain tumor dataset (Figshare 1512427)",
    "score_level": "slice",
    "calibration": "temperature scaling",
    "metrics": {"slice_accuracy": 0.901, "lesion_dice": 0.756},
    "non_commercial": False,
    "saliency_layer": "neck",
}
ATLAS = "Harvard-Oxford cortical and subcortical"
GOOD = "Brain overlap 0.94 (Dice); left and right follow the image's stored orientation."
LIMITED = "Brain overlap 0.88 (Dice), 83 % of the template's brain in the field of view; regions are approximate."
FAILED = "The template fits no better than when it is shifted by 12 mm."
NO_GEOMETRY = "The picture has no geometry, so no atlas can be laid over it."
OTHER = "white matter / other"
Row = tuple[str, str, str | None, float]  # region, lobe, side, percent of the mask


@dataclass(frozen=True)
class Box:
    """A mask: voxels from ``low`` to ``high`` of a grid whose midline is between the two middle columns."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]
    rows: tuple[Row, ...] = ()

    def on(self, shape: tuple[int, int, int]) -> np.ndarray:
        mask = np.zeros(shape, bool)
        mask[tuple(slice(a, b) for a, b in zip(self.low, self.high, strict=True))] = True
        return mask


@dataclass(frozen=True)
class Recipe:
    outcome: str
    scores: tuple[float, float, float] | None
    reason: str
    lesions: tuple[Box, ...] = ()
    maps: dict[str, Box | None] = field(default_factory=dict)
    verdict: str = "good"
    picture: bool = False
    class_set: tuple[str, ...] = ()
    uncertainty: tuple[float, float] | None = None
    spacing: tuple[float, float, float] = (0.94, 0.94, 3.0)
    shape: tuple[int, int, int] = (60, 70, 30)
    forced: bool = False
    warnings: tuple[str, ...] = ()
    model: dict[str, object] = field(default_factory=dict)


def _separate(name: str) -> str:
    return f"A segmented abnormality was found and the model score of {name} is the highest."


_FRONTAL = Box(
    (6, 45, 10),
    (20, 60, 18),
    (
        ("Frontal Pole", "frontal", "left", 41.6),
        ("Middle Frontal Gyrus", "frontal", "left", 28.3),
        (OTHER, "other", None, 22.4),
        ("Insular Cortex", "insula", "left", 7.7),
    ),
)
_PARIETAL = Box(
    (29, 10, 14),
    (52, 24, 22),
    (
        ("Superior Parietal Lobule", "parietal", "right", 52.9),
        ("Postcentral Gyrus", "parietal", "right", 31.0),
        (OTHER, "other", None, 12.2),
        ("Angular Gyrus", "parietal", "right", 3.9),
    ),
)
_SELLAR = Box((26, 36, 4), (35, 45, 8), (("Sellar region", "sellar region", None, 88.5), (OTHER, "other", None, 11.5)))
_THALAMUS = Box(
    (33, 30, 13),
    (40, 37, 17),
    (("Thalamus", "deep grey", "right", 63.2), ("Lateral Ventricle", "ventricle", "right", 36.8)),
)
_OCCIPITAL = Box(
    (12, 4, 9),
    (17, 9, 12),
    (("Lateral Occipital Cortex, superior division", "occipital", "left", 74.1), (OTHER, "other", None, 25.9)),
)
_LEFT_MAP = Box(
    (4, 40, 9),
    (21, 60, 20),
    (("Frontal Pole", "frontal", "left", 55.0), (OTHER, "other", None, 45.0)),
)
_SMALL_MAP = Box(
    (8, 45, 10),
    (20, 62, 17),
    (
        ("Frontal Pole", "frontal", "left", 47.2),
        ("Middle Frontal Gyrus", "frontal", "left", 30.1),
        (OTHER, "other", None, 22.7),
    ),
)
_SELLAR_MAP = Box(
    (25, 34, 4), (35, 45, 9), (("Sellar region", "sellar region", None, 71.5), (OTHER, "other", None, 28.5))
)
_RIGHT_MAP = Box(
    (36, 9, 12),
    (53, 25, 23),
    (("Superior Parietal Lobule", "parietal", "right", 60.0), (OTHER, "other", None, 40.0)),
)

RECIPES = {
    "left glioma": Recipe(
        "class_suggested",
        (0.8912, 0.0833, 0.0255),
        _separate("glioma"),
        (_FRONTAL,),
        {"gradcam++": _LEFT_MAP, "scorecam": _SMALL_MAP},
        class_set=("glioma",),
        uncertainty=(0.3814, 1.0),
    ),
    "right meningioma": Recipe(
        "class_suggested",
        (0.2107, 0.7452, 0.0441),
        _separate("meningioma"),
        (_PARIETAL,),
        {"gradcam++": _RIGHT_MAP, "gradcam": _LEFT_MAP},
        class_set=("meningioma",),
        uncertainty=(0.6233, 0.6667),
        spacing=(1.0, 1.0, 1.5),
    ),
    "midline pituitary": Recipe(
        "class_suggested",
        (0.0121, 0.0314, 0.9565),
        _separate("pituitary"),
        (_SELLAR,),
        {"gradcam++": _SELLAR_MAP},
        class_set=("pituitary",),
        uncertainty=(0.1873, 1.0),
        spacing=(0.5, 0.5, 5.0),
    ),
    "two lesions": Recipe(
        "class_suggested",
        (0.6721, 0.2904, 0.0375),
        _separate("glioma"),
        (_FRONTAL, _THALAMUS),
        {"gradcam++": _LEFT_MAP, "gradcam": _SMALL_MAP, "scorecam": _RIGHT_MAP},
        class_set=("glioma",),
        uncertainty=(0.6702, 0.6667),
        spacing=(1.2, 1.0, 2.0),
    ),
    "three lesions": Recipe(
        "class_suggested",
        (0.5518, 0.3301, 0.1181),
        _separate("glioma"),
        (_PARIETAL, _THALAMUS, _OCCIPITAL),
        {"gradcam++": _RIGHT_MAP},
        class_set=("glioma",),
        uncertainty=(0.8413, 0.6667),
        spacing=(1.1, 1.1, 1.1),
        warnings=("Slices are three millimetres thick; small abnormalities can be missed.",),
    ),
    "limited registration": Recipe(
        "class_suggested",
        (0.1402, 0.8123, 0.0475),
        _separate("meningioma"),
        (_PARIETAL,),
        {"scorecam": _RIGHT_MAP},
        verdict="limited",
        class_set=("meningioma",),
        uncertainty=(0.5111, 1.0),
    ),
    "failed registration": Recipe(
        "class_suggested",
        (0.7734, 0.1245, 0.1021),
        _separate("glioma"),
        (_FRONTAL,),
        {"gradcam++": _LEFT_MAP, "gradcam": None},
        verdict="failed",
        class_set=("glioma",),
        uncertainty=(0.6209, 1.0),
    ),
    "picture": Recipe(
        "class_suggested",
        (0.0672, 0.0117, 0.9211),
        _separate("pituitary"),
        (Box((8, 20, 0), (20, 34, 1)),),
        {"gradcam++": Box((9, 18, 0), (24, 33, 1))},
        verdict="not_possible",
        picture=True,
        class_set=("pituitary",),
        uncertainty=(0.2654, 1.0),
        shape=(60, 70, 1),
    ),
    "abstained": Recipe(
        "abstained",
        (0.4583, 0.4312, 0.1105),
        "The model scores do not separate glioma and meningioma at the 90 % level, so no class is suggested.",
        (_THALAMUS,),
        {"gradcam++": _RIGHT_MAP, "gradcam": _LEFT_MAP},
        class_set=("glioma", "meningioma"),
        uncertainty=(0.8766, 0.3333),
        spacing=(0.9, 0.9, 0.9),
    ),
    "no lesion": Recipe(
        "no_lesion_found",
        None,
        "No segmented abnormality reached the model's threshold on this series; this does not exclude one.",
        spacing=(1.0, 1.0, 1.0),
    ),
    "not applicable": Recipe(
        "not_applicable",
        None,
        "The image's modality is CT, not MR. The model was not run; an analysis can be forced.",
        verdict="not_possible",
    ),
    "forced": Recipe(
        "class_suggested",
        (0.8101, 0.1502, 0.0397),
        _separate("glioma"),
        (_OCCIPITAL,),
        {"gradcam++": _LEFT_MAP},
        verdict="failed",
        forced=True,
        warnings=("Analysed on demand although the outline in the image is not compact like a head.",),
        class_set=("glioma",),
        uncertainty=(0.5433, 0.6667),
        model={"non_commercial": True, "calibration": "none"},
    ),
}  # fmt: skip


@cache
def findings_of(name: str) -> Findings:
    """The findings of one recipe."""
    recipe = RECIPES[name]
    affine = None
    if not recipe.picture:
        affine = np.diag([*recipe.spacing, 1.0])
        affine[:3, 3] = -(np.array(recipe.shape) - 1) / 2 * recipe.spacing
    head = np.zeros(recipe.shape, bool)
    head[2:-2, 2:-2] = True
    case = Case(
        "case-7f3a",
        np.zeros(recipe.shape, np.float32),
        affine,
        head,
        "CT" if "modality is CT" in recipe.reason else "MR",
        "picture" if recipe.picture else "nifti",
        "cd" * 32,
    )
    labels = np.zeros(recipe.shape, np.uint8)
    for number, box in enumerate(recipe.lesions, start=1):
        labels[box.on(recipe.shape)] = number
    masks = {f"lesion-{n}": labels == n for n in range(1, len(recipe.lesions) + 1)}
    boxes: dict[str, Box | None] = {f"lesion-{n}": box for n, box in enumerate(recipe.lesions, start=1)}
    for method, box in recipe.maps.items():
        masks[method] = np.zeros(recipe.shape, bool) if box is None else box.on(recipe.shape)
        boxes[method] = box
    located = recipe.verdict in ("good", "limited")
    scores = dict(zip(CLASSES, recipe.scores, strict=True)) if recipe.scores else {}
    best = max(scores, key=scores.__getitem__) if scores else "glioma"
    prediction = Prediction(
        recipe.outcome,
        recipe.reason,
        best if recipe.outcome == "class_suggested" else None,
        scores,
        recipe.class_set,
        dict(zip(("entropy", "plane_agreement"), recipe.uncertainty, strict=True)) if recipe.uncertainty else {},
        labels.astype(np.float32),
        labels,
    )
    reason = {"good": GOOD, "limited": LIMITED, "failed": FAILED, "not_possible": NO_GEOMETRY}[recipe.verdict]
    checks = {"brain_overlap": 0.94 if recipe.verdict == "good" else 0.88, "coverage": 0.83} if located else {}
    anatomy = Anatomy(
        Registration(recipe.verdict, reason, np.eye(4) if located else None, checks),
        ATLAS,
        "Harvard-Oxford atlas: FSL licence, non-commercial use only.",
        None,
        (),
        tuple(row for name, box in boxes.items() if box and located for row in _overlaps(name, box, masks[name], case)),
    )
    return builder.build(
        case,
        prediction,
        {name: _geometry(name, mask, case, located) for name, mask in masks.items()} if affine is not None else {},
        [Heatmap(m, best, np.zeros(recipe.shape, np.float32), "neck", 0) for m in recipe.maps],
        [SaliencyMask(m, best, masks[m].astype(np.uint8), 97.5, "largest drop of area") for m in recipe.maps],
        None if recipe.outcome == "not_applicable" else anatomy,
        MODEL | recipe.model,
        forced=recipe.forced,
        warnings=recipe.warnings,
    )


def _geometry(name: str, mask: np.ndarray, case: Case, located: bool) -> MaskGeometry:
    voxels = int(mask.sum())
    if not voxels:
        return MaskGeometry(name, 0, 0.0, None, None, None)
    ras = np.argwhere(mask) @ case.affine[:3, :3].T + case.affine[:3, 3]
    left = 100.0 * float((ras[:, 0] < 0).mean())
    side = "left" if left >= 90 else "right" if left <= 10 else "midline"
    place = (side, left) if located else (None, None)
    return MaskGeometry(name, voxels, voxels * case.voxel_ml, tuple(float(v) for v in ras.mean(axis=0)), *place)


def _overlaps(name: str, box: Box, mask: np.ndarray, case: Case) -> list[RegionOverlap]:
    volume = float(mask.sum()) * case.voxel_ml
    rows = []
    for index, (region, lobe, side, share) in enumerate(box.rows):
        other = region == OTHER
        place = (
            (None, None, "Left Hippocampus" if box.low[0] < 26 else "Right Hippocampus", 3.4)
            if other
            else (round(share / 3, 1), round(0.45 + index / 20, 3), None, None)
        )
        rows.append(RegionOverlap(name, region, lobe, side, volume * share / 100, share, *place))
    return rows
