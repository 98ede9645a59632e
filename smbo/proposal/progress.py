"""How a search progresses: evaluations since the last gain, the share of noise, whether values repeat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.near_repeat import NEAR
from smbo.surrogates import Memory
from smbo.surrogates.gp.kernel_selection import learned_noise
from smbo.training_data import Array, ObjectiveValues, TrainingData

# About the size of an initial design.
_N_OF_DESIGN = 10
# Values beside each other agree if they differ by less than this share of ``scatter``.
_AGREE = 1e-3
# Gains below this share of ``scatter`` are little; so many evaluations without more are a long stay, and so
# many a search that has looked elsewhere and found nothing.
_LITTLE, _STAY, _SETTLED = 0.05, 16, 48


def n_without_gain(data: TrainingData) -> int:
    """Return how many evaluations, by trial number, followed the last improvement of the best value.

    An improvement below a thousandth of the distance from the best value to the median of the first ones
    does not count; the first value counts.  The first ones are spread; a converged search has most values
    near the best, and by the median of all ever smaller improvements would count.
    """
    return data.n_since_gain(1e-3 * scatter(data))


def is_long_stay(data: TrainingData) -> bool:
    """Return whether the last evaluations gained little beside the scatter of the first values.

    One of ever smaller gains counts as well as one of none: on the steps of a rough slope there is
    always a next one, and a search that takes them all stays in the basin that it found first.  False
    again where looking elsewhere has found nothing for long.
    """
    unit = scatter(data)
    return unit > 0.0 and _STAY <= data.n_since_gain(_LITTLE * unit) < _SETTLED


def n_active(data: TrainingData) -> int:
    """Return the most axes that an evaluated point has: coordinates of inactive dimensions hold 1/2."""
    return int((data.points != 0.5).sum(axis=1).max()) if len(data) else len(data.axes)


def scatter(data: TrainingData) -> float:
    """Return the distance from the best feasible value to the median of the first ones, 0 without any."""
    feasible = data.values[data.feasible]
    if not len(feasible):
        return 0.0
    # numpy's median of so few takes many times as long, and a proposal asks for it ten times
    first = sorted(feasible[:_N_OF_DESIGN].tolist())
    median = 0.5 * first[(len(first) - 1) // 2] + 0.5 * first[len(first) // 2]
    return float(median - feasible.min())


def has_equal_values(data: TrainingData) -> bool:
    """Return whether two of the lower half of the feasible values are equal to the last digit."""
    lower = np.sort(data.values[data.feasible])[: (len(data) + 1) // 2]
    return bool((np.diff(lower) == 0.0).any())


def repeats_agree(data: TrainingData) -> bool | None:
    """Return whether evaluations beside each other (see ``NearRepeat``) have the same values.

    None where there are none.
    """
    if len(data) < 2:
        return None
    order, near = _neighbours(data.points, data.points[:0])
    if not near.any():
        return None
    gaps = np.abs(np.diff(data.values[order]))[near]
    return bool((gaps <= _AGREE * scatter(data)).all())


def has_steps(data: TrainingData, memory: Memory, least_noise: float, most_noise: float) -> bool:
    """Return whether the values come in steps: some are equal, and not by chance.

    Values of near repeats are equal at any optimum, too: there the process must take the steps for noise,
    of a share of at least ``least_noise``.  Without near repeats the share is at most ``most_noise``: noisy
    values may be equal by rounding.
    """
    share = noise_share(data, memory)
    if share is None or has_given_noise(data) or not has_equal_values(data):
        return False
    agree = repeats_agree(data)
    return share <= most_noise if agree is None else agree and share >= least_noise


def is_probed(data: TrainingData) -> bool:
    """Return whether a failed or pending point lies beside an evaluated one."""
    others = np.concatenate([data.failed, data.pending])
    return len(others) > 0 and bool(_neighbours(data.points, others)[1].any())


def _neighbours(points: Array, others: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the order of all points along the axis of most distinct values, and which are beside the next.

    Only neighbours in this order are compared, (n - 1,): few points agree in a continuous coordinate and not
    in the others.
    """
    joined = np.concatenate([points, others])
    axis = int(np.argmax([len(np.unique(column)) for column in joined.T]))
    order = np.argsort(joined[:, axis], kind="stable")
    return order, np.abs(np.diff(joined[order], axis=0)).max(axis=1) <= 2.0 * NEAR


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
