"""Running a study: an objective, somewhere to evaluate it, and one loop."""

from __future__ import annotations

import contextlib
import math
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from smbo.errors import StoreError, StoreUnavailable
from smbo.space import Point
from smbo.space.fixed import checked
from smbo.study.drivers import Drivers
from smbo.study.evaluator import AnyObjective, Evaluator
from smbo.study.job_source import StudySource
from smbo.study.prefetch import Ahead, ThinkerMaker, thinks_long
from smbo.study.protocol import Runnable, StopReason
from smbo.study.store_outbox import StoreOutbox
from smbo_scheduler.background import Aside
from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.jobs import Ending, Executor, Limits, Target
from smbo_scheduler.loop import Progress, RunEnd, Stop, never, none_spare, run, tell_nobody
from smbo_scheduler.outbox.heartbeat import DEFAULT_LEASE_SECONDS
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.retry import RetryPolicy

# Makes an executor for a target, with the outbox through which its results come.
ExecutorFactory: TypeAlias = Callable[[Target, Any], Executor]


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
    why: StopReason
    endings: Mapping[Ending, int]
    seconds: float


@dataclass(frozen=True)
class RunSettings:
    """How a run goes; what each means is said in ``Study.run``.

    Raises:
        StoreError: a number that cannot be.
    """

    n_trials: int | None = None
    timeout_seconds: float | None = None
    limits: Limits | None = None
    resources: Mapping[str, float] | None = None
    retries: RetryPolicy | None = None
    on_progress: Callable[[Progress], None] | None = None
    stop: Callable[[], Stop] | None = None
    spool: str | Path | None = None
    outbox: str = "spool"
    lease_seconds: float = DEFAULT_LEASE_SECONDS
    ahead: bool | None = None
    fixed: Mapping[str, Any] | None = None
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        n_trials, timeout_seconds = self.n_trials, self.timeout_seconds
        if n_trials is not None and (
            isinstance(n_trials, bool) or not isinstance(n_trials, int) or n_trials < 1
        ):
            raise StoreError(f"run: n_trials={n_trials!r}; give a whole number of 1 or more, or None")
        if timeout_seconds is not None and not timeout_seconds > 0:
            raise StoreError(f"run: timeout_seconds={timeout_seconds!r}; give a positive number, or None")
        if not 0 < self.lease_seconds < math.inf:
            raise StoreError(f"run: lease_seconds={self.lease_seconds!r}; give a positive number")


def run_study(
    study: Runnable,
    objective: AnyObjective,
    executor: Executor | ExecutorFactory | Any = None,
    settings: RunSettings | None = None,
) -> RunReport:
    """Evaluate a study's trials; see ``Study.run``."""
    settings = settings or RunSettings()
    fixed = checked(study.problem.space, settings.fixed)
    clock = settings.clock
    target = Evaluator(objective)
    keeper = _outbox(study, settings)
    place, is_ours = _executor(executor, target, keeper, settings.resources)
    study.set_going()
    crew = Drivers(study.store, study.id, lease_seconds=settings.lease_seconds, clock=clock)
    thinker = _ahead(study, place, settings.ahead, fixed, clock)
    source = StudySource(
        study,
        n_trials=settings.n_trials,
        timeout_seconds=settings.timeout_seconds,
        limits=settings.limits,
        resources=settings.resources,
        retries=settings.retries,
        crew=crew,
        outbox=keeper,
        ahead=thinker,
        fixed=fixed,
        clock=clock,
    )
    try:
        crew.join()
        summary = run(
            source,
            place,
            clock=clock,
            stop=settings.stop or never,
            on_progress=settings.on_progress or tell_nobody,
            trouble=lambda: _trouble(place, keeper),
            spare=source.n_spare if getattr(place, "runs_elsewhere", False) else none_spare,
        )
    finally:
        # on a full disk: a few seconds less on the study's account
        with contextlib.suppress(StoreUnavailable):
            source.add_time()
        if thinker is not None:
            thinker.close()
        if is_ours:
            place.close()
        # when nothing of ours can start any more: what is open is now anybody's
        crew.leave()
        if isinstance(keeper, StoreOutbox):
            keeper.close()
    why = source.why() if summary.end is RunEnd.FINISHED else StopReason.STOPPED
    return RunReport(summary.end, why or StopReason.STOPPED, summary.endings, summary.seconds)


def _ahead(
    study: Runnable, place: Executor, wanted: bool | None, fixed: Point, clock: Callable[[], float]
) -> Ahead | None:
    """Return who thinks ahead, where that pays: where a model is fitted and several slots wait for it."""
    if wanted is None:
        wanted = getattr(place, "runs_elsewhere", False)
    if not wanted or not thinks_long(study.recipe):
        return None
    maker = ThinkerMaker(study.store.url, study.name, study.problem, study.recipe, fixed)
    try:
        return Ahead(Aside(maker), clock)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None  # a problem that cannot travel is thought about here, while the loop waits


def _outbox(study: Runnable, settings: RunSettings) -> Outbox:
    """Return where evaluations leave their outcomes: a folder, or the store itself."""
    kind, lease_seconds = settings.outbox, settings.lease_seconds
    if kind == "spool":
        return Spool(settings.spool or study.spool_folder, lease_seconds=lease_seconds)
    if kind != "store":
        raise StoreError(f"run: outbox={kind!r}; give 'spool' or 'store'")
    if study.store.url.startswith("sqlite"):
        raise StoreError(
            "run: outbox='store' is for PostgreSQL, which workers on other hosts can reach; "
            "with SQLite leave it out, and results go through the spool"
        )
    return StoreOutbox(study.store.url, study.id, lease_seconds=lease_seconds)


def _trouble(place: Executor, keeper: Outbox) -> str | None:
    """Return what stands in the way of those who evaluate, in words."""
    shortage: Callable[[], str | None] | None = getattr(place, "shortage", None)
    return keeper.trouble() or (shortage() if shortage is not None else None)


def _executor(
    given: Any, target: Target, spool: Outbox, resources: Mapping[str, float] | None
) -> tuple[Executor, bool]:
    """Return where to run, and whether it is ours to close."""
    if given is None:
        return SerialExecutor(target, spool), True
    if hasattr(given, "scheduler_info"):  # a Dask client, known without importing Dask
        from smbo_scheduler.executors import DaskExecutor

        return DaskExecutor(given, target, spool, resources=resources), True
    if hasattr(given, "submit") and hasattr(given, "poll"):
        return given, False
    if callable(given):
        return given(target, spool), True
    raise StoreError(
        f"run: executor={given!r}; give None, a Dask client, an Executor, or a function "
        "(target, spool) -> Executor"
    )
