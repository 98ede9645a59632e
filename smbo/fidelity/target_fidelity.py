"""Results at several fidelities as values at one, for surrogates of a single fidelity (as in BOHB).

A model of the highest fidelity alone has too few values for long, one of the lowest alone prefers
points that learn fast to points that are good in the end.  As in BOHB (Falkner et al. 2018) the target is
the highest fidelity with enough results; trials that did not reach it are not left out, but get the value
that a line through the results of the other trials predicts for them there.

Measured on learning curves (docs/notes/fidelity.md): moving every value to the highest fidelity
at once, by a shift or by a line, found worse optima for the same cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from smbo.training_data import Array

MIN_RESULTS = 8  # needed at the target fidelity: a few more than fitting a line takes
_MIN_PAIRS_FOR_A_LINE = 3
_MIN_SLOPE = 0.1  # of the line: keeps the order of the lower rung, if little, where it looks like noise


def at_target_fidelity(values: Sequence[Mapping[float, float]]) -> Array:
    """Return one value for each trial, shape (n,), as if all had been evaluated at one fidelity.

    The target is the highest fidelity with ``MIN_RESULTS`` results, or the lowest where none has so many.
    The value of a trial that did not reach it is read off a line through the trials with results at both
    of two successive rungs, rung by rung.  The value of a trial that began above it is taken as it is.

    Args:
        values: of each trial by fidelity, finite and minimised; at least one each.
    """
    fidelities = sorted({fidelity for each in values for fidelity in each})
    counts = {fidelity: sum(fidelity in each for each in values) for fidelity in fidelities}
    target = max((fid for fid in fidelities if counts[fid] >= MIN_RESULTS), default=fidelities[0])
    reached = np.array([max((fid for fid in each if fid <= target), default=max(each)) for each in values])
    moved = np.array([each[fidelity] for each, fidelity in zip(values, reached)])
    for low, high in pairwise([fidelity for fidelity in fidelities if fidelity <= target]):
        pairs = [(each[low], each[high]) for each in values if low in each and high in each]
        if pairs:
            below = reached <= low
            moved[below] = _predicted(moved[below], np.array(pairs))
    return moved


def _predicted(values: Array, pairs: Array) -> Array:
    """Return the values at the next rung, predicted from values at one rung by a line, same shape.

    Args:
        pairs: results of the same trials at both rungs, shape (n, 2), n > 0.
    """
    before, after = pairs.T
    if len(pairs) < _MIN_PAIRS_FOR_A_LINE or not np.ptp(before) > 0:
        return values + np.median(after - before)
    slope = np.cov(before, after)[0, 1] / before.var(ddof=1)
    # promoted trials are the best of their rung: they must not reverse the order of the others
    return after.mean() + np.clip(slope, _MIN_SLOPE, 1.0) * (values - before.mean())
