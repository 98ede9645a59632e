"""Refinement of the best evaluation: that it gains digits, where it stays, and where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from smbo import Categorical, Optimizer, Real
from smbo.acquisition import ExpectedImprovementPerCost
from smbo.acquisition.local_refinement import n_without_digit, refinement
from smbo.acquisition.optimize import maximize
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space.point_set import PointSet
from smbo.surrogates import GP
from smbo.surrogates.sklearn.forest import Forest
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))
BEST = np.array([0.42, 0.57])


def value(points):
    away = points - BEST
    return 3.0 * away[:, 0] ** 2 + 7.0 * away[:, 1] ** 2 + 2.0 * away[:, 0] * away[:, 1] ** 2


def around(n_near, radius, seed=0):
    """Training data from everywhere, and of some points around the minimum."""
    rng = np.random.default_rng(seed)
    near = BEST + radius * rng.uniform(-1, 1, (n_near, 2))
    points = np.concatenate([rng.random((12, 2)), near])
    return TrainingData.of_values(AXES, points, value(points))


@pytest.mark.parametrize("radius", [0.1, 0.01, 0.001])
def test_it_gains_digits_at_whatever_scale_the_points_are(radius):
    data, space = around(8, radius), Optimizer({"x": Real(0, 1), "y": Real(0, 1)}).problem.space
    criterion = refinement(GP().fit(data), data)
    found = maximize(
        criterion,
        space,
        np.random.default_rng(1),
        start_points=data.points[np.argsort(data.values)[:4]],
        exclude=PointSet([data.points]),
    )
    assert value(found[None])[0] < 0.25 * data.values.min()
    assert np.abs(found - BEST).max() < 0.3 * radius


def test_slopes_are_those_of_the_criterion():
    data = around(8, 0.05)
    data = replace(data, failed=np.array([[0.47, 0.6]]))
    criterion = refinement(GP().fit(data), data)
    for point in (BEST + np.array([0.01, -0.004]), BEST + 0.2):
        worth, slope = criterion.with_gradient(point[None])
        assert criterion(point[None]) == pytest.approx(worth)
        found = approx_fprime(point, lambda x: float(criterion(x[None])[0]), 1e-8)
        assert slope[0] == pytest.approx(found, rel=1e-3, abs=1e-2 * np.abs(found).max())


def test_pending_points_are_not_asked_for_again():
    data = around(8, 0.05)
    posterior, point = GP().fit(data), BEST + np.array([0.002, 0.001])
    before = refinement(posterior, data)(point[None])
    after = refinement(posterior, replace(data, pending=point[None]))(point[None])
    assert after < before - 1.0


def test_what_is_not_continuous_stays_as_it_is():
    axes = (*AXES, Axis("kind", "categorical", 2))
    few = around(10, 0.05)
    kinds = np.where(np.arange(len(few)) % 5 == 0, 0.75, 0.25)
    data = TrainingData.of_values(axes, np.column_stack([few.points, kinds]), few.values + (kinds > 0.5))
    criterion = refinement(GP().fit(data), data)
    here, there = np.array([*BEST, 0.25]), np.array([*BEST, 0.75])
    assert criterion(here[None]) > criterion(there[None]) + 100.0


@pytest.mark.parametrize(
    "why", ["few points", "noise", "no process", "nothing continuous", "nothing feasible", "nothing left"]
)
def test_there_is_none(why):
    data, surrogate = around(8, 0.05), GP()
    if why == "few points":
        data = data.rows(np.arange(9))
    elif why == "noise":
        noisy = data.values + 0.5 * np.random.default_rng(2).standard_normal(len(data))
        data = replace(data, values=noisy, variances=np.full(len(data), 0.25))
    elif why == "no process":
        surrogate = Forest()
    elif why == "nothing continuous":
        axes = tuple(Axis(axis.name, "ordered", 1000) for axis in AXES)
        data = replace(data, axes=axes)
    elif why == "nothing feasible":
        data = replace(data, feasible=np.zeros(len(data), dtype=np.bool_))
    else:
        data = around(30, 1e-6)
    assert refinement(surrogate.fit(data), data) is None


def test_gains_of_a_digit_are_counted():
    values = np.array([3.0, 1.0, 2.0, 1.0 - 1e-9, 5.0])
    data = TrainingData.of_values(AXES, np.random.default_rng(0).random((5, 2)), values)
    assert n_without_digit(data) == 3
    better = replace(data, values=np.array([3.0, 1.0, 2.0, 0.9, 5.0]))
    assert n_without_digit(better) == 1
    assert n_without_digit(replace(better, feasible=np.zeros(5, dtype=np.bool_))) == 0


def test_a_search_that_refines_comes_nearer_for_the_same_cost():
    space = {"x": Real(0, 1), "y": Real(0, 1), "kind": Categorical(["a", "b"])}

    def regret(refine_every):
        recipe = Recipe(GP(), ExpectedImprovementPerCost(refine_every=refine_every), n_initial=3)
        opt = Optimizer(space, recipe, seed=4)
        for _ in range(30):
            trial = opt.ask()
            point = np.array([[trial.params["x"], trial.params["y"]]])
            found = float(value(point)[0]) + (trial.params["kind"] == "b")
            opt.tell(trial, found, cost=100.0 ** trial.params["y"])
        assert len(encode(opt.problem, opt.trials)) == 30
        return min(trial.value for trial in opt.trials)

    assert regret(2) < 0.1 * regret(None)


def test_in_batches_with_failures_it_keeps_to_the_constraints():
    problem = Problem(
        {"x": Real(0, 1), "y": Real(0, 1)}, objectives={"v": "min"}, constraints=["margin >= 0"]
    )
    opt = Optimizer(problem, Recipe(GP(), ExpectedImprovementPerCost(), n_initial=3), seed=2)
    for _ in range(9):
        for trial in opt.ask(3):
            x, y = trial.params["x"], trial.params["y"]
            if y > 0.9:
                opt.tell(trial, status="failed", reason="crash")
                continue
            found = float(value(np.array([[x, y]]))[0])
            opt.tell(trial, {"v": found, "margin": x - 0.5}, cost=100.0**y)
    best = min(trial.value for trial in opt.trials if trial.feasible)
    at_the_edge = min(value(np.column_stack([np.full(1001, 0.5), np.linspace(0, 1, 1001)])))
    assert best < at_the_edge + 1e-3
