"""A point beside the best one: within the cube, allowed, and new."""

import pytest

from smbo import Optimizer, Problem, Recipe, Space
from smbo.acquisition import LogExpectedImprovement, NearRepeat
from smbo.acquisition.near_repeat import NEAR
from smbo.space import Categorical, Integer, Real
from smbo.surrogates import GP


def asked(space, n, n_told):
    optimizer = Optimizer(space, Recipe(GP(), NearRepeat(LogExpectedImprovement())), seed=0)
    for _ in range(n_told):
        trial = optimizer.ask()
        optimizer.tell(trial, sum(float(v) for v in trial.params.values() if not isinstance(v, str)))
    best = min((t for t in optimizer.trials if t.value is not None), key=lambda t: t.value)
    return best.params, [trial.params for trial in optimizer.ask(n)]


def test_the_first_point_is_beside_the_best_and_the_others_are_not():
    best, points = asked({"x": (0.0, 1.0), "y": (0.0, 1.0)}, 3, n_told=5)
    gaps = [max(abs(point[name] - best[name]) for name in best) for point in points]
    assert 0.0 < gaps[0] < 2.0 * NEAR
    assert min(gaps[1:]) > NEAR


def test_levels_and_integers_stay_as_they_are():
    best, (point,) = asked({"x": Real(0, 1), "k": Integer(0, 30), "c": Categorical(["a", "b"])}, 1, n_told=6)
    assert (point["k"], point["c"]) == (best["k"], best["c"])
    assert point["x"] != best["x"]


def test_where_all_axes_have_levels_the_acquisition_proposes():
    best, (point,) = asked({"k": Integer(0, 30), "m": Integer(0, 30)}, 1, n_told=8)
    assert point != best


def test_a_neighbour_that_is_not_allowed_is_not_proposed():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}, constraints=["x + y >= 0.5"])
    _, (point,) = asked(space, 1, n_told=5)
    assert point["x"] + point["y"] >= 0.5


@pytest.mark.parametrize("corner", [0.0, 1.0])
def test_a_corner_has_a_neighbour_within_the_cube(corner):
    best = {"x": corner, "y": corner}
    problem = Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}, try_first=[best])
    optimizer = Optimizer(problem, Recipe(GP(), NearRepeat()), seed=0)
    for _ in range(5):
        trial = optimizer.ask()
        optimizer.tell(trial, 0.0 if trial.params == best else 1.0)
    point = optimizer.ask().params
    assert all(0.0 < abs(point[name] - corner) < 2.0 * NEAR for name in best)
