"""What evaluations in child processes cost, and how a cluster of the user's own is kept busy.

    python tests/benchmarks/bench_isolation.py [--evaluations 300] [--busy-trials 120]

(a) An objective that does nothing, one evaluation after the other, in this process and in a warm child in
    turns: wall time and CPU time (children included) that the child adds to an evaluation.  At most 5 ms of
    wall time on an idle machine.
(b) `LocalCluster(n_workers=4, threads_per_worker=1)`, evaluations that sleep for half a second, the default
    recipe: the first evaluation begins within 1.5 times the time that a worker takes to import what it
    needs; at least 95 % of slot time is slept, from the first start to the last start but one round; and
    the same for a bare `as_completed` loop beside it.

The exit code is 0 if all bars hold.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench_driver import SPACE, Sleep, _part
from distributed import Client, LocalCluster, as_completed

from smbo import Budget, Study
from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.worker.child import close_children
from smbo_scheduler.worker.runner import Isolation, run_job

MOST_WALL_SECONDS, LEAST_BUSY, MOST_STARTUP = 0.005, 0.95, 1.5
N_SLOTS, SECONDS = 4, 0.5
IMPORTS = "import smbo.study.evaluator, smbo_scheduler.worker.fork_server_main"


def nothing(payload: Mapping[str, Any], context: Any) -> dict[str, Any]:
    del context
    return dict(payload)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all below it, those that run too."""
    import psutil

    here = psutil.Process()
    return sum(
        sum(process.cpu_times()[:4]) if process == here else sum(process.cpu_times()[:2])
        for process in [here, *here.children(recursive=True)]
    )


def cost(n: int, block: int = 20) -> float:
    """Print the times an evaluation takes in this process and in a child; return the wall time added."""
    wall: dict[Isolation, list[float]] = {"thread": [], "process": []}
    cpu: dict[Isolation, float] = {"thread": 0.0, "process": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        spool, numbers = Spool(folder), iter(range(10**9))

        def one(isolation: Isolation) -> float:
            job = Job("bench", number := next(numbers), number, {"x": 0.5})
            began = time.perf_counter()
            run_job(nothing, job, spool, isolation)
            return time.perf_counter() - began

        one("process")
        for _ in range(n // block):
            for isolation, times in wall.items():
                before = cpu_seconds()
                times += [one(isolation) for _ in range(block)]
                cpu[isolation] += cpu_seconds() - before
    close_children()
    n_each = len(wall["thread"])
    for isolation in wall:
        print(
            f"  {isolation:8s} wall {1e3 * statistics.median(wall[isolation]):.2f} ms (median),"
            f" CPU {1e3 * cpu[isolation] / n_each:.2f} ms (mean)"
        )
    return statistics.median(wall["process"]) - statistics.median(wall["thread"])


def import_seconds() -> float:
    """Return how long a new process takes to import what a worker needs, with as many at once as workers."""
    began = time.perf_counter()
    processes = [subprocess.Popen([sys.executable, "-c", IMPORTS]) for _ in range(N_SLOTS)]
    for process in processes:
        process.wait()
    return time.perf_counter() - began


def bare(n: int) -> float:
    """Return the share of slot time that a bare loop of half-second tasks keeps busy."""
    spans: list[tuple[float, float]] = []
    with cluster() as local, Client(local, set_as_default=False) as client:
        futures = as_completed(
            [client.submit(_sleep, i, pure=False) for i in range(N_SLOTS)], loop=client.loop
        )
        n_left = n - N_SLOTS
        for future in futures:
            spans.append(future.result())
            if n_left:
                futures.add(client.submit(_sleep, n_left, pure=False))
                n_left -= 1
    return busy_share(spans)


def _sleep(_number: int) -> tuple[float, float]:
    began = time.time()
    time.sleep(SECONDS)
    return began, time.time()


def cluster() -> LocalCluster:
    return LocalCluster(
        n_workers=N_SLOTS, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0
    )


def busy_share(spans: list[tuple[float, float]]) -> float:
    spans = sorted(spans)
    return _part(spans, spans[0][0], spans[-N_SLOTS][0], N_SLOTS)


def study_run(n: int, recipe: str, isolation: str) -> tuple[float, float]:
    """Return the time until the first evaluation begins, and the share of slot time that is slept."""
    with (
        cluster() as local,
        Client(local, set_as_default=False) as client,
        tempfile.TemporaryDirectory() as folder,
        Study.open(
            f"sqlite:///{folder}/s.db", "s", SPACE, recipe=recipe, seed=1, budget=Budget(trials=n)
        ) as study,
    ):
        began = time.time()
        study.run(Sleep(SECONDS), client, isolation=isolation)
        attempts = study._driver.store.attempts(study._driver.id)
    spans = [(each.started, each.ended) for each in attempts if each.started and each.ended]
    return min(spans)[0] - began, busy_share(spans)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--busy-trials", type=int, default=120)
    parser.add_argument("--only", choices=["cost", "busy"])
    parser.add_argument("--isolation", default="process")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    fits = True
    if options.only != "busy":
        print(f"(a) nothing to evaluate, {options.evaluations} evaluations each way")
        added = cost(options.evaluations)
        fits &= added <= MOST_WALL_SECONDS
        print(f"    a child adds {1e3 * added:.2f} ms (at most {1e3 * MOST_WALL_SECONDS:g} ms)")
    if options.only != "cost":
        print(f"(b) {SECONDS:g} s asleep on {N_SLOTS} workers, {options.busy_trials} evaluations")
        sys.path.insert(0, str(Path(__file__).parent))
        importing = import_seconds()
        print(f"    imports of {N_SLOTS} workers at once take {importing:.2f} s; a bare loop is", end=" ")
        print(f"{bare(options.busy_trials):.1%} busy", flush=True)
        for recipe in ("random", "auto"):
            first, busy = study_run(options.busy_trials, recipe, options.isolation)
            fits &= first <= MOST_STARTUP * importing and busy >= LEAST_BUSY
            print(f"    {recipe}: the first evaluation after {first:.2f} s, {busy:.1%} busy", flush=True)
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
