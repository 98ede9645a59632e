"""Outcome constraints: what is believed of them, and how the search follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real
from smbo.acquisition import LogExpectedImprovement, NoisyLogExpectedImprovement
from smbo.acquisition.constraint_models import learned, probably_feasible
from smbo.acquisition.feasibility import Feasibility
from smbo.history.encode import encode
from smbo.proposal.model_data import with_constraints
from smbo.surrogates import GP


@pytest.fixture
def rng():
    return np.random.default_rng(7)


SPACE = {"x": Real(0, 1), "y": Real(0, 1)}


def problem(*constraints: str) -> Problem:
    return Problem(SPACE, objectives={"f": "min"}, constraints=constraints)


def told(constraint: str, rows, n: int = 12, seed: int = 3, **noise: float) -> Optimizer:
    """Return an optimizer that was told n random points, with metrics f and c of ``rows``."""
    opt = Optimizer(problem(constraint), seed=seed)
    rng = np.random.default_rng(seed)
    for x, y in rng.random((n, 2)):
        opt.tell({"x": float(x), "y": float(y)}, rows(float(x), float(y)))
    return opt


def bowl(x: float, y: float) -> dict[str, float]:
    return {"f": x + y, "c": x * y}


def test_the_log_probability_has_the_slope_of_finite_differences(rng):
    # a kink, for of a smooth slack a process is so sure that differences are rounding alone
    opt = told("c >= 0.2", lambda x, y: {"f": x + y, "c": x * y + 0.1 * abs(x - 0.4)})
    data = replace(encode(opt.problem, opt.trials), pending=np.array([[0.3, 0.7]]))
    feasibility = Feasibility.of(learned(data, ()))
    assert feasibility is not None
    points = rng.random((6, 2))
    _, slope = feasibility.with_gradient(points)
    for column in range(2):
        step = np.zeros(2)
        step[column] = 1e-6
        by_hand = (
            feasibility.log_probability(points + step) - feasibility.log_probability(points - step)
        ) / 2e-6
        assert slope[:, column] == pytest.approx(by_hand, rel=1e-4, abs=1e-5)


def test_the_boundary_of_a_smooth_constraint_is_known_where_labels_cannot_tell(rng):
    opt = told("c >= 0.2", bowl, n=20)
    data = learned(encode(opt.problem, opt.trials), ())
    points = rng.random((400, 2))
    holds = points.prod(axis=1) >= 0.2
    right = {}
    for name, one in (("slack", data), ("labels", replace(data, outcome_constraints=None))):
        feasibility = Feasibility.of(one)
        assert feasibility is not None
        scale = 1.0 if name == "slack" else 2.0  # labels count squared
        right[name] = float(((feasibility.log_probability(points) > scale * np.log(0.5)) == holds).mean())
    assert right["slack"] > 0.98
    assert right["slack"] > right["labels"] + 0.03


def test_the_boundary_of_a_power_law_is_known_from_few_points(rng):
    """A stationary process spends its length scales on the pole."""

    def stress(x, y):
        return (0.15 + x) ** -4 / (0.15 + y) ** 2

    opt = told("f <= 20", lambda x, y: {"f": stress(x, y)}, n=16)
    data = learned(encode(opt.problem, opt.trials), ())
    feasibility = Feasibility.of(data)
    assert feasibility is not None
    points = rng.random((800, 2))
    slack = 20.0 - stress(*points.T)
    near = np.abs(np.log(1.0 - slack / 20.0)) < 1.0
    right = (feasibility.log_probability(points) > np.log(0.5)) == (slack >= 0.0)
    # of the places within a factor of e of the boundary
    assert right[near].mean() > 0.95


@pytest.mark.parametrize("recipe", ["auto", "thompson", "entropy", "trust", "noisy"])
def test_a_small_feasible_part_is_found_and_then_searched(recipe):
    # 0.8 % of the volume; the lowest feasible value is 1.2
    def measured(x: float, y: float) -> dict[str, float]:
        return {"f": x + y, "c": (x - 0.7) ** 2 + (y - 0.6) ** 2}

    opt = Optimizer(problem("c <= 0.0025"), recipe, seed=2)
    for _ in range(30):
        trial = opt.ask()
        opt.tell(trial, measured(**trial.params))
    assert opt.best is not None
    assert opt.best.value < 1.26
    found = opt.recommend()
    assert measured(**found.params)["c"] <= 0.0025
    assert found.p_feasible == 1.0


def test_points_of_a_batch_differ_while_nothing_feasible_is_known():
    def measured(x: float, y: float) -> dict[str, float]:
        return {"f": x + y, "c": (x - 0.7) ** 2 + (y - 0.6) ** 2}

    opt = Optimizer(problem("c <= 0.0001"), "gp", seed=1)
    for trial in opt.ask(8):
        opt.tell(trial, measured(**trial.params))
    assert opt.best is None
    batch = np.array([list(trial.params.values()) for trial in opt.ask(6)])
    gaps = np.linalg.norm(batch[:, None] - batch[None], axis=2) + 9.0 * np.eye(6)
    assert gaps.min() > 1e-3


def test_where_something_is_under_way_it_is_taken_for_infeasible_while_nothing_feasible_is_known():
    opt = Optimizer(problem("c >= 0.6"), seed=1)
    for x, y in 0.75 * np.random.default_rng(3).random((14, 2)):
        opt.tell({"x": float(x), "y": float(y)}, bowl(float(x), float(y)))
    data = learned(encode(opt.problem, opt.trials), ())
    pending = np.array([[0.9, 0.9]])  # promises to be feasible
    before, after = Feasibility.of(data), Feasibility.of(replace(data, pending=pending))
    assert before is not None
    assert after is not None
    assert before.log_probability(pending)[0] > np.log(0.5)
    assert after.log_probability(pending)[0] < np.log(0.5)


def test_luck_with_a_noisy_constraint_is_not_taken_for_feasible(rng):
    opt = Optimizer(problem("c >= 0"), "gp", seed=1)
    grid = np.linspace(0.02, 0.98, 40)
    for k, x in enumerate(grid):
        c = x - 0.5 + (0.4 if k == 2 else 0.0)  # one lucky draw far on the wrong side
        opt.tell({"x": float(x), "y": 0.5}, {"f": float(x), "c": (c if k != 2 else 0.01, 0.2)})
    opt.ask()
    lucky = opt.best
    assert lucky is not None
    assert lucky.number == 2
    data = with_constraints(encode(opt.problem, opt.trials), {})
    assert not data.feasible[2]
    assert data.feasible[-1]
    found = opt.recommend()
    assert found.params["x"] > 0.5
    assert found.p_feasible is not None
    assert 0.9 <= found.p_feasible < 1.0


def test_an_exact_constraint_is_believed_as_told():
    opt = told("c >= 0.2", bowl)
    data = learned(encode(opt.problem, opt.trials), ())
    assert (probably_feasible(data) == data.feasible).all()


@pytest.mark.parametrize("acquisition", [LogExpectedImprovement(), NoisyLogExpectedImprovement()], ids=repr)
def test_the_incumbent_is_the_best_feasible_point(acquisition):
    opt = told("c >= 0.2", bowl, n=20)
    data = learned(encode(opt.problem, opt.trials), ())
    posterior = GP().fit(data)
    criterion = acquisition.build(posterior, data)
    loosened = acquisition.build(posterior, replace(data, feasible=np.ones(20, dtype=bool)))
    # an improvement on the best feasible value is more than one on values that do not count
    points = data.points[data.feasible][:3] + 0.01
    assert (criterion(points) > loosened(points)).all()


def test_a_recommendation_says_how_sure_it_is_only_where_there_are_constraints():
    plain = Optimizer(SPACE, seed=1)
    plain.tell(plain.ask(), 1.0)
    assert plain.recommend().p_feasible is None
    opt = told("c == 1", lambda x, y: {"f": x, "c": 1.0})
    assert opt.recommend().p_feasible == 1.0
