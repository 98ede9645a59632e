"""Running a study on a Dask cluster."""

from __future__ import annotations

import pytest
from distributed import Client, LocalCluster

from scheduler.jobs import Ending
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study_source import Why


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
        assert (report.why, report.endings) == (Why.BUDGET, {Ending.OK: 6})
        assert [trial.value for trial in study.trials] == [parabola(trial.params) for trial in study.trials]
        assert client.status == "running", "a client that is not ours was closed"
