"""Contextual variables in ask/tell: proposals, recommendations, corrections and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import Integer, Optimizer, Outcome, Problem, Real, Space
from smbo.errors import AskError, ProblemError, RecipeError, TellError

WEATHER = Problem({"gain": (0.0, 1.0), "temperature": (0.0, 40.0)}, context=["temperature"])


def loss(params):
    """Best at a gain of temperature / 40."""
    return (params["gain"] - params["temperature"] / 40) ** 2


def searched(problem, contexts, seed=1, **settings):
    optimizer = Optimizer(problem, seed=seed, **settings)
    for temperature in contexts:
        trial = optimizer.ask(context={"temperature": float(temperature)})
        assert trial.params["temperature"] == temperature
        optimizer.tell(trial, loss(trial.params))
    return optimizer


def test_what_is_recommended_in_an_unseen_context_beats_a_search_that_ignores_contexts():
    wins = 0
    for seed in range(10):
        contexts = np.random.default_rng(seed).uniform(0.0, 40.0, 14)
        unseen = {"temperature": float(np.random.default_rng(100 + seed).uniform(0.0, 40.0))}
        known = searched(WEATHER, contexts, seed).recommend(context=unseen).params
        blind = Optimizer({"gain": (0.0, 1.0)}, seed=seed)
        for temperature in contexts:
            trial = blind.ask()
            blind.tell(trial, loss({**trial.params, "temperature": temperature}))
        wins += loss(known) < loss({**blind.recommend().params, **unseen})
    assert wins >= 8


def test_a_batch_shares_a_context_and_fixed_values_go_beside_it():
    optimizer = searched(WEATHER, [5.0, 30.0, 10.0, 20.0, 35.0, 15.0])
    batch = optimizer.ask(3, context={"temperature": 25.0})
    assert {trial.params["temperature"] for trial in batch} == {25.0}
    assert len({trial.params["gain"] for trial in batch}) == 3
    trial = optimizer.ask(context={"temperature": 25.0}, fixed={"gain": 0.7})
    assert dict(trial.params) == {"gain": 0.7, "temperature": 25.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "'temperature' is observed, and its present value is missing"),
        ({"context": {"temperature": 41.0}}, "temperature=41.0 is outside"),
        ({"context": {"temperature": float("nan")}}, "temperature=nan is outside"),
        ({"context": {"temperature": 4.0, "humidity": 1.0}}, "'humidity': the problem's context is"),
        ({"context": {"temperature": 4.0}, "fixed": {"temperature": 4.0}}, "is observed, not chosen"),
        ({"context": 21.0}, "give a mapping"),
        ({"context": {"temperature": 4.0}, "fixed": 0}, r"ask\(fixed=0\): give a mapping"),
    ],
)
def test_an_ask_without_a_usable_context_is_refused_by_name(settings, message):
    optimizer = Optimizer(WEATHER, seed=1)
    with pytest.raises(AskError, match=message):
        optimizer.ask(**settings)
    assert not optimizer.trials


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["temprature"], "did you mean 'temperature'"),
        ("temperature", "give a list"),
        (["temperature", "gain"], "nothing is left to choose"),
        (["fixed"], "constant"),
        (["extra"], "exists only when"),
        (["believed"], "has a prior"),
    ],
)
def test_a_problem_refuses_a_context_that_cannot_be_one(names, message):
    space = {
        "gain": Real(0, 1),
        "temperature": Real(0, 40),
        "fixed": 3,
        "extra": Real(0, 1, active_when="gain > 0.5"),
        "believed": Real(0, 1, prior={"normal": [0.5, 0.1]}),
    }
    if "gain" in names:
        space = {name: space[name] for name in names}
    with pytest.raises(ProblemError, match=message):
        Problem(space, context=names)


def test_a_tell_may_correct_the_context():
    optimizer = Optimizer(WEATHER, seed=1)
    asked = optimizer.ask(4, context={"temperature": 20.0})
    told = optimizer.tell(asked[0], 1.0, context={"temperature": 22.5})
    assert dict(told.params) == {**asked[0].params, "temperature": 22.5}
    # a metric of the context's name is what was observed
    assert optimizer.tell(asked[1], {"value": 1.0, "temperature": 23.0}).params["temperature"] == 23.0
    told = optimizer.tell(asked[2], Outcome(1.0, metrics={"temperature": 24.0}))
    assert told.params["temperature"] == 24.0
    for wrong in ({"temperature": 50.0}, {"gain": 0.5}):
        with pytest.raises(TellError, match="context"):
            optimizer.tell(asked[3], 1.0, context=wrong)
    assert not optimizer.trials[3].state.is_final, "nothing is recorded"
    again = Optimizer.replay(WEATHER, optimizer.log, seed=1)
    assert [trial.params for trial in again.trials] == [trial.params for trial in optimizer.trials]


def test_nothing_is_called_best_over_contexts():
    optimizer = searched(WEATHER, [5.0, 30.0, 10.0])
    with pytest.raises(ProblemError, match="not comparable"):
        _ = optimizer.best
    with pytest.raises(ProblemError, match="depends on the context"):
        optimizer.optimum()
    with pytest.raises(ProblemError, match="a tune varies all parameters"):
        optimizer.tune()
    with pytest.raises(AskError, match="recommend: 'temperature' is observed"):
        optimizer.recommend()
    with pytest.raises(AskError, match="the problem has no context"):
        Optimizer({"x": (0, 1)}).recommend(context={"temperature": 3.0})


def test_choices_may_be_evaluated_again_once_all_are_used_up_in_a_context():
    space = {"mode": ["a", "b", "c"], "weather": ["dry", "wet"]}
    optimizer = Optimizer(Problem(space, context=["weather"]), seed=1)
    worth = {("a", "dry"): 0.0, ("b", "wet"): 0.0}
    for number in range(16):
        weather = ["dry", "wet"][number % 2]
        trial = optimizer.ask(context={"weather": weather})
        optimizer.tell(trial, worth.get((trial.params["mode"], weather), 1.0))
    assert optimizer.recommend({"weather": "dry"}).params["mode"] == "a"
    assert optimizer.recommend({"weather": "wet"}).params["mode"] == "b"


def test_points_to_try_first_are_tried_in_the_present_context():
    problem = Problem(WEATHER.space, context=["temperature"], try_first=[{"gain": 0.9}, {"gain": 0.8}])
    optimizer = Optimizer(Problem.from_json(problem.to_json()), seed=1)
    batch = optimizer.ask(2, context={"temperature": 31.0})
    assert [dict(trial.params) for trial in batch] == [
        {"gain": 0.9, "temperature": 31.0},
        {"gain": 0.8, "temperature": 31.0},
    ]


def test_a_known_constraint_and_a_condition_on_the_context_hold():
    space = Space(
        {
            "gain": Real(0, 1),
            "power": Integer(1, 9, active_when="season == 'winter'"),
            "season": ["summer", "winter"],
        },
        constraints=["gain <= 0.5 or season == 'summer'"],
    )
    optimizer = Optimizer(Problem(space, context=["season"]), seed=1)
    for number in range(12):
        season = ["summer", "winter"][number % 2]
        trial = optimizer.ask(context={"season": season})
        assert ("power" in trial.params) == (season == "winter")
        assert season == "summer" or trial.params["gain"] <= 0.5
        optimizer.tell(trial, (trial.params["gain"] - 0.4) ** 2 + 0.01 * trial.params.get("power", 0))
    assert optimizer.recommend({"season": "winter"}).params["power"] <= 3


def test_recipes_that_compare_contexts_are_refused():
    for recipe in ("noisy", "entropy", "trust", "portfolio"):
        with pytest.raises(RecipeError, match="compares values of different contexts"):
            Optimizer(WEATHER, recipe=recipe)
    with pytest.raises(RecipeError, match="a context; leave replication out"):
        Optimizer(WEATHER, recipe={"auto": {"replication": True}})
