"""Maps are where the score came from: geometry, formulas and masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from XAIReportLib.cells import CellGrid, cell_grid
from XAIReportLib.results import Cancelled, Heatmap
from XAIReportLib.saliency import adaptive_mask, key_slices, with_neighbours
from XAIReportLib.saliency.cam import METHODS, gradient_maps, record_layer
from XAIReportLib.saliency.masks import largest_components


class Small(nn.Module):
    """Bright things raise the score of class 1; strides 2 and 2, with the paddings and the dilation asked for."""

    def __init__(self, padding: int = 1, pool: bool = False, dilation: int = 1) -> None:
        super().__init__()
        torch.manual_seed(3)
        second = nn.MaxPool2d(2) if pool else nn.Conv2d(6, 6, 3, 2, padding, dilation)
        self.layer = nn.Sequential(
            nn.Conv2d(1, 6, 3, 2, padding, dilation), nn.ReLU(), second, nn.Conv2d(6, 6, 3, 1, 1), nn.ReLU()
        )
        self.head = nn.Linear(6, 3)
        with torch.no_grad():
            for p in self.parameters():
                p.abs_()
            self.head.weight[2] *= -1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x).mean(dim=(2, 3)))


MODELS = {
    "padded": (1, False), "valid padding": (0, False), "pooled": (1, True), "dilated": (3, False, 3),
    "dilated, valid padding": (0, False, 3), "dilated and pooled": (1, True, 2),
}  # fmt: skip


class Cubes(nn.Module):
    """A network on volumes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layer = nn.Sequential(nn.Conv3d(1, 7, 3, 2, 1), nn.Tanh(), nn.AvgPool3d(2), nn.Conv3d(7, 7, 3, 1, 1))
        self.head = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head((self.layer(x) ** 3).mean(dim=(2, 3, 4)) * 20)


def discs(*centres: tuple[int, int], pixels: int = 96) -> np.ndarray:
    y, x = np.mgrid[0:pixels, 0:pixels]
    return np.stack([np.exp(-((y - r) ** 2 + (x - c) ** 2) / 40) for r, c in centres]).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("pixels", [96, 97])
def test_cells_lie_at_the_middle_of_what_they_see(name: str, pixels: int) -> None:
    model = Small(*MODELS[name]).eval()
    grid = cell_grid(model, model.layer, pixels)
    x = torch.rand(1, 1, pixels, pixels, requires_grad=True)
    row, column = 9, 14
    linear = model.layer
    for module in linear:  # a smooth stand-in sees the same pixels as ReLU and maximum
        if isinstance(module, nn.MaxPool2d):
            module.forward = lambda v: nn.functional.avg_pool2d(v, 2)
    linear(x)[0, :, row, column].sum().backward()
    seen = np.argwhere(x.grad[0, 0].numpy() != 0)
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
    expected = np.array(grid.origin) + np.array(grid.stride) * (row, column)
    np.testing.assert_allclose(expected, middle, atol=0.51)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["gradcam", "gradcam++"])
def test_the_peak_follows_a_moving_stimulus(name: str, method: str) -> None:
    model = Small(*MODELS[name]).eval()
    grid = cell_grid(model, model.layer, 96)
    centres = [(20, 30), (47, 47), (70, 25), (33, 74)]
    record = record_layer(model, model.layer, discs(*centres), 1)
    maps = grid.onto_input(gradient_maps(method, model, model.layer, record), 96)
    for found, centre in zip(maps, centres, strict=True):
        middle = np.average(np.argwhere(found > found.max() / 2), axis=0, weights=found[found > found.max() / 2])
        np.testing.assert_allclose(middle, centre, atol=2.0)


def test_the_map_of_a_mirrored_image_is_the_mirrored_map() -> None:
    model = Small().eval()
    with torch.no_grad():  # a mirrored network, so that only the geometry is judged
        for module in model.layer:
            if isinstance(module, nn.Conv2d):
                module.weight.copy_((module.weight + module.weight.flip(-1)) / 2)
    image = discs((40, 22))
    both = np.concatenate([image, image[:, :, ::-1]])
    record = record_layer(model, model.layer, np.ascontiguousarray(both), 1)
    plain, mirrored = cell_grid(model, model.layer, 96).onto_input(
        gradient_maps("gradcam", model, model.layer, record), 96
    )
    peak, mirror = (
        np.average(np.argwhere(m > m.max() / 2), axis=0, weights=m[m > m.max() / 2]) for m in (plain, mirrored)
    )
    np.testing.assert_allclose(mirror[1], 95 - peak[1], atol=0.6)


@pytest.mark.parametrize(("method", "library"), [("gradcam", GradCAM), ("gradcam++", GradCAMPlusPlus)])
def test_gradient_maps_are_those_of_the_library_up_to_its_scaling(method: str, library: type) -> None:
    model = Small().eval()
    x = np.random.default_rng(0).random((1, 96, 96), np.float32)
    own = gradient_maps(method, model, model.layer, record_layer(model, model.layer, x, 1))[0]
    with library(model=model, target_layers=[model.layer]) as cam:
        theirs = cam(torch.from_numpy(x[:, None]), [ClassifierOutputTarget(1)])[0]
    ours = CellGrid((1.5, 1.5), (4.0, 4.0)).onto_input(own[None], 96)[0]
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_a_network_on_volumes_are_those_of_the_formula(method: str) -> None:
    model = Cubes().eval()
    volumes = np.random.default_rng(0).random((2, 24, 20, 16)).astype(np.float32)
    record = record_layer(model, model.layer, volumes, 1, batch=1)
    found = gradient_maps(method, model, model.layer, record)
    assert found.shape == (2, 6, 5, 4)
    for volume, map_of_it in zip(volumes, found, strict=True):
        activations = model.layer(torch.from_numpy(volume)[None, None])
        (gradients,) = torch.autograd.grad(model.head((activations**3).mean(dim=(2, 3, 4)) * 20)[0, 1], activations)
        expected = by_the_formula(method, activations[0].detach().double().numpy(), gradients[0].double().numpy())
        assert expected.max() > 0
        np.testing.assert_allclose(map_of_it, expected, rtol=1e-3, atol=1e-4 * expected.max())


def by_the_formula(method: str, activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """One cell after the other; both arrays (channels, i, j, k). a of Grad-CAM++ by its eq. 19, with the derivatives of exp(y)."""
    result = np.zeros(activations.shape[1:])
    for a, g in zip(activations, gradients, strict=True):
        cells = list(np.ndindex(a.shape))
        alpha = {c: g[c] ** 2 / (2 * g[c] ** 2 + a.sum() * g[c] ** 3 + 1e-6) for c in cells}
        whole = {
            "gradcam": sum(g[c] for c in cells) / len(cells),
            "gradcam++": sum(alpha[c] * max(g[c], 0) for c in cells),
        }
        each = {"layercam": lambda c, g=g: max(g[c], 0), "hirescam": lambda c, g=g: g[c]}
        for c in cells:
            result[c] += a[c] * (whole[method] if method in whole else each[method](c))
    return np.maximum(result, 0)


def test_recording_can_be_cancelled_and_leaves_no_hook() -> None:
    model = Small().eval()
    with pytest.raises(Cancelled):
        record_layer(model, model.layer, discs((5, 5)), 1, cancelled=lambda: True)
    assert not model.layer._forward_hooks


class Detour(Small):
    """Its score also depends on what does not go through the layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + x[:, :, 20, 30]


@pytest.mark.parametrize("kind", [Small, Detour])
def test_a_layer_that_was_recorded_before_gives_the_same_gradients(kind: type) -> None:
    model = kind().eval()
    images = discs((20, 30), (47, 47), (70, 25), (33, 74), (50, 50))
    whole = record_layer(model, model.layer, images, 1)
    with torch.inference_mode():
        scores = model(torch.from_numpy(images[:, None]))[:, 1].numpy()
    seen = []
    watch = model.layer[0].register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    again = record_layer(model, model.layer, images, 1, known=(whole.activations, scores))
    watch.remove()
    np.testing.assert_allclose(again.activations, whole.activations, atol=1e-6)
    np.testing.assert_allclose(again.gradients, whole.gradients, atol=1e-6)
    assert seen == ([1] if kind is Small else [1, 5])  # images that went through the whole network


def test_neighbours_stay_within_their_plane() -> None:
    planes = ("axial",) * 3 + ("coronal",) * 3
    assert with_neighbours([0, 2, 4], planes) == [0, 1, 2, 3, 4, 5]
    assert with_neighbours([3], planes) == [3, 4]


def test_key_slices_are_the_largest_sections_of_each_plane() -> None:
    planes = ("axial",) * 3 + ("coronal",) * 3
    assert key_slices(np.array([1.0, 9, 2, 0, 0, 0]), planes, 1) == [1, 4]


def test_interpolation_is_exact_at_the_centres_and_flat_beyond() -> None:
    grid = CellGrid((3.0, 3.0), (8.0, 8.0))
    cells = np.random.default_rng(0).random((1, 5, 5), np.float32)
    full = grid.onto_input(cells, 48)
    np.testing.assert_allclose(full[0, 3:40:8, 3:40:8], cells[0], rtol=1e-5)
    np.testing.assert_allclose(full[0, :3, 3], cells[0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(full[0, 7, 3], cells[0, :2, 0].mean(), rtol=1e-5)


def test_the_mask_covers_the_hot_spot_within_the_head_only() -> None:
    i, j, k = np.mgrid[0:40, 0:40, 0:30]
    head = ((i - 20) / 18.0) ** 2 + ((j - 20) / 18.0) ** 2 + ((k - 15) / 13.0) ** 2 < 1
    spot = np.exp(-((i - 26) ** 2 + (j - 18) ** 2 + (k - 15) ** 2) / 18).astype(np.float32)
    mask = adaptive_mask(Heatmap("gradcam", "glioma", spot, "neck", 0), head)
    assert 80 <= mask.percentile <= 99.9
    assert mask.values[26, 18, 15]
    assert not mask.values[~head].any()
    assert mask.values.sum() < 0.2 * head.sum()


def test_the_mask_of_a_broad_map_is_the_hottest_fifth_of_the_head() -> None:
    ramp = np.linspace(0, 1, 1000, dtype=np.float32).reshape(10, 10, 10)
    mask = adaptive_mask(Heatmap("gradcam", "glioma", ramp, "neck", 0), np.ones(ramp.shape, bool))
    assert mask.percentile == 80
    assert mask.values.mean() == pytest.approx(0.2, abs=0.002)


def test_a_second_focus_stays_in_the_mask_and_a_speck_does_not() -> None:
    mask = np.zeros((40, 40, 40), bool)
    mask[2:12, 2:12, 2:12] = mask[20:25, 20:25, 20:25] = mask[30, 30, 20] = True
    kept, dropped = largest_components(mask)
    assert (int(kept.sum()), dropped) == (1125, 1)
    assert not kept[30, 30, 20]


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, (9, 8, 7), elements=st.floats(0, 1, width=32)), hnp.arrays(bool, (9, 8, 7)))
def test_any_map_gives_a_mask_within_the_head(values: np.ndarray, head: np.ndarray) -> None:
    mask = adaptive_mask(Heatmap("gradcam", "glioma", values, "neck", 0), head)
    assert mask.values.dtype == np.uint8
    assert not mask.values[~head].any()
    assert mask.rule
