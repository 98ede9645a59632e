"""The whole front of a problem, by a long evolution with vectorised evaluations (no budget)."""

from __future__ import annotations

import numpy as np
from problems import ParetoProblem

_POPULATION, _GENERATIONS = 400, 1000
_ARCHIVE = {2: 1500, 3: 1000}  # by number of objectives


def front_of(problem: ParetoProblem, rng: np.random.Generator) -> np.ndarray:
    """Return objectives that no other found dominates, (k, m).

    Differential moves and small steps from an archive of the front; where it is full, what lies in
    the emptiest cells of it stays.
    """
    span = problem.high - problem.low
    points = problem.low + span * rng.random((20 * _POPULATION, problem.d))
    archive, values = _front(problem, points)
    for _ in range(_GENERATIONS):
        a, b, c = (archive[rng.integers(len(archive), size=_POPULATION)] for _ in range(3))
        moved = a + rng.choice([0.0, 0.3, 0.7], size=(_POPULATION, 1)) * (b - c)
        widths = 10.0 ** rng.uniform(-4.0, -0.5, size=(_POPULATION, 1))
        steps = widths * span * rng.standard_normal(moved.shape)
        moved += np.where(rng.random(moved.shape) < 0.4, steps, 0.0)
        moved = np.clip(moved, problem.low, problem.high)
        new, new_values = _front(problem, moved)
        is_new = ~(values[None] <= new_values[:, None]).all(axis=2).any(axis=1)
        new, new_values = new[is_new], new_values[is_new]
        keep = ~(new_values[None] <= values[:, None]).all(axis=2).any(axis=1)
        archive, values = np.concatenate([archive[keep], new]), np.concatenate([values[keep], new_values])
        if len(archive) > 1.2 * _ARCHIVE[problem.m]:
            order = np.argsort(-_crowding(values), kind="stable")[: _ARCHIVE[problem.m]]
            archive, values = archive[order], values[order]
    return values


def _front(problem: ParetoProblem, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = problem.function(points)
    keep = (values < problem.reference).all(axis=1)
    if problem.constraint is not None:
        keep &= problem.constraint(points)[:, 0] >= 0
    points, values = points[keep], values[keep]
    keep = _nondominated(values)
    return points[keep], values[keep]


def _nondominated(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    keep = np.ones(len(values), dtype=bool)
    if values.shape[1] == 2:
        order = np.lexsort(values.T[::-1])
        lowest = np.minimum.accumulate(values[order, 1])
        keep[order[1:]] = values[order[1:], 1] < lowest[:-1]
        return keep
    order = np.argsort(values.sum(axis=1), kind="stable")
    left = order
    while len(left):
        row, left = left[0], left[1:]
        beaten = (values[left] >= values[row]).all(axis=1)
        keep[left[beaten]] = False
        left = left[~beaten]
    return keep


def _crowding(values: np.ndarray) -> np.ndarray:
    """Return how far each row's neighbours are in each objective, summed."""
    total = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        gaps = np.full(len(values), np.inf)
        gaps[1:-1] = (ordered[2:] - ordered[:-2]) / max(ordered[-1] - ordered[0], 1e-300)
        total[order] += gaps
    return total
