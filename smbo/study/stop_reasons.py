"""Why a run starts no more trials: its limits, a request to stop, the budget, or nothing left to learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from smbo.space import Point
from smbo.store.budget import Budget, exhausted
from smbo.store.records import LOST
from smbo.study.programming_errors import Cause, cause_of
from smbo.study.protocol import Runnable, StopReason
from smbo.study.run_settings import RunSettings
from smbo.trial import Trial, TrialState
from smbo_scheduler.jobs import JobOutcome, JobStatus

# A trial is lost for good only after several executions killed their process, so this many of
# them one after the other are no chance; lost trials are not counted by the budget of trials, and
# without this limit such a run would never end.
_MAX_LOST_IN_A_ROW = 3

# Unusable results, one after the other and no usable one before: the objective and the problem disagree,
# and the rest of the budget would go the same way.
_MAX_MISFITS_IN_A_ROW = 3

_MAX_NEW = 1_000  # trials that one look at the budget allows, where it sets no limit


# Evaluations that failed by one programming error, with none that went well: chance looks different.
_MAX_BROKEN = 3


@dataclass(frozen=True)
class InARow:
    """What came one after the other.

    Attributes:
        lost: trials that were lost for good.
        misfits: results that the problem cannot use.
        broken: causes of failures by programming errors, None once another outcome has come in this run.
    """

    lost: int = 0
    misfits: int = 0
    broken: tuple[Cause, ...] | None = ()

    @property
    def commonest(self) -> tuple[Cause, int] | None:
        """The commonest of the programming errors, and how often it came; None without any."""
        return Counter(self.broken).most_common(1)[0] if self.broken else None


class StopReasons:
    """Whether a run may start trials, and how many; counts the trials that the run has started.

    Args:
        study: whose budget and log decide.
        settings: limits of the run.
        fixed: values of its new trials, as of ``smbo.space.fixed.checked``.
        others_at_work: whether trials of other drivers are open: should one of those die, this run
            takes its trials over, so that it does not end before them.

    Attributes:
        started: numbers of the trials that the run has started.
        is_space_exhausted: whether a finite space has no point left.
        in_a_row: one value, so that a failed transaction can restore it.
    """

    def __init__(
        self, study: Runnable, settings: RunSettings, fixed: Point, others_at_work: Callable[[], bool]
    ) -> None:
        self._study, self._fixed = study, fixed
        self._n_trials, self._clock = settings.n_trials, settings.clock
        seconds = settings.timeout_seconds
        self._deadline = None if seconds is None else settings.clock() + seconds
        self._others_at_work = others_at_work
        self._was_stopped = False
        self._names = study.problem.space.names
        self.started: set[int] = set()
        self.is_space_exhausted = False
        self.in_a_row = InARow()

    def of_the_run(self) -> StopReason | None:
        """Return why the run ends even if trials are waiting."""
        # a request once seen holds: a driver that begins meanwhile takes it back for itself alone
        self._was_stopped = self._was_stopped or self._study.is_stopped
        if self._was_stopped:
            return StopReason.STOPPED
        if self._deadline is not None and self._clock() >= self._deadline:
            return StopReason.TIMEOUT
        if self.in_a_row.lost >= _MAX_LOST_IN_A_ROW:
            return StopReason.LOST
        if self.is_broken():
            return StopReason.BROKEN
        if self.in_a_row.misfits >= _MAX_MISFITS_IN_A_ROW and not self._has_results():
            return StopReason.MISFIT
        if self._n_trials is not None and len(self.started) >= self._n_trials:
            if self._study.problem.multi_fidelity is not None:
                return None if self._has_old() else StopReason.N_TRIALS
            # the run also repeats the trials that it has started
            return StopReason.N_TRIALS if self._study.waiting.isdisjoint(self.started) else None
        return None

    def current(self) -> StopReason | None:
        """Return why no more trials are started; None while more are to come."""
        reason = self.of_the_run()
        if reason is not None:
            return reason
        if self._has_old():
            return None
        reason = self._of_the_study()
        if reason is None or reason is StopReason.FAILURES:
            return reason
        return None if self._others_at_work() else reason

    def n_new(self) -> int:
        """Return how many new trials the run may still start, as far as can be seen."""
        budget, spent = self._study.budget, self._study.spent
        if exhausted(budget, spent) is not None or self._study.termination() is not None:
            return 0
        rooms = [_MAX_NEW]
        if budget.trials is not None:
            rooms.append(budget.trials - spent.trials)
        if self._n_trials is not None:
            rooms.append(self._n_trials - len(self.started))
        return max(0, min(rooms))

    def may_promote(self) -> bool:
        """Return whether trials may be promoted, which takes time but none of the budget of trials."""
        if self._study.problem.multi_fidelity is None:
            return False
        return exhausted(replace(self._study.budget, trials=None), self._study.spent) is None

    def is_closing(self) -> bool:
        """Return whether no new trials are to come in this study."""
        return self.is_space_exhausted or exhausted(self._study.budget, self._study.spent) is not None

    def note_recorded(self, trial: Trial) -> None:
        """Count a trial as the study has recorded it."""
        is_lost = trial.state is TrialState.FAILED and trial.reason == LOST
        self.in_a_row = replace(self.in_a_row, lost=self.in_a_row.lost + 1 if is_lost else 0)

    def note_result(self, *, is_misfit: bool) -> None:
        """Count a result, and whether the problem could use it."""
        misfits = self.in_a_row.misfits + 1 if is_misfit else 0
        self.in_a_row = replace(self.in_a_row, misfits=misfits, broken=None)

    def note_failure(self, outcome: JobOutcome) -> None:
        """Count an evaluation that failed, and whether by a programming error."""
        if self._names != self._study.problem.space.names:  # no earlier result vouches for calls with these
            self._names, self.in_a_row = self._study.problem.space.names, replace(self.in_a_row, broken=())
        if outcome.status is JobStatus.LOST or self.in_a_row.broken is None:
            return
        cause = cause_of(outcome.reason, outcome.error) if outcome.status is JobStatus.ERROR else None
        broken = None if cause is None else (*self.in_a_row.broken, cause)
        self.in_a_row = replace(self.in_a_row, broken=broken)

    def is_broken(self, *, at_end: bool = False) -> bool:
        """Return whether the objective fails everywhere alike, by a mistake in its code or command.

        In a study that has results only for mistakes that no point could be to blame for.

        Args:
            at_end: whether no more evaluations are to come, so that fewer are enough.
        """
        found = self.in_a_row.commonest
        if found is None or found[1] < (1 if at_end else _MAX_BROKEN):
            return False
        return found[0].is_certain or not self._has_results()

    def _of_the_study(self) -> StopReason | None:
        """Return why the study needs no new trials."""
        if self.is_space_exhausted:
            return StopReason.SPACE
        if self._study.termination() is not None:
            return StopReason.ENOUGH
        budget, spent = self._study.budget, self._study.spent
        if exhausted(Budget(failures=budget.failures), spent) is not None:
            return StopReason.FAILURES
        return None if exhausted(budget, spent) is None else StopReason.BUDGET

    def _has_results(self) -> bool:
        """Return whether any evaluation of the study gave a result that the problem can use."""
        return any(trial.state in (TrialState.COMPLETE, TrialState.PAUSED) for trial in self._study.trials)

    def _has_old(self) -> bool:
        """Return whether a trial waits to be run again, or is to be promoted."""
        if self._study.waiting:
            return True
        if not self.may_promote():
            return False
        return self._study.next_promotion(is_closing=self.is_closing(), fixed=self._fixed) is not None
