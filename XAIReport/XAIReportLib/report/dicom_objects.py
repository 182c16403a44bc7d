"""DICOM Segmentation objects of the masks and parametric maps of the heat maps, on the grid of their source images."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from .. import __version__
from .dicom_images import SourceImages
from .schema import Findings
from .terminology import Code, SegmentTerminology, lesion_terminology, saliency_terminology
from .wording import class_name, method_name

MANUFACTURER = "XAIReport"
SERIES = {"lesions": 9001, "saliency": 9002, "heatmaps": 9003, "report": 9009}
_SHORT, _LONG = 16, 64  # characters of the value representations SH and LO


@dataclass(frozen=True)
class Tracking:
    """How one object is known in every document about it: the same findings always give the same identifiers."""

    identifier: str
    uid: UID


def tracking(findings: Findings, name: str) -> Tracking:
    """Of "lesion-1", ..., of a saliency method, or of the model's suggestion."""
    seed = uuid.uuid5(uuid.NAMESPACE_OID, f"{findings.sha256()}/{name}")
    return Tracking(f"{name} of {findings.case_id}"[:_LONG], UID(f"2.25.{seed.int}"))


def concept(code: Code) -> hd.sr.CodedConcept:
    return hd.sr.CodedConcept(code.value, code.scheme, code.meaning)


def lesion_segmentation(findings: Findings, labels: np.ndarray, source: SourceImages) -> hd.seg.Segmentation:
    """One segment for each segmented abnormality. ``labels``: their numbers, axes (i, j, k)."""
    segments = []
    for number, lesion in enumerate(findings.lesions, start=1):
        label = f"Segmented abnormality {lesion.name.removeprefix('lesion-')}"
        segments.append(_segment(findings, number, (label, lesion.name), lesion_terminology(lesion.side)))
    masks = np.stack([source.stack(labels == lesion.number) for lesion in findings.lesions], axis=-1)
    return _segmentation(findings, masks, segments, source, "lesions", "segmented abnormality")


def saliency_segmentation(
    findings: Findings, masks: Mapping[str, np.ndarray], source: SourceImages
) -> hd.seg.Segmentation:
    """One segment for each heat map's mask; segments may overlap. ``masks``: by name, axes (i, j, k), none of them empty."""
    segments = []
    by_name = dict(zip(findings.map_names, findings.saliency, strict=True))
    for number, name in enumerate(masks, start=1):
        method, target = by_name[name].method, by_name[name].target
        label = f"{method_name(method)} mask for {class_name(target)}"
        segments.append(_segment(findings, number, (label, name), saliency_terminology(method)))
    stacked = np.stack([source.stack(mask != 0) for mask in masks.values()], axis=-1)
    return _segmentation(findings, stacked, segments, source, "saliency", "saliency masks")


def parametric_map(
    findings: Findings, name: str, values: np.ndarray, source: SourceImages, number: int
) -> hd.pm.ParametricMap:
    """A heat map, 0 to 1 without a unit, as 32-bit numbers. ``name``: of results.map_names; ``values``: axes (i, j, k)."""
    shown = findings.saliency[findings.map_names.index(name)]
    method, target = shown.method, shown.target
    mapping = hd.pm.RealWorldValueMapping(
        lut_label=method_name(method)[:_SHORT],
        lut_explanation=f"{method_name(method)} for {class_name(target)}, share of the maximum"[:_LONG],
        unit=codes.UCUM.NoUnits,
        value_range=(0.0, 1.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=concept(saliency_terminology(method).type),
    )
    made = hd.pm.ParametricMap(
        source_images=list(source.images),
        pixel_array=source.stack(values.astype(np.float32)),
        real_world_value_mappings=[mapping],
        contains_recognizable_visual_features=False,
        # LINEAR, the default, makes a threshold of a width of 1
        voi_lut_transformations=[hd.VOILUTTransformation(0.5, 1.0, voi_lut_function="LINEAR_EXACT")],
        content_label="HEATMAP",
        content_description="Where the score came from, not why. Research use only."[:_LONG],
        series_description=_description(f"{method_name(method)} for {class_name(target)}"),
        series_number=SERIES["heatmaps"] + number,
        **identity(findings),
    )
    made.Laterality = None  # of a paired body part; dciodvfy asks for it, even if empty
    return made


def identity(findings: Findings) -> dict[str, Any]:
    """A new instance in a new series, made by this program; the serial number is the model's SHA-256."""
    return {
        "series_instance_uid": hd.UID(),
        "sop_instance_uid": hd.UID(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": "XAIReport",
        "software_versions": __version__,
        "device_serial_number": findings.model.sha256,
    }


def _description(what: str) -> str:
    return f"XAIReport: {what}, research use only"[:_LONG]


def _segment(
    findings: Findings, number: int, named: tuple[str, str], terms: SegmentTerminology
) -> hd.seg.SegmentDescription:
    """``named``: the segment's label for a person, and the name that it has in the findings."""
    label, name = named
    track = tracking(findings, name)
    segment = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label[:_LONG],
        segmented_property_category=concept(terms.category),
        segmented_property_type=concept(terms.type),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="XAIReport",
            family=codes.DCM.ArtificialIntelligence,
            version=__version__,
            source=MANUFACTURER,
            parameters={"model": f"{findings.model.name} {findings.model.version}", "sha256": findings.model.sha256},
        ),
        tracking_uid=track.uid,
        tracking_id=track.identifier,
    )
    if terms.modifier is not None:
        item = segment.SegmentedPropertyTypeCodeSequence[0]
        item.SegmentedPropertyTypeModifierCodeSequence = Sequence([_plain(terms.modifier)])
    return segment


def _plain(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _segmentation(
    findings: Findings,
    masks: np.ndarray,
    segments: list[hd.seg.SegmentDescription],
    source: SourceImages,
    kind: str,
    what: str,
) -> hd.seg.Segmentation:
    return hd.seg.Segmentation(
        source_images=list(source.images),
        pixel_array=masks,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        content_label=kind.upper(),
        content_description="Made by a model. Research use only. Not for diagnosis.",
        series_description=_description(what),
        series_number=SERIES[kind],
        **identity(findings),
    )
