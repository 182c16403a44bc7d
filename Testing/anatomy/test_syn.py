"""The deformable step by SyN, where antspyx is installed, and what is said where it is not."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from XAIReportLib import pipeline
from XAIReportLib.anatomy import syn as module
from XAIReportLib.anatomy.deformation import deform
from XAIReportLib.anatomy.quality import sound
from XAIReportLib.anatomy.syn import syn
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import InputError

SHAPE = (23, 21, 22)
needs_antspyx = pytest.mark.skipif(
    not module.find_spec("ants"), reason="antspyx is not installed (pip install antspyx)"
)


def without_antspyx(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", version)


def test_syn_without_antspyx_stops_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_antspyx(monkeypatch)
    with pytest.raises(InputError, match="antspyx package, which is not installed; run pip install antspyx"):
        pipeline.analyze(tmp_path / "no.nii.gz", tmp_path / "out", deformable="syn")
    assert not (tmp_path / "out").exists()


def test_a_step_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="deformable step elastix is unknown; choose among correlation, syn"):
        pipeline.analyze(tmp_path / "no.nii.gz", deformable="elastix")


def warped() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A textured body, moving, and the same displaced by what is given third, fixed: fixed(x) = moving(x + u(x))."""
    rng = np.random.default_rng(0)
    grid = np.indices(SHAPE, dtype=np.float32)
    away = np.linalg.norm(grid - (np.array(SHAPE) / 2)[:, None, None, None], axis=0)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2.0)
    moving = (0.6 + 0.15 * texture / texture.std()) * (away < 9)
    moving = ndimage.gaussian_filter(moving.astype(np.float32), 0.7)
    u = np.zeros((3, *SHAPE), np.float32)
    u[0] = 1.4 * np.exp(-(away**2) / 50)
    u[1] = -0.8 * np.exp(-(away**2) / 50)
    return ndimage.map_coordinates(moving, grid + u, order=1), moving, u


@needs_antspyx
def test_syn_finds_the_displacement_that_our_step_finds_whatever_the_lesion_looks_like() -> None:
    fixed, moving, u = warped()
    weight = np.ones(SHAPE, bool)
    weight[9:14, 8:13, 8:13] = False  # a lesion
    found, inside = syn(fixed, moving, weight), moving > 0.2
    assert np.linalg.norm(found - u, axis=0)[inside].mean() < 0.6 * np.linalg.norm(u, axis=0)[inside].mean()
    ours = deform(fixed, moving, weight)
    for axis in (0, 1):  # in the same order of axes, with the same sign
        assert np.corrcoef(found[axis][inside], ours[axis][inside])[0, 1] > 0.7
    assert sound(Transform(np.eye(4), 4 * found, np.diag([4.0, 4, 4, 1])))
    np.testing.assert_array_equal(syn(fixed, moving, weight), found)
    fixed[10:13, 9:12, 9:12] = 3.0
    np.testing.assert_allclose(syn(fixed, moving, weight), found, atol=0.35)


@needs_antspyx
def test_an_error_of_ants_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import ants

    def broken(*_args: object, **_named: object) -> dict:
        raise ValueError("Registration failed with error code 1")

    monkeypatch.setattr(ants, "registration", broken)
    with pytest.raises(InputError, match=r"SyN \(antspyx\) failed: .*error code 1\. Leave it out"):
        syn(*(np.ones(SHAPE, np.float32),) * 3)
