"""A study as a source of jobs: what to run next, and what to make of each outcome."""

from __future__ import annotations

import contextlib
import functools
import math
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from smbo.errors import AlreadyTold, BudgetExhausted, SpaceExhausted, StoreUnavailable
from smbo.space import Point
from smbo.store.budget import Budget, exhausted
from smbo.store.records import LOST, AttemptOutcome, Place, StaleProposal
from smbo.study.drivers import Drivers
from smbo.study.evaluator import payload_of
from smbo.study.prefetch import Ahead, running_mean, thinks_long
from smbo.study.protocol import Runnable, StopReason
from smbo.study.pruning import Reporter
from smbo.study.results import BAD_OUTPUT, concluded, failed
from smbo.trial import Trial, TrialState
from smbo_scheduler.errors import Unavailable
from smbo_scheduler.jobs import Ending, Job, JobOutcome, Limits
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.retry import Decision, RetryPolicy, decide

# Wall time is added to the study in steps of this; a killed run forgets less than one.
_TIME_STEP_SECONDS = 5.0

# A trial is lost for good only after several executions took their process along, so this many of
# them one after the other are no chance; lost trials are not counted by the budget of trials, and
# without this limit such a run would never end.
_MOST_LOST_IN_A_ROW = 3

# Results that lack what the problem needs, one after the other and none before that fits: the objective
# and the problem disagree, and the rest of the budget would go the same way.
_MOST_MISFITS_IN_A_ROW = 3

_LOOK_SECONDS = 1.0  # between looks for drivers that are gone, and for outcomes that came late
_MOST_AT_ONCE = 64  # trials in one ask

# Where an evaluation takes less than this, an eighth more jobs are sent than there are slots.
_SHORT_SECONDS = 10.0
_SPARE_PART = 1 / 8


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


@dataclass(frozen=True)
class _Counts:
    """What a run has counted in its records; one value, so that it can be as before.

    Attributes:
        timed_until: up to when wall time is on the study's account.
        evaluation_seconds: how long evaluations take, of late.
        lost_in_a_row: trials lost for good, one after the other.
        misfits_in_a_row: results that the problem cannot use, likewise.
    """

    timed_until: float
    evaluation_seconds: float | None = None
    lost_in_a_row: int = 0
    misfits_in_a_row: int = 0


class StudySource:
    """Feeds a run with a study's trials (a ``smbo_scheduler.jobs.Source``).

    Args:
        study: a Study.
        n_trials: how many trials to start at most.
        timeout_seconds: how long to start new ones.
        limits, resources: of each evaluation.
        retries: how often evaluations are repeated.
        crew: this driver's place among those of the study.
        outbox: where outcomes wait to be recorded.
        ahead: proposals that are thought out beforehand; None to think when a slot is free.
        fixed: values that new trials are to have, as of ``fixing.checked``; those of ``ahead`` too.
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
        crew: Drivers,
        outbox: Outbox,
        ahead: Ahead | None = None,
        fixed: Point | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._study = study
        self._crew = crew
        self._outbox = outbox
        self._ahead = ahead
        self._fixed = fixed
        self._reporter = Reporter(study, outbox)
        self._n_trials = n_trials
        self._limits = limits or Limits()
        self._resources = dict(resources or {})
        self._retries = retries or RetryPolicy()
        self._clock = clock
        self._deadline = None if timeout_seconds is None else clock() + timeout_seconds
        self._started: set[int] = set()
        self._given: dict[int, Trial] = {}  # what this run started or took over, by token
        self._flying: set[int] = set()  # those of them that have not ended
        self._recorded: list[Job] = []  # in a transaction that may not be committed yet
        self._gone_on: list[Trial] = []  # of those; what they went on from may then be dropped
        self._is_together = False  # within a block of records that is not committed yet
        self._n_slots = 0
        self._was_stopped = False
        self._next_look = -math.inf
        self._is_space_used_up = False
        self._counts = _Counts(timed_until=clock())

    # --- what smbo_scheduler.loop.run asks for

    @_in_the_loops_words
    def next_jobs(self, n: int) -> Sequence[Job]:
        """Return jobs of at most n trials: waiting ones first, then new ones within the budget."""
        self._n_slots = len(self._flying) + n
        may_climb = self._may_climb()
        most = min(n, _MOST_AT_ONCE) if may_climb else 0
        waiting = self._study.promote_waiting(
            most, is_closing=may_climb and self._is_closing(), fixed=self._fixed
        )
        count = min(waiting or self._room(), n, _MOST_AT_ONCE)
        if count == 0 or self._why_over() is not None:
            return ()
        try:
            trials = self._asked(count, is_waiting=waiting > 0)
        except (BudgetExhausted, StaleProposal):  # another driver was faster
            return ()
        except SpaceExhausted:
            self._is_space_used_up = True
            return ()
        self._started.update(trial.number for trial in trials)
        self._given.update((trial.token, trial) for trial in trials if trial.token is not None)
        self._flying.update(trial.token for trial in trials if trial.token is not None)
        jobs = [self.job(trial) for trial in trials]
        self._reporter.watch(jobs)
        return jobs

    def _asked(self, n: int, *, is_waiting: bool) -> list[Trial]:
        """Return at most n trials that run from now on."""
        if self._ahead is None or is_waiting:
            # one at a time where it takes a while: the first free slot should not have to wait
            # until the last one's point is found
            is_quick = is_waiting or not thinks_long(self._study.recipe)
            return self._study.ask_for(self._crew.owner, n if is_quick else 1, fixed=self._fixed)
        self._ahead.look()
        found = self._ahead.first(n)
        if found is None:
            self._ahead.think(n)
            return []
        try:
            trials = self._study.ask_proposed(self._crew.owner, *found)
        except StaleProposal:
            if not self._study.waiting:
                self._ahead.drop()
            raise
        self._ahead.use(found[2])
        return trials

    @_in_the_loops_words
    def record(self, outcome: JobOutcome) -> None:
        """Record an outcome in the study: a result, a failure, or a trial that waits for another try."""
        trial = self._trial_of(outcome.job)
        place = Place(host=outcome.host, pid=outcome.pid, started=outcome.started, ended=outcome.ended)
        self.add_time(at_least=_TIME_STEP_SECONDS)
        self._reporter.finish(outcome.job)
        self._note(outcome)
        self._record(trial, outcome, place)
        if not self._is_together:
            self._after_commit()

    def _record(self, trial: Trial, outcome: JobOutcome, place: Place) -> None:
        if outcome.ending is Ending.OK:
            told = concluded(self._study.problem, trial, outcome)
            self._tell(told, place)
            in_a_row = self._counts.misfits_in_a_row + 1 if told.reason == BAD_OUTPUT else 0
            self._counts = replace(self._counts, misfits_in_a_row=in_a_row)
            self._gone_on.append(trial)
            return
        if decide(outcome, self._earlier(outcome.job), self._retries) is Decision.FAIL:
            self._tell(failed(self._study.problem, trial, outcome), place)
            return
        self._study.store.requeue(
            self._study.id, trial.number, outcome.job.token, AttemptOutcome(outcome.ending.value), place
        )

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make the records of a block one transaction: one wait for the disk, not one each.

        What does not come to be committed is not counted either: the block is repeated as a whole.
        """
        before, self._is_together = self._counts, True
        try:
            with self._study.store.together():
                yield
        except BaseException as error:
            self._counts = before
            self._recorded.clear()
            self._gone_on.clear()
            if isinstance(error, StoreUnavailable):
                raise Unavailable(str(error)) from error
            raise
        finally:
            self._is_together = False
        self._after_commit()

    @_in_the_loops_words
    def is_finished(self) -> bool:
        """Return whether no further job will come."""
        return self.why() is not None

    @_in_the_loops_words
    def prepare(self) -> bool:
        """Have the next points thought out while all slots are busy, as many as will soon be needed."""
        if self._ahead is None:
            return False
        try:
            self._ahead.look()
        except SpaceExhausted:
            self._is_space_used_up = True
        wanted = self._ahead.n_wanted(self._n_slots, self._counts.evaluation_seconds)
        if wanted > self._ahead.n_ready and self._why_over() is None:
            self._ahead.think(min(wanted, self._room()))
        return self._ahead.is_thinking

    def n_spare(self, n_slots: int) -> int:
        """Return how many jobs to send beyond the slots: a few while evaluations are short.

        Then the way from a result to the next evaluation, some tenths of a second, would be idle
        time worth counting.  A trial that waits does not know of what ends meanwhile, so none do
        where evaluations are long; and none where they need resources, for Dask would count such a
        trial among those that a dying worker may have been killed by.
        """
        seconds = self._counts.evaluation_seconds
        if n_slots < 2 or self._resources or seconds is None or seconds > _SHORT_SECONDS:
            return 0
        return math.ceil(_SPARE_PART * n_slots)

    # --- what the shell around it asks for

    def why(self) -> StopReason | None:
        """Return why no more trials are started; None while more are to come."""
        over = self._why_over()
        if over is not None:
            return over
        if self._has_old():
            return None
        if self._is_space_used_up:
            return None if self._others_are_at_work() else StopReason.SPACE
        if self._study.termination() is not None:
            return None if self._others_are_at_work() else StopReason.ENOUGH
        budget, spent = self._study.budget, self._study.spent
        if exhausted(Budget(failures=budget.failures), spent) is not None:
            return StopReason.FAILURES
        if exhausted(budget, spent) is None:
            return None
        return None if self._others_are_at_work() else StopReason.BUDGET

    def job(self, trial: Trial) -> Job:
        """Return the job that evaluates a trial under its present token."""
        assert trial.token is not None
        params = self._study.problem.space.point_to_json(trial.params)
        return Job(
            study=self._study.name,
            number=trial.number,
            token=trial.token,
            payload=payload_of(params, trial.seed, trial.fidelity, trial.checkpoint),
            limits=self._limits,
            resources=self._resources,
            keeps_folder=self._study.problem.is_below_the_highest(trial.fidelity),
        )

    @_in_the_loops_words
    def orphans(self) -> list[Job]:
        """Return jobs in flight whose driver is gone, to be watched until their fate is known.

        Takes down what came late on the way, and says to the others that this driver lives.
        """
        self._crew.beat(self._n_slots)
        if self._clock() < self._next_look:
            return []
        # who looks too rarely never sees a beat stand still
        self._next_look = self._clock() + min(_LOOK_SECONDS, self._crew.beat_seconds)
        self._reporter.take()
        gone, living = self._crew.left_open()
        settled = self._take_late({attempt.token for attempt in living})
        found = {
            attempt.token: replace(self._study.trial(attempt.number), token=attempt.token)
            for attempt in gone
            if attempt.token not in self._given and attempt.token not in settled
        }
        self._given.update(found)
        self._flying.update(found)
        jobs = [self.job(trial) for trial in found.values()]
        self._reporter.watch(jobs)
        return jobs

    def _take_late(self, living: Collection[int]) -> set[int]:
        """Record outcomes that nobody waits for (their driver is gone, or had given them up).

        Args:
            living: tokens of attempts whose drivers will see to them.

        Returns:
            The tokens of those that were recorded.
        """
        settled = set()
        late = [
            outcome
            for outcome in self._outbox.pending()
            if outcome.job.study == self._study.name
            and outcome.job.token not in living
            and outcome.job.token not in self._flying
        ]
        for outcome in late:
            self.record(outcome)
            self._outbox.discard(outcome)
            settled.add(outcome.job.token)
        return settled

    def add_time(self, at_least: float = 0.0) -> None:
        """Put the time since the last call on the study's account, unless it is still too little."""
        now = self._clock()
        seconds = now - self._counts.timed_until
        if seconds > at_least:
            self._study.store.add_time(self._study.id, seconds)
            self._counts = replace(self._counts, timed_until=now)

    # --- inside

    def _why_over(self) -> StopReason | None:
        """Return why this call ends even if trials are waiting."""
        # once seen it holds: a driver that begins meanwhile takes the wish back for itself alone
        self._was_stopped = self._was_stopped or self._study.is_stopped
        if self._was_stopped:
            return StopReason.STOPPED
        if self._deadline is not None and self._clock() >= self._deadline:
            return StopReason.TIMEOUT
        if self._counts.lost_in_a_row >= _MOST_LOST_IN_A_ROW:
            return StopReason.LOST
        if self._counts.misfits_in_a_row >= _MOST_MISFITS_IN_A_ROW and not self._has_results():
            return StopReason.MISFIT
        if self._n_trials is not None and len(self._started) >= self._n_trials:
            if self._study.problem.multi_fidelity is not None:
                return None if self._has_old() else StopReason.N_TRIALS
            # what this call has started it also runs again
            return StopReason.N_TRIALS if self._study.waiting.isdisjoint(self._started) else None
        return None

    def _has_results(self) -> bool:
        """Return whether any evaluation of the study gave what the problem can use."""
        return any(trial.state in (TrialState.COMPLETE, TrialState.PAUSED) for trial in self._study.trials)

    def _others_are_at_work(self) -> bool:
        """Return whether other drivers' trials are open: should their drivers die, we take them over."""
        return any(each.token not in self._given for attempts in self._crew.left_open() for each in attempts)

    def _note(self, outcome: JobOutcome) -> None:
        """Keep count of what has ended, and of how long evaluations take."""
        self._recorded.append(outcome.job)
        if outcome.started is None or outcome.ended is None:
            return
        seconds = max(0.0, outcome.ended - outcome.started)
        mean = running_mean(self._counts.evaluation_seconds, seconds)
        self._counts = replace(self._counts, evaluation_seconds=mean)

    @_in_the_loops_words
    def _after_commit(self) -> None:
        """Let go of what recorded jobs needed until their records were safe."""
        for job in self._recorded:
            self._flying.discard(job.token)
            self._reporter.forget(job)
        self._recorded.clear()
        # what does not come to be recorded goes on from there once more
        self._forget_checkpoints()

    def _has_old(self) -> bool:
        """Return whether a trial waits to be run again, or goes on to a higher fidelity."""
        if self._study.waiting:
            return True
        if not self._may_climb():
            return False
        return self._study.next_promotion(is_closing=self._is_closing(), fixed=self._fixed) is not None

    def _may_climb(self) -> bool:
        """Return whether trials may go on to a higher fidelity, which takes time but no trial."""
        if self._study.problem.multi_fidelity is None:
            return False
        return exhausted(replace(self._study.budget, trials=None), self._study.spent) is None

    def _is_closing(self) -> bool:
        """Return whether no new trials are to come in this study."""
        return self._is_space_used_up or exhausted(self._study.budget, self._study.spent) is not None

    def _room(self) -> int:
        """Return how many new trials this call may still start, as far as can be seen."""
        budget, spent = self._study.budget, self._study.spent
        if exhausted(budget, spent) is not None or self._study.termination() is not None:
            return 0
        rooms = [1_000]
        if budget.trials is not None:
            rooms.append(budget.trials - spent.trials)
        if self._n_trials is not None:
            rooms.append(self._n_trials - len(self._started))
        return max(0, min(rooms))

    def _trial_of(self, job: Job) -> Trial:
        given = self._given.get(job.token)
        if given is not None and given.number == job.number:
            return given  # what it was asked for never changes
        known = self._study.trial(job.number)
        return replace(known, token=job.token, fidelity=job.payload.get("fidelity"))

    def _earlier(self, job: Job) -> list[Ending]:
        attempts = self._study.store.attempts(self._study.id, number=job.number)
        words = [each.outcome.value for each in attempts if each.token != job.token and each.outcome]
        return [Ending(word) for word in words if word in set(Ending)]

    def _forget_checkpoints(self) -> None:
        """Drop what recorded trials went on from, as far as it is no longer needed."""
        while self._gone_on:
            self._forget_checkpoint(self._gone_on[-1])
            self._gone_on.pop()

    def _forget_checkpoint(self, before: Trial) -> None:
        """Drop what a trial went on from, once there is a result that no longer needs it."""
        if before.checkpoint is None:
            return
        now = self._study.trial(before.number)
        if now.state is TrialState.COMPLETE or now.checkpoint != before.checkpoint:
            shutil.rmtree(before.checkpoint, ignore_errors=True)

    def _tell(self, told: Trial, place: Place) -> None:
        try:
            recorded = self._study.record(told, place)
        except AlreadyTold:  # another attempt was first; this result is kept beside it
            return
        is_lost = recorded.state is TrialState.FAILED and recorded.reason == LOST
        in_a_row = self._counts.lost_in_a_row + 1 if is_lost else 0
        self._counts = replace(self._counts, lost_in_a_row=in_a_row)
