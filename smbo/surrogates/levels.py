"""A surrogate of functions whose levels are sought: a process for each, all told at the same points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from smbo.errors import RecipeError
from smbo.evidence import Array, Evidence
from smbo.level_sets import LevelSet, NearestLevel
from smbo.surrogates.base import Memory
from smbo.surrogates.gp import GP, GPPosterior
from smbo.surrogates.outputs import Scale


@dataclass(frozen=True, eq=False)
class LevelPosterior:
    """What is believed of functions and of where their levels are.

    Attributes:
        names: of the functions, k of them.
        processes: the belief on each, on its latent scale.
        levels: on the same scales, (k,).
    """

    names: tuple[str, ...]
    processes: tuple[GPPosterior, ...]
    levels: Array

    def offsets(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of function minus level at unit points (m, d), each (k, m).

        On the latent scale, on which both are normal.
        """
        pairs = [process.moments(points) for process in self.processes]
        mean = np.array([mean for mean, _ in pairs]) - self.levels[:, None]
        return mean, np.array([std for _, std in pairs])

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

    def fantasise(self, points: Array) -> LevelPosterior:
        """Return the posterior given also what it expects at unit points (m, d)."""
        return replace(self, processes=tuple(process.fantasise(points) for process in self.processes))


@dataclass(frozen=True)
class LevelGP:
    """A Gaussian process of each function of a level set.

    Attributes:
        process: as it is before it has learned.
        learned: one for each function, with hyperparameters fixed; () to learn them.
    """

    process: GP = field(default_factory=GP)
    learned: tuple[GP, ...] = ()

    def fit(self, evidence: Evidence) -> LevelPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: the problem has no level set.
            NumericalError: a covariance is not positive definite, whatever jitter is added.
        """
        level_set = _level_set(evidence)
        processes = self.learned or [_process(self.process, level_set)] * level_set.n_outputs
        fitted = [gp.fit(each) for gp, each in zip(processes, _split(evidence, level_set), strict=True)]
        # modelled values are told as what lies above the level
        levels = np.array([float(each.scale.to_latent(np.zeros(1))[0]) for each in fitted])
        # not ``latent``, which keeps the units of a scale that bends nothing
        return LevelPosterior(level_set.names, tuple(replace(each, scale=Scale()) for each in fitted), levels)

    def train(self, evidence: Evidence, memory: Memory) -> tuple[LevelGP, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        level_set = _level_set(evidence)
        before: Mapping[str, Any] = memory.get("functions", {})
        pairs = {
            name: _process(self.process, level_set).train(each, before.get(name, {}))
            for name, each in zip(level_set.names, _split(evidence, level_set))
        }
        trained = tuple(gp for gp, _ in pairs.values())
        return replace(self, learned=trained), {
            "functions": {name: dict(kept) for name, (_, kept) in pairs.items()}
        }


def _process(process: GP, level_set: LevelSet) -> GP:
    """Return the process of a function: on a scale that was given it bends nothing."""
    return process if level_set.transform == "auto" else replace(process, bend_values=False)


def _split(evidence: Evidence, level_set: LevelSet) -> Sequence[Evidence]:
    """Return the evidence of each function, as if it were the only one."""
    assert evidence.vectors is not None
    values, variances = level_set.scaled(evidence.vectors.values, evidence.vectors.variances)
    # an error of zero was not given: whether there is one is then learned
    known = np.where(variances > 0.0, variances, np.nan)
    return [
        replace(evidence, values=values[:, k], variances=known[:, k], vectors=None)
        for k in range(values.shape[1])
    ]


def _level_set(evidence: Evidence) -> LevelSet:
    loss = None if evidence.vectors is None else evidence.vectors.loss
    if not isinstance(loss, NearestLevel):
        raise RecipeError("LevelGP needs a level set: Problem(..., level_set=LevelSet(0.05, of=[names]))")
    return loss.level_set
