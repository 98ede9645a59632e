"""Evaluate beside the best point, to tell noise from small structure (what a nugget stands for)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from smbo.acquisition.base import Acquisition, Criterion, Search
from smbo.acquisition.batch import select
from smbo.acquisition.noisy_expected_improvement import NoisyLogExpectedImprovement
from smbo.surrogates.base import Memory, Posterior
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# How far, in widths of the range.  Points nearer than 1e-9 count as the same; F8F2 (bbob f19), a cosine of a
# steep function, changes by a hundredth of its range over 1e-6.
NEAR = 1e-8


@dataclass(frozen=True)
class NearRepeat:
    """Select a point beside the best evaluated one, and any others by an acquisition.

    Example: ``Recipe(GP(), NearRepeat())``

    Values of points so near differ by noise alone.  An exact repetition would tell as much, and would be
    the only point that a search proposes twice.

    Attributes:
        acquisition: of the other points, and of this one where no continuous axis is free.

    >>> recipe = Recipe(GP(), NearRepeat(LogExpectedImprovement()))
    """

    acquisition: Acquisition = field(default_factory=NoisyLogExpectedImprovement)
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def with_acquisitions(self, change: Callable[[Acquisition], Acquisition]) -> NearRepeat:
        """Return the same with its acquisition changed."""
        return replace(self, acquisition=change(self.acquisition))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the acquisition's criterion."""
        return self.acquisition.build(posterior, data)

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return ``search.n`` new unit points, (n, d), and no memory.

        Raises:
            SpaceExhausted: no n new points were found.
        """
        points = _beside_best(search)
        if len(points) < search.n:
            others = replace(
                search,
                data=search.data.with_pending(points),
                taken=search.taken.with_points(points),
                n=search.n - len(points),
            )
            points = np.concatenate([points, select(others, self.acquisition)])
        return points, {}


def _beside_best(search: Search) -> Array:
    """Return the point beside the lowest feasible value, (1, d); (0, d) where there is none."""
    data, space = search.data, search.space
    smooth = np.array([axis.levels is None for axis in data.axes])
    rows = np.flatnonzero(data.feasible) if data.feasible.any() else np.arange(len(data))
    best = data.points[rows[np.argmin(data.values[rows])]]
    # towards the middle, so that the point stays within the cube
    beside = space.snap(np.where(smooth, best + np.where(best > 0.5, -NEAR, NEAR), best)[None])
    moved = np.abs(beside[0] - best)
    is_usable = 0.0 < moved.max() <= 2.0 * NEAR and bool(space.allowed(beside)[0])
    return beside if is_usable and not search.taken.hits(beside)[0] else beside[:0]
