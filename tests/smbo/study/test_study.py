"""The durable study: ask, tell, resume, share."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from smbo.errors import (
    AlreadyTold,
    AskError,
    BudgetExhausted,
    PointError,
    RecipeError,
    SpaceExhausted,
    StoreError,
    StudyMismatch,
    TellError,
    UnknownStudy,
    UnknownTrial,
)
from smbo.optimizer import Optimizer
from smbo.problem import Outcome, Problem
from smbo.space import Categorical, Integer, Real
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.trial import TrialState

SPACE = {"x": Real(0.0, 1.0), "n": Integer(1, 5), "kind": Categorical(["a", ("b", 2), None])}


def objective(params) -> float:
    return (params["x"] - 0.3) ** 2 + 0.1 * params["n"] + (0.5 if params["kind"] is None else 0.0)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def study(url):
    with Study.open(url, "s", SPACE, recipe="random", seed=1) as study:
        yield study


def content(study):
    """Return all that is stored of a study, for comparison."""
    return study._driver.store.study(study.name), [
        (trial.number, trial.state, trial.value, trial.token) for trial in study.trials
    ]


@pytest.mark.parametrize("recipe", ["random", "sobol", "gp"])
def test_a_study_proposes_what_the_optimizer_proposes(url, recipe):
    optimizer = Optimizer(SPACE, recipe=recipe, seed=5)
    with Study.open(url, "s", SPACE, recipe=recipe, seed=5) as study:
        for _ in range(9):
            ours, theirs = study.ask(), optimizer.ask()
            assert (ours.number, ours.params, ours.seed) == (theirs.number, theirs.params, theirs.seed)
            study.tell(ours, objective(ours.params))
            optimizer.tell(theirs, objective(theirs.params))
        assert study.best.params == optimizer.best.params
        # as text, because an unknown deviation is NaN
        assert repr(study.recommend()) == repr(optimizer.recommend())


def test_a_closed_and_reopened_study_goes_on_as_if_nothing_had_happened(url, tmp_path):
    def points(where, breaks):
        found = []
        study = Study.open(where, "s", SPACE, seed=5)
        for step in range(9):
            if step in breaks:
                study.close()
                study = Study.load(where, "s") if step % 2 else Study.open(where, "s", SPACE, seed=5)
            trial = study.ask()
            found.append(trial.params)
            study.tell(trial, objective(trial.params))
        study.close()
        return found

    assert points(url, breaks=range(9)) == points(f"sqlite:///{tmp_path}/other.db", breaks=())


def test_categories_come_back_as_the_very_objects_given(study):
    study.ask(20)
    own = [trial for trial in study.trials if trial.params["kind"] == ("b", 2)]
    assert own
    assert all(trial.params["kind"] is SPACE["kind"].choices[1] for trial in own)


def test_several_trials_asked_at_once_differ_and_have_seeds_of_their_own(study):
    trials = study.ask(8)
    assert [trial.number for trial in trials] == list(range(8))
    assert len({trial.params["x"] for trial in trials}) == 8
    assert len({trial.seed for trial in trials}) == 8


@pytest.mark.parametrize("told", [1.5, (1.5, 0.25), {"value": 1.5}, Outcome(1.5, sem=0.25), np.float64(1.5)])
def test_a_result_may_be_told_in_any_form(study, told):
    trial = study.tell(study.ask(), told)
    assert (trial.state, trial.value, type(trial.value)) == (TrialState.COMPLETE, 1.5, float)


def test_vectors_metrics_and_costs_are_kept(url):
    problem = Problem(SPACE, objectives={"z": "max"}, constraints=["b >= 3"])
    with Study.open(url, "s", problem, recipe="random", seed=1) as study:
        outcome = Outcome(
            metrics={"z": 2.0, "b": 2.0}, outputs=np.arange(3.0), outputs_variance=np.ones(3), cost=7.0
        )
        study.tell(study.ask(), outcome)
    with Study.load(url, "s") as study:
        trial = study.trials[0]
        assert (trial.value, trial.cost, trial.feasible) == (2.0, 7.0, False)
        assert trial.metrics == {"z": 2.0, "b": 2.0}
        assert trial.outputs.tolist() == [0.0, 1.0, 2.0]
        assert study.best is None
        better = study.tell(study.ask(), {"z": 1.0, "b": 3.0})
        assert study.best.number == better.number


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_failure(study, value):
    trial = study.tell(study.ask(), value)
    assert (trial.state, trial.reason, trial.value) == (TrialState.FAILED, "non-finite", None)


def test_a_point_of_ones_own_can_be_told_and_is_part_of_the_study(study):
    trial = study.tell({"x": 0.25, "n": 2, "kind": "a"}, 0.5)
    assert (trial.number, trial.state) == (0, TrialState.COMPLETE)
    assert study.best.params == {"x": 0.25, "n": 2, "kind": "a"}
    assert study.ask().number == 1


def test_a_trial_can_be_told_by_its_number(study):
    number = study.ask().number
    assert study.tell(number, 2.0).value == 2.0


def test_wrong_tells_are_refused_and_leave_the_store_untouched(study):
    trial, done = study.ask(2)
    study.tell(done, 1.0)
    other = study.ask()
    before = content(study)
    wrong = [
        (TellError, lambda: study.tell(trial)),
        (TellError, lambda: study.tell(trial, "1.0")),
        (TellError, lambda: study.tell(trial, True)),
        (TellError, lambda: study.tell(trial, {"other": 1.0})),
        (TellError, lambda: study.tell(trial, (1.0, 2.0, 3.0))),
        (TellError, lambda: study.tell(trial, 1.0, sem=-1.0)),
        (TellError, lambda: study.tell(trial, 1.0, cost=math.nan)),
        (TellError, lambda: study.tell(trial, 1.0, status="failed")),
        (TellError, lambda: study.tell(trial, status="finished")),
        (UnknownTrial, lambda: study.tell(99, 1.0)),
        (UnknownTrial, lambda: study.tell("0", 1.0)),
        (AlreadyTold, lambda: study.tell(done, 2.0)),
        (AlreadyTold, lambda: study.tell(done, status="failed")),
        (PointError, lambda: study.tell({"x": 2.0, "n": 1, "kind": "a"}, 1.0)),
        (PointError, lambda: study.tell({"x": 0.5, "n": 1, "kind": "c"}, 1.0)),
        (PointError, lambda: study.tell({"x": 0.5, "n": 1}, 1.0)),
        (AskError, lambda: study.ask(0)),
        (AskError, lambda: study.ask(2.5)),
        (AskError, lambda: study.ask(10**6)),
        (StoreError, lambda: study.ask(key="")),
        (StoreError, lambda: study.ask(key="k" * 10_240)),
    ]
    for error, call in wrong:
        with pytest.raises(error):
            call()
        assert content(study) == before
    assert other.number == 2


def test_a_trial_of_another_study_is_refused(url, study):
    study.ask()
    with Study.open(url, "t", SPACE, recipe="random", seed=2) as other:
        trial = other.ask()
    with pytest.raises(UnknownTrial, match="was asked for at"):
        study.tell(trial, 1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"problem": {**SPACE, "x": Real(0.0, 2.0)}}, r"x: real \[0\.0, 1\.0\] is now real \[0\.0, 2\.0\]"),
        ({"problem": {"x": Real(0.0, 1.0)}}, r"n: integer \[1, 5\] is now left out"),
        ({"problem": Problem(SPACE, maximize=True)}, "problem.maximize: stored False, now True"),
        ({"problem": Problem(SPACE, constraints=["value < 3"])}, "problem.constraints"),
        ({"recipe": "sobol"}, "recipe.*stored 'random', now 'sobol'"),
        ({"seed": 2}, "seed: stored 1, now 2"),
    ],
    ids=["bounds", "dimensions", "direction", "constraints", "recipe", "seed"],
)
def test_another_problem_recipe_or_seed_is_refused_saying_what_differs(url, study, changes, words):
    study.ask()
    before = content(study)
    with pytest.raises(StudyMismatch, match=words):
        Study.open(url, "s", **{"problem": SPACE, "recipe": "random", "seed": 1, **changes})
    assert content(study) == before


def test_a_study_without_a_seed_takes_the_stored_one_and_a_new_one_gets_its_own(url, study):
    with Study.open(url, "s", SPACE, recipe="random") as again:
        assert again.seed == 1
    with Study.open(url, "t", SPACE) as one, Study.open(url, "u", SPACE) as two:
        assert one.seed != two.seed
    with pytest.raises(RecipeError, match="seed"):
        Study.open(url, "v", SPACE, seed=-1)


def test_budgets_may_be_raised_and_not_lowered(url):
    with Study.open(url, "s", SPACE, recipe="random", budget=Budget(trials=2)) as study:
        study.ask(2)
        with pytest.raises(BudgetExhausted):
            study.ask()
        with pytest.raises(StudyMismatch, match="cannot be lowered"):
            Study.open(url, "s", SPACE, recipe="random", budget=Budget(trials=1))
        Study.open(url, "s", SPACE, recipe="random", budget=Budget(trials=3)).close()
        assert study.ask().number == 2
        assert study.budget == Budget(trials=3)


@pytest.mark.parametrize(
    "limits", [{"trials": 0}, {"trials": 1.5}, {"failures": -1}, {"time_seconds": math.nan}]
)
def test_a_budget_that_makes_no_sense_is_refused(limits):
    with pytest.raises(StoreError, match="budget"):
        Budget(**limits)


def test_a_finite_space_that_is_used_up_says_so_and_stores_nothing(url):
    with Study.open(url, "s", {"n": Integer(1, 3)}, recipe="random", seed=1) as study:
        assert sorted(trial.params["n"] for trial in study.ask(3)) == [1, 2, 3]
        before = content(study)
        with pytest.raises(SpaceExhausted):
            study.ask()
        assert content(study) == before


def test_studies_are_listed_and_missing_ones_refused(url, study):
    assert Study.names(url) == ["s"]
    with pytest.raises(UnknownStudy, match="it has: s"):
        Study.load(url, "t")
    with pytest.raises(StoreError, match="does not exist"):
        Study.load(url.replace("runs", "other"), "s")


def test_hostile_names_make_no_study_and_no_file(tmp_path):
    for name in ("; rm -rf", "$(touch x)", "../../x", "a\n", "x" * 10_240, ""):
        with pytest.raises(StoreError, match="study name"):
            Study.open(f"sqlite:///{tmp_path}/runs.db", name, SPACE)
    assert {path.name for path in tmp_path.iterdir()} <= {"runs.db", "runs.db-wal", "runs.db-shm"}
    assert Study.names(f"sqlite:///{tmp_path}/runs.db") == []


def test_hostile_choices_come_back_unharmed(url):
    choices = ["; rm -rf", "$(touch x)", "../../x", "a\nb\x00", "x" * 10_240]
    with Study.open(url, "s", {"c": Categorical(choices)}, recipe="random", seed=1) as study:
        for trial in study.ask(5):
            study.tell(trial, 1.0)
    with Study.load(url, "s") as study:
        assert sorted(trial.params["c"] for trial in study.trials) == sorted(choices)


def test_what_another_driver_tells_is_seen_and_its_points_are_not_proposed_again(url, study):
    with Study.load(url, "s") as other:
        first = study.ask()
        assert [trial.number for trial in other.trials] == [0]
        second = other.ask()
        assert second.number == 1
        assert second.params != first.params
        other.tell(first, 0.25)
        assert study.best.value == 0.25
        assert study.trials[1].state is TrialState.RUNNING


WORKER = """
import sys
import time
from smbo.errors import BudgetExhausted
from smbo.study import Study

study = Study.load(sys.argv[1], "s")
print("ready", flush=True)
sys.stdin.readline()
while True:
    try:
        trial = study.ask()
    except BudgetExhausted:
        break
    time.sleep(0.01)  # an evaluation; who only asks and tells leaves the file to others by chance
    study.tell(trial, trial.params["x"])
    print(trial.number)
study.close()
"""


def test_processes_that_share_a_study_leave_no_gap_and_do_not_overshoot_the_budget(url):
    Study.open(url, "s", SPACE, recipe="random", seed=1, budget=Budget(trials=101)).close()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    # together: on a busy machine one could be done before the other has loaded its libraries
    assert [worker.stdout.readline() for worker in workers] == ["ready\n", "ready\n"]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=300)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert all(outputs), "one process did all the work: nothing was shared"
    assert sorted(int(number) for output in outputs for number in output) == list(range(101))
    with Study.load(url, "s") as study:
        trials = study.trials
        assert [trial.number for trial in trials] == list(range(101))
        assert {trial.state for trial in trials} == {TrialState.COMPLETE}
        assert len({trial.params["x"] for trial in trials}) == 101
        seqs = [event.seq for event in study._driver.store.events(study._driver.id)]
        assert seqs == list(range(1, len(seqs) + 1))


def test_a_study_says_why_it_is_not_pickled(url):
    with Study.open(url, "s", SPACE) as study, pytest.raises(TypeError, match=r"Study\.load\(url, name\)"):
        pickle.dumps(study)
