"""A cluster of any size on one core: real studies, real proposals, virtual workers and a virtual clock.

The clock jumps from one end of an evaluation to the next, and between jumps it runs with the
processor time that the driver uses, so that slots which wait for a proposal are seen to wait.
"""

from __future__ import annotations

import heapq
import itertools
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from smbo.problem import Context
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target


class VirtualClock:
    """Seconds that jump when nothing happens, and pass with the processor time used here otherwise."""

    def __init__(self) -> None:
        self._base = -time.process_time()

    def __call__(self) -> float:
        return self._base + time.process_time()

    def jump(self, until: float) -> None:
        """Go on to a moment, if it is not over yet."""
        self._base += max(0.0, until - self())


@dataclass(frozen=True)
class Durations:
    """How long evaluations take: log-normal, with a Pareto tail, and what goes wrong.

    Attributes:
        median_seconds: of the body.
        sigma: of its logarithm.
        straggler_share: of evaluations that take longer by a Pareto factor ...
        straggler_power: ... of this power: the mean is finite from 1 up, the variance from 2 up.
        failed_share: raise.
        lost_share: lose their worker somewhere on the way.
    """

    median_seconds: float = 1200.0
    sigma: float = 0.8
    straggler_share: float = 0.02
    straggler_power: float = 1.5
    failed_share: float = 0.02
    lost_share: float = 0.02

    def draw(self, rng: np.random.Generator) -> tuple[float, JobStatus]:
        """Return how long an execution takes, and how it ends."""
        seconds = self.median_seconds * float(np.exp(self.sigma * rng.standard_normal()))
        if rng.random() < self.straggler_share:
            seconds *= 2.0 * (1.0 + float(rng.pareto(self.straggler_power)))
        fate = rng.random()
        if fate < self.lost_share:
            return seconds * rng.random(), JobStatus.LOST
        return seconds, JobStatus.ERROR if fate < self.lost_share + self.failed_share else JobStatus.OK


@dataclass(frozen=True)
class Account:
    """What a simulated run came to.

    Attributes:
        busy_seconds: worker time in evaluations, those that were lost included.
        offered_seconds: time of living workers.
        executions: how many were started.
    """

    busy_seconds: float
    offered_seconds: float
    executions: int

    @property
    def utilisation(self) -> float:
        return self.busy_seconds / self.offered_seconds


@dataclass(order=True)
class _Event:
    at: float
    order: int
    outcome: JobOutcome | None = field(compare=False)  # None: a worker is back


class _Bench:
    folder = Path(tempfile.gettempdir())

    def report(self, step: float, value: float) -> None:
        """Drop it."""


class SimulatedExecutor:
    """Workers that exist in numbers only (a ``smbo_scheduler.jobs.Executor``).

    Args:
        target: what is evaluated; called when its evaluation is over, it takes no virtual time.
        clock: shared with the loop.
        n_workers: of the cluster.
        durations: of evaluations.
        seed: of durations and fates, which depend on the trial's number and its attempt alone, so
            that ways to choose points are compared on the same luck.
        lease_seconds: after a worker's death, before it is known.
        repair_seconds: before there is a new worker in its place.
        barrier: hand outcomes out only when all are there: synchronous batches.
    """

    def __init__(
        self,
        target: Target,
        clock: VirtualClock,
        n_workers: int,
        durations: Durations,
        *,
        seed: int = 0,
        lease_seconds: float = 300.0,
        repair_seconds: float = 900.0,
        barrier: bool = False,
    ) -> None:
        self._target, self._clock, self._durations, self._seed = target, clock, durations, seed
        self._n_workers, self._n_dead = n_workers, 0
        self._lease_seconds, self._repair_seconds = lease_seconds, repair_seconds
        self._barrier = barrier
        self._events: list[_Event] = []
        self._order = itertools.count()
        self._attempts: dict[int, int] = {}
        self._held: list[JobOutcome] = []
        self._n_running = 0
        self._began = self._last_submit = clock()
        self._busy: list[tuple[float, float]] = []
        self._dead: list[tuple[float, float]] = []

    runs_elsewhere = False

    def trouble(self) -> None:
        return None

    def capacity(self) -> int:
        return self._n_workers - self._n_dead

    def submit(self, job: Job) -> None:
        assert self._n_running < self.capacity() + len(self._held), "more than can start"
        attempt = self._attempts.get(job.number, 0)
        self._attempts[job.number] = attempt + 1
        seconds, ending = self._durations.draw(np.random.default_rng([self._seed, job.number, attempt]))
        now = self._clock()
        if attempt == 0:
            self._last_submit = now
        known = now + seconds + (self._lease_seconds if ending is JobStatus.LOST else 0.0)
        self._busy.append((now, now + seconds))
        self._n_running += 1
        outcome = JobOutcome(job, ending, started=now, ended=now + seconds)
        heapq.heappush(self._events, _Event(known, next(self._order), outcome))

    def poll(self, timeout_seconds: float) -> Sequence[JobOutcome]:
        if not self._events:
            self._clock.jump(self._clock() + timeout_seconds)
            return ()
        self._clock.jump(self._events[0].at)
        while self._events and self._events[0].at <= self._clock():
            event = heapq.heappop(self._events)
            if event.outcome is None:
                self._n_dead -= 1
                continue
            self._held.append(self._finished(event.outcome))
        is_complete = len(self._held) == self._n_running
        if self._barrier and not is_complete:
            return ()
        ready, self._held = self._held, []
        self._n_running -= len(ready)
        return ready

    def _finished(self, outcome: JobOutcome) -> JobOutcome:
        if outcome.status is JobStatus.OK:
            result = self._target(outcome.job.payload, _Bench())
            return JobOutcome(outcome.job, JobStatus.OK, result=result, started=outcome.started)
        if outcome.status is JobStatus.LOST:
            self._n_dead += 1
            at = self._clock() + self._repair_seconds
            assert outcome.ended is not None
            self._dead.append((outcome.ended, at))
            heapq.heappush(self._events, _Event(at, next(self._order), None))
        return JobOutcome(outcome.job, outcome.status, reason=outcome.status.value, error="simulated")

    def adopt(self, jobs: Sequence[Job]) -> None:
        assert not jobs

    def settle(self, outcome: JobOutcome) -> None:
        pass

    def cancel(self, job: Job) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def account(self) -> Account:
        """Return the worker time used, up to the last new trial: the end of a budget is nobody's fault."""
        until = self._last_submit
        busy = sum(max(0.0, min(end, until) - start) for start, end in self._busy)
        dead = sum(max(0.0, min(end, until) - start) for start, end in self._dead)
        return Account(busy, self._n_workers * (until - self._began) - dead, len(self._busy))


SLEPT: list[tuple[float, float]] = []  # by Sleeper, in this process


@dataclass(frozen=True)
class Sleeper:
    """An objective that takes its time, and notes in ``SLEPT`` when it began and ended.

    It is here and not in the script: what is defined there travels to the threads as a copy.
    """

    durations: Durations

    def evaluate(self, params: Mapping[str, float], context: Context) -> float:
        start = time.monotonic()
        time.sleep(self.durations.draw(np.random.default_rng(context.seed))[0])
        SLEPT.append((start, time.monotonic()))
        return hartmann6(params)


def hartmann6(params: Mapping[str, float]) -> float:
    """Return Hartmann's function of six parameters in [0, 1]; its minimum is -3.32237.

    Source: Dixon & Szegö (1978), "Towards Global Optimization 2".
    """
    alpha = np.array([1.0, 1.2, 3.0, 3.2])
    a = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
                  [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])  # fmt: skip
    p = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                         [2348, 1451, 3522, 2883, 3047, 6650],
                         [4047, 8828, 8732, 5743, 1091, 381]])  # fmt: skip
    x = np.array([params[f"x{i}"] for i in range(6)])
    return float(-alpha @ np.exp(-np.sum(a * (x - p) ** 2, axis=1)))
