"""Failures: which of them say something of their place, and which are chance."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import Optimizer
from smbo.acquisition.feasibility import without_chance
from smbo.training_data import Axis, TrainingData

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def data(points, failed):
    points, failed = np.array(points).reshape(-1, 2), np.array(failed).reshape(-1, 2)
    n = len(points)
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=(Axis("x", "continuous"), Axis("y", "continuous")),
        numbers=np.arange(n),
        points=points,
        values=points.sum(axis=1),
        variances=unknown,
        feasible=np.ones(n, dtype=bool),
        failed=failed,
        pending=np.zeros((0, 2)),
    )


@pytest.fixture
def grid():
    steps = np.linspace(0.05, 0.95, 7)
    return np.array([(x, y) for x in steps for y in steps])


def test_a_failure_in_the_midst_of_successes_is_chance(grid):
    assert len(without_chance(data(grid, [[0.42, 0.57]])).failed) == 0


def test_failures_side_by_side_are_the_fault_of_their_place(grid):
    is_left = grid[:, 0] < 0.5
    known = data(grid[is_left], grid[~is_left])
    assert without_chance(known) is known


def test_each_failure_is_judged_for_itself(grid):
    is_left = grid[:, 0] < 0.5
    by_chance = [[0.2, 0.42]]
    known = data(grid[is_left], [*by_chance, *grid[~is_left]])
    np.testing.assert_array_equal(without_chance(known).failed, grid[~is_left])


@pytest.mark.parametrize("points", [[[0.1, 0.1]], [[0.1, 0.1], [0.2, 0.15], [0.15, 0.2]]], ids=len)
def test_the_first_failure_far_from_everything_is_taken_seriously(points):
    assert len(without_chance(data(points, [[0.8, 0.9]])).failed) == 1


def test_where_nothing_went_well_every_failure_counts():
    known = data(np.zeros((0, 2)), [[0.8, 0.9], [0.1, 0.2]])
    assert without_chance(known) is known


def test_a_failure_by_chance_beside_the_optimum_does_not_keep_the_search_away():
    opt = Optimizer(SPACE, seed=2)

    def value(params):
        return (params["x"] - 0.42) ** 2 + (params["y"] - 0.57) ** 2

    for number, (x, y) in enumerate(np.random.default_rng(1).random((30, 2)).tolist()):
        point = {"x": x, "y": y}
        if number == 20:
            opt.tell({"x": 0.42, "y": 0.572}, status="failed", reason="the node died")
        opt.tell(point, value(point))
    for _ in range(6):
        trial = opt.ask()
        opt.tell(trial, value(trial.params))
    assert opt.best.value < 1e-5
