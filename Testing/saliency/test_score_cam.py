"""ScoreCAM does what its paper says, in any dimension, within its memory, and says when it approximates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_grad_cam import ScoreCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy.special import softmax
from skimage.metrics import structural_similarity
from torch import nn
from torch.nn import functional as F
from XAIReportLib.cells import CellGrid, cell_grid
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.results import Cancelled
from XAIReportLib.saliency import effective_number, masked_passes, score_cam
from XAIReportLib.saliency.cam import record_layer
from XAIReportLib.saliency.channel_search import search
from XAIReportLib.saliency.score_cam import ScoreCam, Sweep, weighted_maps

BUNDLE = Path(__file__).resolve().parents[2] / "Resources" / "Models" / "brain_tumor_mri"


class Cubes(nn.Module):
    """A small network on volumes, with a strided layer to be explained."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layer = nn.Sequential(nn.Conv3d(1, 7, 3, 2, 1), nn.Tanh(), nn.AvgPool3d(2), nn.Conv3d(7, 7, 3, 1, 1))
        self.head = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x).mean(dim=(2, 3, 4)) * 20)


@pytest.fixture(scope="module")
def shipped() -> ClassPath:
    return ClassPath(load_network(load_bundle(BUNDLE), "cpu"))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A head-like disc with a bright spot and some texture: float32 (1, 128, 128)."""
    y, x = np.mgrid[0:128, 0:128]
    texture = np.random.default_rng(2).normal(0, 0.05, (128, 128))
    head = ((y - 64) / 57) ** 2 + ((x - 64) / 48) ** 2 < 1
    spot = np.exp(-((y - 50) ** 2 + (x - 80) ** 2) / 100)
    return ((0.45 + spot + texture) * head).astype(np.float32)[None]


def recorded(model: nn.Module, layer: nn.Module, image: np.ndarray) -> np.ndarray:
    kept = []
    handle = layer.register_forward_hook(lambda _m, _i, output: kept.append(output))
    with torch.inference_mode():
        model(torch.from_numpy(image)[None])
    handle.remove()
    return kept[0][0].numpy()


def test_exact_float32_is_the_map_of_pytorch_grad_cam(shipped: ClassPath, picture: np.ndarray) -> None:
    layer = shipped.network.neck
    with ScoreCAM(model=shipped, target_layers=[layer]) as library, torch.no_grad():
        theirs = library(torch.from_numpy(picture)[None], [ClassifierOutputTarget(2)])[0]
    activations = recorded(shipped, layer, picture)
    # their masks are resampled corner to corner, not at the receptive fields' centres
    corners = CellGrid((0.0, 0.0), tuple(127 / (n - 1) for n in activations.shape[1:]))
    sweep = ScoreCam(shipped, corners, precision="float32").exact(picture, activations)
    ours = weighted_maps(sweep.weights(2), activations[None])
    ours = scale_cam_image(scale_cam_image(ours, (128, 128)))[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert sweep.precision == "float32"


def test_one_sweep_serves_every_class_and_bfloat16_is_used_only_where_it_agrees(
    shipped: ClassPath, picture: np.ndarray
) -> None:
    layer = shipped.network.neck
    activations = recorded(shipped, layer, picture)
    grid = cell_grid(shipped, layer, 128)
    exact = ScoreCam(shipped, grid, precision="float32").exact(picture, activations)
    best = ScoreCam(shipped, grid).exact(picture, activations)
    assert exact.forwards == exact.scored == best.scored == len(activations)
    assert best.forwards <= len(activations) + 3 * score_cam.SAMPLE  # the heaviest of each class, once more
    for target in (1, 2, 3):
        maps = [weighted_maps(s.weights(target), activations[None])[0] for s in (exact, best)]
        maps = [m / m.max() for m in maps]
        assert structural_similarity(*maps, data_range=1.0) >= 0.99


def test_a_sweep_for_one_class_scores_only_its_heaviest_channels_again(shipped: ClassPath, picture: np.ndarray) -> None:
    layer = shipped.network.neck
    activations = recorded(shipped, layer, picture)
    grid = cell_grid(shipped, layer, 128)
    exact = ScoreCam(shipped, grid, precision="float32").exact(picture, activations)
    engine = ScoreCam(shipped, grid)
    engine._half, engine.models[True] = True, score_cam._converted(shipped)  # whatever this machine's bfloat16 gains
    best = engine.exact(picture, activations, target=2)
    assert best.precision == "bfloat16"
    assert best.forwards == len(activations) + score_cam.SAMPLE
    heaviest = np.argsort(-best.scores[:, 2])[: score_cam.SAMPLE]
    np.testing.assert_allclose(best.scores[heaviest], exact.scores[heaviest], atol=1e-3)
    maps = [weighted_maps(s.weights(2), activations[None])[0] for s in (exact, best)]
    assert structural_similarity(*(m / m.max() for m in maps), data_range=1.0) >= 0.99


def test_only_columns_that_differ_say_which_channels_are_scored_again() -> None:
    scores = np.zeros((50, 3))
    scores[:, 1], scores[:, 2] = np.arange(50), np.arange(50)
    np.testing.assert_array_equal(score_cam._heaviest(scores), np.arange(50)[-score_cam.SAMPLE :])
    assert (
        len(score_cam._heaviest(np.zeros((50, 3)))) > 0
    )  # something is compared even when every channel scores the same


def test_fast_mode_scores_a_ninth_of_the_channels_and_says_so(shipped: ClassPath, picture: np.ndarray) -> None:
    layer = shipped.network.neck
    record = record_layer(shipped, layer, picture, 2)
    activations, gradients = record.activations[0], record.gradients[0]
    engine = ScoreCam(shipped, cell_grid(shipped, layer, 128), precision="float32")
    sweep = engine.fast(picture, activations, gradients, 2)
    assert sweep.forwards == len(activations) // 9
    assert sweep.predicted == len(activations) - sweep.forwards
    assert np.isclose(sweep.weights(2).sum(), 1)


def test_the_search_finds_the_best_masks_of_a_smooth_score_and_predicts_the_others() -> None:
    rng = np.random.default_rng(4)
    masks = rng.random((90, 2)).astype(np.float32)
    truth = np.stack([np.zeros(90), 4 * np.exp(-((masks - (0.7, 0.3)) ** 2).sum(axis=1) / 0.08)], axis=1)
    scores, measured = search(masks, rng.random(90), lambda rows: truth[rows], 1, 20)
    assert measured.sum() == 20
    np.testing.assert_array_equal(scores[measured], truth[measured])
    assert truth[measured, 1].max() == truth[:, 1].max()
    assert np.abs(scores[:, 1] - truth[:, 1]).mean() < 0.25 * np.abs(truth[:, 1].mean() - truth[:, 1]).mean()


def test_volumes_equal_brute_force_and_constant_channels_get_no_weight() -> None:
    model = Cubes().eval()
    volume = np.random.default_rng(0).random((1, 24, 20, 16)).astype(np.float32)
    grid = cell_grid(model, model.layer, (24, 20, 16))
    activations = recorded(model, model.layer, volume)
    activations[3] = 0.7
    sweep = ScoreCam(model, grid, precision="float32").exact(volume, activations)
    expected = []
    for k in (0, 1, 2, 4, 5, 6):
        mask = brute_force_resampling(activations[k], grid, volume.shape[1:])
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        with torch.inference_mode():
            expected.append(model(torch.from_numpy((volume * mask).astype(np.float32))[None])[0, 1].item())
    weights = sweep.weights(1)
    np.testing.assert_allclose(np.delete(weights, 3), softmax(expected), rtol=1e-3)
    assert weights[3] == 0
    assert sweep.forwards == sweep.scored == 6
    assert weighted_maps(weights, activations[None]).shape == (1, *activations.shape[1:])
    assert 1 <= effective_number(weights) <= 6


def brute_force_resampling(cells: np.ndarray, grid: CellGrid, size: tuple[int, ...]) -> np.ndarray:
    """Trilinear between the centres, one voxel after the other."""
    result = np.zeros(size)
    for index in np.ndindex(size):
        at = [(i - o) / s for i, o, s in zip(index, grid.origin, grid.stride, strict=True)]
        at = [min(max(a, 0), n - 1) for a, n in zip(at, cells.shape, strict=True)]
        low = [min(int(a), n - 2) for a, n in zip(at, cells.shape, strict=True)]
        for corner in np.ndindex(2, 2, 2):
            share = np.prod([1 - abs(a - (b + c)) for a, b, c in zip(at, low, corner, strict=True)])
            result[index] += share * cells[tuple(b + c for b, c in zip(low, corner, strict=True))]
    return result


def test_resampling_of_cells_is_that_of_torch() -> None:
    cells = np.random.default_rng(1).random((2, 5, 6), np.float32)
    ours = CellGrid((1.5, 1.5), (4.0, 4.0)).onto_input(cells, (20, 24))
    theirs = F.interpolate(torch.from_numpy(cells)[None], size=(20, 24), mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_an_image_without_any_structure_gets_no_weights() -> None:
    model = Cubes().eval()
    with torch.no_grad():
        model.layer[-1].weight.zero_()  # the layer's output is constant
    engine = ScoreCam(model, CellGrid((1.5,) * 3, (4.0,) * 3))
    image = np.ones((1, 16, 16, 16), np.float32)
    flat = np.ones((7, 4, 4, 4), np.float32)
    for sweep in (engine.exact(image, flat), engine.fast(image, flat, flat, 1)):
        assert not sweep.weights(1).any()


def test_a_sweep_stops_between_two_batches() -> None:
    model = Cubes().eval()
    volume = np.random.default_rng(0).random((1, 16, 16, 16)).astype(np.float32)
    asked = iter([False, True])
    engine = ScoreCam(model, CellGrid((1.5,) * 3, (4.0,) * 3), "float32", cancelled=lambda: next(asked))
    with pytest.raises(Cancelled):
        engine.exact(volume, recorded(model, model.layer, volume))


class Greedy(Cubes):
    """Runs out of memory on more than one volume at a time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")
        return super().forward(x)


def test_the_batch_is_halved_when_memory_runs_out_and_the_result_is_the_same() -> None:
    volume = np.random.default_rng(0).random((1, 16, 16, 16)).astype(np.float32)
    small, plain = Greedy().eval(), Cubes().eval()
    activations = recorded(plain, plain.layer, volume)
    grid = CellGrid((1.5,) * 3, (4.0,) * 3)
    sweeps = [ScoreCam(m, grid, "float32").exact(volume, activations) for m in (small, plain)]
    np.testing.assert_allclose(sweeps[0].scores, sweeps[1].scores, rtol=1e-4)


def test_no_more_than_a_batch_of_masked_images_exists_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    forward = masked_passes.MaskedPasses._forward

    def watched(self: masked_passes.MaskedPasses, channels: np.ndarray, half: bool) -> np.ndarray:
        seen.append(len(channels))
        return forward(self, channels, half)

    monkeypatch.setattr(masked_passes.MaskedPasses, "_forward", watched)
    model = Cubes().eval()
    volume = np.random.default_rng(0).random((1, 16, 16, 16)).astype(np.float32)
    activations = np.tile(recorded(model, model.layer, volume), (20, 1, 1, 1))
    ScoreCam(model, CellGrid((1.5,) * 3, (4.0,) * 3), "float32").exact(volume, activations)
    assert sum(seen) == 140
    assert max(seen) <= max(masked_passes.BATCHES["cpu"])


def test_masked_passes_run_without_hooks(shipped: ClassPath, picture: np.ndarray) -> None:
    layer = shipped.network.neck
    record = record_layer(shipped, layer, picture, 2)
    assert not layer._forward_hooks
    engine = ScoreCam(shipped, cell_grid(shipped, layer, 128))
    assert isinstance(engine.fast(picture, record.activations[0], record.gradients[0], 2), Sweep)
    assert not layer._forward_hooks
