"""What earlier studies tell of this one: a trend, as far as that predicts what is found here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import Memory, Posterior, Selective, Trainable, learner_of
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# A study is believed when each value is predicted from the others so much better with it, in log
# density over all: chance gains about a half.  A handful of values cannot say so of a good one either: it
# is believed until they speak against it, which costs a few evaluations where it is of no use.
_PRICE, _PRICE_AT_FIRST, _HANDFUL = 1.0, -0.5, 8
# Fewer values do not show a slope and its use.
_FEWEST = 3
# As for the hyperparameters of a process: anew at every value at first, later with so much more.
_ALWAYS_UNTIL, _GROWTH = 30, 0.15
# Rows of an earlier study that its process is given; the lowest, and others.
_MOST_ROWS = 500


@dataclass(frozen=True, eq=False)
class SourceData:
    """What was found in an earlier study, on the same unit cube: points (m, d), minimised values (m,)."""

    points: Array
    values: Array


@dataclass(frozen=True)
class Transfer:
    """A Gaussian process around what earlier studies found, scaled and shifted as the training data says.

    On the scale on which the values are modelled they are Σ weight · (mean of the earlier study's
    process, on its own such scale) + a process.  A study gets a weight only where leave-one-out
    prediction of what is known here is better with it; without any, this is the other surrogate.

    Attributes:
        surrogate: GP(), or Subset(GP()).
        earlier: the studies.
        weights: of each; None before they were learned.
        trends: processes of the earlier studies, with their hyperparameters fixed; () before.
        residual: process around the trend, None before it has learned.
    """

    surrogate: Trainable
    transfer: tuple[SourceData, ...]
    weights: tuple[float, ...] | None = None
    trends: tuple[GP, ...] = field(default=(), repr=False)
    residual: GP | None = field(default=None, repr=False)
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    @property
    def transfer_base(self) -> Trainable:
        """The surrogate without the source studies."""
        return self.surrogate

    @property
    def is_in_use(self) -> bool:
        """Whether any earlier study has a weight."""
        return self.weights is not None and any(weight != 0.0 for weight in self.weights)

    @property
    def _process(self) -> Any:
        return learner_of(self.surrogate)

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part of the training data that the surrogate is given."""
        return self.surrogate.relevant(data) if isinstance(self.surrogate, Selective) else data

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior; what is to be learned is learned first where it has not been."""
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
        """Return the surrogate with all that is learned fixed, and the memory that restores it."""
        plain, carried = self.surrogate.train(data, memory.get("plain", {}))
        assert isinstance(plain, Trainable), "a Gaussian process, or one of a part of the data"
        few = self.relevant(data)
        trained = [
            GP().train(_data_of_source(each, data), before)
            for each, before in zip(
                self.transfer, memory.get("trends", ({},) * len(self.transfer)), strict=True
            )
        ]
        known = replace(self, surrogate=plain, trends=tuple(gp for gp, _ in trained))
        weights, n_weighed = memory.get("weights"), int(memory.get("n_weighed", 0))
        before = memory.get("residual", {})
        if weights is None or _is_due(len(data), n_weighed):
            found = known._weighed(_latent(known._scale(few), few))
            weights, n_weighed, before = found, len(data), {} if found != weights else before
        known = replace(known, weights=tuple(float(weight) for weight in weights))
        after: Memory = {}
        if known.is_in_use:
            residual = _around(known._trend(few), _latent(known._scale(few), few))
            gp, after = GP(bend_values=False).train(residual, before)
            known = replace(known, residual=gp)
        return known, {
            "weights": list(weights),
            "n_weighed": n_weighed,
            "trends": [dict(each) for _, each in trained],
            "plain": dict(carried),
            "residual": dict(after),
            # where others look for what was learned of noise
            **({"hyperparameters": carried["hyperparameters"]} if "hyperparameters" in carried else {}),
        }

    def _scale(self, data: TrainingData) -> OutcomeTransform:
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
        """Return the weights under which latent training data is predicted best, study after study."""
        weights = [0.0] * len(self.transfer)
        if len(data) < _FEWEST:
            return weights
        means = [
            gp.fit(_data_of_source(each, data)).latent.moments(data.points)[0]
            for gp, each in zip(self.trends, self.transfer, strict=True)
        ]
        price = _PRICE if len(data) >= _HANDFUL else _PRICE_AT_FIRST
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
    """A sum of means of processes, each times a weight."""

    parts: tuple[tuple[float, GPPosterior], ...]

    def means(self, points: Array) -> Array:
        """Return the trend at unit points (m, d), (m,)."""
        return np.asarray(sum(weight * part.moments(points)[0] for weight, part in self.parts))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the trend (m,) and its gradient (m, d)."""
        found = [(weight, part.moments_and_gradients(points)) for weight, part in self.parts]
        total = sum(weight * moments[0] for weight, moments in found)
        return np.asarray(total), np.asarray(sum(weight * moments[2] for weight, moments in found))


@dataclass(frozen=True, eq=False)
class TransferPosterior:
    """A process around a trend that is taken for certain, both on the scale of ``latent``."""

    residual: GPPosterior
    trend: Trend
    scale: OutcomeTransform

    @property
    def latent(self) -> TransferPosterior:
        """The same belief on the increasing scale of the values on which it is normal."""
        return self if self.scale == OutcomeTransform() else replace(self, scale=OutcomeTransform())

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
        """Return the posterior given also what it expects at unit points (m, d)."""
        return replace(self, residual=self.residual.fantasize(points))

    def condition_on(self, points: Array, values: Array) -> TransferPosterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""
        around = self.scale.to_latent(values) - self.trend.means(points)
        return replace(self, residual=self.residual.condition_on(points, around))


def _latent(scale: OutcomeTransform, data: TrainingData) -> TrainingData:
    """Return training data on the scale on which its values are modelled."""
    slopes = scale.slopes(data.values)
    return replace(
        data,
        values=scale.to_latent(data.values),
        variances=data.variances * slopes**2,
        outputs=None,
        outcome_constraints=None,
    )


def _around(trend: Trend, data: TrainingData) -> TrainingData:
    return replace(data, values=data.values - trend.means(data.points))


def _data_of_source(earlier: SourceData, like: TrainingData) -> TrainingData:
    """Return an earlier study's values as training data: at most 500, the lowest and evenly chosen others."""
    rows = np.arange(len(earlier.values))
    if len(rows) > _MOST_ROWS:
        order = np.argsort(earlier.values, kind="stable")
        others = np.linspace(_MOST_ROWS // 2, len(rows) - 1, _MOST_ROWS - _MOST_ROWS // 2).astype(np.intp)
        rows = np.sort(np.concatenate([order[: _MOST_ROWS // 2], order[others]]))
    return TrainingData.of_values(like.axes, earlier.points[rows], earlier.values[rows])


def _slope(mean: Array, values: Array) -> float:
    """Return the slope of values on an earlier mean, by least squares; 0 where there is none."""
    spread = float(mean.var())
    if spread <= 0.0:
        return 0.0
    return float(((mean - mean.mean()) * (values - values.mean())).mean()) / spread


def _predictive(data: TrainingData) -> float:
    """Return Σ log p(value | all others) under a process that learned from all of them.

    Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eqs. 5.10-5.12.
    """
    posterior = GP(bend_values=False).fit(data)
    half = linalg.solve_lower(posterior.factor, np.eye(len(posterior.values)))
    variances = 1.0 / np.einsum("ij,ij->j", half, half)
    errors = posterior.alpha * variances
    logs = -0.5 * (np.log(2.0 * np.pi * variances) + errors**2 / variances)
    return float(logs.sum()) - len(errors) * float(np.log(posterior.scale.size))  # of the values themselves


def _is_due(n: int, n_before: int) -> bool:
    if n <= _ALWAYS_UNTIL:
        return n != n_before
    return n < n_before or n >= n_before * (1.0 + _GROWTH)
