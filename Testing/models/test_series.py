"""Whether a series looks like T1 after contrast agent, and what the product says where it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from XAIReportLib.case import Case
from XAIReportLib.models.bundle import Bundle, load_bundle, load_network, network_as_trained
from XAIReportLib.models.inference import SliceAnswers, look, predict
from XAIReportLib.models.series import NO_LESION_WITHOUT_AGENT, NOT_DETECTED, SeriesHead, enhancement
from XAIReportLib.reading import case_from_array, read_case
from XAIReportLib.results import NAMED_BUT_NOT_DETECTED, Prediction
from XAIReportLib.views import PICTURE, make_views

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "Resources" / "Models" / "brain_tumor_mri"
DATA = ROOT.parent / "shared" / "data"
needs_bundle = pytest.mark.skipif(not SHIPPED.is_dir(), reason="no bundle was trained in this checkout")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
FLAIR, AFTER_AGENT = 1, 2  # channels of the slices of three series


def test_a_volume_is_judged_by_its_best_plane_and_every_slice_by_its_head() -> None:
    series = np.array([[4.0, 0, -9], [0, 4, -9], [-4, 4, 4], [9, 0, 0], [0, 0, 9]])
    heads = np.array([0.3, 0.1, 0.5, 0.0, 0.0])
    planes = ("axial", "axial", "coronal", "coronal", "sagittal")
    assert enhancement(series, heads, planes) == pytest.approx((0.3 * 4 - 0.1 * 4) / 0.4, abs=1e-3)


def test_without_a_head_no_enhancement_is_seen() -> None:
    assert enhancement(np.full((2, 3), 9.0), np.zeros(2), ("axial", "coronal")) == -np.inf


def test_what_lies_in_the_air_tells_nothing_of_the_series() -> None:
    x = torch.zeros(1, 1, 64, 64)
    x[:, :, 16:48, 16:48] = 1
    levels = [torch.rand(1, 3, side, side) for side in (8, 4)]
    noisy = [level.clone() for level in levels]
    for level in noisy:
        side = level.shape[-1] // 4
        level[:, :, :side] = 99
    torch.testing.assert_close(SeriesHead.statistics(levels, x), SeriesHead.statistics(noisy, x))


@needs_bundle
def test_the_network_for_use_judges_as_the_trained_one() -> None:
    bundle, x = load_bundle(SHIPPED), torch.rand(2, 1, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(
            load_network(bundle, "cpu")(x).series, network_as_trained(bundle)(x).series, atol=0.05, rtol=0.01
        )


def _picture(lesion: bool, enhanced: bool, agent: bool | None) -> tuple[Prediction, Bundle, Case]:
    """What is said of a round head whose slice's answers are given."""
    y, x = np.mgrid[:256, :256]
    image = (np.hypot(x - 128, y - 128) < 90) * (100.0 + 10 * np.sin(x / 9))
    case = replace(case_from_array(image.astype(np.float32), None, "picture"), contrast_agent=agent)
    views, pixels = make_views(case)
    outline = np.zeros((1, 224, 224), np.float32)
    outline[:, 90:130, 90:130] = float(lesion)
    answers = SliceAnswers(
        np.array([[0.0, 9.0, -9.0, -9.0]]), outline, (), None,
        np.array([[9.0, 0, 0]]) if enhanced else np.array([[-9.0, 0, 0]]), (pixels != 0).mean(axis=(1, 2)),
    )  # fmt: skip
    bundle = load_bundle(SHIPPED)
    return predict(case, views, answers, bundle), bundle, case


@needs_bundle
@pytest.mark.parametrize("agent", [None, False])
def test_no_class_is_suggested_of_a_series_without_enhancement(agent: bool | None) -> None:
    said, *_ = _picture(lesion=True, enhanced=False, agent=agent)
    assert (said.outcome, said.label, said.reason) == ("abstained", None, NOT_DETECTED)
    assert said.lesion_labels.any()
    seen, *_ = _picture(lesion=True, enhanced=True, agent=agent)
    assert (seen.outcome, seen.label) == ("class_suggested", "glioma")


@needs_bundle
def test_where_no_lesion_is_found_the_missing_enhancement_is_a_warning() -> None:
    said, *_ = _picture(lesion=False, enhanced=False, agent=None)
    assert said.outcome == "no_lesion_found"
    assert NO_LESION_WITHOUT_AGENT in said.warnings
    assert not _picture(lesion=False, enhanced=True, agent=None)[0].warnings


@needs_bundle
@pytest.mark.parametrize("lesion", [True, False])
def test_a_named_agent_is_believed_and_what_is_not_seen_is_said(lesion: bool) -> None:
    said, *_ = _picture(lesion=lesion, enhanced=False, agent=True)
    assert said.outcome == ("class_suggested" if lesion else "no_lesion_found")
    assert said.warnings == (NAMED_BUT_NOT_DETECTED,)
    assert not _picture(lesion=lesion, enhanced=True, agent=True)[0].warnings


@needs_bundle
@needs_data
def test_real_slices_after_contrast_agent_pass_and_flair_does_not() -> None:
    """A sample of each collection; docs/results.md has the figures."""
    bundle = load_bundle(SHIPPED)
    network = load_network(bundle, "cpu")

    def passed(cases: list[Case]) -> float:
        pixels = np.concatenate([make_views(case)[1] for case in cases])
        answers = look(network, pixels, forms=bundle.settings.forms(PICTURE))
        odds = [enhancement(answers.series[[n]], answers.heads[[n]], PICTURE) for n in range(len(cases))]
        return float((np.array(odds) >= bundle.settings.thresholds.enhancement_slice).mean())

    paths = sorted((DATA / "brain_tumor_mri" / "images").glob("*.jpg"))[::60]
    assert passed([read_case(path, "slice") for path in paths]) >= 0.9
    folder = DATA / "glioma_mri_clinical"
    names = pd.read_csv(folder / "slices.csv")["name"].iloc[::50]
    pictures = [cv2.imread(str(next((folder / "images").glob(f"{name}.*"))), cv2.IMREAD_COLOR_RGB) for name in names]
    by_series = {
        channel: passed([case_from_array(p[:, :, channel].T.astype(np.float32), None, "slice") for p in pictures])
        for channel in (FLAIR, AFTER_AGENT)
    }
    assert by_series[FLAIR] <= 0.25
    assert by_series[AFTER_AGENT] >= by_series[FLAIR] + 0.2
