"""A study as a source of jobs: what to run next, and what to make of each outcome."""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from scheduler.errors import Unavailable
from scheduler.jobs import Ending, Job, JobOutcome, Limits
from scheduler.processes import ProcessName, this_process
from scheduler.retry import Decision, RetryPolicy, decide
from smbo.errors import AlreadyTold, BudgetExhausted, SmboError, SpaceExhausted, StoreUnavailable
from smbo.evaluation import outcome_from_json, payload_of
from smbo.optimizer import judge
from smbo.problem import Problem
from smbo.store.budget import Budget, Spent, exhausted
from smbo.store.records import LOST, AttemptOutcome, AttemptRecord, Place
from smbo.store.sql import SqlStore
from smbo.trials import Trial, TrialState

BAD_OUTPUT = "bad-output"

# Wall time is added to the study in steps of this; a killed run forgets less than one.
_TIME_STEP_SECONDS = 5.0

# A trial is lost for good only after several executions took their process along, so this many of
# them one after the other are no chance; lost trials are not counted by the budget of trials, and
# without this limit such a run would never end.
_MOST_LOST_IN_A_ROW = 3

_LOOK_SECONDS = 1.0  # between looks for drivers that are gone

_OWNER = "run "


class Why(StrEnum):
    """Why a run starts no more trials."""

    BUDGET = "budget"  # the study's trials or time are used up
    FAILURES = "failures"  # so many evaluations failed as the budget allows
    N_TRIALS = "n_trials"  # as many were started as this call may
    TIMEOUT = "timeout"  # this call's time is over
    STOPPED = "stopped"  # Study.stop() was called, or the run was interrupted
    SPACE = "space"  # a finite space has no point left
    LOST = "lost"  # one evaluation after the other took its process along


class Runnable(Protocol):
    """What a run needs of a study (``smbo.study.Study``, one floor up, is one)."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def store(self) -> SqlStore: ...
    @property
    def spool_folder(self) -> Path: ...
    @property
    def budget(self) -> Budget: ...
    @property
    def spent(self) -> Spent: ...
    @property
    def is_stopped(self) -> bool: ...
    @property
    def trials(self) -> Sequence[Trial]: ...
    def trial(self, number: int) -> Trial: ...
    def ask_for(self, owner: str, n: int) -> list[Trial]: ...
    def record(self, told: Trial, place: Place | None = None) -> Trial: ...
    def set_going(self) -> None: ...


_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")


def _in_the_loops_words(method: Callable[_Taken, _Given]) -> Callable[_Taken, _Given]:
    """Have a method raise Unavailable, which the scheduler knows, where the store is unavailable."""

    @functools.wraps(method)
    def translated(*args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
        try:
            return method(*args, **kwargs)
        except StoreUnavailable as error:
            raise Unavailable(str(error)) from error

    return translated


class StudySource:
    """Feeds a run with a study's trials (a ``scheduler.jobs.Source``).

    Args:
        study: a Study.
        n_trials: how many trials to start at most.
        timeout_seconds: how long to start new ones.
        limits, resources: of each evaluation.
        retries: how often evaluations are repeated.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        study: Runnable,
        *,
        n_trials: int | None = None,
        timeout_seconds: float | None = None,
        limits: Limits | None = None,
        resources: Mapping[str, float] | None = None,
        retries: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._study = study
        self._n_trials = n_trials
        self._limits = limits or Limits()
        self._resources = dict(resources or {})
        self._retries = retries or RetryPolicy()
        self._clock = clock
        self._deadline = None if timeout_seconds is None else clock() + timeout_seconds
        self._owner = owner_text(this_process())
        self._started: set[int] = set()
        self._given: set[int] = set()
        self._next_look = -math.inf
        self._lost_in_a_row = 0
        self._is_space_used_up = False
        self._timed_until = clock()

    # --- what scheduler.loop.run asks for

    @_in_the_loops_words
    def next_jobs(self, n: int) -> Sequence[Job]:
        """Return jobs of at most n trials: waiting ones first, then new ones within the budget."""
        waiting = sum(trial.state is TrialState.WAITING for trial in self._study.trials)
        # one at a time: the first free slot should not wait until the last one's point is found
        count = min(1, waiting or self._room(), n)
        if count == 0 or self._why_over() is not None:
            return ()
        try:
            trials = self._study.ask_for(self._owner, count)
        except BudgetExhausted:  # another process was faster
            return ()
        except SpaceExhausted:
            self._is_space_used_up = True
            return ()
        self._started.update(trial.number for trial in trials)
        self._given.update(trial.token for trial in trials if trial.token is not None)
        return [self.job(trial) for trial in trials]

    @_in_the_loops_words
    def record(self, outcome: JobOutcome) -> None:
        """Record an outcome in the study: a result, a failure, or a trial that waits for another try."""
        trial = self._trial_of(outcome.job)
        place = Place(host=outcome.host, pid=outcome.pid, started=outcome.started, ended=outcome.ended)
        self.add_time(at_least=_TIME_STEP_SECONDS)
        if outcome.ending is Ending.OK:
            self._tell(self._concluded(trial, outcome), place)
            return
        if decide(outcome, self._earlier(outcome.job), self._retries) is Decision.FAIL:
            self._tell(_failed(self._study, trial, outcome), place)
            return
        self._study.store.requeue(
            self._study.id, trial.number, outcome.job.token, AttemptOutcome(outcome.ending.value), place
        )

    @_in_the_loops_words
    def is_finished(self) -> bool:
        """Return whether no further job will come."""
        return self.why() is not None

    def prepare(self) -> bool:
        """Return False: each trial is thought out when it is asked for."""
        return False

    # --- what the shell around it asks for

    def why(self) -> Why | None:
        """Return why no more trials are started; None while more are to come."""
        over = self._why_over()
        if over is not None:
            return over
        if any(trial.state is TrialState.WAITING for trial in self._study.trials):
            return None
        if self._is_space_used_up:
            return Why.SPACE
        budget, spent = self._study.budget, self._study.spent
        if exhausted(replace(budget, trials=None, time_seconds=None), spent) is not None:
            return Why.FAILURES
        return None if exhausted(budget, spent) is None else Why.BUDGET

    def job(self, trial: Trial) -> Job:
        """Return the job that evaluates a trial under its present token."""
        assert trial.token is not None
        params = self._study.problem.space.point_to_json(trial.params)
        return Job(
            study=self._study.name,
            number=trial.number,
            token=trial.token,
            payload=payload_of(params, trial.seed, trial.fidelity),
            limits=self._limits,
            resources=self._resources,
        )

    def orphans(self) -> list[Job]:
        """Return jobs in flight whose driver is gone, to be watched until their fate is known.

        A driver on this machine that lives keeps its own; trials asked for by hand are nobody's.
        """
        if self._clock() < self._next_look:
            return []
        self._next_look = self._clock() + _LOOK_SECONDS
        trials = {trial.number: trial for trial in self._study.trials}
        return [
            self.job(replace(trials[attempt.number], token=attempt.token))
            for attempt in self._study.store.attempts(self._study.id, is_open=True)
            if _is_orphan(attempt) and attempt.token not in self._given
        ]

    def add_time(self, at_least: float = 0.0) -> None:
        """Put the time since the last call on the study's account, unless it is still too little."""
        now = self._clock()
        if now - self._timed_until > at_least:
            self._study.store.add_time(self._study.id, now - self._timed_until)
            self._timed_until = now

    # --- inside

    def _why_over(self) -> Why | None:
        """Return why this call ends even if trials are waiting."""
        if self._study.is_stopped:
            return Why.STOPPED
        if self._deadline is not None and self._clock() >= self._deadline:
            return Why.TIMEOUT
        if self._lost_in_a_row >= _MOST_LOST_IN_A_ROW:
            return Why.LOST
        if self._n_trials is not None and len(self._started) >= self._n_trials:
            # what this call has started it also runs again
            waiting = {trial.number for trial in self._study.trials if trial.state is TrialState.WAITING}
            return Why.N_TRIALS if waiting.isdisjoint(self._started) else None
        return None

    def _room(self) -> int:
        """Return how many new trials this call may still start, as far as can be seen."""
        budget, spent = self._study.budget, self._study.spent
        if exhausted(budget, spent) is not None:
            return 0
        rooms = [1_000]
        if budget.trials is not None:
            rooms.append(budget.trials - spent.trials)
        if self._n_trials is not None:
            rooms.append(self._n_trials - len(self._started))
        return max(0, min(rooms))

    def _trial_of(self, job: Job) -> Trial:
        return replace(self._study.trial(job.number), token=job.token)

    def _earlier(self, job: Job) -> list[Ending]:
        attempts = self._study.store.attempts(self._study.id, number=job.number)
        words = [each.outcome.value for each in attempts if each.token != job.token and each.outcome]
        return [Ending(word) for word in words if word in set(Ending)]

    def _concluded(self, trial: Trial, outcome: JobOutcome) -> Trial:
        """Return the trial with its result; one that the problem cannot use is a failure."""
        try:
            assert outcome.result is not None
            return judge(self._study.problem, trial, outcome_from_json(outcome.result))
        except (SmboError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            return judge(self._study.problem, trial, status="failed", reason=BAD_OUTPUT, error=f"{error!r}")

    def _tell(self, told: Trial, place: Place) -> None:
        try:
            recorded = self._study.record(told, place)
        except AlreadyTold:  # another attempt was first; this result is kept beside it
            return
        is_lost = recorded.state is TrialState.FAILED and recorded.reason == LOST
        self._lost_in_a_row = self._lost_in_a_row + 1 if is_lost else 0


def owner_text(process: ProcessName) -> str:
    """Return how an attempt names the driver that started it."""
    return _OWNER + json.dumps(asdict(process))


def _is_orphan(attempt: AttemptRecord) -> bool:
    if not attempt.owner.startswith(_OWNER):
        return False
    driver = ProcessName(**json.loads(attempt.owner.removeprefix(_OWNER)))
    # what this very process left behind in an earlier run is orphaned too
    return driver == this_process() or not (driver.is_here and driver.is_alive)


def _failed(study: Runnable, trial: Trial, outcome: JobOutcome) -> Trial:
    reason = outcome.ending.value if outcome.ending is not Ending.ERROR else outcome.reason
    return judge(
        study.problem, trial, status="failed", reason=reason or "objective-error", error=outcome.error
    )
