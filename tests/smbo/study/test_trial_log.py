"""One process's copy of a study's log, kept up to date from the change feed."""

from __future__ import annotations

import pytest

from smbo.space import Categorical, Integer, Real
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
