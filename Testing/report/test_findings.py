"""Findings say what the arrays hold, rounded, and nothing that contradicts itself."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from XAIReportLib.report import documents, narrative
from XAIReportLib.report.findings import FindingsError, load, of_result, parsed, rounded_to_sum
from XAIReportLib.report.measured import largest_distance
from XAIReportLib.report.schema import OLDER_VERSIONS, SCHEMA_VERSION, Findings
from XAIReportLib.results import Anatomy, Registration
from XAIReportLib.saliency import adaptive_mask


def _changed(findings, **changes):
    """The findings read again after a change at a dotted place."""
    content = findings.model_dump(mode="json")
    for place, value in changes.items():
        *path, last = place.split("__")
        part = content
        for step in path:
            part = part[int(step) if step.isdigit() else step]
        part[last] = value
    return type(findings).model_validate(content)


def test_volumes_and_dice_come_from_the_arrays(analysed):
    found = analysed.findings()
    voxel_ml = 1.5 * 1.0 * 3.0 / 1000
    labels = analysed.prediction.lesion_labels
    assert [lesion.volume_ml for lesion in found.lesions] == [round((labels == n).sum() * voxel_ml, 2) for n in (1, 2)]
    for mask, saliency in zip(analysed.masks, found.saliency, strict=True):
        inside, lesion = mask.values > 0, labels > 0
        dice = 2 * (inside & lesion).sum() / (inside.sum() + lesion.sum())
        assert saliency.dice_with_lesion == pytest.approx(dice, abs=5e-5)
        assert saliency.mask_volume_ml == round(float(inside.sum()) * voxel_ml, 2)
    assert [lesion.side for lesion in found.lesions] == ["left", "right"]
    assert found.lesions[0].centroid_ras_mm[0] < 0 < found.lesions[1].centroid_ras_mm[0]


def test_percentages_and_scores_still_sum_after_rounding(analysed):
    found = analysed.findings()
    assert sum(found.prediction.scores.values()) == pytest.approx(1, abs=1e-12)
    for lesion in found.lesions:
        assert sum(region.percent_of_lesion for region in lesion.regions) == pytest.approx(100, abs=1e-9)
    for saliency in found.saliency:
        assert sum(region.percent_of_mask for region in saliency.regions) == pytest.approx(100, abs=1e-9)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=60), st.sampled_from([(1.0, 4), (100.0, 1)]))
def test_rounding_keeps_the_sum_and_moves_no_value_by_a_whole_step(values, aim):
    total, digits = aim
    values = [value * total / sum(values) for value in values]
    rounded = rounded_to_sum(values, total, digits)
    assert sum(round(value * 10**digits) for value in rounded) == round(total * 10**digits)
    assert all(abs(a - b) < 10**-digits * 1.001 for a, b in zip(values, rounded, strict=True))


@pytest.mark.parametrize("values", [[0.4, 0.4], [float("nan"), 1.0], [-0.5, 1.5], [0.0, 0.0]])
def test_values_that_are_no_shares_are_refused(values):
    with pytest.raises(FindingsError):
        rounded_to_sum(values, 1.0, 4)


def test_every_row_of_regions_holds_its_own_figures_the_largest_share_first(analysed):
    rows = tuple(
        replace(
            row,
            mean_probability=None if row.mean_probability is None else 0.3 + 0.01 * n,
            percent_low=max(row.percent_of_mask - 3, 0.0),
            percent_high=min(row.percent_of_mask + 2, 100.0),
        )
        for n, row in enumerate(sorted(analysed.anatomy.overlaps, key=lambda row: row.percent_of_mask))
    )
    found = replace(analysed, anatomy=replace(analysed.anatomy, overlaps=rows)).findings()
    for name, regions in [(one.name, one.regions) for one in found.lesions] + [
        (one.method, one.regions) for one in found.saliency
    ]:
        own = sorted((row for row in rows if row.mask == name), key=lambda row: -row.percent_of_mask)
        assert len(own) == len(regions) > 0
        for row, region in zip(own, regions, strict=True):
            assert (region.name, region.side, region.nearest) == (row.name, row.side, row.nearest)
            for key, digits in (
                ("percent_of_region", 1), ("mean_probability", 4), ("nearest_mm", 1), ("percent_low", 1), ("percent_high", 1),
            ):  # fmt: skip
                value = getattr(row, key)
                assert getattr(region, key) == (None if value is None else round(value, digits)), key


def test_the_largest_distance_is_that_of_the_two_lesions_farthest_apart():
    centres = [(0.0, 0.0, 0.0), (3.0, 4.0, 0.0), (0.0, 0.0, 12.0), None]
    assert largest_distance([{"centroid_ras_mm": centre} for centre in centres]) == 13
    assert largest_distance([{"centroid_ras_mm": centre} for centre in centres[2:]]) is None


def test_a_picture_has_no_side_of_the_patient_and_no_millilitres(analysed):
    found = analysed.without_geometry().findings()
    big, small = found.lesions
    assert (big.side, big.volume_ml, big.centroid_ras_mm) == (None, None, None)
    assert (big.image_side, small.image_side) == ("image right", "image left")
    assert found.lesion_total.volume_ml is None
    assert found.image.spacing_mm is None


def test_the_canonical_text_is_what_is_hashed(analysed, tmp_path):
    found = analysed.findings()
    path = tmp_path / "findings.json"
    path.write_bytes(found.to_json().encode())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == found.sha256()
    assert load(path) == found
    assert load(path).to_json() == found.to_json()
    assert found.to_json() == analysed.findings().to_json()


def test_an_unmeasured_mask_is_measured_here_without_a_side(analysed):
    measured = analysed.findings()
    found = replace(analysed, geometry={}).findings()
    assert found.lesions[0].volume_ml == measured.lesions[0].volume_ml
    assert found.lesions[0].centroid_ras_mm == measured.lesions[0].centroid_ras_mm
    assert found.lesions[0].side is None


def test_geometry_of_another_mask_is_refused(analysed):
    wrong = analysed.geometry | {"lesion-1": replace(analysed.geometry["lesion-1"], voxels=7)}
    with pytest.raises(FindingsError, match=r"lesion-1 of case phantom-7f3a has \d+ voxels, its geometry 7"):
        replace(analysed, geometry=wrong).findings()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prediction__label": None}, "label must be given"),
        ({"prediction__outcome": "abstained"}, "label must be given"),
        ({"prediction__label": "lymphoma"}, "no score of the suggested class"),
        ({"prediction__label": "meningioma"}, "'meningioma' is not the one with the highest score"),
        ({"disclaimers": []}, "at least 1 item"),
        ({"disclaimers": [""]}, "at least 1 character"),
        ({"prediction__scores": {"glioma": 0.5, "meningioma": 0.4}}, "sum to 1"),
        ({"prediction__scores": {"glioma": float("nan")}}, "finite"),
        ({"prediction__uncertainty": {"entropy": float("inf")}}, "finite"),
        ({"prediction__class_set": ["lymphoma"]}, "without a score"),
        ({"saliency__0__dice_with_lesion": 1.2}, "less than or equal to 1"),
        ({"saliency__0__method": "../../secret"}, "should match pattern"),
        ({"lesions__0__regions__0__percent_of_lesion": 3.0}, "not to 100"),
        ({"lesions__0__volume_ml": None}, "volume must be given"),
        ({"lesions__0__side": None}, "go together"),
        ({"lesions__0__left_percent": 40.0}, "sum to 100"),
        ({"lesions__0__image_side": "image left"}, "without geometry"),
        ({"image__has_geometry": False}, "spacing_mm"),
        ({"anatomy__registration__verdict": "failed"}, "no region may be named"),
        ({"lesion_total__count": 1}, "differs from the number"),
        ({"model__metrics": {"accuracy": [0.9, float("nan")]}}, "finite"),
        ({"patient_name": "Doe"}, "Extra inputs"),
        ({"schema_version": "9.0.0"}, SCHEMA_VERSION),
        ({"lesions__0__regions__0__codes": [{"scheme": "SCT", "value": "J18.1", "meaning": "x"}]}, "SNOMED"),
    ],
)
def test_contradictions_are_refused(analysed, changes, reason):
    with pytest.raises(ValueError, match=reason):
        _changed(analysed.findings(), **changes)


def test_no_lesion_found_goes_with_no_lesions(analysed):
    prediction = replace(analysed.prediction, outcome="no_lesion_found", label=None)
    with pytest.raises(FindingsError, match="case phantom-7f3a cannot be reported"):
        replace(analysed, prediction=prediction).findings()


def test_a_case_that_was_not_analysed_has_findings_too(analysed):
    nothing = np.zeros(analysed.case.image.shape, np.uint8)
    prediction = replace(
        analysed.prediction,
        outcome="not_applicable",
        label=None,
        scores={},
        class_set=(),
        uncertainty={},
        lesion_labels=nothing,
    )
    found = replace(analysed, prediction=prediction, heatmaps=(), masks=(), anatomy=None, geometry={}).findings()
    assert found.anatomy.registration.verdict == "not_possible"
    assert found.lesions == found.saliency == ()


def test_a_check_that_could_not_be_computed_is_null(analysed):
    checks = {"mutual_information": float("nan"), "brain_overlap": 0.1}
    registration = Registration("failed", "No overlap.", None, checks)
    anatomy = Anatomy(registration, "Harvard-Oxford", "FSL", None, (), ())
    found = replace(analysed, anatomy=anatomy).findings()
    assert found.anatomy.registration.checks == {"mutual_information": None, "brain_overlap": 0.1}


def test_findings_do_not_change_after_building(analysed):
    with pytest.raises(ValueError, match="frozen"):
        analysed.findings().case_id = "other"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not a JSON document"),
        ("[]", "schema version None"),
        ('{"schema_version": "0.1"}', "schema version '0.1'"),
        ('{"schema_version": "1.0.0"}', "breaks the findings schema"),
        ('{"schema_version": "1.4.0"}', "breaks the findings schema"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(tmp_path, text, reason):
    path = tmp_path / "findings.json"
    path.write_text(text)
    with pytest.raises(FindingsError, match=reason) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("findings.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FindingsError, match="cannot be read"):
        load(tmp_path / "findings.json")


def test_warnings_are_said_once_and_in_order(analysed):
    found = analysed.findings(warnings=("First.", *analysed.prediction.warnings))
    assert found.warnings == ("First.", *analysed.prediction.warnings)


def test_the_names_that_other_programs_rely_on(analysed):
    content = json.loads(analysed.findings().to_json())
    assert content["prediction"].keys() >= {"outcome", "reason", "label", "scores", "class_set", "uncertainty"}
    assert content["lesions"][0].keys() >= {"volume_ml", "side", "centroid_ras_mm", "regions"}
    assert content["lesions"][0]["regions"][0].keys() >= {"name", "lobe", "side", "percent_of_lesion"}
    assert content["saliency"][0].keys() >= {
        "method", "target", "percentile", "mask_volume_ml", "dice_with_lesion", "regions"
    }  # fmt: skip
    assert content["anatomy"]["registration"]["verdict"] == "good"
    assert content.keys() >= {"schema_version", "case_id", "image", "model", "warnings", "disclaimers"}


def test_how_each_heat_map_was_made_and_cut_is_in_the_findings(analysed):
    head = analysed.case.head
    made = {"mode": "fast", "channels_scored": 10.0, "channels_predicted": 86.0, "precision": "bfloat16", "slices": 60}
    heatmaps = [replace(h, parameters=made if h.method == "scorecam" else {"slices": 61}) for h in analysed.heatmaps]
    masks = [adaptive_mask(h, head) for h in heatmaps]
    found = replace(analysed, heatmaps=tuple(heatmaps), masks=tuple(masks), geometry={}).findings()
    plain, score = (entry.parameters for entry in found.saliency)
    assert {name: getattr(score, name) for name in made} == made
    assert (plain.slices, plain.mode, plain.channels_scored, plain.precision) == (61, None, None, None)
    for entry, mask in zip(found.saliency, masks, strict=True):
        assert entry.parameters.cut == pytest.approx(mask.parameters["cut"], abs=1e-4)
        assert entry.parameters.share_of_maximum == mask.parameters["share_of_maximum"] > 0
        assert entry.parameters.components_dropped == mask.parameters["components_dropped"]
    assert parsed(found.to_json()) == found


def test_a_parameter_that_the_findings_have_no_name_for_is_no_silent_loss(analysed):
    heatmaps = tuple(replace(h, parameters={"sharpness": 2}) for h in analysed.heatmaps)
    with pytest.raises(FindingsError, match="saliency/0/parameters/sharpness"):
        replace(analysed, heatmaps=heatmaps).findings()


OLD = [Path(__file__).with_name(f"findings-{version}.json") for version in OLDER_VERSIONS]


@pytest.mark.parametrize(("path", "changed_images"), list(zip(OLD, (0, 6, 0, 0, 8), strict=True)))
def test_a_document_of_an_older_version_is_read_with_what_it_holds(path, changed_images):
    found, old = load(path), json.loads(path.read_text(encoding="utf-8"))
    assert len(found.counterfactuals) == changed_images
    new = json.loads(found.to_json())
    assert (old.pop("schema_version"), new["schema_version"]) == (path.stem.removeprefix("findings-"), SCHEMA_VERSION)
    assert holds(new, old)


@pytest.mark.parametrize("path", OLD)
def test_a_document_of_an_older_version_is_known_by_its_own_hash_until_it_is_changed(path):
    found = load(path)
    assert found.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.model_copy(update={"case_id": "other"}).sha256() != found.sha256()
    again = Findings.model_validate_json(found.to_json())
    assert again.sha256() == hashlib.sha256(found.to_json().encode()).hexdigest()


@pytest.mark.parametrize("path", OLD)
def test_a_document_of_an_older_version_without_disclaimers_is_refused(path, tmp_path):
    content = json.loads(path.read_text(encoding="utf-8"))
    (tmp_path / "findings.json").write_text(json.dumps({**content, "disclaimers": []}), encoding="utf-8")
    with pytest.raises(FindingsError, match="disclaimers"):
        load(tmp_path / "findings.json")


@pytest.mark.parametrize("path", OLD)
def test_documents_of_an_older_version_are_written_in_this_one_and_belong_together(path, tmp_path):
    found = load(path)
    documents.write(tmp_path, found, narrative.told(found), [], {})
    assert of_result(tmp_path) == Findings.model_validate_json((tmp_path / "findings.json").read_bytes())


def test_findings_from_before_the_likeness_have_none_and_say_nothing_of_it() -> None:
    found = load(Path(__file__).with_name("findings-1.3.0.json"))
    assert found.saliency_check is not None
    assert "doubt" not in found.saliency_check.figures
    assert not any("whose class was wrong" in s.text for s in narrative.told(found).sentences)


def holds(new: object, old: object) -> bool:
    """Whether everything in ``old`` is in ``new``, which may have more fields."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and holds(new[name], value) for name, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(holds, new, old))
    return new == old
