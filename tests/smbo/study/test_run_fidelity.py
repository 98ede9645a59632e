"""Running a study whose trials climb a ladder of fidelities, or end early; kills in the middle of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client

from smbo import Budget, Problem, Real, Study, TrialState
from smbo.errors import StoreUnavailable
from smbo.fidelity import Fidelity, MedianStopping
from smbo.study.protocol import StopReason
from smbo.study.replay import replay

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
PROBLEM = Problem(SPACE, fidelity=Fidelity(1, 9, name="epochs"))


def climbing(params, context):
    """Count epochs in a file of its own, going on where an earlier attempt ended."""
    done = 0
    if context.checkpoint is not None:
        done = int((context.checkpoint / "epochs").read_text())
    assert done < context.fidelity
    (context.folder / "epochs").write_text(str(context.fidelity))
    with open(os.environ["CLIMB_LOG"], "a") as log:
        print(json.dumps([params["x"], done, context.fidelity, context.seed]), file=log, flush=True)
    time.sleep(float(os.environ.get("CLIMB_SECONDS", 0)))
    return (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2 + 0.1 / context.fidelity


def climbing_by_luck(params, context):
    """As above, with a value that no model can tell: who goes on is often an old trial."""
    return climbing(params, context) + (context.seed % 97) / 97


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "log"
    monkeypatch.setenv("CLIMB_LOG", str(path))
    return path


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


def entries(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def open_study(url, n_trials=9, problem=PROBLEM):
    return Study.open(url, "climb", problem, recipe="random", seed=1, budget=Budget(trials=n_trials))


def test_a_run_ends_when_all_trials_are_used_up_and_nobody_deserves_to_go_on(url, log):
    with open_study(url) as study:
        report = study.run(climbing)
        assert report.why is StopReason.BUDGET
        states = Counter(trial.state for trial in study.trials)
        assert set(states) == {TrialState.PAUSED, TrialState.COMPLETE}
        assert len(study.trials) == 9
        assert study._driver.next_promotion(is_closing=True) is None
        # each level was reached from the one below, and no epoch was run twice
        assert {(done, level) for _, done, level, _ in entries(log)} == {(0, 1), (1, 3), (3, 9)}
        complete = study.best
        assert [rung.fidelity for rung in complete.rungs] == [1, 3]


def test_even_two_trials_give_one_in_full(url, log):
    with open_study(url, n_trials=2) as study:
        study.run(climbing)
        assert Counter(trial.state for trial in study.trials) == {
            TrialState.COMPLETE: 1,
            TrialState.PAUSED: 1,
        }


def test_what_a_paused_trial_left_is_kept_and_what_nobody_needs_is_not(url, log):
    with open_study(url) as study:
        study.run(climbing)
        kept = {path for path in (study._driver.spool_folder / "attempts").iterdir() if path.is_dir()}
        wanted = {Path(t.checkpoint) for t in study.trials if t.state is TrialState.PAUSED}
        assert kept == wanted
        n_before = len(entries(log))
        Study.open(url, "climb", PROBLEM, recipe="random", seed=1, budget=Budget(trials=27)).close()
        study.run(climbing)
        gone_on = [entry for entry in entries(log)[n_before:] if entry[1] > 0]
        assert gone_on  # from the checkpoints of the first run, some of them


def test_a_checkpoint_outlives_a_commit_that_fails(url, log, monkeypatch):
    with open_study(url) as study, Study.load(url, study.name) as other:
        together, failed = study._driver.store.together, []

        @contextmanager
        def at_first_in_vain(number):
            with together(number):
                yield
                # what is committed so far, for whoever takes over
                needed = [t for t in other.trials if t.state is TrialState.RUNNING and t.checkpoint]
                assert all(Path(trial.checkpoint).is_dir() for trial in needed)
                if needed and not failed:
                    failed.append(needed)
                    raise StoreUnavailable("the disk is full")

        monkeypatch.setattr(study._driver.store, "together", at_first_in_vain)
        study.run(climbing)
        assert failed
        kept = {path for path in (study._driver.spool_folder / "attempts").iterdir() if path.is_dir()}
        assert kept == {Path(t.checkpoint) for t in study.trials if t.state is TrialState.PAUSED}


def test_a_run_of_a_few_trials_promotes_them_too(url, log):
    with open_study(url, n_trials=50) as study:
        assert study.run(climbing, n_trials=3).why is StopReason.N_TRIALS
        assert len(study.trials) == 3
        assert max(trial.fidelity for trial in study.trials) == 3


_DRIVER = """
import sys
sys.path.insert(0, {here!r})
from test_run_fidelity import climbing, open_study
open_study({url!r}, n_trials=12).run(climbing)
"""


def test_a_kill_in_the_middle_of_the_rungs_loses_nothing(url, log, monkeypatch):
    monkeypatch.setenv("CLIMB_SECONDS", "0.03")
    code = _DRIVER.format(here=str(Path(__file__).parent), url=url)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    n_kills = 0
    for wanted in (4, 5):  # entries more in the log: about when the first promotions run
        n_before = len(entries(log)) if log.exists() else 0
        driver = subprocess.Popen([sys.executable, "-c", code], env=env)
        try:
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline and driver.poll() is None:
                if log.exists() and len(entries(log)) >= n_before + wanted:
                    driver.send_signal(signal.SIGKILL)
                    n_kills += 1
                    break
                time.sleep(0.005)
        finally:
            driver.kill()
            driver.wait()
    assert n_kills >= 1
    with open_study(url, n_trials=12) as study:
        known = {(t.number, r.fidelity): (r.value, r.token) for t in study.trials for r in t.rungs}
        assert known
        study.run(climbing)
        after = {(t.number, r.fidelity): (r.value, r.token) for t in study.trials for r in t.rungs}
        assert known.items() <= after.items()  # what was paid for is there, under the token that brought it
        assert [t.number for t in study.trials] == list(range(12))
        assert {t.state for t in study.trials} == {TrialState.PAUSED, TrialState.COMPLETE}
        # nothing that was recorded was run again: no more evaluations than rungs, and one for each kill
        n_rungs = len(after) + sum(t.state is TrialState.COMPLETE for t in study.trials)
        assert len(entries(log)) <= n_rungs + n_kills
        # who goes on begins where it was put down, killed in between or not
        assert {(done, level) for _, done, level, _ in entries(log)} == {(0, 1), (1, 3), (3, 9)}
        seeds = {}
        for x, _, _, seed in entries(log):
            seeds.setdefault(x, set()).add(seed)
        assert all(len(each) == 1 for each in seeds.values())


def ending(params, context):
    """Get better with each step, from a start that is worse with x."""
    for step in range(1, 40):
        context.report(step, params["x"] + 1.0 / step)
        if params["x"] > 0.5:
            time.sleep(0.05)  # time for the driver to see to it
    return params["x"]


def test_median_stopping_ends_a_bad_trial_and_keeps_its_last_value(url):
    problem = Problem({"x": Real(0, 1)}, early_stopping=MedianStopping(n_others=3, grace=2))
    with open_study(url, n_trials=8, problem=problem) as study:
        from smbo_scheduler.executors import ProcessExecutor

        study.run(ending, lambda target, spool: ProcessExecutor(target, 1, spool))
        pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
        assert pruned
        assert all(trial.params["x"] > 0.5 and trial.value > trial.params["x"] for trial in pruned)
        decided = [
            event for event in study._driver.store.events(study._driver.id) if event.kind == "ends early"
        ]
        assert {json.loads(event.payload)["number"] for event in decided} >= {t.number for t in pruned}
        reports = study._driver.reports()
        assert all(len(reports[trial.number]) < 39 for trial in pruned)
        assert all(len(reports[t.number]) == 39 for t in study.trials if t.state is TrialState.COMPLETE)


def test_by_hand_a_report_says_whether_it_is_enough(url):
    problem = Problem({"x": Real(0, 1)}, early_stopping=MedianStopping(n_others=2))
    with open_study(url, problem=problem) as study:
        for value in (0.1, 0.2):
            trial = study.ask()
            assert not study.report(trial, 1, value)
            study.tell(trial, value)
        trial = study.ask()
        assert study.report(trial, 1, 0.5)
        assert study.tell(trial, 0.5, status="pruned").state is TrialState.PRUNED
        assert study.trials[2].value == 0.5


def test_a_replay_of_a_study_that_climbs_comes_to_the_same_points(url, log):
    # half of a rung goes on, so that the model soon is of the second fidelity and not of the first
    problem = Problem(SPACE, fidelity=Fidelity(1, 4), early_stopping={"asha": {"eta": 2}})
    with Study.open(url, "climb", problem, seed=1, budget=Budget(trials=22)) as study:
        study.run(climbing_by_luck)
        assert sum(any(rung.fidelity == 2 for rung in trial.rungs) for trial in study.trials) >= 8
        found = replay(study._driver.store, "climb", study.problem, study.recipe)
        assert found.difference is None
        assert found.n_trials == 22


@pytest.mark.dask
def test_hyperband_runs_on_a_dask_client(url, log):
    problem = Problem(SPACE, fidelity=PROBLEM.fidelity, early_stopping="hyperband")
    with (
        Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as client,
        open_study(url, n_trials=12, problem=problem) as study,
    ):
        assert study.run(climbing, client).why is StopReason.BUDGET
        began = {trial.rungs[0].fidelity if trial.rungs else trial.fidelity for trial in study.trials}
        assert began == {1, 3, 9}
        assert all(done < level for _, done, level, _ in entries(log))
