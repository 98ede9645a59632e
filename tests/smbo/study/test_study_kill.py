"""A serial run that is killed and started again equals one that was left alone."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from smbo.study import Study
from smbo.trial import TrialState

PAUSE_SECONDS = 0.1  # of each evaluation that may be killed

# Evaluations leave a mark when they begin, so that those who ran twice show.
DRIVER = """
import os, sys, time
from smbo_scheduler.retry import RetryPolicy
from smbo import Budget, Study

url, marks, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])

def objective(params, context):
    with open(marks, "a") as file:
        file.write(f"began {context.seed}\\n")
    time.sleep(pause)
    return (params["x"] - 0.3) ** 2 + params["n"] + 1e-6 * (context.seed % 1000)

space = {"x": (0.0, 1.0), "n": (1, 4)}
study = Study.open(url, "s", space, recipe=sys.argv[4], seed=3, budget=Budget(trials=int(sys.argv[5])))
print("ready", flush=True)
study.run(objective, retries=RetryPolicy(losses=1000))
study.close()
"""


def driver(folder, recipe, trials, pause):
    arguments = [f"sqlite:///{folder}/runs.db", f"{folder}/marks", str(pause), recipe, str(trials)]
    return subprocess.Popen([sys.executable, "-c", DRIVER, *arguments], stdout=subprocess.PIPE, text=True)


def log_of(folder):
    with Study.load(f"sqlite:///{folder}/runs.db", "s") as study:
        return [(trial.number, trial.state, trial.params, trial.seed, trial.value) for trial in study.trials]


def undisturbed(folder, recipe, trials):
    folder.mkdir()
    process = driver(folder, recipe, trials, pause=0.0)
    process.communicate(timeout=300)
    assert process.returncode == 0
    return log_of(folder)


def finished_seeds(folder):
    """Return the seeds of the evaluations whose results are safe: in the store, or in the spool."""
    outcomes = (folder / "runs.db-spool").glob("*/outcomes/*.json")
    # KEY is study-number-token; a lost one is an outcome too, but not a result
    spooled = {int(path.name.split("-")[-2]) for path in outcomes if '"lost"' not in path.read_text()}
    log = log_of(folder)
    return {seed for number, state, _, seed, _ in log if state is TrialState.COMPLETE or number in spooled}


def begun(folder):
    path = folder / "marks"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith("began ")]


def disturbed(folder, recipe, trials, rng):
    """Run to the end, killing the driver after random times; return how often it was killed."""
    folder.mkdir()
    # the evaluations alone take this long, so that three kills fit in on the fastest machine
    longest_seconds = trials * PAUSE_SECONDS / 3
    kills, n_begun, finished = 0, 0, set()
    while True:
        process = driver(folder, recipe, trials, pause=PAUSE_SECONDS)
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, longest_seconds))
        if kills < 6 and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate(timeout=300)
        assert not finished.intersection(begun(folder)[n_begun:]), "finished evaluations were run again"
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL
        n_begun, finished = len(begun(folder)), finished_seeds(folder)
        assert finished.issubset(begun(folder))


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "trials"), [("random", 30), ("gp", 12)])
def test_a_killed_and_resumed_run_equals_the_undisturbed_one(tmp_path, recipe, trials):
    expected = undisturbed(tmp_path / "calm", recipe, trials)
    kills = disturbed(tmp_path / "rough", recipe, trials, random.Random(1))
    assert kills >= 3, "the run was over before it could be disturbed"
    assert log_of(tmp_path / "rough") == expected
    assert len(expected) == trials
    assert {state for _, state, *_ in expected} == {TrialState.COMPLETE}

    with Study.load(f"sqlite:///{tmp_path}/rough/runs.db", "s") as study:
        attempts = study._driver.store.attempts(study._driver.id)
        events = [event.seq for event in study._driver.store.events(study._driver.id)]
    assert len({attempt.token for attempt in attempts}) == len(attempts)
    assert all(attempt.outcome is not None for attempt in attempts)
    assert events == list(range(1, len(events) + 1))
