"""What is to be solved: a space, what is measured there, and what counts as better.

This file and ``smbo.space`` are all that an objective imports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from smbo.errors import EvaluationFailed, ObjectiveError, ProblemError
from smbo.evidence import Array
from smbo.expressions import Expression
from smbo.space import Space

__all__ = [
    "Confirmation",
    "Context",
    "EvaluationFailed",
    "Figure",
    "Objective",
    "ObjectiveError",
    "Outcome",
    "Problem",
    "Rated",
    "as_outcome",
]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one evaluation measured.

    Attributes:
        value: the objective, in the user's sign and units; None when it is one of ``metrics``.
        sem: standard error of the value, None if unknown.
        cost: of the evaluation, in the user's unit, None if unknown.
        metrics: everything measured, by name.
        outputs, outputs_variance: a vector output and the variance of each entry, shape (k,).
    """

    value: float | None = None
    sem: float | None = None
    cost: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    outputs: Array | None = None
    outputs_variance: Array | None = None


Returned: TypeAlias = "Outcome | float | tuple[float, float] | Mapping[str, float]"


def _report_to_nobody(_step: float, _value: float) -> None:
    """Drop an intermediate value: there is nobody to tell (ask/tell by hand)."""


@dataclass(frozen=True)
class Context:
    """What an evaluation may use besides its point.

    Attributes:
        seed: for its random numbers; never the same for two trials, the same when a lost trial
            is run again.
        folder: a fresh folder of its own, or None where there is none (ask/tell by hand).
        fidelity: asked for, or None.
        checkpoint: folder of an earlier attempt at the same trial to go on from, or None.
        report: ``report(step, value)`` notes an intermediate value.
    """

    seed: int
    folder: Path | None = None
    fidelity: float | None = None
    checkpoint: Path | None = None
    report: Callable[[float, float], None] = field(default=_report_to_nobody)


class Objective(Protocol):
    """What an entry point of the group ``smbo.objectives`` names: a class of these.

    It is constructed from the job file's settings as keyword arguments, in the driver and again
    on every worker; a wrong one raises ObjectiveError with a message that names it.  It must
    pickle.  If it knows its own space it also has an attribute ``problem`` (a Problem), and then
    the job file need not give one.  ``Rated`` says what more it may offer.
    """

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Returned:
        """Return what was measured, or raise EvaluationFailed."""
        ...


@dataclass(frozen=True)
class Confirmation:
    """How a recommended point is to be checked once the study is done.

    Attributes:
        baseline: the point to compare with (a default tune, say), or None.
        baseline_name: what to call it.
        fidelity: of each check evaluation, None for the objective's own.
        repeats: check evaluations per point, each with a fresh seed.
    """

    baseline: Mapping[str, Any] | None
    baseline_name: str = "default"
    fidelity: float | None = None
    repeats: int = 5


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its files without suffix (PNG and PDF lie beside each other) and its caption."""

    stem: Path
    title: str
    caption: str


@runtime_checkable
class Rated(Protocol):
    """An objective that says how its recommendation is checked, and draws figures of its own."""

    def confirmation(self) -> Confirmation:
        """Return how to check a recommended point."""
        ...

    def draw(
        self, folder: Path, results: Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
    ) -> list[Figure]:
        """Draw into ``folder`` and return the figures.

        Args:
            folder: exists; files are written there.
            results: check evaluations as (point, outcome) pairs, by what they are of:
                "recommended" and the baseline's name.
        """
        ...


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be solved.

    Args:
        space: where to search; what Space takes will do.
        objectives: {name: "min" or "max"}; one for now.  None means one value, minimised.
        constraints: on measured metrics, such as "n_background >= 100"; a point that violates
            one is infeasible, not failed.
        maximize: shorthand for a single unnamed objective that is maximised.

    Raises:
        ProblemError: more than one objective, an unknown direction, a constraint that is no
            comparison.
        SpaceError: from the space.
    """

    space: Space
    objectives: Mapping[str, str] | None = None
    constraints: Sequence[str] = ()
    maximize: bool = False
    _constraints: tuple[Expression, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.space, Space):
            object.__setattr__(self, "space", Space(self.space))
        objectives = dict(self.objectives) if self.objectives is not None else None
        if objectives is not None:
            if self.maximize:
                raise ProblemError(
                    "maximize=True goes with an unnamed objective; write objectives={name: 'max'}"
                )
            if len(objectives) != 1:
                raise ProblemError(f"objectives={objectives!r}: exactly one is supported so far")
            for name, direction in objectives.items():
                if direction not in ("min", "max"):
                    raise ProblemError(
                        f"objective {name!r}: direction is {direction!r}; write 'min' or 'max'"
                    )
        if isinstance(self.constraints, str):
            raise ProblemError(f"constraints={self.constraints!r}: give a list of formulas, not one string")
        object.__setattr__(self, "objectives", objectives)
        object.__setattr__(self, "constraints", tuple(self.constraints))
        object.__setattr__(self, "_constraints", tuple(Expression.parse(text) for text in self.constraints))

    @property
    def value_name(self) -> str:
        """Name of what is optimised; "value" unless the objective has one."""
        return next(iter(self.objectives)) if self.objectives else "value"

    @property
    def sign(self) -> float:
        """+1 when lower is better, -1 when higher is: what a value is multiplied by to be minimised."""
        if self.objectives:
            return -1.0 if next(iter(self.objectives.values())) == "max" else 1.0
        return -1.0 if self.maximize else 1.0

    def outcome(self, returned: Returned) -> Outcome:
        """Return what an objective returned as an Outcome with its value filled in.

        Raises:
            ProblemError: it is of no known form, or lacks a metric that the problem names.
        """
        outcome = as_outcome(returned)
        value, metrics = outcome.value, dict(outcome.metrics)
        if value is None:
            if self.value_name not in metrics:
                raise ProblemError(
                    f"the result has no {self.value_name!r}, only {sorted(metrics)}; return that, or a number"
                )
            value = metrics[self.value_name]
        needed = {name for constraint in self._constraints for name in constraint.names}
        missing = sorted(needed - metrics.keys() - {self.value_name})
        if missing and math.isfinite(value):
            raise ProblemError(
                f"the constraints {list(self.constraints)} need {missing}, which the result lacks"
            )
        return Outcome(
            value=value,
            sem=outcome.sem,
            cost=outcome.cost,
            metrics=metrics,
            outputs=outcome.outputs,
            outputs_variance=outcome.outputs_variance,
        )

    def is_feasible(self, outcome: Outcome) -> bool:
        """Return whether an outcome (as ``outcome`` gives it) meets every constraint."""
        known = {**outcome.metrics, self.value_name: outcome.value}
        return all(bool(constraint.evaluate(known)) for constraint in self._constraints)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain JSON values."""
        return {
            "space": self.space.to_json(),
            "objectives": dict(self.objectives) if self.objectives else None,
            "constraints": list(self.constraints),
            "maximize": self.maximize,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Problem:
        """Return the problem that ``to_json`` wrote."""
        return cls(
            Space.from_json(data["space"]),
            objectives=data["objectives"],
            constraints=data["constraints"],
            maximize=data["maximize"],
        )


def as_outcome(returned: Returned) -> Outcome:
    """Return what an objective returned as an Outcome of plain floats; non-finite ones stay.

    Raises:
        ProblemError: it is of no known form.
    """
    if isinstance(returned, Outcome):
        return Outcome(
            value=None if returned.value is None else _number("value", returned.value),
            sem=None if returned.sem is None else _number("sem", returned.sem),
            cost=None if returned.cost is None else _number("cost", returned.cost),
            metrics={str(name): _number(str(name), value) for name, value in returned.metrics.items()},
            outputs=_vector("outputs", returned.outputs),
            outputs_variance=_vector("outputs_variance", returned.outputs_variance),
        )
    if isinstance(returned, Mapping):
        return Outcome(metrics={str(name): _number(str(name), value) for name, value in returned.items()})
    if isinstance(returned, tuple):
        if len(returned) != 2:
            raise ProblemError(f"a tuple result is (value, standard error); got {len(returned)} entries")
        return Outcome(value=_number("value", returned[0]), sem=_number("standard error", returned[1]))
    return Outcome(value=_number("value", returned))


def _number(name: str, value: object) -> float:
    # bool is an int to Python, yet a returned True is a mistake, not a measurement
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ProblemError(f"the result's {name} is {value!r}; a number is needed")
    return float(value)


def _vector(name: str, values: object) -> Array | None:
    if values is None:
        return None
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ProblemError(f"the result's {name} has shape {vector.shape}; one dimension is needed")
    return vector
