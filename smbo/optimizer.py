"""Ask/tell in memory: ``Optimizer`` proposes points and records the results of their evaluations."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, overload

import numpy as np

from smbo.analysis.view import Snapshot, View
from smbo.errors import AlreadyTold, AskError, ProblemError, RecipeError, TellError, UnknownTrial
from smbo.history.encode import encode
from smbo.history.events import Asked, Event, Promoted, Reported, SpaceChanged, Told
from smbo.history.promotion import ends_early, promoted
from smbo.history.record import ToldResult, checked_report, record_result
from smbo.plain_values import as_flag, as_whole_number, shown
from smbo.problem import Problem, Returned
from smbo.problem.space_change import with_space
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.presets import preset
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.suggest import first_levels, next_promotion, proposal_rng, suggest, trial_seed
from smbo.space import Space
from smbo.space.context import ask_settings, same_choice
from smbo.space.step_limits import present_point
from smbo.trial import Trial, TrialState

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _one_at_a_time(
    method: Callable[Concatenate[Optimizer, _P], _R],
) -> Callable[Concatenate[Optimizer, _P], _R]:
    """Return a method that other threads wait for: two of them would get one number from ``ask``."""

    @functools.wraps(method)
    def locked(self: Optimizer, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class Optimizer(View):
    """Ask for points and tell results, in memory; from several threads too, one call after another.

    Args:
        space: what Space takes, a Space, or a Problem.
        recipe: "auto", which chooses for each proposal; another name of ``smbo.proposal.presets``, or
            {name: settings}; or a Recipe.
        seed: a whole number from 0 up; None draws one (see ``seed``).
        maximize: higher is better (with a Problem: say so there).

    Raises:
        SpaceError, ProblemError, RecipeError: an argument that makes no sense.

    >>> optimizer = Optimizer({"x": (0.0, 1.0)}, seed=1)
    >>> for _ in range(4):
    ...     trial = optimizer.ask()
    ...     _ = optimizer.tell(trial, (trial.params["x"] - 0.3) ** 2)
    >>> optimizer.best.value < 0.1
    True
    """

    def __init__(
        self,
        space: Problem | Space | Mapping[str, Any],
        recipe: str | Mapping[str, Any] | Recipe = "auto",
        seed: int | None = None,
        maximize: bool = False,
    ) -> None:
        self.problem = _as_problem(space, maximize)
        self.recipe = preset(recipe)
        check_recipe(self.problem, self.recipe, recipe)
        self.seed = checked_seed(seed)
        self._trials: list[Trial] = []
        self._memory: dict[str, Any] = {}
        self._log: list[Event] = []
        self._reports: dict[int, dict[float, float]] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def _snapshot(self) -> Snapshot:
        return Snapshot(self.problem, self.recipe, self.seed, self._trials, self._memory)

    @property
    def space(self) -> Space:
        """The space of the problem."""
        return self.problem.space

    @property
    def log(self) -> tuple[Event, ...]:
        """Every event (see ``smbo.history.events``) in order; ``replay`` makes the optimizer from them."""
        return tuple(self._log)

    @overload
    def ask(
        self,
        n: None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> Trial: ...
    @overload
    def ask(
        self,
        n: int,
        *,
        fixed: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> list[Trial]: ...
    def ask(
        self,
        n: int | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        present: Mapping[str, Any] | None = None,
    ) -> Trial | list[Trial]:
        """Return a trial to evaluate, or a list of n that are proposed together.

        With a fidelity, trials that are promoted come first: each under its number, at the
        ``fidelity`` that it is to reach now.

        Args:
            fixed: values that the points are to have, by name; the search is over the rest.  Then all of
                the trials are new.  Where one point alone has these values it is asked for (n times),
                evaluated before or not.
            context: present values of the problem's contextual variables, by name, for all n.
            present: where the parameters with step limits stand, None for the point of the last trial, asked
                for or told.  Of n points each is a step from the one before.

        Raises:
            SpaceExhausted: a finite space has not so many points left.
            AskError: n is no whole number from 1 up, no point has the fixed values, or a value of the context
                is missing, or out of its range.
        """
        count = 1 if n is None else checked_count(n)
        settings = ask_settings(self.space, self.problem.context, fixed, context)
        trials = self._ask(count, settings, present)
        return trials[0] if n is None else trials

    @_one_at_a_time
    def _ask(
        self, count: int, settings: Mapping[str, Any], present: Mapping[str, Any] | None = None
    ) -> list[Trial]:
        """Return trials, those promoted before those that are new."""
        continued = [] if settings else self._promote(count)
        new = self._propose(count - len(continued), settings, present) if len(continued) < count else []
        self._log.append(Asked(count, settings or None, present))
        return continued + new

    @_one_at_a_time
    def promote(self) -> Trial | None:
        """Return the next trial that is promoted to a higher fidelity, None if none is.

        For the end of a search, when no new points are wanted: ``ask`` promotes by itself.  Once
        no evaluation is under way, the best trial is promoted although its rung is not full, so that
        one at least is evaluated at the highest fidelity.
        """
        is_closing = all(trial.state is not TrialState.RUNNING for trial in self._trials)
        found = self._promote(1, is_closing=is_closing)
        if not found:
            return None
        self._log.append(Promoted(found[0].number))
        return found[0]

    def _promote(self, most: int, *, is_closing: bool = False) -> list[Trial]:
        """Promote up to ``most`` trials and return them, running at their next fidelity."""
        found: list[Trial] = []
        while len(found) < most:
            decision = next_promotion(
                self.problem, self.recipe, self.seed, self._trials, self._memory, is_closing=is_closing
            )
            if decision is None:
                break
            trial = promoted(self._trials[decision.number], decision)
            self._trials[decision.number] = trial
            found.append(trial)
            is_closing = False  # an evaluation is under way again
        return found

    def _propose(
        self, count: int, fixed: Mapping[str, Any], present: Mapping[str, Any] | None
    ) -> list[Trial]:
        """Return new trials at points that the recipe proposes."""
        first, problem = len(self._trials), self.problem
        last = self._trials[-1].params if self._trials else None
        begins = bool(problem.try_first)
        here = present_point(problem.space, problem.step_limits or {}, present, last, begins=begins)
        data, rng = encode(self.problem, self._trials), proposal_rng(self.seed, first)
        request = ProposalRequest(problem, self.recipe, data, count, rng, self._memory, dict(fixed), here)
        points, self._memory = suggest(request)
        levels = first_levels(self.problem, self._memory, first, 0, count)
        trials = [
            Trial(number, point, trial_seed(self.seed, number), fidelity=level)
            for number, (point, level) in enumerate(zip(points, levels), first)
        ]
        self._trials += trials
        return trials

    @_one_at_a_time
    def change_space(
        self, space: Problem | Space | Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> tuple[str, ...]:
        """Search another space from now on; return what changes, in words.

        Ranges may be widened and narrowed, choices added and retired, parameters added, and removed by making
        them constants.  All trials stay, in terms of the new space, and those in flight may be told.
        ``best`` and ``recommend`` are of the new space.

        Args:
            space: the whole new one; or the problem with it, otherwise the same.
            defaults: values that new parameters have had so far, by name.

        Raises:
            SpaceError: a parameter cannot be changed so, or a default is missing or does not fit.
            ProblemError: the problem differs in more than its space and points of it.

        >>> optimizer = Optimizer({"x": (0.0, 1.0), "act": ["relu", "tanh"]}, seed=1)
        >>> _ = optimizer.tell({"x": 0.9, "act": "tanh"}, 0.2)
        >>> new = {"x": (0.5, 2.0), "act": ["relu", "silu"], "depth": (1, 4)}
        >>> for text in optimizer.change_space(new, defaults={"depth": 2})[:3]:
        ...     print(text)
        x: real [0.0, 1.0] is now real [0.5, 2.0]
        act: added 'silu'; retired 'tanh'
        depth is new: integer [1, 4]; 2 so far
        >>> optimizer.ask().params["act"] in ("relu", "silu"), optimizer.best
        (True, None)
        """
        problem, said = with_space(self.problem, space, defaults, self._trials)
        if not said:
            return ()
        check_recipe(problem, self.recipe)
        self.problem, self._memory = problem, {}
        present = problem.space.in_present_terms
        self._trials = [replace(trial, params=present(trial.params)) for trial in self._trials]
        self._log.append(SpaceChanged(space, defaults, said))
        return said

    @_one_at_a_time
    def tell(
        self,
        trial: Trial | int | Mapping[str, Any],
        result: Returned | None = None,
        sem: float | Mapping[str, float] | None = None,
        cost: float | None = None,
        *,
        status: str | None = None,
        reason: str | None = None,
        outputs: Any = None,
        covariance: Any = None,
        context: Mapping[str, Any] | None = None,
    ) -> Trial:
        """Record the result of an evaluation, and return the finished trial.

        Args:
            trial: as asked for, its number, or a point of one's own (which gets the next number).
            result: a value, (value, standard error), a mapping of metrics, or an Outcome.  In a mapping
                a metric may be a pair too.
            sem, cost: standard error of the value (of several objectives: by name); cost of the evaluation.
            status: "failed" (with a ``reason``) or "cancelled" where there is no result, "pruned" for
                a trial that was ended early (with its last value, or none).
            outputs, covariance: a vector output and the covariance of its errors, in place of a value
                (metrics may be given beside them); see ``Outcome.of_outputs``.
            context: values of contextual variables as observed during the evaluation, in place of those
                that ``ask`` was told; a metric of the result that has the name of one counts likewise.

        Raises:
            UnknownTrial: the trial was not asked for from this optimizer.
            AlreadyTold: it has a result already.
            PointError: a point of one's own that is not in the space.
            TellError: the result cannot be recorded.
        """
        known = self._find(trial)
        given = ToldResult(result, sem, cost, status, reason, None, outputs, covariance, context)
        told = record_result(self.problem, known, given)
        self._record(told)
        return told

    @_one_at_a_time
    def report(self, trial: Trial | int, step: float, value: float) -> bool:
        """Record an intermediate value of a running trial; return whether it may end early now.

        If so, tell the trial with ``status="pruned"`` and the value, or evaluate it to the end.

        Raises:
            UnknownTrial: the trial was not asked for from this optimizer.
            AlreadyTold: it has a result already.
            TellError: step or value is no number.
        """
        known = self._find(trial)
        step, value = checked_report(known, step, value)
        self._reports.setdefault(known.number, {})[step] = value
        self._log.append(Reported(known.number, step, value))
        by_step = {number: sorted(each.items()) for number, each in self._reports.items()}
        return ends_early(self.problem, known.number, by_step, self._trials)

    @classmethod
    def replay(
        cls,
        space: Problem | Space | Mapping[str, Any],
        log: Sequence[Event],
        recipe: str | Recipe = "auto",
        seed: int | None = None,
        maximize: bool = False,
    ) -> Self:
        """Return the optimizer of a log of events: every point is proposed again and compared.

        Raises:
            TellError: a recorded trial differs from the one proposed again, so that the log is of
                another space, recipe, seed or version.
        """
        optimizer = cls(space, recipe, seed, maximize)
        for event in log:
            if isinstance(event, Asked):
                optimizer._ask(event.n, dict(event.fixed or {}), event.present)
                continue
            if isinstance(event, Promoted):
                optimizer.promote()
                continue
            if isinstance(event, Reported):
                optimizer.report(event.number, event.step, event.value)
                continue
            if isinstance(event, SpaceChanged):
                optimizer.change_space(event.space, event.defaults)
                continue
            told, n_asked = event.trial, len(optimizer._trials)
            known = optimizer._trials[told.number] if told.number < n_asked else told
            if not same_choice(optimizer.problem.context, told.params, known.params):
                raise TellError(
                    f"trial {told.number} of the log is {dict(told.params)!r}, but this space, recipe and "
                    f"seed ask for {dict(known.params)!r}"
                )
            optimizer._record(told)
        return optimizer

    def __copy__(self) -> Self:
        # a trial, the memory and an event never change, so their containers are all there is to copy
        twin = type(self).__new__(type(self))
        twin.__setstate__(self.__getstate__())
        twin._trials, twin._log = self._trials.copy(), self._log.copy()
        twin._reports = {number: steps.copy() for number, steps in self._reports.items()}
        return twin

    def __repr__(self) -> str:
        return f"Optimizer({len(self._trials)} trials, recipe={self.recipe!r}, seed={self.seed})"

    def _find(self, given: Trial | int | Mapping[str, Any]) -> Trial:
        """Return the open trial given (by itself or by number), or a new one for a point of one's own."""
        number = len(self._trials)
        if isinstance(given, Mapping):
            return Trial(number, self.space.check(given), trial_seed(self.seed, number))
        wanted = as_whole_number(given.number if isinstance(given, Trial) else given)
        if wanted is None:
            raise UnknownTrial(
                f"{shown(given)} is neither a trial nor its number nor a point (of a table's row: dict(row))"
            )
        if not 0 <= wanted < number:
            raise UnknownTrial(f"trial {wanted} was never asked for; there are {number}, numbered from 0")
        known = self._trials[wanted]
        asked = self.space.in_present_terms(given.params) if isinstance(given, Trial) else known.params
        if isinstance(given, Trial) and not same_choice(self.problem.context, asked, known.params):
            raise UnknownTrial(
                f"trial {wanted} was asked for at {dict(known.params)!r}, not {given.params!r}"
            )
        stale = isinstance(given, Trial) and given.fidelity != known.fidelity
        if known.state.is_final or known.state is TrialState.PAUSED or stale:
            raise AlreadyTold(f"trial {wanted} was told already: {_result_text(known)}")
        return known

    def _record(self, told: Trial) -> None:
        if told.number == len(self._trials):
            self._trials.append(told)
        else:
            self._trials[told.number] = told
        self._log.append(Told(told))


def checked_seed(seed: int | None) -> int:
    """Return a seed as given, or a fresh one for None.

    Raises:
        RecipeError: it is no whole number from 0 up.
    """
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    number = as_whole_number(seed)
    if number is None or number < 0:
        raise RecipeError(f"seed={shown(seed)}: a whole number from 0 up is needed, or None")
    return number


def _as_problem(given: Problem | Space | Mapping[str, Any], maximize: bool) -> Problem:
    flag = as_flag(maximize)
    if flag is None:
        raise ProblemError(f"maximize={shown(maximize)}: write maximize=True, or leave it out")
    if isinstance(given, Problem):
        if flag:
            raise ProblemError("maximize=True beside a Problem; say Problem(..., maximize=True)")
        return given
    return Problem(given if isinstance(given, Space) else Space(given), maximize=flag)


def checked_count(n: int, most: int | None = None) -> int:
    """Return how many trials to ask for as given.

    Raises:
        AskError: it is no whole number from 1 up (to ``most``).
    """
    number = as_whole_number(n)
    if number is None or number < 1 or (most and number > most):
        up = "up" if most is None else f"to {most}"
        raise AskError(
            f"ask(n={shown(n)}): a whole number from 1 {up} is needed, or nothing for a single trial"
        )
    return number


def _result_text(trial: Trial) -> str:
    if trial.rungs and trial.state in (TrialState.RUNNING, TrialState.PAUSED):
        last = trial.rungs[-1]
        return f"value {last.value} at fidelity {last.fidelity:g}"
    return f"value {trial.value}" if trial.state is TrialState.COMPLETE else f"{trial.state} ({trial.reason})"
