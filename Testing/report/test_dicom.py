"""DICOM objects hold the result's voxels at the result's places, belong to the analysed study, and are valid."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_case import GRIDS, analysed_series, assert_same_places, assert_valid, grid_affine, small
from exported import PATIENT, STUDY, moved, write_multi_frame, write_result, write_series
from phantom_case import Analysed, phantom_of_two_classes
from pydicom.sr.codedict import codes
from XAIReportLib.__main__ import main
from XAIReportLib.case import InputError
from XAIReportLib.reading import read_case
from XAIReportLib.report import dicom, dicom_report, fhir, narrative
from XAIReportLib.report.findings import Findings

OBJECTS = ["heatmap-gradcam++.dcm", "heatmap-scorecam.dcm", "report.dcm", "saliency.dcm", "segmentation.dcm"]
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def phantom(analysed: Analysed) -> Analysed:
    return small(analysed)


def heat_map(path: Path) -> hd.Volume:
    return hd.pm.ParametricMap.from_dataset(pydicom.dcmread(path)).get_volume(dtype=np.float32)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_series_gets_its_voxels_back_at_their_places(tmp_path: Path, phantom: Analysed, grid: str) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine(grid), backwards=True)
    read = analysed_series(tmp_path / "result", phantom, series)
    folder = dicom.write(tmp_path / "result", series)
    assert sorted(p.name for p in folder.glob("*.dcm")) == OBJECTS
    lesions = hd.seg.segread(folder / "segmentation.dcm")
    for number in (1, 2):
        volume = lesions.get_volume(segment_numbers=[number], combine_segments=True, allow_missing_positions=True)
        assert_same_places(volume, (read.prediction.lesion_labels == number) * number, read.case.affine)
    masks = hd.seg.segread(folder / "saliency.dcm")
    volume = masks.get_volume(segment_numbers=[2], combine_segments=True, allow_missing_positions=True)
    assert_same_places(volume, read.masks[1].values.astype(int) * 2, read.case.affine)
    assert_same_places(heat_map(folder / "heatmap-scorecam.dcm"), read.heatmaps[1].values, read.case.affine)


def test_maps_of_several_classes_are_objects_and_segments_of_their_own(tmp_path: Path) -> None:
    phantom = small(phantom_of_two_classes())
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("oblique"), backwards=True)
    read = analysed_series(tmp_path / "result", phantom, series)
    folder = dicom.write(tmp_path / "result", series)
    masks = hd.seg.segread(folder / "saliency.dcm")
    labels = [masks.get_segment_description(number).segment_label for number in masks.segment_numbers]
    assert labels == [f"{m} mask for {c}" for c in ("glioma", "meningioma") for m in ("Grad-CAM++", "ScoreCAM")]
    shown = heat_map(folder / "heatmap-scorecam-meningioma.dcm")
    assert_same_places(shown, read.heatmaps[3].values, read.case.affine)


def test_a_multi_frame_file_with_frames_in_another_order(tmp_path: Path, phantom: Analysed) -> None:
    source = write_multi_frame(tmp_path / "enhanced.dcm", phantom.case.image, grid_affine("oblique"))
    read = analysed_series(tmp_path / "result", phantom, source)
    folder = dicom.write(tmp_path / "result", source)
    lesions = hd.seg.segread(folder / "segmentation.dcm")
    volume = lesions.get_volume(segment_numbers=[1], combine_segments=True, allow_missing_positions=True)
    assert_same_places(volume, (read.prediction.lesion_labels == 1).astype(int), read.case.affine)
    assert_same_places(heat_map(folder / "heatmap-gradcam++.dcm"), read.heatmaps[0].values, read.case.affine)


def test_a_series_whose_last_digits_differ_and_that_has_no_thickness(tmp_path: Path, phantom: Analysed) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("oblique"))
    for number, path in enumerate(sorted(series.iterdir())):
        data = pydicom.dcmread(path)
        axes = np.array(data.ImageOrientationPatient, dtype=float)
        axes[:3] += 4e-4 * (number % 2) * axes[3:]
        data.ImageOrientationPatient = [f"{value:.8f}" for value in axes]
        data.PixelSpacing = [f"{float(value) + 4e-4 * (number % 2):.6f}" for value in data.PixelSpacing]
        del data.SliceThickness
        data.save_as(path)
    read = analysed_series(tmp_path / "result", phantom, series)
    folder = dicom.write(tmp_path / "result", series)
    lesions = hd.seg.segread(folder / "segmentation.dcm")
    volume = lesions.get_volume(segment_numbers=[1], combine_segments=True, allow_missing_positions=True)
    assert_same_places(volume, (read.prediction.lesion_labels == 1).astype(int), read.case.affine)
    assert_valid([*folder.glob("*.dcm")])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, phantom: Analysed) -> tuple[Path, Path]:
    """The export of an oblique series, and the series."""
    base = tmp_path_factory.mktemp("exported")
    series = write_series(base / "series", phantom.case.image, grid_affine("oblique"))
    analysed_series(base / "result", phantom, series)
    return dicom.write(base / "result", series), series


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, phantom: Analysed) -> Path:
    """The export of a volume that came without DICOM tags, on a left-handed oblique grid; values are no integers."""
    base = tmp_path_factory.mktemp("made")
    affine = grid_affine("oblique") @ np.diag([1.0, 1, -1, 1])
    case = replace(phantom.case, image=phantom.case.image / 7)
    write_result(base / "result", moved(replace(phantom, case=case), affine))
    return dicom.write(base / "result")


def test_every_object_belongs_to_the_patient_and_the_study_that_were_analysed(exported: tuple[Path, Path]) -> None:
    folder, series = exported
    sources = [pydicom.dcmread(path) for path in sorted(series.iterdir())]
    names = {source.SOPInstanceUID for source in sources}
    series_uids = set()
    for name in OBJECTS:
        data = pydicom.dcmread(folder / name)
        for keyword, value in {**PATIENT, **STUDY}.items():
            assert str(data.get(keyword)) == value, (name, keyword)
        assert data.StudyInstanceUID == sources[0].StudyInstanceUID
        assert data.SeriesInstanceUID != sources[0].SeriesInstanceUID
        series_uids.add(data.SeriesInstanceUID)
        if "ReferencedSeriesSequence" in data:
            (referenced,) = data.ReferencedSeriesSequence
            assert referenced.SeriesInstanceUID == sources[0].SeriesInstanceUID
            assert {r.ReferencedSOPInstanceUID for r in referenced.ReferencedInstanceSequence} <= names
            assert data.FrameOfReferenceUID == sources[0].FrameOfReferenceUID
        assert "research use only" in str(data.SeriesDescription)
    assert len(series_uids) == len(OBJECTS)


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ({"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"}, {"PatientName": "Müller^Jörg"}),
        ({"SpecificCharacterSet": "ISO_IR 192", "PatientName": "山田^太郎"}, {"PatientName": "山田^太郎"}),
        ({"PatientSex": "FEMALE", "StudyTime": ""}, {"PatientSex": "", "StudyTime": "", "PatientID": "4711"}),
        ({"PatientBirthDate": "1960"}, {"PatientBirthDate": "", "StudyDate": "20260301"}),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value", "ignore:.*potentially invalid")
def test_names_in_any_letters_are_kept_and_values_that_dicom_forbids_are_left_empty(
    tmp_path: Path, phantom: Analysed, tags: dict[str, str], kept: dict[str, str]
) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("coronal"))
    for path in series.iterdir():
        data = pydicom.dcmread(path)
        for keyword, value in tags.items():
            setattr(data, keyword, value)
        data.save_as(path)
    analysed_series(tmp_path / "result", phantom, series)
    folder = dicom.write(tmp_path / "result", series)
    for name in OBJECTS:
        data = pydicom.dcmread(folder / name)
        assert {keyword: str(data.get(keyword) or "") for keyword in kept} == kept


def test_segments_say_what_made_them_and_never_what_the_lesion_is(exported: tuple[Path, Path]) -> None:
    segments = hd.seg.segread(exported[0] / "segmentation.dcm").SegmentSequence
    assert [s.SegmentLabel for s in segments] == ["Segmented abnormality 1", "Segmented abnormality 2"]
    for segment in segments:
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == "XAIReport" and algorithm.AlgorithmVersion


def test_the_report_measures_what_the_findings_say(exported: tuple[Path, Path]) -> None:
    folder, _ = exported
    findings = json.loads((folder.parent / "findings.json").read_text(encoding="utf-8"))
    report = hd.sr.srread(folder / "report.dcm")
    segments = hd.seg.segread(folder / "segmentation.dcm").SegmentSequence
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(findings["lesions"]) == 2
    for group, lesion, segment in zip(groups, findings["lesions"], segments, strict=True):
        (volume,) = group.get_measurements(codes.SCT.Volume)
        assert float(volume.value) == pytest.approx(lesion["volume_ml"])
        assert group.tracking_uid == segment.TrackingUID
    (suggestion,) = report.content.get_image_measurement_groups()
    (said,) = suggestion.get_qualitative_evaluations()
    assert said.value.value == findings["prediction"]["label"]
    assert said.value.scheme_designator == dicom_scheme(report)
    scores = {m.name.meaning.removeprefix("Model score of "): float(m.value) for m in suggestion.get_measurements()}
    assert scores["glioma"] == pytest.approx(findings["prediction"]["scores"]["glioma"])
    (observer,) = report.content.get_observer_contexts()
    assert observer.observer_type == codes.DCM.Device
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    texts = [item.TextValue for item in report.ContentSequence if item.ValueType == "TEXT"]
    assert set(findings["disclaimers"]) <= set(texts)


def test_units_and_sides_are_those_of_the_findings(tmp_path: Path, phantom: Analysed, analysed: Analysed) -> None:
    labels = phantom.prediction.lesion_labels
    geometry = {
        f"lesion-{n}": replace(analysed.geometry[f"lesion-{n}"], voxels=int((labels == n).sum())) for n in (1, 2)
    }
    write_result(tmp_path / "result", replace(phantom, geometry=geometry))
    folder = dicom.write(tmp_path / "result")
    findings = json.loads((tmp_path / "result" / "findings.json").read_text(encoding="utf-8"))
    sides = {"left": codes.SCT.Left, "right": codes.SCT.Right}
    groups = hd.sr.srread(folder / "report.dcm").content.get_volumetric_roi_measurement_groups()
    segments = hd.seg.segread(folder / "segmentation.dcm").SegmentSequence
    assert {lesion["side"] for lesion in findings["lesions"]} == set(sides)
    for group, lesion, segment in zip(groups, findings["lesions"], segments, strict=True):
        side = sides[lesion["side"]]
        (volume,) = group.get_measurements(codes.SCT.Volume)
        assert volume.unit == codes.UCUM.CubicCentimeter
        (laterality,) = [e.value for e in group.get_qualitative_evaluations() if e.name == codes.SCT.Laterality]
        assert laterality == side
        (modifier,) = segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence
        assert (modifier.CodeValue, modifier.CodeMeaning) == (side.value, side.meaning)
        named = {r["side"] for r in lesion["regions"] if r["side"] and r["percent_of_lesion"] >= 5}
        assert named and {site.laterality for site in group.finding_sites} == {sides[name] for name in named}


@pytest.mark.parametrize("code", ["fr", "de", "es"])
def test_the_sentences_are_in_the_language_of_the_report_and_codes_stay_as_they_are(
    made: Path, tmp_path: Path, code: str
) -> None:
    assert main(["dicom", str(made.parent), "--output", str(tmp_path), "--language", code]) == 0
    path = tmp_path / "dicom" / "report.dcm"
    report, english = hd.sr.srread(path), hd.sr.srread(made / "report.dcm")
    found = Findings.model_validate_json((made.parent / "findings.json").read_text(encoding="utf-8"))
    told = [s.text for s in narrative.told(found, code).sentences if s.section in dicom_report.SAID]
    texts = [i for i in report.ContentSequence if i.ValueType == "TEXT" and i.RelationshipType == "CONTAINS"]
    assert {item.TextValue for item in texts} >= set(told)
    assert not {item.TextValue for item in texts} & set(found.disclaimers)
    for item in texts:  # TID 1204
        (said,) = item.ContentSequence
        assert said.RelationshipType == "HAS CONCEPT MOD"
        assert said.ConceptNameCodeSequence[0].CodeValue == "121049"
        concept = said.ConceptCodeSequence[0]
        assert (concept.CodeValue, concept.CodingSchemeDesignator) == (code, "RFC5646")
    assert coded(report) == coded(english)
    assert_valid([path])


def coded(report: hd.sr.Comprehensive3DSR) -> list[str]:
    """Every code and its meaning outside the sentences."""
    items = [item for item in report.ContentSequence if item.ValueType != "TEXT"]
    return [str(e.value) for item in items for e in item.iterall() if e.keyword in ("CodeValue", "CodeMeaning")]


def test_without_a_word_the_language_is_that_of_the_result(made: Path, tmp_path: Path) -> None:
    result = tmp_path / "result"
    shutil.copytree(made.parent, result, ignore=shutil.ignore_patterns("dicom"))
    found = Findings.model_validate_json((result / "findings.json").read_text(encoding="utf-8"))
    (result / "narrative.json").write_text(narrative.told(found, "de").to_json(), encoding="utf-8")
    report = hd.sr.srread(dicom.write(result) / "report.dcm")
    assert "Nur für Forschungszwecke. Nicht für die Diagnostik." in [i.get("TextValue") for i in report.ContentSequence]
    content = json.loads(fhir.write(result).read_text(encoding="utf-8"))
    assert content["entry"][0]["resource"]["language"] == "de"


def dicom_scheme(report: hd.sr.Comprehensive3DSR) -> str:
    (scheme,) = report.CodingSchemeIdentificationSequence
    return scheme.CodingSchemeDesignator


def test_sites_are_coded_only_when_the_registration_is_good(tmp_path: Path, phantom: Analysed) -> None:
    site = codes.SCT.FrontalLobe

    def sites(name: str, verdict: str) -> list[hd.sr.CodedConcept]:
        registration = replace(phantom.anatomy.registration, verdict=verdict)
        write_result(tmp_path / name, replace(phantom, anatomy=replace(phantom.anatomy, registration=registration)))
        report = hd.sr.srread(dicom.write(tmp_path / name) / "report.dcm")
        first = report.content.get_volumetric_roi_measurement_groups()[0]
        return [found.value for found in first.finding_sites]

    assert sites("good", "good") == [site]
    assert sites("limited", "limited") == []


def test_a_volume_without_tags_gets_a_series_without_a_patient(made: Path, phantom: Analysed) -> None:
    files = sorted((made / "image").iterdir())
    data = [pydicom.dcmread(path) for path in files]
    assert {str(d.PatientName) for d in data} == {""} and {d.PatientID for d in data} == {phantom.case.case_id}
    assert not any(d.get(keyword) for d in data for keyword in ("StudyDate", "PatientBirthDate", "StudyID"))
    case = read_case(made / "image")
    affine = json.loads((made.parent / "run.json").read_text(encoding="utf-8"))["geometry"]
    points = np.array([[3, 5, 7, 1], [20, 31, 11, 1]]) @ np.array(affine).T
    index = np.rint(points @ np.linalg.inv(case.affine).T).astype(int)
    for place, origin in zip(index, ([3, 5, 7], [20, 31, 11]), strict=True):
        step = float(np.ptp(phantom.case.image / 7)) / 65535
        assert case.image[tuple(place[:3])] == pytest.approx(phantom.case.image[tuple(origin)] / 7, abs=step)
    lesions = hd.seg.segread(made / "segmentation.dcm")
    volume = lesions.get_volume(segment_numbers=[1], combine_segments=True, allow_missing_positions=True)
    assert_same_places(volume, (phantom.prediction.lesion_labels == 1).astype(int), np.array(affine))
    (referenced,) = lesions.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == data[0].SeriesInstanceUID


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (Debian package dicom3tools) is not on this machine"
)
def test_dciodvfy_finds_no_error(exported: tuple[Path, Path], made: Path) -> None:
    assert_valid([*exported[0].glob("*.dcm"), *made.glob("*.dcm"), made / "image" / "0001.dcm"])


def test_one_lesion_alone_is_measured_too(tmp_path: Path, phantom: Analysed) -> None:
    first = phantom.prediction.lesion_labels == 1
    prediction = replace(phantom.prediction, lesion_labels=first.astype(np.uint8))
    write_result(tmp_path / "one", replace(phantom, prediction=prediction, masks=phantom.masks[:1]))
    folder = dicom.write(tmp_path / "one")
    (group,) = hd.sr.srread(folder / "report.dcm").content.get_volumetric_roi_measurement_groups()
    segmentation = hd.seg.segread(folder / "segmentation.dcm")
    assert group.referenced_segment.referenced_sop_instance_uid == segmentation.SOPInstanceUID
    volume = segmentation.get_volume(segment_numbers=[1], combine_segments=True, allow_missing_positions=True)
    assert_same_places(volume, first.astype(int), phantom.case.affine)
    assert_valid([*folder.glob("*.dcm")])


@pytest.mark.parametrize("outcome", ["no_lesion_found", "not_applicable"])
def test_without_a_lesion_there_is_a_report_and_no_segmentation(
    tmp_path: Path, phantom: Analysed, outcome: str
) -> None:
    nothing = np.zeros_like(phantom.prediction.lesion_labels)
    prediction = replace(
        phantom.prediction, outcome=outcome, label=None, scores={}, class_set=(), uncertainty={}, lesion_labels=nothing
    )
    anatomy = replace(phantom.anatomy, overlaps=())
    write_result(tmp_path / "r", replace(phantom, prediction=prediction, heatmaps=(), masks=(), anatomy=anatomy))
    folder = dicom.write(tmp_path / "r")
    assert [p.name for p in folder.glob("*.dcm")] == ["report.dcm"]
    report = hd.sr.srread(folder / "report.dcm")
    (said,) = report.content.get_image_measurement_groups()[0].get_qualitative_evaluations()
    assert said.value.value == outcome


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(
    tmp_path: Path, phantom: Analysed, analysed: Analysed
) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("coronal"))
    other = write_series(tmp_path / "other", phantom.case.image, grid_affine("coronal"))
    analysed_series(tmp_path / "dicom", phantom, series)
    write_result(tmp_path / "nifti", phantom)
    write_result(tmp_path / "picture", analysed.without_geometry())
    sheared = phantom.case.affine.copy()
    sheared[0, 1] = 0.4
    write_result(tmp_path / "sheared", moved(phantom, sheared))
    for result, given, pattern in (
        ("dicom", None, "give its series"),
        ("dicom", other, "is not the series"),
        ("dicom", tmp_path / "nowhere", "does not exist"),
        ("nifti", series, "not made from DICOM"),
        ("picture", None, "without geometry"),
        ("sheared", None, "sheared"),
    ):
        with pytest.raises(InputError, match=pattern):
            dicom.write(tmp_path / result, given)
        assert not (tmp_path / result / "dicom").exists()


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "PatientID"])
def test_slices_that_are_not_of_one_study_are_refused(tmp_path: Path, phantom: Analysed, keyword: str) -> None:
    series = write_series(tmp_path / "series", phantom.case.image, grid_affine("coronal"))
    first, second = sorted(series.iterdir())[:2]
    data, other = pydicom.dcmread(first), pydicom.dcmread(second)
    unlike = {"SOPInstanceUID": other.SOPInstanceUID, "PatientID": None}
    setattr(data, keyword, unlike.get(keyword, "1.2.3"))
    data.save_as(first)
    analysed_series(tmp_path / "result", phantom, series)
    with pytest.raises(InputError, match=f"lices of series (differ in|have the same) {keyword}"):
        dicom.write(tmp_path / "result", series)
    assert not (tmp_path / "result" / "dicom").exists()


def test_the_command_says_what_it_wrote_and_replaces_only_its_own(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dicom", str(made.parent), "--output", str(tmp_path)]) == 0
    assert "without a patient" in capsys.readouterr().out
    assert main(["dicom", str(made.parent), "--output", str(tmp_path)]) == 0
    (tmp_path / "mine" / "dicom").mkdir(parents=True)
    (tmp_path / "mine" / "dicom" / "a.txt").write_text("mine", encoding="utf-8")
    assert main(["dicom", str(made.parent), "--output", str(tmp_path / "mine")]) == 2
    assert (tmp_path / "mine" / "dicom" / "a.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("installed", ["0.27.0", None])
def test_an_older_highdicom_is_told_and_not_used(monkeypatch, installed):
    from importlib import metadata

    from XAIReportLib.__main__ import main

    def version(name: str) -> str:
        if name == "highdicom" and installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed if name == "highdicom" else "1"

    said = []
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr("builtins.print", lambda *texts, **_: said.extend(texts))
    assert main(["dicom", "nowhere"]) != 0
    assert "highdicom 0.28 or newer" in " ".join(map(str, said))
