"""Bundle, network, fusion and calibration."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from XAIReportLib.case import InputError
from XAIReportLib.models import bundle as bundles
from XAIReportLib.models.calibration import calibrated, class_set, conformal_quantile, fit_temperature
from XAIReportLib.models.inference import ClassPath, classify, fuse_classes, look, ranked_components, supported
from XAIReportLib.models.networks import DualHeadNetwork, NetworkOutput
from XAIReportLib.results import Cancelled

SHIPPED = Path(__file__).resolve().parents[2] / "Resources" / "Models" / "brain_tumor_mri"
needs_bundle = pytest.mark.skipif(not SHIPPED.is_dir(), reason="no bundle was trained in this checkout")
PLANES = ("axial", "axial", "coronal", "sagittal")


@pytest.fixture(scope="module")
def network() -> DualHeadNetwork:
    torch.manual_seed(0)
    return DualHeadNetwork("mobilenet_v2").eval()


def test_the_class_path_gives_the_scores_of_the_whole_network_without_its_decoder(network: DualHeadNetwork) -> None:
    x, ran = torch.rand(2, 1, 224, 224), []
    handle = network.decoder.register_forward_hook(lambda *_: ran.append(1))
    with torch.inference_mode():
        short = ClassPath(network)(x)
        assert not ran
        whole = network(x)
    handle.remove()
    torch.testing.assert_close(short, whole.scores)
    assert whole.outline.shape == x.shape
    assert not whole.scores[:, 0].any()


class _SmallMemory(torch.nn.Module):
    """Runs out of memory above four slices, as a small GPU does."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, outline: bool = True) -> NetworkOutput:  # noqa: ARG002 - a network's signature
        if len(x) > 4:
            raise torch.OutOfMemoryError("too much")
        mean = x.mean(dim=(1, 2, 3))
        return NetworkOutput(torch.stack([mean * 0, mean], 1), x - 0.5, x, x, torch.zeros(len(x), 3))


def test_out_of_memory_halves_the_batch_says_so_and_loses_no_slice() -> None:
    pixels = np.random.default_rng(0).random((11, 224, 224), np.float32)
    answers = look(_SmallMemory(), pixels)
    np.testing.assert_allclose(answers.scores[:, 1], pixels.mean(axis=(1, 2)), rtol=1e-4)
    assert any("halved to 4" in note for note in answers.notes)


def test_looking_can_be_cancelled(network: DualHeadNetwork) -> None:
    with pytest.raises(Cancelled):
        look(network, np.zeros((1, 224, 224), np.float32), cancelled=lambda: True)


def test_slices_without_lesion_do_not_vote() -> None:
    scores = np.array([[9.0, 0, 0], [0, 0, 4.0], [0, 0, 4.0], [0, 0, 4.0]])
    logits, agreement = fuse_classes(scores, np.array([0.0, 50, 20, 30]), PLANES)
    assert logits.argmax() == 2
    assert agreement == 1.0


def test_planes_that_disagree_are_counted() -> None:
    scores = np.array([[5.0, 0, 0], [5, 0, 0], [5, 0, 0], [0, 0, 3.0]])
    logits, agreement = fuse_classes(scores, np.ones(4), PLANES)
    assert logits.argmax() == 0
    assert agreement == pytest.approx(2 / 3)


@needs_bundle
def test_no_class_is_suggested_where_two_cannot_be_set_aside() -> None:
    said = classify(np.tile([5.0, 5.0, -5.0], (4, 1)), np.ones(4), PLANES, bundles.load_bundle(SHIPPED))
    assert set(said.class_set) == {"glioma", "meningioma"}
    assert (said.outcome, said.label) == ("abstained", None)
    assert "do not separate" in said.reason


@needs_bundle
def test_no_class_is_suggested_where_every_plane_speaks_for_another() -> None:
    scores = np.array([[30.0, 0, 0], [30, 0, 0], [0, 5, 0], [0, 0, 5]])
    said = classify(scores, np.ones(4), PLANES, bundles.load_bundle(SHIPPED))
    assert said.class_set == ("glioma",)
    assert said.uncertainty["plane_agreement"] == pytest.approx(1 / 3)
    assert (said.outcome, said.label) == ("abstained", None)
    assert "speak for different classes" in said.reason


def test_an_outline_counts_only_where_the_class_path_agrees_in_every_plane() -> None:
    area = np.array([10.0, 0, 10, 10])
    assert supported(np.array([2.0, -9, 1, 3]), area, PLANES, 0.0)
    assert not supported(np.array([2.0, 9, -1, 3]), area, PLANES, 0.0)
    assert not supported(np.array([2.0, 2, 2, 2]), np.array([10.0, 0, 10, 0]), PLANES, 0.0)


def test_components_are_ranked_and_small_ones_dropped() -> None:
    mask = np.zeros((30, 30, 30), bool)
    mask[1:3, 1:3, 1:3] = mask[5:11, 5:11, 5:11] = mask[20:24, 20:24, 20:24] = True
    mask[11, 11, 11] = True  # touches by a corner
    labels = ranked_components(mask, 20)
    assert labels.dtype == np.uint8
    assert [int((labels == n).sum()) for n in (1, 2)] == [217, 64]
    assert labels.max() == 2


def test_no_component_is_left_out_for_being_one_of_many() -> None:
    mask = np.zeros((60, 60, 2), bool)
    mask[::3, ::3] = True
    labels = ranked_components(mask, 1)
    assert np.array_equal(np.unique(labels), np.arange(401))


def test_the_temperature_of_simulated_scores_is_recovered() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(20000, 3)) * 2
    labels = np.array([rng.choice(3, p=p) for p in calibrated(true, 1.0)])
    assert fit_temperature(true * 2.5, labels) == pytest.approx(2.5, rel=0.05)


def test_class_sets_hold_the_true_class_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    scores = calibrated(rng.normal(size=(6000, 3)) * 1.5, 1.0)
    labels = np.array([rng.choice(3, p=p) for p in scores])
    quantile = conformal_quantile(scores[:3000], labels[:3000], 0.9)
    names = ("a", "b", "c")
    kept = [
        names[y] in class_set(dict(zip(names, s, strict=True)), quantile)
        for s, y in zip(scores[3000:], labels[3000:], strict=True)
    ]
    assert np.mean(kept) > 0.88


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 1))
def test_a_class_set_is_never_empty_and_starts_with_the_best(scores: list[float], quantile: float) -> None:
    named = dict(zip("abc", scores, strict=True))
    chosen = class_set(named, quantile)
    assert named[chosen[0]] == max(scores)


def test_an_unknown_bundle_is_named_with_those_that_exist() -> None:
    with pytest.raises(InputError, match="no_such_bundle is unknown"):
        bundles.load_bundle("no_such_bundle")


@needs_bundle
@pytest.mark.parametrize("damage", ["weights", "metadata", "missing"])
def test_a_damaged_bundle_is_refused_before_a_weight_is_read(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(SHIPPED, folder)
    weights, metadata = folder / bundles.WEIGHTS, folder / bundles.METADATA
    if damage == "weights":
        data = bytearray(weights.read_bytes())
        data[len(data) // 2] ^= 1
        weights.write_bytes(data)
    elif damage == "metadata":
        metadata.write_text(metadata.read_text()[:-40])
    else:
        weights.unlink()
    with pytest.raises(InputError, match="install the bundle again"):
        bundles.load_bundle(folder)


@needs_bundle
def test_a_bundle_whose_weights_mean_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(SHIPPED, folder)
    metadata = json.loads((folder / bundles.METADATA).read_text())
    metadata["xaireport"]["format"] = bundles.FORMAT - 1
    (folder / bundles.METADATA).write_text(json.dumps(metadata))
    with pytest.raises(
        InputError, match=rf"its format is {bundles.FORMAT - 1}, .* reads {bundles.FORMAT} only; install the bundle"
    ):
        bundles.load_bundle(folder)


@needs_bundle
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("calibration.temperature", 0.0, "calibration.temperature"),
        ("calibration.temperature_picture", float("inf"), "calibration.temperature_picture"),
        ("calibration.class_set_quantile", 2.0, "calibration.class_set_quantile"),
        ("thresholds.presence_score", float("nan"), "thresholds.presence_score"),
        ("classes", ["glioma"], "classes"),
        ("classes", ["glioma", "glioma", "pituitary"], "classes.*named twice"),
        ("classes", ["glioma", "Glioma", "pituitary"], "classes.*named twice"),
        ("classes", ["glioma", "../../etc", "pituitary"], "classes.*is a path"),
        (
            "classes",
            ["glioma", "men\u202eingioma", "pituitary"],
            r"classes.*'men\\u202eingioma', which cannot be printed",
        ),
        ("classes", ["glioma", "pituitary"], "has 2 classes and 96 neck_channels, but the weights 3 x 96"),
        ("network.neck_channels", 10**9, "network.neck_channels"),
        ("network.neck_channels", 97, "has 3 classes and 97 neck_channels, but the weights 3 x 96"),
        ("/name", "brain\x1b[31m", "name is called"),
        ("/version", "", "version is called"),
    ],
)
def test_metadata_that_cannot_be_true_are_refused_by_their_field(
    tmp_path: Path, field: str, value: object, said: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(SHIPPED, folder)
    metadata = json.loads((folder / bundles.METADATA).read_text())
    *parents, last = field.lstrip("/").split(".")
    block = metadata if field.startswith("/") else metadata["xaireport"]
    for parent in parents:
        block = block[parent]
    block[last] = value
    (folder / bundles.METADATA).write_text(json.dumps(metadata))
    with pytest.raises(
        InputError, match=rf"(?s)bundle copy: configs/metadata\.json .*{said}.*install the bundle again"
    ):
        bundles.load_bundle(folder)


@needs_bundle
def test_metadata_that_are_nested_without_end_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(SHIPPED, folder)
    (folder / bundles.METADATA).write_text("[" * 10**5)
    with pytest.raises(InputError, match=r"metadata\.json cannot be read .*install the bundle again"):
        bundles.load_bundle(folder)


@needs_bundle
@pytest.mark.parametrize(
    ("block", "name", "value"),
    [
        ("network", "family", "transformer"),
        ("input", "modality", ["CT"]),
        ("input", "contrast", "T2"),
        ("input", "pixels", 256),
        ("input", "pixel_mm", 0.5),
        ("input", "intensity", "minimum and maximum to 0 and 1"),
    ],
)
def test_a_bundle_that_asks_for_what_is_not_done_is_refused(tmp_path: Path, block: str, name: str, value: Any) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(SHIPPED, folder)
    metadata = json.loads((folder / bundles.METADATA).read_text())
    metadata["xaireport"][block][name] = value
    (folder / bundles.METADATA).write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=rf"(?s)metadata.json cannot be read .*{block}.{name}"):
        bundles.load_bundle(folder)


def test_bundles_are_found_without_torch(tmp_path: Path) -> None:
    """As Slicer's own Python has none."""
    (tmp_path / "my_model" / "configs").mkdir(parents=True)
    (tmp_path / "my_model" / "configs" / "metadata.json").write_text("{}")
    code = (
        "import sys\n"
        "for name in ('torch', 'pydantic', 'safetensors'): sys.modules[name] = None\n"
        "from XAIReportLib.models.places import find_bundles\n"
        "print(find_bundles()[0].name)\n"
    )
    environment = {**os.environ, "XAIREPORT_MODELS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "my_model\n"


@needs_bundle
def test_a_volume_needs_more_evidence_of_a_lesion_than_a_single_slice() -> None:
    """It is an average over many sections, which varies less; false findings in healthy heads lie between the two."""
    thresholds = bundles.load_bundle(SHIPPED).settings.thresholds
    assert thresholds.presence(PLANES) == thresholds.presence_score_volume
    assert thresholds.presence(("picture",)) == thresholds.presence_score < thresholds.presence_score_volume


@needs_bundle
def test_the_contrast_agent_of_a_volume_and_of_a_slice_is_judged_by_a_threshold_of_its_own() -> None:
    thresholds = bundles.load_bundle(SHIPPED).settings.thresholds
    assert thresholds.enhancement_volume != thresholds.enhancement_slice
    assert thresholds.enhancement(PLANES) == thresholds.enhancement_volume
    assert thresholds.enhancement(("picture",)) == thresholds.enhancement_slice


@needs_bundle
def test_the_shipped_bundle_is_small_safe_and_honest() -> None:
    bundle = bundles.load_bundle(SHIPPED)
    assert sum(p.stat().st_size for p in SHIPPED.rglob("*") if p.is_file()) <= 25e6
    assert {p.suffix for p in SHIPPED.rglob("*") if p.is_file()} == {".json", ".md", ".safetensors"}
    assert bundle.classes == ("glioma", "meningioma", "pituitary")
    card = (SHIPPED / bundles.CARD).read_text(encoding="utf-8")
    metrics = json.loads((SHIPPED / bundles.METADATA).read_text())["xaireport"]["metrics"]
    assert f"{metrics['accuracy']['value']:.3f}" in card
    assert "Research use only. Not for diagnosis." in card


def test_a_saved_network_comes_back(tmp_path: Path, network: DualHeadNetwork) -> None:
    if not SHIPPED.is_dir():
        pytest.skip("no bundle was trained in this checkout")
    metadata = json.loads((SHIPPED / bundles.METADATA).read_text())
    metadata["xaireport"]["network"]["encoder"] = "mobilenet_v2"
    bundles.save_bundle(tmp_path / "b", network, metadata, "card")
    loaded = bundles.load_network(bundles.load_bundle(tmp_path / "b"), "cpu")
    x = torch.rand(1, 1, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x).scores, network(x).scores, atol=0.05, rtol=0.05)


@needs_bundle
def test_a_network_first_loaded_without_gradients_serves_them_later() -> None:
    bundles.load_network.cache_clear()
    with torch.inference_mode():
        loaded = bundles.load_network(bundles.load_bundle(SHIPPED), "cpu")
    x = torch.rand(1, 1, 96, 96, requires_grad=True)
    loaded(x, outline=False).scores[0, 1].backward()
    assert x.grad.any()
