"""Thompson sampling: minimize one function drawn from the posterior (see ``surrogates.gp.pathwise``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from smbo.acquisition.base import Criterion, Search
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.feasibility import Feasibility
from smbo.acquisition.optimize import Effort, maximize
from smbo.errors import RecipeError
from smbo.surrogates.base import (
    DifferentiablePosterior,
    FunctionDraw,
    Memory,
    PathwisePosterior,
    Posterior,
)
from smbo.surrogates.gp.fourier_features import FourierFeatures
from smbo.surrogates.gp.kernels import Features, Matern52
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# The covariance of a draw's prior part has an error of about 1/√(frequencies).
_N_FREQUENCIES = 512
# Each draw is a criterion of its own, so that every point needs a search.
_PER_DRAW = Effort(n_candidates=256, n_local=16, n_starts=4, n_calls=20, n_rounds=1)
# Evaluated points around which local candidates are drawn.
_N_CENTRES = 4


@dataclass(frozen=True)
class ThompsonSampling:
    """Minus one function drawn from the posterior, plus the logarithm of feasibility.

    Example: ``Recipe(GP(), ThompsonSampling())``

    Minima of different draws differ, so that pending points need no fantasies: a proposal costs the
    same with a thousand of them as with none.

    Attributes:
        seed: of the draw; a proposal sets its own.
        n_frequencies: of the features that make up a draw.

    >>> recipe = Recipe(GP(), ThompsonSampling())
    """

    seed: int = 0
    n_frequencies: int = _N_FREQUENCIES
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_context: ClassVar[bool] = True
    needs_fantasies: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.n_frequencies < 1:
            raise RecipeError(f"n_frequencies={self.n_frequencies!r}: one at least is needed")

    def seeded(self, seed: int) -> ThompsonSampling:
        """Return the acquisition with the draw of a seed."""
        return replace(self, seed=seed)

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        rng = np.random.default_rng([self.seed, len(data.pending)])
        function = draw(posterior, data, rng, self.n_frequencies)
        mean, _ = function.posterior.moments(data.points)
        return drawn_criterion(function, Feasibility.of(data), float(mean.std()))

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return the minima of n functions drawn from the posterior, (n, d), and an empty memory.

        Minima of different draws differ: pending points are excluded, without fantasies.
        """
        data, taken = search.data, search.taken
        mean, _ = search.posterior.moments(data.points)
        centres = data.points[np.argsort(mean, kind="stable")[:_N_CENTRES]]
        found: list[Array] = []
        for _ in range(search.n):
            criterion = self.seeded(int(search.rng.integers(2**32))).build(search.posterior, data)
            point = maximize(
                criterion, search.space, search.rng, start_points=centres, exclude=taken, effort=_PER_DRAW
            )
            found.append(point)
            taken = taken.with_points(point[None])
        return np.stack(found), {}


def draw(
    posterior: Posterior, data: TrainingData, rng: np.random.Generator, n_frequencies: int
) -> FunctionDraw:
    """Return a function drawn from a posterior.

    A pathwise draw where the posterior has one.  Otherwise the mean plus the standard deviation times a
    smooth field of variance one: the marginals are exact, the correlations between points are the
    field's.
    """
    if isinstance(posterior, PathwisePosterior):
        return posterior.function_draw(rng, n_frequencies)
    features = Features.of(data.axes)
    means, _ = Priors().moments(len(data.axes))
    lengths = np.exp(means[: len(data.axes)])[features.columns]
    field = FourierFeatures.of(Matern52(), 1.0, len(lengths), n_frequencies, rng)
    return MarginalDraw(normal(posterior), field, features, lengths)


@dataclass(frozen=True, eq=False)
class MarginalDraw:
    """mean + std × field: a draw whose every value has the posterior's distribution.

    Attributes:
        posterior: that is drawn from.
        field: on features over ``lengths``, of variance one.
        features: the map from unit points to features.
        lengths: of each feature, (D,).
    """

    posterior: Posterior
    field: FourierFeatures
    features: Features
    lengths: Array

    def __call__(self, points: Array) -> Array:
        mean, std = self.posterior.moments(points)
        return np.asarray(mean + std * self.field(self.features.encode(points) / self.lengths))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        assert isinstance(self.posterior, DifferentiablePosterior)
        mean, std, mean_slope, std_slope = self.posterior.moments_and_gradients(points)
        field, to_scaled = self.field.with_slope(self.features.encode(points) / self.lengths)
        smooth = self.features.coordinates
        field_slope = np.zeros_like(points)
        field_slope[:, self.features.columns[smooth]] = (to_scaled / self.lengths)[:, smooth]
        slope = mean_slope + field[:, None] * std_slope + std[:, None] * field_slope
        return np.asarray(mean + std * field), slope


@dataclass(frozen=True, eq=False)
class _Drawn:
    function: Callable[[Array], Array]
    feasibility: Feasibility | None
    weight: float

    def __call__(self, points: Array) -> Array:
        worth = -self.function(points)
        if self.feasibility is None:
            return worth
        return worth + self.weight * self.feasibility.log_probability(points)


@dataclass(frozen=True, eq=False)
class _DifferentiableDrawn(_Drawn):
    function: FunctionDraw

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        values, slope = self.function.with_gradient(points)
        if self.feasibility is None:
            return -values, -slope
        log_p, log_p_slope = self.feasibility.with_gradient(points)
        return self.weight * log_p - values, self.weight * log_p_slope - slope


def drawn_criterion(function: FunctionDraw, feasibility: Feasibility | None, weight: float) -> Criterion:
    """Return minus a draw plus a weight times log feasibility, with gradients where the draw has any."""
    if isinstance(function.posterior, DifferentiablePosterior):
        return _DifferentiableDrawn(function, feasibility, weight)
    return _Drawn(function, feasibility, weight)
