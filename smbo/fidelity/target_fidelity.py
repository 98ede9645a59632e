"""Results at several fidelities as values at one: what a model that knows of one fidelity is told.

A model of the dearest values alone has too few of them for long, one of the cheapest alone prefers
what is quick to what is good in the end.  As in BOHB (Falkner et al. 2018) the model is of the highest
fidelity at which there are enough results; trials that did not get so far are not left out, but told
with the value that the results of others let expect for them there.

Measured on learning curves (docs/notes/fidelity.md): moving every value to the highest fidelity
at once, by a shift or by a line, found worse optima for the same cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from smbo.training_data import Array

ENOUGH = 8  # results at a fidelity, for a model of it: a few more than a line through them needs
_FEWEST_FOR_A_LINE = 3
_LEAST_SLOPE = 0.1  # the order of the lower rung counts for a little even where it seems to be chance


def alike(values: Sequence[Mapping[float, float]]) -> Array:
    """Return one value for each trial, as if all had been evaluated at one fidelity.

    That is the highest with ``ENOUGH`` results, or the lowest where none has so many.  What a trial
    that did not get there would have had is read off a line through the trials with results at
    both of two successive rungs, rung by rung.  What began above it counts as it is.

    Args:
        values: of each trial by fidelity, finite and minimised; at least one each.
    """
    levels = sorted({level for each in values for level in each})
    counts = {level: sum(level in each for each in values) for level in levels}
    target = max((level for level in levels if counts[level] >= ENOUGH), default=levels[0])
    reached = np.array([max((lv for lv in each if lv <= target), default=max(each)) for each in values])
    moved = np.array([each[level] for each, level in zip(values, reached)])
    for low, high in pairwise([level for level in levels if level <= target]):
        pairs = [(each[low], each[high]) for each in values if low in each and high in each]
        if pairs:
            below = reached <= low
            moved[below] = _expected(moved[below], np.array(pairs))
    return moved


def _expected(values: Array, pairs: Array) -> Array:
    """Return what values at one rung let expect at the next, same shape.

    Args:
        pairs: results of the same trials at both, shape (n, 2), n > 0.
    """
    before, after = pairs.T
    if len(pairs) < _FEWEST_FOR_A_LINE or not np.ptp(before) > 0:
        return values + np.median(after - before)
    slope = np.cov(before, after)[0, 1] / before.var(ddof=1)
    # those that went on are the best of the rung: never trust them to turn the order of the others round
    return after.mean() + np.clip(slope, _LEAST_SLOPE, 1.0) * (values - before.mean())
