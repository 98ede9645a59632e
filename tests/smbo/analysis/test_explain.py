"""Explanations: what was learned, how well it predicts, and what was chosen."""

import dataclasses

import numpy as np
import pytest

from smbo.analysis.explain import leave_one_out
from smbo.optimizer import Optimizer
from smbo.proposal.auto import Auto
from smbo.proposal.recipe import Recipe
from smbo.study import Study
from smbo.surrogates import GP, Matern32
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData


def training_data_of(n, seed=0, noise=0.1, variances=None):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    return TrainingData(
        axes=(Axis("x", "continuous"), Axis("y", "continuous")),
        numbers=np.arange(n),
        points=points,
        values=np.sin(6 * points[:, 0]) + noise * rng.standard_normal(n),
        variances=np.full(n, np.nan) if variances is None else variances,
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, 2)),
        pending=np.zeros((0, 2)),
    )


def process(noise=0.05, kernel=None):
    theta = Hyperparameters((np.log(0.3), np.log(2.0)), np.log(1.3), float(np.log(noise)))
    return GP(kernel=kernel or Matern32(), hyperparameters=theta)


def test_a_model_that_fits_explains_the_values_and_one_of_pure_noise_does_not():
    good = leave_one_out(GP().fit(training_data_of(40, noise=0.05)))
    assert good.explained > 0.9
    assert good.log_density > 0.5
    assert good.covered > 0.8
    rng = np.random.default_rng(3)
    noise = dataclasses.replace(training_data_of(40), values=rng.standard_normal(40))
    assert leave_one_out(GP().fit(noise)).explained < 0.3


def test_intervals_that_hold_too_many_left_out_values_are_called_too_wide_and_by_how_much():
    def data_of(points):
        axes = (Axis("x", "continuous"), Axis("y", "continuous"))
        return TrainingData.of_values(axes, points, ((points - 0.4) ** 2).sum(axis=1))

    rng = np.random.default_rng(0)
    posterior, elsewhere = GP().fit(data_of(rng.random((24, 2)))), data_of(rng.random((200, 2)))
    score = leave_one_out(posterior)
    assert score.n_in_68 > 20
    assert f"{score.n_in_68}: too wide, {score.stretch:.2g} times as wide they would hold 68 %" in str(score)
    # the factor is one for other points too: there all of the intervals as they are hold, of these some 68 %
    mean, std = posterior.moments(elsewhere.points)
    deviations = np.abs(elsewhere.values - mean) / std
    assert (deviations < 1.0).mean() > 0.95
    assert 0.6 < (deviations < score.stretch).mean() < 0.8
    narrow = dataclasses.replace(score, n_in_68=10, stretch=1.7)
    assert "hold 10: too narrow, 1.7 times as wide they would hold 68 %" in str(narrow)
    assert str(dataclasses.replace(score, n_in_68=16)).endswith("68 % intervals hold 16")


def test_too_few_or_equal_values_have_no_score():
    assert leave_one_out(process().fit(training_data_of(2))) is None
    flat = dataclasses.replace(training_data_of(6), values=np.ones(6))
    assert leave_one_out(process().fit(flat)) is None


def told(recipe, n=25, space=None):
    optimizer = Optimizer(space or {"x": (0.0, 1.0), "idle": (0.0, 1.0)}, recipe, seed=0)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, 100.0 * (trial.params["x"] - 0.3) ** 2)
    return optimizer


def test_the_parameter_that_matters_comes_first_and_text_names_it():
    explanation = told("gp", n=30).explain()
    assert list(explanation.length_scales) == ["x", "idle"]
    assert explanation.length_scales["idle"] > 2 * explanation.length_scales["x"]
    assert explanation.leave_one_out.explained > 0.9
    assert 0 < explanation.noise < explanation.amplitude
    text = str(explanation)
    for part in ("surrogate GP", "acquisition LogExpectedImprovement", "idle", "leave-one-out on 30", "ms"):
        assert part in text
    assert "x, idle" in explanation.short()


@pytest.mark.parametrize("recipe", ["auto", "gp", "trust", "forest", "sobol", "thompson"])
@pytest.mark.parametrize("n", [0, 1, 9])
def test_every_recipe_is_explained_from_the_first_trial_on(recipe, n):
    optimizer = told(recipe, n)
    before = (optimizer.trials, optimizer.log)
    explanation = optimizer.explain()
    assert explanation.n_complete == n
    assert str(explanation)
    assert explanation.reason
    assert (optimizer.trials, optimizer.log) == before


def test_explaining_changes_no_proposal():
    explained, silent = told("auto", 14), told("auto", 14)
    explained.explain()
    assert explained.ask().params == silent.ask().params


def test_a_rule_s_choice_and_a_region_s_state_are_said():
    space = {"x": (0.0, 1.0), **{f"z{i}": (0.0, 1.0) for i in range(9)}}
    explanation = told(Recipe(rule=Auto(patience=1)), 24, space).explain()
    assert explanation.choice == "region"
    assert "10 axes" in explanation.reason
    assert explanation.region["length"] > 0
    assert "region: length" in str(explanation)


def test_a_study_explains_itself_as_an_optimizer_does(tmp_path):
    with Study.open(
        f"sqlite:///{tmp_path}/s.db", "s", {"x": (0.0, 1.0), "idle": (0.0, 1.0)}, "gp", seed=0
    ) as study:
        for _ in range(8):
            trial = study.ask()
            study.tell(trial, 100.0 * (trial.params["x"] - 0.3) ** 2)
        explanation = study.explain()
    other = told("gp", 8).explain()
    assert dataclasses.replace(explanation, seconds={}) == dataclasses.replace(other, seconds={})


def test_a_search_that_has_evaluated_all_points_is_explained_too():
    optimizer = Optimizer({"k": (1, 12)}, seed=0)
    for _ in range(12):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.params["k"] - 5) ** 2)
    explained = optimizer.explain()
    assert explained.n_complete == 12
    assert "whole proposal" not in explained.seconds
