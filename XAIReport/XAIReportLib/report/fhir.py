"""FHIR R4 of a finished result: a preliminary DiagnosticReport with its Observations, the device as its author.

Nothing is ever a Condition, a class of the model has no diagnostic code, and no person is named unless one is given.
The report is in the language of the narrative; Observations and codes are in English, and each resource says which it is.
"""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.sr.codedict import codes

from .. import __version__
from ..case import InputError
from ..files import put_whole
from ..folder import read_result
from . import findings as findings_module
from . import narrative, terminology
from .languages import language as language_of
from .schema import Code, Findings, Lesion, LesionRegion
from .wording import NO_LESION, class_name, class_name_in_full, percent_text, region_name

FILE = "fhir.json"
SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "RADLEX": "http://radlex.org",
    "ICDO3": "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "UCUM": "http://unitsofmeasure.org",
}
_HL7 = "http://terminology.hl7.org/CodeSystem"
_SUBJECT = re.compile(r"(https?://\S+/)?Patient/[A-Za-z0-9.-]{1,64}")
_WORTH_NAMING_PERCENT = 5.0


def write(
    result_folder: Path, subject: str | None = None, output: Path | None = None, language: str | None = None
) -> Path:
    """Write fhir.json into ``output`` (the result folder itself when None) and return its path.

    Args:
        subject: reference to the patient, as "Patient/123"; without one no person is named.
        language: of the report's text; that of the result's narrative when None.

    Raises:
        InputError: the result is incomplete or was changed, or ``subject`` is no reference to a Patient.
    """
    result = read_result(result_folder)
    if subject is not None and not _SUBJECT.fullmatch(subject):
        raise InputError("The subject is no FHIR reference to a patient; give it as Patient/<id>.")
    findings = findings_module.of_result(result.path)
    content = bundle(findings, subject, datetime.now(UTC), language or result.language)
    folder = output or result.path
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        put_whole(folder / FILE, text.encode("utf-8"))
    except OSError as error:
        raise InputError(
            f"{FILE} cannot be written to {folder.name} ({error.strerror}); choose another one."
        ) from error
    return folder / FILE


def bundle(findings: Findings, subject: str | None, recorded: datetime, language: str = "en") -> dict[str, Any]:
    """A Bundle of type collection: DiagnosticReport, Observations, Device, and the Provenance that names the device as author."""
    device = _reference(findings, "device")
    made = {"status": "preliminary", **({"subject": {"reference": subject}} if subject else {})}
    observations = {"suggestion": _suggestion(findings)}
    observations |= {lesion.name: _lesion(findings, lesion) for lesion in findings.lesions}
    resources: dict[str, dict[str, Any]] = {
        "report": _report(findings, list(observations), made, language),
        **{
            name: {
                "resourceType": "Observation",
                "language": "en",
                **made,
                "category": [_concept((f"{_HL7}/observation-category", "imaging"))],
                **observation,
                "device": device,
            }
            for name, observation in observations.items()
        },
        "device": _device(findings),
    }
    resources["provenance"] = {
        "resourceType": "Provenance",
        "target": [_reference(findings, name) for name in ("report", *observations)],
        "recorded": recorded.isoformat(timespec="seconds"),
        "agent": [{"type": _concept((f"{_HL7}/provenance-participant-type", "author")), "who": device}],
    }
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": _url(findings, name), "resource": content} for name, content in resources.items()],
    }


def _url(findings: Findings, name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{findings.sha256()}/{name}')}"


def _reference(findings: Findings, name: str) -> dict[str, str]:
    return {"reference": _url(findings, name)}


def _concept(coding: tuple[str, str] | None = None, text: str | None = None) -> dict[str, Any]:
    """``coding``: system and code. Displays are left out: a system's own display is not always the dictionary's."""
    concept: dict[str, Any] = {}
    if coding is not None:
        concept["coding"] = [{"system": coding[0], "code": coding[1]}]
    if text is not None:
        concept["text"] = text
    return concept


def _coded(code: terminology.Code | Code, text: str | None = None) -> dict[str, Any]:
    return _concept((SYSTEMS[code.scheme], code.value), code.meaning if text is None else text)


def _quantity(value: float, unit: str, ucum: str | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, **({"system": SYSTEMS["UCUM"], "code": ucum} if ucum else {})}


def _report(findings: Findings, observations: list[str], made: dict[str, Any], language: str) -> dict[str, Any]:
    story, words = narrative.told(findings, language), language_of(language)
    said = [sentence.text for sentence in story.of_section("impression")]
    brain = (SYSTEMS["LN"], codes.LN.BrainMRI.value) if findings.image.modality == "MR" else None
    return {
        "resourceType": "DiagnosticReport",
        "language": language,
        "text": {"status": "generated", "div": _xhtml(story)},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"{_url(findings, 'report')}"}],
        **made,
        "category": [_concept((f"{_HL7}/v2-0074", "RAD"))],
        "code": _concept(brain, words.label("A model's analysis of an image of the head, for research")),
        "result": [_reference(findings, name) for name in observations],
        "conclusion": " ".join([words.said(findings.disclaimers[0]) or findings.disclaimers[0], *said]),
    }


def _xhtml(story: narrative.Narrative) -> str:
    lines = "".join(f"<p>{html.escape(sentence.text)}</p>" for sentence in story.sentences)
    return (
        f'<div xmlns="http://www.w3.org/1999/xhtml" lang="{story.language}" xml:lang="{story.language}">{lines}</div>'
    )


def _device(findings: Findings) -> dict[str, Any]:
    model = findings.model
    return {
        "resourceType": "Device",
        "language": "en",
        "deviceName": [{"name": "XAIReport", "type": "user-friendly-name"}],
        "serialNumber": model.sha256,
        "version": [
            {"type": {"text": "program"}, "value": __version__},
            {"type": {"text": "model"}, "value": f"{model.name} {model.version}"},
        ],
        "note": [{"text": sentence} for sentence in findings.disclaimers],
    }


def _suggestion(findings: Findings) -> dict[str, Any]:
    """What the model says, as its own; the value has a text and no code."""
    prediction = findings.prediction
    said = {
        "no_lesion_found": NO_LESION,
        "abstained": "The model abstains: no class is suggested.",
        "not_applicable": "The model was not made for this case.",
    }.get(prediction.outcome, "")
    if prediction.label is not None:
        said = class_name_in_full(prediction.label)
    scores = [
        {"code": _concept(text=f"Model score of {class_name(label)}"), "valueQuantity": _quantity(score, "1", "1")}
        for label, score in prediction.scores.items()
    ]
    return {
        "code": _concept(text="Model's suggestion"),
        "valueCodeableConcept": _concept(text=said),
        "note": [{"text": prediction.reason}],
        **({"component": scores} if scores else {}),
    }


def _lesion(findings: Findings, lesion: Lesion) -> dict[str, Any]:
    """Volume (pixels of a picture), side and atlas positions of one segmented abnormality."""
    name = f"segmented abnormality {lesion.name.removeprefix('lesion-')}"
    if lesion.volume_ml is not None:
        volume = codes.SCT.Volume
        code = _concept((SYSTEMS["SCT"], volume.value), f"Volume of {name}")
        value = _quantity(lesion.volume_ml, "ml", "mL")
    else:
        code, value = _concept(text=f"Size of {name}"), _quantity(lesion.voxels, "pixels", None)
    components = [*_side(lesion), *(_position(findings, region) for region in lesion.regions if _named(region))]
    return {"code": code, "valueQuantity": value, **({"component": components} if components else {})}


def _side(lesion: Lesion) -> Iterator[dict[str, Any]]:
    side = terminology.side_code(lesion.side)
    laterality = codes.SCT.Laterality
    if side is not None:
        code = _concept((SYSTEMS["SCT"], laterality.value), "Side of the patient")
        yield {"code": code, "valueCodeableConcept": _coded(side, lesion.side)}
    elif lesion.image_side is not None:
        yield {
            "code": _concept(text="Side of the picture; the patient's side is unknown"),
            "valueCodeableConcept": _concept(text=lesion.image_side),
        }


def _named(region: LesionRegion) -> bool:
    return region.lobe != "other" and region.percent_of_lesion >= _WORTH_NAMING_PERCENT


def _position(findings: Findings, region: LesionRegion) -> dict[str, Any]:
    """Coded only where the registration is good; a code of the lobe stands for a part of it."""
    about = "" if findings.anatomy.registration.verdict == "good" else "approximately "
    text = (
        f"{about}{region_name(region.name, region.side)} ({percent_text(region.percent_of_lesion)} of the abnormality)"
    )
    place = terminology.structure_code(region.name) or terminology.lobe_code(region.lobe)
    others = (terminology.radlex_code, terminology.topography_code)
    known = (place, *(code(region.name) or code(region.lobe) for code in others))
    codings = [] if about else [{"system": SYSTEMS[c.scheme], "code": c.value} for c in known if c is not None]
    value = {**({"coding": codings} if codings else {}), "text": text}
    return {"code": _concept(text="Projects onto the atlas position of"), "valueCodeableConcept": value}
