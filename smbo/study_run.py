"""Running a study: an objective, somewhere to evaluate it, and one loop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from scheduler.executors import SerialExecutor
from scheduler.jobs import Ending, Executor, Limits, Target
from scheduler.loop import Progress, RunEnd, Stop, never, run, tell_nobody
from scheduler.retry import RetryPolicy
from scheduler.spool import Spool
from smbo.errors import StoreError, StoreUnavailable
from smbo.evaluation import AnyObjective, Evaluator
from smbo.study_source import Runnable, StudySource, Why

# Makes an executor for a target, with the spool through which its results come.
ExecutorFactory: TypeAlias = Callable[[Target, Spool], Executor]


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    Attributes:
        end: how the loop ended.
        why: no more trials were started.
        endings: how many executions ended in which way.
        seconds: wall time.
    """

    end: RunEnd
    why: Why
    endings: Mapping[Ending, int]
    seconds: float


def run_study(
    study: Runnable,
    objective: AnyObjective,
    executor: Executor | ExecutorFactory | Any = None,
    *,
    n_trials: int | None = None,
    timeout_seconds: float | None = None,
    limits: Limits | None = None,
    resources: Mapping[str, float] | None = None,
    retries: RetryPolicy | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], Stop] | None = None,
    spool: str | Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RunReport:
    """Evaluate a study's trials; see ``Study.run``."""
    if n_trials is not None and (isinstance(n_trials, bool) or not isinstance(n_trials, int) or n_trials < 1):
        raise StoreError(f"run: n_trials={n_trials!r}; give a whole number of 1 or more, or None")
    if timeout_seconds is not None and not timeout_seconds > 0:
        raise StoreError(f"run: timeout_seconds={timeout_seconds!r}; give a positive number, or None")
    target = Evaluator(objective)
    study.set_going()
    source = StudySource(
        study,
        n_trials=n_trials,
        timeout_seconds=timeout_seconds,
        limits=limits,
        resources=resources,
        retries=retries,
        clock=clock,
    )
    outbox = Spool(study.spool_folder if spool is None else spool)
    _drain(outbox, source, study)
    place, is_ours = _executor(executor, target, outbox)
    try:
        summary = run(
            source,
            place,
            clock=clock,
            stop=stop or never,
            on_progress=on_progress or tell_nobody,
            trouble=outbox.trouble,
        )
    finally:
        # on a full disk: a few seconds less on the study's account
        with contextlib.suppress(StoreUnavailable):
            source.add_time()
        if is_ours:
            place.close()
    why = source.why() if summary.end is RunEnd.FINISHED else Why.STOPPED
    return RunReport(summary.end, why or Why.STOPPED, summary.endings, summary.seconds)


def _drain(spool: Spool, source: StudySource, study: Runnable) -> None:
    """Record what finished while no driver was there to take it."""
    for outcome in spool.pending():
        if outcome.job.study == study.name:
            source.record(outcome)
            spool.discard(outcome)


def _executor(given: Any, target: Target, spool: Spool) -> tuple[Executor, bool]:
    """Return where to run, and whether it is ours to close."""
    if given is None:
        return SerialExecutor(target, spool), True
    if hasattr(given, "scheduler_info"):  # a Dask client, known without importing Dask
        from scheduler.executors import DaskExecutor

        return DaskExecutor(given, target, spool), True
    if hasattr(given, "submit") and hasattr(given, "poll"):
        return given, False
    if callable(given):
        return given(target, spool), True
    raise StoreError(
        f"run: executor={given!r}; give None, a Dask client, an Executor, or a function "
        "(target, spool) -> Executor"
    )
