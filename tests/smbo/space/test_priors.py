"""What the user thinks of where the optimum lies, and how far the search follows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import truncnorm

from smbo import Categorical, Integer, LogNormal, Normal, Optimizer, Problem, Real
from smbo.errors import ProblemError, SpaceError

MIXED = {
    "x": Real(0, 10, prior=Normal(3, 1)),
    "lr": Real(1e-5, 1e-1, log=True, prior=LogNormal(1e-3, 3)),
    "n": Integer(1, 40, prior=Normal(10, 4)),
    "kind": Categorical(["a", "b", "c"], prior=[1, 5, 2]),
    "width": Real(0, 1, prior=Normal(0.5, 0.1), active_when="kind == 'b'"),
    "free": Real(0, 1),
}


@pytest.mark.parametrize(("mean", "std"), [(0.3, 0.1), (-1.0, 0.2), (9.0, 0.5), (0.5, 100.0)])
def test_quantiles_are_those_of_the_truncated_normal_distribution(mean, std):
    shares = np.array([0.01, 0.3, 0.5, 0.9, 0.999])
    reference = truncnorm.ppf(shares, (0.0 - mean) / std, (1.0 - mean) / std, mean, std)
    assert Normal(mean, std).quantiles(shares, 0.0, 1.0) == pytest.approx(reference, rel=1e-6, abs=1e-9)


def test_a_belief_far_outside_the_bounds_points_at_the_nearer_one():
    assert Normal(500.0, 1.0).quantiles(np.array([0.2, 0.8]), 0.0, 1.0) == pytest.approx([1.0, 1.0])
    assert Normal(-500.0, 1.0).quantiles(np.array([0.2, 0.8]), 0.0, 1.0) == pytest.approx([0.0, 0.0])


def evaluations_to(level: float, seed: int, centre: float | None, budget: int = 40) -> int:
    prior = None if centre is None else Normal(centre, 0.08)
    opt = Optimizer({name: Real(0, 1, prior=prior) for name in "abc"}, seed=seed)
    for n in range(1, budget + 1):
        trial = opt.ask()
        x = np.array(list(trial.params.values()))
        value = float(((x - 0.7) ** 2).sum() - 0.1 * np.cos(9.0 * (x - 0.7)).sum()) + 0.3
        opt.tell(trial, value)
        if abs(value) < level:
            return n
    return budget


def test_a_good_belief_saves_evaluations_and_a_wrong_one_costs_little():
    found = {
        centre: np.mean([evaluations_to(0.02, seed, centre) for seed in range(3)])
        for centre in (None, 0.75, 0.1)
    }
    assert found[0.75] <= 0.8 * found[None]
    assert found[0.1] <= 1.5 * found[None]


def test_beliefs_are_stored_and_read_back():
    problem = Problem(MIXED, try_first=[{"x": 1, "lr": 0.01, "n": 2, "kind": "a", "free": 0}])
    stored = json.loads(json.dumps(problem.to_json()))
    again = Problem.from_json(stored)
    assert again.space == problem.space
    assert again.try_first == problem.try_first
    assert again.to_json() == problem.to_json()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: Real(0, 1, prior=Normal(0.5, 0)), "std=0 of Normal; a finite number above 0"),
        (lambda: Real(0, 1, prior=0.5), "write Normal"),
        (lambda: Real(0, 1, prior={"normal": [1]}), "write Normal"),
        (lambda: Real(0, 1, prior=Normal(50, 0.1)), "units of the range"),
        (lambda: Integer(1, 9, prior=LogNormal(1e6, 2)), "units of the range"),
        (lambda: Real(0, 1, prior=LogNormal(1, 1)), "factor=1 of LogNormal"),
        (lambda: Integer(0, 9, prior=Normal("a", 1)), "mean='a' of Normal"),
        (lambda: Categorical(["a", "b"], prior=[1]), "a positive weight for each of the 2 choices"),
        (lambda: Categorical(["a", "b"], prior=[1, 0]), "a positive weight for each"),
    ],
)
def test_a_belief_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(SpaceError, match=message):
        given()


def test_a_point_to_try_first_that_is_not_in_the_space_is_refused():
    with pytest.raises(ProblemError, match=r"try_first\[1\]: x=2 is outside"):
        Problem({"x": Real(0, 1)}, try_first=[{"x": 0.5}, {"x": 2}])
