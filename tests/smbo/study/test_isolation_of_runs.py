"""In which process a study's evaluations run, and what a crash of one costs."""

from __future__ import annotations

import os
import signal

import pytest

from smbo.errors import StoreError
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.trial import TrialState

SPACE = {"x": (0.0, 1.0)}


@pytest.fixture
def study(tmp_path):
    budget = Budget(trials=6)
    with Study.open(f"sqlite:///{tmp_path}/s.db", "s", SPACE, recipe="sobol", seed=1, budget=budget) as study:
        yield study


def crashes(params):
    if params["x"] < 0.5:
        os.kill(os.getpid(), signal.SIGSEGV)
    return params["x"]


def reports(params, context):
    (context.folder / "notes").write_text("x")
    context.report(1, 0.5)
    return params["x"] + (context.seed is None) + context.should_stop()


def pid(params):
    return float(os.getpid())


def test_crashes_are_failures_that_the_budget_counts_and_the_log_names(study):
    """Booked as lost machines they were run four times each, not counted, and taught nothing."""
    study.run(crashes, isolation="process")
    assert study.spent.trials == len(study.trials) == 6
    failed = [trial for trial in study.trials if trial.state is TrialState.FAILED]
    assert [trial.params["x"] < 0.5 for trial in study.trials] == [trial in failed for trial in study.trials]
    assert {trial.reason for trial in failed} == {"killed by signal 11 (SIGSEGV)"}
    assert len(study._driver.store.attempts(study._driver.id)) == 6


def test_an_evaluation_in_a_child_has_its_context_and_reports(study):
    study.run(reports, n_trials=1, isolation="process")
    (trial,) = study.trials
    assert trial.value == trial.params["x"]
    assert [report.value for report in study._driver.store.reports(study._driver.id)] == [0.5]


def test_a_callable_stays_in_this_process_with_its_state_unless_another_is_asked_for(study):
    seen = []
    study.run(lambda params: seen.append(params["x"]) or pid(params), n_trials=1)
    study.run(lambda params: seen.append(params["x"]) or pid(params), n_trials=2, isolation="fresh")
    assert len(seen) == 1
    values = [trial.value for trial in study.trials]
    assert values[0] == os.getpid()
    assert len(set(values)) == 3


def test_an_unknown_isolation_is_refused(study):
    with pytest.raises(StoreError, match="isolation='container'; give 'process', 'thread', 'fresh' or None"):
        study.run(pid, isolation="container")


def test_an_executor_that_is_made_already_has_its_own_isolation(study):
    with pytest.raises(StoreError, match="isolation='process' is for executor=None and for a Dask client"):
        study.run(pid, "half", isolation="process")
