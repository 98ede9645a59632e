"""A set of unit points: the evaluated, failed and pending ones, which may not be proposed again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from smbo.space.space import Space
from smbo.training_data import Array

_PER_UNIT = 1e9  # two snapped rows that agree to nine decimals are the same point
_NEAR = 1e-8  # coordinates that round to the same differ by less


class PointSet:
    """Unit points, compared to nine decimals.

    Making keys of all points takes longer than a proposal of a space-filling design.  In an infinite space
    a design looks up few points, so these are compared by one continuous coordinate first.

    Args:
        known: unit points, each (k, d).
        column: of a continuous coordinate to compare by; None to make keys of all points.
    """

    def __init__(self, known: Iterable[Array] = (), column: int | None = None) -> None:
        self._column = column
        self._known = tuple(known)
        self._keys = {key for rows in self._known for key in _keys(rows)} if column is None else set()

    @classmethod
    def within(cls, space: Space, known: Iterable[Array]) -> PointSet:
        """Return the set for few look-ups among points of a space."""
        columns = [column for column, axis in enumerate(space.axes) if axis.levels is None]
        return cls(known, columns[0] if space.size is None and columns else None)

    def __contains__(self, row: Array) -> bool:
        (key,) = _keys(row[None])
        if key in self._keys:
            return True
        column = self._column
        if column is None:
            return False
        near = (rows[np.abs(rows[:, column] - row[column]) < _NEAR] for rows in self._known)
        return any(key in _keys(rows) for rows in near)

    def __len__(self) -> int:
        """Return how many there are; compared by a coordinate, those that coincide count each."""
        return len(self._keys) + (0 if self._column is None else sum(map(len, self._known)))

    def add(self, row: Array) -> None:
        """Add one point (d,), in place."""
        self._keys.update(_keys(row[None]))

    def with_points(self, points: Array) -> PointSet:
        """Return the set with more points, (m, d)."""
        extended = PointSet((), self._column)
        extended._known = self._known
        extended._keys = self._keys.union(_keys(points))
        return extended

    def hits(self, points: Array) -> NDArray[np.bool_]:
        """Return which of some snapped points (m, d) are in the set, (m,)."""
        if self._column is None:
            return np.array([key in self._keys for key in _keys(points)], dtype=np.bool_)
        return np.array([row in self for row in points], dtype=np.bool_)


def _keys(points: Array) -> list[bytes]:
    rounded = np.ascontiguousarray(np.rint(points * _PER_UNIT)).astype(np.int64)
    return [row.tobytes() for row in rounded]
