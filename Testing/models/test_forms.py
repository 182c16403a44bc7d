"""A picture is looked at in several forms, whose answers are brought back onto the picture as it is and averaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from XAIReportLib.models.bundle import load_bundle, load_network
from XAIReportLib.models.counterfactual import counterfactuals
from XAIReportLib.models.forms import AS_IT_IS, PICTURE_FORMS, Form
from XAIReportLib.models.inference import look, predict
from XAIReportLib.models.networks import NetworkOutput
from XAIReportLib.reading import read_case
from XAIReportLib.views import PICTURE, PLANES, make_views

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "Resources" / "Models" / "brain_tumor_mri"
DATA = ROOT.parent / "shared" / "data" / "brain_tumor_mri"
needs_bundle = pytest.mark.skipif(not SHIPPED.is_dir(), reason="no bundle was trained in this checkout")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


def ball(row: float, column: float, radius: float = 20.0, size: int = 224) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (np.hypot(rows - row, columns - column) <= radius).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.booleans(), st.floats(0.8, 1.25), st.floats(60, 160), st.floats(60, 160))
def test_what_is_undone_lies_where_it_lay(mirrored: bool, scale: float, row: float, column: float) -> None:
    form, shown = Form(mirrored, scale), torch.from_numpy(ball(row, column))[None, None]
    back = form.undone(form.of(shown))[0, 0].numpy()
    assert ndimage.center_of_mass(back) == pytest.approx(ndimage.center_of_mass(shown[0, 0].numpy()), abs=0.1)
    assert back.sum() == pytest.approx(float(shown.sum()), rel=0.02)


def test_a_form_is_what_it_says() -> None:
    shown = torch.from_numpy(ball(80, 60))[None, None]
    mirrored = Form(mirrored=True).of(shown)
    assert torch.equal(mirrored, shown.flip(-1))
    larger = Form(scale=1.5).of(shown)[0, 0].numpy()
    middle = 111.5
    assert ndimage.center_of_mass(larger) == pytest.approx(
        [middle + 1.5 * (80 - middle), middle + 1.5 * (60 - middle)], abs=0.2
    )
    assert larger.sum() == pytest.approx(1.5**2 * float(shown.sum()), rel=0.02)
    assert AS_IT_IS.of(shown) is shown


class _Bright(torch.nn.Module):
    """Outlines what is bright; its class score is how far left the bright lies, and its layer is the slice."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.layer = torch.nn.Identity()

    def forward(self, x: torch.Tensor, outline: bool = True) -> NetworkOutput:
        x = self.layer(x)
        left = x[..., : x.shape[-1] // 2].sum(dim=(1, 2, 3)) / x.sum(dim=(1, 2, 3))
        series = left[:, None].expand(-1, 3)
        return NetworkOutput(torch.stack([left * 0, left], 1), 20 * (x - 0.5) if outline else None, x, x, series)


def test_answers_are_averaged_where_they_lie_and_the_layer_is_of_the_slice_as_it_is() -> None:
    network, pixels = _Bright(), ball(90, 60)[None]
    seen = look(network, pixels, layer=network.layer, forms=PICTURE_FORMS)
    assert seen.scores[0, 1] == pytest.approx(3 / 4)
    assert seen.series[0] == pytest.approx([3 / 4] * 3)
    inside, near = ball(90, 60, 18) > 0, ball(90, 60, 22) > 0
    assert seen.lesion[0][inside].min() > 0.9
    assert seen.lesion[0][~near].max() < 0.1
    np.testing.assert_array_equal(seen.layer, pixels[:, None])
    class_path = look(network, pixels, outlines=False, forms=PICTURE_FORMS)
    np.testing.assert_array_equal(class_path.scores, seen.scores)


@needs_bundle
def test_a_picture_is_looked_at_in_the_bundles_forms_and_a_volume_once() -> None:
    bundle = load_bundle(SHIPPED)
    stored = json.loads((SHIPPED / "configs" / "metadata.json").read_text(encoding="utf-8"))["xaireport"]
    assert bundle.settings.forms(PICTURE) == PICTURE_FORMS == tuple(Form(**form) for form in stored["picture_forms"])
    assert bundle.settings.forms(PLANES) == (AS_IT_IS,)
    calibration = stored["calibration"]
    assert bundle.settings.calibration.of(PICTURE) == (
        calibration["temperature_picture"],
        calibration["class_set_quantile_picture"],
    )
    assert bundle.settings.calibration.of(PLANES) == (calibration["temperature"], calibration["class_set_quantile"])


@needs_bundle
@needs_data
def test_a_changed_picture_is_compared_with_the_scores_that_the_report_gives() -> None:
    bundle, case = load_bundle(SHIPPED), read_case(DATA / "images" / "100.jpg", "slice")
    network, (views, pixels) = load_network(bundle, "cpu"), make_views(case)
    prediction = predict(case, views, look(network, pixels, forms=bundle.settings.forms(views.planes)), bundle)
    assert prediction.scores
    for changed in counterfactuals(network, case, views, pixels, prediction, (), (), bundle):
        assert changed.before.scores == pytest.approx(prediction.scores, abs=1e-5)
