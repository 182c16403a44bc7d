"""The segmented abnormalities in MNI152, seen through the brain from four sides (nilearn's glass brain)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import ndimage

from ..case import Case
from . import drawing
from .languages import Language
from .wording import RESEARCH_USE

STEP_MM = 2.0
_SIDES = {"l": "AP", "y": "RL", "r": "PA", "z": "RL"}  # nilearn's views, and what lies at the left and right edge
_TURNED = "yz"  # nilearn draws these with the patient's left at the viewer's left
LOW_MM, HIGH_MM = np.array([-96.0, -132.0, -78.0]), np.array([96.0, 96.0, 114.0])


def in_mni(mask: np.ndarray, case: Case, to_mni: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A mask (bool, on the case's grid) on cubic voxels of MNI152: float32 0 or 1, and affine.

    Thick voxels are cut into parts no longer than STEP_MM, so that none of MNI152 is missed between them.
    """
    shape = np.ceil((HIGH_MM - LOW_MM) / STEP_MM).astype(int) + 1
    affine = np.diag([STEP_MM] * 3 + [1.0])
    affine[:3, 3] = LOW_MM
    found = np.zeros(shape, bool)
    parts = np.maximum(np.ceil(np.array(case.spacing_mm) / STEP_MM), 1).astype(int)
    index = np.argwhere(mask).astype(float)
    for n in np.ndindex(*parts):
        offset = (np.array(n) + 0.5) / parts - 0.5
        points = to_mni((index + offset) @ case.affine[:3, :3].T + case.affine[:3, 3])
        place = np.rint((points - LOW_MM) / STEP_MM).astype(int)
        place = place[((place >= 0) & (place < shape)).all(axis=1)]
        found[tuple(place.T)] = True
    return ndimage.binary_closing(found).astype(np.float32), affine


def draw_glass_brain(
    mask: np.ndarray, case: Case, to_mni: Callable[[np.ndarray], np.ndarray], path: Path, words: Language
) -> Path:
    """Views from the left, the front, the right and below: in the second and the last the patient's left is at the viewer's
    right, as in the slices. The views from a side show what lies on it."""
    # Imported here: nilearn brings scikit-learn and takes seconds.
    import nibabel as nib
    from nilearn.plotting import plot_glass_brain

    values, affine = in_mni(mask, case, to_mni)
    # A figure without pyplot, which would open a window for it: outside of the main thread macOS ends the process for that.
    figure = Figure(figsize=(drawing.INCHES, 2.7), facecolor=drawing.BACKGROUND)
    FigureCanvasAgg(figure)
    shown = plot_glass_brain(
        None, display_mode="lyrz", figure=figure, black_bg=True, annotate=False, axes=(0.0, 0.1, 1.0, 0.9)
    )
    with warnings.catch_warnings():  # of a hemisphere that the mask does not touch
        warnings.filterwarnings("ignore", "Warning: converting a masked element to nan")
        shown.add_contours(
            nib.Nifti1Image(values, affine), levels=[0.5], filled=True, colors=[drawing.LESION], transparency=0.75
        )
    for view, names in _SIDES.items():
        axes = shown.axes[view].ax
        if view in _TURNED:
            axes.invert_xaxis()
        drawing.letters(axes, (*names, "", ""), 0.93 if view in _TURNED else 0.07)  # away from those beside it
    note = "segmented abnormality in MNI152; L and R are the patient's left and right"
    figure.text(0.988, 0.03, words.label(note), color=drawing.INK, fontsize=10, ha="right", va="bottom")
    figure.text(0.012, 0.03, words.label(RESEARCH_USE), color=drawing.SOFT, fontsize=9, va="bottom")
    figure.savefig(path, dpi=drawing.DPI, facecolor=drawing.BACKGROUND, metadata={"Software": None})
    return path
