"""The knowledge gradient as a criterion: its values, contexts, refusals, and that noise makes it spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Optimizer
from smbo.acquisition import KnowledgeGradient
from smbo.errors import RecipeError
from smbo.surrogates import GP, Forest
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))


def data_of(n=8):
    points = np.random.default_rng(3).random((n, 2))
    return TrainingData.of_values(AXES, points, np.sin(6 * points[:, 0]) + points[:, 1])


def belief_of(data):
    theta = Hyperparameters((-1.0, -0.7), 0.1, -1.0)
    return GP(hyperparameters=theta, bend_values=False).fit(data)


def test_a_point_is_worth_the_expected_decrease_of_the_lowest_mean():
    data = data_of()
    belief, rng = belief_of(data), np.random.default_rng(0)
    places = rng.random((3, 2))
    found = np.exp(KnowledgeGradient().build(belief, data)(places))
    latent = replace(belief, scale=OutcomeTransform())
    before = latent.moments(data.points)[0].min()
    for place, gain in zip(places, found):
        mean, std = latent.moments(place[None])
        draws = mean[0] + np.hypot(std[0], latent.noise**0.5) * rng.standard_normal(20_000)
        allowed = np.concatenate([data.points, place[None]])
        low, high = (latent.condition_on(place[None], np.array([y])).moments(allowed)[0] for y in (0.0, 1.0))
        after = (low[:, None] + (high - low)[:, None] * draws).min(axis=0)
        assert gain == pytest.approx(before - after.mean(), abs=5 * after.std() / len(draws) ** 0.5)
    assert found.max() > 0.005  # else there is nothing to compare


def test_in_a_context_known_points_count_where_they_would_be_now():
    data, place = data_of(), np.array([[0.3, 0.9]])
    belief = belief_of(data)
    here = replace(data, context=np.array([np.nan, 0.9]))
    moved = replace(data, points=here.in_context(data.points))
    in_context = KnowledgeGradient().build(belief, here)(place)
    assert in_context == pytest.approx(KnowledgeGradient().build(belief, moved)(place))
    assert in_context != pytest.approx(KnowledgeGradient().build(belief, data)(place))


def test_it_needs_a_gaussian_process():
    data = data_of()
    with pytest.raises(RecipeError, match=r"Forest.* is none"):
        KnowledgeGradient().build(Forest().fit(data), data)


def test_the_recipe_finds_the_minimum_in_noise():
    optimizer = Optimizer({"x": (0.0, 1.0)}, recipe="kg", seed=1)
    noise = np.random.default_rng(1)
    for _ in range(30):
        trial = optimizer.ask()
        optimizer.tell(trial, 4.0 * (trial.params["x"] - 0.3) ** 2 + 0.3 * noise.standard_normal())
    assert abs(optimizer.recommend().params["x"] - 0.3) < 0.2
