"""An asymmetric head made of numbers, and the results of an analysis of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import nibabel as nib
import numpy as np
from XAIReportLib.anatomy.atlas import HARVARD_OXFORD
from XAIReportLib.case import Case
from XAIReportLib.report import findings as findings_module
from XAIReportLib.report.findings import Findings
from XAIReportLib.results import (
    Anatomy,
    AtlasRegion,
    Heatmap,
    MaskGeometry,
    Prediction,
    RegionOverlap,
    Registration,
    SaliencyMask,
    map_names,
)

CLASSES = ["meningioma", "glioma", "pituitary"]
MODEL = {
    "name": "brain_tumor_mri",
    "version": "0.1.0",
    "sha256": "ab" * 32,
    "classes": CLASSES,
    "data_set": "Cheng brain tumor data set",
    "score_level": "slice",
    "calibration": "temperature scaling",
    "metrics": {"slice_accuracy": 0.95, "slice_accuracy_ci95": [0.93, 0.96], "lesion_dice": 0.72},
    "non_commercial": False,
    "saliency_layer": "encoder.blocks.5",
}
SPACING = (1.5, 1.0, 3.0)
SHAPE = (96, 120, 40)


@dataclass(frozen=True)
class Analysed:
    """What the road hands to the report."""

    case: Case
    prediction: Prediction
    geometry: dict[str, MaskGeometry]
    heatmaps: tuple[Heatmap, ...]
    masks: tuple[SaliencyMask, ...]
    anatomy: Anatomy

    def findings(self, **options) -> Findings:
        return findings_module.build(
            self.case,
            self.prediction,
            self.geometry,
            self.heatmaps,
            self.masks,
            self.anatomy,
            MODEL | options.pop("model", {}),
            **options,
        )

    def without_geometry(self) -> Analysed:
        """The middle axial slice as a picture, its rows running down."""
        middle = self.case.image.shape[2] // 2 + 2

        def cut(array):
            return np.ascontiguousarray(array[::-1, ::-1, middle : middle + 1])

        return Analysed(
            case=replace(self.case, image=cut(self.case.image), head=cut(self.case.head), affine=None, kind="picture"),
            prediction=replace(
                self.prediction,
                lesion_labels=cut(self.prediction.lesion_labels),
                lesion_probability=cut(self.prediction.lesion_probability),
            ),
            geometry={},
            heatmaps=tuple(replace(h, values=cut(h.values)) for h in self.heatmaps),
            masks=tuple(replace(m, values=cut(m.values)) for m in self.masks),
            anatomy=Anatomy(Registration("not_possible", "A picture has no geometry.", None), "", "", None, (), ()),
        )


def _ellipsoid(centre, radii, shape=SHAPE, spacing=SPACING):
    """Centre and radii in millimetres from the middle of the grid, RAS axes."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    grid = np.meshgrid(*axes, indexing="ij")
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) <= 1


def _geometry(name, mask, affine):
    centre = affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + affine[:3, 3]
    left = 100.0 * (np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3])[:, 0].__lt__(0).mean()
    side = "left" if left >= 90 else "right" if left <= 10 else "midline"
    volume = float(mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000)
    return MaskGeometry(name, int(mask.sum()), volume, tuple(float(c) for c in centre), side, float(left))


def analysed_phantom() -> Analysed:
    """A head with its nose in front, a bright lesion on the patient's left in front, and a spot on the right behind."""
    rng = np.random.default_rng(0)
    head = _ellipsoid((0, 0, 0), (62, 52, 55)) | _ellipsoid((0, 50, -12), (8, 9, 10))
    brain = _ellipsoid((0, -2, 3), (54, 44, 46))
    lesion = _ellipsoid((-26, 18, 10), (14, 11, 12))
    spot = _ellipsoid((30, -24, 4), (6, 5, 7))
    image = rng.normal(-2.5, 0.05, SHAPE) + 2.0 * head + 0.8 * brain + 1.6 * lesion + 1.0 * spot
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -(np.array(SHAPE) - 1) / 2 * SPACING
    labels = lesion.astype(np.uint8) + 2 * spot.astype(np.uint8)
    heat = np.exp(
        -((np.indices(SHAPE).transpose(1, 2, 3, 0) * SPACING + affine[:3, 3] - (-22, 15, 8)) ** 2).sum(-1) / 500
    )
    heatmaps = tuple(
        Heatmap(method, "glioma", (heat**power).astype(np.float32), "encoder.blocks.5", 0)
        for method, power in (("gradcam++", 1.0), ("scorecam", 0.4))
    )
    masks = tuple(
        SaliencyMask(h.method, "glioma", (h.values > 0.5).astype(np.uint8), 97.5, "largest drop of area")
        for h in heatmaps
    )
    regions = (
        AtlasRegion(1, "Frontal Pole", "frontal", "left"),
        AtlasRegion(2, "Middle Frontal Gyrus", "frontal", "left"),
        AtlasRegion(3, "Inferior Temporal Gyrus, temporooccipital part", "temporal", "right"),
        AtlasRegion(4, "Thalamus", "subcortical", "right"),
    )
    x, y = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE[:2], SPACING[:2], strict=True)], indexing="ij"
    )
    quadrant = np.select([(x < 0) & (y > 18), (x < 0) & (y > -5), (x > 0) & (y < -15)], [1, 2, 3], 4)[..., None]
    atlas = np.where(brain & ~_ellipsoid((0, 0, 3), (26, 20, 22)), quadrant, 0).astype(np.int16)
    found = {"lesion-1": lesion, "lesion-2": spot, **{m.method: m.values > 0 for m in masks}}
    return Analysed(
        case=Case("phantom-7f3a", image.astype(np.float32), affine, head, "MR", "nifti", "cd" * 32),
        prediction=Prediction(
            outcome="class_suggested",
            reason="One class stays above the abstention threshold.",
            label="glioma",
            scores={"meningioma": 0.08333, "glioma": 0.89123, "pituitary": 0.02544},
            class_set=("glioma", "meningioma"),
            uncertainty={"entropy": 0.3127, "plane_agreement": 0.6667},
            lesion_probability=labels.astype(np.float32) / 2,
            lesion_labels=labels,
            warnings=("Slices are three millimetres thick; small abnormalities can be missed.",),
        ),
        geometry={name: _geometry(name, mask, affine) for name, mask in found.items()},
        heatmaps=heatmaps,
        masks=masks,
        anatomy=Anatomy(
            registration=Registration(
                "good", "The brain overlaps with the template.", np.eye(4), {"brain_overlap": 0.9312}
            ),
            atlas=HARVARD_OXFORD,
            licence="FSL terms, non-commercial.",
            labels=atlas,
            regions=regions,
            overlaps=tuple(row for name, mask in found.items() for row in _overlaps(name, mask, atlas, regions)),
            template_edges=(brain ^ _ellipsoid((0, -2, 3), (51, 41, 43))).astype(np.uint8),
        ),
    )


def phantom_of_two_classes() -> Analysed:
    """The phantom with heat maps for meningioma, too: around the spot on the right, where glioma's are on the left."""
    one = analysed_phantom()
    heat = np.ascontiguousarray(one.heatmaps[0].values[::-1, ::-1])
    further = tuple(replace(h, target="meningioma", values=heat) for h in one.heatmaps)
    masks = tuple(replace(m, target="meningioma", values=(heat > 0.6).astype(np.uint8)) for m in one.masks)
    names = map_names((m.method, m.target) for m in (*one.masks, *masks))[len(one.masks) :]
    found = dict(zip(names, (m.values > 0 for m in masks), strict=True))
    anatomy = one.anatomy
    rows = [row for name, mask in found.items() for row in _overlaps(name, mask, anatomy.labels, anatomy.regions)]
    return replace(
        one,
        geometry={**one.geometry, **{name: _geometry(name, mask, one.case.affine) for name, mask in found.items()}},
        heatmaps=(*one.heatmaps, *further),
        masks=(*one.masks, *masks),
        anatomy=replace(anatomy, overlaps=(*anatomy.overlaps, *rows)),
    )


def _overlaps(name, mask, atlas, regions):
    ml = float(np.prod(SPACING) / 1000)
    for region in regions:
        share = int((mask & (atlas == region.label)).sum())
        if share:
            size = int((atlas == region.label).sum())
            yield RegionOverlap(
                name,
                region.name,
                region.lobe,
                region.side,
                share * ml,
                100 * share / mask.sum(),
                100 * share / size,
                0.61,
            )
    other = int((mask & (atlas == 0)).sum())
    if other:
        percent = 100 * other / mask.sum()
        yield RegionOverlap(
            name,
            "white matter / other",
            "other",
            None,
            other * ml,
            percent,
            None,
            None,
            "left Middle Frontal Gyrus",
            3.25,
        )


def stored_as(analysed: Analysed, codes: str) -> Analysed:
    """The same head in the same place, its voxels stored along other axes (nibabel's codes, such as "LPS" or "AIR")."""
    ornt = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(codes))
    )

    def turned(array):
        return None if array is None else nib.orientations.apply_orientation(array, ornt)

    case, prediction, anatomy = analysed.case, analysed.prediction, analysed.anatomy
    affine = case.affine @ nib.orientations.inv_ornt_aff(ornt, case.image.shape)
    return Analysed(
        case=replace(case, image=turned(case.image), head=turned(case.head), affine=affine),
        prediction=replace(
            prediction,
            lesion_labels=turned(prediction.lesion_labels),
            lesion_probability=turned(prediction.lesion_probability),
        ),
        geometry=analysed.geometry,
        heatmaps=tuple(replace(h, values=turned(h.values)) for h in analysed.heatmaps),
        masks=tuple(replace(m, values=turned(m.values)) for m in analysed.masks),
        anatomy=replace(anatomy, labels=turned(anatomy.labels), template_edges=turned(anatomy.template_edges)),
    )
