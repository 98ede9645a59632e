"""Trials that climb a ladder of fidelities in a durable study: rungs are rows, decisions are events."""

import json

import pytest

from smbo import Optimizer, Problem, Real, Study, TrialState
from smbo.errors import AlreadyTold, StudyMismatch
from smbo.fidelity import Fidelity
from smbo.store.records import StaleProposal

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
PROBLEM = Problem(SPACE, fidelity=Fidelity(1, 9, name="epochs"))


def loss(trial):
    point = trial.params
    return (point["x"] - 0.3) ** 2 + (point["y"] - 0.6) ** 2 + 0.1 / trial.fidelity


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def study(url):
    with Study.open(url, "climb", PROBLEM, recipe="random", seed=1) as study:
        yield study


def promotions(study):
    return [event for event in study._driver.store.events(study._driver.id) if event.kind == "promoted"]


def test_a_study_asks_for_what_an_optimizer_asks_for(study):
    optimizer = Optimizer(PROBLEM, "random", seed=1)
    for _ in range(30):
        durable, fleeting = study.ask(), optimizer.ask()
        assert (durable.number, durable.fidelity) == (fleeting.number, fleeting.fidelity)
        assert durable.params == fleeting.params
        study.tell(durable, loss(durable))
        optimizer.tell(fleeting, loss(fleeting))
    found = [[(r.fidelity, r.value) for r in trial.rungs] for trial in study.trials]
    assert found == [[(r.fidelity, r.value) for r in trial.rungs] for trial in optimizer.trials]
    assert study.best.number == optimizer.best.number
    assert study.recommend().number == optimizer.recommend().number


def test_a_promotion_keeps_the_number_and_gets_a_new_token(study):
    first = study.ask(3)
    for trial, value in zip(first, (0.3, 0.2, 0.4), strict=True):
        assert study.tell(trial, value).state is TrialState.PAUSED
    again = study.ask()
    assert (again.number, again.fidelity, again.seed) == (1, 3, first[1].seed)
    assert again.token not in {trial.token for trial in first}
    assert [rung.value for rung in again.rungs] == [0.2]


def test_each_decision_is_an_event_with_what_it_rests_on(study):
    for trial, value in zip(study.ask(3), (0.3, 0.2, 0.4), strict=True):
        study.tell(trial, value)
    known = study._driver.store.study("climb").last_seq
    study.ask()
    (event,) = promotions(study)
    why = json.loads(event.payload)
    assert why == {"from": 1, "fidelity": 3, "rung": 1, "rank": 1, "of": 3, "watermark": known}


def test_rungs_survive_the_process(study, url):
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, loss(trial), sem=0.01, cost=trial.fidelity)
    rungs = [trial.rungs for trial in study.trials]
    assert any(len(each) == 2 for each in rungs)
    assert all(rung.sem == 0.01 and rung.cost == rung.fidelity for each in rungs for rung in each)
    with Study.load(url, "climb") as again:
        assert [trial.rungs for trial in again.trials] == rungs
        assert again.problem.fidelity == PROBLEM.fidelity
        following = study.ask()
        assert again.trial(following.number).fidelity == following.fidelity


def test_another_fidelity_is_another_study(study, url):
    with pytest.raises(StudyMismatch, match="fidelity"):
        Study.open(url, "climb", Problem(SPACE, fidelity=Fidelity(1, 27, name="epochs")), recipe="random")
    with pytest.raises(StudyMismatch, match="stopping"):
        Study.open(
            url, "climb", Problem(SPACE, fidelity=PROBLEM.fidelity, early_stopping="hyperband"), "random"
        )


def test_the_result_of_a_rung_counts_once_whoever_brings_it(study):
    first = study.ask(3)
    for trial, value in zip(first, (0.3, 0.2, 0.4), strict=True):
        study.tell(trial, value)
    study.ask()
    assert study.tell(first[1], 0.2).number == 1  # the same again does nothing
    with pytest.raises(AlreadyTold):
        study.tell(first[1], 0.1)
    assert study.trial(1).state is TrialState.RUNNING


def test_of_two_drivers_that_saw_the_same_only_one_decides(study, url):
    for trial, value in zip(study.ask(3), (0.3, 0.2, 0.4), strict=True):
        study.tell(trial, value)
    seen = study._driver.store.study("climb").last_seq
    with Study.load(url, "climb") as other:
        assert other._driver.promote_waiting(1) == 1
    with pytest.raises(StaleProposal, match="trial 1 was promoted"):
        study._driver.store.promote(study._driver.id, 0, 3.0, 1, watermark=seen)
    assert study._driver.promote_waiting(1) == 1
    assert len(promotions(study)) == 1


def test_a_search_that_ends_takes_its_best_trial_to_the_top(study):
    for _ in range(2):
        trial = study.ask()
        study.tell(trial, loss(trial))
    levels = []
    while (trial := study.promote()) is not None:
        levels.append(trial.fidelity)
        assert study.promote() is None  # while something is under way nothing is closed
        study.tell(trial, loss(trial))
    assert levels == [3, 9]
    assert study.best is not None


def test_a_promotion_costs_no_trial_of_the_budget(study):
    for _ in range(20):
        trial = study.ask()
        study.tell(trial, loss(trial))
    assert study.spent.trials == len(study.trials) < 20
