"""Pareto fronts and their hypervolume: exact volume, box decomposition, reference point, knee; minimised.

Pure functions of arrays: which vectors are nondominated, the exact volume between a front and a
reference point, and that volume's complement as disjoint boxes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smbo.training_data import Array

# Rows up to which all are sorted by fronts, and those of a sample by which more of them are ordered.
_MOST_SORTED, _N_SAMPLE = 4096, 256
# Distance of the reference point beyond the worst values of a front, over its range: the extremes then add
# a little hypervolume.
_REFERENCE_MARGIN = 0.1


def nondominated(values: Array) -> NDArray[np.bool_]:
    """Return which rows of (n, m) no other row dominates, (n,); of equal rows the first alone.

    A row dominates another that is nowhere lower and somewhere higher.
    """
    n = len(values)
    keep = np.ones(n, dtype=np.bool_)
    # in lexicographic order nothing is dominated by what comes later
    order = np.lexsort(values.T[::-1])
    front = np.empty_like(values)
    size = 0
    for row in order:
        if (front[:size] <= values[row]).all(axis=1).any():
            keep[row] = False
            continue
        front[size] = values[row]
        size += 1
    return keep


def fronts_first(values: Array, most: int | None = None) -> NDArray[np.intp]:
    """Return the rows of (n, m) from the best to the worst: by non-dominated sorting, each front spread out.

    Within a front rows far from those before them come first (farthest-point sampling).  Of more than 4,096
    rows only the best are sorted so; all are ordered by how many of an evenly chosen sample dominate
    them (dominance count), then by the sum of their scaled values.

    Args:
        most: how many rows are wanted; None for all.

    Source: Schmucker, Donini, Zafar, Salinas & Archambeau (2021), "Multi-objective Asynchronous
        Successive Halving", which compares this order with others for promotion; the dominance count is
        the rank of Fonseca & Fleming (1993), "Genetic Algorithms for Multiobjective Optimization".
    """
    left, found = np.arange(len(values)), [np.zeros(0, dtype=np.intp)]
    if len(values) > _MOST_SORTED:
        order = _by_dominance_count(values)
        left, found = order[: _MOST_SORTED // 2], [*found, order[_MOST_SORTED // 2 :]]
    sorted_, n_sorted = [], 0
    while len(left) and (most is None or n_sorted < most):
        is_in_front = nondominated(values[left])
        front = left[is_in_front]
        sorted_.append(front[spread_out(scaled_to_front(values[front], values[front]), len(front))])
        left, n_sorted = left[~is_in_front], n_sorted + len(front)
    return np.concatenate([*sorted_, *found])[:most]


def _by_dominance_count(values: Array) -> NDArray[np.intp]:
    """Return the rows of (n, m) by how many of a sample dominate them, then by their scaled sum."""
    sums = scaled_to_front(values, values).sum(axis=1)
    by_sum = np.argsort(sums, kind="stable")
    # half of the sample among the best: there the order matters
    places = np.concatenate([np.arange(_N_SAMPLE // 2), np.linspace(0, len(values) - 1, _N_SAMPLE // 2)])
    columns, counts = np.ascontiguousarray(values.T), np.zeros(len(values), dtype=np.intp)
    for row in by_sum[places.astype(np.intp)]:
        counts += np.logical_and.reduce([column[row] <= column for column in columns])
    return np.lexsort((sums, counts))


def spread_out(values: Array, n: int) -> NDArray[np.intp]:
    """Return up to n rows by farthest-point sampling, beginning with the lowest in the first column."""
    chosen = [int(np.argmin(values[:, 0]))]
    gaps = ((values - values[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < n and gaps.max() > 0.0:
        chosen.append(int(np.argmax(gaps)))
        gaps = np.minimum(gaps, ((values - values[chosen[-1]]) ** 2).sum(axis=1))
    return np.array(chosen, dtype=np.intp)


def hypervolume(values: Array, reference: Array) -> float:
    """Return the exact volume that the rows dominate below the reference.

    Args:
        values: shape (n, m), any order; rows that are dominated or beyond the reference add nothing.
        reference: shape (m,).

    Source: for m > 2 While, Bradstreet & Barone (2012), "A Fast Way of Calculating Exact
        Hypervolumes": the sum of the volumes that each row adds to those after it.
    """
    inside = values[(values < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    return _volume(inside[nondominated(inside)], reference)


def history(values: Array, reference: Array) -> tuple[float, ...]:
    """Return the hypervolume of the first 1, 2, … n of some minimised values (n, m)."""
    found: list[float] = []
    front = values[:0]
    for value in values:
        is_new = (value < reference).all() and not (front <= value).all(axis=1).any()
        if is_new:
            front = np.concatenate([front[~(front >= value).all(axis=1)], value[None]])
        found.append(hypervolume(front, reference) if is_new or not found else found[-1])
    return tuple(found)


def _volume(front: Array, reference: Array) -> float:
    """Return the hypervolume of rows that do not dominate each other."""
    if front.shape[1] == 1:
        return float(reference[0] - front.min())
    if front.shape[1] == 2:
        return _area(front, reference)
    # the worst in the last objective first: few of the rows limited to it stay nondominated
    front = front[np.argsort(-front[:, -1], kind="stable")]
    total = 0.0
    for row, point in enumerate(front):
        alone = float(np.prod(reference - point))
        rest = np.maximum(front[row + 1 :], point)
        if len(rest):
            # all later rows lie below the point in the last objective, and are limited to it there
            flat = rest[:, :-1]
            shared = _volume(flat[nondominated(flat)], reference[:-1])
            alone -= shared * float(reference[-1] - point[-1])
        total += alone
    return total


def _area(front: Array, reference: Array) -> float:
    """Return the area that a front of two objectives dominates, by a sweep."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    above = np.concatenate([reference[1:], front[:-1, 1]])
    return float(((reference[0] - front[:, 0]) * (above - front[:, 1])).sum())


class Boxes(NamedTuple):
    """Disjoint boxes; lower sides may be -inf.

    Attributes:
        lower, upper: corners, each (k, m).
    """

    lower: Array
    upper: Array


def free_boxes(front: Array, reference: Array) -> Boxes:
    """Return the region below the reference that a front does not dominate, as disjoint boxes.

    A vector in one of the boxes would add volume.

    Args:
        front: shape (n, m); rows that are dominated or beyond the reference change nothing.
        reference: shape (m,).

    Source: for m > 2 Lacour, Klamroth & Fonseca (2017), "A box decomposition algorithm to compute the
        hypervolume indicator", applied to the front's local upper bounds.
    """
    m = len(reference)
    front = front[(front < reference).all(axis=1)]
    front = front[nondominated(front)]
    if len(front) == 0:
        return Boxes(np.full((1, m), -np.inf), reference[None, :].astype(np.float64))
    if m == 2:
        return _strips(front, reference)
    bounds = _local_upper_bounds(front, reference, np.full(m, -np.inf))[0]
    # below these corners everything is free: negated, they are a front whose boxes are the ones sought
    corners, definers = _local_upper_bounds(-bounds, np.full(m, np.inf), -reference)
    upper, lower = np.empty_like(corners), -corners
    upper[:, 0], lower[:, 0] = -corners[:, 0], -np.inf
    for j in range(1, m):
        upper[:, j] = -definers[:, :j, j].max(axis=1)
    kept = (lower < upper).all(axis=1)
    return Boxes(lower[kept], upper[kept])


def _strips(front: Array, reference: Array) -> Boxes:
    """Return the free boxes of two objectives: a strip up to each point of the front, and one after."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    edges = np.concatenate([[-np.inf], front[:, 0], reference[:1]])
    tops = np.concatenate([reference[1:], front[:, 1]])
    lower = np.stack([edges[:-1], np.full(len(tops), -np.inf)], axis=1)
    return Boxes(lower, np.stack([edges[1:], tops], axis=1))


def _local_upper_bounds(front: Array, reference: Array, lowest: Array) -> tuple[Array, Array]:
    """Return the maximal corners below which no row of a front lies, (k, m), and the points that define them.

    Row j of a corner's definers (k, m, m) is the point at which its j-th coordinate is: a row of the
    front, or a stand-in that is the reference there and ``lowest`` elsewhere.

    Source: Klamroth, Lacour & Vanderpooten (2015), "On the representation of the search region in
        multi-objective optimization", algorithm 3.
    """
    m = len(reference)
    corners = reference[None, :].astype(np.float64)
    definers = np.tile(lowest.astype(np.float64), (1, m, 1))
    definers[0, np.arange(m), np.arange(m)] = reference
    for point in front:
        hit = (point < corners).all(axis=1)
        if not hit.any():
            continue
        old, theirs = corners[hit], definers[hit]
        new_corners, new_definers = [corners[~hit]], [definers[~hit]]
        for j in range(m):
            others = np.delete(theirs[:, :, j], j, axis=1)
            valid = point[j] >= others.max(axis=1)
            moved, by = old[valid].copy(), theirs[valid].copy()
            moved[:, j] = point[j]
            by[:, j] = point
            new_corners.append(moved)
            new_definers.append(by)
        corners, definers = np.concatenate(new_corners), np.concatenate(new_definers)
    return corners, definers


def reference_by_rule(values: Array) -> Array:
    """Return a reference point for a front (n, m): a tenth of its range beyond its worst values, (m,).

    Where a front has no extent a tenth of the value's own size stands in for it.

    Source: Ishibuchi, Imada, Setoguchi & Nojima (2018), "How to Specify a Reference Point in Hypervolume
        Calculation for Fair Performance Comparison": slightly beyond the nadir point.
    """
    worst, extent = values.max(axis=0), np.ptp(values, axis=0)
    size = np.maximum(np.abs(worst), 1e-12)
    return np.asarray(worst + _REFERENCE_MARGIN * np.where(extent > 1e-12 * size, extent, size))


def knee(values: Array) -> int:
    """Return the row of a front (n, m) that bulges most from the plane through its extremes.

    With each objective scaled to [0, 1] over the front: the lowest sum.

    Source: Chiu, Yen & Juan (2016), "Minimum Manhattan Distance Approach to Multiple Criteria Decision
        Making in Multiobjective Optimization Problems".
    """
    return int(np.argmin(scaled_to_front(values, values).sum(axis=1)))


def closest(values: Array, weights: Array) -> int:
    """Return the row of a front (n, m) with the lowest augmented Chebyshev distance under weights (m,)."""
    return int(np.argmin(chebyshev(scaled_to_front(values, values), weights)))


def chebyshev(scaled: Array, weights: Array) -> Array:
    """Return max_j w_j y_j + 0.05 Σ_j w_j y_j of values (..., m), shape (...).

    Source: Knowles (2006), "ParEGO", eq. 2.
    """
    weighted = scaled * weights
    return np.asarray(weighted.max(axis=-1) + 0.05 * weighted.sum(axis=-1))


def scaled_to_front(values: Array, front: Array) -> Array:
    """Return values (n, m) with the best of a front at 0 and its worst at 1, by objective."""
    low, extent = front.min(axis=0), np.ptp(front, axis=0)
    return np.asarray((values - low) / np.where(extent > 0.0, extent, 1.0))
