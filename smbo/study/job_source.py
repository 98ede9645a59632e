"""A study as a source of jobs for the scheduler's loop: what to run next, and how to record each outcome."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from smbo.errors import AlreadyTold, BudgetExhausted, SpaceExhausted, StoreUnavailable
from smbo.space import Point
from smbo.space.context import ask_settings
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.records import Place, StaleProposal
from smbo.study.drivers import Drivers
from smbo.study.evaluator import payload_of
from smbo.study.prefetch import Prefetch, fits_a_model, running_mean
from smbo.study.programming_errors import cause_of
from smbo.study.protocol import Runnable, StopReason
from smbo.study.pruning import Reporter
from smbo.study.results import BAD_OUTPUT, concluded, failed
from smbo.study.run_settings import RunSettings
from smbo.study.stop_reasons import StopReasons
from smbo.study.takeover import Takeover
from smbo.trial import Trial, TrialState
from smbo_scheduler.errors import Unavailable
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.retry import Decision, decide

logger = logging.getLogger(__name__)

# Wall time is added to the study in steps of this; a killed run forgets less than one.
_TIME_STEP_SECONDS = 5.0

_MAX_AT_ONCE = 64  # trials in one ask

# Where an evaluation takes less than this, more jobs are sent than there are slots: an eighth more, and more
# than that where the way of a result to the driver and of a job to the worker is a larger part of it.
_SHORT_SECONDS = 10.0
_SPARE_SHARE = 1 / 8
_ONE_EACH_SECONDS = 0.5  # with evaluations as short, one more for each slot


_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


def _raises_unavailable(method: Callable[_Arguments, _Returned]) -> Callable[_Arguments, _Returned]:
    """Have a method raise Unavailable, which the scheduler knows, where the store is unavailable."""

    @functools.wraps(method)
    def translated(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Returned:
        try:
            return method(*args, **kwargs)
        except StoreUnavailable as error:
            raise Unavailable(str(error)) from error

    return translated


@dataclass(frozen=True)
class _Times:
    """Times of a run; one value, so that a failed transaction can restore it.

    Attributes:
        counted_until: up to when wall time has been added to the study.
        evaluation_seconds: running mean of how long evaluations take.
    """

    counted_until: float
    evaluation_seconds: float | None = None


class StudySource:
    """Feeds a run with a study's trials (a ``smbo_scheduler.jobs.Source``).

    Args:
        study: a Study.
        settings: of the run.
        drivers: this driver's place among those of the study.
        outbox: where outcomes wait to be recorded.
        prefetch: proposals that are made beforehand; None to propose when a slot is free.
    """

    def __init__(
        self,
        study: Runnable,
        settings: RunSettings,
        *,
        drivers: Drivers,
        outbox: Outbox,
        prefetch: Prefetch | None = None,
    ) -> None:
        self._study, self._settings, self._outbox, self._prefetch = study, settings, outbox, prefetch
        self._owner = drivers.owner
        self._fixed = dict(settings.fixed)
        self._reporter = Reporter(study, outbox)
        self._takeover = Takeover(study.name, drivers, outbox, settings.clock)
        self._reasons = StopReasons(study, settings, self._fixed, self._others_at_work)
        self._own: dict[int, Trial] = {}  # trials that this run started or took over, by token
        self._in_flight: set[int] = set()  # tokens of those of them that have not ended
        self._recorded: list[Job] = []  # in a transaction that may not be committed yet
        self._resumed: list[Trial] = []  # recorded likewise: their checkpoints may then be dropped
        self._is_in_transaction = False
        self._n_slots = 0
        self._times = _Times(counted_until=settings.clock())

    # --- called by smbo_scheduler.loop.run

    @_raises_unavailable
    def next_jobs(self, n: int) -> Sequence[Job]:
        """Return jobs of at most n trials: waiting ones first, then new ones within the budget."""
        self._n_slots = len(self._in_flight) + n
        may_promote = self._reasons.may_promote()
        most = min(n, _MAX_AT_ONCE) if may_promote else 0
        waiting = self._study.promote_waiting(
            most, is_closing=may_promote and self._reasons.is_closing(), fixed=self._fixed
        )
        count = min(waiting or self._reasons.n_new(), n, _MAX_AT_ONCE)
        if count == 0 or self._reasons.of_the_run() is not None:
            return ()
        try:
            trials = self._asked(count, is_waiting=waiting > 0)
        except (BudgetExhausted, StaleProposal):  # another driver was faster
            return ()
        except SpaceExhausted:
            logger.info("the space has no further point")
            self._reasons.is_space_exhausted = True
            return ()
        self._reasons.started.update(trial.number for trial in trials)
        return self._started(trials)

    def _started(self, trials: Iterable[Trial]) -> list[Job]:
        """Return the jobs of trials that this run waits for from now on."""
        own = {trial.token: trial for trial in trials if trial.token is not None}
        self._own.update(own)
        self._in_flight.update(own)
        for trial in own.values():
            logger.debug("trial %d is evaluated under token %d: %s", trial.number, trial.token, trial.params)
        jobs = [self.job(trial) for trial in own.values()]
        self._reporter.watch(jobs)
        return jobs

    def _asked(self, n: int, *, is_waiting: bool) -> list[Trial]:
        """Return at most n trials that run from now on."""
        if self._prefetch is not None and not is_waiting and self._is_begun_by_design():
            return self._study.ask_for(self._owner, n, fixed=self._settings_of_ask())
        if self._prefetch is None or is_waiting:
            # one at a time where a model is fitted: the first free slot should not have to wait
            # until the last one's point is proposed
            is_quick = is_waiting or not fits_a_model(self._study.recipe)
            return self._study.ask_for(self._owner, n if is_quick else 1, fixed=self._settings_of_ask())
        self._prefetch.collect()
        found = self._prefetch.first(n)
        if found is None:
            self._prefetch.start(n)
            return []
        try:
            trials = self._study.ask_proposed(self._owner, *found)
        except StaleProposal:
            if not self._study.waiting:
                self._prefetch.drop()
            raise
        if (
            choice := found[0].memory.get("choice")
        ) is not None:  # the process that proposes logs nothing here
            logger.debug("proposed by %s: %s", choice["name"], choice["reason"])
        self._prefetch.mark_used(found[2])
        return trials

    def _settings_of_ask(self) -> Point:
        """Return the values that new trials have: the fixed ones of the run, and the present context."""
        observe, problem = self._settings.context, self._study.problem
        if observe is None:
            return self._fixed
        return ask_settings(problem.space, problem.context, self._fixed, observe())

    def _is_begun_by_design(self) -> bool:
        """Return whether a study begins, and the process that proposes is not there yet.

        Without any result no model is fitted, and the first evaluations need not wait for that process.
        """
        assert self._prefetch is not None
        if self._prefetch.has_answered:
            return False
        return not any(trial.state.is_final for trial in self._study.trials)

    @_raises_unavailable
    def record(self, outcome: JobOutcome) -> None:
        """Record an outcome in the study: a result, a failure, or a trial that waits for another try."""
        trial = self._trial_of(outcome.job)
        place = Place(host=outcome.host, pid=outcome.pid, started=outcome.started, ended=outcome.ended)
        self.add_time(at_least=_TIME_STEP_SECONDS)
        self._reporter.finish(outcome.job)
        self._note(outcome)
        self._record(trial, outcome, place)
        if not self._is_in_transaction:
            self._after_commit()

    def _record(self, trial: Trial, outcome: JobOutcome, place: Place) -> None:
        if outcome.status is JobStatus.OK:
            told = concluded(self._study.problem, trial, outcome)
            self._tell(told, place)
            logger.debug("trial %d is recorded: %s %s", trial.number, told.state.value, told.value)
            self._reasons.note_result(is_misfit=told.reason == BAD_OUTPUT)
            self._resumed.append(trial)
            return
        if decide(outcome, self._earlier(outcome.job), self._settings.retries) is Decision.FAIL:
            logger.info("trial %d failed: %s", trial.number, outcome.reason or outcome.status.value)
            self._tell(failed(self._study.problem, trial, outcome), place)
            self._reasons.note_failure(outcome)
            return
        logger.info("trial %d is evaluated again: its attempt was %s", trial.number, outcome.status.value)
        self._study.store.requeue(
            self._study.id, trial.number, outcome.job.token, AttemptOutcome(outcome.status.value), place
        )

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make the records of a block one transaction: one wait for the disk, not one each.

        What is not committed is not counted either: the block is repeated as a whole.
        """
        before, self._is_in_transaction = (self._times, self._reasons.in_a_row), True
        try:
            with self._study.store.together(self._study.id):
                yield
        except BaseException as error:
            self._times, self._reasons.in_a_row = before
            self._recorded.clear()
            self._resumed.clear()
            if isinstance(error, StoreUnavailable):
                raise Unavailable(str(error)) from error
            raise
        finally:
            self._is_in_transaction = False
        self._after_commit()

    @_raises_unavailable
    def is_finished(self) -> bool:
        """Return whether no further job will come."""
        return self.stop_reason() is not None

    @_raises_unavailable
    def prefetch(self) -> bool:
        """Start proposals while all slots are busy, for as many slots as will soon be free."""
        if self._prefetch is None:
            return False
        try:
            self._prefetch.collect()
        except SpaceExhausted:
            self._reasons.is_space_exhausted = True
        wanted = self._prefetch.n_wanted(self._n_slots, self._times.evaluation_seconds)
        if wanted > self._prefetch.n_ready and self._reasons.of_the_run() is None:
            self._prefetch.start(min(wanted, self._reasons.n_new()))
        return self._prefetch.is_busy

    def n_spare(self, n_slots: int) -> int:
        """Return how many jobs to send beyond the slots: a few while evaluations are short.

        Then the time from a result to the next evaluation, some tenths of a second, would leave slots
        idle for a noticeable share.  A waiting trial's point is proposed without the results that come
        meanwhile, so none wait where evaluations are long; and none where they need resources, for Dask
        would count such a trial among those that a dying worker may have been killed by.
        """
        seconds = self._times.evaluation_seconds
        if n_slots < 2 or self._settings.resources or seconds is None or seconds > _SHORT_SECONDS:
            return 0
        share = max(_SPARE_SHARE, min(1.0, _ONE_EACH_SECONDS / max(seconds, 1e-9)))
        return math.ceil(share * n_slots)

    # --- called by the run around the loop

    def stop_reason(self) -> StopReason | None:
        """Return why no more trials are started; None while more are to come."""
        return self._reasons.current()

    def job(self, trial: Trial) -> Job:
        """Return the job that evaluates a trial under its present token."""
        assert trial.token is not None
        params = self._study.problem.space.point_to_json(trial.params)
        return Job(
            study=self._study.name,
            number=trial.number,
            token=trial.token,
            payload=payload_of(params, trial.seed, trial.fidelity, trial.checkpoint),
            limits=self._settings.limits,
            resources=dict(self._settings.resources),
            keeps_folder=self._study.problem.is_below_the_highest(trial.fidelity),
        )

    @_raises_unavailable
    def orphans(self) -> list[Job]:
        """Return jobs in flight whose driver is gone, to be watched until their outcomes are known.

        Records outcomes that came late on the way, and sends this driver's heartbeat.
        """
        if not self._takeover.is_due(self._n_slots):
            return []
        self._reporter.take()
        abandoned, late = self._takeover.look(self._in_flight)
        for outcome in late:
            self.record(outcome)
            self._outbox.discard(outcome)
        if abandoned or late:
            logger.info(
                "took over %d trials and %d late results of drivers that ended", len(abandoned), len(late)
            )
        known = {outcome.job.token for outcome in late}.union(self._own)
        return self._started(
            replace(self._study.trial(attempt.number), token=attempt.token)
            for attempt in abandoned
            if attempt.token not in known
        )

    def add_time(self, at_least: float = 0.0) -> None:
        """Add the wall time since the last call to the study, unless it is still too little."""
        now = self._settings.clock()
        seconds = now - self._times.counted_until
        if seconds > at_least:
            self._study.store.add_time(self._study.id, seconds)
            self._times = replace(self._times, counted_until=now)

    def take_back_broken(self) -> str | None:
        """Have the trials that failed by the objective's programming errors wait for the next run.

        Returns:
            The error of one of them; None if the objective is not what fails.
        """
        is_final = self.stop_reason() in (StopReason.BUDGET, StopReason.FAILURES)
        if not self._reasons.is_broken(at_end=is_final):
            return None
        causes = set(self._reasons.in_a_row.broken or ())
        broken = [
            trial
            for trial in self._study.trials
            if trial.state is TrialState.FAILED
            and trial.token is not None
            and cause_of(trial.reason, trial.error) in causes
        ]
        self._study.retry([trial.number for trial in broken])
        return broken[-1].error if broken else None

    # --- inside

    def _others_at_work(self) -> bool:
        """Return whether trials of other drivers are open."""
        return self._takeover.others_at_work(self._own)

    def _note(self, outcome: JobOutcome) -> None:
        """Keep count of what has ended, and of how long evaluations take."""
        self._recorded.append(outcome.job)
        if outcome.started is None or outcome.ended is None:
            return
        seconds = max(0.0, outcome.ended - outcome.started)
        mean = running_mean(self._times.evaluation_seconds, seconds)
        self._times = replace(self._times, evaluation_seconds=mean)

    @_raises_unavailable
    def _after_commit(self) -> None:
        """Forget recorded jobs, and remove their checkpoints, once their records are committed."""
        for job in self._recorded:
            self._in_flight.discard(job.token)
            self._reporter.forget(job)
        self._recorded.clear()
        # a trial that is not recorded after all is resumed from its checkpoint once more
        self._forget_checkpoints()

    def _trial_of(self, job: Job) -> Trial:
        given = self._own.get(job.token)
        if given is not None and given.number == job.number:
            return given  # a token's point and fidelity never change
        known = self._study.trial(job.number)
        return replace(known, token=job.token, fidelity=job.payload.get("fidelity"))

    def _earlier(self, job: Job) -> list[JobStatus]:
        attempts = self._study.store.attempts(self._study.id, number=job.number)
        words = [each.outcome.value for each in attempts if each.token != job.token and each.outcome]
        return [JobStatus(word) for word in words if word in set(JobStatus)]

    def _forget_checkpoints(self) -> None:
        """Remove the checkpoints of recorded trials that are no longer needed."""
        while self._resumed:
            self._forget_checkpoint(self._resumed[-1])
            self._resumed.pop()

    def _forget_checkpoint(self, before: Trial) -> None:
        """Remove the checkpoint that a trial was resumed from, once its result does not need it."""
        if before.checkpoint is None:
            return
        now = self._study.trial(before.number)
        if now.state is TrialState.COMPLETE or now.checkpoint != before.checkpoint:
            shutil.rmtree(before.checkpoint, ignore_errors=True)

    def _tell(self, told: Trial, place: Place) -> None:
        try:
            recorded = self._study.record(told, place)
        except AlreadyTold:  # another attempt was first; this result is kept beside it
            logger.info("trial %d was recorded already; this result is kept beside", told.number)
            return
        self._reasons.note_recorded(recorded)
