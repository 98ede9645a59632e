"""What every acquisition keeps, on data of the kind of problem that it serves."""

from __future__ import annotations

import functools
import json
from dataclasses import is_dataclass, replace

import numpy as np
import pytest

import smbo.acquisition
from smbo import LevelSet, Optimizer, Problem, Real, Recipe
from smbo.acquisition import Acquisition, DifferentiableCriterion, Seeded, SpaceAware
from smbo.acquisition.base import PosteriorAware
from smbo.history.encode import encode
from smbo.proposal.presets import recipe_from_json, recipe_to_json
from smbo.surrogates import GP, LevelGP, ModelListGP
from smbo.training_data import Target, served_by

ACQUISITIONS = [
    each() for name in smbo.acquisition.__all__ if is_dataclass(each := getattr(smbo.acquisition, name))
]
SPACE = {"x": Real(0, 1), "y": Real(0, 1)}
# for each target a problem, a surrogate and what an evaluation gives
CASES = {
    Target.VALUE: (Problem(SPACE), GP(), lambda x, y: (x - 0.3) ** 2 + np.sin(3 * y)),
    Target.OBJECTIVES: (
        Problem(SPACE, objectives={"cost": "min", "gain": "max"}),
        ModelListGP(),
        lambda x, y: {"cost": x + 0.3 * y**2, "gain": x - y},
    ),
    Target.LEVEL_SET: (
        Problem(SPACE, level_set=LevelSet(0.5)),
        LevelGP(),
        lambda x, y: np.sin(9 * x) * np.cos(8 * y),
    ),
}


@pytest.fixture(params=ACQUISITIONS, ids=lambda acquisition: type(acquisition).__name__)
def acquisition(request):
    return request.param


@functools.cache
def known(target, n=10):
    """Return a problem of a target, the posterior of its surrogate, and the data."""
    problem, surrogate, evaluate = CASES[target]
    optimizer = Optimizer(problem, "random", seed=3)
    for trial in optimizer.ask(n):
        optimizer.tell(trial, evaluate(**trial.params), cost=1.0 + trial.params["x"])
    data = encode(problem, optimizer.trials)
    return problem, surrogate.fit(data), data


def built(acquisition, seed=5):
    """Return the criterion, as a proposal builds it."""
    problem, posterior, data = known(next(each for each in CASES if each in served_by(acquisition)))
    if isinstance(acquisition, SpaceAware):
        acquisition = acquisition.with_space(problem.space, np.random.default_rng(1))
    if isinstance(acquisition, PosteriorAware):
        acquisition = acquisition.for_posterior(posterior)
    if isinstance(acquisition, Seeded):
        acquisition = acquisition.seeded(seed)
    return acquisition.build(posterior, data)


def points_of(m=20):
    return np.random.default_rng(2).uniform(0.05, 0.95, (m, len(SPACE)))


def test_acquisitions_are_what_the_seam_says(acquisition):
    assert isinstance(acquisition, Acquisition)
    assert acquisition == replace(acquisition)
    assert isinstance(acquisition.serves, frozenset)
    assert acquisition.serves
    assert all(isinstance(target, Target) for target in acquisition.serves)


def test_the_worth_of_points_is_finite_and_each_has_its_own(acquisition):
    criterion, points = built(acquisition), points_of()
    worth = criterion(points)
    assert worth.shape == (len(points),)
    assert np.isfinite(worth).all()
    assert np.ptp(worth) > 0
    # of matrix products of another size the last digits differ
    np.testing.assert_allclose(criterion(points[7:12]), worth[7:12], rtol=1e-6, atol=1e-9)


def test_the_same_data_and_seed_give_the_same_bits(acquisition):
    first, second = (built(acquisition)(points_of()) for _ in range(2))
    assert np.array_equal(first, second)


def test_another_seed_gives_other_draws(acquisition):
    part = getattr(acquisition, "acquisition", acquisition)  # of a wrapper its part draws
    if not (isinstance(acquisition, Seeded) and isinstance(part, Seeded)):
        pytest.skip("draws nothing")
    # a portfolio of a few may draw the same member twice
    drawn = {built(acquisition, seed)(points_of()).tobytes() for seed in range(8)}
    assert len(drawn) > 1


def test_gradients_are_those_of_finite_differences(acquisition):
    criterion, points = built(acquisition), points_of()
    if not isinstance(criterion, DifferentiableCriterion):
        pytest.skip("has no gradient")
    worth, gradient = criterion.with_gradient(points)
    np.testing.assert_allclose(worth, criterion(points), rtol=1e-9, atol=1e-12)
    step = 1e-6
    for column in range(points.shape[1]):
        shift = step * np.eye(points.shape[1])[column]
        slope = (criterion(points + shift) - criterion(points - shift)) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], slope, rtol=1e-3, atol=1e-4 * np.ptp(worth))


def test_a_recipe_with_it_survives_json(acquisition):
    recipe = Recipe(GP(), acquisition)
    assert recipe_from_json(json.loads(json.dumps(recipe_to_json(recipe)))) == recipe
