"""A heat map cut at any percentile of the head's values, fast enough to follow a slider."""

from __future__ import annotations

import numpy as np


class PercentileCut:
    """Sorts the head's values once; each cut is then one comparison within the head's box.

    Args:
        values: heat map, float, any shape; head: bool of the same shape, or an empty one for a map without a head.

    Raises:
        ValueError: a value within the head is NaN or infinite; every cut would be an empty mask.
    """

    def __init__(self, values: np.ndarray, head: np.ndarray) -> None:
        self.sorted = np.sort(values[head].astype(np.float32))
        if not np.isfinite(self.sorted[[0, -1]] if len(self.sorted) else 0).all():  # NaN is sorted to the end
            raise ValueError(
                "the heat map holds values within the head that are NaN or infinite, so no percentile of it is known; "
                "make the map again"
            )
        positive = self.sorted[np.searchsorted(self.sorted, 0.0, side="right") :]
        self.lowest = float(positive[0]) if len(positive) else np.inf
        self._box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(head)) if head.any() else None
        self._mask = np.zeros(values.shape, np.uint8)
        if self._box is not None:
            within = values[self._box].astype(np.float32)
            self._within = np.where(head[self._box], within, -np.inf).astype(np.float32)

    def threshold(self, percentile: float) -> float:
        """The value at a percentile (0 to 100) of the head's values, linear between two of them, never 0: dark stays out."""
        if not len(self.sorted):
            return np.inf
        at = np.clip(percentile, 0, 100) / 100 * (len(self.sorted) - 1)
        below = int(at)
        above = min(below + 1, len(self.sorted) - 1)
        value = float(self.sorted[below]) + (at - below) * (float(self.sorted[above]) - float(self.sorted[below]))
        return max(value, self.lowest)

    def percentile_of(self, threshold: float) -> float:
        """Share of the head's values, in percent, that lie at or below a threshold."""
        count = np.searchsorted(self.sorted, np.float32(threshold), side="right")
        return 100.0 * int(count) / max(len(self.sorted), 1)

    def mask(self, percentile: float) -> np.ndarray:
        """uint8, 1 where the map reaches the percentile within the head. The same array is written again by the next call."""
        if self._box is not None:
            np.greater_equal(self._within, np.float32(self.threshold(percentile)), out=self._mask[self._box].view(bool))
        return self._mask
