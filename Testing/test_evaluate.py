"""``xaireport evaluate``: measured by the road of the product, bad data refused in a sentence, nothing half-written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from XAIReportLib.__main__ import main
from XAIReportLib.models.bundle import find_bundles, load_bundle

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "brain_tumor_mri"
needs_bundle = pytest.mark.skipif(not find_bundles(), reason="no bundle was trained in this checkout")
ROW = {"idx": "1", "label_name": "glioma", "group": "a"}


def data_set(folder: Path, rows: list[dict[str, str]], files: bool = True) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows if files else []:
        noise = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{row['idx']}.jpg")
        Image.fromarray(noise > 250).save(folder / "masks" / f"{row['idx']}.png")
    return folder


def evaluate(data: Path, output: Path, *more: str) -> int:
    return main(["evaluate", "--data", str(data), "--output", str(output), *more])


@needs_bundle
@pytest.mark.parametrize(
    ("rows", "files", "told"),
    [
        ([{"idx": "1", "label_name": "glioma"}], True, "no column group"),
        ([{**ROW, "label_name": "metastasis"}], True, "metastasis, which the bundle does not know"),
        ([ROW], False, "lacks its image or its mask"),
    ],
)
def test_data_that_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, str]], files: bool, told: str
) -> None:
    assert evaluate(data_set(tmp_path / "in", rows, files), tmp_path / "out" / "metrics.json") == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_bundle
def test_a_folder_without_an_index_and_an_unknown_bundle_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(tmp_path, tmp_path / "metrics.json") == 2
    assert "no readable index.csv" in capsys.readouterr().err
    assert evaluate(tmp_path, tmp_path / "metrics.json", "--bundle", "none") == 2
    assert evaluate(tmp_path, tmp_path / "metrics") == 2


@needs_bundle
def test_a_mask_of_another_size_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = data_set(tmp_path / "in", [ROW])
    Image.fromarray(np.zeros((32, 32), bool)).save(data / "masks" / "1.png")
    assert evaluate(data, tmp_path / "metrics.json") == 2
    assert "another size" in capsys.readouterr().err
    assert not (tmp_path / "metrics.json").exists()


@needs_bundle
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is absent")
def test_real_slices_are_measured_with_figures_answers_and_pictures(tmp_path: Path) -> None:
    with (SHARED / "index.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    chosen = [
        row
        for name in ("glioma", "meningioma", "pituitary")
        for row in [r for r in table if r["label_name"] == name][:40:10]
    ]
    data = data_set(tmp_path / "in", [{k: row[k] for k in (*ROW, "plane")} for row in chosen], files=False)
    for row in chosen:
        (data / "images" / f"{row['idx']}.jpg").symlink_to(SHARED / "images" / f"{row['idx']}.jpg")
        (data / "masks" / f"{row['idx']}.png").symlink_to(SHARED / "masks" / f"{row['idx']}.png")
    assert evaluate(data, tmp_path / "out" / "metrics.json") == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["n_images"] == len(chosen)
    assert np.sum(metrics["confusion_matrix"]) == len(chosen)
    assert metrics["bundle"]["sha256"] == load_bundle("brain_tumor_mri").sha256
    for name in (
        "accuracy",
        "patient_macro_accuracy",
        "balanced_accuracy",
        "macro_f1",
        "macro_auroc",
        "ece",
        "brier",
        "lesion_dice",
    ):
        figure = metrics[name]
        assert figure["low"] <= figure["value"] <= figure["high"], name
    with (tmp_path / "out" / "metrics.csv").open(newline="") as file:
        answers = list(csv.DictReader(file))
    best = [
        max(("glioma", "meningioma", "pituitary"), key=lambda c, row=row: float(row[f"score_{c}"])) for row in answers
    ]
    right = np.mean([b == row["label"] for b, row in zip(best, answers, strict=True)])
    assert metrics["accuracy"]["value"] == pytest.approx(right, abs=1e-4)
    assert metrics["accuracy"]["value"] > 0.6
    assert Image.open(tmp_path / "out" / "metrics.png").width > 800
