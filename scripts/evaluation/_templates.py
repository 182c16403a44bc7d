"""What the two templates differ by: where a point of the ICBM 2009c head lies in FSL's MNI152, as anatomy and not as coordinates.

Both are averages of heads in the same space, yet their sulci and ventricles do not lie at the same millimetres. ANTs brings one to
the other (SyN by mutual information, at 2 mm, with antspyx' own settings): no lesion, no noise and none of this project's code.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from scipy import ndimage
from XAIReportLib.anatomy.atlas import load_template

from evaluation import ROOT
from evaluation._head_phantoms import anatomy_2009c

KEPT = ROOT / "build" / "templates.npy"
STEP_MM = 2.0
THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
LPS = np.array([-1.0, -1.0, 1.0])


def available() -> bool:
    """Whether it can be told: antspyx is installed, or has told before."""
    return KEPT.exists() or find_spec("ants") is not None


def to_mni152(points: np.ndarray) -> np.ndarray:
    """Points of ICBM 2009c, mm (..., 3), where the same anatomy lies in MNI152."""
    index = np.moveaxis((points - anatomy_2009c().affine[:3, 3]) / STEP_MM, -1, 0)
    return points + np.stack([ndimage.map_coordinates(u, index, order=1, mode="nearest") for u in _field()], axis=-1)


@lru_cache(maxsize=1)
def _field() -> np.ndarray:
    """Displacement in mm (RAS), (3, x, y, z) on every second voxel of 2009c."""
    if KEPT.exists():
        return np.load(KEPT)
    os.environ.setdefault(THREADS, "1")  # sums of several threads differ in their last digits
    import ants
    import pandas as pd

    ours, target = anatomy_2009c(), load_template()
    images = []
    for array, affine in ((ours.bare, ours.affine), (target.image, target.affine)):
        image = ants.from_numpy(np.ascontiguousarray(array, np.float32))
        image.set_spacing([1.0, 1.0, 1.0])
        image.set_direction(np.diag(LPS))
        image.set_origin([float(v) for v in LPS * affine[:3, 3]])
        images.append(ants.resample_image(image, (STEP_MM,) * 3, use_voxels=False, interp_type=0))
    found = ants.registration(*images, type_of_transform="SyN", random_seed=1)
    shape = [-(-n // int(STEP_MM)) for n in ours.bare.shape]
    points = np.indices(shape).reshape(3, -1).T * STEP_MM + ours.affine[:3, 3]
    table = pd.DataFrame(points * LPS, columns=list("xyz"))
    # Points go from the fixed to the moving image by what brings the moving image to the fixed one.
    moved = ants.apply_transforms_to_points(3, table, found["fwdtransforms"]).to_numpy() * LPS
    field = np.moveaxis((moved - points).reshape(*shape, 3), -1, 0).astype(np.float32)
    KEPT.parent.mkdir(exist_ok=True)
    np.save(KEPT, field)
    return field
