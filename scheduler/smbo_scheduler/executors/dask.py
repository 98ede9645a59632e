"""Jobs on the workers of a Dask cluster.

Dask promises to run a task at least once while its scheduler and client live, and nothing more:
it drops finished results when either dies, and calls a task dead whose worker still computes.
So a future is only a wake-up.  The outbox decides: which process claimed a job, whether that process is
alive, and the outcome that it left.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, ClassVar

from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from distributed.deploy import Cluster

from smbo_scheduler.errors import ClusterError
from smbo_scheduler.executors.liveness import final_outcome, lost
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.worker.fork_server import start_server
from smbo_scheduler.worker.loading import PickledTarget, cannot_load, import_error
from smbo_scheduler.worker.runner import Isolation, Receipt, Runner, RunStatus, pickled

logger = logging.getLogger(__name__)

_CAPACITY_SECONDS = 1.0  # for how long a count of the workers is reused
_SCAN_SECONDS = 0.5  # between scans of the outbox for outcomes and deaths without a future
_SCAN_REST = 10  # pause in units of a scan's time: thousands of jobs on a shared disk take seconds
_MOST_QUEUED = 10_000  # an adaptive cluster without a maximum has an infinite one
_START_SECONDS = 0.1  # between checks for the first worker
_LONGEST_BACK_OFF_SECONDS = 60.0
_UNSEEN_SECONDS = 90.0  # until a new file is visible on a shared disk: NFS refreshes folders each minute

# After these errors of a future the evaluation may still be running.
_LOSSES = (KilledWorker, FutureCancelledError, CommClosedError, OSError, TimeoutError)


@dataclass
class _Flight:
    """A submitted job.

    Attributes:
        future: None once it has ended or been dropped.
        loss: reason of the job's loss, if it is lost.
        said_done: when the runner returned that the outcome is stored.
    """

    job: Job
    future: Future | None
    loss: str | None = None
    said_done: float | None = None


class DaskExecutor:
    """Runs jobs on the workers of a Dask client.

    Submit no more than ``capacity`` allows: the durable store is the queue, and Dask suspects
    every task that was sent to a dead worker, not only the one that ran there.

    Args:
        client: synchronous; not closed by the executor (those that ``reconnect`` makes are).
        target: function to call; it must pickle, and its modules must be importable on the workers.
        spool: outbox that the workers reach too: a folder under the same path, or another outbox.
        isolation, beat_seconds: as for ``Runner``.
        resources: Dask worker resources that each job occupies, besides its own.
        reconnect: makes a new client once this one has closed for good; without it a closed client is
            an error.
        is_lost: whether the scheduler of a client is known to be gone: then a new client is made before
            this one gives up.
        clock: monotonic seconds.
    """

    runs_elsewhere: ClassVar[bool] = True

    def __init__(
        self,
        client: Client,
        target: Target,
        spool: Outbox,
        *,
        isolation: Isolation = "process",
        beat_seconds: float | None = None,
        resources: Mapping[str, float] | None = None,
        reconnect: Callable[[], Client] | None = None,
        is_lost: Callable[[Client], bool] = lambda _client: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if client.asynchronous:
            raise ClusterError("the Dask client is asynchronous; give one made with asynchronous=False")
        self._client = client
        self._own_client: Client | None = None
        pickled_target = PickledTarget.of(target)
        self._runner = pickled(Runner(pickled_target, spool, isolation, beat_seconds))
        if isolation != "thread":
            _start_servers(client, pickled_target.modules)
        self._spool = spool
        self._resources = dict(resources or {})
        self._reconnect = reconnect
        self._is_lost = is_lost
        self._clock = clock
        self._flights: dict[str, _Flight] = {}
        self._ready: list[JobOutcome] = []
        # not a SimpleQueue: see ProcessExecutor
        self._woken: queue.Queue[tuple[str, Future]] = queue.Queue()
        self._next_scan = 0.0
        self._capacity, self._capacity_until = 0, 0.0
        self._n_logged = 0
        self._shortage: str | None = None
        self._next_connect, self._back_off = 0.0, 1.0

    def capacity(self) -> int:
        """Return how many jobs the present workers can run at once; 0 while there is no scheduler.

        Raises:
            ClusterError: the client is closed, nothing runs, and there is no ``reconnect``.
        """
        status = self._client.status
        if status == "closed" or (status != "running" and self._reconnect and self._is_lost(self._client)):
            self._connect_again()
        if self._client.status != "running":
            return 0
        now = self._clock()
        if self._capacity == 0 or now >= self._capacity_until:
            self._capacity_until = now + _CAPACITY_SECONDS
            try:
                n_slots = self._n_slots()
                total = self._startable(n_slots)
            except (OSError, RuntimeError, TimeoutError):
                self._capacity = 0  # the scheduler was just lost; the client's state will show it
                return 0
            if n_slots != self._n_logged:
                logger.info("the workers have %d slots, %d before", n_slots, self._n_logged)
                self._n_logged = n_slots
            # one even where other drivers hold all slots: Dask gives it the next free slot, so that a
            # later driver is served too
            self._capacity = min(total, max(1, total - self._n_of_others()))
        return self._capacity

    def _n_slots(self) -> int:
        """Return how many jobs the connected workers can run at once."""
        if not self._resources:
            return sum(self._client.nthreads().values())  # the thread counts suffice
        # some versions of Dask describe five workers unless told otherwise
        workers = list(self._client.scheduler_info(n_workers=-1)["workers"].values())
        n_slots = sum(slots(worker, self._resources) for worker in workers)
        self._shortage = None if n_slots or not workers else shortage_text(workers, self._resources)
        return n_slots

    def trouble(self) -> str | None:
        """Return in words why outcomes cannot be stored, or which resources no worker has; else None."""
        return self._spool.trouble() or self._shortage

    def _startable(self, n_slots: int) -> int:
        """Return how many jobs may be submitted, so that a cluster that grows with its tasks does grow.

        Without resources Dask keeps jobs that cannot start in its own queue, which no worker's death
        affects.  With resources it sends all to the workers at once, so only one is submitted ahead.
        """
        cluster = self._client.cluster  # None for a client made from an address
        adaptive = cluster._adaptive if isinstance(cluster, Cluster) else None
        if adaptive is None or not adaptive.maximum:
            return n_slots
        most = adaptive.maximum
        if self._resources:
            return max(n_slots, int(min(most, n_slots + 1)))
        return max(n_slots, int(min(most, _MOST_QUEUED)))

    def _n_of_others(self) -> int:
        """Return how many slots other drivers, or other people's tasks, hold at the moment."""
        try:
            keys = itertools.chain.from_iterable(self._client.processing().values())
            return sum(str(key) not in self._flights for key in keys)
        except (OSError, RuntimeError, TimeoutError):
            return 0  # the connection is closing; the next count will be right

    def submit(self, job: Job) -> None:
        """Send a job to the cluster."""
        flight = _Flight(job, None)
        self._flights[job.key] = flight
        try:
            flight.future = self._client.submit(
                self._runner,
                job,
                key=job.key,
                pure=False,
                retries=0,
                priority=-job.number,
                resources={**self._resources, **job.resources} or None,
            )
        except (OSError, RuntimeError) as error:
            # the client has just closed; the job's claim shows whether it arrived
            flight.loss = f"it could not be sent: {error}"
            return
        flight.future.add_done_callback(lambda future: self._woken.put((job.key, future)))

    def poll(self, timeout_seconds: float) -> Sequence[JobOutcome]:
        """Return the new outcomes, as soon as there is one or the time is over.

        Raises:
            ClusterError: the workers cannot load the target.
        """
        # without any worker yet, the caller should soon poll again
        until = self._clock() + (timeout_seconds if self._capacity else min(timeout_seconds, _START_SECONDS))
        while True:
            now = self._clock()
            if now >= self._next_scan:
                self._scan()
                self._next_scan = now + max(_SCAN_SECONDS, _SCAN_REST * (self._clock() - now))
            wait = 0.0 if self._ready else max(0.0, min(until, self._next_scan) - now)
            self._wait(wait)
            if self._ready or self._clock() >= until:
                ready, self._ready = self._ready, []
                return ready

    def adopt(self, jobs: Sequence[Job]) -> None:
        """Take over jobs that an earlier driver started."""
        for job in jobs:
            self._flights.setdefault(job.key, _Flight(job, None))
        self._next_scan = 0.0

    def settle(self, outcome: JobOutcome) -> None:
        """Drop an outcome that is recorded."""
        self._spool.discard(outcome)

    def cancel(self, job: Job) -> None:
        """Revoke a job that has not started, else request its end.

        Only a job in a child process can be ended early; any other runs to its own end.
        """
        flight = self._flights.get(job.key)
        if flight is None:
            return
        if self._spool.revoke(job):
            if flight.future is not None:
                flight.future.cancel()
            self._deliver(JobOutcome(job, JobStatus.CANCELLED, reason="cancelled"))
        else:
            self._spool.ask_to_end(job)

    def close(self) -> None:
        """Revoke jobs that have not started; running ones continue, and leave outcomes in the outbox."""
        for flight in self._flights.values():
            if flight.future is not None and self._spool.revoke(flight.job):
                with contextlib.suppress(OSError, RuntimeError):
                    flight.future.cancel()
        self._flights.clear()
        self._close_own_client()

    def _close_own_client(self) -> None:
        """Close the client if ``reconnect`` made it."""
        if self._own_client is not None:
            with contextlib.suppress(OSError, TimeoutError):
                self._own_client.close(timeout=5)
            self._own_client = None

    def _wait(self, seconds: float) -> None:
        """Handle the futures that are done, waiting at most this long for the first."""
        try:
            self._note_done(*self._woken.get(timeout=seconds) if seconds > 0 else self._woken.get_nowait())
            while True:
                self._note_done(*self._woken.get_nowait())
        except queue.Empty:
            return

    def _note_done(self, key: str, future: Future) -> None:
        """Update a job whose future is done."""
        flight = self._flights.get(key)
        if flight is None or flight.future is not future:
            return
        flight.future = None
        if (outcome := self._spool.read(flight.job)) is not None:
            self._deliver(outcome)
            return
        flight.loss = self._loss(flight, future)
        self._check(flight)

    def _loss(self, flight: _Flight, future: Future) -> str:
        """Return why a future ended without an outcome in the spool."""
        job = flight.job
        try:
            receipt: Receipt = future.result(timeout=10)
        except _LOSSES as error:
            return f"Dask: {type(error).__name__}: {error}"
        except Exception as error:
            if self._spool.claim_of(job) is not None:
                return f"the worker could not keep the outcome: {_chain(error)}"
            # without this package, or with another version of it, a worker cannot load any job
            if import_error(error) is not None or isinstance(error, AttributeError):
                raise ClusterError(cannot_load("the workers", _chain(error))) from error
            return f"the worker could not begin it: {_chain(error)}"
        if receipt.not_loaded is not None:
            raise ClusterError(cannot_load("the workers", receipt.not_loaded))
        if receipt.not_started is not None:
            return receipt.not_started
        if receipt.status is RunStatus.CLAIMED_ALREADY:
            return "its token was used before"
        flight.said_done = self._clock()
        return "its outcome is not there"

    def _scan(self) -> None:
        """Scan the outbox for outcomes and deaths of our own jobs that no future reported.

        The spool may hold outcomes of other drivers too, which these record themselves.
        """
        for flight in list(self._flights.values()):
            # a job that is unclaimed and still queued in Dask may yet start
            if flight.future is None or self._spool.claim_of(flight.job) is not None:
                self._check(flight)

    def _check(self, flight: _Flight) -> None:
        outcome = final_outcome(flight.job, self._spool, reason=flight.loss)
        if outcome is None and flight.said_done is not None:
            seconds = self._clock() - flight.said_done
            if seconds > _UNSEEN_SECONDS:  # its process runs other jobs: it may never die
                error = f"its outcome was said to be kept, and is not to be seen {seconds:.0f} s later"
                outcome = lost(flight.job, error)
        if outcome is not None:
            self._deliver(outcome)

    def _deliver(self, outcome: JobOutcome) -> None:
        if outcome.status is JobStatus.LOST:
            logger.info("job %s is lost: %s", outcome.job.key, " ".join(str(outcome.error).split()))
            self._capacity_until = 0.0  # its worker may be gone: count them again before the next job
        self._flights.pop(outcome.job.key, None)
        self._ready.append(outcome)

    def _connect_again(self) -> None:
        """Replace the closed client, if the next attempt is due."""
        if self._reconnect is None:
            if self._flights:
                return
            raise ClusterError("the Dask client is closed; connect again and run the same study again")
        now = self._clock()
        if now < self._next_connect:
            return
        if self._back_off == 1.0:
            logger.warning("the connection to the Dask scheduler is lost; connecting again")
        self._next_connect = now + self._back_off
        self._back_off = min(2 * self._back_off, _LONGEST_BACK_OFF_SECONDS)
        try:
            self._close_own_client()
            self._client = self._own_client = self._reconnect()
        except (OSError, TimeoutError, ClusterError) as error:
            logger.info("%s; the next try is in %g s", error, self._next_connect - now)
            return
        logger.info("connected again; looking for the outcomes of %d evaluations", len(self._flights))
        self._back_off = 1.0
        for flight in self._flights.values():
            flight.future = None  # a future of the old client
        self._next_scan = 0.0


def _start_servers(client: Client, modules: Sequence[str]) -> None:
    """Have all workers begin with the imports at once, while this process prepares the first jobs."""

    def start() -> None:
        with contextlib.suppress(Exception):  # the first job tries again, and tells
            client.run(start_server, modules, on_error="ignore")

    threading.Thread(target=start, name="start servers", daemon=True).start()


def slots(worker: Mapping[str, Any], resources: Mapping[str, float]) -> int:
    """Return how many jobs that need these resources a worker (as Dask describes it) can run at once."""
    offered = worker.get("resources") or {}
    places = [floor(offered.get(name, 0.0) / need) for name, need in resources.items() if need > 0]
    return min([int(worker["nthreads"]), *places])


def shortage_text(workers: Sequence[Mapping[str, Any]], resources: Mapping[str, float]) -> str:
    """Return in words the resources needed, those of the workers (as Dask describes them), and the remedy."""
    most: dict[str, float] = {}
    for worker in workers:
        for name, amount in (worker.get("resources") or {}).items():
            most[name] = max(most.get(name, 0.0), amount)
    has = f"at most {_amounts(most)} each" if most else "no resources at all"
    who = "the one worker there is has" if len(workers) == 1 else f"the {len(workers)} workers have"
    return (
        f"waiting for a worker that has {_amounts(resources)}, as each evaluation needs; {who} {has}: "
        "start workers with more (dask worker --resources), or ask for less (resources)"
    )


def _amounts(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={amount:g}" for name, amount in sorted(resources.items()))


def _chain(error: BaseException) -> str:
    """Return an exception and its causes on one line: Dask hides the cause behind the first."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < 5:
        cause = current.__cause__ or current.__context__
        if not (cause and "deserialization of the task graph" in str(current)):
            parts.append(" ".join(f"{type(current).__name__}: {current}".split()))
        current = cause
    return "; because of ".join(parts)
