"""Figures of a classifier: known answers, and intervals that respect that slices of one patient are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from XAIReportLib.models.metrics import (
    Answered,
    by_patient,
    expected_calibration_error,
    figures,
    in_words,
    mean_over_groups,
    risk_coverage,
    summary,
    with_intervals,
)

CLASSES = ("glioma", "meningioma", "pituitary")


def answered(
    labels: list[int], best: list[int], groups: list[str], top: float = 0.8, **changed: np.ndarray
) -> Answered:
    scores = np.full((len(labels), 3), (1 - top) / 2)
    scores[np.arange(len(labels)), best] = top
    parts = {"dice": np.ones(len(labels)), "outcomes": np.full(len(labels), "class_suggested"), **changed}
    return Answered(CLASSES, np.array(groups), np.array(labels), scores, **parts)


def test_known_answers() -> None:
    dice = np.array([0.0, 1.0, 0.5, 0.5])
    outcomes = np.array(["class_suggested", "abstained", "no_lesion_found", "class_suggested"])
    found = figures(answered([0, 0, 1, 2], [0, 1, 1, 2], ["a", "a", "b", "c"], dice=dice, outcomes=outcomes))
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["patient_macro_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["lesion_dice"] == pytest.approx(0.5)
    assert found["lesion_dice_glioma"] == pytest.approx(0.5)
    assert found["sensitivity_glioma"] == pytest.approx(0.5)
    assert found["ece"] == pytest.approx(0.05)  # 0.8 claimed, 0.75 right
    assert found["brier"] == pytest.approx((3 * (0.2**2 + 2 * 0.1**2) + (0.9**2 + 0.8**2 + 0.1**2)) / 4)
    assert found["coverage"] == pytest.approx(0.5)
    assert found["selective_accuracy"] == pytest.approx(1.0)
    assert found["no_lesion_found_rate"] == pytest.approx(0.25)


def test_a_calibrated_model_has_a_small_calibration_error() -> None:
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], 50_000)
    labels = np.array([rng.choice(3, p=p) for p in scores[:20_000]])
    right = scores[:20_000].argmax(axis=1) == labels
    assert expected_calibration_error(scores[:20_000], right) < 0.015


def test_risk_grows_with_coverage_when_confidence_orders_the_errors() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    coverage, risk = risk_coverage(scores, np.array([True, True, False, False]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([0, 0, 1 / 3, 1 / 2])


def test_equal_confidence_says_nothing_about_which_slices_are_right() -> None:
    right = np.array([True, True, False, False])
    _, one = risk_coverage(np.full((4, 2), 0.5), right)
    _, other = risk_coverage(np.full((4, 2), 0.5), right[::-1])
    assert one.tolist() == other.tolist() == [0.5] * 4


def test_a_missing_class_leaves_its_figures_empty_and_the_others_whole() -> None:
    report = summary(answered([0, 0, 1], [0, 0, 1], ["a", "b", "c"]))
    assert report["macro_auroc"] == {"value": None, "low": None, "high": None}
    assert report["sensitivity_pituitary"]["value"] is None
    assert report["accuracy"]["value"] == 1.0
    assert report["confusion_matrix"] == [[2, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert (report["n_images"], report["n_groups"]) == (3, 3)


def test_a_class_that_a_draw_of_patients_lacks_does_not_count_as_failed() -> None:
    perfect = with_intervals(answered([0, 1, 2], [0, 1, 2], ["a", "b", "c"]), repeats=50)
    assert perfect["macro_f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_bundle_of_two_classes_is_measured() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.45, 0.55]])
    two = Answered(
        ("glioma", "metastasis"), np.array(list("abcd")), np.array([0, 0, 1, 1]), scores, np.ones(4), np.full(4, "")
    )
    assert figures(two)["macro_auroc"] == pytest.approx(3 / 4)  # of four pairs one is the wrong way round
    assert np.shape(summary(two)["confusion_matrix"]) == (2, 2)


def test_what_is_shown_is_measured_apart_from_the_outline_where_it_was_kept() -> None:
    labels, groups = [0, 0, 1], ["a", "a", "b"]
    dice, shown = np.array([0.8, 0.6, 0.5]), np.array([0.8, 0.0, 0.5])
    found = figures(answered(labels, labels, groups, dice=dice, dice_shown=shown))
    assert (found["lesion_dice"], found["lesion_dice_shown"]) == (pytest.approx(0.6), pytest.approx(0.45))
    assert found["lesion_dice_shown_glioma"] == pytest.approx(0.4)
    assert "lesion_dice_shown" not in figures(answered(labels, labels, groups, dice=dice))


def test_one_answer_a_patient_pools_the_slices() -> None:
    scores, labels = by_patient(answered([0, 0, 1], [0, 1, 1], ["a", "a", "b"]))
    assert scores.shape == (2, 3) and labels.tolist() == [0, 1]
    assert scores[0, 0] == pytest.approx(scores[0, 1])  # one slice for each class


def test_one_patient_has_figures_without_an_interval() -> None:
    """Drawn with replacement, one patient is always the same patient: an interval of no width would promise certainty."""
    alone = with_intervals(answered([0, 0, 0], [0, 0, 1], ["a", "a", "a"]))
    assert alone["accuracy"] == {"value": 0.6667, "low": None, "high": None}
    assert alone["macro_auroc"] == {"value": None, "low": None, "high": None}
    assert in_words(alone["accuracy"]) == "0.667 (no interval: one patient group)"
    assert in_words(alone["macro_auroc"]) == "not computed"
    two = with_intervals(answered([0, 0, 1], [0, 1, 1], ["a", "a", "b"]), repeats=50)
    assert in_words(two["accuracy"], 2) == "0.67 (0.50 to 1.00)"


def test_intervals_are_drawn_by_patient_so_that_many_slices_of_one_patient_do_not_narrow_them() -> None:
    labels, best = [0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0]
    few = with_intervals(answered(labels, best, list("abcdef")), repeats=400)["accuracy"]
    many = with_intervals(answered(labels * 50, best * 50, list("abcdef") * 50), repeats=400)["accuracy"]
    assert few == many
    assert many["high"] - many["low"] > 0.5


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_figures_lie_in_their_range_and_within_their_interval(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 25))
    draw = [data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)) for _ in range(3)]
    groups = [f"{label}{group}" for label, group in zip(draw[0], draw[2], strict=True)]
    report = with_intervals(answered(draw[0], draw[1], groups), repeats=50)
    for name, figure in report.items():
        if figure["value"] is None or len(set(groups)) == 1:
            assert figure["low"] is None and figure["high"] is None, name
            continue
        assert 0 <= figure["low"] <= figure["high"], name
        if name not in ("brier", "log_loss"):
            assert figure["high"] <= 1, name


def test_a_mean_over_patients_weighs_patients_equally() -> None:
    assert mean_over_groups(np.array([1.0, 1, 1, 0]), np.array(["a", "a", "a", "b"])) == pytest.approx(0.5)
