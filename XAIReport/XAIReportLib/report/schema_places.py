"""The part of the findings document that says where something lies, how large it is and what it looks like.

Units and rules are those of schema.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from . import terminology

Fraction = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
NotNegative = Annotated[float, Field(ge=0)]
Position = tuple[float, float, float]
Side = Literal["left", "right", "midline"]
ImageSide = Literal["image left", "image right", "image midline"]


class Part(BaseModel):
    """What all parts share: no change after building, no unknown field, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Code(Part):
    """A code with its code system ("SCT" is SNOMED CT); one with a wrong check digit or form is refused."""

    scheme: str
    value: str
    meaning: str

    @model_validator(mode="after")
    def _is_a_code_of_its_system(self) -> Code:
        terminology.checked(terminology.Code(self.scheme, self.value, self.meaning))
        return self


class Region(Part):
    """How a mask projects onto one atlas region; "other" rows hold what lies on none, with the nearest region.

    ``percent_low``, ``percent_high``: interval of the share of the mask over perturbed registrations. ``percent_of_region``: null
    for "other" rows, and where the field of view cuts the region, whose whole was not imaged.
    """

    name: str
    lobe: str
    side: Side | None
    overlap_ml: NotNegative
    percent_of_region: Percent | None
    mean_probability: Fraction | None
    nearest: str | None
    nearest_mm: NotNegative | None
    percent_low: Percent | None = None
    percent_high: Percent | None = None
    codes: tuple[Code, ...] = ()


class LesionRegion(Region):
    percent_of_lesion: Percent


class MaskRegion(Region):
    percent_of_mask: Percent


class Extent(Part):
    """Size and place of a mask.

    ``left_percent`` and ``right_percent`` are its shares on either side of the patient's midline. ``image_side`` is a
    side of the picture, given only where there is no geometry: it is never a side of the patient.
    """

    side: Side | None
    left_percent: Percent | None
    right_percent: Percent | None
    image_side: ImageSide | None
    centroid_ras_mm: Position | None


class DistancePart(Part):
    """Shortest distance to an atlas position or to the brain's surface; 0 where they touch. ``low_mm``, ``high_mm``:
    interval over perturbed registrations. ``contact``: whether they touch under the registrations that are expected."""

    position: str
    distance_mm: NotNegative
    low_mm: NotNegative | None = None
    high_mm: NotNegative | None = None
    contact: Literal["touches", "apart", "not told"] | None = None


class Measures(Part):
    """Size and shape in patient millimetres; calipers between voxel centres. ``axial_diameters_mm``: the longest in any
    axial section and the longest perpendicular to it there, at ``axial_level_mm`` (RAS z). ``long_axis_mm``: of the
    ellipsoid with the same second moments, along ``long_axis_ras``. ``neighbours``: the nearest
    atlas regions it does not reach into."""

    equivalent_diameter_mm: NotNegative
    feret_mm: NotNegative
    axial_diameters_mm: tuple[NotNegative, NotNegative]
    axial_level_mm: float
    long_axis_mm: NotNegative
    long_axis_ras: Position
    sphericity: Fraction
    crosses_midline: bool | None
    distances: tuple[DistancePart, ...] = ()
    neighbours: tuple[DistancePart, ...] = ()


class NamedRegion(Part):
    name: str
    lobe: str
    side: Side | None


class AppearancePart(Part):
    """How bright an abnormality is on the one series that was given, against the patient's own white matter and fluid: no
    proof of contrast enhancement, as no series without the agent was given. ``pattern``: of what is brighter than white
    matter. ``darker_percent``: share of the abnormality nearer to fluid than any grey matter."""

    brighter_ml: NotNegative
    not_brighter_ml: NotNegative
    darker_percent: Percent
    pattern: Literal["solid", "ring", "mixed", "none"]


class LobePart(Part):
    """The lobe that a single slice's match gives; null where the sections that fit do not agree. ``agreement``: their weight
    for it."""

    lobe: str | None
    agreement: Fraction


class PictureMatchPart(Part):
    """Which section of the MNI152 template a single slice looks like: approximate, and never a side of the patient.

    ``plane_agreement``: weight of the sections of this plane among those that fit; ``level_mm``: place across the plane in
    MNI152 (of a sagittal section without its sign), with the range of the sections that fit; null where they lie at levels that are
    far apart; ``level_agreement``: weight of the sections near it; ``fit``: of the best."""

    plane: Literal["axial", "coronal", "sagittal"] | None
    plane_agreement: Fraction
    level_mm: float | None
    level_range_mm: tuple[float, float] | None
    fit: Annotated[float, Field(ge=-1, le=1)]
    level_agreement: Fraction | None = None


class Lesion(Extent):
    """One segmented abnormality; ``name`` is "lesion-1" for the largest, and so on, as the model outlined them. ``measures``: with
    geometry only. ``largest_regions``: those that may hold its largest share, the most probable first; one where it can be
    told, none where hardly any of it lies on a named region or this was not asked. ``approximate_lobe``: of a single slice."""

    name: str
    voxels: Annotated[int, Field(ge=1)]
    volume_ml: NotNegative | None
    regions: tuple[LesionRegion, ...]
    measures: Measures | None = None
    largest_regions: tuple[NamedRegion, ...] = ()
    appearance: AppearancePart | None = None
    approximate_lobe: LobePart | None = None
    edited_by_reader: bool = False

    @property
    def number(self) -> int:
        """By which sentences name it; not its place among the lesions, once a reader has removed or added one."""
        return int(self.name.removeprefix("lesion-"))
