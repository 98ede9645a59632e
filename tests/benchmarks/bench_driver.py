"""What the driver costs on Dask: against a bare loop, and in slot time while a model is fitted.

    python tests/benchmarks/bench_driver.py [--tasks 400] [--busy-trials 500]

(a) An objective that does nothing, 16 evaluations in flight on 16 worker threads: evaluations a
    second of `Study.run` with the recipe `random`, as a part of those of a bare `as_completed` loop
    that submits the same function.  The two take turns, so that both see the same machine.
    At least 60 % (R13).
(b) An objective that sleeps for a second, 8 slots, the default recipe: the part of slot time that
    is slept, from the first start to the last end but the last eighth of a second round, by tens
    of the study.  At least 95 % up to 500 observations (R13).

`--mutant no-prefetch` thinks in the loop while slots wait: (b) must fall below its bar.
The exit code is 0 if both bars hold.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, as_completed

from smbo import Budget, Study

SPACE = {f"x{i}": (0.0, 1.0) for i in range(4)}
LEAST_RATE, LEAST_BUSY = 0.60, 0.95


def nothing(params: Mapping[str, Any]) -> float:
    return float(params["x0"])


@dataclass(frozen=True)
class Sleep:
    """A parabola that takes its time."""

    seconds: float

    def evaluate(self, params: Mapping[str, Any], context: Any) -> float:
        del context
        time.sleep(self.seconds)
        return sum((value - 0.3) ** 2 for value in params.values())


@contextmanager
def cluster(n_slots: int) -> Iterator[Client]:
    """One worker process with so many threads: what is measured is the driver."""
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=n_slots,
            processes=True,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        yield client


def bare_rate(client: Client, n_tasks: int, n_slots: int) -> float:
    """Return evaluations a second of a loop that does nothing else."""
    points = iter([dict.fromkeys(SPACE, i / n_tasks) for i in range(n_tasks)])
    began = time.perf_counter()

    def submit() -> Any:
        return client.submit(nothing, next(points), pure=False)

    futures = as_completed([submit() for _ in range(n_slots)], loop=client.loop)
    n_left = n_tasks - n_slots
    for future in futures:
        future.result()
        if n_left:
            futures.add(submit())
            n_left -= 1
    return n_tasks / (time.perf_counter() - began)


def study_rate(client: Client, folder: Path, n_tasks: int) -> float:
    """Return evaluations a second of a study."""
    url = f"sqlite:///{folder}/rate.db"
    with Study.open(url, "rate", SPACE, recipe="random", seed=1, budget=Budget(trials=n_tasks)) as study:
        began = time.perf_counter()
        report = study.run(nothing, client)
        seconds = time.perf_counter() - began
        assert sum(report.n_by_status.values()) == n_tasks, report
        return n_tasks / seconds


def overhead(n_tasks: int, rounds: int = 3) -> float:
    """Print both rates, round by round, and return the median ratio."""
    ratios = []
    with cluster(16) as client:
        bare_rate(client, 64, 16)
        for _ in range(rounds):
            bare = bare_rate(client, n_tasks, 16)
            with tempfile.TemporaryDirectory() as name:
                ours = study_rate(client, Path(name), n_tasks)
            again = bare_rate(client, n_tasks, 16)
            ratios.append(ours / ((bare + again) / 2))
            print(f"  bare {bare:.0f} and {again:.0f}/s, study {ours:.0f}/s: {ratios[-1]:.0%}", flush=True)
    return sorted(ratios)[len(ratios) // 2]


def busy(n_trials: int, n_slots: int, seconds: float, *, prefetch: bool | None) -> float:
    """Return the part of slot time that evaluations took, and print it as the study goes on."""
    with cluster(n_slots) as client, tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/busy.db"
        with Study.open(url, "busy", SPACE, seed=1, budget=Budget(trials=n_trials)) as study:
            study.run(Sleep(seconds), client, prefetch=prefetch)
            attempts = [
                each for each in study._driver.store.attempts(study._driver.id) if each.started and each.ended
            ]
    spans = sorted((each.started, each.ended) for each in attempts if each.started and each.ended)
    parts = 5
    edges = [spans[i * (len(spans) - n_slots) // parts][0] for i in range(parts + 1)]
    for first, last in itertools.pairwise(edges):
        print(f"  {first - edges[0]:6.1f} s on: {_part(spans, first, last, n_slots):.1%} busy", flush=True)
    # up to the last start but one round: then there is nothing left to start
    return _part(spans, edges[0], edges[-1], n_slots)


def _part(spans: list[tuple[float, float]], first: float, last: float, n_slots: int) -> float:
    taken = sum(max(0.0, min(end, last) - max(start, first)) for start, end in spans)
    return taken / (n_slots * (last - first))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--busy-trials", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", choices=["rate", "busy"])
    parser.add_argument("--mutant", choices=["no-prefetch"])
    options = parser.parse_args()
    fits = True
    if options.only != "busy":
        print(f"(a) nothing to evaluate, 16 in flight, {options.tasks} evaluations")
        rate = overhead(options.tasks)
        fits &= rate >= LEAST_RATE
        print(f"    {rate:.0%} of a bare loop (at least {LEAST_RATE:.0%})")
    if options.only != "rate":
        print(f"(b) {options.seconds:g} s asleep on 8 slots, {options.busy_trials} evaluations")
        part = busy(options.busy_trials, 8, options.seconds, prefetch=False if options.mutant else None)
        fits &= part >= LEAST_BUSY
        print(f"    {part:.1%} of slot time busy (at least {LEAST_BUSY:.0%})")
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
