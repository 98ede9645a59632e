"""Feed the progress display of a run from the loop's reports and the study's trials."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from smbo.analysis.pareto import observed_hypervolume
from smbo.cli.logs import is_quiet, is_verbose, say
from smbo.cli.run.progress import (
    LIVE_PERIOD_SECONDS,
    NoProgress,
    Recommender,
    Snapshot,
    open_progress,
    seconds_left,
)
from smbo.cli.run.queue import QueueWatch
from smbo.cli.summary import recommendation_of
from smbo.report.visible_text import visible
from smbo.study import Study
from smbo.trial import TrialState
from smbo_scheduler import loop
from smbo_scheduler.clusters.queue_report import QueueReport
from smbo_scheduler.loop import Stop
from smbo_scheduler.signals import StopOnSignals

# finished trials without a cost after which a budget in costs is remarked upon
_TRIALS_BEFORE_COST_WARNING = 3


class Watch:
    """Shows the progress of a run while its ``with`` block lasts.

    Args:
        study: the study that runs.
        signals: asked whether the run is to stop.
        queue: what batch jobs wait for; called often.
    """

    def __init__(
        self,
        study: Study,
        signals: StopOnSignals,
        queue: Callable[[], QueueReport | None] = lambda: None,
    ) -> None:
        self._study, self._signals = study, signals
        self._queue = QueueWatch(queue, lambda text: say(text, err=True))
        self._budget = study.budget
        self._seconds_before = study.spent.seconds
        self._began = time.monotonic()
        self._n_at_start = sum(
            trial.state.is_final or trial.state is TrialState.PAUSED for trial in study.trials
        )
        self._latest: loop.Progress | None = None
        self._first_start: float | None = None
        self._message: str | None = None
        self._is_warned_of_costs = False
        self._snapshot: Snapshot | None = None
        self._drawn = -float("inf")

    def update(self, progress: loop.Progress) -> None:
        """Show a progress report of the loop; its message once, on standard error."""
        self._latest = progress
        if progress.running and self._first_start is None:
            self._first_start = time.monotonic()
        if progress.message is not None and progress.message != self._message and not is_verbose():
            say(visible(progress.message), err=True)  # with -v the loop's log says it
        self._message = progress.message
        self._warn_of_costs(len(progress.running))
        self._show()

    def stop(self) -> Stop:
        """Return which stop was asked for; the loop asks often, so the elapsed time is redrawn here."""
        self._show()
        return self._signals()

    def __enter__(self) -> Self:
        name = (
            self._study.problem.value_name if self._study.problem.multi_objective is None else "hypervolume"
        )
        self._progress = NoProgress() if is_quiet() else open_progress(self._study.name, name)
        self._recommender = Recommender(self._recommended)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recommender.close()
        self._progress.close(self._current_snapshot() if error is None else self._snapshot)

    def _warn_of_costs(self, n_running: int) -> None:
        limit, spent = self._budget.cost, self._study.spent
        if self._is_warned_of_costs or limit is None or spent.cost > 0.0:
            return
        if spent.trials - n_running >= _TRIALS_BEFORE_COST_WARNING:
            self._is_warned_of_costs = True
            say(
                f"no evaluation has told a cost, so the budget of cost {limit:g} ends nothing; return an "
                "Outcome with a cost, or give a budget of trials or time",
                err=True,
            )

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._drawn >= LIVE_PERIOD_SECONDS:
            self._queue.look(0 if self._latest is None else self._latest.capacity)
            self._snapshot = self._current_snapshot()
            self._progress.show(self._snapshot)
            self._drawn = time.monotonic()

    def _current_snapshot(self) -> Snapshot:
        study, latest = self._study, self._latest
        trials = study.trials
        n_complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
        n_failed = sum(trial.state is TrialState.FAILED for trial in trials)
        elapsed = time.monotonic() - self._began
        limit = self._budget.time_seconds
        time_left = None if limit is None else limit - self._seconds_before - elapsed
        has_one = study.problem.multi_objective is None and not study.problem.context
        best = study.best if has_one else None
        n_paused = sum(trial.state is TrialState.PAUSED for trial in trials)
        n_ended = sum(trial.state.is_final for trial in trials)
        slots = None if latest is None else latest.capacity
        # the pace is that of evaluations: what came before the first one started says nothing of it
        busy = 0.0 if self._first_start is None else time.monotonic() - self._first_start
        return Snapshot(
            complete=n_complete,
            failed=n_failed,
            running=0 if latest is None else len(latest.running),
            trials=self._budget.trials,
            slots=slots,
            best=best.value if best is not None else observed_hypervolume(study.problem, trials),
            recommended=self._recommender.latest(n_complete),
            recommended_of=self._recommender.latest_of,
            elapsed_seconds=elapsed,
            left_seconds=seconds_left(
                n_ended + n_paused, self._n_at_start, self._budget.trials, busy, time_left, slots
            ),
            paused=n_paused,
            ended_early=n_ended - n_complete - n_failed,
            queue=self._queue.text,
        )

    def _recommended(self) -> tuple[float, float] | None:
        # in another context another value is recommended: its course says nothing of the progress
        found = None if self._study.problem.context else recommendation_of(self._study)
        return None if found is None or found.means else (found.mean, found.std)
