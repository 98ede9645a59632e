"""A surrogate that is given a part of much training data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smbo import Optimizer, Problem, Recipe, Space
from smbo.errors import RecipeError
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.proposal.propose import propose
from smbo.proposal.recommend import recommend
from smbo.proposal.request import ProposalRequest
from smbo.surrogates import GP, Forest, Selective, Subset
from smbo.training_data import Axis, TrainingData

SMALL = Subset(GP(), most=60, n_rows=30, n_learned=20)


def training_data_of(n, d=2, n_failed=0, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, d))
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=tuple(Axis(f"x{k}", "continuous") for k in range(d)),
        numbers=np.arange(n),
        points=points,
        values=((points - 0.3) ** 2).sum(axis=1),
        variances=unknown,
        feasible=np.ones(n, dtype=bool),
        failed=rng.random((n_failed, d)),
        pending=np.zeros((0, d)),
    )


def test_it_is_the_surrogate_itself_while_there_is_little():
    data, points = training_data_of(60), np.random.default_rng(1).random((20, 2))
    inside, memory = SMALL.train(data, {})
    alone, alone_memory = GP().train(data, {})
    assert SMALL.relevant(data) is data
    assert {name: value for name, value in memory.items() if name != "n_all"} == alone_memory
    assert np.array_equal(inside.fit(data).moments(points), alone.fit(data).moments(points))


def test_the_part_holds_the_best_and_its_neighbours_and_keeps_the_order():
    data = training_data_of(500)
    part = SMALL.relevant(data)
    assert len(part) == 30
    assert (np.diff(part.numbers) > 0).all()
    assert set(np.argsort(data.values)[:10]) <= set(part.numbers)
    best = data.points[np.argmin(data.values)]
    assert set(np.argsort(((data.points - best) ** 2).sum(axis=1))[:10]) <= set(part.numbers)
    # and knows of the rest of the space: these twenty are within 0.3 of each other
    assert np.ptp(part.points, axis=0).min() > 0.6


def test_an_infeasible_value_is_no_incumbent():
    data = training_data_of(200)
    data.values[7], data.feasible[7] = -100.0, False
    part = SMALL.relevant(data)
    feasible = np.flatnonzero(data.feasible)
    assert feasible[np.argmin(data.values[feasible])] in part.numbers


def test_many_failures_are_thinned_as_well():
    part = SMALL.relevant(training_data_of(10, n_failed=1000))
    assert len(part) == 10
    assert part.failed.shape == (30, 2)


def test_it_learns_again_when_there_is_half_as_much_more():
    memory, learned_at = {}, []
    for n in range(50, 150, 5):
        _, memory = SMALL.train(training_data_of(n), memory)
        assert memory == json.loads(json.dumps(memory))
        if n > 60:
            learned_at.append(memory["n_all"])
    assert sorted(set(learned_at)) == [65, 100]


def test_memory_restores_the_trained_surrogate():
    data = training_data_of(300)
    trained, memory = SMALL.train(data, {})
    again, kept = SMALL.train(data, memory)
    assert again == trained
    assert kept == memory


def test_a_recommendation_is_one_of_the_best_points():
    data = training_data_of(400)
    recipe = Recipe(surrogate=SMALL)
    _, mean, std, row = recommend(Problem(Space({"x0": (0.0, 1.0), "x1": (0.0, 1.0)})), recipe, data, {})
    assert row in np.argsort(data.values)[:5]
    assert abs(mean - data.values[row]) < 4 * std + 1e-3


def test_a_proposal_is_no_point_that_was_left_out():
    space = Space({"x0": (1, 15), "x1": (1, 15)})
    grid = space.grid()
    data = training_data_of(len(grid) - 1)
    data.points[:] = grid[:-1]
    recipe = Recipe(surrogate=Subset(GP(), most=60, n_rows=30, n_learned=20))
    proposal = propose(ProposalRequest(Problem(space), recipe, data, 1, np.random.default_rng(0), {}))
    assert np.array_equal(proposal.points, grid[-1:])


def test_figures_out_of_order_are_refused():
    with pytest.raises(RecipeError, match="n_learned <= n_rows <= most"):
        Subset(GP(), most=10, n_rows=30)


@pytest.mark.parametrize("name", ["gp", "forest"])
def test_named_recipes_have_a_bound_and_are_stored(name):
    recipe = preset(name)
    assert isinstance(recipe.surrogate, Selective)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


@pytest.mark.parametrize("inner", [GP(), Forest(n_trees=20)], ids=repr)
def test_an_optimizer_goes_on_beyond_the_bound(inner):
    recipe = Recipe(surrogate=Subset(inner, most=15, n_rows=12, n_learned=8))
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, recipe, seed=1)
    for _ in range(25):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.params["x"] - 0.2) ** 2 + (trial.params["y"] - 0.6) ** 2)
    assert optimizer.best.value < 0.02
    assert optimizer.recommend().number is not None
