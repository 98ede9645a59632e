"""The drivers' side of a study: a proposal that another process overtook is made again."""

from __future__ import annotations

import threading

import pytest

from smbo.optimizer import Optimizer
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


def test_somebody_asking_in_between_means_a_new_proposal_of_the_right_number(url, study, monkeypatch):
    import smbo.study.provenance as module

    original, calls = module.proposal_rng, []

    def interrupted(*arguments):
        calls.append(arguments[1])
        if len(calls) == 1:
            with Study.load(url, "s") as other:
                monkeypatch.setattr(module, "proposal_rng", original)
                other.ask()
                monkeypatch.setattr(module, "proposal_rng", interrupted)
        return original(*arguments)

    monkeypatch.setattr(module, "proposal_rng", interrupted)
    trial = study.ask()
    assert calls == [0, 1]
    assert trial.number == 1
    alone = Optimizer(SPACE, recipe="random", seed=1)
    assert [trial.params for trial in study.trials] == [each.params for each in (alone.ask(), alone.ask())]


def test_who_has_lost_two_races_proposes_with_the_study_to_himself(url, study, monkeypatch):
    import smbo.study.provenance as module

    original, numbers, others = module.proposal_rng, [], []

    def ask_elsewhere():
        with Study.load(url, "s") as other:
            others.append(other.ask().number)

    def late(*arguments):
        if threading.current_thread() is not threading.main_thread():
            return original(*arguments)
        numbers.append(arguments[1])
        threads.append(threading.Thread(target=ask_elsewhere))
        threads[-1].start()
        # somebody asks for the same number while we think; the third time he has to wait
        threads[-1].join(30.0 if len(numbers) < 3 else 0.3)
        return original(*arguments)

    threads = []
    monkeypatch.setattr(module, "proposal_rng", late)
    trial = study.ask()
    for thread in threads:
        thread.join()
    assert (trial.number, numbers, others) == (2, [0, 1, 2], [0, 1, 3])
