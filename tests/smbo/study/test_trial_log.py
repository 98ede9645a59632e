"""One process's copy of a study's log, kept up to date from the change feed."""

from __future__ import annotations

import pytest

from smbo.errors import UnknownTrial
from smbo.space import Categorical, Integer, Real
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.study import Study

SPACE = {"x": Real(0.0, 1.0), "n": Integer(1, 5), "kind": Categorical(["a", ("b", 2), None])}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def study(url):
    with Study.open(url, "s", SPACE, recipe="random", seed=1) as study:
        yield study


def test_only_what_has_changed_is_read(study, monkeypatch):
    for trial in study.ask(30):
        study.tell(trial, 1.0)
    assert len(study.trials) == 30
    read = []
    original = study._driver.store.changes

    def counting(name, cursor, *more):
        record, changed = original(name, cursor, *more)
        read.append(len(changed))
        return record, changed

    monkeypatch.setattr(study._driver.store, "changes", counting)
    study.tell(study.ask(), 2.0)
    study.ask()
    assert sum(read) <= 3


def test_the_training_data_are_made_only_if_too_few_trials_wait(study):
    study.tell(study.ask(), 1.0)
    trial = study.ask()
    driver = study._driver
    driver.store.requeue(driver.id, trial.number, trial.token, AttemptOutcome.LOST)
    assert driver.log.waiting() == {trial.number}
    assert driver.log.look(1).data is None
    look = driver.log.look(2)
    assert (look.n_waiting, look.data.numbers.tolist(), len(look.data.pending)) == (1, [0], 1)


def test_a_trial_that_this_process_asked_for_is_known_before_it_is_read(study, monkeypatch):
    log = study._driver.log
    trial = study.ask()
    monkeypatch.setattr(study._driver.store, "changes", None)  # any read would fail
    assert log.point_of(trial.number).token == trial.token
    monkeypatch.undo()
    assert log.trial(trial.number).params == trial.params
    for number in (-1, 1):
        with pytest.raises(UnknownTrial, match=f"trial {number} was never asked for"):
            log.point_of(number)
