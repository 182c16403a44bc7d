"""The figures about maps are right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from XAIReportLib.saliency import quality


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A round head with a bright square lesion: image, head, lesion."""
    y, x = np.mgrid[0:64, 0:64]
    head = (y - 32) ** 2 + (x - 32) ** 2 < 28**2
    lesion = (np.abs(y - 24) <= 4) & (np.abs(x - 40) <= 4)
    image = np.where(head, 0.4, 0.0) + 0.6 * lesion
    return image.astype(np.float32), head, lesion


def sees_the_lesion(images: np.ndarray) -> np.ndarray:
    """Log-odds from 6 with the lesion down to about -6 without it."""
    _, _, lesion = scene()
    return 20 * (images[:, lesion].mean(axis=1) - 0.7)


@pytest.mark.parametrize("baseline", ["blur", "head mean", "inpainted"])
def test_the_true_place_gains_most_and_its_opposite_least(baseline: str) -> None:
    image, head, lesion = scene()
    rankings = {
        "lesion": lesion.astype(float),
        "random": np.random.default_rng(1).random(image.shape),
        "elsewhere": 1.0 - lesion,
    }
    gains = {}
    for name, ranking in rankings.items():
        deletion, insertion = quality.deletion_insertion(sees_the_lesion, image, head, ranking, baseline)
        assert deletion[0] == pytest.approx(insertion[-1])
        assert deletion[-1] == pytest.approx(insertion[0])
        gains[name] = quality.area(insertion) - quality.area(deletion)
    assert gains["lesion"] > gains["random"] + 0.3 > gains["elsewhere"] + 0.6


def test_nothing_outside_the_head_is_changed() -> None:
    image, head, _ = scene()
    image = np.where(head, image, 7.0).astype(np.float32)
    seen = []
    quality.deletion_insertion(lambda images: seen.append(images) or np.zeros(len(images)), image, head, image)
    assert (seen[0][:, ~head] == 7).all()


def test_localisation_of_a_perfect_and_of_an_opposite_map() -> None:
    _, head, lesion = scene()
    right, wrong = lesion.astype(float), (head & ~lesion).astype(float)
    assert quality.pointing(right, lesion)
    assert not quality.pointing(wrong, lesion)
    for figure in (quality.relevance_mass, quality.relevance_rank):
        assert figure(right, lesion) == 1
        assert figure(wrong, lesion) == 0
    assert quality.precision_recall_area(right, lesion, head) == 1
    assert quality.precision_recall_area(wrong, lesion, head) <= lesion.sum() / head.sum() + 1e-9
    assert quality.dice(lesion, lesion) == quality.overlap(lesion, lesion) == 1
    assert quality.relevance_mass(np.zeros_like(right), lesion) == 0


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 50), st.integers(0, 9))
def test_similarity_and_ranks_do_not_depend_on_the_scale(factor: float, seed: int) -> None:
    _, head, lesion = scene()
    values = np.random.default_rng(seed).random(head.shape)
    assert quality.similarity(values, factor * values) == pytest.approx(1)
    assert quality.relevance_rank(factor * values, lesion) == quality.relevance_rank(values, lesion)
    assert quality.max_sensitivity(values, [values]) == 0


def test_randomising_a_part_changes_that_part_of_a_copy_only() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    before = {name: p.clone() for name, p in model.named_parameters()}
    twin = quality.randomised(model, [model[1]])
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    assert torch.equal(twin[0].weight, model[0].weight)
    assert not torch.equal(twin[1].weight, model[1].weight)


def test_controls_lie_in_the_head_and_the_bright_one_finds_a_bright_lesion() -> None:
    image, head, lesion = scene()
    maps = quality.control_maps(image, head)
    assert tuple(maps) == quality.CONTROLS
    assert all(m.min() >= 0 and not m[~head].any() for m in maps.values())
    y, x = np.unravel_index(maps["bright"].argmax(), image.shape)
    assert lesion[y, x]


def test_an_unknown_baseline_is_refused() -> None:
    image, head, _ = scene()
    with pytest.raises(ValueError, match="plaid is unknown"):
        quality.baseline_image(image, head, "plaid")
