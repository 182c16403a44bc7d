"""The verdict on a case's heat maps: each check fails for its own reason."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from XAIReportLib.cells import CellGrid
from XAIReportLib.results import Heatmap, SaliencyMask
from XAIReportLib.saliency import Explanation, check, checks, doubt, quality
from XAIReportLib.views import PictureViews

SIZE = 64
Y, X = np.mgrid[0:SIZE, 0:SIZE]
HEAD = ((Y - 32) ** 2 + (X - 32) ** 2 < 28**2)[None]
LESION = ((np.abs(Y - 24) <= 4) & (np.abs(X - 42) <= 4))[None]
IMAGE = (np.where(HEAD, 0.4, 0.0) + 0.8 * LESION + 0.02 * np.sin(X / 2) * HEAD).astype(np.float32)


class Looks(nn.Module):
    """Its score comes from the brightness of one place only."""

    def __init__(self, rows: slice, columns: slice) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 4, 4)
        with torch.no_grad():
            self.layer.weight.fill_(1 / 16)
            self.layer.bias.zero_()
        self.rows, self.columns = rows, columns

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        place = torch.relu(self.layer(x))[..., self.rows, self.columns].mean(dim=(1, 2, 3)) ** 2
        return torch.stack([torch.zeros_like(place), 12 * place - 5], dim=1)


AT_LESION, AT_MIRROR = Looks(slice(5, 7), slice(10, 12)), Looks(slice(5, 7), slice(4, 6))


def run(model: nn.Module, highlighted: np.ndarray = LESION, maps: list | None = None, outside_head: float = 0.0):
    grid = CellGrid((1.5, 1.5), (4.0, 4.0))
    shown = dict(enumerate(maps or [LESION.astype(float), LESION + 0.1 * HEAD]))
    return checks.check(model, model.layer, grid, 1, IMAGE, HEAD, LESION, highlighted, shown, outside_head)


def test_a_score_that_comes_from_the_highlighted_lesion_may_be_relied_on() -> None:
    found = run(AT_LESION)
    assert found.relied_on
    assert found.failed == ()
    assert found.figures["score_drop"] > 0.3
    assert found.figures["outside_lesion"] < 0.3
    assert found.figures["agreement"] > 0.9
    assert found.shares["without_lesion"] < found.shares["unchanged"]
    assert found.limits.keys() == found.figures.keys()


def test_a_class_that_small_changes_take_away_is_not_relied_on() -> None:
    class Turns(Looks):
        """Of two classes the second one wins as soon as the lesion is not where it was."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first = super().forward(x)
            return torch.cat([first, -first[:, 1:]], dim=1)

    steady, turned = run(AT_LESION), run(Turns(slice(5, 7), slice(10, 12)))
    assert steady.figures["steadiness"] == 1  # its only class
    assert turned.figures["steadiness"] < 0.3
    assert "steadiness" in turned.failed


class TwoClasses(Looks):
    """The first class where its place is bright, the second where it is not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = super().forward(x)[:, 1:]
        return torch.cat([torch.zeros_like(first), first, -first], dim=1)


def test_the_likeness_is_read_off_the_sections_with_the_highlighted_area_taken_away() -> None:
    share = partial(checks.class_shares, TwoClasses(slice(5, 7), slice(10, 12)), 1, 0.5)
    one = doubt.measured(share, IMAGE, HEAD, LESION, 0.7)
    several = doubt.measured(share, *(np.repeat(a, 3, axis=0) for a in (IMAGE, HEAD, LESION)), 0.7)
    assert several == pytest.approx(one, abs=1e-6)
    assert one["steadiness"] == 0.7
    assert one["highlighted_removed_p"] < 0.1
    assert one["confidence"] > 0.9
    elsewhere = doubt.measured(share, IMAGE, HEAD, LESION[..., ::-1], 0.7)
    assert elsewhere["highlighted_removed_p"] == pytest.approx(elsewhere["confidence"], abs=0.02)


def test_the_likeness_rises_with_what_spoke_for_a_wrong_class_and_fails_above_its_limit() -> None:
    sure = {"confidence": 0.99, "steadiness": 0.97, "highlighted_removed_p": 0.6}
    unsure = sure | {"confidence": 0.45, "steadiness": 0.1, "highlighted_removed_p": 0.1}
    assert 0 <= doubt.FITTED.of(sure) < 0.1
    assert doubt.FITTED.limit < doubt.FITTED.of(unsure) <= 1
    assert checks.failures({"doubt": doubt.FITTED.of(unsure)}) == ("doubt",)
    assert checks.failures({"doubt": doubt.FITTED.limit}) == ()
    assert doubt.fitted(doubt.FITTED.weights_sha256, "gradcam++") is doubt.FITTED
    assert doubt.fitted("", "gradcam++") is doubt.fitted(doubt.FITTED.weights_sha256, "scorecam") is None


def test_small_changes_keep_the_size_and_most_of_the_brightness() -> None:
    changed = quality.small_changes(IMAGE[0], HEAD[0])
    assert changed.shape == (15, SIZE, SIZE)
    assert changed.dtype == np.float32
    assert changed.mean(axis=(1, 2)) == pytest.approx(float(IMAGE[0].mean()), rel=0.3)
    assert all(not np.array_equal(image, IMAGE[0]) for image in changed)


def test_the_curves_of_a_map_that_is_right_lie_beyond_those_of_a_random_order() -> None:
    found = checks.curves(AT_LESION, 1, IMAGE[0], HEAD[0], {"gradcam": LESION[0].astype(float)})
    assert found["gradcam"][0].mean() < found["random"][0].mean()
    assert found["gradcam"][1].mean() > found["random"][1].mean()


def test_a_score_from_elsewhere_fails_the_shortcut_checks() -> None:
    found = run(AT_MIRROR)
    assert not found.relied_on
    assert found.figures["outside_lesion"] == pytest.approx(1, abs=0.05)
    assert found.figures["score_drop"] < 0.02
    assert "outside_lesion" in found.failed


def test_an_area_that_meets_its_mirror_image_is_not_held_against_it() -> None:
    central = ((np.abs(Y - 24) <= 4) & (np.abs(X - 34) <= 6))[None]
    found = run(AT_LESION, highlighted=central)
    assert "score_drop" not in found.figures
    assert "without_mirrored" not in found.shares
    assert found.limits.keys() == found.figures.keys()


def test_maps_that_disagree_or_lie_in_the_air_fail() -> None:
    opposite = [LESION.astype(float), (HEAD & ~LESION).astype(float)]
    assert "agreement" in run(AT_LESION, maps=opposite).failed
    assert "outside_head" in run(AT_LESION, outside_head=0.9).failed


def test_the_temperature_divides_the_class_scores() -> None:
    model = TwoClasses(slice(5, 7), slice(10, 12))
    with torch.inference_mode():
        odds = float(2 * model(torch.from_numpy(IMAGE)[None])[0, 1])
    sharp, flat = (float(checks.class_shares(model, 1, t, IMAGE[None])[0]) for t in (0.5, 4.0))
    assert (sharp, flat) == pytest.approx((1 / (1 + np.exp(-odds / 0.5)), 1 / (1 + np.exp(-odds / 4))), rel=1e-4)


def test_one_noisy_section_with_another_map_is_enough_to_be_unstable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "noisy", lambda image, _head: np.stack([image, image[:, ::-1]]))
    found = run(AT_LESION)
    assert found.figures["stability"] < 0.9
    assert "stability" in found.failed


def test_what_is_left_outside_the_lesion_does_not_depend_on_what_was_highlighted() -> None:
    found = run(AT_LESION, highlighted=LESION[..., ::-1])
    assert found.figures["outside_lesion"] < 0.3
    assert found.shares["without_highlighted"] == pytest.approx(found.shares["unchanged"], abs=0.02)


@pytest.mark.parametrize(("hot", "outside"), [(~HEAD, 1.0), (LESION, 0.0)])
def test_what_the_map_highlights_in_the_air_is_counted_by_the_cut_of_its_mask(hot: np.ndarray, outside: float) -> None:
    head, lesion, values = (np.ascontiguousarray(a.transpose(1, 2, 0)) for a in (HEAD, LESION, 0.7 * hot))
    heatmap = Heatmap("gradcam++", "glioma", values.astype(np.float32), "layer", 0)
    mask = SaliencyMask("gradcam++", "glioma", lesion.astype(np.uint8), 99.0, "", {"cut": 0.5})
    views = PictureViews.of(head)
    pixels = views.from_case(IMAGE.transpose(1, 2, 0))
    explanation = Explanation((heatmap,), [0], (views.from_case(values),))
    found = check(explanation, mask, 1, AT_LESION, AT_LESION.layer, views, pixels, head, lesion)
    assert found.figures["outside_head"] == outside


def test_every_figure_is_finite_and_within_one() -> None:
    nothing = np.zeros_like(LESION)
    found = run(AT_LESION, highlighted=nothing, maps=[np.zeros((1, SIZE, SIZE))] * 2)
    assert all(np.isfinite(v) and -1 <= v <= 1 for v in found.figures.values())
    assert not found.relied_on


def test_one_method_alone_cannot_agree_with_itself() -> None:
    assert "agreement" not in run(AT_LESION, maps=[LESION.astype(float)]).figures
