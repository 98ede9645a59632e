"""Local refinement: expected improvement by a Gaussian process fitted to the neighbours of the best point.

A GP over the whole space resolves values to a fraction of their spread, and near the optimum they differ by
less: its expected improvement stays near the optimum without converging.  A quadratic is determined by as
many values as it has coefficients, so a GP of the nearest, on their scale, gains digits each evaluation.

Source: Powell (2002), "UOBYQA: unconstrained optimization by quadratic approximation", for how many points;
    Regis (2016), "Trust regions in Kriging-based optimization with expected improvement", for improvement
    within a box around the best.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Criterion, DifferentiableCriterion
from smbo.acquisition.expected_improvement import LogExpectedImprovement, normal
from smbo.acquisition.feasibility import Feasibility
from smbo.surrogates.base import LearnedProcess, Posterior
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.kernels import SquaredExponential
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.training_data import Array, Axis, TrainingData

Columns: TypeAlias = NDArray[np.intp]

# Evaluations beyond a quadratic's coefficients; with fewer a GP over the whole space does as well.
_N_BEYOND_QUADRATIC = 4
# Noise, as a share of the values' variance, beyond which the best value is the luckiest: no refinement.
_MOST_NOISE_SHARE = 1e-3
# Points nearer to each other than this have nearly equal values: nothing is left to learn.
_LEAST_RADIUS, _LEAST_SPREAD = 1e-5, 1e-9
# This share of the box of the nearest points, around the best one, is searched: in a corner with few
# points the expected improvement is large and wrong, and the box must shrink.
_SEARCHED_SHARE = 0.5
# Length scales in that box are about its edge, and values there are smooth and exact.
_PRIORS = Priors(log_length=(0.3, 0.7), log_amplitude=(1.0, 2.0), log_noise=(-16.0, 1.0))
_LOCAL_GP = GP(kernel=SquaredExponential(), bend_values=False, priors=_PRIORS)
# Penalty by distance from the box: the logarithm of the improvement varies by tens within it.
_STEEPNESS = 50.0
# Gains below this share of the values' spread do not count.
_LEAST_GAIN = 1e-6


def refinement(posterior: Posterior, data: TrainingData) -> Criterion | None:
    """Return expected improvement in a box around the best evaluation, by a GP of the points in it.

    None where refinement would not help: with few points, with noise, without a continuous axis, where
    the posterior is not that of one GP, and where nothing is left to gain.  Coordinates that are not
    continuous are fixed; the box spans the nearest (d + 1) (d + 2) / 2 points, so that it shrinks as
    they approach.
    """
    latent = normal(posterior)
    smooth = np.flatnonzero([axis.kind == "continuous" for axis in data.axes])
    if not isinstance(latent, LearnedProcess) or data.outputs is not None or latent.noise > _MOST_NOISE_SHARE:
        return None
    n_wanted = (len(smooth) + 1) * (len(smooth) + 2) // 2
    rows = _like_best(data, smooth)
    if not len(smooth) or len(rows) < n_wanted + _N_BEYOND_QUADRATIC:
        return None
    best = data.points[rows[np.argmin(data.values[rows])]]
    away = np.abs(data.points[rows][:, smooth] - best[smooth])
    lengths = latent.axis_lengths[smooth]
    nearest = np.argsort(((away / lengths) ** 2).sum(axis=1), kind="stable")[: n_wanted + 1]
    radius = np.maximum(away[nearest].max(axis=0), _LEAST_RADIUS)
    inside = rows[(away <= radius * (1 + 1e-9)).all(axis=1)]
    if radius.max() <= _LEAST_RADIUS or np.ptp(data.values[inside]) <= _LEAST_SPREAD * data.values.std():
        return None
    box = _Box(best, smooth, radius)
    return _Refined(box, _within(box, data, inside), Feasibility.of(data))


def n_without_digit(data: TrainingData) -> int:
    """Return how many evaluations, by trial number, followed the last that gained a digit."""
    feasible = data.values[data.feasible]
    return data.n_since_gain(_LEAST_GAIN * float(feasible.std())) if len(feasible) else 0


def _like_best(data: TrainingData, smooth: Columns) -> NDArray[np.intp]:
    """Return the feasible rows that differ from the best one in continuous coordinates only."""
    feasible = np.flatnonzero(data.feasible)
    if not len(feasible):
        return feasible
    best = data.points[feasible[np.argmin(data.values[feasible])]]
    others = np.delete(np.arange(len(data.axes)), smooth)
    return feasible[(data.points[np.ix_(feasible, others)] == best[others]).all(axis=1)]


@dataclass(frozen=True, eq=False)
class _Box:
    """A box around a point.

    Attributes:
        centre: unit point, (d,).
        smooth: continuous columns, in which the box has an extent, (k,).
        radius: half of its edges, (k,).
    """

    centre: Array
    smooth: Columns
    radius: Array

    def coordinates(self, points: Array) -> Array:
        """Return unit points (m, d) in coordinates in which the box is the unit cube, shape (m, k)."""
        return np.asarray(0.5 + (points[:, self.smooth] - self.centre[self.smooth]) / (2.0 * self.radius))

    def elsewhere(self, points: Array) -> Array:
        """Return the offsets of unit points (m, d) from the box in the fixed coordinates, shape (m, d)."""
        away = points - self.centre
        away[:, self.smooth] = 0.0
        return away


def _within(box: _Box, data: TrainingData, rows: NDArray[np.intp]) -> DifferentiableCriterion:
    """Return expected improvement by a GP of these rows, over the box's coordinates."""
    axes = tuple(Axis(data.axes[column].name, "continuous") for column in box.smooth)
    local = TrainingData.of_values(
        axes, box.coordinates(data.points[rows]), data.values[rows], data.variances[rows]
    )
    posterior = _LOCAL_GP.fit(local)
    pending = box.coordinates(data.pending)
    is_near = ((pending >= 0.0) & (pending <= 1.0)).all(axis=1) & ~box.elsewhere(data.pending).any(axis=1)
    if is_near.any():
        local = replace(local, pending=pending[is_near])
        posterior = posterior.fantasize(pending[is_near])
    criterion = LogExpectedImprovement().build(posterior, local)
    assert isinstance(criterion, DifferentiableCriterion)
    return criterion


@dataclass(frozen=True, eq=False)
class _Refined:
    """A criterion within a box, minus a penalty by the distance from it."""

    box: _Box
    criterion: DifferentiableCriterion
    feasibility: Feasibility | None

    def __call__(self, points: Array) -> Array:
        return self.with_gradient(points)[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        where = self.box.coordinates(points)
        inside = np.clip(where, 0.5 - 0.5 * _SEARCHED_SHARE, 0.5 + 0.5 * _SEARCHED_SHARE)
        beyond, elsewhere = where - inside, self.box.elsewhere(points)
        worth, to_where = self.criterion.with_gradient(inside)
        worth = worth - _STEEPNESS * ((beyond**2).sum(axis=1) + 100.0 * (elsewhere**2).sum(axis=1))
        slope = -200.0 * _STEEPNESS * elsewhere
        to_where = np.where(beyond == 0.0, to_where, 0.0) - 2.0 * _STEEPNESS * beyond
        slope[:, self.box.smooth] = to_where / (2.0 * self.box.radius)
        if self.feasibility is None:
            return worth, slope
        log_p, log_p_slope = self.feasibility.with_gradient(points)
        return worth + log_p, slope + log_p_slope
