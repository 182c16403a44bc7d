"""Counterfactuals on a network whose answers are known: it finds a lesion where it is bright, and may look elsewhere."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import Bundle, find_bundles, load_bundle
from XAIReportLib.models.counterfactual import SECTIONS_PER_PLANE, TRIED_PERCENT, counterfactuals
from XAIReportLib.models.networks import NetworkOutput
from XAIReportLib.reading import case_from_array
from XAIReportLib.results import Counterfactual, Heatmap, Prediction, SaliencyMask
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


def analysed(grid: str, bundle: Bundle, network: nn.Module, hot: np.ndarray = PLACE) -> tuple[Counterfactual, ...]:
    def heat(points: np.ndarray) -> np.ndarray:
        return np.exp(-(np.linalg.norm(points - hot, axis=-1) ** 2) / 800)

    return run(seen(grid), sampled(heat, grid, HEAD_MM * 1.1, tuple(CENTRE))[0], bundle, network)


def run(
    what: tuple[Case, Views, np.ndarray], heat: np.ndarray, bundle: Bundle, network: nn.Module
) -> tuple[Counterfactual, ...]:
    case, views, pixels = what
    labels = (case.image > 200).astype(np.uint8)
    heat = heat.reshape(case.image.shape).astype(np.float32)
    prediction = Prediction("class_suggested", "", bundle.classes[0], {bundle.classes[0]: 1.0}, (), {}, heat, labels)
    heatmap = Heatmap("gradcam++", bundle.classes[0], heat, "", 0)
    mask = SaliencyMask("gradcam++", bundle.classes[0], (heat > 0.5).astype(np.uint8), 95.0, "")
    return counterfactuals(network, case, views, pixels, prediction, (heatmap,), (mask,), bundle)


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


def test_the_smallest_removal_is_the_first_tried_that_changes_the_outcome(bundle: Bundle) -> None:
    *_, ranked = analysed("oblique", bundle, Bright())
    assert ranked.tried_percent[-1] == pytest.approx(ranked.changed_percent)
    assert np.allclose(ranked.tried_percent, TRIED_PERCENT[: len(ranked.tried_percent)], rtol=0.1)
    *_, elsewhere = analysed("oblique", bundle, Bright(), hot=CENTRE - [40.0, 20.0, 20.0])
    assert not elsewhere.changes_outcome and len(elsewhere.tried_percent) == len(TRIED_PERCENT)


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
