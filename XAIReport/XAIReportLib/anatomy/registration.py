"""The patient brought to MNI152: an affine transform from several starts, then a smooth displacement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from XAIReportLib.anatomy.atlas import Template, load_template
from XAIReportLib.anatomy.canonical import Canonical, to_canonical
from XAIReportLib.anatomy.deformation import GRID_MM, deform
from XAIReportLib.anatomy.field_of_view import FieldOfView
from XAIReportLib.anatomy.quality import (
    SCALP_AND_SKULL_MM,
    Patient,
    judge,
    mutual_information,
    pull_brain,
    pull_linear,
    sound,
)
from XAIReportLib.anatomy.single_slice import oblique_degrees
from XAIReportLib.anatomy.syn import syn
from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case
from XAIReportLib.results import DEFORMABLE_STEPS, Cancelled, Registration

WORKING_MM = 2.0
# A skull-stripped brain of an adult has 1.0 to 1.8 litres (MNI152 itself 1.9); a head with skull and scalp has more than
# this, and the bone is dark: a quarter of what lies 3 to 14 mm deep in the upper 90 mm has less than this share of the
# intensity of what lies deeper.
HEAD_WITH_SKULL_ML, BONE = 1900.0, 0.45
SEED = 1
LESION_MARGIN_MM = 4.0
SKULL_REACH_MM, EMPTY_REACH_MM = 6.0, 16.0  # how far around the brain the metric looks
SKULL_MARGIN_MM, EMPTY_MARGIN_MM = 2.0, 6.0  # and the deformable step
SMOOTHINGS = 6  # at most, of a displacement that is no anatomy
SMOOTHING = 1.0  # each of them, in voxels of the grid
CUT_MARGIN_MM = 8.0  # how far from a cut the deformable step stays
CUT_ACROSS = 0.3  # of an axis in a cut's normal, from which on the cut hides where the brain ends along it


def register(
    case: Case,
    lesion: np.ndarray,
    cancelled: Callable[[], bool] | None = None,
    deformable: str | None = DEFORMABLE_STEPS[0],
) -> tuple[Registration, Transform | None]:
    """Affine registration by Mattes mutual information from several starts, then the deformable step (deformation.py); the
    lesion is left out of both metrics (cost-function masking, Brett et al. 2001, doi 10.1006/nimg.2001.0845).
    The affine transform is judged by itself first: where it fails, the registration has failed. Deterministic. The transform is
    None unless the verdict is good or limited.

    Args:
        deformable: among DEFORMABLE_STEPS ("syn": syn.py); None: the affine transform alone.

    Raises:
        Cancelled: between two starts or steps. InputError: "syn" where antspyx is not installed or fails.
    """
    if case.affine is None:
        return Registration("not_possible", "The picture has no geometry, so no atlas can be laid over it.", None), None
    if case.is_slice:
        oblique = oblique_degrees(case.affine)
        reason = "A single slice cannot be registered, so no atlas is laid over it."
        if oblique:
            reason = (
                f"A single slice cannot be registered, so no atlas is laid over it; it lies {oblique:.0f}° oblique, so that no "
                "level and no lobe is told."
            )
        return Registration("not_possible", reason, None), None
    template = load_template()
    patient = _patient(case, lesion)
    if patient.brain.sum() * WORKING_MM**3 < 200e3:
        return Registration("failed", "Less than 200 ml of brain is in the field of view.", None), None

    stop = stopping(cancelled)
    fixed = _image(patient.grid.image, patient.grid.origin_mm, WORKING_MM)
    moving = _image(*_coarse(template))
    grown = ndimage.binary_dilation(patient.grid.lesion, iterations=int(LESION_MARGIN_MM / WORKING_MM))
    # Around a stripped brain the emptiness must count, or a template that is too large costs nothing.
    margin = int((SKULL_REACH_MM if patient.with_skull else EMPTY_REACH_MM) / WORKING_MM)
    reach = ndimage.binary_dilation(patient.brain, iterations=margin) & patient.grid.covered & ~grown
    fixed_mask = sitk.Cast(_image(reach.astype(np.float32), patient.grid.origin_mm, WORKING_MM), sitk.sitkUInt8)
    best: tuple[float, sitk.AffineTransform] | None = None
    for start in _starts(patient, template):
        stop()
        transform, cost = _optimise(fixed, fixed_mask, moving, start, (4,), 60)
        if best is None or cost < best[0]:
            best = cost, transform
    affine, _ = _optimise(fixed, fixed_mask, moving, best[1], (2, 1), 60)
    matrix = np.eye(4)
    linear = np.array(affine.GetMatrix()).reshape(3, 3)
    centre = np.array(affine.GetCenter())
    matrix[:3, :3] = linear
    matrix[:3, 3] = np.array(affine.GetTranslation()) + centre - linear @ centre
    transform = Transform(matrix)
    done = judge(patient, template, transform, reach)
    # A displacement fits almost anything to almost anything: it must not lift an affine transform that failed.
    if deformable and done.verdict != "failed":
        step = {"correlation": deform, "syn": syn}[deformable]
        # The emptiness behind a cut is in what the step compares near it.
        seen = patient.grid.covered
        if len(patient.cuts):
            seen = ndimage.binary_erosion(seen, iterations=int(CUT_MARGIN_MM / WORKING_MM), border_value=1)
        refined = _refined(patient, template, matrix, seen & ~grown, step, stop)
        # The step is kept only where the images agree better by another measure than it climbed, nothing folds, and what
        # comes of it passes, too.
        better = _agreement(patient, template, refined, reach) > _agreement(patient, template, transform, reach)
        if better and sound(refined):
            judged = judge(patient, template, refined, reach)
            if judged.verdict != "failed":
                done, transform = judged, refined
    return done, None if done.patient_to_mni is None else transform


def stopping(cancelled: Callable[[], bool] | None) -> Callable[[], None]:
    """A function that raises Cancelled once ``cancelled`` returns True."""

    def stop() -> None:
        if cancelled and cancelled():
            raise Cancelled("stopped during the registration")

    return stop


def _refined(
    patient: Patient,
    template: Template,
    matrix: np.ndarray,
    allowed: np.ndarray,
    step: Callable[..., np.ndarray],
    stop: Callable[[], None],
) -> Transform:
    """The affine transform with the displacement that a deformable step finds, looking where it is ``allowed`` to."""
    coarse = round(GRID_MM / WORKING_MM)
    grid = patient.grid
    template_here = pull_linear(template, Transform(matrix), grid)
    margin = SKULL_MARGIN_MM if patient.with_skull else EMPTY_MARGIN_MM
    brain = pull_brain(template, Transform(matrix), grid)
    weight = ndimage.binary_dilation(brain, iterations=int(margin / WORKING_MM)) & allowed
    low, high = np.percentile(grid.image[weight], [1, 99])
    fixed = np.clip((grid.image - low) / max(high - low, 1e-6), -0.2, 1.5)
    take = (slice(None, None, coarse),) * 3

    def smaller(array: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(array, 0.42 * np.sqrt(coarse**2 - 1))[take].astype(np.float32)

    u = step(smaller(fixed), smaller(template_here), weight[take], stop) * np.float32(GRID_MM)
    affine = grid.affine.copy()
    affine[:3, :3] *= coarse
    return _smoothed(Transform(matrix, u, affine))


def _smoothed(transform: Transform) -> Transform:
    """The displacement smoothed until it changes no volume by more than anatomy does (``sound``), a few times at most.

    Ventricles many times as large as the template's bring it there; without the step, or with all of it smoothed from the
    beginning, they would stay where the affine transform has them.
    """
    for _ in range(SMOOTHINGS):
        if sound(transform):
            break
        u = np.stack([ndimage.gaussian_filter(c, SMOOTHING) for c in transform.displacement])
        transform = replace(transform, displacement=u)
    return transform


def _agreement(patient: Patient, template: Template, transform: Transform, reach: np.ndarray) -> float:
    return mutual_information(patient.grid.image[reach], pull_linear(template, transform, patient.grid)[reach])


def _patient(case: Case, lesion: np.ndarray) -> Patient:
    grid = to_canonical(case.image, case.affine, case.head, lesion.astype(bool), WORKING_MM)
    field = FieldOfView(case.image, case.affine, case.head)
    if len(field.cuts):
        covered = grid.covered.copy()
        covered[covered] = field.holds(np.argwhere(covered) * grid.spacing_mm + grid.origin_mm)
        grid = replace(grid, covered=covered)
    if _has_skull(grid):
        return Patient(grid, _brain_of_head(grid), True, field.cuts)
    return Patient(grid, ndimage.binary_fill_holes(grid.head), False, field.cuts)


def _has_skull(grid: Canonical) -> bool:
    if grid.head.sum() * WORKING_MM**3 / 1000 < HEAD_WITH_SKULL_ML:
        return False
    depth = ndimage.distance_transform_edt(grid.head, sampling=WORKING_MM)
    top = np.flatnonzero(grid.head.any(axis=(0, 1)))[-1]
    seen = grid.head & ~grid.lesion
    seen[:, :, : max(0, top - int(90 / WORKING_MM))] = False
    shell, core = grid.image[seen & (depth > 3) & (depth < 14)], grid.image[seen & (depth > 18) & (depth < 45)]
    if not len(shell) or not len(core):
        return True
    outside = grid.image[~grid.head & grid.covered]
    air = float(np.median(outside)) if len(outside) else 0.0
    return float(np.percentile(shell, 25)) - air < BONE * (float(np.median(core)) - air)


def _brain_of_head(grid: Canonical) -> np.ndarray:
    """A rough brain: what lies inside scalp and skull in the upper 130 mm of the head."""
    depth = ndimage.distance_transform_edt(grid.head, sampling=WORKING_MM)
    heights = np.flatnonzero(grid.head.any(axis=(0, 1)))
    top = heights[-1] + 1
    brain = depth > SCALP_AND_SKULL_MM
    brain[:, :, : max(0, int(top - 142 / WORKING_MM))] = False
    return brain


def _starts(patient: Patient, template: Template) -> list[sitk.AffineTransform]:
    """Patient to MNI: centres of the brains' boxes laid on each other, sizes matched, with some pitches of the head."""
    low, high = _box(patient.brain, patient.grid.affine)
    mni_low, mni_high = _box(template.image > 0, template.affine)
    if patient.with_skull or patient.grid.covered.all():
        # The lower end is neck or base of the skull: the top and the template's height say where the centre is.
        low = low.copy()
        low[2] = max(low[2], high[2] - 138.0)
    scale = np.clip((mni_high - mni_low) / np.maximum(high - low, 1.0), 0.8, 1.25)
    centre, mni_centre = (low + high) / 2, (mni_low + mni_high) / 2
    # Where the brain is cut its end is not known: the other end and the scale of the axes that are whole say where it is.
    cut_high, cut_low = ((side * patient.cuts[:, :3] > CUT_ACROSS).any(axis=0) for side in (1, -1))
    whole = ~(cut_low | cut_high | (False, False, patient.with_skull))
    scale[~whole] = np.exp(np.log(scale[whole]).mean()) if whole.any() else 1.0
    scale[2] = np.sqrt(scale[0] * scale[1]) if patient.with_skull else scale[2]
    half = (mni_high - mni_low) / 2 / scale
    centre = np.where(cut_high & ~cut_low, low + half, np.where(cut_low & ~cut_high, high - half, centre))
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
