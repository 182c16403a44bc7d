"""Counterfactuals on a network whose answers are known: it finds a lesion where it is bright, and may look elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import Bundle, find_bundles, load_bundle
from XAIReportLib.models.counterfactual import (
    HALVINGS,
    SECTIONS_PER_PLANE,
    TRIED_PERCENT,
    _finer,
    _sections,
    counterfactuals,
)
from XAIReportLib.models.networks import NetworkOutput
from XAIReportLib.reading import case_from_array
from XAIReportLib.results import Cancelled, Counterfactual, Heatmap, Prediction, SaliencyMask
from XAIReportLib.views import Views, make_views

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import sampled

pytestmark = pytest.mark.skipif(not find_bundles(), reason="no bundle was trained in this checkout")
LESION_MM, HEAD_MM = 18.0, 75.0
CENTRE = np.array([7.0, -11.0, 5.0])
PLACE = CENTRE + np.array([24.0, 10.0, 8.0])


class Bright(nn.Module):
    """Finds a lesion where a slice holds bright pixels; ``air`` is what the air's mean adds to the second class."""

    def __init__(self, air: float = 0.0) -> None:
        super().__init__()
        self.unused, self.air = nn.Parameter(torch.zeros(1)), air

    def forward(self, x: torch.Tensor, outline: bool = True) -> NetworkOutput:
        present = 10 * ((x > 0.9).float().mean(dim=(1, 2, 3)) > 0.002).float() - 5
        corner = x[:, 0, :30, :30].mean(dim=(1, 2))
        scores = torch.stack([0 * present, present, present - 4 + self.air * corner, present - 6], dim=1)
        return NetworkOutput(scores, torch.zeros_like(x) if outline else None, x, x)


def phantom(points: np.ndarray) -> np.ndarray:
    """A textured head with one bright lesion, of RAS millimetres."""
    head = np.linalg.norm(points - CENTRE, axis=-1) < HEAD_MM
    lesion = np.linalg.norm(points - PLACE, axis=-1) < LESION_MM
    return np.where(lesion, 300.0, np.where(head, 100 + 10 * np.sin(points / 9).sum(axis=-1), 0.0))


@cache
def seen(grid: str) -> tuple[Case, Views, np.ndarray]:
    image, affine = sampled(phantom, grid, HEAD_MM * 1.1, tuple(CENTRE))
    case = case_from_array(image, affine)
    return case, *make_views(case)


def analysed(
    grid: str,
    bundle: Bundle,
    network: nn.Module,
    hot: np.ndarray = PLACE,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Counterfactual, ...]:
    def heat(points: np.ndarray) -> np.ndarray:
        return np.exp(-(np.linalg.norm(points - hot, axis=-1) ** 2) / 800)

    return run(seen(grid), sampled(heat, grid, HEAD_MM * 1.1, tuple(CENTRE))[0], bundle, network, cancelled)


def run(
    what: tuple[Case, Views, np.ndarray],
    heat: np.ndarray,
    bundle: Bundle,
    network: nn.Module,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Counterfactual, ...]:
    case, views, pixels = what
    labels = (case.image > 200).astype(np.uint8)
    heat = heat.reshape(case.image.shape).astype(np.float32)
    prediction = Prediction("class_suggested", "", bundle.classes[0], {bundle.classes[0]: 1.0}, (), {}, heat, labels)
    heatmap = Heatmap("gradcam++", bundle.classes[0], heat, "", 0)
    mask = SaliencyMask("gradcam++", bundle.classes[0], (heat > 0.5).astype(np.uint8), 95.0, "")
    return counterfactuals(network, case, views, pixels, prediction, (heatmap,), (mask,), bundle, None, cancelled)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle("brain_tumor_mri")


@pytest.mark.parametrize("grid", ["LPS, thick axial", "sagittal, flipped", "oblique"])
def test_what_the_network_looks_at_decides_and_nothing_else(grid: str, bundle: Bundle) -> None:
    changed = {c.name: c for c in analysed(grid, bundle, Bright())}
    for name, outcome in {
        "lesion_removed": "no_lesion_found",
        "saliency_removed": "no_lesion_found",
        "lesion_only": "class_suggested",
        "background_zero": "class_suggested",
        "background_noise": "class_suggested",
        "ranked_saliency_removed": "no_lesion_found",
    }.items():
        assert changed[name].before.label == bundle.classes[0]
        assert changed[name].after.outcome == outcome, name
        assert changed[name].changes_outcome == (outcome == "no_lesion_found")
        assert changed[name].slices == 3 * SECTIONS_PER_PLANE < changed[name].slices_of_lesion
    assert changed["background_noise"].after.scores == changed["background_noise"].before.scores
    share = 100 * (LESION_MM / HEAD_MM) ** 2
    assert 0.3 * share < changed["lesion_removed"].changed_percent < 3 * share
    assert not changed["lesion_removed"].after.scores


def test_the_smallest_tried_share_that_changes_the_outcome_is_told_finer_than_the_doubled_steps(bundle: Bundle) -> None:
    *_, ranked = analysed("oblique", bundle, Bright())
    tried, changed = ranked.tried_percent, ranked.changed_percent
    first = next(percent for percent in TRIED_PERCENT if percent > 0.95 * changed)
    kept = max((percent for percent in TRIED_PERCENT if percent < first), default=0.0)
    assert ranked.changes_outcome and changed in tried and list(tried) == sorted(tried)
    below = max(share for share in (0.0, *tried) if share < changed)
    assert changed - below == pytest.approx(max((first - kept) / 2**HALVINGS, 0.1), abs=0.1)
    assert kept * 0.9 <= below < changed <= first * 1.1
    steps = TRIED_PERCENT.index(first) + 1
    assert steps < len(tried) <= steps + HALVINGS


def test_where_no_tried_share_changes_the_outcome_the_largest_is_told_and_nothing_is_halved(bundle: Bundle) -> None:
    *_, elsewhere = analysed("oblique", bundle, Bright(), hot=CENTRE - [40.0, 20.0, 20.0])
    assert not elsewhere.changes_outcome
    assert np.allclose(elsewhere.tried_percent, TRIED_PERCENT, rtol=0.1)
    assert elsewhere.changed_percent == elsewhere.tried_percent[-1]


@dataclass
class Tried:
    percent: float
    changes_outcome: bool


def halved(kept: float, changed: float, *changing: tuple[float, float]) -> tuple[float, list[float]]:
    """The share that is found, and the shares tried for it, where shares within these spans change the outcome."""
    tried: list[float] = []

    def removed(percent: float) -> Tried:
        tried.append(percent)
        return Tried(percent, any(low <= percent <= high for low, high in changing))

    return _finer(removed, kept, changed).percent, tried[1:]


def test_the_way_between_two_steps_is_halved_a_few_times_and_never_finer_than_it_is_told() -> None:
    assert halved(2.0, 4.0, (2.3, 100.0)) == (2.5, [3.0, 2.5, 2.25])
    assert halved(8.0, 16.0, (15.9, 100.0)) == (16.0, [12.0, 14.0, 15.0])
    assert halved(0.0, 1.0, (0.0, 100.0)) == (0.125, [0.5, 0.25, 0.125])
    assert halved(1.0, 1.3, (1.2, 100.0)) == (1.3, [pytest.approx(1.15)])


def test_an_outcome_that_comes_back_in_between_is_not_looked_for() -> None:
    found, tried = halved(2.0, 4.0, (2.1, 2.4), (3.9, 100.0))
    assert found == 4.0 and tried == [3.0, 3.5, 3.75]


def test_looking_again_is_the_same_each_time_and_stops_when_asked(bundle: Bundle) -> None:
    asked, looks = 0, 10**6

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > looks

    first, second = (analysed("LPS, thick axial", bundle, Bright(), cancelled=c)[-1] for c in (cancelled, None))
    assert first.tried_percent == second.tried_percent and first.after == second.after
    asked, looks = 0, asked - 1  # in the last halving
    with pytest.raises(Cancelled):
        analysed("LPS, thick axial", bundle, Bright(), cancelled=cancelled)


def test_a_network_that_looks_at_the_air_is_caught(bundle: Bundle) -> None:
    changed = {c.name: c for c in analysed("LPS, thick axial", bundle, Bright(air=200.0))}
    noise = changed["background_noise"]
    assert noise.changes_outcome and noise.after.label == bundle.classes[1]
    assert not changed["background_zero"].changes_outcome


def test_a_picture_is_one_slice_and_all_of_it(bundle: Bundle) -> None:
    image, _ = sampled(phantom, "RAS, cubic", HEAD_MM * 1.1, tuple(CENTRE))
    middle = image.shape[2] // 2 + 4
    case = case_from_array(image[:, :, middle], None)
    changed = run((case, *make_views(case)), case.image / 300, bundle, Bright())
    assert {(c.slices, c.slices_of_lesion) for c in changed} == {(1, 1)}
    assert changed[0].after.outcome == "no_lesion_found"


def test_the_hole_is_filled_from_its_surroundings_and_the_rest_stays(bundle: Bundle) -> None:
    removed = analysed("oblique", bundle, Bright())[0]
    before, after = removed.example
    hole = before != after
    assert hole.any() and before[hole].max() > 0.9
    around = float(np.median(before[(before > 0.05) & ~hole]))
    assert np.abs(after[hole] - around).max() < 0.2


def test_without_a_scored_class_nothing_is_computed(bundle: Bundle) -> None:
    case, views, pixels = seen("oblique")
    nothing = np.zeros(case.image.shape, np.uint8)
    prediction = Prediction("no_lesion_found", "", None, {}, (), {}, nothing, nothing)
    assert counterfactuals(Bright(), case, views, pixels, prediction, (), (), bundle) == ()


@pytest.mark.parametrize("grid", ["LPS, thick axial", "sagittal, flipped", "oblique"])
def test_a_few_slices_are_those_of_the_whole_stack(grid: str) -> None:
    case, views, _ = seen(grid)
    image = case.image
    numbers = [1, len(views.planes) // 2, len(views.planes) - 2]
    assert np.allclose(views.from_case(image, only=numbers), views.from_case(image)[numbers], atol=1e-2)
    labels = (image > 200).astype(np.uint8)
    few, all_of_them = views.from_case(labels, labels=True, only=numbers), views.from_case(labels, labels=True)[numbers]
    assert (few != all_of_them).mean() < 1e-3 and few.dtype == np.uint8


def test_every_lesion_is_seen_in_every_plane_however_they_lie() -> None:
    """Six lesions, each at another rank along each axis: even steps of their area miss some of them in some plane."""
    rng = np.random.default_rng(0)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -100
    points = np.stack(np.meshgrid(*[np.arange(100) * 2.0 - 100] * 3, indexing="ij"), -1)
    image = np.where(np.linalg.norm(points, axis=-1) < 80, 100 + 10 * np.sin(points / 9).sum(-1), 0.0)
    case = replace(case_from_array(image, affine), contrast_agent=True)
    views, pixels = make_views(case)
    for _ in range(4):
        centres = np.stack([(rng.permutation(6) - 2.5) * 17 for _ in range(3)], 1)
        while np.linalg.norm(centres, axis=1).max() > 72:
            centres = np.stack([(rng.permutation(6) - 2.5) * 17 for _ in range(3)], 1)
        labels = np.zeros(image.shape, np.uint8)
        for number, centre in enumerate(centres, 1):
            labels[np.linalg.norm(points - centre, axis=-1) < 5.2] = number
        prediction = Prediction(
            "class_suggested", "", "glioma", {"glioma": 1.0}, (), {}, labels.astype(np.float32), labels
        )
        chosen = _sections(case, views, pixels, prediction)
        for plane in dict.fromkeys(chosen.planes):
            seen = chosen.weights[:, [p == plane for p in chosen.planes]] > 0
            assert seen.any(axis=1).all()


class Blind(nn.Module):
    """Finds nothing in any slice."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, outline: bool = True) -> NetworkOutput:
        scores = torch.zeros(len(x), 4)
        scores[:, 0] = 9.0
        return NetworkOutput(scores, torch.zeros_like(x) if outline else None, x, x)


def test_nothing_is_told_of_changes_where_the_slices_as_they_are_show_the_model_nothing(bundle: Bundle) -> None:
    assert analysed("oblique", bundle, Blind()) == ()
