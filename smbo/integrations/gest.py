"""A gest-api generator: smbo proposes points to Xopt, Badger, optimas, libEnsemble and rsopt.

    generator = SmboGenerator(VOCS(variables={"x": [0.0, 1.0]}, objectives={"f": "MINIMIZE"}))
    points = generator.suggest(4)
    generator.ingest([{**point, "f": f(point["x"])} for point in points])

Needs the extra ``gest``.  The standard: https://github.com/campa-consortium/gest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

try:
    from gest_api import Generator
except ImportError as error:
    raise ImportError("the gest-api generator needs an extra: pip install 'smbo[gest]'") from error
from gest_api.vocs import (
    VOCS,
    BoundsConstraint,
    ContextualVariable,
    ContinuousVariable,
    GreaterThanConstraint,
    MaximizeObjective,
    MinimizeObjective,
)

from smbo.errors import SmboError
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Categorical, Real, Space

__all__ = ["SmboGenerator"]


class SmboGenerator(Generator):
    """Suggest points of a VOCS, and learn from what is ingested; a result that is not finite is a failure.

    Args:
        vocs: variables (continuous and discrete), objectives to minimise or maximise, constraints on
            outcomes, constants, which every point carries, and observables, which are left out.
        recipe, seed: as of ``smbo.Optimizer``.

    Raises:
        ValueError: the VOCS has a contextual variable, or an objective to explore.

    Example:
        >>> from gest_api.vocs import VOCS
        >>> vocs = VOCS(variables={"x": [0.0, 1.0]}, objectives={"f": "MINIMIZE"})
        >>> generator = SmboGenerator(vocs, seed=1)
        >>> points = generator.suggest(6)
        >>> generator.ingest([{**point, "f": (point["x"] - 0.3) ** 2} for point in points])
        >>> sorted(generator.suggest(1)[0])
        ['_id', 'x']
    """

    returns_id = True

    def __init__(
        self,
        vocs: VOCS,
        recipe: str | Mapping[str, Any] | Recipe = "auto",
        seed: int | None = None,
    ) -> None:
        super().__init__(vocs)
        self.vocs, self.optimizer = vocs, Optimizer(_problem(vocs), recipe, seed)

    def _validate_vocs(self, vocs: VOCS) -> None:
        for name, variable in vocs.variables.items():
            if isinstance(variable, ContextualVariable):
                raise ValueError(f"variable {name!r} is contextual, and smbo searches every variable")
        for name, objective in vocs.objectives.items():
            if not isinstance(objective, MinimizeObjective | MaximizeObjective):
                raise ValueError(f"objective {name!r} is {objective!r}; smbo takes MINIMIZE and MAXIMIZE")
        if not vocs.objectives:
            raise ValueError("the VOCS has no objective; give at least one to minimise or maximise")

    def suggest(self, num_points: int | None = None) -> list[dict[str, Any]]:
        """Return points to evaluate, one where no number is given; each carries its ``_id``."""
        trials = self.optimizer.ask(1 if num_points is None else num_points)
        constants = {name: each.value for name, each in self.vocs.constants.items()}
        return [{**constants, **trial.params, "_id": trial.number} for trial in trials]

    def ingest(self, results: list[dict[str, Any]]) -> None:
        """Record results, of suggested points by their ``_id`` or of any others.

        Raises:
            ValueError: an ``_id`` that was not suggested, or was ingested already; a result that lacks a
                variable, an objective or a constraint.
        """
        for point in results:
            own = {name: point[name] for name in self.vocs.variables if name in point}
            wanted = (*self.vocs.objectives, *self.vocs.constraints)
            measured = {name: point[name] for name in wanted if name in point}
            try:
                self.optimizer.tell(own if point.get("_id") is None else point["_id"], measured)
            except SmboError as error:
                raise ValueError(str(error)) from error


def _problem(vocs: VOCS) -> Problem:
    """Return what a VOCS describes."""
    space = {
        name: Real(*each.domain)
        if isinstance(each, ContinuousVariable)
        else Categorical(_ordered(each.values))
        for name, each in vocs.variables.items()
    }
    objectives = {
        name: "max" if isinstance(each, MaximizeObjective) else "min"
        for name, each in vocs.objectives.items()
    }
    constraints: list[str] = []
    for name, each in vocs.constraints.items():
        if isinstance(each, BoundsConstraint):
            constraints += [f"{name} >= {each.range[0]!r}", f"{name} <= {each.range[1]!r}"]
        else:
            relation = ">" if isinstance(each, GreaterThanConstraint) else "<"
            constraints.append(f"{name} {relation} {each.value!r}")
    return Problem(Space(space), objectives=objectives, constraints=constraints)


def _ordered(values: set[Any]) -> tuple[Any, ...]:
    """Return the values of a set in an order that does not change from run to run."""
    return tuple(sorted(values, key=lambda value: (type(value).__name__, value)))
