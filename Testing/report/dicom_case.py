"""A phantom of few slices as if it had been read from a DICOM series, and the validity of the objects made of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
from exported import write_result
from phantom_case import Analysed
from XAIReportLib.reading import read_case

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import GRIDS


def small(analysed: Analysed) -> Analysed:
    """A quarter of the phantom's voxels, so that there are few slices to write."""

    def cut(array):
        return np.ascontiguousarray(array[::2, ::2])

    case, prediction = analysed.case, analysed.prediction
    affine = case.affine @ np.diag([2.0, 2, 1, 1])
    return replace(
        analysed,
        case=replace(case, image=np.rint(100 * cut(case.image)), head=cut(case.head), affine=affine),
        prediction=replace(
            prediction,
            lesion_labels=cut(prediction.lesion_labels),
            lesion_probability=cut(prediction.lesion_probability),
        ),
        geometry={},
        heatmaps=tuple(replace(h, values=cut(h.values)) for h in analysed.heatmaps),
        masks=tuple(replace(m, values=cut(m.values)) for m in analysed.masks),
        anatomy=replace(analysed.anatomy, labels=cut(analysed.anatomy.labels)),
    )


def grid_affine(name: str) -> np.ndarray:
    direction, spacing = GRIDS[name]
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(spacing)
    affine[:3, 3] = (-31.5, 44.25, -12.75)
    return affine


def analysed_series(folder: Path, phantom: Analysed, source: Path) -> Analysed:
    """The phantom as if it had been read from ``source``, with its result in ``folder``."""
    case = read_case(source, "phantom")
    read = replace(phantom, case=replace(case, head=np.ones(case.image.shape, bool)))
    if not np.array_equal(case.image, phantom.case.image):  # stored backwards: k runs the other way
        read = turned(read, phantom)
    write_result(folder, read)
    return read


def turned(read: Analysed, phantom: Analysed) -> Analysed:
    def flip(array):
        return np.ascontiguousarray(array[:, :, ::-1])

    assert np.array_equal(read.case.image, flip(phantom.case.image))
    prediction = phantom.prediction
    return replace(
        read,
        prediction=replace(
            prediction,
            lesion_labels=flip(prediction.lesion_labels),
            lesion_probability=flip(prediction.lesion_probability),
        ),
        heatmaps=tuple(replace(h, values=flip(h.values)) for h in phantom.heatmaps),
        masks=tuple(replace(m, values=flip(m.values)) for m in phantom.masks),
        anatomy=replace(phantom.anatomy, labels=flip(phantom.anatomy.labels)),
    )


def assert_same_places(volume: hd.Volume, array: np.ndarray, affine: np.ndarray, tolerance: float = 0.0) -> None:
    """The object's non-zero voxels are the array's, at the same points in space (RAS millimetres)."""
    found = np.argwhere(volume.array != 0)
    points = found @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    index = (points * [-1, -1, 1] - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    assert np.abs(index - np.rint(index)).max() < 1e-2
    i, j, k = np.rint(index).astype(int).T
    assert len(found) == np.count_nonzero(array)
    assert np.abs(array[i, j, k] - volume.array[tuple(found.T)]).max() <= tolerance


def assert_valid(paths: list[Path]) -> None:
    """By dciodvfy, where it is installed."""
    for path in paths if shutil.which("dciodvfy") else ():
        done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("Error", "Abort"))]
        assert not errors, (path.name, errors)
