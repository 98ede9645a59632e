"""What is claimed of a level set: by all likely models, and allowing for what no evaluation has shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import LevelSet, Optimizer, Problem
from smbo.acquisition.level_set import Misclassification
from smbo.history.encode import encode
from smbo.surrogates import LevelGP
from smbo.surrogates.multi_output.hidden_structure import HiddenStructure
from smbo.training_data import Axis

PLANE = (Axis("x", "continuous"), Axis("y", "continuous"))
NOTHING = HiddenStructure(share=0.0)


def test_structure_is_ruled_out_at_an_evaluation_and_open_far_from_all():
    told = np.array([[0.2, 0.2], [0.8, 0.3]])
    places = np.array([[0.2, 0.2], [0.25, 0.2], [0.5, 0.9]])
    left = HiddenStructure(share=0.1, width=0.05).left(places, told, PLANE)
    assert left == pytest.approx([0.0, 0.1 * (1.0 - np.exp(-0.5)), 0.1], abs=1e-9)


def test_an_evaluation_of_one_category_says_nothing_of_another():
    axes = (Axis("x", "continuous"), Axis("kind", "categorical", 3))
    seen = HiddenStructure().seen(np.array([[0.5, 1 / 6]]), np.array([[0.5, 1 / 6], [0.5, 0.5]]), axes)
    assert seen[0].tolist() == [1.0, pytest.approx(0.0, abs=1e-12)]


@pytest.fixture(scope="module")
def data():
    problem = Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}, level_set=LevelSet(0.45))
    optimizer = Optimizer(problem, recipe="sobol", seed=2)
    for trial in optimizer.ask(24):
        x, y = trial.params["x"], trial.params["y"]
        optimizer.tell(trial, 0.6 * x + 0.3 * np.sin(4.0 * y))
    return problem, encode(problem, optimizer.trials)


def test_a_claim_is_less_sure_between_evaluations_near_the_level(data):
    _, told = data
    posterior = LevelGP().fit(told)
    sure = replace(posterior, structure=NOTHING)
    places = np.random.default_rng(1).random((500, 2))
    doubt, less = (np.minimum(p, 1.0 - p) for p in (posterior.above(places)[0], sure.above(places)[0]))
    assert (doubt >= less - 1e-12).all()
    assert doubt.mean() > 1.2 * less.mean()
    at = told.points
    assert posterior.above(at) == pytest.approx(sure.above(at), abs=1e-9)


def test_a_claim_is_the_mean_of_the_models_by_their_weights(data):
    _, told = data
    posterior = replace(LevelGP(temperature=1e6).fit(told), structure=NOTHING)
    (models,) = posterior.models
    assert len(models) > 2
    assert sum(model.weight for model in models) == pytest.approx(1.0)
    places = np.random.default_rng(1).random((50, 2))
    alone = [replace(posterior, models=((replace(model, weight=1.0),),)).above(places) for model in models]
    assert posterior.above(places) == pytest.approx(np.mean(alone, axis=0), abs=1e-3)


def test_deviations_are_inflated_in_what_is_claimed(data):
    _, told = data
    posterior = replace(LevelGP().fit(told), structure=NOTHING)
    places = np.random.default_rng(1).random((500, 2))
    doubts = [
        np.minimum(p, 1.0 - p).mean()
        for p in (replace(posterior, inflation=factor).above(places) for factor in (1.0, 1.25))
    ]
    assert doubts[1] > 1.1 * doubts[0]


def test_points_are_worth_more_where_structure_may_hide(data):
    problem, told = data
    posterior = LevelGP().fit(told)
    survey = Misclassification().with_space(problem.space, np.random.default_rng(1))
    criterion = survey.build(posterior, told)
    blind = survey.build(replace(posterior, structure=NOTHING), told)
    places = np.random.default_rng(2).random((400, 2))
    gained = np.exp(criterion(places)) - np.exp(blind(places))
    near_level = np.abs(posterior.offsets(places)[0][0]) < posterior.height
    far = posterior.hidden(places) > 0.05
    assert gained[far & near_level].mean() > 1.3 * gained[~far & near_level].mean() > 0.0
    assert gained[near_level].mean() > 3.0 * gained[~near_level].mean()


def test_structure_is_not_looked_for_where_evaluations_failed(data):
    problem, told = data
    posterior = LevelGP().fit(told)
    survey = Misclassification().with_space(problem.space, np.random.default_rng(1))
    failed = np.array([[0.42, 0.62]])
    for each, is_left in ((told, True), (replace(told, failed=failed), False)):
        places, weights = survey._hidden(posterior, each, 1.0)
        near = np.linalg.norm(places - failed, axis=1) < 0.03
        assert (weights[near].sum() > 0.005 * weights.sum()) == is_left
