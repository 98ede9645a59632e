"""What only the Dask executor has to deal with: loading, resources, closed clients, Dask's own losses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from distributed import Client, LocalCluster
from distributed.comm import CommClosedError

from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.executors import DaskExecutor
from smbo_scheduler.executors.dask import slots
from smbo_scheduler.jobs import JobStatus, Limits
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.worker.child import close_children
from smbo_scheduler.worker.runner import run_job


def target(payload, context):
    time.sleep(payload.get("seconds", 0))
    if "exit" in payload:
        os._exit(payload["exit"])
    return {"pid": os.getpid()}


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        resources={"GPU": 1},
    ) as cluster:
        yield cluster
    close_children()


@pytest.fixture
def client(cluster):
    with Client(cluster, set_as_default=False) as client:
        yield client


def poll_until(executor, seconds=20.0):
    until = time.monotonic() + seconds
    while not (outcomes := executor.poll(0.1)):
        assert time.monotonic() < until
    return list(outcomes)


@pytest.mark.parametrize(
    ("worker", "needed", "expected"),
    [
        ({"nthreads": 3}, {}, 3),
        ({"nthreads": 3, "resources": {"GPU": 2}}, {"GPU": 1}, 2),
        ({"nthreads": 1, "resources": {"GPU": 2}}, {"GPU": 1}, 1),
        ({"nthreads": 3, "resources": {"GPU": 2}}, {"GPU": 2, "DISK": 1}, 0),
        ({"nthreads": 3, "resources": None}, {"GPU": 1}, 0),
        ({"nthreads": 3}, {"GPU": 0}, 3),
    ],
)
def test_slots_are_what_threads_and_resources_allow(worker, needed, expected):
    assert slots(worker, needed) == expected


def test_capacity_counts_only_workers_with_the_resources(client, spool):
    assert DaskExecutor(client, target, spool).capacity() == 2
    assert DaskExecutor(client, target, spool, resources={"GPU": 1}).capacity() == 1
    assert DaskExecutor(client, target, spool, resources={"TPU": 1}).capacity() == 0


@pytest.mark.dask
def test_a_cluster_that_grows_with_its_tasks_grows_to_its_maximum(spool, make_job):
    with (
        LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert DaskExecutor(client, target, spool).capacity() == 0
        cluster.adapt(minimum=0, maximum=2, interval="50ms", target_duration="10ms")
        assert DaskExecutor(client, target, spool, resources={"GPU": 1}).capacity() == 1
        executor = DaskExecutor(client, target, spool)
        assert executor.capacity() == 2
        for _ in range(2):
            executor.submit(make_job(seconds=1.0))
        until = time.monotonic() + 300
        while len(client.nthreads()) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert {outcome.status for outcome in poll_until(executor)} == {JobStatus.OK}
    close_children()


def test_a_job_with_resources_runs(client, spool, make_job):
    executor = DaskExecutor(client, target, spool, resources={"GPU": 1})
    executor.submit(make_job())
    assert [outcome.status for outcome in poll_until(executor)] == [JobStatus.OK]


def test_a_running_job_in_a_child_can_be_cancelled(client, spool, make_job):
    executor = DaskExecutor(client, target, spool, isolation="process")
    job = make_job(seconds=1000)
    executor.submit(job)
    while spool.claim_of(job) is None:
        assert executor.poll(0.05) == []
    executor.cancel(job)
    (outcome,) = poll_until(executor)
    assert outcome.status is JobStatus.CANCELLED


def test_an_evaluation_that_calls_os_exit_is_one_failure_and_costs_no_worker(client, spool, make_job):
    """It cost 20 s and a worker, four times over."""
    workers = client.scheduler_info(n_workers=-1)["workers"].keys()
    executor = DaskExecutor(client, target, spool)
    executor.submit(make_job(exit=3))
    (outcome,) = poll_until(executor)
    assert (outcome.status, outcome.reason) == (JobStatus.ERROR, "exit code 3 by os._exit")
    executor.submit(make_job())
    assert [outcome.status for outcome in poll_until(executor)] == [JobStatus.OK]
    assert client.scheduler_info(n_workers=-1)["workers"].keys() == workers


@pytest.mark.parametrize(("isolation", "is_here"), [("thread", True), ("process", False)])
def test_evaluations_run_in_the_worker_only_on_request(client, spool, make_job, isolation, is_here):
    executor = DaskExecutor(client, target, spool, isolation=isolation)
    executor.submit(make_job())
    (outcome,) = poll_until(executor)
    assert (outcome.result["pid"] == os.getpid()) is is_here


def test_a_fork_that_fails_is_a_lost_attempt_not_the_end_of_the_run(client, spool, make_job, monkeypatch):
    def refuse(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    close_children()
    monkeypatch.setattr("smbo_scheduler.worker.child.fork_child", refuse)
    executor = DaskExecutor(client, target, spool)
    executor.submit(make_job())
    (outcome,) = poll_until(executor)
    assert outcome.status is JobStatus.LOST
    assert "Resource temporarily unavailable" in outcome.error


def test_a_survivor_that_is_killed_before_its_claim_is_a_lost_attempt(client, spool, make_job, monkeypatch):
    """It ended the run: "the workers cannot load the objective"."""
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(
        "smbo_scheduler.worker.detached._start",
        lambda log: subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE),
    )
    executor = DaskExecutor(client, target, spool)
    executor.submit(replace(make_job(), limits=Limits(survive=True)))
    (outcome,) = poll_until(executor)
    assert outcome.status is JobStatus.LOST
    assert "ended with -9" in outcome.error


class Missing:
    """A target whose module only the driver has."""

    def __reduce__(self):
        return __import__, ("no_such_module_anywhere",)

    def __call__(self, payload, context):
        return {}


@pytest.mark.parametrize("survive", [False, True])
def test_a_module_that_the_workers_lack_ends_the_run(client, spool, make_job, survive):
    executor = DaskExecutor(client, Missing(), spool)
    executor.submit(replace(make_job(), limits=Limits(survive=survive)))
    with pytest.raises(ClusterError, match=r"cannot load the objective: .*no_such_module_anywhere"):
        poll_until(executor)


def test_a_job_that_has_not_started_is_cancelled_at_once_and_never_runs(client, spool, make_job):
    executor = DaskExecutor(client, target, spool, resources={"TPU": 1})
    job = make_job()
    executor.submit(job)  # no worker has a TPU
    executor.cancel(job)
    (outcome,) = poll_until(executor)
    assert outcome.status is JobStatus.CANCELLED
    assert not spool.claim(job)


def test_outcomes_of_other_drivers_in_the_same_spool_are_left_to_them(client, spool, make_job):
    others, ours = make_job(), make_job()
    run_job(target, others, spool)
    executor = DaskExecutor(client, target, spool)
    executor.submit(ours)
    assert [outcome.job for outcome in poll_until(executor)] == [ours]
    assert executor.poll(0.6) == []
    assert [outcome.job for outcome in spool.pending()] == [others, ours]


def test_two_drivers_share_the_slots_of_one_cluster(cluster, client, spool, make_job):
    with Client(cluster, set_as_default=False) as other_client:
        first, second = (DaskExecutor(each, target, spool) for each in (client, other_client))
        assert first.capacity() == 2
        for _ in range(2):
            first.submit(make_job(seconds=1.5))
        while len([key for keys in client.processing().values() for key in keys]) < 2:
            time.sleep(0.01)
        assert second.capacity() == 1  # its turn comes next
        assert first.capacity() == 2  # its own jobs are no others'
        outcomes = poll_until(first)  # both at once, on a busy machine
        assert len(outcomes if len(outcomes) == 2 else outcomes + poll_until(first)) == 2


def test_looks_that_take_long_are_taken_less_often(client, tmp_path, make_job):
    ahead, looks = [0.0], []

    class SlowDisk(Spool):
        def claim_of(self, job):
            looks.append(job)
            ahead[0] += 0.05
            return super().claim_of(job)

    slow = SlowDisk(tmp_path / "slow")
    executor = DaskExecutor(
        client, target, slow, resources={"TPU": 1}, clock=lambda: time.monotonic() + ahead[0]
    )
    for _ in range(4):
        executor.submit(make_job())  # no worker has a TPU
    executor.poll(0.0)
    assert len(looks) == 4  # which took 0.2 s
    ahead[0] += 1.0
    executor.poll(0.0)
    assert len(looks) == 4
    ahead[0] += 1.0
    executor.poll(0.0)
    assert len(looks) == 8
    executor.close()


def test_jobs_that_were_not_started_are_taken_back_on_closing(client, spool, make_job):
    executor = DaskExecutor(client, target, spool, resources={"TPU": 1})
    job = make_job()
    executor.submit(job)
    executor.close()
    assert spool.claim_of(job).revoked


def test_a_closed_client_is_an_error_when_nobody_can_reconnect(cluster, spool):
    client = Client(cluster, set_as_default=False)
    executor = DaskExecutor(client, target, spool)
    client.close()
    with pytest.raises(ClusterError, match="client is closed"):
        executor.capacity()


def test_a_closed_client_is_replaced_with_growing_patience(cluster, spool, make_job):
    now, attempts, made = [0.0], [], []

    def reconnect():
        attempts.append(now[0])
        if len(attempts) < 3:
            raise OSError("nobody there")
        made.append(Client(cluster, set_as_default=False))
        return made[0]

    client = Client(cluster, set_as_default=False)
    executor = DaskExecutor(client, target, spool, reconnect=reconnect, clock=lambda: now[0])
    client.close()
    while not made:
        assert executor.capacity() == 0 or made
        now[0] += 0.25
    assert attempts == [0.0, 1.0, 3.0]
    assert executor.capacity() == 2
    made[0].close()


def test_a_resource_that_no_worker_has_is_named_with_what_they_have(client, spool):
    executor = DaskExecutor(client, target, spool, resources={"GPU": 2})
    assert executor.capacity() == 0
    assert executor.trouble() == (
        "waiting for a worker that has GPU=2, as each evaluation needs; the one worker there is has at most "
        "GPU=1 each: start workers with more (dask worker --resources), or ask for less (resources)"
    )
    enough = DaskExecutor(client, target, spool, resources={"GPU": 1})
    assert enough.capacity() == 1
    assert enough.trouble() is None


def test_a_scheduler_known_to_be_gone_is_not_waited_for(cluster, client, spool, make_job):
    made = []

    def reconnect():
        made.append(Client(cluster, set_as_default=False))
        return made[0]

    class Searching:
        asynchronous, status, cluster = False, "connecting", None

        def submit(self, *_, **__):
            return Pending()

    class Pending:
        def add_done_callback(self, _):
            """Nobody will ever call it."""

    gone = [False]
    executor = DaskExecutor(Searching(), target, spool, reconnect=reconnect, is_lost=lambda _: gone[0])
    job = make_job()
    executor.submit(job)
    assert executor.capacity() == 0
    assert not made, "the scheduler may come back, and was given up"
    gone[0] = True
    assert executor.capacity() == 2
    [outcome] = poll_until(executor)
    assert (outcome.job, outcome.status) == (job, JobStatus.LOST)
    assert spool.claim_of(job).revoked
    executor.close()


def test_an_outcome_that_was_said_to_be_kept_and_is_not_to_be_seen_is_lost_after_a_while(
    client, tmp_path, make_job
):
    class Forgetful(Spool):
        def write(self, outcome):
            pass

    now = [0.0]
    executor = DaskExecutor(client, target, Forgetful(tmp_path / "spool"), clock=lambda: now[0])
    executor.submit(make_job())
    until = time.monotonic() + 300
    while not any(flight.said_done is not None for flight in executor._flights.values()):
        assert time.monotonic() < until
        assert executor.poll(0.0) == []
        time.sleep(0.01)
    now[0] = 60.0
    assert executor.poll(0.0) == []
    now[0] = 100.0
    [outcome] = executor.poll(0.0)
    assert outcome.status is JobStatus.LOST
    assert "said to be kept, and is not to be seen 100 s later" in outcome.error
    executor.close()


@pytest.mark.dask
def test_a_target_that_the_workers_do_not_have_is_explained(tmp_path, spool, make_job, monkeypatch):
    cluster = clusters.start_local(tmp_path / "cluster", 1)
    # from here on, a path that the workers do not have
    (tmp_path / "only_here.py").write_text("def target(payload, context):\n    return {}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here

    try:
        with cluster.connect() as client:
            executor = DaskExecutor(client, only_here.target, spool)
            executor.submit(make_job())
            with pytest.raises(ClusterError, match=r"cannot load the objective.*No module named 'only_here'"):
                poll_until(executor)
    finally:
        sys.modules.pop("only_here")
        cluster.stop()


def test_a_scheduler_that_dies_while_it_is_asked_has_no_slots_and_ends_no_run(spool):
    class Dying:
        asynchronous, status, cluster = False, "running", None
        deaths = 1

        def nthreads(self):
            if self.deaths:
                self.deaths -= 1
                raise CommClosedError("in <TLS ConnectionPool.ncores>: Stream is closed")
            return {"tcp://worker": 2}

        def processing(self):
            return {}

    executor = DaskExecutor(Dying(), print, spool)
    assert executor.capacity() == 0
    assert executor.capacity() == 2


def test_a_wait_ends_though_a_signal_was_at_work_as_its_time_ran_out(client, spool, request):
    executor = DaskExecutor(client, target, spool)
    assert executor.poll(0.01) == []
    rescue = threading.Timer(10.0, executor._woken.put, (None,))  # which is no outcome: poll raises
    rescue.start()
    request.getfixturevalue("slow_signal")
    assert executor.poll(0.1) == []
    rescue.cancel()
