"""Run a study: evaluate its trials on an executor until its budget, or that of the run, is used up."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from smbo.errors import StoreError, StoreUnavailable
from smbo.study.drivers import Drivers
from smbo.study.evaluator import AnyObjective, Evaluator, ObjectiveSpec, check_objective
from smbo.study.job_source import StudySource
from smbo.study.prefetch import Prefetch, ProposerFactory, fits_a_model
from smbo.study.programming_errors import without_our_frames
from smbo.study.protocol import Runnable, StopReason
from smbo.study.run_settings import RunSettings
from smbo.study.store_outbox import StoreOutbox
from smbo_scheduler.background import BackgroundProcess
from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.jobs import Executor, JobStatus, Target
from smbo_scheduler.loop import RunEnd, no_spare, run
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.outbox.spool import Spool

# Makes an executor for a target, with the outbox through which its results come.
ExecutorFactory: TypeAlias = Callable[[Target, Any], Executor]

logger = logging.getLogger(__name__)

BROKEN = (
    "every evaluation failed by the same mistake in the objective; nothing was counted. Mend it and run the "
    "study again. Where it is the point that is at fault, the objective should return NaN or raise "
    "EvaluationFailed"
)

ENTRY_POINTS = "smbo.executors"  # the group in which packages name their executors


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    Attributes:
        end: how the loop ended.
        why: the reason for which no more trials were started.
        n_by_status: how many executions ended with each status.
        seconds: wall time.
        error: of an objective that fails everywhere alike (``why`` is BROKEN), with its traceback; else None.
    """

    end: RunEnd
    why: StopReason
    n_by_status: Mapping[JobStatus, int]
    seconds: float
    error: str | None = None


def run_study(
    study: Runnable,
    objective: AnyObjective,
    executor: Executor | ExecutorFactory | Any = None,
    settings: RunSettings | None = None,
) -> RunReport:
    """Evaluate a study's trials; see ``Study.run``."""
    settings = settings or RunSettings()
    if executor is None or not isinstance(objective, ObjectiveSpec):  # else the workers load it
        called = check_objective(objective, study.problem)
        if called is not None:
            logger.info("the objective is called as %s", called)
    target = Evaluator(objective, study.problem.space.names)
    outbox = _outbox(study, settings)
    place, is_ours = _executor(executor, target, outbox, settings)
    study.set_going()
    drivers = Drivers(study.store, study.id, lease_seconds=settings.lease_seconds, clock=settings.clock)
    prefetch = _prefetch(study, place, settings)
    source = StudySource(study, settings, drivers=drivers, outbox=outbox, prefetch=prefetch)
    error: str | None = None
    try:
        logger.info("study %s runs on %s", study.name, type(place).__name__)
        drivers.join()
        summary = run(
            source,
            place,
            clock=settings.clock,
            stop=settings.stop,
            on_progress=settings.on_progress,
            spare=source.n_spare if place.runs_elsewhere else no_spare,
        )
        why = source.stop_reason() if summary.end is RunEnd.FINISHED else StopReason.STOPPED
        if summary.end is RunEnd.FINISHED:
            error = source.take_back_broken()
    finally:
        # on a full disk, a few seconds are missing from the study's wall time
        with contextlib.suppress(StoreUnavailable):
            source.add_time()
        if prefetch is not None:
            prefetch.close()
        if is_ours:
            place.close()
        # after nothing of this run can start any more: other drivers take over the open attempts
        drivers.leave()
        if isinstance(outbox, StoreOutbox):
            outbox.close()
    logger.info("study %s: the run ended: %s", study.name, why or StopReason.STOPPED)
    if error is not None:
        why = StopReason.BROKEN
        logger.error("%s\n\nstudy %s: %s", without_our_frames(error).rstrip(), study.name, BROKEN)
    return RunReport(summary.end, why or StopReason.STOPPED, summary.n_by_status, summary.seconds, error)


def installed_executor(name: str, settings: Mapping[str, Any] | None = None) -> ExecutorFactory:
    """Return the factory of an executor that an installed package names.

    The package has, in the entry-point group ``smbo.executors``, a function or class
    ``make(target, outbox, **settings)`` that returns a ``smbo_scheduler.jobs.Executor``.  It calls
    ``target`` through ``smbo_scheduler.worker.runner.run_job``, which leaves each outcome in ``outbox``.

    Args:
        name: of the entry point.
        settings: keyword arguments for ``make``; plain JSON values.

    Raises:
        StoreError: no executor of that name is installed, it cannot be imported, or it does not take
            the settings.
    """
    installed = {each.name: each for each in entry_points(group=ENTRY_POINTS)}
    if name not in installed:
        names = ", ".join(sorted(installed)) or "none"
        raise StoreError(f"no executor {name!r}; installed: {names}")
    try:
        make = installed[name].load()
        inspect.signature(make).bind(None, None, **(settings or {}))
    except (ImportError, AttributeError, TypeError) as error:
        raise StoreError(f"executor {name!r} cannot be used: {error}") from error
    return functools.partial(make, **(settings or {}))


def _prefetch(study: Runnable, place: Executor, settings: RunSettings) -> Prefetch | None:
    """Return the proposals made beforehand; None where no model is fitted, or no slot waits for it."""
    wanted = place.runs_elsewhere if settings.prefetch is None else settings.prefetch
    if not wanted or not fits_a_model(study.recipe):
        return None
    if study.problem.context or study.problem.step_limits:  # the present context or point is not known yet
        return None
    factory = ProposerFactory(study.store.url, study.name, study.problem, study.recipe, settings.fixed)
    try:
        return Prefetch(BackgroundProcess(factory), settings.clock)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None  # a problem that does not pickle: proposals are computed in the loop


def _outbox(study: Runnable, settings: RunSettings) -> Outbox:
    """Return where evaluations leave their outcomes: a folder, or the store itself."""
    if settings.outbox == "spool":
        folder = study.spool_folder if settings.spool is None else settings.spool
        return Spool(folder, lease_seconds=settings.lease_seconds)
    if settings.outbox != "store":
        raise StoreError(f"run: outbox={settings.outbox!r}; give 'spool' or 'store'")
    if study.store.url.startswith("sqlite"):
        raise StoreError(
            "run: outbox='store' is for PostgreSQL, which workers on other hosts can reach; "
            "with SQLite leave it out, and results go through the spool"
        )
    return StoreOutbox(study.store.url, study.id, lease_seconds=settings.lease_seconds)


def _executor(given: Any, target: Target, spool: Outbox, settings: RunSettings) -> tuple[Executor, bool]:
    """Return the executor, and whether this run is to close it."""
    isolation: Any = settings.isolation
    if given is None:
        return SerialExecutor(target, spool, isolation=isolation or "auto"), True
    if _is_dask_client(given):
        from smbo_scheduler.executors import DaskExecutor

        resources = settings.resources
        return DaskExecutor(given, target, spool, resources=resources, isolation=isolation or "process"), True
    if isolation is not None:
        raise StoreError(
            f"run: isolation={isolation!r} is for executor=None and for a Dask client; another executor is "
            "given its own when it is made"
        )
    if isinstance(given, str):
        return installed_executor(given)(target, spool), True
    if isinstance(given, Executor):
        return given, False
    if callable(given):
        return given(target, spool), True
    raise StoreError(
        f"run: executor={given!r}; give None, a Dask client, an Executor, the name of an installed one, "
        "or a function (target, outbox) -> Executor"
    )


def _is_dask_client(given: Any) -> bool:
    """Return whether this is a Dask client, without importing Dask for anything else."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(given, distributed.Client)
