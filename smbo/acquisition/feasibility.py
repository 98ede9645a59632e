"""The probability that an evaluation succeeds and meets the outcome constraints.

Constraints that are comparisons of numbers have a Gaussian process over each slack; all other failures
are learned from labels (1 for success, 0 for failure).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from smbo.acquisition.base import Criterion
from smbo.acquisition.constraint_models import SlackModel
from smbo.surrogates import linalg
from smbo.surrogates.base import Posterior
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters, Priors
from smbo.training_data import Array, TrainingData

# A label of 0 or 1 has a variance of at most 1/4.  The noise lets neighbours differ: a boundary is
# narrower than the length scale.
_AMPLITUDE, _NOISE = 1.0, 0.1
# The criterion has the probability squared: in the worst run of bench_failures 13 % of evaluations 31 to
# 100 fail, and not 21 %.
_EXPONENT = 2.0
# Prior probability that an evaluation fails by chance (a node, a licence).
_CHANCE_OF_FAILURE = 0.05


@dataclass(frozen=True, eq=False)
class Feasibility:
    """The probability that an evaluation succeeds and meets the constraints.

    Attributes:
        parts: models of independent conditions that must all hold.
    """

    parts: tuple[Labels | SlackModel, ...]

    @classmethod
    def of(cls, data: TrainingData) -> Feasibility | None:
        """Return the model fitted to the training data, None where every evaluation was feasible."""
        parts: list[Labels | SlackModel] = []
        labels = Labels.of(data)
        if labels is not None:
            parts.append(labels)
        if data.outcome_constraints is not None:
            beliefs = (SlackModel.of(data, column) for column in range(len(data.outcome_constraints.names)))
            parts += [belief for belief in beliefs if belief is not None]
        return cls(tuple(parts)) if parts else None

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return n joint draws of feasibility at unit points (m, d), shape (m, n)."""
        well = np.ones((len(points), n), dtype=np.bool_)
        for part in self.parts:
            well &= part.draws(points, n, rng)
        return well

    def log_probability(self, points: Array) -> Array:
        """Return the log probability at unit points (m, d), shape (m,)."""
        return np.asarray(sum(part.log_probability(points) for part in self.parts))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return ``log_probability``, (m,), and its gradient, (m, d)."""
        found = [part.with_gradient(points) for part in self.parts]
        return np.asarray(sum(log_p for log_p, _ in found)), np.asarray(sum(slope for _, slope in found))


@dataclass(frozen=True)
class FeasibilityFirst:
    """The probability of feasibility: the acquisition until a feasible point is found."""

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        del posterior
        feasibility = Feasibility.of(data)
        assert feasibility is not None, "nothing is feasible, so there is something to learn from"
        return _LogProbability(feasibility)


@dataclass(frozen=True, eq=False)
class _LogProbability:
    feasibility: Feasibility

    def __call__(self, points: Array) -> Array:
        return self.feasibility.log_probability(points)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        return self.feasibility.with_gradient(points)


@dataclass(frozen=True, eq=False)
class Labels:
    """The probability of success, from labels of success and failure.

    Attributes:
        labels: GP posterior of the labels, 1 for success and 0 for failure.
    """

    labels: GPPosterior

    @classmethod
    def of(cls, data: TrainingData) -> Labels | None:
        """Return the model fitted to the training data, None where no label is 0.

        GP regression of the labels with the length scales at the mode of their prior: no hyperparameters
        to learn, so the cost is one factorisation.
        """
        well = went_well(data)
        if well.all() and len(data.failed) == 0:
            return None
        n_failed, d = data.failed.shape
        points = np.concatenate([data.points, data.failed])
        labels = np.concatenate([well.astype(np.float64), np.zeros(n_failed)])
        rows = TrainingData.of_values(data.axes, points, labels)
        means, _ = Priors().moments(d)
        theta = Hyperparameters(
            tuple(float(mean) for mean in means[:d]), float(np.log(_AMPLITUDE)), float(np.log(_NOISE))
        )
        return cls(GP(hyperparameters=theta).fit(rows))

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return n joint draws of success at unit points (m, d), shape (m, n)."""
        return np.asarray(linalg.draws(*self.labels.joint(points), n, rng) >= 0.5)

    def log_probability(self, points: Array) -> Array:
        """Return the log probability at unit points (m, d), times the exponent, shape (m,)."""
        mean, std = self.labels.moments(points)
        return np.asarray(_EXPONENT * log_ndtr((mean - 0.5) / self._width(std)))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return ``log_probability``, (m,), and its gradient, (m, d)."""
        mean, std, mean_slope, std_slope = self.labels.moments_and_gradients(points)
        width = self._width(std)
        z = (mean - 0.5) / width
        log_p = log_ndtr(z)
        hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) - log_p)
        z_slope = (mean_slope - (z * std / width)[:, None] * std_slope) / width[:, None]
        return np.asarray(_EXPONENT * log_p), np.asarray(_EXPONENT * hazard[:, None] * z_slope)

    @staticmethod
    def _width(std: Array) -> Array:
        # one evaluation does not determine a probability: 1/8 keeps a single failure from excluding
        # its neighbours for good
        return np.sqrt(std**2 + 0.125**2)


def without_chance(data: TrainingData) -> TrainingData:
    """Return the training data without the failures that are more likely due to chance than to their point.

    Each failure is judged by the labels of all others: among successes it is likely due to chance (a
    node died), beside other failures, or far from all evaluations, likely due to the point.
    """
    if len(data.failed) == 0 or not data.feasible.any():
        return data
    found = Labels.of(data)
    assert found is not None, "there are failures"
    labels = found.labels
    means, variances = labels.left_out_moments(first=len(data))
    means, stds = labels.scale.shift + labels.scale.size * means, labels.scale.size * np.sqrt(variances)
    fails_there = ndtr((0.5 - means) / Labels._width(stds))
    is_chance = fails_there < _CHANCE_OF_FAILURE * (1.0 - fails_there)
    return replace(data, failed=data.failed[~is_chance]) if is_chance.any() else data


def went_well(data: TrainingData) -> NDArray[np.bool_]:
    """Return which evaluations are feasible, or infeasible for a reason that is known, (n,).

    It is known of points outside of the present space, and where slacks explain it.
    """
    if data.outcome_constraints is not None:
        return data.outcome_constraints.is_explained
    return data.feasible | data.is_outside if data.outside else data.feasible
