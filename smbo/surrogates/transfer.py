"""Transfer from source studies: a GP around a weighted sum of the posterior means of source GPs.

On the latent scale f(x) = Σ_k w_k μ_k(x) + g(x), with μ_k the posterior mean of a GP fitted to source study k
and g a GP.  Weights are least-squares slopes on the residuals of sources taken before (forward selection);
a source enters if it raises the leave-one-out predictive log density of this study's values.

Source: Golovin et al. (2017), "Google Vizier", also stack a GP of residuals on GPs of earlier studies; the
    predictive density is that of Rasmussen & Williams (2006), eq. 5.10-5.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import Memory, Posterior, Trainable, is_learning_due, learner_of
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.multi_fidelity import MultiFidelityGP
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.surrogates.subset import relevant_to
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# Gain in leave-one-out log density that a source needs: chance gains about a half.  With fewer than
# _N_VALUES_JUDGED values even a good source cannot reach the gain, and is used unless the values contradict
# it, which costs a few evaluations if it is unrelated.  Measured by tests/benchmarks/bench_transfer.py.
_MIN_GAIN, _MIN_GAIN_EARLY, _N_VALUES_JUDGED = 1.0, -0.5, 8
# Number of values from which on weights are learned: fewer do not determine a slope.
_MIN_VALUES_WEIGHED = 3
# Weights are learned at every new value up to so many, then after this relative growth.
_ALWAYS_RELEARN_UNTIL, _RELEARN_GROWTH = 30, 0.15
# Rows of a source study that its GP is fitted to at most: the lowest, and evenly chosen others.
_MAX_SOURCE_ROWS = 500


@dataclass(frozen=True, eq=False)
class SourceData:
    """Evaluations of a source study on the same unit cube: points (m, d), minimised values (m,)."""

    points: Array
    values: Array


@dataclass(frozen=True)
class Transfer:
    """A Gaussian process around a weighted sum of the posterior means of source studies.

    Without any source of non-zero weight the fit is that of ``surrogate``.

    Attributes:
        surrogate: GP(), Subset(GP()), or MultiFidelityGP().
        transfer: the source studies.
        weights: one for each source; None before they are learned.
        trends: Gaussian processes of the sources, with their hyperparameters fixed; () before.
        residual: Gaussian process around the weighted sum; None before it is learned.
    """

    surrogate: Trainable
    transfer: tuple[SourceData, ...]
    weights: tuple[float, ...] | None = None
    trends: tuple[GP, ...] = field(default=(), repr=False)
    residual: GP | MultiFidelityGP | None = field(default=None, repr=False)
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    @property
    def transfer_base(self) -> Trainable:
        """The surrogate without the source studies."""
        return self.surrogate

    @property
    def is_in_use(self) -> bool:
        """Whether any source study has a non-zero weight."""
        return self.weights is not None and any(weight != 0.0 for weight in self.weights)

    @property
    def _process(self) -> Any:
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
        return TransferPosterior(self.residual.fit(_around(trend, _latent(scale, data))), trend, scale)

    def train(self, data: TrainingData, memory: Memory) -> tuple[Transfer, Mapping[str, Any]]:
        """Return the surrogate with weights and hyperparameters fixed, and the memory that restores it."""
        plain, carried = self.surrogate.train(data, memory.get("plain", {}))
        assert isinstance(plain, Trainable), "a Gaussian process, or one of a part of the data"
        few = self.relevant(data)
        trained = [
            GP(bend_values=data.fidelities is None).train(_data_of_source(each, data), before)
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
            process = GP() if data.fidelities is None else MultiFidelityGP()
            gp, after = process.unbent().train(residual, before)
            known = replace(known, residual=gp)
        return known, {
            "weights": list(weights),
            "n_weighed": n_weighed,
            "trends": [dict(each) for _, each in trained],
            "plain": dict(carried),
            "residual": dict(after),
            # the keys at which ``learned_noise`` looks for the noise
            **({"hyperparameters": carried["hyperparameters"]} if "hyperparameters" in carried else {}),
        }

    def _scale(self, data: TrainingData) -> OutcomeTransform:
        if data.fidelities is not None:  # values at low fidelities are bent whatever the sources' shape
            return OutcomeTransform.of(data.fidelities.values, 1.0, 0.0)
        return OutcomeTransform.of(data.values, self._process.power, self._process.anchor)

    def _trend(self, like: TrainingData) -> Trend:
        assert self.weights is not None
        studies = zip(self.weights, self.trends, self.transfer, strict=True)
        return Trend(
            tuple(
                (weight, gp.fit(_data_of_source(each, like)).latent)
                for weight, gp, each in studies
                if weight != 0.0
            )
        )

    def _weighed(self, data: TrainingData) -> list[float]:
        """Return the weights of the sources for latent training data, by forward selection."""
        weights = [0.0] * len(self.transfer)
        if len(data) < _MIN_VALUES_WEIGHED:
            return weights
        means = [
            gp.fit(_data_of_source(each, data)).latent.moments(data.points)[0]
            for gp, each in zip(self.trends, self.transfer, strict=True)
        ]
        price = _MIN_GAIN if len(data) >= _N_VALUES_JUDGED else _MIN_GAIN_EARLY
        best, residual = _predictive(data), data.values
        while True:
            found = []
            for k, mean in enumerate(means):
                slope = _slope(mean, residual)
                if weights[k] == 0.0 and slope > 0.0:
                    found.append((_predictive(replace(data, values=residual - slope * mean)), k, slope))
            if not found or max(found)[0] < best + price:
                return weights
            best, k, weights[k] = max(found)
            residual = residual - weights[k] * means[k]


@dataclass(frozen=True, eq=False)
class Trend:
    """A weighted sum of posterior means."""

    parts: tuple[tuple[float, GPPosterior], ...]

    def means(self, points: Array) -> Array:
        """Return the weighted sum at unit points (m, d), (m,)."""
        return np.asarray(sum(weight * part.moments(points)[0] for weight, part in self.parts))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the weighted sum (m,) and its gradient (m, d)."""
        found = [(weight, part.moments_and_gradients(points)) for weight, part in self.parts]
        total = sum(weight * moments[0] for weight, moments in found)
        return np.asarray(total), np.asarray(sum(weight * moments[2] for weight, moments in found))


@dataclass(frozen=True, eq=False)
class TransferPosterior:
    """The posterior of a GP around a known trend, both on the latent scale."""

    residual: GPPosterior
    trend: Trend
    scale: OutcomeTransform

    @property
    def latent(self) -> TransferPosterior:
        """The same posterior on the latent scale of the values, on which it is normal."""
        return self if self.scale == OutcomeTransform() else replace(self, scale=OutcomeTransform())

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""
        return self.moments(points)[0]

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std = self.residual.moments(points)
        return self.scale.moments(mean + self.trend.means(points), std)

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        mean, std, to_mean, to_std = self.residual.moments_and_gradients(points)
        trend, trend_slope = self.trend.with_gradient(points)
        mean, to_mean = mean + trend, to_mean + trend_slope
        return self.scale.moments_and_gradients(mean, std, to_mean, to_std)

    def fantasize(self, points: Array) -> TransferPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return replace(self, residual=self.residual.fantasize(points))

    def condition_on(self, points: Array, values: Array) -> TransferPosterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""
        around = self.scale.to_latent(values) - self.trend.means(points)
        return replace(self, residual=self.residual.condition_on(points, around))


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


def _data_of_source(earlier: SourceData, like: TrainingData) -> TrainingData:
    """Return a source study as training data: at most 500 rows, the lowest and evenly chosen others."""
    rows = np.arange(len(earlier.values))
    if len(rows) > _MAX_SOURCE_ROWS:
        order = np.argsort(earlier.values, kind="stable")
        others = np.linspace(
            _MAX_SOURCE_ROWS // 2, len(rows) - 1, _MAX_SOURCE_ROWS - _MAX_SOURCE_ROWS // 2
        ).astype(np.intp)
        rows = np.sort(np.concatenate([order[: _MAX_SOURCE_ROWS // 2], order[others]]))
    return TrainingData.of_values(like.axes, earlier.points[rows], earlier.values[rows])


def _slope(mean: Array, values: Array) -> float:
    """Return the least-squares slope of values on a source's mean; 0 for a constant mean."""
    spread = float(mean.var())
    if spread <= 0.0:
        return 0.0
    return float(((mean - mean.mean()) * (values - values.mean())).mean()) / spread


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
