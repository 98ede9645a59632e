"""An Optuna study's trials as ours: the space that they show, and their results with errors and reports."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState as OptunaState

from smbo.errors import TellError
from smbo.fidelity import Fidelity
from smbo.history.record import ToldResult, record_result
from smbo.plain_values import finite_number
from smbo.problem import Problem
from smbo.space import Categorical, Integer, Real, Space
from smbo.space.expressions import Expression
from smbo.trial import Rung, Trial, TrialState

Dimension = Real | Integer | Categorical

_MOST_VALUES = 64  # of a whole number that a branch may depend on


@dataclass(frozen=True)
class SpaceSeen:
    """The space that an Optuna study's trials show, since Optuna's objectives declare theirs as they run.

    Attributes:
        distributions: of the parameters that one proposal sets, by name.
        conditions: formulas by which some of them exist, by name, see ``active_when``.
    """

    distributions: Mapping[str, BaseDistribution]
    conditions: Mapping[str, str]

    def part(self, names: Collection[str]) -> SpaceSeen:
        """Return the part that has some of the parameters, without branches of others."""
        left = [name for name in self.distributions if name in names]
        while lost := {
            name
            for name in left
            if name in self.conditions and not Expression.parse(self.conditions[name]).names <= set(left)
        }:
            left = [name for name in left if name not in lost]
        return SpaceSeen(
            {name: self.distributions[name] for name in left},
            {name: each for name, each in self.conditions.items() if name in left},
        )

    def space(self) -> Space:
        """Return the space as ours."""
        return Space(
            {name: dimension_of(each, self.conditions.get(name)) for name, each in self.distributions.items()}
        )


def space_seen(trials: Iterable[FrozenTrial]) -> SpaceSeen:
    """Return the parameters that all finished trials have, and those that a parameter's value decides on.

    A parameter that only some trials have is taken where one of the parameters that all have (or one
    found so) has no value both with and without it: then it exists for the values seen with it.
    Parameters whose distribution changes are left out, and those with a single value.
    """
    done = [each for each in trials if each.state in (OptunaState.COMPLETE, OptunaState.PRUNED)]
    found: dict[str, BaseDistribution] = {}
    changed: set[str] = set()
    for trial in done:
        for name, each in trial.distributions.items():
            if found.setdefault(name, each) != each:
                changed.add(name)
    found = {name: each for name, each in sorted(found.items()) if name not in changed and not each.single()}
    has = {name: {trial.number for trial in done if name in trial.params} for name in found}
    taken = [name for name in found if len(has[name]) == len(done)]
    conditions: dict[str, str] = {}
    while new := {
        name: condition
        for name in found
        if name not in taken and (condition := _condition(name, taken, found, has, done)) is not None
    }:
        conditions.update(new)
        taken += new
    return SpaceSeen({name: found[name] for name in taken}, conditions)


def _condition(
    name: str,
    parents: Sequence[str],
    distributions: Mapping[str, BaseDistribution],
    has: Mapping[str, set[int]],
    done: Sequence[FrozenTrial],
) -> str | None:
    """Return the formula of a parameter by which it exists; None if no one parent decides."""
    for parent in parents:
        distribution = distributions[parent]
        choices = _values_of(distribution)
        if not choices or not has[name] <= has[parent] or "`" in parent:
            continue
        beside = [trial for trial in done if parent in trial.params]
        with_it = {_key(each.params[parent]) for each in beside if each.number in has[name]}
        without = {_key(each.params[parent]) for each in beside if each.number not in has[name]}
        if with_it & without or not without:
            continue
        values = [each for each in choices if _key(each) in with_it]
        return f"`{parent}` in [{', '.join(map(repr, values))}]"
    return None


def _values_of(distribution: BaseDistribution) -> list[Any]:
    """Return the values that a formula can list; none of a real number or of many whole ones."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        values = range(distribution.low, distribution.high + 1, distribution.step)
        return list(values) if len(values) <= _MOST_VALUES else []
    return []


def _key(value: Any) -> tuple[str, str]:
    return type(value).__name__, repr(value)  # 1, 1.0 and True are three choices


def dimension_of(distribution: BaseDistribution, active_when: str | None = None) -> Dimension:
    """Return the dimension that a distribution of Optuna describes."""
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(distribution.choices, active_when=active_when)
    low, high, log = distribution.low, distribution.high, distribution.log
    if isinstance(distribution, IntDistribution):
        step = distribution.step if distribution.step > 1 else None
        return Integer(low, high, log=log, step=step, active_when=active_when)
    return Real(low, high, log=log, step=distribution.step, active_when=active_when)


def problem_of(
    study: optuna.Study, space: Space, trials: Sequence[FrozenTrial], steps: tuple[int, int] | None
) -> Problem:
    """Return the problem of an Optuna study over a space: objectives, constraints, and steps as fidelities.

    Constraints are the metrics c0, c1, … in the order of Optuna's keys, met at 0 and below.  Where
    trials were pruned, their reports are results at fidelities: how many steps had been made.

    Args:
        steps: of ``steps_of``; None without fidelities.
    """
    n_constraints = len(constraint_keys(trials))
    directions = ["max" if each is StudyDirection.MAXIMIZE else "min" for each in study.directions]
    is_one = len(directions) == 1
    return Problem(
        space,
        objectives=None if is_one else dict(zip(objective_names(study), directions)),
        maximize=is_one and directions == ["max"],
        constraints=[f"c{index} <= 0" for index in range(n_constraints)],
        fidelity=None if steps is None else Fidelity(1, steps[1] - steps[0] + 1, name="steps"),
        early_stopping=None if steps is None else "asha",
    )


def objective_names(study: optuna.Study) -> list[str]:
    """Return how several objectives of an Optuna study are called: by the names that it was given, if any."""
    given = study.metric_names or []
    if given and all(each.isidentifier() for each in given) and len(set(given)) == len(given):
        return list(given)
    return [f"value{index}" for index in range(len(study.directions))]


def constraint_keys(trials: Iterable[FrozenTrial]) -> list[str]:
    """Return the keys of all constraints, sorted."""
    return sorted({key for trial in trials for key in trial.constraints})


def steps_of(trials: Iterable[FrozenTrial]) -> tuple[int, int] | None:
    """Return the first and the last step reported; None unless a pruned trial shows what reports are for."""
    trials = list(trials)
    if not any(each.state is OptunaState.PRUNED and each.intermediate_values for each in trials):
        return None
    if any(len(each.values or ()) > 1 for each in trials):  # reports are of one value
        return None
    steps = [step for each in trials for step in each.intermediate_values]
    return (min(steps), max(steps)) if max(steps) > min(steps) else None


class TrialReader:
    """Reads an Optuna study's trials as ours; those that are finished are read once.

    Args:
        problem: of ``problem_of``.
        trials, steps: of which ``problem`` was made.
    """

    def __init__(
        self, problem: Problem, trials: Sequence[FrozenTrial], steps: tuple[int, int] | None
    ) -> None:
        self.problem = problem
        self._keys = constraint_keys(trials)
        self._steps = steps
        self._read: dict[int, Trial | None] = {}

    @cached_property
    def fingerprint(self) -> str:
        """A text that is the same for readers that read trials in the same way."""
        text = json.dumps([self.problem.to_json(), self._keys, self._steps])
        return hashlib.sha256(text.encode()).hexdigest()

    def read(self, given: FrozenTrial) -> Trial | None:
        """Return a trial as ours; None if it has another space, or was pruned without a report."""
        if given.number in self._read:
            return self._read[given.number]
        found = self._as_trial(given)
        if given.state.is_finished():
            self._read[given.number] = found
        return found

    def _as_trial(self, given: FrozenTrial) -> Trial | None:
        names = self.problem.space.dimensions
        params = {name: value for name, value in given.params.items() if name in names}
        if not self.problem.space.contains(params):
            return None
        trial = Trial(given.number, params, seed=0)
        ladder = self.problem.fidelity
        if ladder is not None:
            rungs = self._rungs(given, ladder)
            trial = replace(trial, rungs=rungs, fidelity=rungs[-1].fidelity if rungs else ladder.low)
        if given.state is OptunaState.COMPLETE:
            return self._complete(given, replace(trial, fidelity=None if ladder is None else ladder.high))
        if given.state is OptunaState.FAIL:
            return record_result(self.problem, trial, ToldResult(status="failed", reason="failed in Optuna"))
        if given.state is OptunaState.PRUNED and ladder is None:
            told = ToldResult(given.value, status="pruned", reason="pruned in Optuna")
            return record_result(self.problem, trial, told)
        if given.state is OptunaState.PRUNED:
            return replace(trial, state=TrialState.PAUSED) if trial.rungs else None
        return trial

    def _complete(self, given: FrozenTrial, trial: Trial) -> Trial:
        if missing := [key for key in self._keys if key not in given.constraints]:
            warnings.warn(
                f"trial {given.number} has no constraint {missing[0]!r}, which other trials have; it is "
                "taken as failed",
                stacklevel=2,
            )
            told = ToldResult(status="failed", reason=f"no constraint {missing[0]!r}")
            return record_result(self.problem, trial, told)
        names = list(self.problem.objectives or {self.problem.value_name: "min"})
        values = dict(zip(names, given.values, strict=True))
        limits = {f"c{index}": given.constraints[key] for index, key in enumerate(self._keys)}
        sems = self._sems(given, names)
        return record_result(self.problem, trial, ToldResult({**values, **limits}, sems))

    def _sems(self, given: FrozenTrial, names: Sequence[str]) -> dict[str, float] | None:
        """Return the standard errors that a trial was given, by objective."""
        told = given.user_attrs.get("sem")
        if told is None:
            return None
        each = list(told) if isinstance(told, list | tuple) else [told]
        numbers = [finite_number(one) for one in each]
        if len(each) != len(names) or any(one is None or one < 0 for one in numbers):
            wanted = "a number from 0 up" if len(names) == 1 else f"a list of {len(names)} numbers from 0 up"
            warnings.warn(
                f"trial {given.number}: the attribute sem={told!r} is not used; give {wanted}", stacklevel=2
            )
            return None
        return {name: number for name, number in zip(names, numbers) if number is not None}

    def _rungs(self, given: FrozenTrial, ladder: Fidelity) -> tuple[Rung, ...]:
        """Return a trial's reports as results at the fidelities of a ladder, and its last report."""
        assert self._steps is not None
        by_level = {
            step - self._steps[0] + 1: value
            for step, value in sorted(given.intermediate_values.items())
            if math.isfinite(value)
        }
        is_whole = given.state is OptunaState.COMPLETE
        levels = [level for level in by_level if level < ladder.high]
        chosen = {max((each for each in levels if each <= rung), default=0) for rung in ladder.rungs(3)}
        if is_whole:  # the last report and the value are one evaluation
            chosen.discard(max(by_level, default=0))
        return tuple(Rung(level, by_level[level]) for level in sorted(chosen - {0}))


def results_of(study: optuna.Study, *, with_steps: bool = True) -> tuple[Problem, list[Trial]]:
    """Return the problem that an Optuna study poses, and its trials as ours.

    Args:
        with_steps: take the steps of pruned trials as fidelities.

    Raises:
        TellError: the study has no finished trial, so that nobody knows its space.
    """
    trials = study.get_trials(deepcopy=False)
    seen = space_seen(trials)
    if not seen.distributions:
        raise TellError(f"the Optuna study {study.study_name!r} has no finished trial with a parameter")
    steps = steps_of(trials) if with_steps else None
    reader = TrialReader(problem_of(study, seen.space(), trials, steps), trials, steps)
    return reader.problem, [found for each in trials if (found := reader.read(each)) is not None]
