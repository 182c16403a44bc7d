"""Bundles are compared by patient, on the same slices, and a difference that is chance is not called one."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import compare_bundles

CLASSES = ("glioma", "meningioma", "pituitary")


def write_answers(path: Path, skill: float, seed: int, patients: int = 60, slices: int = 4) -> Path:
    """Answers whose true class is lifted by ``skill``; a patient's slices err together."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["idx", "group", "plane", "label", "outcome", *(f"score_{c}" for c in CLASSES), "dice"])
        for patient in range(patients):
            shared = rng.normal(0, 1, 3)
            for n in range(slices):
                logits = shared + rng.normal(0, 0.3, 3)
                logits[patient % 3] += skill
                scores = np.exp(logits) / np.exp(logits).sum()
                writer.writerow(
                    [f"{patient}-{n}", patient, "axial", CLASSES[patient % 3], "class_suggested", *scores.round(3), 0.5]
                )
    return path


def compared(tmp_path: Path, *files: Path) -> list[dict]:
    assert compare_bundles.main([*map(str, files), "--output", str(tmp_path / "out.json")]) == 0
    return json.loads((tmp_path / "out.json").read_text())["pairs"]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_bundles.compare, "__defaults__", (40, 0))


def test_a_better_bundle_is_told_from_a_worse_and_a_bundle_from_itself_is_not(tmp_path: Path) -> None:
    poor, good = write_answers(tmp_path / "poor.csv", 0.3, 1), write_answers(tmp_path / "good.csv", 4.0, 2)
    (pair,) = compared(tmp_path, poor, good)
    assert (pair["first"], pair["second"]) == ("poor", "good")
    for name, test in pair["tests"].items():
        if "lesion_dice" in name:
            assert test["difference"] == 0
        elif "ece" not in name:
            assert test["difference"] > 0
            assert test["p_holm"] >= test["p"]
            assert test["low"] > 0 if "low" in test else test["p_holm"] < 0.05, name
    twin = tmp_path / "twin.csv"
    twin.write_text(poor.read_text())
    (pair,) = compared(tmp_path, poor, twin)
    assert all(test["p_holm"] == 1 for test in pair["tests"].values())


def test_answers_without_outcomes_are_compared_and_an_outline_only_with_an_outline(tmp_path: Path) -> None:
    """As ``scripts/evaluate.py networks`` keeps them: a network with one head outlines nothing."""
    with_outline, without = write_answers(tmp_path / "a.csv", 1, 1), write_answers(tmp_path / "b.csv", 2, 2)
    for path, dice in ((with_outline, 0.5), (without, 0.0)):
        with path.open(newline="") as file:
            rows = [{k: v for k, v in row.items() if k != "outcome"} | {"dice": dice} for row in csv.DictReader(file)]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    (pair,) = compared(tmp_path, with_outline, without)
    assert "accuracy (paired bootstrap over patients)" in pair["tests"]
    assert not [name for name in pair["tests"] if "lesion_dice" in name]


def test_delongs_test_agrees_with_its_own_definition() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 40)
    a, b = (labels * s + rng.normal(size=80) for s in (1.5, 0.6))
    positive, negative = labels == 1, labels == 0
    psi = [((s[positive][:, None] > s[negative]) + 0.5 * (s[positive][:, None] == s[negative])) for s in (a, b)]
    covariance = np.cov([p.mean(axis=1) for p in psi]) / 40 + np.cov([p.mean(axis=0) for p in psi]) / 40
    spread = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    expected = 2 * norm.sf(abs(psi[0].mean() - psi[1].mean()) / spread)
    rocs = [compare_bundles.pauc.ROC(labels, s, direction="<") for s in (a, b)]
    assert compare_bundles.pauc.compare(*rocs, method="delong").p_value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("patients", "absent"),
    [
        (2, {"macro_auroc (paired bootstrap over patients)", "AUROC of pituitary, patients (DeLong)"}),
        (1, {"accuracy (paired bootstrap over patients)", "AUROC of glioma, patients (DeLong)"}),
    ],
)
def test_what_the_slices_do_not_let_compute_is_null_and_kept_out_of_the_correction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], patients: int, absent: set[str]
) -> None:
    """Two patients lack a class; one patient has no interval and is no class against the rest."""
    files = [write_answers(tmp_path / f"{n}.csv", n, n, patients=patients) for n in (1, 3)]
    (pair,) = compared(tmp_path, *files)
    assert all(pair["tests"][name] is None for name in absent)
    told = [test for test in pair["tests"].values() if test is not None]
    assert told and all(np.isfinite(list(test.values())).all() for test in told)
    printed = capsys.readouterr().out.splitlines()
    assert absent <= {line.split("  not computed")[0].strip() for line in printed if "not computed" in line}


@pytest.mark.parametrize("name", ["a.csv", "a.json", "link.json"])
def test_an_output_that_would_overwrite_an_input_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Also where only the unfinished output (a.partial of a.json) would."""
    one, other = write_answers(tmp_path / "a.csv", 1, 1), write_answers(tmp_path / "a.partial", 2, 2)
    (tmp_path / "link.json").symlink_to(one)
    before = [path.read_bytes() for path in (one, other)]
    assert compare_bundles.main([str(one), str(other), "--output", str(tmp_path / name)]) == 2
    assert "would be overwritten; name another output" in capsys.readouterr().err
    assert before == [path.read_bytes() for path in (one, other)]


def test_the_outputs_folder_is_made_before_the_work_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [str(write_answers(tmp_path / f"{n}.csv", n, n, patients=6)) for n in (1, 2)]
    assert compare_bundles.main([*files, "--output", str(tmp_path / "new" / "deep" / "out.json")]) == 0
    assert json.loads((tmp_path / "new" / "deep" / "out.json").read_text())["patients"] == 6
    capsys.readouterr()
    monkeypatch.setattr(compare_bundles, "compare", lambda *_: pytest.fail("compared"))
    assert compare_bundles.main([*files, "--output", str(tmp_path / "1.csv" / "out.json")]) == 2
    assert capsys.readouterr().err.startswith("Error: ")
    assert compare_bundles.main([*files, "--output", str(tmp_path / "new")]) == 2
    assert "new is a folder" in capsys.readouterr().err


def test_other_slices_and_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = write_answers(tmp_path / "a.csv", 1, 1), write_answers(tmp_path / "b.csv", 1, 1, patients=59)
    assert compare_bundles.main([str(one), str(other), "--output", str(tmp_path / "out.json")]) == 2
    assert "same slices" in capsys.readouterr().err
    assert compare_bundles.main([str(one), "--output", str(tmp_path / "out.json")]) == 2
    assert "Give two or more files" in capsys.readouterr().err
    (tmp_path / "c.csv").write_text("x\n1\n")
    assert compare_bundles.main([str(one), str(tmp_path / "c.csv"), "--output", str(tmp_path / "out.json")]) == 2
    assert "c.csv holds no answers" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
