"""Fixed values in a durable study: written down, asked for once per key, made again from the log."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from smbo.cli import main
from smbo.errors import AskError, StoreError
from smbo.fidelity import Fidelity
from smbo.problem import Problem
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.records import Place
from smbo.study import Study
from smbo.trial import TrialState

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0), "kind": [("a", 1), "b"]}
FIXED = {"y": 0.1, "kind": ("a", 1)}


def value_of(params):
    return (params["x"] - 0.3) ** 2 + params["y"] + (params["kind"] == "b")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'runs.db'}"


def begun(url, n=7):
    study = Study.open(url, "cuts", SPACE, seed=3)
    for trial in study.ask(n):
        study.tell(trial, value_of(trial.params))
    return study


def test_a_study_that_was_left_and_resumed_replays_with_what_was_fixed(url):
    first = begun(url)
    batch = first.ask(3, fixed=FIXED)
    first.tell(batch[0], value_of(batch[0].params))
    del first  # whoever asked is gone; two trials stay open
    study = Study.open(url, "cuts", SPACE, seed=3)
    again = study.ask(2, fixed=batch[0].params)
    for trial in again:
        study.tell(trial, value_of(trial.params), sem=0.1)
    study.ask(fixed={"x": 1 / 3})
    study.ask()
    assert all(trial.params["y"] == 0.1 and trial.params["kind"] == ("a", 1) for trial in batch)
    assert [trial.params for trial in again] == [batch[0].params] * 2
    result = CliRunner().invoke(main, ["replay", "cuts", "--store", url])
    assert result.exit_code == 0, result.output
    assert "14 trials of 5 proposals come out the same" in result.output


def test_a_log_that_forgot_what_was_fixed_does_not_replay(url):
    study = begun(url)
    study.ask(2, fixed=FIXED)
    with create_engine(url).begin() as connection:
        rows = connection.execute(text("SELECT seq, payload FROM event WHERE kind = 'asked'")).all()
        for seq, payload in rows:
            origin = {key: value for key, value in json.loads(payload).items() if key != "fixed"}
            connection.execute(
                text("UPDATE event SET payload = :payload WHERE seq = :seq"),
                {"payload": json.dumps(origin), "seq": seq},
            )
    result = CliRunner().invoke(main, ["replay", "cuts", "--store", url])
    assert result.exit_code == 5, result.output


def test_a_key_gives_the_same_trials_again_and_is_refused_for_other_fixed_values(url):
    study = begun(url)
    trials = study.ask(2, key="one", fixed=FIXED)
    assert [trial.number for trial in study.ask(2, key="one", fixed=dict(reversed(FIXED.items())))] == [
        trial.number for trial in trials
    ]
    for other in ({"y": 0.2}, None):
        with pytest.raises(StoreError, match="key 'one' was used with fixed"):
            study.ask(2, key="one", fixed=other)
    study.ask(key="two")
    with pytest.raises(StoreError, match=r"key 'two' was used with fixed \{\}"):
        study.ask(key="two", fixed=FIXED)


def test_trials_that_wait_are_passed_by_and_keep_for_the_next_ask(url):
    problem = Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}, fidelity=Fidelity(1, 9))
    study = Study.open(url, "cuts", problem, seed=3)
    for trial in study.ask(9):
        study.tell(trial, trial.params["x"])
    assert study._driver.promote_waiting(2) > 0  # promoted, and waiting for somebody
    waiting = study._driver.waiting
    new = study.ask(3, fixed={"y": 0.5})
    assert all(trial.params["y"] == 0.5 and trial.fidelity == 1 for trial in new)
    assert study._driver.waiting == waiting
    assert study.ask().number in waiting


@pytest.mark.parametrize("prefetch", [False, True])
def test_the_new_trials_of_a_run_have_what_it_fixes_and_those_that_wait_keep_their_values(url, prefetch):
    study = begun(url)
    (left,) = study._driver.ask_for("hand", 1)
    study._driver.store.requeue(study._driver.id, left.number, left.token, AttemptOutcome("lost"), Place())
    study.run(value_of, n_trials=4, fixed=FIXED, prefetch=prefetch)
    assert study.trial(left.number).params == left.params
    assert study.trial(left.number).state is TrialState.COMPLETE
    new = study.trials[left.number + 1 :]
    assert [(trial.params["y"], trial.params["kind"]) for trial in new] == [(0.1, ("a", 1))] * 3
    assert study.replay().n_trials == len(study.trials)
    assert study.replay().difference is None


def test_a_run_that_another_driver_robs_of_waiting_trials_asks_for_none_without_the_fixed_values(url):
    study, other = begun(url), Study.load(url, "cuts")
    (left,) = study._driver.ask_for("hand", 1)
    study._driver.store.requeue(study._driver.id, left.number, left.token, AttemptOutcome("lost"), Place())
    assert study._driver.promote_waiting(1) == 1  # it sees that one waits
    assert other.ask().number == left.number
    (trial,) = study._driver.ask_for("hand", 1, fixed=FIXED)
    assert (trial.params["y"], trial.params["kind"]) == (0.1, ("a", 1))


def test_nonsense_is_refused_before_anything_is_stored(url):
    study = begun(url, 2)
    with pytest.raises(AskError, match=r"y=2.0 is outside"):
        study.ask(fixed={"y": 2.0})
    with pytest.raises(AskError, match=r"y=2.0 is outside"):
        study.run(value_of, fixed={"y": 2.0})
    assert len(study.trials) == 2
