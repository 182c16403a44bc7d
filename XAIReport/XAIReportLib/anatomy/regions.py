"""What a mask projects onto: size, side, and the atlas regions under it."""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.transform import Transform
from XAIReportLib.case import Case
from XAIReportLib.results import AtlasRegion, MaskGeometry, RegionOverlap

OTHER, OTHER_LOBE = "white matter / other", "other"
ONE_SIDE_PERCENT = 90.0
SEARCH_MM = (15.0, 60.0)  # how far from a mask the nearest region is looked for, first and at most


def measure(name: str, mask: np.ndarray, case: Case, transform: Transform | None) -> MaskGeometry:
    """Size and place of a mask. The side is where MNI152's midline (x = 0) lies in the patient; 90 % must be on one side."""
    index = np.argwhere(mask)
    count = len(index)
    if case.affine is None or count == 0:
        return MaskGeometry(name, count, None if case.affine is None else 0.0, None, None, None)
    ras = index @ case.affine[:3, :3].T + case.affine[:3, 3]
    side = left = None
    if transform is not None:
        side, left = side_of(transform.to_mni(ras)[:, 0])
    centroid = tuple(float(v) for v in ras.mean(axis=0))
    return MaskGeometry(name, count, count * case.voxel_ml, centroid, side, left)


def side_of(x: np.ndarray) -> tuple[str, float]:
    """Side of points and their share left of the midline in percent, from where they lie in MNI152 (x, mm)."""
    left = float(100 * ((x < 0).mean() + 0.5 * (x == 0).mean()))
    return "left" if left >= ONE_SIDE_PERCENT else "right" if left <= 100 - ONE_SIDE_PERCENT else "midline", left


def overlaps(
    name: str,
    mask: np.ndarray,
    case: Case,
    labels: np.ndarray,
    probability: np.ndarray,
    regions: dict[int, AtlasRegion],
    region_voxels: np.ndarray,
    intervals: Mapping[int, tuple[float, float]] | None = None,
    cut: Container[int] = (),
) -> list[RegionOverlap]:
    """Rows of one mask, largest first; they sum to 100 %. Tissue without a label is one "other" row, with the named region
    that lies nearest to most of it and the median distance to that region in millimetres of the patient.

    Args:
        labels, probability: on the case's grid; region_voxels: count of each label in the whole volume.
        intervals: lowest and highest percent of the mask by label (intervals.py).
        cut: labels of regions that the field of view cuts (field_of_view.py): of these no share can be known.
    """
    inside = mask.astype(bool)
    total = int(inside.sum())
    if total == 0:
        return []
    here, chance = labels[inside], probability[inside]

    def around(label: int, share: float) -> dict[str, float]:
        """The interval may come from a sample of the mask; the share itself is always in it."""
        if intervals is None:
            return {}
        low, high = intervals.get(label, (share, share))
        return {"percent_low": min(low, share), "percent_high": max(high, share)}

    rows = []
    for label in np.unique(here[here > 0]):
        part = here == label
        region = regions[int(label)]
        chances = chance[part]
        rows.append(
            RegionOverlap(
                name, region.name, region.lobe, region.side,
                overlap_ml=float(part.sum() * case.voxel_ml),
                percent_of_mask=float(100 * part.sum() / total),
                percent_of_region=None if label in cut else float(100 * part.sum() / region_voxels[label]),
                mean_probability=float(chances.mean() / 100) if chances.any() else None,
                **around(int(label), float(100 * part.sum() / total)),
            )
        )  # fmt: skip
    unnamed = inside & (labels == 0)
    if unnamed.any():
        nearest, distance = _nearest(unnamed, labels, case, regions)
        rows.append(
            RegionOverlap(
                name, OTHER, OTHER_LOBE, None,
                overlap_ml=float(unnamed.sum() * case.voxel_ml),
                percent_of_mask=float(100 * unnamed.sum() / total),
                percent_of_region=None, mean_probability=None, nearest=nearest, nearest_mm=distance,
                **around(0, float(100 * unnamed.sum() / total)),
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: -row.percent_of_mask)


def _nearest(
    unnamed: np.ndarray, labels: np.ndarray, case: Case, regions: dict[int, AtlasRegion]
) -> tuple[str | None, float | None]:
    spacing, found = np.array(case.spacing_mm), np.argwhere(unnamed)
    for reach in SEARCH_MM:
        margin = np.ceil(reach / spacing).astype(int)
        low = np.maximum(found.min(axis=0) - margin, 0)
        high = np.minimum(found.max(axis=0) + margin + 1, labels.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        part, where = labels[box], unnamed[box]
        if not part.any():
            continue
        distance, index = ndimage.distance_transform_edt(part == 0, sampling=tuple(spacing), return_indices=True)
        if distance[where].max() <= reach:  # nothing nearer lies outside the box
            break
    if not part.any():
        return None, None
    labels_near = part[tuple(axis[where] for axis in index)]
    most = int(np.bincount(labels_near).argmax())
    region = regions[most]
    side = f"{region.side.capitalize()} " if region.side else ""
    return f"{side}{region.name}", float(np.median(distance[where][labels_near == most]))
