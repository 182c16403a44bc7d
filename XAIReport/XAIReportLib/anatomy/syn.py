"""The deformable step by ANTs' symmetric normalisation, where the ``antspyx`` package is installed and the step is asked for.

SyN (Avants et al. 2008, doi 10.1016/j.media.2007.06.004) climbs the local cross-correlation as deformation.py does, but moves
both images towards each other. It gets the same images on the same grid, the lesion left out, and gives the same displacement.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from XAIReportLib.case import InputError

# Of the update and of the whole field: variances in voxels of the grid, as smooth as our own step is (deformation.py). Less
# smooth, or in more steps, it came less near on three heads with a known answer.
UPDATE_VARIANCE, FIELD_VARIANCE = 9, 1
RADIUS, STEPS = 4, (40,)
SEED = 1
THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


def syn_version() -> str:
    """The installed antspyx.

    Raises:
        InputError: it is not installed.
    """
    try:
        return version("antspyx") if find_spec("ants") else _missing()
    except PackageNotFoundError:
        return _missing()


def syn(
    fixed: np.ndarray, moving: np.ndarray, weight: np.ndarray, stop: Callable[[], None] = lambda: None
) -> np.ndarray:
    """As deformation.deform: displacement u in voxels, float32 (3, x, y, z); moving(x + u(x)) looks like fixed(x).

    ``stop`` is called before and after: ANTs cannot be interrupted.

    Raises:
        InputError: antspyx is not installed, or it did not find a displacement.
    """
    syn_version()
    stop()
    # Sums of several threads differ in their last digits; ITK reads this when it is loaded.
    os.environ.setdefault(THREADS, "1")
    import ants

    images = [ants.from_numpy(np.ascontiguousarray(a, np.float32)) for a in (fixed, moving, weight)]
    with TemporaryDirectory() as folder:
        try:
            found = ants.registration(
                *images[:2], type_of_transform="SyNOnly", initial_transform="identity", mask=images[2],
                mask_all_stages=True, syn_metric="CC", syn_sampling=RADIUS, reg_iterations=STEPS,
                flow_sigma=UPDATE_VARIANCE, total_sigma=FIELD_VARIANCE, random_seed=SEED,
                outprefix=str(Path(folder) / "syn"),
            )  # fmt: skip
            field = next(path for path in found["fwdtransforms"] if path.endswith("Warp.nii.gz"))
            u = np.moveaxis(ants.image_read(field).numpy(), -1, 0).astype(np.float32)
        except Exception as problem:  # ants raises plain ones
            raise InputError(
                f"The deformable step by SyN (antspyx) failed: {problem}. Leave it out to use the usual step."
            ) from problem
    stop()
    if u.shape != (3, *fixed.shape) or not np.isfinite(u).all():
        raise InputError("SyN (antspyx) gave no displacement that can be used. Leave it out to use the usual step.")
    return u


def _missing() -> str:
    raise InputError(
        "The deformable step by SyN needs the antspyx package, which is not installed; run pip install antspyx, "
        "or leave it out to use the usual step."
    )
