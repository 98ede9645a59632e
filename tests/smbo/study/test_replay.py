"""Proposals made again from the log are the proposals that were made, to the last bit."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from smbo import ChiSquare, Fidelity, Problem, Space
from smbo.cli import main
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.run import run_study
from smbo.study.run_settings import RunSettings
from smbo_scheduler.jobs import JobOutcome, JobStatus

SPACE = {"x": (0.0, 1.0), "n": (1, 9), "kind": ["a", "b"]}


def value_of(params):
    return (params["x"] - 0.3) ** 2 + 0.1 * params["n"] + (params["kind"] == "b")


class Shuffling:
    """Several slots, whose jobs end in random order; some are lost, some fail."""

    def __init__(self, slots, seed):
        self.slots, self.rng, self.running = slots, random.Random(seed), []

    runs_elsewhere = False

    def trouble(self):
        return None

    def capacity(self):
        return self.slots

    def submit(self, job):
        self.running.append(job)

    def adopt(self, jobs):
        self.running += jobs

    def settle(self, outcome):
        pass

    def cancel(self, job):
        pass

    def close(self):
        pass

    def poll(self, timeout_seconds):
        if len(self.running) < self.slots and self.rng.random() < 0.7:
            return []
        self.rng.shuffle(self.running)
        return [self.end(self.running.pop()) for _ in range(min(len(self.running), self.rng.randint(1, 2)))]

    def end(self, job):
        dice = self.rng.random()
        if dice < 0.1:
            return JobOutcome(job, JobStatus.LOST, reason="lost")
        if dice < 0.2:
            return JobOutcome(job, JobStatus.ERROR, reason="objective-error", error="story")
        result = {"value": value_of(job.payload["params"]), "sem": None, "cost": None, "metrics": {}}
        result |= {"outputs": None, "outputs_variance": None}
        return JobOutcome(job, JobStatus.OK, result=result, started=0.0, ended=1e-9)


class AtOnce:
    """A background process that is none: proposes when called, and answers at the second look."""

    def __init__(self, proposer):
        self.proposer, self.answers, self.is_busy, self.looks = proposer, [], False, 0

    def call(self, request):
        self.request, self.is_busy, self.looks = request, True, 0

    def answer(self):
        self.looks += 1
        if self.looks < 2:
            return None
        self.is_busy = False
        return (self.proposer(self.request),)

    def close(self):
        pass


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


def parallel_run(url, monkeypatch, *, trials, slots=4, seed=1, recipe="gp"):
    """Run a study on several slots, with points thought out ahead."""
    with Study.open(url, "s", SPACE, recipe=recipe, seed=seed, budget=Budget(trials=trials)) as study:
        monkeypatch.setattr("smbo.study.run.BackgroundProcess", lambda maker: AtOnce(maker()))
        monkeypatch.setattr("smbo.study.prefetch._IDLE_SHARE", -1.0)  # ahead whatever it takes
        run_study(study._driver, value_of, Shuffling(slots, seed), RunSettings(prefetch=True))
        return study.replay()


def test_a_serial_study_comes_out_the_same(url):
    with Study.open(url, "s", SPACE, recipe="gp", seed=1) as study:
        study.run(value_of, n_trials=10)
        study.tell({"x": 0.5, "n": 3, "kind": "a"}, 0.7)
        for trial in reversed(study.ask(3)):
            study.tell(trial, 1.0)
        study.tell(study.ask(), status="failed", reason="bad luck")
        study.ask()
    with Study.load(url, "s") as again:
        replayed = again.replay()
    assert replayed.difference is None
    assert replayed.n_trials == 15


@pytest.mark.parametrize("recipe", ["gp", "auto", "random"])
def test_a_parallel_study_that_thought_ahead_comes_out_the_same(url, monkeypatch, recipe):
    replayed = parallel_run(url, monkeypatch, trials=24, recipe=recipe)
    assert replayed.difference is None, str(replayed)
    assert replayed.n_trials >= 24  # those that were lost for good come on top
    assert replayed.n_unknown == 0
    with Study.load(url, "s") as study:
        origins = [
            json.loads(e.payload) for e in study._driver.store.events(study._driver.id) if e.kind == "asked"
        ]
    if recipe != "random":
        assert any(origin.get("beside") for origin in origins), "nothing was ever thought out ahead"


def change(url, statement):
    engine = create_engine(url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql(statement).rowcount == 1
    engine.dispose()


def origin_of(url, number):
    with Study.load(url, "s") as study:
        events = study._driver.store.events(study._driver.id)
        (event,) = [event for event in events if event.kind == "asked" and event.number == number]
        return event.seq, json.loads(event.payload)


def test_a_point_that_was_changed_is_named(url):
    with Study.open(url, "s", SPACE, recipe="sobol", seed=1, budget=Budget(trials=6)) as study:
        study.run(value_of)
    change(url, """UPDATE trial SET params = '{"x":0.5,"n":3,"kind":"a"}' WHERE number = 4""")
    with Study.load(url, "s") as study:
        replayed = study.replay()
    assert (replayed.difference.number, replayed.n_trials) == (4, 4)
    assert "trial 4: the point was" in str(replayed)
    result = CliRunner().invoke(main, ["replay", "s", "--store", url])
    assert (result.exit_code, "first difference: trial 4" in result.output) == (5, True)


@pytest.mark.parametrize("key", ["watermark", "memory", "first"])
def test_what_a_proposal_was_made_from_matters(url, key):
    with Study.open(url, "s", SPACE, recipe="gp", seed=1, budget=Budget(trials=10)) as study:
        study.run(value_of)
    seq, origin = origin_of(url, 9)
    origin[key] = {"watermark": origin["watermark"] - 5, "memory": {"design": {"seed": 1, "index": 0}}}.get(
        key, 3
    )
    change(url, f"UPDATE event SET payload = '{json.dumps(origin)}' WHERE seq = {seq}")
    with Study.load(url, "s") as study:
        assert study.replay().difference.number == 9


def test_trials_of_which_the_log_says_nothing_are_counted(url):
    with Study.open(url, "s", SPACE, recipe="sobol", seed=1, budget=Budget(trials=3)) as study:
        study.run(value_of)
    change(url, "UPDATE event SET payload = '{}' WHERE kind = 'asked' AND number = 2")
    with Study.load(url, "s") as study:
        replayed = study.replay()
    assert (replayed.n_trials, replayed.n_unknown, replayed.difference) == (2, 1, None)
    assert "of 1 the log does not say" in str(replayed)


def test_a_study_comes_out_the_same_from_the_command_line(url):
    with Study.open(url, "s", SPACE, recipe="random", seed=1, budget=Budget(trials=3)) as study:
        study.run(value_of)
    result = CliRunner().invoke(main, ["replay", "s", "--store", url])
    assert (result.exit_code, result.output) == (
        0,
        "s: 3 trials of 3 proposals come out the same\n",
    )


def test_vector_outputs_are_those_of_the_rung_that_a_trial_was_at(tmp_path):
    problem = Problem(
        Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}),
        loss=ChiSquare([0.3, 0.6], [0.1, 0.1]),
        fidelity=Fidelity(1, 9),
        early_stopping="asha",
    )
    with Study.open(f"sqlite:///{tmp_path / 'rungs.db'}", "rungs", problem, seed=1) as study:
        for _ in range(18):
            trial = study.ask()
            x, y, short = trial.params["x"], trial.params["y"], 1.0 / trial.fidelity
            study.tell(trial, outputs=[x + short, 2.0 * y - short], covariance=np.diag([0.01, 0.01]))
        assert any(len(trial.rungs) > 1 for trial in study.trials)
        assert study.replay().difference is None
