"""The findings document: every fact that may be said of a case, versioned and validated.

Volumes are millilitres, positions RAS millimetres, percentages 0 to 100; nothing is ever NaN or infinite. A later
version adds fields and renames none.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, PrivateAttr, model_validator

from ..results import Outcome, Verdict, map_names
from .schema_places import (
    AppearancePart,
    Code,
    DistancePart,
    Extent,
    Fraction,
    ImageSide,
    Lesion,
    LesionRegion,
    LobePart,
    MaskRegion,
    Measures,
    NamedRegion,
    NotNegative,
    Part,
    Percent,
    PictureMatchPart,
    Position,
    Region,
    Side,
)

__all__ = [
    "OLDER_VERSIONS", "SCHEMA_VERSION", "AnatomyPart", "Answer", "AppearancePart", "Code", "Counterfactual",
    "DistancePart", "Extent", "Findings", "Image", "ImageSide", "Lesion", "LesionRegion", "LesionTotal", "LobePart",
    "MapParameters", "MaskRegion", "Measures", "MidlineShiftPart", "Model", "NamedRegion", "Part", "PictureMatchPart",
    "PredictionPart", "ReaderEdit", "Region", "RegistrationPart", "Saliency", "SaliencyCheckPart", "Side",
]  # fmt: skip

SCHEMA_VERSION = "1.5.0"
OLDER_VERSIONS = (
    "1.0.0",
    "1.1.0",
    "1.2.0",
    "1.3.0",
    "1.4.0",
)  # what they lack has a default: a later version adds fields and renames none

Row = tuple[float, float, float, float]
MethodName = Annotated[str, Field(pattern=r"^[a-z0-9+_]+$")]  # files are called by it
CaseId = Annotated[str, Field(min_length=1)]
Disclaimer = Annotated[str, Field(min_length=1)]


class Image(Part):
    """What was read. ``forced``: the input does not look like a head MRI and was analysed on demand. ``contrast_agent``: whether
    one is named for the series, by its header or by the user; None where nothing says it."""

    kind: str
    modality: str
    shape: tuple[int, int, int]
    spacing_mm: Position | None
    has_geometry: bool
    forced: bool
    contrast_agent: bool | None = None

    @property
    def is_slice_with_geometry(self) -> bool:
        return self.has_geometry and self.shape[2] == 1

    @model_validator(mode="after")
    def _has_a_spacing_exactly_with_geometry(self) -> Image:
        if (self.spacing_mm is not None) != self.has_geometry:
            raise ValueError("spacing_mm must be given with geometry and only then")
        return self


class Model(Part):
    """Which model spoke, and what is known of it; ``metrics`` are its own held-out figures."""

    name: str
    version: str
    sha256: str
    classes: tuple[str, ...]
    data_set: str
    score_level: Literal["slice", "patient"]
    calibration: str
    metrics: dict[str, JsonValue]
    non_commercial: bool
    saliency_layer: str

    @model_validator(mode="after")
    def _has_finite_metrics(self) -> Model:
        if not _finite(self.metrics):
            raise ValueError("metrics must be finite numbers")
        return self


class PredictionPart(Part):
    """What the classifier says. ``class_set``: classes that cannot be set aside, best first."""

    outcome: Outcome
    reason: str
    label: str | None
    scores: dict[str, Fraction]
    class_set: tuple[str, ...]
    uncertainty: dict[str, Fraction]
    codes: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _names_a_class_only_when_it_suggests_one(self) -> PredictionPart:
        if (self.label is not None) != (self.outcome == "class_suggested"):
            raise ValueError("label must be given for outcome class_suggested and only then")
        _check_scores(self.label, self.scores)
        if unknown := set(self.class_set) - set(self.scores):
            raise ValueError(f"class_set holds classes without a score: {', '.join(sorted(unknown))}")
        return self


class LesionTotal(Part):
    """All segmented abnormalities together. ``largest_distance_mm``: between the centres of two of them."""

    count: Annotated[int, Field(ge=0)]
    voxels: Annotated[int, Field(ge=0)]
    volume_ml: NotNegative | None
    largest_distance_mm: NotNegative | None = None


class ReaderEdit(Part):
    """What a reader changed in the model's outlines. ``changed``: names of the lesions that differ from the model's or
    are new; ``removed``: names of the model's lesions that are gone; ``model_total``: what the model had outlined."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    model_total: LesionTotal


class MapParameters(Part):
    """How one heat map was made and its mask cut; what a method does not have is null.

    ``slices``: network slices that were looked at; ``cell_pixels``: size of a cell of the layer, in network pixels (1 mm).

    Of ScoreCAM: ``mode`` (``exact``: every channel that varies was scored; ``fast``: some were, and the scores of the others
    predicted), ``key_slices`` that its weights are the mean of, ``channels_scored`` and ``channels_predicted`` on each of them
    (mean), ``effective_channels`` that the map rests on, and ``precision`` of the passes. Of SmoothGrad ``samples`` and their
    ``noise`` (standard deviation, share of the image's range); of Integrated Gradients ``steps``; of Occlusion
    ``window_pixels`` and ``stride_pixels``.

    Of the mask: ``share_of_maximum`` by the rule and ``share_percentile``, the percentile where it falls before it is kept within
    the rule's limits; ``cut``, the map's value at the percentile that was used. Then the only clean-up: components of less than
    ``smallest_component``, a share of the largest one, were dropped, ``components_dropped`` of them.
    """

    slices: Annotated[int, Field(ge=0)] | None = None
    cell_pixels: NotNegative | None = None
    mode: Literal["exact", "fast"] | None = None
    key_slices: Annotated[int, Field(ge=1)] | None = None
    channels_scored: NotNegative | None = None
    channels_predicted: NotNegative | None = None
    effective_channels: NotNegative | None = None
    precision: Literal["float32", "bfloat16", "bfloat16 and float32"] | None = None
    samples: Annotated[int, Field(ge=1)] | None = None
    noise: NotNegative | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    window_pixels: Annotated[int, Field(ge=1)] | None = None
    stride_pixels: Annotated[int, Field(ge=1)] | None = None
    share_of_maximum: Fraction | None = None
    share_percentile: Percent | None = None
    cut: Fraction | None = None
    smallest_component: Fraction | None = None
    components_dropped: Annotated[int, Field(ge=0)] | None = None


class Saliency(Extent):
    """One heat map's mask: one entry for each method and class, those of the class with the highest score first.

    ``dice_with_lesion``: with all segmented abnormalities; null where either is empty. ``independent``: false where the
    class path reads features under the lesion attention, so that the overlap is no evidence of its own. ``parameters``: null in
    files of older versions.
    """

    method: MethodName
    target: str
    layer: str
    seed: int
    percentile: Percent
    rule: str
    mask_voxels: Annotated[int, Field(ge=0)]
    mask_volume_ml: NotNegative | None
    dice_with_lesion: Fraction | None
    independent: bool | None = None
    parameters: MapParameters | None = None
    regions: tuple[MaskRegion, ...]


class SaliencyCheckPart(Part):
    """Whether the case's heat maps may be relied on; looked at for those of the class with the highest score.

    ``failed`` names figures: ``agreement`` of the methods and ``stability`` under noise (correlations), ``score_drop`` when
    the highlighted area is removed less that of its mirror image, ``outside_lesion`` the share of the score that is left
    without the lesion, ``outside_head`` the share of the highlighted pixels, before they are kept to the head, that lie outside
    it (of the area, not of the score: the network is given nothing of what is outside the head), ``steadiness`` the lowest
    score of the class among the classes under small changes of the image, ``doubt`` how like the scores and explanations of
    slices whose class was wrong those of the case are: 0 to 1, fitted on single slices of one data set, no probability, and
    absent where the weights or the first heat map are others than those it was tried with. A figure that could not be computed is
    absent, ``doubt`` and ``steadiness`` also in files of older versions.
    """

    relied_on: bool
    failed: tuple[str, ...]
    figures: dict[str, Annotated[float, Field(ge=-1, le=1)]]

    @model_validator(mode="after")
    def _fails_when_a_check_failed(self) -> SaliencyCheckPart:
        if self.relied_on == bool(self.failed):
            raise ValueError("relied_on must be false when a check failed and only then")
        if unknown := set(self.failed) - set(self.figures):
            raise ValueError(f"failed names checks without a figure: {', '.join(sorted(unknown))}")
        return self


class Answer(Part):
    """What the model says of some slices; no scores where it finds no lesion."""

    outcome: Outcome
    label: str | None
    scores: dict[str, Fraction]

    @model_validator(mode="after")
    def _names_a_class_only_when_it_suggests_one(self) -> Answer:
        if (self.label is not None) != (self.outcome == "class_suggested"):
            raise ValueError("label must be given for outcome class_suggested and only then")
        if bool(self.scores) == (self.outcome in ("no_lesion_found", "not_applicable")):
            raise ValueError("scores must be given where a lesion is found and only then")
        _check_scores(self.label, self.scores)
        return self


class Counterfactual(Part):
    """What the model says of a changed image: computed by running it again, a change of its output and not a cause.

    ``change`` says in words what was changed, ``changed_percent`` how much: of the head in these slices, for a background of
    all their pixels. ``slices`` of the ``slices_of_lesion`` that show a segmented abnormality were run again, unchanged and
    changed. ``tried_percent``: every share that was tried where the hottest pixels of one map were removed in steps, rising;
    ``changed_percent`` is then the smallest of them that changes the outcome, or the largest when none does. Of other removals,
    and of shares between the tried ones, this says nothing. Files of older versions hold only doubled shares, up to that one.
    """

    name: Literal[
        "lesion_removed",
        "lesion_only",
        "background_zero",
        "background_noise",
        "saliency_removed",
        "ranked_saliency_removed",
    ]
    method: str | None
    change: str
    changed_percent: Percent
    slices: Annotated[int, Field(ge=1)]
    slices_of_lesion: Annotated[int, Field(ge=1)]
    before: Answer
    after: Answer
    changes_outcome: bool
    tried_percent: tuple[Percent, ...] = ()


class RegistrationPart(Part):
    """How far the atlas can be trusted; a check is null where it could not be computed. ``patient_to_mni``: 4 x 4, RAS
    millimetres of the patient to those of MNI152; null where no region may be named."""

    verdict: Verdict
    reason: str
    checks: dict[str, float | None]
    patient_to_mni: tuple[Row, Row, Row, Row] | None = None


class MidlineShiftPart(Part):
    """How far the septum pellucidum lies from the midline, and to which side of it; null where ``method`` says why."""

    distance_mm: NotNegative | None
    towards: Literal["left", "right"] | None
    method: str


class AnatomyPart(Part):
    """``interval_mm``: how far the registration was moved for the intervals of shares and distances. ``picture``: of a single
    slice, which cannot be registered."""

    registration: RegistrationPart
    atlas: str
    licence: str
    midline_shift: MidlineShiftPart | None = None
    interval_mm: NotNegative | None = None
    picture: PictureMatchPart | None = None


class Findings(Part):
    """Everything that may be said of a case. Text is written from this and from nothing else."""

    schema_version: Literal["1.5.0"] = SCHEMA_VERSION
    case_id: CaseId
    image: Image
    model: Model
    prediction: PredictionPart
    lesions: tuple[Lesion, ...]
    lesion_total: LesionTotal
    saliency: tuple[Saliency, ...]
    saliency_check: SaliencyCheckPart | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    anatomy: AnatomyPart
    warnings: tuple[str, ...]
    disclaimers: Annotated[tuple[Disclaimer, ...], Field(min_length=1)]
    reader_edit: ReaderEdit | None = None
    _read_as: tuple[str, str] | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Findings:
        outlined_by_model = bool(self.lesions) and self.reader_edit is None
        if self.prediction.outcome in ("no_lesion_found", "not_applicable") and outlined_by_model:
            raise ValueError(f"outcome {self.prediction.outcome} goes with an empty list of lesions")
        if self.lesion_total.count != len(self.lesions):
            raise ValueError("lesion_total.count differs from the number of lesions")
        if unknown := set(self.prediction.scores) - set(self.model.classes):
            raise ValueError(f"scores of classes that the model does not have: {', '.join(sorted(unknown))}")
        maps = [(mask.method, mask.target) for mask in self.saliency]
        if len(set(maps)) < len(maps):
            raise ValueError("saliency holds one entry for each method and class")
        for mask in (*self.lesions, *self.saliency):
            _check_place(mask, self.image.has_geometry)
            _check_regions(mask, self.anatomy.registration.verdict)
        return self

    @property
    def map_names(self) -> list[str]:
        """Of the heat maps, as their files and nodes are called."""
        return map_names((mask.method, mask.target) for mask in self.saliency)

    @property
    def mapped_classes(self) -> list[str]:
        """Classes that have heat maps, that with the highest score first."""
        return list(dict.fromkeys(mask.target for mask in self.saliency))

    def to_json(self) -> str:
        """The canonical text: keys sorted, two spaces, UTF-8 without escapes, a newline at the end."""
        return canonical(self.model_dump(mode="json"))

    def sha256(self) -> str:
        """Of the canonical text, as ``sha256sum findings.json`` gives it: of what was read in an older version, of that."""
        here = hashlib.sha256(self.to_json().encode()).hexdigest()
        return self._read_as[0] if self._read_as is not None and self._read_as[1] == here else here

    def read_from(self, content: dict[str, Any]) -> Findings:
        """These findings, known by the hash of the older document that they were read from; changed, they have their own."""
        self._read_as = (hashlib.sha256(canonical(content).encode()).hexdigest(), self.sha256())
        return self


def canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _check_scores(label: str | None, scores: dict[str, float]) -> None:
    if label is not None and label not in scores:
        raise ValueError(f"scores hold no score of the suggested class {label!r}")
    if scores and not math.isclose(sum(scores.values()), 1, abs_tol=1e-9):
        raise ValueError("scores must sum to 1")
    if label is not None and scores[label] < max(scores.values()):
        raise ValueError(f"the suggested class {label!r} is not the one with the highest score")


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_finite(item) for item in value)
    return not isinstance(value, float) or math.isfinite(value)


def _check_place(mask: Lesion | Saliency, has_geometry: bool) -> None:
    """A side of the patient, a position and a volume come from geometry; a side of the picture from its absence."""
    volume = mask.volume_ml if isinstance(mask, Lesion) else mask.mask_volume_ml
    if (volume is not None) != has_geometry:
        raise ValueError("a volume must be given with geometry and only then")
    if not has_geometry and (
        mask.side is not None or mask.left_percent is not None or mask.centroid_ras_mm is not None
    ):
        raise ValueError("without geometry there is no side of the patient and no position")
    if has_geometry and mask.image_side is not None:
        raise ValueError("image_side is for pictures without geometry")
    if (mask.side is None) != (mask.left_percent is None) or (mask.side is None) != (mask.right_percent is None):
        raise ValueError("side, left_percent and right_percent go together")
    if mask.left_percent is not None and not math.isclose(mask.left_percent + mask.right_percent, 100, abs_tol=1e-6):
        raise ValueError("left_percent and right_percent must sum to 100")


def _check_regions(mask: Lesion | Saliency, verdict: Verdict) -> None:
    if not mask.regions:
        return
    if verdict in ("failed", "not_possible"):
        raise ValueError(f"no region may be named when the registration is {verdict}")
    shares = [r.percent_of_lesion if isinstance(r, LesionRegion) else r.percent_of_mask for r in mask.regions]
    if not math.isclose(sum(shares), 100, abs_tol=1e-6):
        raise ValueError(f"percentages of the regions sum to {sum(shares):.3f}, not to 100")
