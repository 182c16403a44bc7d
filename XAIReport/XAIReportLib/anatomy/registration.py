"""The patient brought to MNI152 by an affine transform, and whether that can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from XAIReportLib.anatomy.atlas import Template, load_template
from XAIReportLib.anatomy.canonical import Canonical, to_canonical
from XAIReportLib.case import Case
from XAIReportLib.results import Cancelled, Registration

WORKING_MM = 2.0
# A skull-stripped brain of an adult has 1.0 to 1.8 litres; a head with skull and scalp has more than this.
HEAD_WITH_SKULL_ML = 2100.0
SCALP_AND_SKULL_MM = 12.0
SEED = 1
LESION_MARGIN_MM = 4.0
SKULL_REACH_MM, EMPTY_REACH_MM = 6.0, 16.0  # how far around the brain the metric looks
# A verdict rests on these. Overlap: Dice of the template's brain with the patient's. Gain: mutual information over the
# highest that the template reaches when it is shifted by 12 mm, minus one; noise and objects that are no head stay near 0.
GOOD_OVERLAP, LIMITED_OVERLAP = 0.90, 0.80
GOOD_GAIN, LIMITED_GAIN = 0.10, 0.04
DETERMINANT = (0.6, 1.7)  # volume of the template over the patient's: adult brains lie well within
SHIFT_MM = 12.0
COVERAGE = 0.75  # of the template's brain inside the field of view, below which regions are approximate at best


@dataclass(frozen=True)
class _Patient:
    grid: Canonical
    brain: np.ndarray
    with_skull: bool


def register(case: Case, lesion: np.ndarray, cancelled: Callable[[], bool] | None = None) -> Registration:
    """Affine registration by Mattes mutual information from several starts; the lesion is left out of the metric
    (cost-function masking, Brett et al. 2001, doi 10.1006/nimg.2001.0845). Deterministic.

    Raises:
        Cancelled: between two starts.
    """
    if case.affine is None:
        return Registration("not_possible", "The picture has no geometry, so no atlas can be laid over it.", None)
    template = load_template()
    patient = _patient(case, lesion)
    if patient.brain.sum() * WORKING_MM**3 < 200e3:
        return Registration("failed", "Less than 200 ml of brain is in the field of view.", None)
    fixed = _image(patient.grid.image, patient.grid.origin_mm, WORKING_MM)
    moving = _image(*_coarse(template))
    grown = ndimage.binary_dilation(patient.grid.lesion, iterations=int(LESION_MARGIN_MM / WORKING_MM))
    # Around a stripped brain the emptiness must count, or a template that is too large costs nothing.
    margin = int((SKULL_REACH_MM if patient.with_skull else EMPTY_REACH_MM) / WORKING_MM)
    reach = ndimage.binary_dilation(patient.brain, iterations=margin) & patient.grid.covered & ~grown
    fixed_mask = sitk.Cast(_image(reach.astype(np.float32), patient.grid.origin_mm, WORKING_MM), sitk.sitkUInt8)
    best: tuple[float, sitk.AffineTransform] | None = None
    for start in _starts(patient, template):
        if cancelled and cancelled():
            raise Cancelled("stopped during the registration")
        transform, cost = _optimise(fixed, fixed_mask, moving, start, (4,), 60)
        if best is None or cost < best[0]:
            best = cost, transform
    transform, cost = _optimise(fixed, fixed_mask, moving, best[1], (2, 1), 60)
    matrix = np.eye(4)
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix[:3, :3] = linear
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - linear @ centre
    return _judged(patient, template, matrix, reach)


def warp(
    array: np.ndarray, mni_affine: np.ndarray, case: Case, patient_to_mni: np.ndarray, order: int = 0
) -> np.ndarray:
    """An array on the MNI152 grid brought onto the case's own grid; 0 outside. ``order`` 0 is nearest neighbour."""
    to_index = np.linalg.inv(mni_affine) @ patient_to_mni @ case.affine
    return ndimage.affine_transform(array, to_index[:3, :3], to_index[:3, 3], case.image.shape, order=order)


def template_edges(case: Case, registration: Registration) -> np.ndarray | None:
    """Outlines of the template's brain and of its ventricles and sulci, on the case's grid: uint8; None when failed."""
    if registration.patient_to_mni is None:
        return None
    template = load_template()
    brain = template.image > 0
    tissue = ndimage.gaussian_filter(template.image, 1.0)
    kind = np.where(brain, np.where((tissue < 0.35) & ndimage.binary_erosion(brain, iterations=6), 2, 1), 0).astype(
        np.uint8
    )
    kind = warp(kind, template.affine, case, registration.patient_to_mni)
    edges = np.zeros(kind.shape, bool)
    for axis in range(3):
        if kind.shape[axis] > 1:
            ahead = np.diff(kind, axis=axis) != 0
            edges |= np.pad(ahead, [(0, 1) if a == axis else (0, 0) for a in range(3)])
    return edges.astype(np.uint8)


def _patient(case: Case, lesion: np.ndarray) -> _Patient:
    grid = to_canonical(case.image, case.affine, case.head, lesion.astype(bool), WORKING_MM)
    head_ml = grid.head.sum() * WORKING_MM**3 / 1000
    if head_ml < HEAD_WITH_SKULL_ML:
        return _Patient(grid, ndimage.binary_fill_holes(grid.head), False)
    return _Patient(grid, _brain_of_head(grid), True)


def _brain_of_head(grid: Canonical) -> np.ndarray:
    """A rough brain: what lies inside scalp and skull in the upper 130 mm of the head."""
    depth = ndimage.distance_transform_edt(grid.head, sampling=WORKING_MM)
    heights = np.flatnonzero(grid.head.any(axis=(0, 1)))
    top = heights[-1] + 1
    brain = depth > SCALP_AND_SKULL_MM
    brain[:, :, : max(0, int(top - 142 / WORKING_MM))] = False
    return brain


def _starts(patient: _Patient, template: Template) -> list[sitk.AffineTransform]:
    """Patient to MNI: centres of the brains' boxes laid on each other, sizes matched, with some pitches of the head."""
    low, high = _box(patient.brain, patient.grid.affine)
    mni_low, mni_high = _box(template.image > 0, template.affine)
    if patient.with_skull or patient.grid.covered.all():
        # The lower end is neck or base of the skull: the top and the template's height say where the centre is.
        low = low.copy()
        low[2] = max(low[2], high[2] - 138.0)
    scale = np.clip((mni_high - mni_low) / np.maximum(high - low, 1.0), 0.8, 1.25)
    scale[2] = np.sqrt(scale[0] * scale[1]) if patient.with_skull else scale[2]
    centre, mni_centre = (low + high) / 2, (mni_low + mni_high) / 2
    if patient.with_skull:
        centre[2] = high[2] - (mni_high[2] - mni_centre[2]) / scale[2]
    starts = []
    for pitch in (0.0, -15.0, 15.0):
        angle = np.deg2rad(pitch)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        transform = sitk.AffineTransform(3)
        transform.SetCenter(tuple(map(float, centre)))
        transform.SetMatrix((turn @ np.diag(scale)).ravel().tolist())
        transform.SetTranslation(tuple(map(float, mni_centre - centre)))
        starts.append(transform)
    return starts


def _optimise(
    fixed: sitk.Image,
    mask: sitk.Image,
    moving: sitk.Image,
    start: sitk.AffineTransform,
    shrink: tuple[int, ...],
    steps: int,
) -> tuple[sitk.AffineTransform, float]:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.REGULAR)
    # Regular sampling moves every point by a random part of a voxel; without a seed the clock gives one.
    method.SetMetricSamplingPercentage(0.25 if shrink[-1] == 1 else 1.0, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescentLineSearch(1.0, steps, 1e-5, 8)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(shrink)
    method.SetSmoothingSigmasPerLevel([float(s) if s > 1 else 0.0 for s in shrink])
    transform = sitk.AffineTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    # Sums of several threads differ in their last digits, and with them the optimiser's path.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # ITK: too few samples overlap; this start leads nowhere
        return start, np.inf
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    return transform, float(method.GetMetricValue())


def _judged(patient: _Patient, template: Template, matrix: np.ndarray, reach: np.ndarray) -> Registration:
    grid = patient.grid
    image, brain = _on_patient(template.image, template, grid, matrix), None
    brain = _on_patient((template.image > 0).astype(np.float32), template, grid, matrix) >= 0.5
    own = patient.brain
    if patient.with_skull:
        # The rough brain of a head ends at a fixed depth; tissue that the template could reach counts as brain.
        level = np.percentile(grid.image[own], 30) * 0.6
        own = ndimage.binary_dilation(brain, iterations=4) & ndimage.binary_fill_holes((grid.image > level) & grid.head)
        own &= ndimage.distance_transform_edt(grid.head, sampling=WORKING_MM) > SCALP_AND_SKULL_MM / 2
    overlap = 2 * (brain & own).sum() / max(brain.sum() + own.sum(), 1)
    aligned = _mutual_information(grid.image[reach], image[reach])
    shifted = []
    for axis in range(3):
        for sign in (-1, 1):
            shift = np.eye(4)
            shift[axis, 3] = sign * SHIFT_MM
            shifted.append(
                _mutual_information(
                    grid.image[reach], _on_patient(template.image, template, grid, shift @ matrix)[reach]
                )
            )
    whole = (
        (template.image > 0).sum() * abs(np.linalg.det(template.affine[:3, :3])) / abs(np.linalg.det(matrix[:3, :3]))
    )
    coverage = min(float((brain & grid.covered).sum()) * WORKING_MM**3 / whole, 1.0)
    checks = {
        "brain_overlap": float(overlap),
        "mutual_information": float(aligned),
        "mutual_information_gain": float(aligned / max(*shifted, 1e-9) - 1),
        "determinant": float(np.linalg.det(matrix[:3, :3])),
        "coverage": coverage,
    }
    verdict, reason = _verdict(checks)
    return Registration(verdict, reason, None if verdict == "failed" else matrix, checks)


def _verdict(checks: dict[str, float]) -> tuple[str, str]:
    overlap, gain = checks["brain_overlap"], checks["mutual_information_gain"]
    if not DETERMINANT[0] <= checks["determinant"] <= DETERMINANT[1]:
        return (
            "failed",
            f"The brain would have to be scaled by {checks['determinant']:.2f} in volume to fit the template.",
        )
    if overlap < LIMITED_OVERLAP:
        return "failed", f"The template's brain overlaps the patient's by a Dice of {overlap:.2f} only."
    if gain < LIMITED_GAIN:
        return "failed", "The template fits no better than when it is shifted by 12 mm."
    if overlap < GOOD_OVERLAP or gain < GOOD_GAIN or checks["coverage"] < COVERAGE:
        return "limited", (
            f"Brain overlap {overlap:.2f} (Dice), {100 * checks['coverage']:.0f} % of the template's brain in the field of view; "
            "regions are approximate."
        )
    return "good", f"Brain overlap {overlap:.2f} (Dice); left and right follow the image's stored orientation."


def _mutual_information(a: np.ndarray, b: np.ndarray, bins: int = 32) -> float:
    """In nats, of two samples, over equal-frequency bins."""
    edges = [np.unique(np.percentile(v, np.linspace(0, 100, bins + 1)[1:-1])) for v in (a, b)]
    joint = np.histogram2d(np.digitize(a, edges[0]), np.digitize(b, edges[1]), bins=(bins, bins))[0]
    joint /= joint.sum()
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    present = joint > 0
    return float((joint[present] * np.log(joint[present] / outer[present])).sum())


def _on_patient(array: np.ndarray, template: Template, grid: Canonical, matrix: np.ndarray) -> np.ndarray:
    to_index = np.linalg.inv(template.affine) @ matrix @ grid.affine
    return ndimage.affine_transform(array, to_index[:3, :3], to_index[:3, 3], grid.image.shape, order=1)


def _coarse(template: Template) -> tuple[np.ndarray, np.ndarray, float]:
    smooth = ndimage.gaussian_filter(template.image, 0.8)[::2, ::2, ::2]
    return smooth, template.affine[:3, 3], 2.0


def _image(array: np.ndarray, origin: np.ndarray, spacing: float) -> sitk.Image:
    """RAS millimetres are used as they are: both images and the transform stay in RAS, nothing is converted to LPS."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.astype(np.float32).T))
    image.SetOrigin(tuple(map(float, origin)))
    image.SetSpacing((float(spacing),) * 3)
    return image


def _box(mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Robust bounding box in millimetres of a mask on a grid along the axes."""
    index = np.argwhere(mask)[::7]
    low, high = np.percentile(index, [0.5, 99.5], axis=0)
    a, b = affine[:3, :3] @ low + affine[:3, 3], affine[:3, :3] @ high + affine[:3, 3]
    return np.minimum(a, b), np.maximum(a, b)
