"""Models of the outcome constraints: a Gaussian process over the slack of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from smbo.surrogates import linalg
from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernel_selection import learned_noise
from smbo.training_data import Array, OutcomeConstraintValues, TrainingData

# Slacks are modelled by their logarithm on either side of zero where one is so many times larger than most:
# the boundary matters, and one slack far from it would set the scale of all.
_FAR_RATIO = 8.0
# Share of learned noise in a slack's variance from which an observed sign may be due to noise, and
# evaluations from which the learned noise is trusted.
_LEAST_NOISE_SHARE, _FEWEST_NOISY = 0.05, 20
# Slacks of engineering problems are powers and quotients of the axes: with input warping half as many
# evaluations classify the sides of a boundary.  No kernel selection: of slacks with steps, such as counts
# behind a cut, the squared exponential misclassified more than Matérn, despite its higher likelihood.
_SLACK_GP = GP(bend_values=False, warp_axes=True)
_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class SlackModel:
    """A Gaussian process over one constraint's slack.

    Attributes:
        process: over the transformed slack, which keeps sign and zero.
    """

    process: GPPosterior

    @classmethod
    def of(cls, data: TrainingData, column: int) -> SlackModel | None:
        """Return the posterior of a slack with fantasies at pending points, None where no slack is known.

        While no feasible point is known, pending points count as infeasible, so that the search for
        the first feasible point looks elsewhere.
        """
        told = told_slack(data, column)
        if told is None:
            return None
        assert data.outcome_constraints is not None
        process, _ = _trained(told, data.outcome_constraints, column)
        posterior = process.fit(told)
        pending = data.pending
        if len(pending) == 0:
            return cls(posterior)
        if data.feasible.any():
            return cls(posterior.fantasize(pending))
        mean, std = posterior.moments(pending)
        return cls(posterior.condition_on(pending, np.minimum(mean, -std)))

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return n joint draws of whether the slack is not negative at unit points (m, d), shape (m, n)."""
        return np.asarray(linalg.draws(*self.process.joint(points), n, rng) >= 0.0)

    def log_probability(self, points: Array) -> Array:
        """Return the log probability that the slack is not negative at unit points (m, d), (m,)."""
        mean, std = self.process.moments(points)
        return np.asarray(log_ndtr(mean / std))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return ``log_probability``, (m,), and its gradient, (m, d)."""
        mean, std, mean_slope, std_slope = self.process.moments_and_gradients(points)
        z = mean / std
        log_p = log_ndtr(z)
        # φ(z) / Φ(z); far out it tends to -z, and both logarithms lose their digits
        hazard = np.where(z < -1e4, -z, np.exp(-0.5 * z**2 - _LOG_ROOT_TWO_PI - log_p))
        z_slope = (mean_slope - z[:, None] * std_slope) / std[:, None]
        return log_p, hazard[:, None] * z_slope


def told_slack(data: TrainingData, column: int) -> TrainingData | None:
    """Return training data whose values are one constraint's transformed slacks, None without any."""
    assert data.outcome_constraints is not None
    slacks = data.outcome_constraints.values[:, column]
    rows = np.flatnonzero(np.isfinite(slacks))
    if len(rows) == 0:
        return None
    values, variances = slacks[rows], data.outcome_constraints.variances[rows, column]
    reach = float(np.median(np.abs(values)))
    if 0.0 < _FAR_RATIO * reach < float(np.abs(values).max()):
        variances = variances / (reach + np.abs(values)) ** 2
        values = np.sign(values) * np.log1p(np.abs(values) / reach)
    return TrainingData.of_values(data.axes, data.points[rows], values, variances)


def learned(data: TrainingData, memories: Sequence[Memory]) -> TrainingData:
    """Return the training data with the memories of the trained surrogates of its slacks.

    Args:
        memories: of the previous proposal, one for each constraint; () at first.
    """
    slacks = data.outcome_constraints
    if slacks is None:
        return data
    before = replace(slacks, learned=tuple(memories))
    found: list[Memory] = []
    for column in range(len(slacks.names)):
        told = told_slack(data, column)
        found.append({} if told is None else dict(_trained(told, before, column)[1]))
    return replace(data, outcome_constraints=replace(slacks, learned=tuple(found)))


def probably_feasible(data: TrainingData) -> NDArray[np.bool_]:
    """Return which evaluations count as feasible, (n,).

    As recorded, except that a noisy slack counts by the sign of its posterior mean.

    Args:
        data: with the memories of the trained surrogates of the slacks.
    """
    noisy = noisy_columns(data)
    if not noisy:
        return data.feasible
    slacks = data.outcome_constraints
    assert slacks is not None
    feasible = slacks.is_explained & ~data.is_outside
    here = data.without_pending()
    for column, values in enumerate(slacks.values.T):
        belief = SlackModel.of(here, column) if column in noisy else None
        if belief is None:
            feasible &= ~(values < 0.0)
        else:
            feasible &= belief.process.moments(data.points)[0] >= 0.0
    return feasible


def noisy_columns(data: TrainingData) -> list[int]:
    """Return the constraints whose observed slacks may have the wrong sign, due to noise."""
    slacks = data.outcome_constraints
    return [] if slacks is None else [k for k in range(len(slacks.names)) if _is_noisy(slacks, k)]


def _is_noisy(slacks: OutcomeConstraintValues, column: int) -> bool:
    given = slacks.variances[:, column]
    if 2 * int(np.isfinite(given).sum()) > len(given):
        return bool(np.nanmax(given) > 0.0)
    if len(given) < _FEWEST_NOISY or column >= len(slacks.learned):
        return False
    noise = learned_noise(slacks.learned[column])
    return noise is not None and noise > _LEAST_NOISE_SHARE


def _trained(told: TrainingData, slacks: OutcomeConstraintValues, column: int) -> tuple[GP, Memory]:
    memory = slacks.learned[column] if column < len(slacks.learned) else {}
    return _SLACK_GP.train(told, memory)
