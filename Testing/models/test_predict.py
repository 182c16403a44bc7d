"""What is said of a volume whose slices' answers are given: many lesions, or hardly a head."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from XAIReportLib.case import Case, InputError
from XAIReportLib.models.bundle import find_bundles, load_bundle
from XAIReportLib.models.inference import MOST_LESIONS, SliceAnswers, predict, sections
from XAIReportLib.reading import case_from_array
from XAIReportLib.results import Prediction
from XAIReportLib.views import Views, make_views

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import sampled

needs_bundle = pytest.mark.skipif(not find_bundles(), reason="no bundle was trained in this checkout")
HEAD_MM = 75.0
CENTRE = np.array([7.0, -11.0, 5.0])
# Larger foci low in the head, smaller ones above them.
PLACES = [CENTRE + place for place in product((-33, -11, 11, 33), (-33, -11, 11, 33), (12, 34))]
BELOW = [place - [0, 0, 2 * (place - CENTRE)[2]] for place in PLACES]


def balls(points: np.ndarray, places: list[np.ndarray], radius_mm: float) -> np.ndarray:
    return np.any([np.linalg.norm(points - place, axis=-1) < radius_mm for place in places], axis=0)


@cache
def head() -> tuple[Case, Views, np.ndarray]:
    """A textured ball, its views and its slices."""

    def texture(points: np.ndarray) -> np.ndarray:
        inside = np.linalg.norm(points - CENTRE, axis=-1) < HEAD_MM
        return np.where(inside, 100 + 10 * np.sin(points / 9).sum(axis=-1), 0.0)

    image, affine = sampled(texture, "RAS, cubic", HEAD_MM * 1.1, tuple(CENTRE))
    case = replace(case_from_array(image, affine), contrast_agent=True)
    return case, *make_views(case)


def said_of(supported: int, unsupported: int) -> Prediction:
    """Of foci, the larger ones of which the class path finds in no axial section."""
    case, views, pixels = head()

    def foci(points: np.ndarray) -> np.ndarray:
        return balls(points, PLACES[:supported], 7) + 2.0 * balls(points, BELOW[:unsupported], 9)

    labels, _ = sampled(foci, "RAS, cubic", HEAD_MM * 1.1, tuple(CENTRE))
    larger = views.from_case((labels == 2).astype(np.uint8), labels=True).any(axis=(1, 2))
    found = ~(larger & (np.array(views.planes) == "axial"))
    scores = np.zeros((len(pixels), 4), np.float32)
    scores[:, 1:] = np.where(found[:, None], (9.0, -9, -9), -9)
    outlines = views.from_case((labels > 0).astype(np.float32))
    answers = SliceAnswers(
        scores, outlines, (), None, np.tile((9.0, 0, 0), (len(pixels), 1)), (pixels != 0).mean(axis=(1, 2))
    )
    return predict(case, views, answers, load_bundle("brain_tumor_mri"))


@needs_bundle
def test_of_more_lesions_than_are_kept_the_others_are_counted_in_a_warning() -> None:
    said = said_of(supported=MOST_LESIONS + 2, unsupported=0)
    assert said.lesion_labels.max() == MOST_LESIONS
    (warning,) = said.warnings
    assert warning.startswith(f"Only the {MOST_LESIONS} largest of {MOST_LESIONS + 2} segmented abnormalities ")


@needs_bundle
def test_larger_outlines_that_the_class_path_does_not_support_take_no_lesions_place() -> None:
    said = said_of(supported=2, unsupported=MOST_LESIONS)
    assert (said.outcome, said.label) == ("class_suggested", "glioma")
    assert said.lesion_labels.max() == 2
    assert not said.warnings


def said_of_scores(labels: np.ndarray, scores: dict[int, tuple[float, float, float]]) -> Prediction:
    """Of lesions by their numbers: the classes' log-odds in the sections of each, "no lesion" in all others."""
    case, views, pixels = head()
    answers = np.tile(np.array([0.0, -9, -9, -9], np.float32), (len(pixels), 1))
    for number, odds in scores.items():
        answers[views.from_case((labels == number).astype(np.uint8), labels=True).any(axis=(1, 2)), 1:] = odds
    outlines = views.from_case((labels > 0).astype(np.float32))
    seen = np.tile((9.0, 0, 0), (len(pixels), 1))
    said = SliceAnswers(answers, outlines, (), None, seen, (pixels != 0).mean(axis=(1, 2)))
    return predict(case, views, said, load_bundle("brain_tumor_mri"))


@needs_bundle
def test_the_smallest_lesion_is_so_many_millilitres_whatever_a_voxel_holds() -> None:
    smallest_ml = load_bundle("brain_tumor_mri").settings.thresholds.smallest_lesion_ml
    case, _, _ = head()
    assert case.voxel_ml < 0.1
    labels = np.zeros(case.image.shape, np.uint8)
    for number, (share, at) in enumerate([(4.0, 30), (0.8, 60)], 1):
        edge = int(np.cbrt(share * smallest_ml / case.voxel_ml))
        labels[at : at + edge, 45 : 45 + edge, 45 : 45 + edge] = number
    found = said_of_scores(labels, dict.fromkeys((1, 2), (9.0, -9.0, -9.0)))
    assert found.lesion_labels.max() == 1
    assert found.lesion_labels[labels == 1].any() and not found.lesion_labels[labels == 2].any()


@needs_bundle
def test_every_lesion_votes_on_the_class_with_its_sections() -> None:
    """One that is hardly larger than each of two others is outvoted by them."""

    def foci(points: np.ndarray) -> np.ndarray:
        places = (CENTRE - 30, 11), (CENTRE, 10), (CENTRE + 30, 10)
        return sum(n * balls(points, [place], radius) for n, (place, radius) in enumerate(places, 1))

    labels, _ = sampled(foci, "RAS, cubic", HEAD_MM * 1.1, tuple(CENTRE))
    said = said_of_scores(labels, {1: (9.0, -9.0, -9.0), 2: (-9.0, 9.0, -9.0), 3: (-9.0, 9.0, -9.0)})
    assert said.lesion_labels.max() == 3
    assert max(said.scores, key=said.scores.get) == "meningioma"


def test_the_sections_of_every_lesion_are_measured_in_every_slice() -> None:
    case, views, _ = head()
    index = np.indices(case.image.shape)
    labels = ((index % 5 == 0).all(axis=0) * (1 + index[0] // 5 % 3)).astype(np.uint8)
    slices = views.from_case(labels, labels=True)
    areas = sections(views, labels)
    assert areas.shape == (3, len(slices))
    for number in (1, 2, 3):
        np.testing.assert_array_equal(areas[number - 1], (slices == number).sum(axis=(1, 2)))
    assert sections(views, 0 * labels).shape == (0, len(slices))


@pytest.mark.parametrize(("edge", "spacing_mm"), [(10, 1.0), (1, 5.0)])
def test_a_volume_without_a_section_of_a_head_is_refused_with_what_to_do(edge: int, spacing_mm: float) -> None:
    image = np.zeros((40, 40, 40), np.float32)
    image[20 : 20 + edge, 20 : 20 + edge, 20 : 20 + edge] = 100
    case = case_from_array(image, np.diag([spacing_mm] * 3 + [1.0]))
    with pytest.raises(
        InputError, match=rf"^{case.case_id} shows less than 20 mm x 20 mm .*; give one head MRI volume\.$"
    ):
        make_views(case)
