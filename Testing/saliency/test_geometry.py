"""Every method's map lies where the network looked: it follows a moved stimulus, and a mirrored image gives the mirrored map."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from XAIReportLib.case import InputError
from XAIReportLib.evaluate import read_index
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.inference import ClassPath
from XAIReportLib.reading import read_case
from XAIReportLib.reading.picture import read as read_picture
from XAIReportLib.results import SALIENCY_METHODS, Cancelled
from XAIReportLib.saliency import explain
from XAIReportLib.saliency.input_methods import METHODS, input_maps
from XAIReportLib.saliency.quality import dice
from XAIReportLib.views import PictureViews, make_views

SIZE = 224
ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "Resources" / "Models" / "brain_tumor_mri"
DATA = ROOT.parent / "shared" / "data" / "brain_tumor_mri"


class Spotter(nn.Module):
    """Finds a small bright spot; symmetric under mirroring but for the half pixel of its stride."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = nn.Sequential(nn.Conv2d(1, 6, 4, 4), nn.ReLU(), nn.Conv2d(6, 6, 3, 1, 1), nn.ReLU())
        self.head = nn.Linear(6, 3)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    module.weight.abs_()
                    module.bias.zero_()
                if isinstance(module, nn.Conv2d):
                    module.weight.copy_((module.weight + module.weight.flip(-1)) / 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head((self.layer(x) ** 2).mean(dim=(2, 3)) * 50)


def spot(row: int, column: int) -> np.ndarray:
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / 200).astype(np.float32)


def map_of(method: str, image: np.ndarray) -> np.ndarray:
    model = Spotter().eval()
    views = PictureViews(np.zeros(2), np.ones(2), (SIZE, SIZE))
    (heatmap,) = explain(
        [method], ("glioma", 1), model, ("layer", model.layer), views, image[None], np.array([5.0]), np.array([1.0])
    ).heatmaps
    assert heatmap.values.max() == pytest.approx(1.0)
    return heatmap.values[:, :, 0].T


def centre(values: np.ndarray) -> np.ndarray:
    hot = np.where(values > values.max() / 2, values, 0)
    return np.array([np.average(axis, weights=hot) for axis in np.indices(values.shape)])


@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_the_map_follows_a_moving_stimulus_and_its_mirror_image(method: str) -> None:
    image = spot(88, 60)
    tolerance = 9 if method == "occlusion" else 4  # occlusion moves a window by 16 pixels
    np.testing.assert_allclose(centre(map_of(method, image)), (88, 60), atol=tolerance)
    np.testing.assert_allclose(centre(map_of(method, spot(152, 131))), (152, 131), atol=tolerance)
    mirrored = map_of(method, np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    if method == "smoothgrad":  # the noise is not mirrored
        np.testing.assert_allclose(centre(mirrored), centre(map_of(method, image)), atol=3)
    else:
        np.testing.assert_allclose(mirrored, map_of(method, image), atol=2e-3)


def test_only_slices_with_something_in_them_are_looked_at() -> None:
    model = Spotter().eval()
    found = []

    class Watched(PictureViews):
        def onto_case(self, maps: np.ndarray) -> np.ndarray:
            found.append(maps.any(axis=(1, 2)))
            return maps[:1].T

    views = Watched(np.zeros(2), np.ones(2), (SIZE, SIZE), planes=("axial",) * 4)
    images = np.stack([spot(100, 100)] * 4)
    areas, presence = np.array([0.0, 0.0, 5.0, 0.0]), np.array([-3.0, 2.0, -1.0, -5.5])
    explain(["saliency"], ("glioma", 1), model, ("layer", model.layer), views, images, presence, areas)
    explain(["gradcam"], ("glioma", 1), model, ("layer", model.layer), views, images, presence + 1, areas)
    assert found[0].tolist() == [False, True, True, False]
    assert found[1].tolist() == [True, True, True, False]  # the fast ones leave out only what would be dark anyway


@pytest.mark.parametrize("method", METHODS)
def test_maps_at_the_pixels_are_repeatable_and_never_negative(method: str) -> None:
    model = Spotter().eval()
    first, second = (input_maps(method, model, spot(90, 90)[None], 1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.min() >= 0


def test_integrated_gradients_sum_to_the_score_that_the_image_adds() -> None:
    model = Spotter().eval()
    image = spot(90, 90)
    with torch.no_grad():
        added = float(model(torch.from_numpy(image)[None, None])[0, 1] - model(torch.zeros(1, 1, SIZE, SIZE))[0, 1])
    assert input_maps("integrated_gradients", model, image[None], 1).sum() == pytest.approx(added, rel=0.02)


def test_a_slow_method_stops_between_two_slices() -> None:
    with pytest.raises(Cancelled):
        input_maps("occlusion", Spotter().eval(), spot(9, 9)[None], 1, cancelled=lambda: True)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    model = Spotter().eval()
    with pytest.raises(ValueError, match="tarot is unknown; choose among gradcam"):
        explain(["tarot"], ("glioma", 1), model, ("layer", model.layer), None, None, None, None)


@pytest.mark.parametrize("method", ["gradcam++", "scorecam", "saliency"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_of_values_that_are_no_numbers_is_refused_with_what_to_do(method: str, value: float) -> None:
    model = Spotter().eval()
    with torch.no_grad():
        model.layer[0].bias[2] = value
    views = PictureViews(np.zeros(2), np.ones(2), (SIZE, SIZE))
    image = spot(90, 90)[None]
    with pytest.raises(
        InputError, match=f"The heat map {re.escape(method)} for glioma cannot be made.* NaN or infinite. "
    ):
        explain([method], ("glioma", 1), model, ("layer", model.layer), views, image, np.array([5.0]), np.array([1.0]))


@pytest.fixture(scope="module")
def hot_halves() -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Of some slices: (Grad-CAM++ map, lesion) of the slice and of its mirror image; what both share is a shift of the map."""
    if not (DATA / "index.csv").is_file():
        pytest.skip("../shared/data/brain_tumor_mri is absent")
    bundle = load_bundle(SHIPPED)
    network = load_network(bundle, "cpu")
    pairs = []
    for row in read_index(DATA, bundle.classes)[::150]:
        views, (pixels,) = make_views(read_case(row.image, "slice"))
        (lesion,) = views.from_case(read_picture(row.mask)[0] > 0, labels=True)
        target = (row.label, 1 + bundle.classes.index(row.label))
        both = []
        for image, truth in ((pixels, lesion), (pixels[:, ::-1].copy(), lesion[:, ::-1])):
            alone = PictureViews(np.zeros(2), np.ones(2), (SIZE, SIZE))
            layer = ("neck", network.neck)
            (heatmap,) = explain(
                ["gradcam++"], target, ClassPath(network), layer, alone, image[None], np.array([5.0]), np.array([1.0])
            ).heatmaps
            both.append((heatmap.values[:, :, 0].T, truth))
        pairs.append(both)
    return pairs


def test_the_maps_of_the_shipped_network_lie_over_the_lesions_and_not_beside_them(hot_halves) -> None:
    """Away from a lesion's centre on average over an image and its mirror image: what is left is a shift of the whole map."""
    shifts = [np.mean([centre(v)[1] - centre(truth.astype(float))[1] for v, truth in both]) for both in hot_halves]
    assert abs(np.median(shifts)) < 2.0


def test_no_move_of_more_than_a_quarter_of_a_cell_would_bring_the_maps_closer_to_the_lesions(hot_halves) -> None:
    moves, best = np.arange(-16, 17), []
    for both in hot_halves:
        overlaps = [[dice(np.roll(v > v.max() / 2, m, axis=1), truth) for m in moves] for v, truth in both]
        best.append(moves[np.mean(overlaps, axis=0).argmax()])
    assert abs(np.median(best)) <= 2
