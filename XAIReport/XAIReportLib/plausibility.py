"""Whether a case looks like a head MRI at all, by simple statistics that any intensity scale leaves unchanged.

The limits are wide: they turn away other body parts, modalities and pictures, and let every plane, crop and contrast of
a head pass. A head that this lets pass may still be one that a model was not made for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from XAIReportLib.case import Case

# A head's largest edges: a small child's brain is longer than 80 mm, a head with its neck shorter than 320 mm.
MIN_HEAD_MM, MAX_HEAD_MM = 80.0, 320.0
# A single section may be one near the top of the brain.
MIN_SECTION_MM = 50.0
# A brain is at least 80 mm in every direction; less is a slab that misses part of it.
MIN_COVERAGE_MM = 80.0
# Hounsfield units: air at -1000 (and padding below), soft tissue around 0, bone above.
CT_AIR, CT_SOFT_TISSUE, CT_BONE = -500.0, 250.0, 400.0
# T1-weighted series of the head have echo times of 2 to 30 ms, T2-weighted and FLAIR series of 70 to 130 ms.
MAX_T1_ECHO_MS = 60.0
# A head is grey in many steps; label maps and drawings have few.
MIN_GREY_STEPS = 16
# Share of the head at the very highest value: windowing clips fat and vessels, never most of a head.
MAX_SATURATED = 0.4
# Share of the image that is head: less is a small part or scattered marks (volumes have wider margins than pictures).
MIN_HEAD_SHARE = {"picture": 0.08, "volume": 0.02}
# Share of the border that lies inside the head: air surrounds a head on most sides, however tight the crop.
MAX_BORDER_SHARE = 0.5
# Share of its own box that a head fills: it is compact (an ellipse fills 0.79, an ellipsoid 0.52).
MIN_BOX_SHARE = {"picture": 0.5, "volume": 0.25}
# Share of the head as dark as air: sinuses and bone are little, lungs are much.
MAX_AIR_INSIDE = 0.25
# Width to height of a head's box in a picture: every plane of a head is near 1, a chest is wide.
MIN_ASPECT, MAX_ASPECT = 0.5, 1.5
# A picture's head needs some pixels to show anatomy.
MIN_HEAD_PIXELS = 64


def unlike_head_mri(case: Case) -> str | None:
    """One sentence that says why the case does not look like a head MRI; None when it does."""
    return next(_faults(case), None)


def _faults(case: Case) -> Iterator[str]:
    if case.modality != "MR":
        yield f"The image's modality is {case.modality}, not MR."
    if case.echo_time_ms is not None and case.echo_time_ms >= MAX_T1_ECHO_MS:
        yield (
            f"The DICOM header gives an echo time of {case.echo_time_ms:.0f} ms, that of a T2-weighted or FLAIR series; "
            "the model was made for T1."
        )
    if case.coloured:
        yield "The picture is coloured; a head MRI is grey."
    if not case.head.any():
        yield "Nothing in the image stands out from its background like a head."
        return
    yield from _intensity_faults(case)
    yield from _size_faults(case)
    yield from _shape_faults(case)


def _intensity_faults(case: Case) -> Iterator[str]:
    image, head = case.image, case.head
    inside, outside = image[head], image[~head]
    soft_tissue, brightest = float(np.median(inside)), float(inside.max())
    if outside.size and np.median(outside) < CT_AIR and abs(soft_tissue) < CT_SOFT_TISSUE and brightest > CT_BONE:
        yield "The intensities are Hounsfield units, so the image is a CT."
    if np.unique(inside[:: max(1, inside.size // 200_000)]).size < MIN_GREY_STEPS:
        yield "The image has only a few grey values, like a label map or a drawing."
    low, high = float(image.min()), float(image.max())
    if (inside >= high - 0.002 * (high - low)).mean() > MAX_SATURATED:
        yield "Most of the image is saturated."


def _size_faults(case: Case) -> Iterator[str]:
    extent = np.array(_box(case.head).shape)
    if case.is_slice:
        if extent[:2].min() < MIN_HEAD_PIXELS:
            yield f"The head in the picture has only {extent[0]} x {extent[1]} pixels."
        yield from _section_faults(case, extent[:2])
        return
    millimetres = np.sort(extent * np.array(case.spacing_mm))
    shown = " x ".join(f"{value:.0f}" for value in millimetres[::-1])
    if millimetres[2] > MAX_HEAD_MM or millimetres[1] < MIN_HEAD_MM:
        yield f"What the image shows measures {shown} mm, which is not the size of a head."
    if millimetres[0] < MIN_COVERAGE_MM:
        yield f"The image covers {shown} mm, a slab that misses part of the brain."


def _section_faults(case: Case, extent: np.ndarray) -> Iterator[str]:
    """``extent``: of the head in a slice, pixels along (i, j)."""
    if case.spacing_mm is None:
        fits = MIN_ASPECT <= extent[0] / extent[1] <= MAX_ASPECT
    else:
        long, short = sorted(extent * np.array(case.spacing_mm[:2]), reverse=True)
        if not MIN_SECTION_MM <= long <= MAX_HEAD_MM:
            yield f"What the slice shows measures {long:.0f} x {short:.0f} mm, which is not the size of a head."
        fits = short / long >= MIN_ASPECT  # which of the two is its height is another's to say
    if not fits:
        yield "The outline in the picture is too wide or too narrow for a head."


def _shape_faults(case: Case) -> Iterator[str]:
    kind = "picture" if case.is_slice else "volume"
    if case.head.mean() < MIN_HEAD_SHARE[kind]:
        yield "Only a small part of the image stands out from its background, too little for a head."
    if _border_share(case.head) > MAX_BORDER_SHARE:
        yield "The image has content up to its borders; a head is surrounded by air."
    if _box(case.head).mean() < MIN_BOX_SHARE[kind]:
        yield "The outline in the image is not compact like a head."
    if _air_inside(case) > MAX_AIR_INSIDE:
        yield "The outline in the image holds more air than a head, like a chest."


def _box(head: np.ndarray) -> np.ndarray:
    """The head's bounding box."""
    slices = []
    for axis in range(3):
        filled = np.flatnonzero(head.any(axis=tuple(other for other in range(3) if other != axis)))
        slices.append(slice(filled[0], filled[-1] + 1))
    return head[tuple(slices)]


def _border_share(head: np.ndarray) -> float:
    faces = [np.take(head, end, axis).ravel() for axis in range(3) if head.shape[axis] > 1 for end in (0, -1)]
    return float(np.concatenate(faces).mean())


def _air_inside(case: Case) -> float:
    """Share of the head's voxels nearer to the level outside than a tenth of the way up to the level of the head."""
    inside, outside = case.image[case.head], case.image[~case.head]
    if outside.size == 0:
        return 0.0
    air = float(np.median(outside))
    bright = float(np.percentile(inside, 75))
    return float((inside < air + 0.1 * (bright - air)).mean())
