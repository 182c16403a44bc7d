"""A slider's mask is the mask of its percentile, within the head."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from XAIReportLib.percentile_cut import PercentileCut

MAPS = hnp.arrays(np.float32, (6, 5, 4), elements=st.floats(0, 1, width=32))


@settings(max_examples=60, deadline=None)
@given(MAPS, hnp.arrays(bool, (6, 5, 4)), st.floats(0, 100))
def test_the_mask_is_what_numpy_cuts_at_this_percentile(
    values: np.ndarray, head: np.ndarray, percentile: float
) -> None:
    found = PercentileCut(values, head).mask(percentile)
    inside = values[head]
    if not (inside > 0).any():
        assert not found.any()
        return
    cut = max(float(np.percentile(inside.astype(np.float64), percentile)), float(inside[inside > 0].min()))
    clear = np.abs(values - cut) > 1e-6  # a value at the cut itself may fall either way by rounding
    np.testing.assert_array_equal((found > 0)[clear], ((values >= cut) & head)[clear])
    assert found.dtype == np.uint8
    assert not found[~head].any()


def test_a_slider_that_moves_back_shows_the_first_mask_again() -> None:
    values = np.random.default_rng(0).random((20, 18, 16), np.float32)
    cut = PercentileCut(values, values > 0.1)
    first = cut.mask(95).copy()
    assert cut.mask(80).sum() > first.sum()
    np.testing.assert_array_equal(cut.mask(95), first)
    assert cut.percentile_of(cut.threshold(95)) == np.clip(cut.percentile_of(cut.threshold(95)), 94.9, 95.1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_with_a_value_that_is_no_number_is_refused_and_not_cut_to_nothing(value: float) -> None:
    values = np.random.default_rng(0).random((5, 4, 3), np.float32)
    head = np.ones(values.shape, bool)
    values[2, 1, 1] = value
    with pytest.raises(ValueError, match=r"within the head that are NaN or infinite.*; make the map again"):
        PercentileCut(values, head)
    head[2, 1, 1] = False  # outside the head it does not count
    assert PercentileCut(values, head).mask(90).any()


def test_it_runs_where_torch_is_not() -> None:
    program = "import sys; import XAIReportLib.percentile_cut; assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
