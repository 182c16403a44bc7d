"""FHIR R4 that a reader can take in: preliminary, by a device, of nobody unless told, and never a diagnosis."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from exported import write_result
from hypothesis import HealthCheck, given, settings
from phantom_case import Analysed
from wild_findings import wild_findings
from XAIReportLib.__main__ import main
from XAIReportLib.report import fhir, narrative
from XAIReportLib.report.findings import Findings
from XAIReportLib.report.wording import percent_text, region_name

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def checked(findings: Findings, subject: str | None = None, language: str = "en") -> dict:
    """The bundle, by the published R4B model of fhir.resources."""
    model = pytest.importorskip("fhir.resources.R4B.bundle")
    content = fhir.bundle(findings, subject, NOW, language)
    parsed = model.Bundle.model_validate_json(json.dumps(content))
    assert len(parsed.entry) == len(content["entry"])
    return content


def resources(content: dict, kind: str) -> list[dict]:
    return [entry["resource"] for entry in content["entry"] if entry["resource"]["resourceType"] == kind]


def test_a_preliminary_report_by_a_device(analysed: Analysed) -> None:
    findings = analysed.findings()
    content = checked(findings)
    (report,) = resources(content, "DiagnosticReport")
    observations = resources(content, "Observation")
    assert {r["status"] for r in (report, *observations)} == {"preliminary"}
    assert findings.disclaimers[0] in report["conclusion"] and "conclusionCode" not in report
    urls = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in content["entry"]}
    assert [urls[r["reference"]] for r in report["result"]] == ["Observation"] * len(observations)
    (provenance,) = resources(content, "Provenance")
    assert urls[provenance["agent"][0]["who"]["reference"]] == "Device"
    assert {urls[o["device"]["reference"]] for o in observations} == {"Device"}
    assert not resources(content, "Condition")


def test_observations_hold_the_findings_with_unit_and_side(analysed: Analysed) -> None:
    findings = analysed.findings()
    suggestion, *lesions = resources(checked(findings), "Observation")
    assert suggestion["valueCodeableConcept"] == {"text": "glioma"}
    scores = {c["code"]["text"]: c["valueQuantity"]["value"] for c in suggestion["component"]}
    assert scores["Model score of glioma"] == findings.prediction.scores["glioma"]
    for observation, lesion in zip(lesions, findings.lesions, strict=True):
        assert observation["valueQuantity"] == {
            "value": lesion.volume_ml,
            "unit": "ml",
            "system": "http://unitsofmeasure.org",
            "code": "mL",
        }
        side = observation["component"][0]["valueCodeableConcept"]
        assert side["text"] == lesion.side
        assert side["coding"][0]["code"] == {"left": "7771000", "right": "24028007"}[lesion.side]
        places = [c["valueCodeableConcept"]["text"] for c in observation["component"][1:]]
        assert len(places) == sum(r.lobe != "other" and r.percent_of_lesion >= 5 for r in lesion.regions)


def test_places_reason_and_abstention_are_those_of_the_findings(analysed: Analysed) -> None:
    found = analysed.findings()
    suggestion, *lesions = resources(checked(found), "Observation")
    assert suggestion["note"] == [{"text": found.prediction.reason}]
    for observation, lesion in zip(lesions, found.lesions, strict=True):
        assert [c["valueCodeableConcept"]["text"] for c in observation["component"][1:]] == [
            f"{region_name(r.name, r.side)} ({percent_text(r.percent_of_lesion)} of the abnormality)"
            for r in lesion.regions
            if r.lobe != "other" and r.percent_of_lesion >= 5
        ]
    abstained = replace(analysed.prediction, outcome="abstained", label=None)
    first, *_ = resources(checked(replace(analysed, prediction=abstained).findings()), "Observation")
    assert first["valueCodeableConcept"]["text"] == "The model abstains: no class is suggested."


@pytest.mark.parametrize("code", ["en", "fr", "de", "es"])
def test_the_report_says_its_language_and_is_in_it_and_codes_stay_as_they_are(analysed: Analysed, code: str) -> None:
    findings = analysed.findings()
    content = checked(findings, language=code)
    (report,) = resources(content, "DiagnosticReport")
    told = narrative.told(findings, code).sentences
    assert report["language"] == code
    assert f'lang="{code}" xml:lang="{code}"' in report["text"]["div"]
    assert all(html.escape(sentence.text) in report["text"]["div"] for sentence in told)
    assert all(s.text in report["conclusion"] for s in told if s.section == "impression")
    (english,) = resources(checked(findings), "DiagnosticReport")
    assert report["code"].get("coding") == english["code"].get("coding")
    if code != "en":
        for said in (report["conclusion"], report["text"]["div"], report["code"]["text"]):
            assert "esearch" not in said
    assert resources(content, "Observation") == resources(checked(findings), "Observation")
    assert {o["language"] for o in resources(content, "Observation")} == {"en"}


def test_a_picture_has_pixels_and_no_side_of_the_patient(analysed: Analysed) -> None:
    findings = analysed.without_geometry().findings()
    _, *lesions = resources(checked(findings), "Observation")
    for observation in lesions:
        assert observation["valueQuantity"]["unit"] == "pixels"
        assert all("coding" not in c["valueCodeableConcept"] for c in observation["component"])


def test_a_lobe_has_the_codes_of_three_systems_and_each_a_url(analysed: Analysed) -> None:
    findings = analysed.findings()
    _, *lesions = resources(checked(findings), "Observation")
    places = [c["valueCodeableConcept"] for o in lesions for c in o["component"][1:]]
    temporal = next(place for place in places if "Temporal" in place["text"])
    assert [(c["system"], c["code"]) for c in temporal["coding"]] == [
        ("http://snomed.info/sct", "78277001"),
        ("http://radlex.org", "RID6476"),
        ("http://terminology.hl7.org/CodeSystem/icd-o-3", "C71.2"),
    ]


def test_an_approximate_place_has_no_code(analysed: Analysed) -> None:
    anatomy = analysed.anatomy
    limited = replace(anatomy, registration=replace(anatomy.registration, verdict="limited"))
    _, *lesions = resources(checked(replace(analysed, anatomy=limited).findings()), "Observation")
    places = [c["valueCodeableConcept"] for o in lesions for c in o["component"][1:]]
    assert places and all("coding" not in place and place["text"].startswith("approx") for place in places)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wild_findings())
def test_whatever_the_findings_hold_is_valid(findings: Findings) -> None:
    checked(findings)


def test_nobody_is_named_unless_told(tmp_path: Path, analysed: Analysed) -> None:
    write_result(tmp_path / "r", analysed)
    assert main(["fhir", str(tmp_path / "r")]) == 0
    assert '"subject"' not in (tmp_path / "r" / "fhir.json").read_text(encoding="utf-8")
    assert main(["fhir", str(tmp_path / "r"), "--subject", "Patient/p-1", "--output", str(tmp_path / "o")]) == 0
    content = json.loads((tmp_path / "o" / "fhir.json").read_text(encoding="utf-8"))
    named = [r["subject"]["reference"] for r in (e["resource"] for e in content["entry"]) if "subject" in r]
    assert set(named) == {"Patient/p-1"} and len(named) == 1 + len(resources(content, "Observation"))
    assert main(["fhir", str(tmp_path / "r"), "--subject", "Jane Doe"]) == 2
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["fhir.json"]


def test_a_folder_that_cannot_be_made_is_named_without_its_path(
    tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(tmp_path / "r", analysed)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["fhir", str(tmp_path / "r"), "--output", str(output)]) == 2
        said = capsys.readouterr().err
        assert f"cannot be written to {output.name}" in said and str(tmp_path) not in said
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
