"""Grid designs: levels by name, choices, conditions, constraints, order and storage."""

from __future__ import annotations

import logging

import pytest

from smbo import Budget, Integer, Optimizer, Real, Space, Study
from smbo.errors import RecipeError, SpaceExhausted
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json

SPACE = Space(
    {
        "x": Real(1e-3, 1, log=True),
        "n": Integer(1, 9),
        "mode": ["a", "b"],
        "z": Real(0, 1, active_when="mode == 'b'"),
    },
    ["n + x <= 9.5"],
)
LEVELS = {"x": 4, "n": [1, 5, 9]}


def evaluated(recipe, space=SPACE):
    optimizer = Optimizer(space, recipe=recipe, seed=1)
    for _ in range(len(optimizer.recipe.design.rows(space, 0))):
        trial = optimizer.ask()
        optimizer.tell(trial, float(trial.params["n"]))
    with pytest.raises(SpaceExhausted, match="the grid is used up"):
        optimizer.ask()
    return [trial.params for trial in optimizer.trials]


def test_every_allowed_combination_is_evaluated_once():
    points = evaluated({"grid": {"levels": LEVELS}})
    # 4 x 3 of mode a, and thrice as many of mode b, less those with n = 9 at x = 1
    assert len(points) == len({tuple(point.items()) for point in points}) == 4 * 3 * 4 - 4
    assert sorted({round(point["x"], 6) for point in points}) == [0.001, 0.01, 0.1, 1.0]
    assert {point["n"] for point in points} == {1, 5, 9}
    assert {point.get("z") for point in points} == {None, 0.0, 0.5, 1.0}
    in_order = evaluated({"grid": {"levels": LEVELS, "shuffled": False}})
    assert points != in_order
    assert [point["x"] for point in in_order] == sorted(point["x"] for point in in_order)


def test_a_number_takes_all_values_where_it_has_no_more():
    space = Space({"n": Integer(2, 4), "m": Integer(0, 100)})
    points = evaluated({"grid": {"levels": 5}}, space)
    assert {point["n"] for point in points} == {2, 3, 4}
    assert {point["m"] for point in points} == {0, 25, 50, 75, 100}


def test_a_model_follows_a_grid_that_is_the_initial_design():
    recipe = {"surrogate": "GP", "design": {"grid": {"levels": {"x": 3, "y": [0.2, 0.7]}}}}
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, recipe=recipe, seed=1)
    for _ in range(7):
        trial = optimizer.ask(fixed={"y": 0.2} if not optimizer.trials else None)
        optimizer.tell(trial, (trial.params["x"] - 0.3) ** 2 + trial.params["y"])
    assert {(t.params["x"], t.params["y"]) for t in optimizer.trials[:6]} == {
        (x, y) for x in (0.0, 0.5, 1.0) for y in (0.2, 0.7)
    }
    assert trial.params["x"] not in (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (0, "a number from 1 up"),
        ("many", "a number from 1 up"),
        ([1, 2], "give {name: values}"),
        ({"y": 3}, "'y' is no parameter"),
        ({"x": [2.0]}, "x=2.0 is outside"),
        ({"n": 2.5}, "n: 2.5"),
        (400, "at most 100000"),
    ],
)
def test_levels_that_make_no_sense_are_refused(levels, message):
    with pytest.raises(RecipeError, match=message):
        Optimizer(SPACE, recipe={"grid": {"levels": levels}})


def test_a_stored_grid_is_the_same_and_a_smaller_budget_is_said(tmp_path, caplog):
    recipe = preset({"grid": {"levels": LEVELS}})
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    url = f"sqlite:///{tmp_path}/s.db"
    with caplog.at_level(logging.WARNING), Study.open(url, "s", SPACE, recipe, 1, Budget(trials=10)) as study:
        report = study.run(lambda params: params["x"])
    assert "the grid has 44 points, and a random part of them is evaluated: 10" in caplog.text
    with Study.open(url, "s", SPACE, {"grid": {"levels": LEVELS}}, budget=Budget(trials=60)) as study:
        report = study.run(lambda params: params["x"])
        assert report.why == "space"
        assert len({tuple(trial.params.items()) for trial in study.trials}) == 44
        assert study.replay().n_trials == 44
