"""Grid design: all combinations of a few values of each parameter (full factorial)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from smbo.errors import PointError, RecipeError
from smbo.frozen import FrozenDict
from smbo.plain_values import as_flag, as_whole_number, shown
from smbo.space.categorical import Categorical
from smbo.space.constraints import hint
from smbo.space.numeric import Fixed
from smbo.space.space import Space
from smbo.training_data import Array

_MOST_POINTS = 100_000  # in memory at once


@dataclass(frozen=True)
class Grid:
    """All combinations of a few values of each parameter, those that the known constraints allow.

    Example: ``Recipe(design=Grid({"x": 5, "n": [1, 4, 9]}))``

    Of a conditional parameter only combinations in which it exists are multiplied.

    Attributes:
        levels: number of values of every parameter, or, by name, a number or the values themselves; 3 of
            those that are left out.  A number of values is spread evenly over the parameter's scale, both
            ends among them.  Choices, and numbers that have no more values, have all of theirs.
        shuffled: in random order, so that a part of it is a sample of the whole; else sorted, the last
            parameter running fastest.

    Raises:
        RecipeError: numbers or values that make no sense.

    >>> space = Space({"x": (0.0, 1.0), "mode": ["a", "b"]})
    >>> [point["x"] for point in space.from_unit(Grid({"x": 3}, shuffled=False).rows(space, seed=1))]
    [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    """

    levels: int | Mapping[str, int | Sequence[Any]] = 3
    shuffled: bool = True

    def __post_init__(self) -> None:
        given = self.levels
        if isinstance(given, Mapping):
            frozen = {str(name): self._checked(f"{name}: ", each) for name, each in given.items()}
            object.__setattr__(self, "levels", FrozenDict(frozen))
        else:
            object.__setattr__(self, "levels", self._checked("", given))
            if isinstance(self.levels, tuple):
                raise RecipeError(
                    f"grid: levels={shown(given)}: give {{name: values}}, or one number for all"
                )
        if as_flag(self.shuffled) is None:
            raise RecipeError(f"grid: shuffled={shown(self.shuffled)}: give True or False")

    @staticmethod
    def _checked(where: str, given: Any) -> int | tuple[Any, ...]:
        if isinstance(given, list | tuple | range | np.ndarray) and len(given):
            return tuple(given)
        number = as_whole_number(given)
        if number is None or number < 1:
            raise RecipeError(f"grid: levels: {where}{shown(given)}; a number from 1 up, or a list of values")
        return number

    def check(self, space: Space) -> None:
        """Refuse levels that are not of a space, and more points than can be held.

        Raises:
            RecipeError: with the name and the value.
        """
        self._positions(space)

    def about_budget(self, space: Space, n_trials: int) -> str | None:
        """Return what a smaller budget leaves of the grid, in words; None where all of it is evaluated."""
        n = len(self.rows(space, 0))
        part = "a random part of them is" if self.shuffled else "the first in order are"
        return f"the grid has {n} points, and {part} evaluated: {n_trials}" if n > n_trials else None

    def rows(self, space: Space, seed: int) -> Array:
        """Return the unit points of the grid that a space, or a subspace of it, allows, shape (n, d)."""
        positions = self._positions(space)
        rows = np.array(list(product(*positions)), dtype=np.float64).reshape(-1, len(positions))
        rows = space.snap(rows)
        _, first = np.unique(rows, axis=0, return_index=True)  # inactive parameters coincide
        rows = rows[np.sort(first)]
        rows = rows[space.allowed(rows)]
        return rows[np.random.default_rng(seed).permutation(len(rows))] if self.shuffled else rows

    def _positions(self, space: Space) -> list[list[float]]:
        """Return the positions of the values on each axis."""
        named = self.levels if isinstance(self.levels, Mapping) else {}
        for name in named:
            if all(axis.name != name for axis in space.axes):
                raise RecipeError(
                    f"grid: {name!r} is no parameter that has levels{hint(name, space.dimensions)}"
                )
        positions = []
        for axis in space.axes:
            wanted = named.get(axis.name, 3) if isinstance(self.levels, Mapping) else self.levels
            positions.append(self._of_axis(space, axis.name, wanted))
        count = math.prod(map(len, positions))
        if count > _MOST_POINTS:
            raise RecipeError(f"grid: {count} points, at most {_MOST_POINTS}; give fewer levels")
        return positions

    @staticmethod
    def _of_axis(space: Space, name: str, wanted: Any) -> list[float]:
        dimension = space.dimensions[name]
        if isinstance(dimension, Fixed):
            return list(dimension.positions())
        if isinstance(wanted, tuple):
            try:
                return list(dimension.to_unit([dimension.check(name, value) for value in wanted]))
            except PointError as error:
                raise RecipeError(f"grid: {error}") from None
        count = dimension.n_levels
        if count is not None and (isinstance(dimension, Categorical) or count <= wanted):
            return list(dimension.positions())
        ends = np.linspace(0.0, 1.0, wanted) if wanted > 1 else np.array([0.5])
        return list(dict.fromkeys(dimension.snap(ends).tolist()))
