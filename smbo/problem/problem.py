"""What is to be solved: a space, what is measured there, and what counts as better.

This file and ``smbo.space`` are all that an objective imports.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from smbo.errors import EvaluationFailed, ObjectiveError, PointError, ProblemError, Pruned
from smbo.fidelity import (
    Asha,
    ByModel,
    EarlyStopping,
    Fidelity,
    MedianStopping,
    PromotionRule,
    as_early_stopping,
    early_stopping_from_json,
    early_stopping_to_json,
)
from smbo.problem.level_set import LevelSet, NearestLevel
from smbo.problem.losses import ChiSquare, FunctionLoss, loss_from_json, loss_to_json
from smbo.problem.multi_objective import MultiObjective
from smbo.problem.objective import Confirmation, Context, Figure, Objective, Rated, Reweighted
from smbo.problem.observables import Card, Chart, Plottable
from smbo.problem.outcome import (
    Outcome,
    Returned,
    as_outcome,
    with_errors_among_metrics,
    with_levels,
    with_loss,
)
from smbo.problem.outcome_constraints import ConstraintSlacks, sem_name
from smbo.problem.stored_names import with_new_keys
from smbo.problem.termination import Termination, as_termination
from smbo.problem.transfer_source import TransferSource
from smbo.space import Space
from smbo.space.expressions import Expression
from smbo.training_data import Loss

__all__ = [
    "Card",
    "Chart",
    "ChiSquare",
    "Confirmation",
    "Context",
    "EvaluationFailed",
    "Fidelity",
    "Figure",
    "FunctionLoss",
    "LevelSet",
    "Loss",
    "Objective",
    "ObjectiveError",
    "Outcome",
    "Plottable",
    "Problem",
    "Pruned",
    "Rated",
    "Returned",
    "Reweighted",
    "as_outcome",
]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be solved.

    Args:
        space: where to search; what Space takes will do.
        objectives: {name: "min" or "max"}, one or several.  None means one value, minimised.
        constraints: on measured metrics, such as "n_background >= 100"; a point that violates
            one is infeasible, not failed.  A metric's standard error may be told beside it, as
            "n_background_sem".
        maximize: shorthand for a single unnamed objective that is maximised.
        loss: on vector outputs, such as ``ChiSquare``; it is what is minimised then, and the surrogate
            models the outputs.
        fidelity: how far an evaluation goes where it can be had cheaper; None where it cannot.
        early_stopping: who goes on to a higher fidelity ("asha", "hyperband", "model") or ends early
            ("median"), by name, as {name: settings} or as Asha(…), …; None takes "asha" where there is
            a fidelity.
        level_set: where a function has a value, rather than where it is best; see ``LevelSet``.
        try_first: points to evaluate before any others, in this order.
        termination: when the search is over before its budget is; see ``Termination``.
        transfer: studies of something alike; rows that do not fit the space are listed in ``refused``.
        reference: of several objectives, by name, the value from which an evaluation is of no interest:
            a bound, and the corner that hypervolume is counted from.  A rule stands in for what is
            left out.
        weights: of several objectives, by name, how much each matters to the recommendation.

    Raises:
        ProblemError: an unknown direction, a constraint that is no comparison, or several objectives
            beside what goes with one only: a loss, a fidelity, early stopping;
            a level set beside something to be optimised or a fidelity.
        SpaceError: from the space.
    """

    space: Space
    objectives: Mapping[str, str] | None = None
    constraints: Sequence[str] = ()
    maximize: bool = False
    loss: Loss | None = None
    fidelity: Fidelity | None = None
    early_stopping: EarlyStopping | str | Mapping[str, Any] | None = None
    level_set: LevelSet | None = None
    try_first: Sequence[Mapping[str, Any]] = ()
    transfer: Sequence[TransferSource] = ()
    termination: Termination | Mapping[str, Any] | None = None
    reference: Mapping[str, float] | None = None
    weights: Mapping[str, float] | None = None
    _constraints: tuple[Expression, ...] = field(init=False, repr=False)
    constraint_slacks: ConstraintSlacks = field(init=False, repr=False)
    refused: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.space, Space):
            object.__setattr__(self, "space", Space(self.space))
        objectives = dict(self.objectives) if self.objectives is not None else None
        if objectives is not None:
            if self.maximize:
                raise ProblemError(
                    "maximize=True goes with an unnamed objective; write objectives={name: 'max'}"
                )
            if not objectives:
                raise ProblemError("objectives={}: name at least one, or leave it out for a single value")
            for name, direction in objectives.items():
                if direction not in ("min", "max"):
                    raise ProblemError(
                        f"objective {name!r}: direction is {direction!r}; write 'min' or 'max'"
                    )
        if isinstance(self.constraints, str):
            raise ProblemError(f"constraints={self.constraints!r}: give a list of formulas, not one string")
        if self.loss is not None and (self.maximize or "max" in (objectives or {}).values()):
            raise ProblemError("a loss is minimised; leave maximize and 'max' out")
        if self.level_set is not None:
            self._refuse_beside_a_level_set()
        object.__setattr__(self, "try_first", self._checked_first())
        object.__setattr__(self, "termination", self._checked_termination())
        transfer, refused = self._checked_transfer()
        object.__setattr__(self, "transfer", transfer)
        object.__setattr__(self, "refused", refused)
        object.__setattr__(self, "objectives", objectives)
        object.__setattr__(self, "reference", dict(self.reference or {}))
        object.__setattr__(self, "weights", dict(self.weights or {}))
        self._check_goals()
        object.__setattr__(self, "constraints", tuple(self.constraints))
        object.__setattr__(self, "_constraints", tuple(self._checked_constraint(t) for t in self.constraints))
        object.__setattr__(self, "constraint_slacks", ConstraintSlacks.of(self._constraints))
        object.__setattr__(self, "early_stopping", _early_stopping(self.fidelity, self.early_stopping))
        averages = self.fidelity is not None and self.fidelity.averages
        if self.loss is not None and isinstance(self.early_stopping, ByModel) and not averages:
            raise ProblemError(
                "early_stopping='model' goes by the noise of outputs, which falls as one over the fidelity "
                "where that counts events: say Fidelity(..., averages=True) if it does, 'asha' if not"
            )

    def _checked_constraint(self, text: str) -> Expression:
        """Return an outcome constraint, parsed; refused where no result could ever meet or violate it."""
        formula = Expression.parse(text)
        if not (formula.is_condition and formula.names):
            raise ProblemError(
                f"constraints: {text!r} is no comparison of what is measured; write one, such as "
                "'n_background >= 100' or 'passed == 1'"
            )
        if parameters := sorted(formula.names & set(self.space.names)):
            raise ProblemError(
                f"constraints: {text!r} is on {parameters} of the space, and constraints here are on what is "
                "measured; give it to the space, Space({...}, constraints=[...]), or let the result hold a "
                "metric of another name"
            )
        return formula

    def _checked_first(self) -> tuple[Mapping[str, Any], ...]:
        if isinstance(self.try_first, str | Mapping):
            raise ProblemError(f"try_first={self.try_first!r}: give a list of points")
        points = []
        for place, point in enumerate(self.try_first):
            try:
                points.append(self.space.check(point))
            except PointError as error:
                raise ProblemError(f"try_first[{place}]: {error}") from None
        return tuple(points)

    def _checked_termination(self) -> Termination | None:
        rule = as_termination(self.termination)
        if rule is not None and self.level_set is not None:
            raise ProblemError(
                "termination is about the best of one value; a level set has a tolerance instead"
            )
        if rule is not None and rule.left is not None and len(self.objectives or {}) > 1:
            raise ProblemError(
                "termination: left is a bound for one value; with several objectives use plateau: it counts "
                "evaluations that gained no hypervolume"
            )
        if rule is not None and rule.left is not None and self.constraints:
            raise ProblemError(
                "termination: left does not know of constraints on metrics; use plateau beside them"
            )
        return rule

    def _checked_transfer(self) -> tuple[tuple[TransferSource, ...], tuple[str, ...]]:
        """Return the earlier studies with the rows that fit, and why others do not."""
        if isinstance(self.transfer, TransferSource) or not all(
            isinstance(each, TransferSource) for each in self.transfer
        ):
            raise ProblemError(f"transfer={self.transfer!r}: give a list of TransferSource(points, values)")
        if self.transfer and (self.measure is not None or len(self.objectives or {}) > 1):
            raise ProblemError(
                "earlier studies tell of a single value: leave transfer out beside a loss on vectors, "
                "several objectives or a level set"
            )
        found = [each.checked(self.space) for each in self.transfer]
        return tuple(kept for kept, _ in found), tuple(text for _, texts in found for text in texts)

    def _refuse_beside_a_level_set(self) -> None:
        if not isinstance(self.level_set, LevelSet):
            raise ProblemError(f"level_set={self.level_set!r}; give LevelSet(level, of=[names])")
        if self.objectives is not None or self.maximize or self.loss is not None:
            raise ProblemError("a level set has nothing to optimise; leave objectives, maximize and loss out")
        if any(dimension.prior is not None for dimension in self.space.dimensions.values()):
            raise ProblemError("a level set has no optimum for a prior to be about; leave prior out")
        if self.fidelity is not None or self.early_stopping is not None:
            raise ProblemError("a level set is sought at one fidelity; leave fidelity and early_stopping out")

    @property
    def measure(self) -> Loss | None:
        """What makes one number of a vector of outputs; None where a number is what is measured."""
        return self.loss if self.level_set is None else NearestLevel(self.level_set)

    def _check_goals(self) -> None:
        """Refuse what does not go with the number of objectives."""
        if self.multi_objective is None:
            if self.reference or self.weights:
                raise ProblemError("reference and weights go with several objectives; leave them out")
            return
        names = ", ".join(self.multi_objective.names)
        if self.loss is not None:
            raise ProblemError(f"a loss on vector outputs is one objective, and there are several: {names}")
        if self.fidelity is not None or self.early_stopping is not None:
            raise ProblemError(
                f"a fidelity or early_stopping compares trials by one value, and there are several: {names}; "
                "leave it out, or optimise one objective with constraints on the others"
            )

    @property
    def multi_objective(self) -> MultiObjective | None:
        """What is wanted of several objectives; None where there is one."""
        if self.objectives is None or len(self.objectives) == 1:
            return None
        return MultiObjective(self.objectives, self.reference or {}, self.weights or {})

    @property
    def value_name(self) -> str:
        """Name of what is optimised, of several objectives the first; "value" unless it has one.

        Of a level set it is "distance", to the nearest of the levels.
        """
        if self.level_set is not None:
            return "distance"
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
        if self.loss is not None:
            outcome = with_loss(self.loss, outcome)
        if self.level_set is not None:
            outcome = with_levels(self.level_set, outcome)
        value, metrics = outcome.value, dict(outcome.metrics)
        if self.multi_objective is not None:
            return self._of_several(outcome, self.multi_objective)
        if value is None:
            if self.value_name not in metrics:
                raise ProblemError(
                    f"the result has no {self.value_name!r}, only {sorted(metrics)}; return that, or a number"
                )
            value = metrics[self.value_name]
            if outcome.sem is None:
                outcome = replace(outcome, sem=outcome.sems.get(self.value_name))
        needed = {name for constraint in self._constraints for name in constraint.names}
        if math.isfinite(value):
            self._check_constraints(metrics)
        # an error that a slack follows from is kept with the trial, among its metrics
        metrics |= {sem_name(name): outcome.sems[name] for name in sorted(needed & outcome.sems.keys())}
        return Outcome(
            value=value,
            sem=outcome.sem,
            cost=outcome.cost,
            metrics=metrics,
            sems=outcome.sems,
            outputs=outcome.outputs,
            outputs_variance=outcome.outputs_variance,
        )

    def _of_several(self, outcome: Outcome, goals: MultiObjective) -> Outcome:
        """Return an outcome whose value and error are those of the first of several objectives."""
        metrics = dict(with_errors_among_metrics(outcome).metrics)
        missing = [name for name in goals.names if name not in metrics]
        if missing:
            raise ProblemError(
                f"the result has no {missing[0]!r}, only {sorted(metrics)}; with several objectives "
                f"return them by name: {{{', '.join(f'{name!r}: …' for name in goals.names)}}}"
            )
        values = goals.values([metrics])[0]
        if np.isfinite(values).all():
            self._check_constraints(metrics)
        # one that is not finite makes the whole evaluation a failure
        value = float(values[0]) if np.isfinite(values).all() else math.nan
        return replace(outcome, value=value, sem=metrics.get(sem_name(goals.names[0])), metrics=metrics)

    def _check_constraints(self, metrics: Mapping[str, float]) -> None:
        needed = {name for constraint in self._constraints for name in constraint.names}
        missing = sorted(needed - metrics.keys() - {self.value_name})
        if missing:
            raise ProblemError(
                f"the constraints {list(self.constraints)} need {missing}, which the result lacks"
            )

    def unmeasured(self, outcome: Outcome) -> list[str]:
        """Return which metrics of the constraints are no number: nobody knows whether they hold."""
        needed = {name for constraint in self._constraints for name in constraint.names}
        return sorted(name for name in needed if math.isnan(outcome.metrics.get(name, 0.0)))

    def is_feasible(self, outcome: Outcome) -> bool:
        """Return whether an outcome (as ``outcome`` gives it) meets every constraint."""
        known = {**outcome.metrics, self.value_name: outcome.value}
        return all(bool(constraint.evaluate(known)) for constraint in self._constraints)

    @property
    def ladder(self) -> Ladder | None:
        """The fidelity and who is promoted in it; None where every trial is evaluated but once."""
        if self.fidelity is None or isinstance(self.early_stopping, MedianStopping):
            return None
        return Ladder(self.fidelity, self.early_stopping)  # type: ignore[arg-type]

    def first_fidelity(self, number: int) -> float | None:
        """Return the fidelity at which a new trial is evaluated first; None where there is none."""
        if self.ladder is not None:
            return self.ladder.early_stopping.rungs(self.ladder.fidelity, number)[0]
        return None if self.fidelity is None else self.fidelity.as_told(self.fidelity.high)

    def is_below_the_highest(self, level: float | None) -> bool:
        """Return whether an evaluation at a fidelity may be followed by one at a higher."""
        return self.ladder is not None and level is not None and level < self.ladder.fidelity.high

    def rung_of(self, level: float | None) -> int | None:
        """Return how far up a fidelity is, counted from 0; None where there is no ladder."""
        if self.ladder is None or level is None:
            return None
        return self.ladder.fidelity.ladder(self.ladder.early_stopping.eta).index(level)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain JSON values."""
        data: dict[str, Any] = {
            "space": self.space.to_json(),
            "objectives": dict(self.objectives) if self.objectives else None,
            "constraints": list(self.constraints),
            "maximize": self.maximize,
            "loss": None if self.loss is None else loss_to_json(self.loss),
        }
        # absent where there is none: so were they when there could be none
        if self.fidelity is not None:
            data["fidelity"] = self.fidelity.to_json()
        if self.early_stopping is not None:
            data["early_stopping"] = early_stopping_to_json(self.early_stopping)  # type: ignore[arg-type]
        if self.level_set is not None:
            data["level_set"] = self.level_set.to_json()
        if isinstance(self.termination, Termination):
            data["termination"] = self.termination.to_json()
        if self.transfer:
            data["transfer"] = [each.to_json(self.space) for each in self.transfer]
        if self.try_first:
            data["try_first"] = [self.space.point_to_json(point) for point in self.try_first]
        return data | (self.multi_objective.to_json() if self.multi_objective is not None else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Problem:
        """Return the problem that ``to_json`` wrote, under names of today or of before."""
        data = with_new_keys(data)
        space = Space.from_json(data["space"])
        return cls(
            space,
            try_first=[*map(space.point_from_json, data.get("try_first", ()))],
            transfer=[TransferSource.from_json(each, space) for each in data.get("transfer", ())],
            termination=data.get("termination"),
            objectives=data["objectives"],
            constraints=data["constraints"],
            maximize=data["maximize"],
            loss=None if data.get("loss") is None else loss_from_json(data["loss"]),
            level_set=LevelSet.from_json(data["level_set"]) if "level_set" in data else None,
            **_fidelity_from_json(data),
            reference=data.get("reference"),
            weights=data.get("weights"),
        )


class Ladder(NamedTuple):
    """A fidelity, and who is promoted in it."""

    fidelity: Fidelity
    early_stopping: PromotionRule


def _fidelity_from_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a problem's JSON says of its fidelity, as arguments of ``Problem``."""
    fidelity, stopping = data.get("fidelity"), data.get("early_stopping")
    return {
        "fidelity": None if fidelity is None else Fidelity.from_json(fidelity),
        "early_stopping": None if stopping is None else early_stopping_from_json(stopping),
    }


def _early_stopping(fidelity: Fidelity | None, given: Any) -> EarlyStopping | None:
    if fidelity is not None and not isinstance(fidelity, Fidelity):
        raise ProblemError(f"fidelity={fidelity!r}; give Fidelity(low, high), or None")
    if given is None:
        return None if fidelity is None else Asha()
    stopping = as_early_stopping(given)
    if fidelity is None and not isinstance(stopping, MedianStopping):
        raise ProblemError(
            f"early_stopping={given!r} needs a fidelity to climb; give fidelity=Fidelity(low, high) too"
        )
    return stopping
