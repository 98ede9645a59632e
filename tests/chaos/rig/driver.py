"""One driver: it opens a study and runs it to its end.  Forked by the scenarios, or run by itself.

python tests/chaos/rig/driver.py URL STUDY '{"trials": 100, ...}'
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[3])]

from rig import instruments
from rig.objective import SPACE, Noted
from smbo import Budget, Study
from smbo_scheduler.executors import ProcessExecutor
from smbo_scheduler.retry import RetryPolicy

# those that die by our hand must not use up a trial's chances
PATIENT = RetryPolicy(retries=10**6, losses=10**6)


@dataclass(frozen=True)
class Task:
    """What a driver does.

    Attributes:
        url, study: where.
        trials: the study's budget; 0 leaves it as it is.
        recipe, pause_seconds: of the study and its objective.
        workers: child processes; 0 evaluates in the driver itself.
        spool: its folder; beside the store if None.
        cluster: the folder of a local Dask cluster, or the address of one, to evaluate on instead.
        lease_seconds: for how long a driver or an evaluation may give no sign of life.
    """

    url: str
    study: str
    trials: int
    recipe: str = "random"
    pause_seconds: float = 0.0
    workers: int = 1
    spool: str | None = None
    cluster: str | None = None
    lease_seconds: float = 60.0


def drive(task: Task) -> None:
    """Run a study to its end."""
    instruments.install()
    budget = Budget(trials=task.trials) if task.trials else None
    with Study.open(task.url, task.study, SPACE, recipe=task.recipe, seed=1, budget=budget) as study:
        study.run(
            Noted(task.pause_seconds),
            _place(task),
            retries=PATIENT,
            on_progress=_Messages(),
            spool=task.spool,
            lease_seconds=task.lease_seconds,
        )


def _place(task: Task):
    if task.cluster:
        return lambda target, spool: _on_dask(task.cluster, target, spool)
    if task.workers:
        return lambda target, spool: ProcessExecutor(target, task.workers, spool)
    return None


def _on_dask(cluster: str, target, spool):
    from smbo_scheduler.clusters import external as clusters
    from smbo_scheduler.clusters.cluster import ManagedCluster
    from smbo_scheduler.executors.dask import DaskExecutor

    if "://" not in cluster:
        kept = ManagedCluster(Path(cluster), adopted=True)
        return DaskExecutor(kept.connect(), target, spool, reconnect=kept.connect, is_lost=kept.is_lost)

    def connect():
        return clusters.connect(cluster, allow_plain=True)

    return DaskExecutor(connect(), target, spool, reconnect=connect)


class _Messages:
    """Prints what a run waits for, when that changes."""

    def __init__(self):
        self._last = None

    def __call__(self, progress):
        if progress.message != self._last:
            self._last = progress.message
            print(f"{time.time():.3f} {progress.message or 'going'}", flush=True)


def as_arguments(task: Task) -> list[str]:
    """Return the command line that runs a task."""
    return [sys.executable, os.path.abspath(__file__), json.dumps(asdict(task))]


if __name__ == "__main__":
    drive(Task(**json.loads(sys.argv[1])))
