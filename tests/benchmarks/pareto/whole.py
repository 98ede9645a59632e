"""The hypervolume of a problem's whole front, as an integral over its attainment surface.

The volume of n points on a front of three objectives falls short by about 1 / √n of its range, so that no
archive comes near 1e-4.  But the volume is the integral, over all but the last objective, of how far below
the reference the last one can be brought where the others are at most u.  That surface is smooth for the
most part, and the trapezoidal rule on a few hundred nodes a side is enough.  On its nodes it is found by
an evolution that keeps the best point of each cell.
"""

from __future__ import annotations

import numpy as np
from problems import ParetoProblem

_BATCH = 20_000
# Nodes lie closer where an objective is low, for there the others rise.
_POWER = 2.0


def volume(problem: ParetoProblem, rng: np.random.Generator, n_nodes: int, n_batches: int) -> float:
    """Return the hypervolume of the whole front after so many batches of 20,000 evaluations.

    Args:
        n_nodes: a side of the grid over all objectives but the last.
    """
    cells = _Cells(problem, rng, n_nodes)
    for _ in range(n_batches):
        cells.improve(rng)
    return cells.volume()


class _Cells:
    """The lowest last objective that was found in each cell of the others, and where."""

    def __init__(self, problem: ParetoProblem, rng: np.random.Generator, n_nodes: int) -> None:
        self.problem = problem
        low = _ideal(problem, rng)[:-1]
        share = np.linspace(0.0, 1.0, n_nodes) ** _POWER
        self.nodes = [a + (b - a) * share for a, b in zip(low, problem.reference[:-1])]
        self.height = np.full((n_nodes,) * (problem.m - 1), problem.reference[-1])
        self.points = np.zeros((*self.height.shape, problem.d))
        self.add(problem.low + (problem.high - problem.low) * rng.random((10 * _BATCH, problem.d)))

    def add(self, points: np.ndarray) -> None:
        values = self.problem.function(points)
        keep = (values < self.problem.reference).all(axis=1)
        if self.problem.constraint is not None:
            keep &= self.problem.constraint(points)[:, 0] >= 0
        points, values = points[keep], values[keep]
        # the first node at which a point counts; what beats the ideal that was found counts at it
        places = [np.searchsorted(nodes, column) for nodes, column in zip(self.nodes, values.T)]
        cell = np.ravel_multi_index(places, self.height.shape)
        order = np.argsort(values[:, -1], kind="stable")
        cell, first = np.unique(cell[order], return_index=True)
        rows = order[first]
        better = values[rows, -1] < self.height.ravel()[cell]
        self.height.reshape(-1)[cell[better]] = values[rows[better], -1]
        self.points.reshape(-1, self.problem.d)[cell[better]] = points[rows[better]]

    def surface(self) -> np.ndarray:
        """Return the lowest last objective where the others are at most a node's."""
        found = self.height
        for axis in range(found.ndim):
            found = np.minimum.accumulate(found, axis=axis)
        return found

    def improve(self, rng: np.random.Generator) -> None:
        """Move points of the surface towards each other's differences, and a little at random."""
        problem = self.problem
        kept = (self.height <= self.surface()) & (self.height < problem.reference[-1])
        places = np.argwhere(kept)
        points = self.points[kept]
        one = rng.integers(len(points), size=_BATCH)
        # a neighbour on the surface, in the order of the grid or across it, and any other
        beside = np.clip(one + rng.integers(-3, 4, size=_BATCH), 0, len(points) - 1)
        order = np.lexsort(places.T)
        across = np.empty(len(order), dtype=np.intp)
        across[order] = np.arange(len(order))
        other = order[np.clip(across[one] + rng.integers(-3, 4, size=_BATCH), 0, len(points) - 1)]
        chosen = np.where(rng.random(_BATCH) < 0.5, beside, other)
        chosen = np.where(rng.random(_BATCH) < 0.1, rng.integers(len(points), size=_BATCH), chosen)
        moved = points[one] + rng.uniform(-0.5, 1.5, size=(_BATCH, 1)) * (points[chosen] - points[one])
        widths = 10.0 ** rng.uniform(-6.0, -1.0, size=(_BATCH, 1))
        steps = widths * (problem.high - problem.low) * rng.standard_normal(moved.shape)
        steps[rng.random(moved.shape) < 0.5] = 0.0
        moved += np.where(rng.random((_BATCH, 1)) < 0.7, steps, 0.0)
        self.add(np.clip(moved, problem.low, problem.high))

    def volume(self) -> float:
        found = self.problem.reference[-1] - self.surface()
        for nodes in reversed(self.nodes):
            found = np.trapezoid(found, nodes, axis=-1)
        return float(found)


def _ideal(problem: ParetoProblem, rng: np.random.Generator) -> np.ndarray:
    """Return the lowest value of each objective where the others are below the reference, (m,)."""
    span = problem.high - problem.low
    found = np.empty(problem.m)
    for j in range(problem.m):
        points = problem.low + span * rng.random((10 * _BATCH, problem.d))
        for _ in range(60):
            values = problem.function(points)
            far = (values >= problem.reference).sum(axis=1).astype(np.float64)
            if problem.constraint is not None:
                far += problem.constraint(points)[:, 0] < 0
            best = np.lexsort([values[:, j], far])[:200]
            found[j] = values[best[0], j]
            parents = points[best[rng.integers(200, size=4000)]]
            widths = 10.0 ** rng.uniform(-7.0, -0.5, size=(4000, 1))
            steps = widths * span * rng.standard_normal(parents.shape)
            steps[rng.random(parents.shape) < 0.4] = 0.0
            points = np.concatenate([points[best], np.clip(parents + steps, problem.low, problem.high)])
    return found
