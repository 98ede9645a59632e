"""Several objectives: names, directions, the reference point of the hypervolume, and weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smbo.errors import ProblemError
from smbo.plain_values import finite_number, shown
from smbo.problem.hypervolume import nondominated, reference_by_rule
from smbo.problem.outcome_constraints import sem_name
from smbo.training_data import Array

# Fronts of more objectives cannot be looked at; from five on the search scalarizes by random weights.
_MAX_OBJECTIVES = 20


@dataclass(frozen=True)
class MultiObjective:
    """Several objectives to find the Pareto front of.

    Args:
        directions: "min" or "max" by name.
        reference: by name, in the user's sign and units, the value from which an evaluation is of no
            interest: a bound on that objective, and the corner that hypervolume is counted from.  A rule
            stands in for objectives left out.
        weights: by name, how much an objective matters beside the others; 1 where left out.

    Raises:
        ProblemError: a name that is no objective, a figure that is not finite or out of range.
    """

    directions: Mapping[str, str]
    reference: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.directions) > _MAX_OBJECTIVES:
            raise ProblemError(f"{len(self.directions)} objectives; up to {_MAX_OBJECTIVES} are supported")
        for word, given in (("reference", self.reference), ("weights", self.weights)):
            if not isinstance(given, Mapping):
                raise ProblemError(f"{word}={given!r}: give {{objective: number}}")
            for name, value in given.items():
                if name not in self.directions:
                    raise ProblemError(
                        f"{word}: {name!r} is no objective; there are {', '.join(self.directions)}"
                    )
                if finite_number(value) is None:
                    raise ProblemError(f"{word} of {name!r} is {shown(value)}; a finite number is needed")
        for name, weight in self.weights.items():
            if weight <= 0:
                raise ProblemError(f"the weight of {name!r} is {weight!r}; a number above 0 is needed")

    def __len__(self) -> int:
        return len(self.directions)

    @property
    def names(self) -> tuple[str, ...]:
        """The objectives' names."""
        return tuple(self.directions)

    @property
    def signs(self) -> Array:
        """+1 where lower is better and -1 where higher is, (m,)."""
        return np.array([-1.0 if way == "max" else 1.0 for way in self.directions.values()])

    def values(self, metrics: Sequence[Mapping[str, float]]) -> Array:
        """Return the objectives among the metrics of some evaluations, in the user's sign, (n, m)."""
        table = [[each[name] for name in self.names] for each in metrics]
        return np.array(table, dtype=np.float64).reshape(len(metrics), len(self))

    def minimised(self, metrics: Sequence[Mapping[str, float]]) -> Array:
        """Return the same objectives, minimised, (n, m)."""
        return np.asarray(self.signs * self.values(metrics))

    def corner(self, values: Array) -> Array:
        """Return the minimised reference: the user's, or by rule from minimised values (n, m); (m,)."""
        given = self.minimised_reference
        return np.where(np.isnan(given), reference_by_rule(values[nondominated(values)]), given)

    def sems(self, metrics: Sequence[Mapping[str, float]]) -> Array:
        """Return their standard errors, NaN where not given, (n, m)."""
        table = [[each.get(sem_name(name), math.nan) for name in self.names] for each in metrics]
        return np.array(table, dtype=np.float64).reshape(len(metrics), len(self))

    @property
    def minimised_reference(self) -> Array:
        """The reference, minimised, NaN where the rule is to give it, (m,)."""
        return self.signs * np.array([self.reference.get(name, math.nan) for name in self.names])

    @property
    def weight_vector(self) -> Array:
        """The weights in the objectives' order, (m,)."""
        return np.array([float(self.weights.get(name, 1.0)) for name in self.names])

    def to_json(self) -> dict[str, Any]:
        """Return the reference and the weights as plain JSON values; each absent where not given."""
        said = {"reference": dict(self.reference), "weights": dict(self.weights)}
        return {word: given for word, given in said.items() if given}
