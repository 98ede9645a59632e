"""A surrogate of functions whose levels are sought: a process for each, all told at the same points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr

from smbo.errors import RecipeError
from smbo.problem.level_set import LevelSet, NearestLevel, scaled, unscaled
from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.kernel_selection import KernelSelection
from smbo.surrogates.gp.leave_one_out import left_out_moments
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.gp.outcome_transform import NODES, WEIGHTS, OutcomeTransform
from smbo.surrogates.gp.trend_selection import TrendSelection
from smbo.surrogates.gp.universal_kriging import TrendedPosterior, UniversalKriging
from smbo.training_data import Array, TrainingData

# In log probability: another scale than the linear one must tell that much more; but p-values, which
# fall far below the level somewhere, are to be told that much less on theirs before it is left.
_PRICE_OF_A_SCALE = 0.5
_FAR_BELOW = 0.05  # of the level
# A contour is known to a share of the values' spread at which a search for the best has long ended: as
# little noise as the values allow.
_QUIET = Priors(log_noise=(float(np.log(1e-5)), 3.5))


@dataclass(frozen=True)
class ValueScale:
    """The way from a function's latent scale to its values.

    Attributes:
        level: of the function.
        scale: on which it is modelled, one of ``SCALES``.
        transform: of the values on that scale, before they were modelled.
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
    """What is believed of functions and of where their levels are.

    Attributes:
        names: of the functions, k of them.
        processes: the belief on each, on its latent scale.
        levels: on the same scales, (k,).
        scales: the way from each latent scale back to the function's values.
    """

    names: tuple[str, ...]
    processes: tuple[GPPosterior | TrendedPosterior, ...]
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
        """Return how far the nearest level is by the means, and that function's deviation, each (m,).

        In standard deviations of the functions' values, so that several can be compared.
        """
        mean, std = self.offsets(points)
        sizes = np.array([np.sqrt(process.amplitude) for process in self.processes])[:, None]
        away = np.abs(mean) / sizes
        nearest = np.argmin(away, axis=0)[None]
        return np.take_along_axis(away, nearest, 0)[0], np.take_along_axis(std / sizes, nearest, 0)[0]

    def fantasize(self, points: Array) -> LevelPosterior:
        """Return the posterior given also what it expects at unit points (m, d)."""
        return replace(self, processes=tuple(process.fantasize(points) for process in self.processes))


@dataclass(frozen=True)
class Learned:
    """What is fixed of one function's process: the scale of its values, and hyperparameters."""

    scale: str
    process: GP | UniversalKriging


@dataclass(frozen=True)
class LevelGP:
    """A Gaussian process of each function of a level set, each on the scale that suits its values.

    Attributes:
        process: as it is before it has learned.
        learned: of each function; () to learn it.
    """

    process: GP | KernelSelection | TrendSelection = field(
        default_factory=lambda: TrendSelection(KernelSelection(GP(priors=_QUIET)))
    )
    learned: tuple[Learned, ...] = ()

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
        """Return what is learned of function k, on the scale that tells its side of the level best."""
        kept: Mapping[str, Any] = memory.get("scales", {})
        found: dict[str, tuple[Learned, Memory]] = {}
        assert data.outputs is not None
        for scale in level_set.scales(data.outputs.values[:, k], k):
            process = self.process
            if scale != "linear" or level_set.transform != "auto":  # on a scale that was asked for
                process = _unbent(process)
            own = kept.get(scale, {})
            trained, learned = process.train(_of_one(data, level_set, k, scale), own)
            found[scale] = Learned(scale, trained), learned
        chosen = memory.get("scale")
        if len(found) == 1 or chosen not in found or dict(found[chosen][1]) != dict(kept.get(chosen, {})):
            # learned anew, so that the scale is looked at anew too
            level = level_set.levels[k]
            lowest = float(data.outputs.values[:, k].min()) / level if level > 0.0 else 1.0
            scores = {
                scale: _told_sides(*_fitted(each, data, level_set, k)[:2]) - _price(scale, lowest)
                for scale, (each, _) in found.items()
            }
            chosen = max(scores, key=lambda scale: scores[scale])
        return found[chosen][0], {
            "scale": chosen,
            "scales": {scale: dict(learned) for scale, (_, learned) in found.items()},
        }


def _unbent(process: GP | KernelSelection | TrendSelection) -> GP | KernelSelection | TrendSelection:
    if isinstance(process, TrendSelection):
        return process.with_process(replace(process.process, bend_values=False))
    if isinstance(process, KernelSelection):
        return replace(process, process=replace(process.process, bend_values=False))
    return replace(process, bend_values=False)


def _fitted(
    learned: Learned, data: TrainingData, level_set: LevelSet, k: int
) -> tuple[GPPosterior | TrendedPosterior, float, OutcomeTransform]:
    """Return the belief on function k on its latent scale, its level there, and the transform to there."""
    fitted = learned.process.fit(_of_one(data, level_set, k, learned.scale))
    # modelled values are told as what lies above the level
    if isinstance(fitted, TrendedPosterior):
        transform = fitted.process.scale
        return fitted.latent, float(transform.to_latent(np.zeros(1))[0]), transform
    transform = fitted.scale
    # not ``latent``, which keeps the units of a scale that bends nothing
    return (
        replace(fitted, scale=OutcomeTransform()),
        float(transform.to_latent(np.zeros(1))[0]),
        transform,
    )


def _price(scale: str, lowest: float) -> float:
    """Return what a scale has to make up for in log probability, the lowest value in units of the level."""
    if scale == "linear":
        return 0.0
    return -_PRICE_OF_A_SCALE if scale == "p-value" and lowest < _FAR_BELOW else _PRICE_OF_A_SCALE


def _told_sides(posterior: GPPosterior | TrendedPosterior, level: float) -> float:
    """Return the log probability that others' values give to the side of the level on which each is.

    The same on every scale, since sides are; what bends far from the level does not count.
    """
    if isinstance(posterior, TrendedPosterior):
        posterior = posterior.process  # whose factor is that of both
    mean, variance = left_out_moments(posterior)
    sides = np.where(posterior.values > level, 1.0, -1.0)
    return float(log_ndtr(sides * (mean - level) / np.sqrt(variance)).sum())


def _of_one(data: TrainingData, level_set: LevelSet, k: int, scale: str) -> TrainingData:
    """Return the training data of function k, as if it were the only one."""
    assert data.outputs is not None
    vectors = data.outputs
    values, variances = scaled(vectors.values[:, k], vectors.variances[:, k], level_set.levels[k], scale)
    # an error of zero was not given: whether there is one is then learned
    known = np.where(variances > 0.0, variances, np.nan)
    return replace(data, values=values, variances=known, outputs=None)


def _level_set(data: TrainingData) -> LevelSet:
    loss = None if data.outputs is None else data.outputs.loss
    if not isinstance(loss, NearestLevel):
        raise RecipeError("LevelGP needs a level set: Problem(..., level_set=LevelSet(0.05, of=[names]))")
    return loss.level_set
