"""Step limits: each point is within reach of the one before, in memory, in studies and in jobs."""

from __future__ import annotations

import itertools
import math

import pytest

from smbo import Budget, Categorical, Integer, Optimizer, Problem, Real, Space, Study
from smbo.errors import AskError, ProblemError, RecipeError

SPACE = Space(
    {
        "x": Real(0, 1),
        "my y": Real(1e-3, 1, log=True),
        "n": Integer(1, 9),
        "level": Categorical(["low", "mid", "high", "top"], ordered=True),
        "free": ["a", "b", "c"],
    },
    ["x + 0.1 * n <= 1.2"],
)
LIMITS = {"x": 0.1, "my y": 2.0, "n": 2, "level": 1}
PROBLEM = Problem(SPACE, step_limits=LIMITS)
START = {"x": 0.1, "my y": 0.001, "n": 1, "level": "low", "free": "a"}


def value(params):
    return (
        (params["x"] - 0.7) ** 2
        + 0.2 * (math.log10(params["my y"]) + 1.0) ** 2
        + 0.02 * (params["n"] - 4) ** 2
        + 0.3 * (params["level"] != "high")
    )


def is_a_step(before, after):
    levels = SPACE.dimensions["level"].choices
    return (
        abs(after["x"] - before["x"]) <= 0.1 + 1e-9
        and abs(math.log(after["my y"] / before["my y"])) <= math.log(2.0) + 1e-9
        and abs(after["n"] - before["n"]) <= 2
        and abs(levels.index(after["level"]) - levels.index(before["level"])) <= 1
        and SPACE.contains(after)
    )


def test_each_point_is_a_step_from_the_one_before_and_the_best_is_reached():
    optimizer, before = Optimizer(PROBLEM, seed=1), START
    for number in range(24):
        trial = optimizer.ask(present=START) if number == 0 else optimizer.ask()
        assert is_a_step(before, trial.params)
        before = trial.params
        optimizer.tell(trial, value(trial.params))
    assert optimizer.best.value < 0.1, "far from where it began"
    for trial in optimizer.ask(4):  # evaluated in this order
        assert is_a_step(before, trial.params)
        before = trial.params
    again = Optimizer.replay(PROBLEM, optimizer.log, seed=1)
    assert [trial.params for trial in again.trials] == [trial.params for trial in optimizer.trials]


def test_an_initial_design_is_walked_to():
    optimizer = Optimizer(Problem({"x": (0.0, 1.0)}, step_limits={"x": 0.1}), recipe="sobol", seed=3)
    goal = Optimizer({"x": (0.0, 1.0)}, recipe="sobol", seed=3).ask().params["x"]
    steps = [0.0]
    for _ in range(12):
        trial = optimizer.ask(present={"x": 0.0} if len(steps) == 1 else None)
        steps.append(trial.params["x"])
    reached = next(place for place, x in enumerate(steps) if x == goal)
    assert reached == math.ceil(goal / 0.1)
    assert steps[:reached] == sorted(steps[:reached])
    assert max(abs(b - a) for a, b in itertools.pairwise(steps)) <= 0.1 + 1e-9


def test_the_first_point_to_try_is_where_the_machine_stands():
    problem = Problem(SPACE, step_limits=LIMITS, try_first=[START, {**START, "x": 0.9, "n": 2}])
    optimizer = Optimizer(Problem.from_json(problem.to_json()), seed=1)
    first, second = optimizer.ask(2)
    assert dict(first.params) == pytest.approx(START)
    assert is_a_step(START, second.params), "the other point to try is out of reach, and waits"


def test_a_point_told_counts_as_present_and_a_finite_space_is_crossed():
    optimizer = Optimizer(Problem({"n": (1, 9)}, step_limits={"n": 1}), seed=1)
    optimizer.tell({"n": 5}, 25.0)
    visited = []
    for _ in range(14):
        trial = optimizer.ask()
        visited.append(trial.params["n"])
        optimizer.tell(trial, float((trial.params["n"] - 9) ** 2))
    assert all(abs(b - a) <= 1 for a, b in zip([5, *visited], visited))


def test_what_cannot_be_reached_or_is_not_known_is_refused():
    optimizer = Optimizer(PROBLEM, seed=1)
    with pytest.raises(AskError, match="nothing says where they stand"):
        optimizer.ask()
    with pytest.raises(AskError, match="present value of 'level' is missing"):
        optimizer.ask(present={"x": 0.1, "my y": 0.1, "n": 3})
    with pytest.raises(AskError, match=r"present x=3.0 is outside"):
        optimizer.ask(present={**START, "x": 3.0})
    with pytest.raises(
        AskError, match=r"fixed x=0.5 is further from the present 0.1 than its step limit 0.1"
    ):
        optimizer.ask(present=START, fixed={"x": 0.5})
    assert optimizer.ask(present=START, fixed={"x": 0.15}).params["x"] == 0.15
    with pytest.raises(AskError, match="the problem has none"):
        Optimizer({"x": (0.0, 1.0)}).ask(present={"x": 0.5})
    with pytest.raises(RecipeError, match="out of reach"):
        Optimizer(PROBLEM, recipe="trust")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"z": 0.1}, "no dimension"),
        ({"x": 0.0}, "a distance above 0"),
        ({"x": float("nan")}, "a distance above 0"),
        ({"x": "0.1"}, "a distance above 0"),
        ({"my y": 0.5}, "a factor above 1"),
        ({"n": 0.5}, "from 1 up"),
        ({"free": 1}, "neither a number that is chosen nor an ordered choice"),
        ([0.1], "how far it may move"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(limits, message):
    with pytest.raises(ProblemError, match=message):
        Problem(SPACE, step_limits=limits)


def test_a_study_goes_on_from_the_last_point_in_another_process(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    problem = Problem(SPACE, step_limits=LIMITS, try_first=[START])
    with Study.open(url, "s", problem, seed=1, budget=Budget(trials=13)) as study:
        study.run(value, n_trials=7)
    with Study.load(url, "s") as study:
        away = {**START, "x": 0.05}
        trial = study.ask(present=away, key="k")
        assert is_a_step(away, trial.params)
        study.tell(trial, value(trial.params))
        study.run(value)
        points = [trial.params for trial in study.trials]
        assert all(
            is_a_step(a, b) for a, b in zip([*points[:6], away, *points[7:]], points[1:]) if a is not away
        )
        assert study.replay().n_trials == 13
