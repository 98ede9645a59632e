"""What a log hands out cannot change the log, and what was handed in cannot change it later."""

import copy
import json
import pickle

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from smbo import BayesSearchCV, ChiSquare, LevelSet, Optimizer, Outcome, Problem, Space, Study, TransferSource
from smbo.frozen import FrozenDict, FrozenList, frozen, thawed

LAYERS = [[8], [8, 8]]
SPACE = {"x": (0.0, 1.0), "layers": LAYERS}


@pytest.fixture(params=["in memory", "in a store"])
def opened(request, tmp_path):
    def opened(problem):
        if request.param == "in memory":
            return Optimizer(problem, seed=1)
        return Study.open(f"sqlite:///{tmp_path}/runs.db", "s", problem, seed=1)

    return opened


def refused(change):
    with pytest.raises((TypeError, ValueError), match=r"never changes|read-only"):
        change()


def test_a_handed_out_trial_cannot_move_its_evidence(opened):
    log = opened(SPACE)
    trial = log.ask()
    asked = dict(trial.params)
    for change in (
        lambda: trial.params.__setitem__("x", 1000.0),
        lambda: trial.params.__delitem__("x"),
        lambda: trial.params.clear(),
        lambda: trial.params.pop("x"),
        lambda: trial.params.popitem(),
        lambda: trial.params.update(x=1000.0),
        lambda: trial.params.setdefault("y", 3),
        lambda: trial.params.__ior__({"x": 1000.0}),
        lambda: trial.params["layers"].append(99),
        lambda: trial.params["layers"].__setitem__(0, 99),
        lambda: trial.params["layers"].__iadd__([99]),
        lambda: trial.params["layers"].sort(),
    ):
        refused(change)
    own = copy.deepcopy(trial.params)
    own["x"] *= 1000.0
    own["layers"].append(99)
    told = log.tell(trial, {"value": 0.5, "other": 1.0})
    for handed_out in (told, log.best, log.trials[0]):
        refused(handed_out.params.clear)
        refused(lambda handed_out=handed_out: handed_out.metrics.update(other=9.0))
    assert log.best.params == log.trials[0].params == asked
    assert log.trials[0].metrics == {"value": 0.5, "other": 1.0}
    assert list(log.problem.space.dimensions["layers"].choices) == [[8], [8, 8]]


def test_own_points_and_results_are_copied_when_told(opened):
    loss = ChiSquare([1.0, 2.0], [0.1, 0.1])
    log = opened(Problem(SPACE, loss=loss))
    point, outputs, variances = {"x": 0.5, "layers": [8]}, np.array([1.0, 2.0]), np.array([0.1, 0.1])
    metrics = {"other": 1.0}
    log.tell(point, metrics, outputs=outputs, covariance=variances)
    log.tell({**point, "x": 0.6}, Outcome(outputs=outputs, outputs_variance=variances, metrics=metrics))
    point["x"] = point["layers"][0] = metrics["other"] = outputs[0] = variances[0] = 9.0
    for trial in log.trials:
        assert trial.outputs.tolist() == [1.0, 2.0]
        assert trial.outputs_variance.tolist() == [0.1, 0.1]
        assert trial.params["layers"] == [8]
        assert trial.metrics["other"] == 1.0
        refused(lambda trial=trial: trial.outputs.__setitem__(0, 9.0))
        refused(lambda trial=trial: trial.outputs_variance.__imul__(2.0))
    assert log.trials[0].params["x"] == 0.5


def test_a_space_and_a_problem_keep_what_they_were_made_of(opened):
    dimensions = {"x": (0.0, 1.0), "layers": [[8], [8, 8]], "data": {"constant": {"list": [1, 2]}}}
    objectives, reference, first = {"a": "min", "b": "max"}, {"a": 3.0}, {"x": 0.25, "layers": [8]}
    problem = Problem(Space(dimensions), objectives=objectives, reference=reference, try_first=[first])
    before = json.dumps(problem.to_json())
    log = opened(problem)
    dimensions["layers"][0].append(99)
    dimensions["x"] = (0.0, 9.0)
    objectives["a"], reference["a"], first["x"] = "max", 9.0, 0.75
    for change in (
        lambda: problem.space.dimensions.clear(),
        lambda: problem.space.dimensions["layers"].choices[0].append(99),
        lambda: problem.space.dimensions["data"].value.append(3),
        lambda: problem.objectives.update(a="max"),
        lambda: problem.reference.update(a=9.0),
        lambda: problem.try_first[0].update(x=0.75),
    ):
        refused(change)
    assert json.dumps(problem.to_json()) == before
    assert log.ask().params == {"x": 0.25, "layers": [8], "data": [1, 2]}


def test_sources_levels_and_losses_keep_what_they_were_made_of():
    points, levels, counts = [{"x": 0.1}, {"x": 0.9}], {"a": 0.05}, {"first": 1, "second": 1}
    source, level_set = TransferSource(points, [1.0, 2.0]), LevelSet(levels)
    loss = ChiSquare([1.0, 2.0], [0.1, 0.1], counts=counts)
    points[0]["x"], levels["a"], counts["first"] = 0.7, 0.5, 2
    assert source.points[0] == {"x": 0.1}
    assert level_set.to_json()["level"] == {"a": 0.05}
    assert loss.to_json()["counts"] == {"first": 1, "second": 1}
    for change in (
        lambda: source.points[0].clear(),
        lambda: level_set.level.clear(),
        lambda: loss.counts.clear(),
    ):
        refused(change)


def test_recommendations_and_pareto_sets_are_handed_out_as_copies(opened):
    log = opened(Problem(SPACE, objectives={"a": "min", "b": "min"}))
    for k in range(4):
        log.tell({"x": k / 4, "layers": [8]}, {"a": float(k), "b": float(4 - k)})
    expected = [trial.params for trial in log.trials]
    found = log.pareto()
    for each in (found.recommended, log.recommend(), *found.predicted):
        each.params.clear()
        each.means.clear()
    assert log.recommend().params["layers"] == [8]
    assert [trial.params for trial in log.trials] == expected
    log.table()["params.x" if "params.x" in log.table() else "x"].clear()
    assert [trial.params for trial in log.trials] == expected


def test_an_objective_gets_a_point_of_its_own(opened, tmp_path):
    def greedy(params):
        params["layers"].append(params.pop("x"))
        return float(len(params["layers"]))

    with Study.open(f"sqlite:///{tmp_path}/greedy.db", "s", SPACE, seed=1) as study:
        study.run(greedy, n_trials=3)
        assert [trial.state.value for trial in study.trials] == ["complete"] * 3
        assert all(trial.params["layers"] in ([8], [8, 8]) and "x" in trial.params for trial in study.trials)


def test_the_log_of_events_cannot_be_changed():
    optimizer = Optimizer(SPACE, recipe="random", seed=1)
    fixed = {"layers": [8]}
    optimizer.tell(optimizer.ask(fixed=fixed), 1.0)
    fixed["layers"].append(9)
    refused(optimizer.log[0].fixed.clear)
    refused(optimizer.log[1].trial.params.clear)
    assert Optimizer.replay(SPACE, optimizer.log, recipe="random", seed=1).trials[0].params["layers"] == [8]


def test_search_results_are_copies():
    given = [[0.1], [1.0]]
    search = BayesSearchCV(
        Ridge(), {"alpha": (0.1, 10.0), "positive": [False]}, n_iter=3, cv=2, recipe="random", random_state=1
    )
    search.fit(np.arange(20.0).reshape(10, 2), np.arange(10.0))
    params = [dict(each) for each in search.cv_results_["params"]]
    search.best_params_.clear()
    assert [dict(each) for each in search.cv_results_["params"]] == params
    search.cv_results_["params"][0].clear()
    assert [trial.params for trial in search.optimizers_[0].trials] == params
    assert given == [[0.1], [1.0]]


def test_a_list_parameter_reaches_an_estimator_as_a_list_of_its_own():
    from smbo.search_cv.candidates import Candidates

    candidates = Candidates({"layers": [[8], [8, 8]]}, "random", 1, 2, None, 0)
    candidates.propose(2)
    for params in candidates.params:
        assert type(params["layers"]) is list
        params["layers"].append(99)
    assert all(99 not in trial.params["layers"] for trial in candidates.optimizers[0].trials)


def test_frozen_containers_are_lists_and_dicts_to_their_readers():
    given = {"a": [1, {"b": [2]}], "c": (1, [2]), "d": np.arange(2)}
    held = frozen(given)
    assert isinstance(held, dict)
    assert isinstance(held["a"], list)
    assert json.dumps({"a": held["a"]}) == json.dumps({"a": given["a"]})
    assert (lambda **keywords: keywords)(**held).keys() == given.keys()
    again = pickle.loads(pickle.dumps(held))
    assert type(again) is FrozenDict
    assert type(again["a"]) is FrozenList
    refused(again["a"].clear)
    for own in (thawed(held), copy.deepcopy(held)):
        assert type(own) is dict
        assert type(own["a"]) is type(own["c"][1]) is list
        own["a"][1]["b"].append(3)
        own["d"][0] = 9
    assert copy.copy(held["a"]) == held["a"][:] == held["a"] + []
    assert type(copy.copy(held["a"])) is type(held["a"][:]) is list
    assert type(held | {}) is dict
    assert frozen(given)["a"] == [1, {"b": [2]}]
