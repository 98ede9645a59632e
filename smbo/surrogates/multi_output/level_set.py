"""Surrogate of level sets: a GP of each function, on the scale that predicts its side of the level best.

The scale (linear, logarithmic, or -log(-log p) for p-values) is chosen by leave-one-out: the log probability,
given all other values, of the side of the level on which each value is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_ndtr, ndtr

from smbo.errors import RecipeError
from smbo.problem.level_set import LevelSet, NearestLevel, scaled, unscaled
from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernel_selection import KernelSelection
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.gp.outcome_transform import NODES, WEIGHTS, OutcomeTransform
from smbo.surrogates.gp.trend_selection import TrendSelection
from smbo.surrogates.gp.universal_kriging import UniversalKriging, UniversalKrigingPosterior
from smbo.training_data import Array, Target, TrainingData

# Log probability by which another scale must exceed the linear one.  The scale of p-values may fall short of
# the linear one by as much if values lie below this share of the level, where it is the natural scale.
_MIN_GAIN_SCALE = 0.5
_LOW_P_VALUE = 0.05
# A contour is resolved more finely than an optimum, relative to the spread of the values: the prior has its
# mean at less noise.
_LOW_NOISE_PRIORS = Priors(log_noise=(float(np.log(1e-5)), 3.5))


@dataclass(frozen=True)
class ValueScale:
    """The map from a function's latent scale to its values.

    Attributes:
        level: of the function.
        scale: scale of the values, one of ``SCALES``.
        transform: from that scale to the latent one.
    """

    level: float
    scale: str
    transform: OutcomeTransform

    def moments(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of a value whose latent is N(mean, std²), each (m,)."""
        if self.scale == "linear":
            above, std = self.transform.moments(mean, std)
            return above + self.level, std
        above = self.transform.from_latent(mean[:, None] + std[:, None] * NODES)
        values = unscaled(above, self.level, self.scale)
        expected = values @ WEIGHTS
        return expected, np.sqrt(((values - expected[:, None]) ** 2) @ WEIGHTS)


@dataclass(frozen=True, eq=False)
class LevelPosterior:
    """The posterior of the functions of a level set.

    Attributes:
        names: of the functions, k of them.
        processes: the posterior of each function, on its latent scale.
        levels: on the same scales, (k,).
        scales: the map from each latent scale to the function's values.
    """

    names: tuple[str, ...]
    processes: tuple[GPPosterior | UniversalKrigingPosterior, ...]
    levels: Array
    scales: tuple[ValueScale, ...]

    def offsets(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of function minus level at unit points (m, d), each (k, m).

        On the latent scale, on which both are normal.
        """
        pairs = [process.moments(points) for process in self.processes]
        mean = np.array([mean for mean, _ in pairs]) - self.levels[:, None]
        return mean, np.array([std for _, std in pairs])

    def value_moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the functions at unit points (m, d), each (k, m)."""
        pairs = [
            scale.moments(*process.moments(points)) for process, scale in zip(self.processes, self.scales)
        ]
        return np.array([mean for mean, _ in pairs]), np.array([std for _, std in pairs])

    def above(self, points: Array) -> Array:
        """Return the probability that each function is above its level at unit points (m, d), (k, m)."""
        mean, std = self.offsets(points)
        return np.asarray(ndtr(mean / std))

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return the distance of the mean from the nearest level, and that function's deviation, each (m,).

        In prior standard deviations of the functions, so that several functions can be compared.
        """
        mean, std = self.offsets(points)
        sizes = np.array([np.sqrt(process.amplitude) for process in self.processes])[:, None]
        away = np.abs(mean) / sizes
        nearest = np.argmin(away, axis=0)[None]
        return np.take_along_axis(away, nearest, 0)[0], np.take_along_axis(std / sizes, nearest, 0)[0]

    def fantasize(self, points: Array) -> LevelPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return replace(self, processes=tuple(process.fantasize(points) for process in self.processes))


@dataclass(frozen=True)
class Learned:
    """Scale and trained Gaussian process of one function."""

    scale: str
    process: GP | UniversalKriging


@dataclass(frozen=True)
class LevelGP:
    """A Gaussian process of each function of a level set, each on a scale chosen by leave-one-out.

    Attributes:
        process: untrained, for every function.
        learned: scale and trained process of each function; () to learn them.

    Example:
        >>> import numpy as np
        >>> from smbo import LevelSet, Optimizer, Problem
        >>> from smbo.history.encode import encode
        >>> from smbo.surrogates import LevelGP
        >>> optimizer = Optimizer(Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.5)), "sobol", seed=1)
        >>> for trial in optimizer.ask(8):
        ...     _ = optimizer.tell(trial, trial.params["x"] ** 2)
        >>> posterior = LevelGP().fit(encode(optimizer.problem, optimizer.trials))
        >>> posterior.above(np.array([[0.1], [0.95]])).round(1)
        array([[0., 1.]])
    """

    process: GP | KernelSelection | TrendSelection = field(
        default_factory=lambda: TrendSelection(KernelSelection(GP(priors=_LOW_NOISE_PRIORS)))
    )
    learned: tuple[Learned, ...] = ()
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})

    def fit(self, data: TrainingData) -> LevelPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: the problem has no level set.
            NumericalError: a covariance is not positive definite, whatever jitter is added.
        """
        if not self.learned:
            return self.train(data, {})[0].fit(data)
        level_set = _level_set(data)
        fitted = [_fitted(each, data, level_set, k) for k, each in enumerate(self.learned)]
        return LevelPosterior(
            level_set.names,
            tuple(process for process, _, _ in fitted),
            np.array([level for _, level, _ in fitted]),
            tuple(
                ValueScale(level, learned.scale, transform)
                for level, learned, (_, _, transform) in zip(level_set.levels, self.learned, fitted)
            ),
        )

    def train(self, data: TrainingData, memory: Memory) -> tuple[LevelGP, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        level_set = _level_set(data)
        before: Mapping[str, Any] = memory.get("functions", {})
        pairs = {
            name: self._train_one(data, level_set, k, before.get(name, {}))
            for k, name in enumerate(level_set.names)
        }
        trained = tuple(learned for learned, _ in pairs.values())
        return replace(self, learned=trained), {
            "functions": {name: kept for name, (_, kept) in pairs.items()}
        }

    def _train_one(
        self, data: TrainingData, level_set: LevelSet, k: int, memory: Memory
    ) -> tuple[Learned, dict[str, Any]]:
        """Return scale and trained process of function k, and their memory."""
        kept: Mapping[str, Any] = memory.get("scales", {})
        found: dict[str, tuple[Learned, Memory]] = {}
        assert data.outputs is not None
        for scale in level_set.scales(data.outputs.values[:, k], k):
            process = self.process
            if scale != "linear" or level_set.transform != "auto":  # no power transform beside the scale
                process = process.unbent()
            own = kept.get(scale, {})
            trained, learned = process.train(_of_one(data, level_set, k, scale), own)
            found[scale] = Learned(scale, trained), learned
        chosen = memory.get("scale")
        if len(found) == 1 or chosen not in found or dict(found[chosen][1]) != dict(kept.get(chosen, {})):
            # hyperparameters changed: compare the scales again
            level = level_set.levels[k]
            lowest = float(data.outputs.values[:, k].min()) / level if level > 0.0 else 1.0
            scores = {
                scale: _side_log_probability(*_fitted(each, data, level_set, k)[:2]) - _price(scale, lowest)
                for scale, (each, _) in found.items()
            }
            chosen = max(scores, key=lambda scale: scores[scale])
        return found[chosen][0], {
            "scale": chosen,
            "scales": {scale: dict(learned) for scale, (_, learned) in found.items()},
        }


def _fitted(
    learned: Learned, data: TrainingData, level_set: LevelSet, k: int
) -> tuple[GPPosterior | UniversalKrigingPosterior, float, OutcomeTransform]:
    """Return the posterior of function k on its latent scale, its level there, and the transform."""
    fitted = learned.process.fit(_of_one(data, level_set, k, learned.scale))
    # the training data of a function are its values minus the level; ``latent`` would keep the units of an
    # affine scale
    return fitted.standardized, float(fitted.scale.to_latent(np.zeros(1))[0]), fitted.scale


def _price(scale: str, lowest: float) -> float:
    """Return the log probability by which a scale must exceed the linear one.

    Args:
        lowest: lowest value in units of the level.
    """
    if scale == "linear":
        return 0.0
    return -_MIN_GAIN_SCALE if scale == "p-value" and lowest < _LOW_P_VALUE else _MIN_GAIN_SCALE


def _side_log_probability(posterior: GPPosterior | UniversalKrigingPosterior, level: float) -> float:
    """Return the leave-one-out log probability of the side of the level on which each value is.

    Sides do not depend on the scale, so that scales can be compared; values far from the level add almost
    nothing.
    """
    mean, variance = posterior.left_out_moments()
    sides = np.where(posterior.values > level, 1.0, -1.0)
    return float(log_ndtr(sides * (mean - level) / np.sqrt(variance)).sum())


def _of_one(data: TrainingData, level_set: LevelSet, k: int, scale: str) -> TrainingData:
    """Return the training data of function k, as if it were the only one."""
    assert data.outputs is not None
    vectors = data.outputs
    values, variances = scaled(vectors.values[:, k], vectors.variances[:, k], level_set.levels[k], scale)
    # a variance of zero stands for no given variance: the noise is learned
    known = np.where(variances > 0.0, variances, np.nan)
    return replace(data, values=values, variances=known, outputs=None)


def _level_set(data: TrainingData) -> LevelSet:
    loss = None if data.outputs is None else data.outputs.loss
    if not isinstance(loss, NearestLevel):
        raise RecipeError("LevelGP needs a level set: Problem(..., level_set=LevelSet(0.05, of=[names]))")
    return loss.level_set
