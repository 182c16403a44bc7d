"""Whether a registration can be trusted: figures, one verdict, and the template's edges for the eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.atlas import Template, load_template
from XAIReportLib.anatomy.canonical import Canonical
from XAIReportLib.anatomy.deformation import jacobian, local_correlation
from XAIReportLib.anatomy.transform import Transform, index_of, pull
from XAIReportLib.results import Registration

# A verdict rests on these. Overlap: Dice of the template's brain with the patient's. Gain: mutual information over the
# highest that the template reaches when it is shifted by 12 mm, minus one; local gain: the same of the local correlation inside.
GOOD_OVERLAP, LIMITED_OVERLAP = 0.90, 0.80
GOOD_GAIN, LIMITED_GAIN = 0.10, 0.04
LOCAL_GAIN, LARGEST_BRAIN_ML = 0.15, 1900.0
DETERMINANT = (0.6, 1.7)  # volume of the template over the patient's: adult brains lie well within
SHIFT_MM = 12.0
INTERIOR_MM = 8.0  # how far from the brain's border mutual information is taken for the gain
COVERAGE = 0.90  # of the template's brain that was imaged, below which regions are approximate at best
CUT = 0.75  # and below which a brain may be taken for a smaller whole one
# Volume of the template over the patient's from which on what is cut can be a brain: MNI152's is larger than those of adults, of
# which BRATS volumes reach 1.0 to 1.6; a piece of a head with its skull reached 0.6.
LEAST_OF_A_BRAIN = 0.9
# Left and right: the registered left-right axis against the stored one, and the brain's share left of the midline.
GREATEST_TURN_DEGREES = 45.0
HALF = (0.40, 0.60)
FOLDING = (0.2, 4.0)  # local change of volume outside which a displacement is no anatomy
SCALP_AND_SKULL_MM = 12.0


@dataclass(frozen=True)
class Patient:
    """The patient on the working grid, which covers only what was imaged; ``brain`` is rough where there is a skull.
    ``cuts``: planes beyond which nothing was imaged (field_of_view.py), (n, 4)."""

    grid: Canonical
    brain: np.ndarray
    with_skull: bool
    cuts: np.ndarray


def pull_linear(template: Template, transform: Transform, grid: Canonical) -> np.ndarray:
    """The template's intensities on the working grid, float32."""
    mm = transform.mni_mm(grid.affine, grid.image.shape)
    return ndimage.map_coordinates(template.image, index_of(mm, template.affine), order=1)


def pull_brain(template: Template, transform: Transform, grid: Canonical) -> np.ndarray:
    """Bool, the template's brain on the working grid."""
    return pull(template.image > 0, template.affine, transform.mni_mm(grid.affine, grid.image.shape))


def sound(transform: Transform) -> bool:
    """Whether a displacement keeps every volume within FOLDING."""
    low, high = _jacobian_range(transform)
    return FOLDING[0] <= low and high <= FOLDING[1]


def template_edges(mni_mm: np.ndarray) -> np.ndarray:
    """Outlines of the template's brain and of its ventricles and sulci: uint8 (i, j, k), at places in MNI152 (3, i, j, k)."""
    template = load_template()
    brain = template.image > 0
    tissue = ndimage.gaussian_filter(template.image, 1.0)
    inner = (tissue < 0.35) & ndimage.binary_erosion(brain, iterations=6)
    kind = pull(np.where(brain, np.where(inner, 2, 1), 0).astype(np.uint8), template.affine, mni_mm)
    edges = np.zeros(kind.shape, bool)
    for axis in range(3):
        if kind.shape[axis] > 1:
            ahead = np.diff(kind, axis=axis) != 0
            edges |= np.pad(ahead, [(0, 1) if a == axis else (0, 0) for a in range(3)])
    return edges.astype(np.uint8)


def judge(patient: Patient, template: Template, transform: Transform, reach: np.ndarray) -> Registration:
    """The verdict on a transform. ``reach``: bool, where the metric looked, on the working grid."""
    grid, matrix = patient.grid, transform.matrix
    aligned_template = pull_linear(template, transform, grid)
    brain = pull_brain(template, transform, grid)
    own = patient.brain
    if patient.with_skull:
        # The rough brain of a head ends at a fixed depth; tissue that the template could reach counts as brain.
        level = np.percentile(grid.image[own], 30) * 0.6
        own = ndimage.binary_dilation(brain, iterations=4) & ndimage.binary_fill_holes((grid.image > level) & grid.head)
        own &= ndimage.distance_transform_edt(grid.head, sampling=grid.spacing_mm) > SCALP_AND_SKULL_MM / 2
    imaged = brain & grid.covered
    overlap = 2 * (imaged & own).sum() / max(imaged.sum() + own.sum(), 1)
    aligned = mutual_information(grid.image[reach], aligned_template[reach])
    whole = float((template.image > 0).sum()) * abs(np.linalg.det(template.affine[:3, :3]))
    whole /= abs(np.linalg.det(matrix[:3, :3]))
    low, high = _jacobian_range(transform)
    checks = {
        "brain_overlap": float(overlap),
        "mutual_information": float(aligned),
        "mutual_information_gain": float(aligned / max(_by_chance(patient, template, transform, reach), 1e-9) - 1),
        "local_correlation_gain": _gain(patient, template, Transform(matrix), reach),
        "determinant": float(np.linalg.det(matrix[:3, :3])),
        "coverage": float(min(imaged.sum() * grid.spacing_mm**3 / whole, 1.0)),
        "local_volume_lowest": low,
        "local_volume_highest": high,
        "left_right_turn_degrees": float(np.degrees(np.arccos(np.clip(_turn(matrix), -1, 1)))),
        "left_share_of_brain": _left_share(patient, transform),
    }
    # Something as large as a head without the bone of one may be any round object: there the inside must agree, too.
    large = not patient.with_skull and patient.brain.sum() * grid.spacing_mm**3 / 1000 >= LARGEST_BRAIN_ML
    # A head that is cut by the field of view can be taken for a smaller whole one: there, too, unless it is a brain whose cut
    # is known and all that is left fits.
    fits = checks["brain_overlap"] >= GOOD_OVERLAP and checks["mutual_information_gain"] >= GOOD_GAIN
    brain_alone = not patient.with_skull and checks["determinant"] >= LEAST_OF_A_BRAIN
    known = len(patient.cuts) > 0 and brain_alone and fits
    cut = checks["coverage"] < CUT and checks["local_correlation_gain"] < 0 and not known
    verdict, reason = _verdict(checks, cut or (large and checks["local_correlation_gain"] < LOCAL_GAIN))
    failed = verdict == "failed"
    return Registration(verdict, reason, None if failed else matrix, checks, matrix if failed else None)


def _by_chance(patient: Patient, template: Template, transform: Transform, reach: np.ndarray) -> float:
    """The highest mutual information of a template that lies 12 mm off: what a fit by chance reaches."""
    values = patient.grid.image[reach]
    mm = transform.mni_mm(patient.grid.affine, patient.grid.image.shape)[:, reach]
    highest = 0.0
    for shift in SHIFT_MM * np.vstack([np.eye(3), -np.eye(3)]):
        index = index_of(mm + shift[:, None].astype(np.float32), template.affine)
        highest = max(highest, mutual_information(values, ndimage.map_coordinates(template.image, index, order=1)))
    return highest


def _gain(patient: Patient, template: Template, affine: Transform, reach: np.ndarray) -> float:
    """Local correlation inside the brain over the highest of a template that lies 12 mm off, minus one.

    Inside, because the outline alone agrees with every round object; local, because it must not matter how bright one side
    or a lesion is; without the displacement, because that would fit noise.
    """
    grid, take = patient.grid, (slice(None, None, 2),) * 3
    inside = ndimage.binary_erosion(patient.brain, iterations=int(INTERIOR_MM / grid.spacing_mm)) & reach
    mm = affine.mni_mm(grid.affine, grid.image.shape)[(slice(None), *take)]
    smooth = ndimage.gaussian_filter(template.image, 1.5)
    fixed, weight = ndimage.gaussian_filter(grid.image, 0.75)[take], inside[take]
    if not weight.any():
        return 0.0

    def agreement(shift: np.ndarray) -> float:
        index = index_of(mm + shift[:, None, None, None].astype(np.float32), template.affine)
        return local_correlation(fixed, ndimage.map_coordinates(smooth, index, order=1), weight)

    by_chance = max(agreement(SHIFT_MM * way) for way in np.vstack([np.eye(3), -np.eye(3)]))
    return agreement(np.zeros(3)) / max(by_chance, 1e-9) - 1


def _jacobian_range(transform: Transform) -> tuple[float, float]:
    if transform.displacement is None:
        return 1.0, 1.0
    local = jacobian(transform.displacement, float(transform.grid_affine[0, 0]))
    return float(local.min()), float(local.max())


def _turn(matrix: np.ndarray) -> float:
    """Cosine between the left-right axis of MNI152 and the stored one; negative when they are opposed."""
    return float(matrix[0, 0] / np.linalg.norm(matrix[0, :3]))


def _left_share(patient: Patient, transform: Transform) -> float:
    """Share of the patient's brain left of the registered midline."""
    index = np.argwhere(patient.brain)[::11]
    x = transform.to_mni(index * patient.grid.spacing_mm + patient.grid.origin_mm)[:, 0]
    return float((x < 0).mean())


def _verdict(checks: dict[str, float], unlike_inside: bool) -> tuple[str, str]:
    overlap, gain, share = checks["brain_overlap"], checks["mutual_information_gain"], checks["left_share_of_brain"]
    volume, seen = checks["determinant"], 100 * checks["coverage"]
    failures = (
        (
            not DETERMINANT[0] <= volume <= DETERMINANT[1],
            f"The brain would have to be scaled by {volume:.2f} in volume.",
        ),
        (
            checks["left_right_turn_degrees"] > GREATEST_TURN_DEGREES,
            "The template's left and right do not agree with those that the image states.",
        ),
        (overlap < LIMITED_OVERLAP, f"The template's brain overlaps the patient's by a Dice of {overlap:.2f} only."),
        (unlike_inside, "What lies inside the outline does not look like the template's brain."),
        (gain < LIMITED_GAIN, "The template fits no better than when it is shifted by 12 mm."),
    )
    for failed, reason in failures:
        if failed:
            return "failed", reason
    if not HALF[0] <= share <= HALF[1]:
        left = 100 * share
        return (
            "limited",
            f"The registered midline leaves {left:.0f} % of the brain on the left; regions are approximate.",
        )
    if overlap < GOOD_OVERLAP or gain < GOOD_GAIN or checks["coverage"] < COVERAGE:
        return "limited", (
            f"Brain overlap {overlap:.2f} (Dice), {seen:.0f} % of the template's brain in the field of view; "
            "regions are approximate."
        )
    if checks["local_correlation_gain"] < 0:
        return "limited", (
            "The brain's outline fits, but inside it the template fits no better than when it is shifted by 12 mm; "
            "regions are approximate."
        )
    return "good", f"Brain overlap {overlap:.2f} (Dice); left and right follow the image's stored orientation."


def mutual_information(a: np.ndarray, b: np.ndarray, bins: int = 32) -> float:
    """In nats, of two samples, over equal-frequency bins."""
    edges = [np.unique(np.percentile(v, np.linspace(0, 100, bins + 1)[1:-1])) for v in (a, b)]
    joint = np.histogram2d(np.digitize(a, edges[0]), np.digitize(b, edges[1]), bins=(bins, bins))[0]
    joint /= joint.sum()
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    present = joint > 0
    return float((joint[present] * np.log(joint[present] / outer[present])).sum())
