"""Running a study on a Dask cluster."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.protocol import StopReason
from smbo_scheduler.clusters.external import start_local
from smbo_scheduler.clusters.state import read_state
from smbo_scheduler.executors import DaskExecutor
from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.retry import RetryPolicy


def parabola(params):
    return (params["x"] - 0.3) ** 2


@pytest.mark.dask
def test_a_dask_client_runs_a_study_on_its_workers(tmp_path):
    url, budget = f"sqlite:///{tmp_path}/runs.db", Budget(trials=6)
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,  # a worker that shares our memory must not judge it
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        Study.open(url, "s", {"x": (0.0, 1.0)}, recipe="random", seed=1, budget=budget) as study,
    ):
        report = study.run(parabola, client)
        assert (report.why, report.n_by_status) == (StopReason.BUDGET, {JobStatus.OK: 6})
        assert [trial.value for trial in study.trials] == [parabola(trial.params) for trial in study.trials]
        assert client.status == "running", "a client that is not ours was closed"


@pytest.mark.dask
def test_a_run_says_at_once_which_resource_no_worker_has_and_goes_on_when_one_comes(tmp_path):
    url, messages = f"sqlite:///{tmp_path}/runs.db", []

    def on_progress(progress):
        if progress.message not in messages:
            messages.append(progress.message)
            if "TPU=1" in (progress.message or ""):
                cluster.scale(2)

    with (
        LocalCluster(
            n_workers=1, processes=False, dashboard_address="127.0.0.1:0", memory_limit=0
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        Study.open(url, "s", {"x": (0.0, 1.0)}, "random", seed=1, budget=Budget(trials=2)) as study,
    ):
        cluster.new_spec = {
            **cluster.new_spec,
            "options": {**cluster.new_spec["options"], "resources": {"TPU": 1}},
        }
        report = study.run(parabola, client, resources={"TPU": 1}, on_progress=on_progress)
        assert report.n_by_status == {JobStatus.OK: 2}
    assert "TPU=1" in messages[0]
    assert messages[-1] is None


class Noting:
    """Notes each evaluation in a file, where it outlives everything."""

    def __init__(self, path):
        self.path = path

    def evaluate(self, params, context):
        time.sleep(0.2)
        with open(self.path, "a") as file:
            file.write(f"{params['x']!r}\n")
        return parabola(params)


@pytest.mark.dask
def test_a_scheduler_that_is_killed_and_comes_back_loses_nothing_and_repeats_nothing(tmp_path):
    folder, notes = tmp_path / "cluster", tmp_path / "notes"
    url, budget = f"sqlite:///{tmp_path}/runs.db", Budget(trials=12)
    cluster = start_local(folder, 2)
    killed = []

    def on_progress(progress):
        # in the middle of evaluations: two are under way as soon as two have ended
        if not killed and notes.exists() and len(notes.read_text().split()) >= 2:
            killed.append(read_state(folder).manager)
            os.kill(killed[0].pid, signal.SIGKILL)

    def place(target, spool):
        return DaskExecutor(
            cluster.connect(), target, spool, reconnect=cluster.connect, is_lost=cluster.is_lost
        )

    try:
        with Study.open(url, "s", {"x": (0.0, 1.0)}, "random", seed=1, budget=budget) as study:
            report = study.run(
                Noting(str(notes)), place, on_progress=on_progress, retries=RetryPolicy(losses=10)
            )
            assert report.why is StopReason.BUDGET
            assert read_state(folder).manager != killed[0]
            assert [trial.value for trial in study.trials] == [parabola(each.params) for each in study.trials]
            evaluated = Counter(float(line) for line in Path(notes).read_text().split())
            assert evaluated == Counter(trial.params["x"] for trial in study.trials)
    finally:
        cluster.stop()
