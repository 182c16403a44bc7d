"""``xaireport evaluate``: measured by the road of the product, bad data refused in a sentence, nothing half-written."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from XAIReportLib.__main__ import main
from XAIReportLib.case import Case, InputError
from XAIReportLib.evaluate import answer, read_index
from XAIReportLib.models.bundle import find_bundles, load_bundle
from XAIReportLib.results import Prediction

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
        ([{"idx": "1", "label_name": "glioma"}], True, "no column group (columns found: idx, label_name)"),
        ([{**ROW, "idx": "../images/1"}], False, "Slice ../images/1 of in is named with a folder"),
        ([{**ROW, "label_name": "metastasis"}], True, "metastasis, which is not known here"),
        ([ROW], False, "lacks its image or its mask"),
        ([ROW, {**ROW, "idx": "2", "group": " "}], True, "Row 2 of index.csv of in has no group"),
        ([ROW, {**ROW, "group": "b"}], True, "Slice 1 stands in index.csv of in more than once"),
    ],
)
def test_data_that_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, str]], files: bool, told: str
) -> None:
    assert evaluate(data_set(tmp_path / "in", rows, files), tmp_path / "out" / "metrics.json") == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("idx;label_name;group\n1;glioma;a\n", "(columns found: idx;label_name;group); separate the columns by commas"),
        ("idx,label_name,group\n1,glioma,a,b\n", "Row 1 of index.csv of in has more cells than there are columns"),
        ("idx,label_name,group\n", "has no row"),
        ("", "no column idx (columns found: none)"),
    ],
)
def test_an_index_of_another_form_is_refused(tmp_path: Path, text: str, told: str) -> None:
    data = data_set(tmp_path / "in", [ROW])
    (data / "index.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(told)):
        read_index(data, ("glioma",))


def test_the_help_names_the_layout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    told = capsys.readouterr().out
    for name in ("index.csv", "images/<idx>.jpg", "masks/<idx>.png", "label_name", "group", "plane"):
        assert name in told


def test_a_patient_is_one_however_the_group_is_spaced(tmp_path: Path) -> None:
    data = data_set(tmp_path / "in", [ROW, {**ROW, "idx": "2"}])
    (data / "index.csv").write_text("idx,label_name,group\n1,glioma,p1 \n 2,glioma,p1\n", encoding="utf-8")
    assert {row.group for row in read_index(data, ("glioma",))} == {"p1"}


@needs_bundle
def test_a_folder_without_an_index_and_an_unknown_bundle_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    assert evaluate(tmp_path / "in", tmp_path / "metrics.json") == 2
    assert "no readable index.csv" in capsys.readouterr().err
    assert evaluate(tmp_path / "in", tmp_path / "metrics.json", "--bundle", "none") == 2
    assert evaluate(tmp_path / "in", tmp_path / "metrics") == 2


@needs_bundle
@pytest.mark.parametrize("name", ["in/index.json", "in/images/1.json", "again/out.json"])
def test_an_output_beside_or_over_the_data_is_refused_and_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    data = data_set(tmp_path / "in", [ROW])
    (tmp_path / "again").symlink_to(data)
    before = {p: p.read_bytes() for p in data.rglob("*") if p.is_file()}
    assert evaluate(data, tmp_path / name) == 2
    assert "would be written into in, which is read" in capsys.readouterr().err
    assert before == {p: p.read_bytes() for p in data.rglob("*") if p.is_file()}


@needs_bundle
@pytest.mark.parametrize(("suffix", "source"), [(".csv", "index.csv"), (".png", "masks/1.png")])
def test_an_output_that_is_an_input_under_another_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, source: str
) -> None:
    data = data_set(tmp_path / "in", [ROW])
    real = (data / source).rename(tmp_path / f"mine{suffix}")  # the data folder holds a link to it
    (data / source).symlink_to(real)
    kept = real.read_bytes()
    assert evaluate(data, tmp_path / "mine.json") == 2
    assert "and would be overwritten" in capsys.readouterr().err
    assert real.read_bytes() == kept and not (tmp_path / "mine.json").exists()


@needs_bundle
def test_where_the_product_finds_no_lesion_nothing_counts_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outline at its threshold may still meet the reference: that is another figure."""
    bundle = load_bundle("brain_tumor_mri")
    rows = read_index(data_set(tmp_path / "in", [ROW]), bundle.classes)

    def whole_head(case: Case, *_: object) -> Prediction:
        outline, nothing = np.ones(case.image.shape, np.float32), np.zeros(case.image.shape, np.uint8)
        return Prediction("no_lesion_found", "", None, {}, (), {}, outline, nothing, ())

    monkeypatch.setattr("XAIReportLib.models.inference.predict", whole_head)
    (record,) = answer(rows, bundle, "cpu")[1]
    assert record["dice"] > 0 and record["dice_shown"] == 0


@needs_bundle
def test_a_mask_of_another_size_or_without_a_lesion_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_set(tmp_path / "in", [ROW])
    Image.fromarray(np.zeros((32, 32), bool)).save(data / "masks" / "1.png")
    assert evaluate(data, tmp_path / "metrics.json") == 2
    assert "another size" in capsys.readouterr().err
    Image.fromarray(np.zeros((64, 64), bool)).save(data / "masks" / "1.png")
    assert evaluate(data, tmp_path / "metrics.json") == 2
    assert "The mask of slice 1 is empty; restore the file." in capsys.readouterr().err
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
        "lesion_dice_shown",
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
    none_found = [float(row["dice_shown"]) for row in answers if row["outcome"] == "no_lesion_found"]
    assert all(dice == 0 for dice in none_found)
    assert metrics["lesion_dice_shown"]["value"] <= metrics["lesion_dice"]["value"]
    assert Image.open(tmp_path / "out" / "metrics.png").width > 800
