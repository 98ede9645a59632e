"""One process for each of several objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.errors import RecipeError
from smbo.evidence import Array, Evidence
from smbo.hypervolume import nondominated, scaled_to_front
from smbo.surrogates.base import Memory
from smbo.surrogates.gp import GP, GPPosterior

# Evaluations around which a search looks closer.
_N_CENTRES = 8
# Share of noise in the variance of an objective up to which its values may be bent.
_MOST_BENT = 1e-3


@dataclass(frozen=True, eq=False)
class SeveralPosterior:
    """What is believed of several objectives, each on its own.

    Attributes:
        parts: the belief on each, in the objectives' order.
    """

    parts: tuple[GPPosterior, ...]

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the first objective at unit points (m, d), each (m,)."""
        return self.parts[0].moments(points)

    def all_moments(self, points: Array) -> tuple[Array, Array]:
        """Return means and standard deviations at unit points (n, d), each (n, m)."""
        pairs = [part.moments(points) for part in self.parts]
        return np.stack([mean for mean, _ in pairs], axis=1), np.stack([std for _, std in pairs], axis=1)

    @property
    def latents(self) -> tuple[GPPosterior, ...]:
        """The same beliefs on the increasing scales on which they are normal."""
        return tuple(part.latent for part in self.parts)

    def latent_means(self, points: Array) -> Array:
        """Return the means at unit points (n, d) on these scales, (n, m)."""
        return np.stack([part.means_only(points) for part in self.latents], axis=1)

    def to_latent(self, values: Array) -> Array:
        """Return values of all objectives (..., m) on these scales, same shape."""
        # where nothing is bent a belief is normal on the values' own scale
        columns = [
            values[..., j] if part.scale.is_affine else part.scale.to_latent(values[..., j])
            for j, part in enumerate(self.parts)
        ]
        return np.stack(columns, axis=-1)

    def fantasise(self, points: Array) -> SeveralPosterior:
        """Return the posterior given also what it expects at unit points (m, d)."""
        return SeveralPosterior(tuple(part.fantasise(points) for part in self.parts))

    def discouraged(self, failed: Array, known: Array) -> SeveralPosterior:
        """Return the posterior given also that failed points (m, d) are as bad as the worst known ones."""
        parts = []
        for part in self.parts:
            highest = float(part.moments(known)[0].max())
            parts.append(part.condition_on(failed, np.maximum(part.moments(failed)[0], highest)))
        return SeveralPosterior(tuple(parts))

    def centres(self, evidence: Evidence) -> Array:
        """Return evaluated points spread over the front of the posterior means, (k, d)."""
        points = evidence.points[evidence.feasible] if evidence.feasible.any() else evidence.points
        means = self.latent_means(points)
        rows = np.flatnonzero(nondominated(means))
        return np.asarray(points[rows[_spread(scaled_to_front(means[rows], means[rows]), _N_CENTRES)]])


def _spread(values: Array, n: int) -> NDArray[np.intp]:
    """Return up to n rows far from each other: the lowest in the first column, then the farthest."""
    chosen = [int(np.argmin(values[:, 0]))]
    gaps = ((values - values[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < n and gaps.max() > 0.0:
        chosen.append(int(np.argmax(gaps)))
        gaps = np.minimum(gaps, ((values - values[chosen[-1]]) ** 2).sum(axis=1))
    return np.array(chosen, dtype=np.intp)


@dataclass(frozen=True)
class SeveralGP:
    """A Gaussian process for each of several objectives.

    Attributes:
        process: what each begins as.
        trained: with hyperparameters of their own; empty to learn them.
        most: evaluations up to which all are given; of more the least dominated and others, evenly.
    """

    process: GP = field(default_factory=GP)
    trained: tuple[GP, ...] = ()
    most: int = 1000

    def fit(self, evidence: Evidence) -> SeveralPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: the problem has a single objective.
            NumericalError: no jitter makes a covariance positive definite.
        """
        parts = _of_objectives(self.relevant(evidence))
        processes = self.trained or (self.process,) * len(parts)
        return SeveralPosterior(tuple(process.fit(part) for process, part in zip(processes, parts)))

    def train(self, evidence: Evidence, memory: Memory) -> tuple[SeveralGP, Memory]:
        """Return the processes with their hyperparameters fixed, and the memory that restores them."""
        before = memory.get("objectives", ())
        trained, learned = [], []
        for j, part in enumerate(_of_objectives(self.relevant(evidence))):
            known: Memory = before[j] if before else {}
            process = replace(self.process, bend_values=False) if _is_noisy(part, known) else self.process
            found: tuple[GP, Mapping[str, Any]] = process.train(part, known)
            trained.append(found[0])
            learned.append(dict(found[1]))
        return replace(self, trained=tuple(trained)), {"objectives": learned}

    def relevant(self, evidence: Evidence) -> Evidence:
        """Return the part of the evidence that the processes are given; all of it while that is little."""
        if evidence.several is None or len(evidence) <= self.most:
            return evidence
        rows = _least_dominated(evidence.several.values, evidence.feasible, self.most // 2)
        rest = np.setdiff1d(np.arange(len(evidence)), rows, assume_unique=True)
        others = rest[np.linspace(0, len(rest) - 1, self.most - len(rows)).astype(np.intp)]
        return evidence.rows(np.sort(np.concatenate([rows, others])))


def _is_noisy(evidence: Evidence, memory: Memory) -> bool:
    """Return whether an objective is too noisy for its values to be bent.

    A bend towards the lowest value stretches the errors of low values, so that these count for less
    than high ones, and everything low is taken for higher than it is.
    """
    given = evidence.variances[np.isfinite(evidence.variances)]
    if 2 * len(given) > len(evidence):
        return float(np.median(given)) > _MOST_BENT * float(evidence.values.var())
    learned = memory.get("hyperparameters")
    return learned is not None and float(np.exp(learned["log_noise"])) > _MOST_BENT


def _least_dominated(values: Array, feasible: NDArray[np.bool_], n: int) -> NDArray[np.intp]:
    """Return n rows, front by front; feasible ones first."""
    left = np.flatnonzero(feasible) if int(feasible.sum()) >= n else np.arange(len(values))
    chosen: list[int] = []
    while len(chosen) < n:
        front = nondominated(values[left])
        chosen += left[front].tolist()
        left = left[~front]
    return np.array(chosen[:n], dtype=np.intp)


def _of_objectives(evidence: Evidence) -> list[Evidence]:
    """Return the evidence of each objective by itself."""
    several = evidence.several
    if several is None:
        raise RecipeError("SeveralGP models several objectives, and the problem has one; use GP()")
    # an infeasible evaluation measured the objectives as well as any
    feasible = np.ones(len(evidence), dtype=np.bool_)
    return [
        replace(evidence, values=values, variances=variances, feasible=feasible, several=None)
        for values, variances in zip(several.values.T, several.variances.T)
    ]
