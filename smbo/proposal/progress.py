"""How a search progresses: evaluations since the last gain, and the share of noise in the values."""

from __future__ import annotations

import numpy as np

from smbo.surrogates import Memory
from smbo.surrogates.gp.kernel_selection import learned_noise
from smbo.training_data import ObjectiveValues, TrainingData

# About the size of an initial design.
_N_OF_DESIGN = 10


def n_without_gain(data: TrainingData) -> int:
    """Return how many evaluations, by trial number, followed the last improvement of the best value.

    An improvement below a thousandth of the distance from the best value to the median of the first ones
    does not count; the first value counts.  The first ones are spread; a converged search has most values
    near the best, and by the median of all ever smaller improvements would count.
    """
    feasible = data.values[data.feasible]
    if not len(feasible):
        return 0
    scatter = float(np.median(feasible[:_N_OF_DESIGN])) - float(feasible.min())
    return data.n_since_gain(1e-3 * scatter)


def noise_share(data: TrainingData, memory: Memory) -> float | None:
    """Return the share of noise in the variance of the values, None where it is unknown.

    From the given standard errors where most values have one, else from the noise that the last proposal
    learned.
    """
    if has_given_noise(data):
        given = data.variances[np.isfinite(data.variances)]
        spread = float(data.values.var())
        return min(float(np.median(given)) / spread, 1.0) if spread > 0.0 else 1.0
    # learned for standardised values, of which it is a share
    noise = learned_noise(memory.get("surrogate", {}))
    return None if noise is None else min(noise, 1.0)


def largest_noise_share(several: ObjectiveValues, memory: Memory) -> float | None:
    """Return the largest share of noise in the variance of an objective, None where it is unknown."""
    learned = memory.get("surrogate", {}).get("objectives", ())
    shares = []
    for j, (values, variances) in enumerate(zip(several.values.T, several.variances.T)):
        given = variances[np.isfinite(variances)]
        if len(values) >= 2 and 2 * len(given) > len(values):
            spread = float(values.var())
            shares.append(min(float(np.median(given)) / spread, 1.0) if spread > 0.0 else 1.0)
        elif j < len(learned) and (noise := learned_noise(learned[j])) is not None:
            shares.append(min(noise, 1.0))
    return max(shares, default=None)


def has_given_noise(data: TrainingData) -> bool:
    """Return whether most values have a given standard error."""
    return len(data) >= 2 and 2 * int(np.isfinite(data.variances).sum()) > len(data)
