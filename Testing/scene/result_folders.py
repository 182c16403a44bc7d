"""Small finished result folders, written by hand, on whatever grid a test asks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from XAIReportLib.arrays import write_arrays
from XAIReportLib.case import Case
from XAIReportLib.results import Anatomy, AtlasRegion, Heatmap, Prediction, Registration, SaliencyMask

METHODS = ("gradcam++", "gradcam", "scorecam")
SHAPE = (28, 24, 12)
LESION_CENTRE = (18, 9, 6)
ATLAS = ((1, "Frontal Pole", None), (5, "Thalamus", "left"))
REGIONS = [
    ["mask", "name", "lobe", "side", "overlap_ml", "percent_of_mask", "percent_of_region", "voxels"],
    ["lesion-1", "Frontal Pole", "frontal", "left", "1.25", "62.5", "8.1", "120"],
    ["lesion-1", "white matter / other", "other", "", "0.75", "37.5", "", "72"],
]
REPORT = 'Research use only. Not for diagnosis.\nThe model\'s suggestion: "glioma" & score 0.91 < 1.\n\n  Größe 2 ml\n'


def oblique(
    spacing: tuple[float, float, float] = (0.9, 1.1, 3.3), flips: tuple[int, int, int] = (1, -1, 1)
) -> np.ndarray:
    """An affine that is rotated about all three axes, anisotropic, flipped and far from the origin."""
    x, y, z = np.radians((12.0, -23.0, 37.0))
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rx @ ry @ rz @ np.diag(np.multiply(spacing, flips))
    affine[:3, 3] = (-61.5, 44.25, -12.75)
    return affine


def sheared() -> np.ndarray:
    affine = oblique()
    affine[:3, :3] = affine[:3, :3] @ np.array([[1, 0, 0.3], [0, 1, 0], [0, 0, 1]])
    return affine


def write_result(
    folder: Path,
    affine: np.ndarray | None,
    shape: tuple[int, int, int] = SHAPE,
    lesions: bool = True,
    atlas: bool = True,
    heatmaps: bool = True,
    case_id: str = "case-7",
    outcome: str = "class_suggested",
) -> Path:
    """A finished result; ``affine`` None is a picture without geometry. Without ``lesions`` the model was not run;
    with the outcome "no_lesion_found" the lesion mask is empty."""
    arrays = _arrays(shape)
    outcome = outcome if lesions else "not_applicable"
    if outcome == "no_lesion_found":
        arrays["lesion"][:] = 0
    image = arrays["image"]
    case = Case(case_id, image, affine, np.ones(shape, dtype=bool))
    scores = {"glioma": 0.9, "meningioma": 0.1} if lesions else {}
    prediction = Prediction(outcome, "", "glioma", scores, (), {}, image * 0, arrays["lesion"])
    methods = METHODS if heatmaps else ()
    maps = [Heatmap(method, "glioma", arrays[method], "layer", 0) for method in methods]
    masks = [SaliencyMask(method, "glioma", arrays[method] >= 0.6, 95.0, "fixed") for method in methods]
    regions = tuple(AtlasRegion(label, name, "frontal", side) for label, name, side in ATLAS)
    has_atlas = atlas and affine is not None
    labels = arrays["atlas"] if has_atlas else None
    registration = Registration("good" if has_atlas else "not_possible", "", None)
    folder.mkdir(parents=True)
    write_arrays(folder, case, prediction, maps, masks, Anatomy(registration, "atlas", "", labels, regions, ()))
    _write_documents(folder, case, prediction, methods, registration)
    return folder


def _arrays(shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    ijk = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).astype(float)
    centre = np.minimum(LESION_CENTRE, np.subtract(shape, 1))
    distance = np.linalg.norm(ijk - centre, axis=-1)
    head = np.linalg.norm((ijk - np.divide(shape, 2)) / np.divide(shape, 2.2), axis=-1) < 1
    image = np.where(head, 300 + 20 * rng.standard_normal(shape), 2 * rng.random(shape)) + 250 * (distance < 3)
    lesion = (distance < 3).astype(np.uint8)
    lesion[(np.linalg.norm(ijk - np.divide(shape, 3).astype(int), axis=-1) < 1.5) & (lesion == 0)] = 2
    arrays = {"image": image.astype(np.float32), "lesion": lesion}
    for index, method in enumerate(METHODS):
        arrays[method] = np.exp(-((distance / (4 + index)) ** 2)).astype(np.float32)
    arrays["atlas"] = np.where(head, np.where(ijk[..., 0] < shape[0] / 2, 1, 5), 0).astype(np.int16)
    return arrays


def _write_documents(
    folder: Path, case: Case, prediction: Prediction, methods: tuple[str, ...], registration: Registration
) -> None:
    findings = {
        "schema_version": "1.0",
        "case_id": case.case_id,
        "image": {"has_geometry": case.has_geometry},
        "prediction": {"outcome": prediction.outcome, "reason": "", "label": "glioma", "scores": prediction.scores},
        "lesions": [_lesion(case, prediction.lesion_labels == n) for n in np.unique(prediction.lesion_labels)[1:]]
        if prediction.scores
        else [],
        "saliency": [{"method": method} for method in methods],
        "anatomy": {"registration": {"verdict": registration.verdict}},
        "warnings": ['Größe und "quotes"'],
    }
    run = {
        "xaireport_version": "0.1.0",
        "model": {"name": "brain_tumor_mri", "sha256": "ab" * 32},
        "seed": 0,
        "device": "cpu",
        "options": {"saliency": list(METHODS), "input": str(folder / "secret-name.nii.gz")},
        "timings": {"read": 0.1},
    }
    narrative = {"sentences": [{"text": "The model's suggestion is glioma.", "evidence": ["/prediction/label"]}]}
    for name, document in (("findings", findings), ("run", run), ("narrative", narrative)):
        (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    (folder / "report.txt").write_text(REPORT, "utf-8")
    (folder / "regions.csv").write_text("\n".join(",".join(row) for row in REGIONS) + "\n", "utf-8")
    for name in ("report.html", "report.pdf"):
        (folder / name).write_text("report", "utf-8")


def _lesion(case: Case, mask: np.ndarray) -> dict[str, object]:
    if case.affine is None:
        return {"side": None, "centroid_ras_mm": None}
    i, j, k = np.argwhere(mask).mean(axis=0)
    number = 1 if mask[tuple(LESION_CENTRE)] else 2
    return {"side": ("left", "right")[number - 1], "centroid_ras_mm": (case.affine @ [i, j, k, 1.0])[:3].tolist()}
