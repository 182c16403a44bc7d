"""Slices in true anatomical orientation, whatever the order and direction in which the voxels are stored.

Radiological convention: the patient's left at the viewer's right, anterior or superior at the top; in sagittal slices
the nose at the viewer's left. A picture without geometry stays as it is stored, and its sides are those of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np

from ..case import Case

PLANES = ("axial", "coronal", "sagittal")
_THROUGH = {"axial": 2, "coronal": 1, "sagittal": 0}  # the RAS axis that a plane's slices are counted along
_LETTERS = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}  # at the left, right, top and bottom edge
OBLIQUE_DEGREES = 5.0


@dataclass(frozen=True)
class Orientation:
    """How the voxels of a case are turned for display.

    Attributes:
        turn: nibabel's orientation that brings the stored axes to the nearest of right, anterior, superior; None for a
            picture without geometry.
        spacing_mm: along the turned axes; None without geometry.
        tilt_degrees: largest angle between a turned axis and the patient's.
        only: the plane of a single slice with geometry; None for a volume and a picture.
    """

    turn: np.ndarray | None
    spacing_mm: tuple[float, float, float] | None
    tilt_degrees: float
    only: str | None = None

    @classmethod
    def of(cls, case: Case) -> Orientation:
        if case.affine is None:
            return cls(None, None, 0.0)
        turn = nib.orientations.io_orientation(case.affine)
        directions = np.empty((3, 3))
        spacing = np.empty(3)
        for stored, (axis, sign) in enumerate(turn):
            column = case.affine[:3, stored] * sign
            spacing[int(axis)] = np.linalg.norm(column)
            directions[:, int(axis)] = column / np.linalg.norm(column)
        tilt = float(np.degrees(np.arccos(np.clip(np.diag(directions), -1, 1)).max()))
        through = {axis: plane for plane, axis in _THROUGH.items()}[int(turn[2, 0])]
        return cls(turn, tuple(float(edge) for edge in spacing), tilt, through if case.is_slice else None)

    def turned(self, array: np.ndarray) -> np.ndarray:
        """``array`` of the case's grid along the axes right, anterior, superior; as stored without geometry."""
        return array if self.turn is None else nib.orientations.apply_orientation(array, self.turn)

    def turned_affine(self, case: Case, box: tuple[slice, slice, slice]) -> np.ndarray | None:
        """From voxels of the turned grid, cut to ``box``, to RAS millimetres; None without geometry."""
        if self.turn is None:
            return None
        affine = case.affine @ nib.orientations.inv_ornt_aff(self.turn, case.image.shape)
        affine[:3, 3] += affine[:3, :3] @ [edge.start for edge in box]
        return affine

    @property
    def planes(self) -> tuple[str, ...]:
        if self.only is not None:
            return (self.only,)
        return ("picture",) if self.turn is None else PLANES

    def panel(self, turned: np.ndarray, plane: str, index: int) -> np.ndarray:
        """The slice as it is drawn: rows from the top, columns from the viewer's left."""
        if plane == "picture":
            return turned[:, :, index].T
        return np.take(turned, index, axis=_THROUGH[plane])[::-1, ::-1].T

    def pixel_mm(self, plane: str) -> tuple[float, float]:
        """Height and width of a panel's pixel in millimetres; 1 by 1 (pixels) without geometry."""
        if self.spacing_mm is None:
            return 1.0, 1.0
        across, down = (axis for axis in range(3) if axis != _THROUGH[plane])
        return self.spacing_mm[down], self.spacing_mm[across]

    def place(self, plane: str, voxel: tuple[int, int, int]) -> int:
        """Index of the slice of ``plane`` through a turned voxel."""
        return voxel[2 if plane == "picture" else _THROUGH[plane]]

    def edge_names(self, plane: str) -> tuple[str, str, str, str]:
        """What lies at the left, right, top and bottom edge of a panel."""
        return ("image left", "image right", "", "") if plane == "picture" else tuple(_LETTERS[plane])


def largest_section(mask: np.ndarray) -> tuple[int, int, int]:
    """The turned voxel where the three sections of ``mask`` are largest, each along its own axis."""
    return tuple(int(mask.sum(axis=tuple(a for a in range(3) if a != axis)).argmax()) for axis in range(3))


def focus(lesion: np.ndarray, heat: np.ndarray | None, head: np.ndarray) -> tuple[int, int, int]:
    """The turned voxel to show: the largest section of the lesion, else the heat map's peak, else the head's centre."""
    if lesion.any():
        return largest_section(lesion)
    if heat is not None and heat.max() > 0:
        return tuple(int(i) for i in np.unravel_index(heat.argmax(), heat.shape))
    return centre(head)


def centre(head: np.ndarray) -> tuple[int, int, int]:
    """Middle of the head's bounding box, or of the grid where there is no head."""
    return tuple((box.start + box.stop - 1) // 2 for box in bounding_box(head, 0))


def bounding_box(mask: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """Of ``mask`` and ``margin`` voxels around it; the whole grid for an empty mask."""
    if not mask.any():
        return tuple(slice(0, n) for n in mask.shape)
    ends = []
    for axis, size in enumerate(mask.shape):
        filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        ends.append(slice(max(int(filled[0]) - margin, 0), min(int(filled[-1]) + 1 + margin, size)))
    return tuple(ends)
