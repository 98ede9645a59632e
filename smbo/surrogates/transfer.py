"""Transfer from source studies: a surrogate around a weighted sum of the posterior means of source GPs.

On the latent scale f(x) = Σ_k w_k μ_k(x) + g(x), with μ_k the posterior mean of a GP fitted to source study k
and g a GP or any other surrogate.  Weights are least-squares slopes on the residuals of sources taken before
(forward selection); a source enters if it raises the leave-one-out predictive log density of this study's
values.

Source: Golovin et al. (2017), "Google Vizier", also stack a GP of residuals on GPs of earlier studies; the
    predictive density is that of Rasmussen & Williams (2006), eq. 5.10-5.12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import (
    ConditionablePosterior,
    ExactProcess,
    Memory,
    Posterior,
    Surrogate,
    Trainable,
    is_learning_due,
    learner_of,
)
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernel_selection import log_density
from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.surrogates.subset import relevant_to
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData, VectorOutputs

# Gain in leave-one-out log density that a source needs: chance gains about a half.  With fewer than
# _N_VALUES_JUDGED values even a good source cannot reach the gain, and is used unless the values contradict
# it, which costs a few evaluations if it is unrelated.  Measured by tests/benchmarks/bench_transfer.py.
MIN_GAIN, _MIN_GAIN_EARLY, _N_VALUES_JUDGED = 1.0, -0.5, 8
# Number of values from which on weights are learned: fewer do not determine a slope.
_MIN_VALUES_WEIGHED = 3
# Weights are learned at every new value up to so many, then after this relative growth.
_ALWAYS_RELEARN_UNTIL, _RELEARN_GROWTH = 30, 0.15
# Rows of a source study that its GP is fitted to at most: the lowest, and evenly chosen others.
_MAX_SOURCE_ROWS = 500


@dataclass(frozen=True, eq=False)
class SourceData:
    """Evaluations of a source study, in the coordinates of this study's unit cube, which they may exceed.

    Attributes:
        points: shape (m, d).
        values: minimised, (m,).
        outputs: vector outputs, m of them; None without.
    """

    points: Array
    values: Array
    outputs: VectorOutputs | None = None

    @property
    def held(self) -> Array:
        """The coordinates along axes that the source did not vary, and NaN along others, (d,)."""
        return np.where(np.ptp(self.points, axis=0) > 0.0, np.nan, self.points[0])


@runtime_checkable
class HasOutcomeTransform(Protocol):
    """A surrogate that may transform the values, such as a Gaussian process."""

    @property
    def power(self) -> float: ...
    @property
    def anchor(self) -> float: ...


@dataclass(frozen=True)
class Transfer:
    """A surrogate around a weighted sum of the posterior means of source studies.

    Without any source of non-zero weight the fit is that of ``surrogate``.

    Attributes:
        surrogate: GP(), Subset(GP()), MultiFidelityGP(), or another one, which models the residual too.
        transfer: the source studies.
        process: Gaussian process of the residual, untrained; None for one with the default priors.
        early_gain: see ``forward_selection``.
        weights: one for each source; None before they are learned.
        trends: Gaussian processes of the sources, with their hyperparameters fixed; () before.
        residual: surrogate around the weighted sum; None before it is learned.
    """

    surrogate: Surrogate
    transfer: tuple[SourceData, ...]
    process: GP | MultiFidelityGP | None = None
    early_gain: float = _MIN_GAIN_EARLY
    weights: tuple[float, ...] | None = None
    trends: tuple[GP, ...] = field(default=(), repr=False)
    residual: Surrogate | None = field(default=None, repr=False)
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    @property
    def transfer_base(self) -> Surrogate:
        """The surrogate without the source studies."""
        return self.surrogate

    @property
    def is_in_use(self) -> bool:
        """Whether any source study has a non-zero weight."""
        return self.weights is not None and any(weight != 0.0 for weight in self.weights)

    @property
    def _process(self) -> Surrogate:
        return learner_of(self.surrogate)

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part of the training data that the surrogate is fitted to."""
        return relevant_to(self.surrogate, data)

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior; weights and hyperparameters are learned first where none are fixed."""
        if self.weights is None:
            return self.train(data, {})[0].fit(data)
        if not self.is_in_use:
            return self.surrogate.fit(data)
        data = self.relevant(data)
        assert self.residual is not None
        scale = self._scale(data)
        trend = self._trend(data)
        residual = self.residual.fit(_around(trend, _latent(scale, data)))
        if not isinstance(residual, ExactProcess):
            return TransferPosterior(residual, trend, scale)
        rows = data if data.fidelities is None else data.fidelities.data
        return TransferProcess(residual, trend, scale, trend.means(rows.points))

    def train(self, data: TrainingData, memory: Memory) -> tuple[Transfer, Mapping[str, Any]]:
        """Return the surrogate with weights and hyperparameters fixed, and the memory that restores it."""
        plain, carried = _trained(self.surrogate, data, memory.get("plain", {}))
        few = self.relevant(data)
        trained = [
            GP(bend_values=data.fidelities is None).train(data_of_source(each, data), before)
            for each, before in zip(
                self.transfer, memory.get("trends", ({},) * len(self.transfer)), strict=True
            )
        ]
        known = replace(self, surrogate=plain, trends=tuple(gp for gp, _ in trained))
        weights, n_weighed = memory.get("weights"), int(memory.get("n_weighed", 0))
        before = memory.get("residual", {})
        if weights is None or is_learning_due(len(data), n_weighed, _ALWAYS_RELEARN_UNTIL, _RELEARN_GROWTH):
            found = known._weighed(_latent(known._scale(few), few))
            weights, n_weighed, before = found, len(data), {} if found != weights else before
        known = replace(known, weights=tuple(float(weight) for weight in weights))
        after: Memory = {}
        if known.is_in_use:
            residual = _around(known._trend(few), _latent(known._scale(few), few))
            process, after = _trained(known._of_residual(data), residual, before)
            known = replace(known, residual=process)
        return known, {
            "weights": list(weights),
            "n_weighed": n_weighed,
            "trends": [dict(each) for _, each in trained],
            "plain": dict(carried),
            "residual": dict(after),
            # the keys at which ``learned_noise`` looks for the noise
            **({"hyperparameters": carried["hyperparameters"]} if "hyperparameters" in carried else {}),
        }

    def log_density(self, data: TrainingData) -> float:
        """Return the log marginal likelihood of the values, up to a constant, with a GP as the residual."""
        posterior, latent = self.fit(data), _latent(self._scale(data), data)
        assert isinstance(posterior, TransferProcess)
        density = log_density(posterior.residual, _around(posterior.trend, latent).values)
        return density + float(np.log(posterior.scale.slopes(data.values)).sum())

    def _of_residual(self, data: TrainingData) -> Surrogate:
        if not isinstance(self._process, HasOutcomeTransform):
            return self._process
        default = GP() if data.fidelities is None else MultiFidelityGP()
        return (self.process or default).unbent()

    def _scale(self, data: TrainingData) -> OutcomeTransform:
        if data.fidelities is not None:  # values at low fidelities are bent whatever the sources' shape
            return OutcomeTransform.of(data.fidelities.values, 1.0, 0.0)
        process = self._process
        if not isinstance(process, HasOutcomeTransform):
            return OutcomeTransform.of(data.values)
        return OutcomeTransform.of(data.values, process.power, process.anchor)

    def _trend(self, like: TrainingData) -> Trend:
        assert self.weights is not None
        studies = zip(self.weights, self.trends, self.transfer, strict=True)
        return Trend(
            tuple((weight, _Mean.of(gp, each, like)) for weight, gp, each in studies if weight != 0.0)
        )

    def _weighed(self, data: TrainingData) -> list[float]:
        """Return the weights of the sources for latent training data."""
        studies = zip(self.trends, self.transfer, strict=True)
        weights = forward_selection(
            lambda: [_Mean.of(gp, each, data)(data.points)[None] for gp, each in studies],
            data.values[None],
            lambda rows: np.array([_predictive(replace(data, values=row)) for row in rows]),
            early_gain=self.early_gain if isinstance(self._process, HasOutcomeTransform) else MIN_GAIN,
        )
        return [float(each.sum()) for each in weights] or [0.0] * len(self.transfer)


@dataclass(frozen=True, eq=False)
class _Mean:
    """The posterior mean of a source study, latent, ``held`` where the study did not vary an axis."""

    posterior: GPPosterior
    held: Array

    @classmethod
    def of(cls, gp: GP, source: SourceData, like: TrainingData) -> _Mean:
        return cls(gp.fit(data_of_source(source, like)).latent, source.held)

    def __call__(self, points: Array) -> Array:
        return self.posterior.moments(np.where(np.isnan(self.held), points, self.held))[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        is_free = np.isnan(self.held)
        found = self.posterior.moments_and_gradients(np.where(is_free, points, self.held))
        return found[0], found[2] * is_free


@dataclass(frozen=True, eq=False)
class Trend:
    """A weighted sum of posterior means."""

    parts: tuple[tuple[float, _Mean], ...]

    def means(self, points: Array) -> Array:
        """Return the weighted sum at unit points (m, d), (m,)."""
        return np.asarray(sum(weight * mean(points) for weight, mean in self.parts))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the weighted sum (m,) and its gradient (m, d)."""
        found = [(weight, mean.with_gradient(points)) for weight, mean in self.parts]
        total = sum(weight * mean for weight, (mean, _) in found)
        return np.asarray(total), np.asarray(sum(weight * slope for weight, (_, slope) in found))


@dataclass(frozen=True, eq=False)
class TransferPosterior:
    """The posterior of a surrogate around a known trend, both on the latent scale."""

    residual: Any
    trend: Trend
    scale: OutcomeTransform

    @property
    def latent(self) -> Self:
        """The same posterior on the latent scale of the values, on which it is normal."""
        return self if self.scale == OutcomeTransform() else replace(self, scale=OutcomeTransform())

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""
        return self.moments(points)[0]

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std = self.residual.moments(points)
        return self.scale.moments(mean + self.trend.means(points), std)

    def fantasize(self, points: Array) -> Self:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return replace(self, residual=self.residual.fantasize(points))

    def condition_on(self, points: Array, values: Array) -> Self:
        """Return the posterior given also values (m,) at unit points (m, d).

        Of a residual that cannot be conditioned (boosted trees) the standard deviation alone is reduced.
        """
        if not isinstance(self.residual, ConditionablePosterior):
            return self.fantasize(points)
        around = self.scale.to_latent(values) - self.trend.means(points)
        return replace(self, residual=self.residual.condition_on(points, around))


@dataclass(frozen=True, eq=False)
class TransferProcess(TransferPosterior):
    """The posterior of a Gaussian process around a known trend: a process with the trend as its mean.

    Attributes:
        at_rows: the trend at the rows that the process is conditioned on, without fantasies, (n,).
    """

    residual: Any
    at_rows: Array

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        mean, std, to_mean, to_std = self.residual.moments_and_gradients(points)
        trend, trend_slope = self.trend.with_gradient(points)
        mean, to_mean = mean + trend, to_mean + trend_slope
        return self.scale.moments_and_gradients(mean, std, to_mean, to_std)

    @property
    def standardized(self) -> TransferProcess:
        """The same posterior in the latent units."""
        return self.latent

    @property
    def _unit(self) -> float:
        """The unit of the residual's own latent scale, which is affine, in the latent units."""
        return self.residual.scale.size

    @property
    def amplitude(self) -> float:
        """Variance of the residual, latent."""
        return self.residual.amplitude * self._unit**2

    @property
    def noise(self) -> float:
        """Variance of an evaluation, latent."""
        return self.residual.noise * self._unit**2

    @property
    def values(self) -> Array:
        """The values of the rows, latent, (n,)."""
        return self.residual.scale.from_latent(self.residual.values[: len(self.at_rows)]) + self.at_rows

    def left_out_moments(self) -> tuple[Array, Array]:
        """Return mean and variance of each value given all others, latent, each (n,)."""
        mean, variance = self.residual.left_out_moments()
        n = len(self.at_rows)
        return self.residual.scale.from_latent(mean[:n]) + self.at_rows, variance[:n] * self._unit**2

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), latent, shape (m, r)."""
        return self.residual.covariance(points, others) * self._unit**2

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) at unit points (m, d), on the latent scale."""
        return self.latent.moments(points)[0], self.covariance(points, points)


def _latent(scale: OutcomeTransform, data: TrainingData) -> TrainingData:
    """Return training data on the latent scale, at all fidelities alike."""
    slopes, results = scale.slopes(data.values), data.fidelities
    return replace(
        data,
        fidelities=None if results is None else replace(results, data=_latent(scale, results.data)),
        values=scale.to_latent(data.values),
        variances=data.variances * slopes**2,
        outputs=None,
        outcome_constraints=None,
    )


def _around(trend: Trend, data: TrainingData) -> TrainingData:
    """Return training data less a trend, at all fidelities alike."""
    results = data.fidelities
    return replace(
        data,
        values=data.values - trend.means(data.points),
        fidelities=None if results is None else replace(results, data=_around(trend, results.data)),
    )


def data_of_source(earlier: SourceData, like: TrainingData, most: int = _MAX_SOURCE_ROWS) -> TrainingData:
    """Return a source study as training data: at most so many rows, the lowest and evenly chosen others."""
    rows = np.arange(len(earlier.values))
    if len(rows) > most:
        order = np.argsort(earlier.values, kind="stable")
        others = np.linspace(most // 2, len(rows) - 1, most - most // 2).astype(np.intp)
        rows = np.sort(np.concatenate([order[: most // 2], order[others]]))
    data = TrainingData.of_values(like.axes, earlier.points[rows], earlier.values[rows])
    return data if earlier.outputs is None else replace(data, outputs=earlier.outputs.rows(rows))


def forward_selection(
    means: Callable[[], Sequence[Array]],
    values: Array,
    log_densities: Callable[[Array], Array],
    shares: Array | None = None,
    early_gain: float = MIN_GAIN,
) -> Array:
    """Return the weight of each source study in each of c quantities, (s, c), (0, c) of too few values.

    A source has one least-squares slope over all quantities, and a weight in those that are likelier with it.

    Args:
        means: returns what each source predicts of the values, (c, n) each.
        values: of the quantities, (c, n).
        log_densities: returns that of each quantity's values, (c,).
        shares: of the quantities in the slope, (c,); None for one quantity.
        early_gain: in log density that a source needs while there are few values.
    """
    n, shares = values.shape[1], np.ones(len(values)) if shares is None else shares
    if n < _MIN_VALUES_WEIGHED or not len(values):
        return np.zeros((0, len(values)))
    predicted, left, best = means(), values, log_densities(values)
    weights = np.zeros((len(predicted), len(values)))
    price = MIN_GAIN if n >= _N_VALUES_JUDGED else early_gain
    while True:
        found: list[tuple[float, int, float, Array]] = []
        for k, mean in enumerate(predicted):
            slope = 0.0 if weights[k].any() else _slope(mean, left, shares)
            if slope > 0.0:
                densities = log_densities(left - slope * mean)
                kept = np.where(densities >= best + price, densities, -np.inf)
                found.append((float(np.maximum(kept, best).sum()), k, slope, kept))
        chosen = max((each for each in found if np.isfinite(each[3]).any()), default=None)
        if chosen is None:
            return weights
        _, k, slope, kept = chosen
        weights[k] = slope * np.isfinite(kept)
        best, left = np.where(np.isfinite(kept), kept, best), left - weights[k][:, None] * predicted[k]


def _slope(mean: Array, values: Array, shares: Array) -> float:
    """Return the least-squares slope of values (c, n) on a source's mean; 0 for a constant mean."""
    spread = float(mean.var(axis=1) @ shares)
    if spread <= 0.0:
        return 0.0
    off, there = mean - mean.mean(axis=1, keepdims=True), values - values.mean(axis=1, keepdims=True)
    return float((off * there).mean(axis=1) @ shares) / spread


def _trained(surrogate: Surrogate, data: TrainingData, memory: Memory) -> tuple[Surrogate, Memory]:
    return surrogate.train(data, memory) if isinstance(surrogate, Trainable) else (surrogate, {})


def _predictive(data: TrainingData) -> float:
    """Return Σ log p(value | all others) under a GP with hyperparameters learned from all values.

    Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eqs. 5.10-5.12.
    """
    posterior = GP(bend_values=False).fit(data)
    half = linalg.solve_lower(posterior.factor, np.eye(len(posterior.values)))
    variances = 1.0 / np.einsum("ij,ij->j", half, half)
    errors = posterior.alpha * variances
    logs = -0.5 * (np.log(2.0 * np.pi * variances) + errors**2 / variances)
    return float(logs.sum()) - len(errors) * float(np.log(posterior.scale.size))  # in the values' units
