"""Winsorize penalties: values told for crashed evaluations, moved next to the worst of the others.

People tell 1e12, 1e30 or the largest float where an evaluation crashed.  On the scale of such a value all
others are one number, and a process with a cliff of that height says nothing about them.  Only what a
surrogate sees is moved; the log keeps what was told.

Penalties are told from a long tail by a gap: nothing lies between them and a group of lower values that is
narrow beside it.  Tukey's fence, by the quartiles, fails where more than a quarter of the evaluations crashed
(Tukey 1977, "Exploratory Data Analysis"; Hastings et al. 1947 for winsorizing).
"""

from __future__ import annotations

import numpy as np

from smbo.training_data import Array

# A gap this many times as wide as all values below it separates penalties; of penalties that are one number,
# moving which changes no order, far less is enough.
_WIDTHS, _WIDTHS_OF_ONE_NUMBER = 1e3, 10.0
# Of losses of vector outputs, which are their squares, and of which several decades are usual.
_WIDTHS_OF_LOSSES = 1e8
# So many values are needed below the gap, one of them among the first ones: a search that converges has its
# best values far below all others too, but none of its first ones.
_LEAST_BELOW, _N_FIRST = 3, 10
# Values that differ by less than this share of others are one number up to rounding; see ``_is_rounding``.
_ROUNDING, _LEAST_PENALTY = 1e-14, 1e5
# Penalties move to the lowest value plus so many widths of the values below the gap.  Measured with penalties
# of 1, 5, 100 and 1e6 times the values' scale, see docs/notes/regret.md.
_MOVED_TO = 2.0


def winsorized(values: Array, *anchors: float) -> Array:
    """Return values in which penalties are moved to twice the range of the others; the same array if none is.

    Args:
        values: lower is better, NaN where unknown, in the order of trial numbers, shape (n,).
        anchors: numbers that count as values below the gap, so that a moved value stays on its side of them.

    >>> winsorized(np.array([1.0, 3.0, 2.0, 1e30]))
    array([1., 3., 2., 5.])
    """
    below = _below_gap(values, anchors, _WIDTHS, _WIDTHS_OF_ONE_NUMBER)
    if below is None:
        return values
    low, high = below
    return np.where(values > high, low + _MOVED_TO * (high - low), values)


def is_moved(winsorized_values: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which of winsorized values are penalties that were moved, shape (n,).

    By where they stand; a highest value that stands there by itself counts as one.

    >>> is_moved(winsorized(np.array([1.0, 3.0, 2.0, 1e30])))
    array([False, False, False,  True])
    """
    values = winsorized_values
    top = values.max(initial=-np.inf)
    others = values[values < top]
    if len(others) < _LEAST_BELOW:
        return np.zeros(len(values), dtype=np.bool_)
    low, high = others.min(), others.max()
    return np.asarray((values == top) & (top == low + _MOVED_TO * (high - low)))


def with_errors(values: Array, variances: Array, *anchors: float) -> tuple[Array, Array]:
    """Return winsorized values, and variances of which those of moved values shrink as the values do."""
    moved = winsorized(values, *anchors)
    if moved is values:
        return values, variances
    with np.errstate(invalid="ignore", divide="ignore"):
        shrunk = np.fmin(np.abs(moved / values), 1.0)  # a value nearer to 0 than where it is moved to stays
        return moved, np.where(moved == values, variances, variances * shrunk**2)


def winsorized_on_both_sides(values: Array, *anchors: float) -> Array:
    """Return values without penalties above or below the others, see ``winsorized``."""
    moved = _both(values, anchors)
    if len(
        values
    ):  # beside a penalty on the other side none is told; from the median up or down there is none
        middle = float(np.median(np.where(np.isfinite(moved), moved, 0.0)))
        moved = np.where(moved > middle, _both(np.maximum(moved, middle), anchors), moved)
        moved = np.where(moved < middle, _both(np.minimum(moved, middle), anchors), moved)
    return moved


def _both(values: Array, anchors: tuple[float, ...]) -> Array:
    return -winsorized(-winsorized(values, *anchors), *(-anchor for anchor in anchors))


def is_penalty(losses: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which losses of vector outputs are those of crashed evaluations, shape (n,)."""
    below = _below_gap(losses, (), _WIDTHS_OF_LOSSES, _WIDTHS_OF_LOSSES)
    return losses > (np.inf if below is None else below[1])


def _below_gap(
    values: Array, anchors: tuple[float, ...], widths: float, widths_of_one_number: float
) -> tuple[float, float] | None:
    """Return the lowest and the highest of the values below the gap, None without a gap."""
    known = values[np.isfinite(values)]
    if len(known) <= _LEAST_BELOW:
        return None
    ordered = np.sort(np.concatenate([known, anchors]) if anchors else known)
    # halved, as the difference of the largest float and a negative number is no float
    above = 0.5 * ordered - 0.5 * ordered[0]
    width, following = above[_LEAST_BELOW - 1 : -1], above[_LEAST_BELOW:]
    is_one_number = (ordered[_LEAST_BELOW:] == ordered[-1]) & (ordered[-2] == ordered[-1])
    with np.errstate(over="ignore"):
        is_gap = following > np.where(is_one_number, widths_of_one_number, widths) * width
    if anchors:  # they are below the gap: three p-values of next to nothing are no reason to move all others
        is_gap &= ordered[_LEAST_BELOW - 1 : -1] >= max(anchors)
    first = known[:_N_FIRST].min()
    # values below that are equal up to their last digits are no narrow group: they are a plateau
    least = _ROUNDING * np.maximum.accumulate(np.abs(ordered))[_LEAST_BELOW - 1 : -1]
    for gap in np.flatnonzero(is_gap & (width > least)).tolist():
        high = float(ordered[_LEAST_BELOW - 1 + gap])
        if first <= high and not _is_rounding(float(width[gap]), known[known > high]):
            return float(ordered[0]), high
    return None


def _is_rounding(width: float, above: Array) -> bool:
    """Return whether values below a gap, half so wide, are one number up to rounding, those above regular.

    On a face of the box, say, a function may be 0 but for its last digit (1e-17).  Regular values above
    differ from each other; most penalties are one number, and people who make others up begin far higher.
    """
    most_frequent = int(np.unique(above, return_counts=True)[1].max())
    is_regular = 2 * most_frequent <= len(above) and float(np.abs(above).max()) < _LEAST_PENALTY
    return is_regular and width < _ROUNDING * float(np.abs(above).min())
