"""What warns of a wrong class is chosen on tune groups only, and the tables can be written from what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from XAIReportLib.saliency import checks

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from evaluation import _warning

    return _warning


def rows(seed: int, useful: float) -> list[dict]:
    """Slices of twelve groups, a third of them wrong; the sign "hint" tells them apart as far as ``useful``, "noise" does not."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(240):
        wrong = bool(draw.random() < 1 / 3)
        made.append(
            {
                "right": not wrong,
                "group": f"g{number % 12}",
                "confidence": float(np.clip(0.8 - 0.1 * wrong + 0.15 * draw.normal(), 0.34, 0.999)),
                "checks": {"agreement": float(draw.random())},
                "signs": {"hint": float(useful * wrong + draw.normal()), "noise": float(draw.normal())},
            }
        )
    return made


def test_a_measure_that_tells_wrong_classes_is_chosen_and_its_gain_is_seen_on_other_groups(warning) -> None:
    found = warning.warning_figures(rows(1, 3.0), rows(2, 3.0))
    assert found["chosen"][0] == "hint"
    assert found["gain"]["low"] > 0.1
    assert found["auroc_together"]["value"] > 0.9
    assert 0.4 < found["auroc_of_each"]["noise"]["value"] < 0.6


def test_a_measure_that_tells_nothing_gives_no_gain(warning) -> None:
    found = warning.warning_figures(rows(3, 0.0), rows(4, 0.0))
    assert abs(found["gain"]["value"]) < 0.05


def test_test_slices_do_not_change_what_is_chosen(warning) -> None:
    tune = rows(1, 3.0)
    assert warning.choose(tune)[0] == warning.warning_figures(tune, rows(5, 0.0))["chosen"]


def test_without_wrong_slices_nothing_is_said(warning) -> None:
    right = [row | {"right": True} for row in rows(1, 1.0)]
    assert warning.warning_figures(rows(1, 1.0), right) == {}


def test_limits_are_what_a_twentieth_of_the_right_tune_slices_miss_and_a_verdict_is_any_of_them(warning) -> None:
    rng = np.random.default_rng(0)
    slices = [
        {
            "right": n % 4 > 0, "group": n // 10, "confidence": 0.5 + rng.random() / 2, "signs": {"votes": rng.random()},
            "checks": {name: float(rng.random()) for name in checks.LIMITS if n % 3 or name != "score_drop"},
        }
        for n in range(400)
    ]  # fmt: skip
    limits = warning.fitted_limits(slices)
    right = [r["checks"] for r in slices if r["right"]]
    for name, (low, high) in limits.items():
        missed = [not low <= figures[name] <= high for figures in right if name in figures]
        assert np.mean(missed) == pytest.approx(0.05, abs=0.02), name
    found = warning.warning_figures(slices, slices)
    assert found["without_score_drop"] == sum("score_drop" not in r["checks"] for r in slices)
    assert "score_drop" not in found["auroc_of_each"]
    by_rule = found["verdicts"]["by the rule"]
    refused = np.array([bool(checks.failures(r["checks"], limits)) for r in slices])
    wrong = np.array([not r["right"] for r in slices])
    assert by_rule["refused_of_wrong"] == pytest.approx(refused[wrong].mean(), abs=1e-3)
    assert by_rule["auroc"]["value"] == pytest.approx(
        (refused[wrong].mean() + 1 - refused[~wrong].mean()) / 2, abs=1e-3
    )
    assert by_rule["gain"]["value"] == pytest.approx(
        by_rule["auroc"]["value"] - found["auroc_confidence"]["value"], abs=2e-3
    )
