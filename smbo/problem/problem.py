"""The problem: a space with objectives, outcome constraints, outputs and loss, level set or fidelity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from smbo.errors import PointError, ProblemError
from smbo.fidelity import (
    Asha,
    EarlyStopping,
    Fidelity,
    MedianStopping,
    PromotionRule,
    as_early_stopping,
    early_stopping_from_json,
    early_stopping_to_json,
    ratio,
)
from smbo.frozen import FrozenDict
from smbo.plain_values import as_flag, plain, shown
from smbo.problem.compatibility import refuse_incompatible
from smbo.problem.level_set import LevelSet, NearestLevel
from smbo.problem.losses import loss_from_json, loss_to_json
from smbo.problem.multi_objective import MultiObjective
from smbo.problem.outcome import (
    Outcome,
    Returned,
    as_outcome,
    names_shown,
    with_errors_among_metrics,
    with_levels,
    with_loss,
)
from smbo.problem.outcome_constraints import ConstraintSlacks, sem_name
from smbo.problem.stored_names import with_new_keys
from smbo.problem.termination import Termination, as_termination
from smbo.problem.transfer_source import TransferSource
from smbo.space import Space
from smbo.space.context import context_names
from smbo.space.expressions import Expression
from smbo.space.step_limits import checked_limits
from smbo.training_data import Loss

# Arguments that take no shorthand: the class of each, and how it is written.
_KINDS_OF_ARGUMENTS: tuple[tuple[str, type, str], ...] = (
    ("level_set", LevelSet, "LevelSet(level, of=[names])"),
    ("fidelity", Fidelity, "Fidelity(low, high)"),
)


_MIDDLE = np.array([0.5])  # unit coordinate of a value that does not matter


@dataclass(frozen=True, eq=False)
class Problem:
    """An optimisation problem: space, objectives, constraints, outputs and loss, level set, fidelity.

    Args:
        space: a Space, or what Space takes.
        objectives: {name: "min" or "max"}, one or several.  None means one value, minimised.
        constraints: on measured metrics, such as "n_background >= 100"; a point that violates
            one is infeasible, not failed.  A metric's standard error may be given beside it, as
            "n_background_sem".
        maximize: shorthand for a single unnamed objective that is maximised.
        loss: on vector outputs, such as ``ChiSquare``; the loss is minimised then, and the surrogate
            models the outputs.
        fidelity: range of the fidelity (epochs, events, …) where cheaper evaluations exist; else None.
        early_stopping: which trials are promoted to a higher fidelity ("asha", "hyperband", "model") or
            pruned ("median"): by name, as {name: settings} or as Asha(…), …; None takes "asha" where there
            is a fidelity.
        level_set: where a function has a value, rather than where it is best; see ``LevelSet``.
        try_first: points to evaluate before any others, in this order; each in the context of its ask.
        termination: when the study is done before its budget is used up; see ``Termination``.
        transfer: results of related studies; rows that do not fit the space are listed in ``refused``.
        reference: reference point of the hypervolume, {objective: value}: values beyond it are of no
            interest.  A rule stands in for objectives that are left out.
        weights: {objective: how much it matters to the recommendation}, 1 where left out.
        context: names of the space's dimensions that are observed, not chosen; each ask is told their
            present values, ``ask(context={name: value})``.
        step_limits: {name: how far it may move from the present point}, see ``smbo.space.step_limits``.

    Raises:
        ProblemError: an argument that makes no sense by itself, or two that do not go together
            (``smbo.problem.compatibility``, docs/compatibility.md).
        SpaceError: from the space.

    >>> problem = Problem(
    ...     {"cut": (0.0, 1.0)}, objectives={"significance": "max"}, constraints=["n_background >= 100"]
    ... )
    >>> outcome = problem.outcome({"significance": 3.2, "n_background": 80.0})
    >>> outcome.value, problem.is_feasible(outcome)
    (3.2, False)
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
    context: Sequence[str] = ()
    step_limits: Mapping[str, float] | None = None
    _constraints: tuple[Expression, ...] = field(init=False, repr=False)
    constraint_slacks: ConstraintSlacks = field(init=False, repr=False)
    refused: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        set_once = object.__setattr__
        if not isinstance(self.space, Space):
            set_once(self, "space", Space(self.space))
        maximize = as_flag(self.maximize)
        if maximize is None:
            raise ProblemError(f"maximize={shown(self.maximize)}: write maximize=True, or leave it out")
        set_once(self, "maximize", maximize)
        set_once(self, "objectives", self._checked_objectives())
        if isinstance(self.constraints, str | Mapping) or not isinstance(self.constraints, Iterable):
            raise ProblemError(
                f"constraints={shown(self.constraints)}: give a list of formulas, not one string"
            )
        for name, kind, example in _KINDS_OF_ARGUMENTS:
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise ProblemError(f"{name}={given!r}; give {example}, or None")
        sources: Any = self.transfer
        if not isinstance(sources, Iterable) or not all(isinstance(each, TransferSource) for each in sources):
            raise ProblemError(f"transfer={shown(sources)}: give a list of TransferSource(points, values)")
        if self.loss is not None and not isinstance(self.loss, Loss):
            raise ProblemError(
                f"loss={shown(self.loss)}; give ChiSquare(data, errors), FunctionLoss(…) or None"
            )
        set_once(self, "context", context_names(self.space, self.context))
        set_once(self, "step_limits", checked_limits(self.space, self.context, self.step_limits))
        set_once(self, "try_first", self._checked_first())
        set_once(self, "termination", as_termination(self.termination))
        stopping = self.early_stopping
        if stopping is not None:
            set_once(self, "early_stopping", as_early_stopping(stopping))
        elif self.fidelity is not None:
            set_once(self, "early_stopping", Asha())
        refuse_incompatible(self.kinds(), self.objectives or ())
        if self.fidelity is None and isinstance(self.early_stopping, PromotionRule):
            raise ProblemError(
                f"early_stopping={stopping!r} needs a fidelity; give fidelity=Fidelity(low, high) too"
            )
        set_once(self, "reference", FrozenDict(_figures("reference", self.reference)))
        set_once(self, "weights", FrozenDict(_figures("weights", self.weights)))
        if self.multi_objective is None and (self.reference or self.weights):
            raise ProblemError("reference and weights go with several objectives; leave them out")
        checked = [self.checked_source(each) for each in self.transfer]
        set_once(self, "transfer", tuple(source for source, _ in checked))
        set_once(self, "refused", tuple(text for _, texts in checked for text in texts))
        set_once(self, "constraints", tuple(self.constraints))
        set_once(self, "_constraints", tuple(self._checked_constraint(text) for text in self.constraints))
        set_once(self, "constraint_slacks", ConstraintSlacks.of(self._constraints))

    def checked_source(self, source: TransferSource) -> tuple[TransferSource, list[str]]:
        """Return a source study's rows that are of use here, and why others are refused; see ``checked``."""
        return source.checked(
            self.space,
            () if self.multi_objective is None else self.multi_objective.names,
            () if self.level_set is None else self.level_set.names,
            self.loss,
        )

    def _checked_objectives(self) -> dict[str, str] | None:
        if self.objectives is None:
            return None
        if self.maximize:
            raise ProblemError("maximize=True goes with an unnamed objective; write objectives={name: 'max'}")
        if not isinstance(self.objectives, Mapping):
            raise ProblemError(
                f"objectives={shown(self.objectives)}: give names and directions, {{name: 'min' or 'max'}}"
            )
        if not self.objectives:
            raise ProblemError("objectives={}: name at least one, or leave it out for a single value")
        for name, direction in self.objectives.items():
            if not isinstance(name, str) or not name:
                raise ProblemError(f"objectives: the name of an objective is a text, got {shown(name)}")
            if not isinstance(direction, str) or direction not in ("min", "max"):
                raise ProblemError(
                    f"objective {name!r}: direction is {shown(direction)}; write 'min' or 'max'"
                )
        return FrozenDict(self.objectives)

    def kinds(self) -> frozenset[str]:
        """Return which of the kinds of ``smbo.problem.compatibility`` the problem is of."""
        dimensions = self.space.dimensions.values()
        rule = self.termination if isinstance(self.termination, Termination) else None
        stopping = () if self.early_stopping is None else early_stopping_to_json(self.early_stopping)  # type: ignore[arg-type]
        holds = {
            "known constraints": bool(self.space.constraints),
            "conditional dimensions": any(each.active_when is not None for each in dimensions),
            "prior": any(each.prior is not None for each in dimensions),
            "maximisation": self.maximize or "max" in (self.objectives or {}).values(),
            "named objective": len(self.objectives or ()) == 1,
            "several objectives": len(self.objectives or ()) > 1,
            "outcome constraints": bool(self.constraints),
            "vector outputs": self.loss is not None,
            "level set": self.level_set is not None,
            "fidelity": self.fidelity is not None,
            "plateau": rule is not None and rule.plateau is not None,
            "left": rule is not None and rule.left is not None,
            "transfer": bool(self.transfer),
            "points to try first": bool(self.try_first),
            "context": bool(self.context),
            "step limits": bool(self.step_limits),
        }
        return frozenset([kind for kind, is_so in holds.items() if is_so] + [*stopping])

    def _checked_constraint(self, text: str) -> Expression:
        """Return an outcome constraint, parsed; refused where no result could ever meet or violate it."""
        formula = Expression.parse(text)
        if not (formula.is_condition and formula.names):
            raise ProblemError(
                f"constraints: {shown(text)} is no comparison of what is measured; write one, such as "
                "'n_background >= 100' or 'passed == 1'"
            )
        if parameters := sorted(formula.names & set(self.space.names)):
            raise ProblemError(
                f"constraints: {shown(text)} is on {parameters} of the space, and constraints here are on "
                "what is measured; give it to the space, Space({...}, constraints=[...]), or let the result "
                "hold a metric of another name"
            )
        return formula

    def _checked_first(self) -> tuple[Mapping[str, Any], ...]:
        given: Any = self.try_first
        if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
            raise ProblemError(f"try_first={shown(given)}: give a list of points")
        points = []
        for place, point in enumerate(self.try_first):
            try:
                points.append(FrozenDict(self.space.check(self._in_some_context(point))))
            except PointError as error:
                raise ProblemError(f"try_first[{place}]: {error}") from None
        return tuple(points)

    def _in_some_context(self, point: Any) -> Any:
        """Return a point to try first with any values of the context: an ask moves it to the present one."""
        if not self.context or not isinstance(point, Mapping):
            return point
        return {name: self.space.dimensions[name].from_unit(_MIDDLE)[0] for name in self.context} | {**point}

    @property
    def output_loss(self) -> Loss | None:
        """The function from vector outputs to the value; None where a value is measured itself."""
        return self.loss if self.level_set is None else NearestLevel(self.level_set)

    @property
    def multi_objective(self) -> MultiObjective | None:
        """The several objectives; None where there is one."""
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
        """+1 when lower is better, -1 when higher is: the factor that makes a value one to minimise."""
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
                    f"the result has no {self.value_name!r}, only {names_shown(metrics)}; "
                    "return that, or a number"
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
                f"the result has no {missing[0]!r}, only {names_shown(metrics)}; with several objectives "
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
        """Return which metrics of the constraints are NaN, so that their feasibility is unknown."""
        needed = {name for constraint in self._constraints for name in constraint.names}
        return sorted(name for name in needed if math.isnan(outcome.metrics.get(name, 0.0)))

    def is_feasible(self, outcome: Outcome) -> bool:
        """Return whether an outcome (as ``outcome`` gives it) meets every constraint."""
        known = {**outcome.metrics, self.value_name: outcome.value}
        return all(bool(constraint.evaluate(known)) for constraint in self._constraints)

    @property
    def multi_fidelity(self) -> MultiFidelity | None:
        """The fidelity and the rule of promotion; None where every trial is evaluated but once."""
        if self.fidelity is None or isinstance(self.early_stopping, MedianStopping):
            return None
        return MultiFidelity(self.fidelity, self.early_stopping)  # type: ignore[arg-type]

    @property
    def judges_by_noise(self) -> bool:
        """Whether fidelities of vector outputs differ in noise alone, which is told with the outputs."""
        return self.loss is not None and self.fidelity is not None and self.fidelity.averages

    def first_fidelity(self, number: int) -> float | None:
        """Return the fidelity at which a new trial is evaluated first; None where there is none."""
        if self.multi_fidelity is not None:
            return self.multi_fidelity.early_stopping.rungs(self.multi_fidelity.fidelity, number)[0]
        return None if self.fidelity is None else self.fidelity.as_number(self.fidelity.high)

    def is_below_the_highest(self, fidelity: float | None) -> bool:
        """Return whether an evaluation at a fidelity may be followed by one at a higher."""
        multi = self.multi_fidelity
        return multi is not None and fidelity is not None and fidelity < multi.fidelity.high

    def rung_of(self, fidelity: float | None) -> int | None:
        """Return the rung that a fidelity is, counted from 0; None where there are no rungs."""
        if self.multi_fidelity is None or fidelity is None:
            return None
        return self.multi_fidelity.rungs.index(fidelity)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain JSON values."""
        data: dict[str, Any] = {
            "space": self.space.to_json(),
            "objectives": dict(self.objectives) if self.objectives else None,
            "constraints": list(self.constraints),
            "maximize": self.maximize,
            "loss": None if self.loss is None else loss_to_json(self.loss),
        }
        # absent where there is none, as in problems stored before these keys existed
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
        if self.context:
            data["context"] = list(self.context)
        if self.step_limits:
            data["step_limits"] = dict(self.step_limits)
        return data | (self.multi_objective.to_json() if self.multi_objective is not None else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Problem:
        """Return the problem that ``to_json`` wrote, under present or former names."""
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
            context=data.get("context", ()),
            step_limits=data.get("step_limits"),
        )


def _figures(word: str, given: Mapping[str, float] | None) -> dict[str, float]:
    """Return numbers by objective, those of numpy as Python's; what is none is refused by MultiObjective."""
    if given is not None and not isinstance(given, Mapping):
        raise ProblemError(f"{word}={shown(given)}: give {{objective: number}}")
    return {name: plain(value) for name, value in (given or {}).items()}


@runtime_checkable
class HasProblem(Protocol):
    """An objective that poses a problem of its own, so that a job file need not give a space."""

    @property
    def problem(self) -> Problem: ...


@runtime_checkable
class ChecksProblem(Protocol):
    """An objective that serves some problems only: by the names in a command's template, say."""

    def check_problem(self, problem: Problem) -> str | None:
        """Raise ObjectiveError if points cannot be evaluated; return how they are, if unusual."""
        ...


class MultiFidelity(NamedTuple):
    """A fidelity, and the rule by which trials are promoted to higher values of it."""

    fidelity: Fidelity
    early_stopping: PromotionRule

    @property
    def rungs(self) -> tuple[float, ...]:
        """The fidelities at which trials are compared, ascending."""
        return self.fidelity.rungs(ratio(self.early_stopping, self.fidelity))


def _fidelity_from_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fidelity and early stopping in a problem's JSON, as arguments of ``Problem``."""
    fidelity, stopping = data.get("fidelity"), data.get("early_stopping")
    return {
        "fidelity": None if fidelity is None else Fidelity.from_json(fidelity),
        "early_stopping": None if stopping is None else early_stopping_from_json(stopping),
    }
