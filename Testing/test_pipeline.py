"""The whole road on one real run: a complete folder, findings that hold, and nothing left where it was stopped."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib import pipeline
from XAIReportLib.case import Case, InputError
from XAIReportLib.folder import read_result
from XAIReportLib.models.bundle import find_bundles, load_bundle
from XAIReportLib.pipeline import Analysis, analyze
from XAIReportLib.reading import case_from_array
from XAIReportLib.results import WITHOUT_CONTRAST_AGENT, Cancelled
from XAIReportLib.saliency import doubt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from synthetic_head import SyntheticHead, make_synthetic_head

pytestmark = pytest.mark.skipif(not find_bundles(), reason="no bundle was trained in this checkout")
NOTE = "This image is synthetic."


@pytest.fixture(scope="module")
def head() -> SyntheticHead:
    return make_synthetic_head()


@pytest.fixture(scope="module")
def analysis(head: SyntheticHead, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    case = replace(case_from_array(head.image, head.affine, "synthetic-head"), contrast_agent=False)
    return analyze(case, tmp_path_factory.mktemp("out"), notes=(NOTE,))


def test_the_planted_lesion_is_found_at_its_place(analysis: Analysis, head: SyntheticHead) -> None:
    found = analysis.prediction.lesion_labels == 1
    assert 2 * (found & head.lesion).sum() / (found.sum() + head.lesion.sum()) > 0.5
    lesion = json.loads(analysis.findings.to_json())["lesions"][0]
    assert lesion["side"] == "left"
    assert np.linalg.norm(np.array(lesion["centroid_ras_mm"]) - head.centroid_ras_mm) < 6
    assert sum(r["percent_of_lesion"] for r in lesion["regions"]) == pytest.approx(100)
    assert any(r["lobe"] == "frontal" for r in lesion["regions"])


def test_the_folder_is_complete_and_its_narrative_is_tied_to_its_findings(analysis: Analysis) -> None:
    result = read_result(analysis.folder)
    assert sorted(result.heatmaps) == ["gradcam", "gradcam++", "scorecam"]
    assert result.narrative["findings_sha256"] == analysis.findings.sha256()
    assert NOTE in result.findings["warnings"][0]
    assert NOTE in (analysis.folder / "report.txt").read_text(encoding="utf-8")
    assert result.run["input_sha256"] == analysis.case.sha256
    assert set(result.run["timings_s"]) >= {"read", "predict", "saliency", "anatomy", "report"}
    assert result.run["options"]["atlas"] == "harvard_oxford"
    assert ("levels" in result.run) == (analysis.anatomy.levels is not None)
    assert result.run.get("cut_regions", []) == list(analysis.anatomy.cut)


def test_every_heat_map_is_hot_in_the_lesion(analysis: Analysis, head: SyntheticHead) -> None:
    for heatmap in analysis.heatmaps:
        assert heatmap.values.min() >= 0 and heatmap.values.max() == pytest.approx(1)
        outside = analysis.case.head & ~head.lesion
        assert heatmap.values[head.lesion].mean() > 4 * heatmap.values[outside].mean(), heatmap.method


def test_every_class_is_mapped_when_asked_for_and_only_the_first_is_checked(
    head: SyntheticHead, analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len({heatmap.target for heatmap in analysis.heatmaps}) == 1  # as usual
    checked = []
    monkeypatch.setattr(pipeline.evidence, "check", lambda explanation, *_: checked.append(explanation.heatmaps))
    level = int(np.argwhere(head.lesion).mean(axis=0)[2].round())
    picture = case_from_array(head.image[:, :, level : level + 1], None, "picture")
    found = analyze(picture, tmp_path, saliency=("gradcam++",), classes=("all",), counterfactuals=False)
    ranked = sorted(found.prediction.scores, key=found.prediction.scores.get, reverse=True)
    assert [heatmap.target for heatmap in found.heatmaps] == ranked
    assert checked == [found.heatmaps[:1]]
    assert not np.array_equal(found.heatmaps[0].values, found.heatmaps[1].values)
    assert list(read_result(found.folder).heatmaps) == ["gradcam++", *(f"gradcam++-{name}" for name in ranked[1:])]
    assert found.run["options"]["classes"] == ["all"]
    about_maps = [s for s in found.narrative.sentences if any(place.startswith("/saliency") for place in s.evidence)]
    assert {sentence.outcome for sentence in about_maps} == {"supported"}


@pytest.mark.parametrize("flip", [1, -1])
def test_a_slice_with_geometry_keeps_the_patients_side(head: SyntheticHead, tmp_path: Path, flip: int) -> None:
    level = int(np.argwhere(head.lesion).mean(axis=0)[2].round())
    affine = head.affine @ np.diag([flip, 1.0, 5.0, 1.0])
    affine[:3, 3] += head.affine[:3, 2] * level + (head.affine[:3, 0] * (head.image.shape[0] - 1) if flip < 0 else 0)
    case = case_from_array(np.ascontiguousarray(head.image[::flip, :, level : level + 1]), affine, "slice")
    found = analyze(case, tmp_path, saliency=("gradcam++",), counterfactuals=False)
    (lesion,) = found.findings.lesions
    assert (lesion.side, lesion.image_side, lesion.regions) == ("left", None, ())
    assert np.linalg.norm(np.array(lesion.centroid_ras_mm)[:2] - head.centroid_ras_mm[:2]) < 6
    assert found.findings.anatomy.registration.verdict == "not_possible"
    assert any("the midline is that of the section" in s.text for s in found.narrative.sentences)
    assert {s.outcome for s in found.narrative.sentences} == {"supported"}
    report = " ".join((found.folder / "report.txt").read_text(encoding="utf-8").split())  # wrapped, unbreakable units
    assert f"{case.spacing_mm[2]:.2f} mm thick" in report


def test_a_header_that_names_no_contrast_agent_is_a_warning(analysis: Analysis) -> None:
    assert WITHOUT_CONTRAST_AGENT in analysis.findings.warnings
    assert WITHOUT_CONTRAST_AGENT not in analyze(replace(noise(), contrast_agent=False)).findings.warnings


def test_changed_images_are_told_and_drawn(analysis: Analysis) -> None:
    names = [changed.name for changed in analysis.findings.counterfactuals]
    assert names[0] == "lesion_removed" and names[-1] == "ranked_saliency_removed"
    assert analysis.findings.counterfactuals[0].after.outcome == "no_lesion_found"
    assert "Changed images" in (analysis.folder / "report.txt").read_text(encoding="utf-8")
    assert (analysis.folder / "figures" / "changes.png").is_file()
    assert "counterfactuals" in analysis.run["timings_s"]


def test_the_findings_say_whether_the_heat_maps_may_be_relied_on(analysis: Analysis) -> None:
    found = analysis.findings
    assert found.saliency_check is not None
    assert set(found.saliency_check.figures) >= {"agreement", "stability", "score_drop", "outside_lesion"}
    weights = load_bundle(found.model.name).settings.weights_sha256
    assert ("doubt" in found.saliency_check.figures) == (weights == doubt.FITTED.weights_sha256)
    assert {s.independent for s in found.saliency} == {False}  # the class path reads under the lesion attention
    made = {s.method: s.parameters for s in found.saliency}
    assert all(p.slices and p.cut and p.share_of_maximum and p.components_dropped is not None for p in made.values())
    assert made["scorecam"].mode == "fast" and made["scorecam"].channels_predicted > 0
    said = (
        found.saliency_check.relied_on,
        "should not be relied on" in (analysis.folder / "report.txt").read_text("utf-8"),
    )
    assert said in ((True, False), (False, True))


def noise() -> Case:
    rng = np.random.default_rng(0)
    return case_from_array(rng.normal(size=(60, 60, 40)).astype(np.float32), np.diag([4.0, 4, 5, 1]), "noise")


def test_a_clinical_record_is_kept_as_it_was_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where text is written with two characters at the end of a line."""

    def as_on_windows(path: Path, text: str, *_: str, newline: str | None = None, **__: str) -> int:
        return path.write_bytes(text.replace("\n", newline or "\r\n").encode())

    monkeypatch.setattr(Path, "write_text", as_on_windows)
    (tmp_path / "table.csv").write_bytes(b"age_years,sex\n61,F\n")
    result = read_result(analyze(noise(), tmp_path / "out", clinical_table=tmp_path / "table.csv").folder)
    assert hashlib.sha256(result.clinical.read_bytes()).hexdigest() == result.run["clinical"]["sha256"]


def test_what_is_no_head_is_not_analysed_and_says_so(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("age_years,sex\n61,F\n", encoding="utf-8")
    analysis = analyze(noise(), tmp_path / "out", clinical_table=table)
    told = "A clinical record (age_years, sex) is kept with this result; the model did not use it."
    assert f"Warning: {told}" in [s.text for s in analysis.narrative.sentences if s.outcome == "supported"]
    assert read_result(analysis.folder).clinical.read_text(encoding="utf-8") == "age_years,sex\n61,F\n"
    assert read_result(analysis.folder).run["clinical"]["used_by_model"] is False
    assert analysis.prediction.outcome == "not_applicable"
    assert analysis.findings.lesions == ()
    assert read_result(analysis.folder).findings["prediction"]["label"] is None


def test_a_cancelled_analysis_leaves_nothing(head: SyntheticHead, tmp_path: Path) -> None:
    seen = []
    case = case_from_array(head.image[::2, ::2], head.affine @ np.diag([2.0, 2, 1, 1]), "stopped")
    with pytest.raises(Cancelled):
        analyze(case, tmp_path / "out", progress=seen.append, cancelled=lambda: any(s.stage == "predict" for s in seen))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [{"saliency": ("magic",)}, {"saliency": ()}, {"bundle": "nobody"}, {"device": "abacus"}, {"classes": ("nobody",)}],
)
def test_bad_options_are_refused(tmp_path: Path, options: dict) -> None:
    with pytest.raises(InputError):
        analyze(noise(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
