"""The DICOM Structured Report (TID 1500) of the findings: measurements, sides, sites, and the model's suggestion.

Only what the findings hold is said, in the words of the template and in the language of the report; meanings of codes stay
English, and every item says in which language it is (TID 1204). A code that no dictionary holds is the program's own
(scheme 99XAIREPORT), so that nobody can mistake a model's class for a coded diagnosis.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import highdicom as hd
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from .. import __version__
from . import narrative, terminology
from .dicom_images import SourceImages
from .dicom_objects import MANUFACTURER, SERIES, concept, identity, tracking
from .languages import LANGUAGES
from .languages import language as language_of
from .schema import Findings, Lesion
from .wording import class_name, class_name_in_full

PRIVATE_SCHEME = "99XAIREPORT"
SAID = ("status", "findings", "anatomy", "impression", "confidence", "limits")  # sections of the template
_MEANING = 64  # characters of a code's meaning
_WORTH_A_SITE_PERCENT = 5.0


def measurement_report(
    findings: Findings, source: SourceImages, segmentation: hd.seg.Segmentation | None, language: str = "en"
) -> hd.sr.Comprehensive3DSR:
    """``segmentation``: of the segmented abnormalities, None when there is none; ``language``: of the sentences."""
    groups: list[object] = [_suggestion(findings, source)]
    if segmentation is not None:
        groups += [_lesion(findings, n, segmentation, source) for n in range(1, len(findings.lesions) + 1)]
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_device(findings)),
        procedure_reported=codes.LN.BrainMRI if findings.image.modality == "MR" else codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=_in_language("en"),
    )
    for sentence in sentences(findings, language):
        item = hd.sr.TextContentItem(codes.DCM.Comment, sentence, hd.sr.RelationshipTypeValues.CONTAINS)
        if language != "en":
            item.ContentSequence = _in_language(language)
        content[0].ContentSequence.append(item)
    common = identity(findings)
    return hd.sr.Comprehensive3DSR(
        evidence=[*source.images, *([segmentation] if segmentation is not None else [])],
        content=content,
        series_instance_uid=common["series_instance_uid"],
        sop_instance_uid=common["sop_instance_uid"],
        instance_number=1,
        series_number=SERIES["report"],
        manufacturer=MANUFACTURER,
        manufacturer_model_name=common["manufacturer_model_name"],
        software_versions=common["software_versions"],
        device_serial_number=common["device_serial_number"],
        series_description="XAIReport: measurements, research use only",
        coding_schemes=[
            hd.coding_schemes.CodingSchemeIdentificationItem(
                PRIVATE_SCHEME,
                name="XAIReport: classes of a model and its scores",
                responsible_organization="XAIReport",
            )
        ],
        is_complete=True,
        is_final=False,
        is_verified=False,
    )


def sentences(findings: Findings, language: str = "en") -> Iterator[str]:
    """The template's sentences that the check supports, each once: what a reader of the object alone must know."""
    told = narrative.told(findings, language).sentences
    said = (s.text for s in told if s.section in SAID and s.outcome == "supported")
    always = (language_of(language).said(sentence) or sentence for sentence in findings.disclaimers)
    yield from dict.fromkeys([*always, *said])


def _in_language(code: str) -> hd.sr.LanguageOfContentItemAndDescendants:
    return hd.sr.LanguageOfContentItemAndDescendants(CodedConcept(code, "RFC5646", LANGUAGES[code]))


def _device(findings: Findings) -> hd.sr.ObserverContext:
    seed = uuid.uuid5(uuid.NAMESPACE_OID, f"XAIReport {__version__} {findings.model.sha256}")
    return hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=UID(f"2.25.{seed.int}"),
            name="XAIReport",
            manufacturer_name=MANUFACTURER,
            model_name=f"XAIReport {__version__}",
            serial_number=findings.model.sha256,
        ),
    )


def _own(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, PRIVATE_SCHEME, meaning[:_MEANING])


def _algorithm(findings: Findings) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(
        name="XAIReport",
        version=__version__,
        parameters=[f"model {findings.model.name} {findings.model.version}", f"sha256 {findings.model.sha256}"],
    )


def _suggestion(findings: Findings, source: SourceImages) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """The outcome as the model's, with the score of every class; never a finding about the patient."""
    prediction = findings.prediction
    outcome = {
        "no_lesion_found": "No lesion found by this model on this series",
        "abstained": "The model abstains: no class is suggested",
        "not_applicable": "The model was not made for this case",
    }.get(prediction.outcome, "")
    value = _own(prediction.outcome, outcome)
    if prediction.label is not None:
        value = _own(prediction.label, class_name_in_full(prediction.label))
    track = tracking(findings, "suggestion")
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(track.uid, track.identifier),
        algorithm_id=_algorithm(findings),
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(_own("suggestion", "Model's suggestion"), value)],
        measurements=[
            hd.sr.Measurement(_own(f"score-{label}", f"Model score of {class_name(label)}"), score, codes.UCUM.NoUnits)
            for label, score in prediction.scores.items()
        ],
        source_images=[
            hd.sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID) for image in source.images
        ],
    )


def _lesion(
    findings: Findings, number: int, segmentation: Dataset, source: SourceImages
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    """The measurements of lesion ``number``, which is the segment of that number."""
    lesion = findings.lesions[number - 1]
    track = tracking(findings, lesion.name)
    side = terminology.side_code(lesion.side)
    measurements = []
    if lesion.volume_ml is not None:
        method = codes.DCM.SumOfSegmentedVoxelMethodForVolume
        unit = codes.UCUM.CubicCentimeter  # a millilitre, for which the dictionary has no entry
        measurements.append(hd.sr.Measurement(codes.SCT.Volume, lesion.volume_ml, unit, method=method))
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(track.uid, track.identifier),
        referenced_segment=hd.sr.ReferencedSegment(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            number,
            source_series=hd.sr.SourceSeriesForSegmentation(source.images[0].SeriesInstanceUID),
        ),
        finding_type=concept(terminology.lesion_terminology(None).type),
        algorithm_id=_algorithm(findings),
        finding_sites=list(_sites(findings, lesion)),
        measurements=measurements,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(codes.SCT.Laterality, concept(side))] if side else [],
    )


def _sites(findings: Findings, lesion: Lesion) -> Iterator[hd.sr.FindingSite]:
    """Coded atlas positions, each once, the largest share first; none unless the registration is good."""
    if findings.anatomy.registration.verdict != "good":
        return
    seen = set()
    for region in lesion.regions:
        place = terminology.structure_code(region.name) or terminology.lobe_code(region.lobe)
        if place is None or region.percent_of_lesion < _WORTH_A_SITE_PERCENT or (place, region.side) in seen:
            continue
        seen.add((place, region.side))
        side = terminology.side_code(region.side)
        yield hd.sr.FindingSite(concept(place), concept(side) if side else None)
