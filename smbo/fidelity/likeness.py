"""Results at several fidelities as values at one: what a model that knows of one fidelity is told.

A model of the values at one fidelity alone would have to leave out either the many cheap results or the
few dear ones.  Here each trial counts once, by its result at the highest fidelity that it reached,
moved to where a result at the highest of all would be expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from smbo.evidence import Array


def alike(values: Sequence[Mapping[float, float]]) -> Array:
    """Return one value for each trial, as if all had been evaluated at the highest fidelity of them.

    From each rung to the next a value moves by the median of what the trials with results at both
    gained; where there are none, by nothing.

    Args:
        values: of each trial by fidelity, finite and minimised; at least one each.
    """
    levels = sorted({level for each in values for level in each})
    reached = np.array([max(each) for each in values])
    moved = np.array([each[max(each)] for each in values])
    for low, high in pairwise(levels):
        gains = [each[high] - each[low] for each in values if low in each and high in each]
        if gains:
            moved[reached <= low] += np.median(gains)
    return moved
