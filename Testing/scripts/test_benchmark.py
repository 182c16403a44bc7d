"""The door of the benchmarks names its parts, and the rules that masks are chosen among do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from evaluation import _mask_rules

    return _mask_rules


@pytest.mark.parametrize("arguments", [[], ["abacus"], ["--help"]])
def test_what_can_be_timed_is_named(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "benchmark.py"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if arguments == ["--help"] else 2)
    assert "PARTS: explain, rethreshold, score-cam" in done.stdout + done.stderr


def test_a_map_that_is_the_lesion_is_cut_perfectly_by_a_share_and_never_better_than_by_the_oracle(rules) -> None:
    y, x = np.mgrid[0:60, 0:60]
    head = (y - 30) ** 2 + (x - 30) ** 2 < 28**2
    lesion = (y - 24) ** 2 + (x - 36) ** 2 < 5**2
    scores = rules.dice_of_rules(lesion * 1.0 + 0.1 * head, head, lesion)
    assert scores["share of maximum 0.5"] == 1
    assert scores["otsu"] == 1
    assert scores["percentile 80"] < 0.5
    assert scores["oracle"] >= max(v for k, v in scores.items() if k.startswith("percentile"))


def test_the_best_rule_is_chosen_on_the_tune_slices_only(rules) -> None:
    names = [*rules.RULES, "oracle"]
    tune = [{"rules": {m: {n: 0.9 if n == "percentile 97" else 0.1 for n in names} for m in rules.RULE_METHODS}}]
    test = [{"rules": {m: {n: 0.2 if n == "percentile 97" else 0.8 for n in names} for m in rules.RULE_METHODS}}]
    found = rules.best_rules(tune, test, lambda rows, value: {"value": value(rows[0])})
    assert found["gradcam"]["percentile"] == {"rule": "percentile 97", "tune": 0.9, "test": {"value": 0.2}}
