"""The process of each function whose level is sought, and the scale that it is modelled on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from smbo import LevelSet, Optimizer, Problem
from smbo.history.encode import encode
from smbo.surrogates import LevelGP


def told(function, n=40, **settings):
    problem = Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}, level_set=LevelSet(**settings))
    optimizer = Optimizer(problem, recipe="sobol", seed=2)
    for trial in optimizer.ask(n):
        optimizer.tell(trial, function(**trial.params))
    return encode(problem, optimizer.trials)


def cls(x, y):
    """A p-value that falls from one to nothing at all, as the exponential of a yield does."""
    return float(np.exp(-40.0 * np.exp(-6.0 * x - 3.0 * (y - 0.3) ** 2)))


def plane(x, y):
    return {"p": 0.2 + 0.5 * x + 0.2 * y}


def test_the_scale_is_the_one_that_tells_sides_best():
    _, memory = LevelGP().train(told(lambda **point: {"p": cls(**point)}, level={"p": 0.05}), {})
    assert memory["functions"]["p"]["scale"] == "p-value"
    _, memory = LevelGP().train(told(plane, level={"p": 0.5}), {})
    assert memory["functions"]["p"]["scale"] == "linear"


def test_the_scale_that_was_chosen_finds_the_contour_where_others_do_not():
    data = told(lambda **point: {"p": cls(**point)}, level={"p": 0.05})
    places = np.random.default_rng(1).random((2000, 2))
    truth = np.array([cls(*place) > 0.05 for place in places])

    def error(**settings):
        found = told(lambda **point: {"p": cls(**point)}, level={"p": 0.05}, **settings)
        return ((LevelGP().fit(found).above(places)[0] > 0.5) != truth).mean()

    assert error() == error(transform="p-value") < 0.5 * error(transform="linear")
    assert ((LevelGP().fit(data).above(places)[0] > 0.5) != truth).mean() < 0.01


def test_what_is_carried_restores_the_surrogate_to_the_bit_and_is_plain():
    data = told(lambda **point: {"p": cls(**point), "q": point["x"]}, level={"p": 0.05, "q": 0.5})
    first, memory = LevelGP().train(data, {})
    again, kept = LevelGP().train(data, json.loads(json.dumps(memory)))
    assert again == first
    assert kept == memory
    points = np.random.default_rng(1).random((20, 2))
    assert (again.fit(data).above(points) == first.fit(data).above(points)).all()


def test_the_posterior_of_a_fantasy_is_surer_there_and_believes_the_same():
    posterior = LevelGP().fit(told(plane, n=12, level={"p": 0.5}))
    point = np.array([[0.31, 0.77]])
    (mean,), (std,) = posterior.offsets(point)
    (later_mean,), (later_std,) = posterior.fantasize(point).offsets(point)
    assert later_mean == pytest.approx(mean, abs=1e-9)
    assert later_std < std


def test_distances_are_those_to_the_nearest_level():
    posterior = LevelGP().fit(told(lambda x, y: {"a": x, "b": y}, level={"a": 0.5, "b": 0.2}))
    away, std = posterior.moments(np.array([[0.5, 0.9], [0.9, 0.2], [0.9, 0.9]]))
    assert away[:2] == pytest.approx([0.0, 0.0], abs=1e-2)
    assert away[2] > 0.1
    assert (std > 0.0).all()
