"""A case with an atlas laid over it, and what is said of a mask there: the analysis and a reader's correction use the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy import ndimage

from XAIReportLib.anatomy.appearance import look_of
from XAIReportLib.anatomy.atlas import Atlas, load_atlas, load_template
from XAIReportLib.anatomy.descriptors import SURFACE, border_mm, distances, gap_mm, neighbours
from XAIReportLib.anatomy.intervals import MOST_POINTS, contacts, distance_intervals, may_be_largest, share_intervals
from XAIReportLib.anatomy.regions import overlaps
from XAIReportLib.anatomy.transform import Transform, pull
from XAIReportLib.case import Case
from XAIReportLib.results import Appearance, AtlasDistance, AtlasRegion, Levels, MaskGeometry, RegionOverlap

FIRST_REACH_MM = 25.0  # how far from a mask the brain's surface is looked for first


@dataclass(frozen=True)
class Surroundings:
    """What lies around a mask, and how bright it is."""

    distances: tuple[AtlasDistance, ...]
    neighbours: tuple[AtlasDistance, ...]
    appearance: Appearance | None

    def of(self, geometry: MaskGeometry) -> MaskGeometry:
        """``geometry`` of the same mask, with these."""
        shape = geometry.descriptors
        if shape is None:
            return geometry
        shape = replace(shape, distances=self.distances, neighbours=self.neighbours)
        return replace(geometry, descriptors=shape, appearance=self.appearance)


@dataclass(frozen=True, eq=False)
class Placed:
    """What masks of a case are compared with.

    Attributes:
        case: with its image, where appearance is asked for.
        labels: the atlas on the case's grid, int16; sizes: voxels of every label.
        reach: how far the registration is moved for intervals, mm; None: no intervals are made.
        levels: of fluid and white matter; None where appearance cannot be compared.
        cut: labels of the regions that the field of view cuts.
    """

    case: Case
    transform: Transform
    atlas: Atlas
    labels: np.ndarray
    sizes: np.ndarray
    reach: float | None
    levels: Levels | None
    cut: tuple[int, ...] = ()

    @cached_property
    def positions(self) -> np.ndarray:
        """The usual atlas on the case's grid: distances are to its positions, whichever atlas the tables name."""
        usual = load_atlas()
        if self.atlas is usual:
            return self.labels
        return pull(usual.labels, usual.affine, self.transform.mni_mm(self.case.affine, self.labels.shape))

    def overlaps(self, name: str, mask: np.ndarray) -> list[RegionOverlap]:
        """Rows of the table of regions of one mask (bool), with intervals."""
        if not mask.any():
            return []
        box = _box(mask)
        probability = np.zeros(mask.shape, self.atlas.probability.dtype)
        probability[box] = pull(self.atlas.probability, self.atlas.affine, self._mni_mm(box))
        shares = None if self.reach is None else share_intervals(self._points(mask), self.reach, self.atlas)
        regions = {region.label: region for region in self.atlas.regions}
        return overlaps(name, mask, self.case, self.labels, probability, regions, self.sizes, shares, self.cut)

    def largest(self, mask: np.ndarray) -> tuple[AtlasRegion, ...]:
        """The regions that may hold the largest share of a mask that is not empty, the most probable first."""
        numbers = may_be_largest(self._points(mask), float(mask.sum() * self.case.voxel_ml), self.atlas)
        regions = {region.label: region for region in self.atlas.regions}
        return tuple(regions[n] for n in numbers)

    def surroundings(self, mask: np.ndarray) -> Surroundings:
        """Distances, neighbours and appearance of a segmented abnormality (bool) that is not empty."""
        affine, regions = self.case.affine, self.atlas.regions
        ways = list(distances(mask, self.positions, load_atlas().regions, affine))
        surface = self._to_surface(mask)
        if surface is not None:
            ways.append(AtlasDistance(SURFACE, surface))
        return Surroundings(
            self._with_intervals(ways, mask),
            neighbours(mask, self.labels, regions, affine),
            look_of(mask, self.levels, self.case),
        )

    def _to_surface(self, mask: np.ndarray) -> float | None:
        """Distance to the brain's surface; looked for near the mask first, since it mostly is. Beyond the field of view there
        is no surface to see: a brain that is cut there does not end there."""
        brain, affine = _brain()
        per_mm = np.linalg.norm(np.linalg.inv(self.case.affine[:3, :3]), axis=1)  # voxels that a way may cross
        reach = FIRST_REACH_MM
        while True:
            box = _box(mask, np.ceil(reach * per_mm).astype(int))
            inside = pull(brain, affine, self._mni_mm(box))
            gap = gap_mm(mask[box], ~inside, self.case.affine)
            # Voxels have an extent, so that the nearest ones may lie farther than the gap.
            if inside.shape == mask.shape or (gap is not None and gap + 2 * max(self.case.spacing_mm) <= reach):
                return gap
            reach *= 2

    def _with_intervals(self, ways: list[AtlasDistance], mask: np.ndarray) -> tuple[AtlasDistance, ...]:
        border = self.transform.to_mni(border_mm(mask, self.case.affine))
        stated = {way.position: way.distance_mm for way in ways}
        said = contacts(border, stated, float(mask.sum() * self.case.voxel_ml))
        ways = [replace(way, contact=said[way.position]) for way in ways]
        if self.reach is None:
            return tuple(ways)
        around = distance_intervals(border, self.reach)
        return tuple(
            replace(way, low_mm=max(0.0, way.distance_mm + low), high_mm=way.distance_mm + high)
            for way in ways
            for low, high in [around[way.position]]
        )

    def _points(self, mask: np.ndarray) -> np.ndarray:
        """The mask's voxels in MNI152, (n, 3) mm; of many voxels every so-manieth."""
        box = _box(mask)
        index = np.argwhere(mask[box]) + [s.start for s in box]
        index = index[:: max(1, len(index) // MOST_POINTS)]
        return self.transform.to_mni(index @ self.case.affine[:3, :3].T + self.case.affine[:3, 3])

    def _mni_mm(self, box: tuple[slice, ...]) -> np.ndarray:
        affine = self.case.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [s.start for s in box]
        return self.transform.mni_mm(affine, tuple(s.stop - s.start for s in box))


def _box(mask: np.ndarray, margin: np.ndarray | int = 0) -> tuple[slice, ...]:
    """The part of the grid that holds a mask that is not empty, wider by ``margin`` voxels."""
    filled = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    low = np.maximum([places[0] for places in filled] - np.asarray(margin), 0)
    high = np.minimum([places[-1] + 1 for places in filled] + np.asarray(margin), mask.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


@lru_cache(maxsize=1)
def _brain() -> tuple[np.ndarray, np.ndarray]:
    """The template's brain, bool, and its affine."""
    template = load_template()
    return ndimage.binary_fill_holes(template.image > 0), template.affine
