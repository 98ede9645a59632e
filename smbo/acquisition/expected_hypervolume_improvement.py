"""Expected hypervolume improvement, noiseless (EHVI) and noisy (NEHVI), for several objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from smbo.acquisition.base import Acquisition, Criterion, check_draws
from smbo.acquisition.feasibility import Feasibility
from smbo.acquisition.hypervolume_closed_form import (
    Sides,
    log_expected_volume,
    log_expected_volume_and_slopes,
    volume_of,
)
from smbo.acquisition.noisy_expected_improvement import Draws, draws_at_rows
from smbo.errors import RecipeError
from smbo.problem.hypervolume import free_boxes, nondominated, reference_by_rule, scaled_to_front
from smbo.space.designs import design_rows
from smbo.surrogates import linalg
from smbo.surrogates.base import (
    DifferentiablePosterior,
    ExactProcess,
    LatentObjectives,
    Posterior,
    ResidualPosterior,
)
from smbo.surrogates.gp.kernels import squared_distances
from smbo.training_data import Array, Axis, Target, TrainingData

# Points spread over the cube from which, with the evaluated ones, the extent of the front is estimated.
_N_EVERYWHERE = 512
# An end of the front minimises one objective plus this share of the others, to break near ties.
_SHARE_OF_OTHERS = 0.02


@dataclass(frozen=True)
class LogExpectedHypervolumeImprovement:
    """Logarithm of the hypervolume that an evaluation is expected to add to the front.

    Example: ``Recipe(ModelListGP(), LogExpectedHypervolumeImprovement())``

    The front is that of the posterior means at evaluated feasible points and at pending ones, on the
    scales on which the posteriors are normal; in closed form.

    Source: Emmerich, Yang, Deutz, Wang & Fonseca (2016), "A Multicriteria Generalization of Bayesian
        Global Optimization"; see ``smbo.acquisition.hypervolume_closed_form``.

    >>> recipe = Recipe(ModelListGP(), LogExpectedHypervolumeImprovement())
    """

    serves: ClassVar[frozenset[Target]] = frozenset({Target.OBJECTIVES})

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised.

        Raises:
            RecipeError: the posterior is not one of several objectives.
        """
        belief = latent_objectives(posterior)
        points = data.points[data.feasible]
        known = belief.latent_means(np.concatenate([points, data.pending]))
        reference = reference_of(belief, data, known)
        sides = Sides.of(free_boxes(known, reference))
        if belief.beliefs and data.fidelities is not None:
            return VolumeByMeans(belief, sides, Feasibility.of(data), *data.fidelities.cheapest)
        return VolumeImprovement(belief.latents, sides, Feasibility.of(data))


@dataclass(frozen=True)
class NoisyLogExpectedHypervolumeImprovement:
    """Logarithm of the expected hypervolume improvement on a front that is uncertain due to noise.

    Example: ``Recipe(ModelListGP(), NoisyLogExpectedHypervolumeImprovement())``

    The objectives at evaluated and pending points are drawn from the posterior; each draw has its
    own front and, being noiseless, its own posteriors.

    Source: Daulton, Balandat & Bakshy (2021), "Parallel Bayesian Optimization of Multiple Noisy
        Objectives with Expected Hypervolume Improvement".

    Attributes:
        seed: of the draws; a proposal sets its own.
        n_draws: even; half of them mirror the other half.

    >>> recipe = Recipe(ModelListGP(), NoisyLogExpectedHypervolumeImprovement())
    """

    seed: int = 0
    n_draws: int = 8
    serves: ClassVar[frozenset[Target]] = frozenset({Target.OBJECTIVES})

    def __post_init__(self) -> None:
        check_draws(self.n_draws)

    def seeded(self, seed: int) -> NoisyLogExpectedHypervolumeImprovement:
        """Return the same acquisition with other draws."""
        return replace(self, seed=seed)

    def for_posterior(self, posterior: Posterior) -> Acquisition:
        """Return this acquisition, or the noiseless one where a GP with a trend cannot be drawn alone."""
        parts = latent_objectives(posterior).latents
        has_trend = any(isinstance(part, ResidualPosterior) for part in parts)
        return LogExpectedHypervolumeImprovement() if has_trend else self

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised.

        Raises:
            RecipeError: the posterior is not one of several objectives.
        """
        belief = latent_objectives(posterior)
        rng = np.random.default_rng([self.seed, len(data.pending)])
        draws = [_mirrored_draws(part, self.n_draws, rng) for part in belief.latents]
        values = np.stack([each.values for each in draws], axis=2)  # (rows, draws, objectives)
        n = len(data)
        usable = np.ones(len(values), dtype=np.bool_)
        usable[:n] = data.feasible
        usable[n : n + len(data.failed)] = False  # failed points have no value
        points = data.points[data.feasible]
        known = belief.latent_means(np.concatenate([points, data.pending]))
        reference = _standardised(belief.latents, reference_of(belief, data, known))
        sides = [Sides.of(free_boxes(values[usable, k], reference)) for k in range(self.n_draws)]
        return NoisyVolumeImprovement(belief.latents, draws, sides, Feasibility.of(data))


def latent_objectives(posterior: Posterior) -> LatentObjectives:
    """Return the posterior, checked to be one of several objectives.

    Raises:
        RecipeError: the posterior is not one of several objectives.
    """
    if not isinstance(posterior, LatentObjectives):
        raise RecipeError(
            f"hypervolume improvement is of several objectives, and {type(posterior).__name__} is not; "
            "use ModelListGP with it"
        )
    return posterior


def reference_of(belief: LatentObjectives, data: TrainingData, known: Array) -> Array:
    """Return the reference point on the latent scales, the user's or by rule, (m,).

    The rule: a tenth of the front's range beyond its worst values, the front being that of the posterior
    means over the cube.  The front of the evaluated points alone may be a short piece of it and would
    stay one, since points beyond the reference add no volume.

    Args:
        known: means at feasible evaluated points and at pending ones, (n, m).
    """
    assert data.objective_values is not None
    given = data.objective_values.reference
    if not np.isnan(given).any():
        return belief.to_latent(given)
    if len(known) == 0:  # no feasible point yet: any one improves
        by_rule = belief.latent_means(data.points).max(axis=0)
    else:
        elsewhere = belief.latent_means(_everywhere(data.axes))
        by_rule = reference_by_rule(_extremes(np.concatenate([known, elsewhere])))
    return np.where(np.isnan(given), by_rule, belief.to_latent(np.where(np.isnan(given), 0.0, given)))


def _standardised(parts: Sequence[ExactProcess], values: Array) -> Array:
    """Return a value of each objective on its posterior's standardised scale, (m,)."""
    return np.array([part.scale.to_latent(values[j : j + 1])[0] for j, part in enumerate(parts)])


def _everywhere(axes: tuple[Axis, ...]) -> Array:
    """Return points spread over the unit cube, snapped to the levels of discrete axes, (k, d)."""
    points = design_rows("sobol", len(axes), 0, 0, _N_EVERYWHERE)
    for column, axis in enumerate(axes):
        if axis.levels is not None:
            points[:, column] = (np.floor(points[:, column] * axis.levels) + 0.5) / axis.levels
    return points


def _extremes(values: Array) -> Array:
    """Return the row that is lowest in each objective, the others added with a small weight, (m, m)."""
    front = values[nondominated(values)]
    scaled = scaled_to_front(front, front)
    rows = [int(np.argmin(column + _SHARE_OF_OTHERS * scaled.sum(axis=1))) for column in scaled.T]
    return np.asarray(front[rows])


@dataclass(frozen=True, eq=False)
class VolumeImprovement:
    """The criterion of LogExpectedHypervolumeImprovement.

    Attributes:
        parts: latent posteriors, one for each objective.
        sides: of the non-dominated boxes.
        feasibility: of evaluations, None where all were feasible.
    """

    parts: tuple[ExactProcess, ...]
    sides: Sides
    feasibility: Feasibility | None

    def __call__(self, points: Array) -> Array:
        worth = log_expected_volume(self.sides, *stacked_moments(self.parts, points))
        if self.feasibility is None:
            return worth
        return worth + self.feasibility.log_probability(points)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d)."""
        worth, slope = chained(self.parts, points, partial(log_expected_volume_and_slopes, self.sides))
        return with_feasibility(self.feasibility, points, worth, slope)


@dataclass(frozen=True, eq=False)
class VolumeByMeans:
    """Log of the volume that the front of the means is to gain by an evaluation at some fidelity.

    The knowledge gradient of the evaluated point alone: its mean in full changes by what is revealed.

    Attributes:
        belief: posterior of the objectives, at all fidelities.
        sides: of the non-dominated boxes.
        feasibility: of evaluations, None where all were feasible.
        fidelity_gap, growth: of the evaluation, see ``FidelityResults``.
    """

    belief: LatentObjectives
    sides: Sides
    feasibility: Feasibility | None
    fidelity_gap: float
    growth: float

    def at_fidelity(self, fidelity_gap: float, growth: float) -> VolumeByMeans:
        """Return the criterion for an evaluation at another fidelity."""
        return replace(self, fidelity_gap=fidelity_gap, growth=growth)

    def __call__(self, points: Array) -> Array:
        worth = log_expected_volume(self.sides, *self._moments(points))
        return worth if self.feasibility is None else worth + self.feasibility.log_probability(points)

    def gain_of_change(self, points: Array) -> Array:
        """Return the same less the volume that the means as they are add, (m,)."""
        means, stds = self._moments(points)
        gain = np.exp(log_expected_volume(self.sides, means, stds)) - volume_of(self.sides, means)
        worth = np.log(np.maximum(gain, 1e-300))
        return worth if self.feasibility is None else worth + self.feasibility.log_probability(points)

    def _moments(self, points: Array) -> tuple[Array, Array]:
        means, stds = stacked_moments(self.belief.latents, points)
        shares = [each.revealed(points, self.fidelity_gap, self.growth) for each in self.belief.beliefs]
        return means, stds * np.stack(shares, axis=1)


@dataclass(frozen=True, eq=False)
class NoisyVolumeImprovement:
    """The criterion of NoisyLogExpectedHypervolumeImprovement.

    Attributes:
        parts: latent posteriors, one for each objective, with the evaluated, failed and pending rows.
        draws: of each objective at these rows.
        sides: of the non-dominated boxes of each draw.
        feasibility: of evaluations, None where all were feasible.
    """

    parts: tuple[ExactProcess, ...]
    draws: Sequence[Draws]
    sides: Sequence[Sides]
    feasibility: Feasibility | None

    def __call__(self, points: Array) -> Array:
        moments = [_moments(part, draw, points) for part, draw in zip(self.parts, self.draws)]
        means = np.stack([mean for mean, _ in moments], axis=2)  # (points, draws, objectives)
        stds = np.stack([std for _, std in moments], axis=1)
        logs = np.stack(
            [log_expected_volume(sides, means[:, k], stds) for k, sides in enumerate(self.sides)], axis=1
        )
        worth = _log_means(logs)[0]
        if self.feasibility is None:
            return worth
        return worth + self.feasibility.log_probability(points)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d)."""
        found = [_Slopes.of(part, draw, points) for part, draw in zip(self.parts, self.draws)]
        means = np.stack([each.means for each in found], axis=2)
        stds = np.stack([each.std for each in found], axis=1)
        pieces = [
            log_expected_volume_and_slopes(sides, means[:, k], stds) for k, sides in enumerate(self.sides)
        ]
        worth, shares = _log_means(np.stack([piece[0] for piece in pieces], axis=1))
        slope = np.zeros(points.shape)
        for j, (part, draw, each) in enumerate(zip(self.parts, self.draws, found)):
            by_means = shares * np.stack([piece[1][:, j] for piece in pieces], axis=1)
            by_std = (shares * np.stack([piece[2][:, j] for piece in pieces], axis=1)).sum(axis=1)
            slope += each.pulled_back(part, draw, points, by_means, by_std)
        return with_feasibility(self.feasibility, points, worth, slope)


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Means and standard deviation of one objective's draws at some points, and the terms of their slopes.

    Attributes:
        means: of each draw, (m, k).
        std: the same for all draws, (m,).
        scaled: the points' features, (m, D).
        slopes: of the kernel's profile by squared distance, (m, n).
        beta: covariance⁻¹ cross, (m, n).
    """

    means: Array
    std: Array
    scaled: Array
    slopes: Array
    beta: Array

    @classmethod
    def of(cls, part: ExactProcess, draw: Draws, points: Array) -> _Slopes:
        scaled = part.encode(points)
        profile, slopes = part.kernel.profile_and_slope(squared_distances(scaled, part.scaled))
        cross = part.amplitude * profile
        half = linalg.solve_lower(draw.factor, cross.T)
        beta = linalg.solve_lower_transposed(draw.factor, half).T
        return cls(part.mean + cross @ draw.weights, _std(part, half), scaled, slopes, beta)

    def pulled_back(
        self, part: ExactProcess, draw: Draws, points: Array, by_means: Array, by_std: Array
    ) -> Array:
        """Return slopes by unit points (m, d), by the chain rule from those by means (m, k) and stds (m,)."""
        # d mean / d cross = weights and d std / d cross = -beta / std, of each row
        by_cross = by_means @ draw.weights.T - (by_std / self.std)[:, None] * self.beta
        pairs = 2.0 * part.amplitude * self.slopes * by_cross
        by_scaled = self.scaled * pairs.sum(axis=1)[:, None] - pairs @ part.scaled
        return part.pulled_back(points, by_scaled)


def _mirrored_draws(part: ExactProcess, n_draws: int, rng: np.random.Generator) -> Draws:
    half = rng.standard_normal((len(part.values), n_draws // 2))
    errors = rng.standard_normal(half.shape)
    return draws_at_rows(
        part, np.concatenate([half, -half], axis=1), np.concatenate([errors, -errors], axis=1)
    )


def _moments(part: ExactProcess, draw: Draws, points: Array) -> tuple[Array, Array]:
    """Return the mean of each draw, (m, k), and the standard deviation that all share, (m,)."""
    cross = part.cross_covariance(part.encode(points))
    return part.mean + cross @ draw.weights, _std(part, linalg.solve_lower(draw.factor, cross.T))


def _std(part: ExactProcess, half: Array) -> Array:
    variance = part.amplitude - np.einsum("ij,ij->j", half, half)
    return np.sqrt(np.maximum(variance, linalg.VARIANCE_FLOOR * part.amplitude))


def _log_means(logs: Array) -> tuple[Array, Array]:
    """Return log of the mean of exp(logs) by row, (m,), and the share of each in it, (m, k)."""
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1)
    return top[:, 0] + np.log(total / logs.shape[1]), weights / total[:, None]


def stacked_moments(parts: Sequence[Posterior], points: Array) -> tuple[Array, Array]:
    """Return means and standard deviations of each objective at unit points (n, d), each (n, m)."""
    means, stds = zip(*(part.moments(points) for part in parts))
    return np.stack(means, axis=1), np.stack(stds, axis=1)


def chained(
    parts: Sequence[DifferentiablePosterior],
    points: Array,
    worth: Callable[[Array, Array], tuple[Array, Array, Array]],
) -> tuple[Array, Array]:
    """Return a function of means and deviations (n, m) at unit points, (n,), and its gradient, (n, d).

    Args:
        parts: posteriors, one for each objective.
        points: unit points, (n, d).
        worth: the function, (n,), with its slopes by means and by deviations, each (n, m).
    """
    moments = [part.moments_and_gradients(points) for part in parts]
    means, stds, mean_slopes, std_slopes = (np.stack(each, axis=1) for each in zip(*moments))
    value, by_mean, by_std = worth(means, stds)
    slope = np.einsum("nm,nmd->nd", by_mean, mean_slopes) + np.einsum("nm,nmd->nd", by_std, std_slopes)
    return value, slope


def with_feasibility(
    feasibility: Feasibility | None, points: Array, worth: Array, slope: Array
) -> tuple[Array, Array]:
    """Return criterion (n,) and gradient (n, d), with those of the log feasibility added."""
    if feasibility is None:
        return worth, slope
    log_p, log_p_slope = feasibility.with_gradient(points)
    return worth + log_p, slope + log_p_slope
