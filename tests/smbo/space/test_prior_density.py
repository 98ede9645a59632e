"""The prior density over a space: values, slopes, and its share of the design."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import Categorical, Integer, LogNormal, Normal, Optimizer, Real, Space
from smbo.space.prior_density import PriorDensity

MIXED = {
    "x": Real(0, 10, prior=Normal(3, 1)),
    "lr": Real(1e-5, 1e-1, log=True, prior=LogNormal(1e-3, 3)),
    "n": Integer(1, 40, prior=Normal(10, 4)),
    "kind": Categorical(["a", "b", "c"], prior=[1, 5, 2]),
    "width": Real(0, 1, prior=Normal(0.5, 0.1), active_when="kind == 'b'"),
    "free": Real(0, 1),
}


def guidance(space) -> PriorDensity:
    found = PriorDensity.of(Space(space))
    assert found is not None
    return found


def test_a_space_without_beliefs_has_no_guidance():
    assert PriorDensity.of(Space({"x": (0.0, 1.0), "k": ["a", "b"]})) is None


def test_the_density_has_the_slope_of_finite_differences():
    found = guidance({name: MIXED[name] for name in ("x", "lr", "free")})
    points = np.random.default_rng(1).random((9, 3))
    _, slope = found.log_density(points)
    for column in range(3):
        step = np.zeros(3)
        step[column] = 1e-6
        by_hand = (found.log_density(points + step)[0] - found.log_density(points - step)[0]) / 2e-6
        assert slope[:, column] == pytest.approx(by_hand, rel=1e-5, abs=1e-6)


def test_the_density_is_highest_where_the_optimum_is_thought_to_lie_and_bounded_below():
    found = guidance(MIXED)
    at = {"x": 3.0, "lr": 1e-3, "n": 10, "kind": "b", "width": 0.5, "free": 0.1}
    off = {"x": 10.0, "lr": 1e-5, "n": 40, "kind": "a", "free": 0.1}
    here, there = found.log_density(found.space.to_unit([at, off]))[0]
    assert here == pytest.approx(0.0, abs=1e-3)
    assert there == pytest.approx(math.log(0.01 / 1.01), abs=0.01)


def test_an_inactive_dimension_says_nothing():
    found = guidance({"kind": Categorical(["a", "b"]), "width": MIXED["width"]})
    units = found.space.to_unit([{"kind": "a"}, {"kind": "b", "width": 0.1}])
    said, slope = found.log_density(units)
    assert said[0] == pytest.approx(0.0)
    assert said[1] < -4.0
    assert slope[0, 1] == 0.0


def test_the_first_point_is_where_the_optimum_is_thought_to_lie_and_half_of_the_design_is_around_it():
    opt = Optimizer(MIXED, seed=3)
    first = opt.ask().params
    assert first["x"] == pytest.approx(3.0)
    assert first["lr"] == pytest.approx(1e-3)
    assert (first["n"], first["kind"]) == (10, "b")
    more = [trial.params for trial in Optimizer(MIXED, "sobol", seed=3).ask(64)]
    near = [abs(point["x"] - 3.0) < 2.0 for point in more]
    assert all(near[0::2][:5])
    assert 0.2 < np.mean(near[1::2]) < 0.6  # 40 % by chance
