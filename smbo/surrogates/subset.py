"""Subset of data: a surrogate at bounded cost, fitted to a part of the training data.

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", 8.3.3.  Measured by
    tests/benchmarks/bench_large_n.py; compared with inducing points in docs/notes/engine.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.errors import RecipeError
from smbo.problem.hypervolume import fronts_first
from smbo.surrogates.base import (
    Memory,
    Posterior,
    Selective,
    Surrogate,
    TakesSources,
    Trainable,
    Transferable,
    takes_replicates,
)
from smbo.surrogates.gp.gp import GP
from smbo.training_data import Target, TrainingData, served_by

Rows = NDArray[np.intp]
# Hyperparameters are learned again once the training data has grown by this factor: a part of fixed size
# that is chosen again each time differs little from the one before.
_RELEARN_FACTOR = 1.5
# Of vector outputs and results at several fidelities, where a row costs several times as much.
_N_ROWS_OF_SEVERAL, _N_LEARNED_OF_SEVERAL = 300, 100
# Key of the memory, beside those of the wrapped surrogate: number of rows when it was trained last.
_COUNT_KEY = "n_all"


@dataclass(frozen=True)
class Subset:
    """Wrap a surrogate: fit it to all training data while there is little, and to a part of it later.

    The part is that of ``rows_to_fit``; it depends on the training data alone.

    Attributes:
        surrogate: the wrapped surrogate.
        most: number of evaluations up to which it is fitted to all.
        n_rows: number of evaluations in the part.
        n_learned: number of evaluations from which hyperparameters are learned.

    Raises:
        RecipeError: not 3 <= n_learned <= n_rows <= most.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import GP, Subset
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 100)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, np.sin(6.0 * points[:, 0]))
        >>> len(Subset(GP(), most=60, n_rows=30, n_learned=30).relevant(data))
        30
    """

    surrogate: Surrogate = field(default_factory=GP)
    most: int = 2000
    n_rows: int = 1000
    n_learned: int = 250

    def __post_init__(self) -> None:
        if not 3 <= self.n_learned <= self.n_rows <= self.most:
            raise RecipeError(f"{self!r}: 3 <= n_learned <= n_rows <= most is needed")

    @property
    def learner(self) -> Surrogate:
        """The wrapped surrogate."""
        return self.surrogate

    @property
    def serves(self) -> frozenset[Target]:
        """The targets of the wrapped surrogate."""
        return served_by(self.surrogate)

    @property
    def takes_replicates(self) -> bool:
        """Whether the wrapped surrogate merges replicates (``TrainingData.replicates``)."""
        return takes_replicates(self.surrogate)

    @property
    def transfer_base(self) -> Subset:
        """The subset around the wrapped surrogate's ``transfer_base``, if it has one."""
        base = self.surrogate
        return replace(self, surrogate=base.transfer_base) if isinstance(base, Transferable) else self

    def with_sources(self, sources: Sequence[Sequence[Any]]) -> Subset:
        """Return the subset around the wrapped surrogate with source studies; see ``TakesSources``."""
        assert isinstance(self.surrogate, TakesSources)
        return replace(self, surrogate=self.surrogate.with_sources(sources))

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part of the training data that the surrogate is fitted to; all if there is little."""
        if len(data) <= self.most and len(data.failed) <= self.most:
            return data
        kept = data if len(data) <= self.most else part_to_fit(data, self.n_rows)
        if len(data.failed) <= self.n_rows:
            return kept
        return replace(kept, failed=data.failed[_spread(np.arange(len(data.failed)), self.n_rows)])

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior of the wrapped surrogate, fitted to the part."""
        return self.surrogate.fit(self.relevant(data))

    def train(self, data: TrainingData, memory: Memory) -> tuple[Subset, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        if not isinstance(self.surrogate, Trainable):
            return self, {}
        n = len(data)
        if n <= self.most:
            trained, learned = self.surrogate.train(data, _without_count(memory))
            return replace(self, surrogate=trained), {**learned, _COUNT_KEY: n}
        few = part_to_fit(data, self.n_learned)
        n_before = int(memory.get(_COUNT_KEY, 0))
        is_known = self.most < n_before <= n < _RELEARN_FACTOR * n_before
        # no memory is passed on if the part is to be learned from: its fixed size would look like no growth
        trained, learned = self.surrogate.train(few, _without_count(memory) if is_known else {})
        return replace(self, surrogate=trained), {**learned, _COUNT_KEY: n_before if is_known else n}


def _without_count(memory: Memory) -> Memory:
    return {name: value for name, value in memory.items() if name != _COUNT_KEY}


def bounded(surrogate: Surrogate, data: TrainingData) -> Surrogate:
    """Return the surrogate, within a subset where it would be fitted to all of very many evaluations."""
    several = Subset(surrogate, n_rows=_N_ROWS_OF_SEVERAL, n_learned=_N_LEARNED_OF_SEVERAL)
    if max(len(data), len(data.failed)) <= several.most:
        return surrogate
    part = relevant_to(surrogate, data)
    if max(len(part), len(part.failed)) <= several.most:
        return surrogate
    return several if data.outputs is not None or data.fidelities is not None else Subset(surrogate)


def relevant_to(surrogate: Surrogate, data: TrainingData) -> TrainingData:
    """Return the part of the training data that a surrogate is fitted to."""
    return surrogate.relevant(data) if isinstance(surrogate, Selective) else data


def rows_to_fit(data: TrainingData, n: int) -> Rows:
    """Return n rows of the training data, ascending, to which a surrogate at bounded cost is fitted.

    A third each: the lowest values, the points nearest to the lowest, and rows spread evenly over the others
    by trial number.  Of several objectives the first two thirds are the first rows of a non-dominated sort.
    """
    usable = np.flatnonzero(data.feasible) if data.feasible.any() else np.arange(len(data))
    if data.objective_values is not None:
        chosen = np.sort(usable[fronts_first(data.objective_values.values[usable], 2 * (n // 3))])
    else:
        values = np.full(len(data), np.inf)
        values[usable] = data.values[usable]
        lowest = np.argsort(values, kind="stable")[: n // 3]
        gaps = data.points - data.points[lowest[0]]
        nearest = np.argsort(np.einsum("ij,ij->i", gaps, gaps), kind="stable")[: n // 3]
        chosen = np.union1d(lowest, nearest)
    rest = np.setdiff1d(np.arange(len(data)), chosen, assume_unique=True)
    return np.sort(np.concatenate([chosen, _spread(rest, n - len(chosen))]))


def part_to_fit(data: TrainingData, n: int) -> TrainingData:
    """Return the rows to fit, with their results at all fidelities."""
    part, results = data.rows(rows_to_fit(data, n)), data.fidelities
    if results is None:
        return part
    return replace(part, fidelities=results.rows(np.flatnonzero(np.isin(results.numbers, part.numbers))))


def _spread(rows: Rows, n: int) -> Rows:
    """Return n of the rows, evenly spaced in their order."""
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.intp)]
