"""How far the septum pellucidum lies from where the falx is fixed to the skull."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case
from XAIReportLib.results import MidlineShift, Registration

# Millimetres of MNI152. The falx is fixed in front, behind and above; a mass does not move it there.
FALX = np.array(
    [(0, y, z) for y, z in ((66, -5), (68, 10), (64, 25), (-96, 0), (-98, 12), (-92, 25), (0, 74), (-40, 74))], float
)
SEPTUM = np.array([(0, y, z) for y in (-8, 2, 12, 20) for z in (8, 14)], float)
METHOD = (
    "Mean distance of the septum pellucidum from the plane through the attachments of the falx, both brought from MNI152 "
    "by the registration."
)


def midline_shift(transform: Transform, registration: Registration, lesion: np.ndarray, case: Case) -> MidlineShift:
    """The shift that a registration states; None in it where the septum was not seen by the registration."""
    if registration.verdict != "good":
        return MidlineShift(None, "Not computed: the registration is of limited quality.")
    if transform.displacement is None:
        return MidlineShift(None, "Not computed: the deformable step did not improve the registration.")
    septum = transform.to_patient(SEPTUM)
    back = np.linalg.inv(case.affine)
    index = (septum @ back[:3, :3].T + back[:3, 3]).T
    if (ndimage.map_coordinates((lesion > 0).astype(np.uint8), index, order=0) > 0).mean() > 0.25:
        return MidlineShift(None, "Not computed: the segmented abnormality covers the septum pellucidum.")
    return MidlineShift(signed_distance_mm(transform.to_patient(FALX), septum), METHOD)


def signed_distance_mm(falx: np.ndarray, septum: np.ndarray) -> float:
    """Mean distance of points (n, 3) from the plane fitted to others, along the plane's normal towards the right."""
    middle = falx.mean(axis=0)
    normal = np.linalg.svd(falx - middle)[2][-1]
    normal = normal * (1 if normal[0] >= 0 else -1)
    return float(((septum - middle) @ normal).mean())
