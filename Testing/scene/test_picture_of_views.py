"""The slice views, really drawn: the heat lies on the lesion, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from result_folders import METHODS, oblique, write_result
from XAIReportLib.scene import load_result, views


def drawn(slice_logic: object) -> np.ndarray:
    """RGB picture of a slice view, axes (row from the bottom, column, channel)."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    producer = slice_logic.GetImageDataConnection().GetProducer()
    producer.Update()
    image = producer.GetOutputDataObject(0)
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[..., :3].astype(float)


@pytest.mark.parametrize("flips", [(1, -1, 1), (1, 1, 1), (-1, 1, -1)], ids=str)
def test_heat_is_drawn_at_the_lesion(a_session, tmp_path, flips):
    logics = views.add_slice_views(a_session)
    loaded = load_result(write_result(tmp_path / "case", oblique(flips=flips)), a_session.scene)
    views.fit(logics)
    views.go_to(a_session.scene, loaded.focus)
    for logic in logics:
        picture = drawn(logic)
        coloured = np.ptp(picture, axis=-1) > 30
        assert coloured.any()
        row, column = np.argwhere(coloured).mean(axis=0)
        to_ras = logic.GetSliceNode().GetXYToRAS()
        ras = to_ras.MultiplyPoint((column, row, 0.0, 1.0))[:3]
        np.testing.assert_allclose(ras, loaded.focus, atol=1.0)
        assert coloured.mean() < 0.2


def test_without_heat_maps_the_picture_is_grey(a_session, tmp_path):
    logics = views.add_slice_views(a_session)
    load_result(write_result(tmp_path / "case", oblique(), heatmaps=False), a_session.scene)
    views.fit(logics)
    assert np.ptp(drawn(logics[0]), axis=-1).max() == 0
    assert METHODS
