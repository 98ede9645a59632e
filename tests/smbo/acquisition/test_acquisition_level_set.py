"""What an evaluation is expected to tell of a level: against averages over drawn results."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from smbo import LevelSet, Optimizer, Problem, Recipe
from smbo.acquisition import Misclassification, Straddle
from smbo.acquisition.level_set import ExpectedReduction, doubt, expected_doubt
from smbo.errors import RecipeError
from smbo.history.encode import encode
from smbo.surrogates import GP, LevelGP
from smbo.training_data import Axis, TrainingData


def test_doubt_is_the_variance_of_being_above():
    z = np.linspace(-6.0, 6.0, 1001)
    assert np.abs(doubt(z) - ndtr(z) * ndtr(-z)).max() < 0.011


def test_expected_doubt_is_the_mean_over_what_an_evaluation_may_give():
    rng = np.random.default_rng(1)
    for mean, told, left in [(0.3, 0.5, 0.2), (-1.5, 2.0, 0.01), (2.0, 0.1, 1.0), (0.0, 1e-6, 1.0)]:
        drawn = doubt((mean + np.sqrt(told) * rng.standard_normal(400_000)) / np.sqrt(left))
        expected = expected_doubt(np.array(mean), np.array(told), np.array(left))
        assert expected == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(400_000) + 1e-9)


@pytest.fixture(scope="module")
def told():
    problem = Problem({"x": (0.0, 1.0), "y": (0.0, 1.0)}, level_set=LevelSet(0.5, of=["f", "g"]))
    optimizer = Optimizer(problem, seed=1)
    for trial in optimizer.ask(12):
        x, y = trial.params["x"], trial.params["y"]
        optimizer.tell(trial, {"f": np.sin(3 * x) * y, "g": x + 0.1 * y})
    data = encode(problem, optimizer.trials)
    return problem, data, LevelGP().fit(data)


def test_the_reduction_is_that_of_drawn_evaluations(told):
    _, _, posterior = told
    rng = np.random.default_rng(3)
    places = rng.random((50, 2))
    point = np.array([[0.4, 0.6]])
    criterion = ExpectedReduction.of(posterior, places, np.ones(50), None)
    total = 0.0
    for row, process in enumerate(posterior.processes):
        mean, spread = process.moments(point)
        before = doubt((process.moments(places)[0] - posterior.levels[row]) / process.moments(places)[1])
        drawn = []
        for value in mean + np.sqrt(spread**2 + process.noise) * rng.standard_normal((1500, 1)):
            later = process.condition_on(point, value)
            after_mean, after_std = later.moments(places)
            drawn.append(doubt((after_mean - posterior.levels[row]) / after_std).sum())
        total += before.sum() - np.mean(drawn)
    # the draws' own error is a few per cent of the reduction
    assert np.exp(criterion(point)[0]) == pytest.approx(total, rel=0.1)


def test_an_evaluated_point_tells_nothing_new(told):
    problem, data, posterior = told
    criterion = Misclassification().with_space(problem.space, np.random.default_rng(1)).build(posterior, data)
    elsewhere = criterion(np.random.default_rng(2).random((50, 2))).max()
    assert criterion(data.points).max() < elsewhere - np.log(10.0)


def test_drawn_places_stand_for_the_whole_survey(told):
    problem, data, posterior = told
    points = np.random.default_rng(3).random((40, 2))
    rng = np.random.default_rng(1)
    few = Misclassification(n_survey=2048, n_places=256, close=0.0).with_space(problem.space, rng)
    ranked = np.exp(few.build(posterior, data)(points))
    whole = np.exp(ExpectedReduction.of(posterior, few.places, np.ones(len(few.places)), None)(points))
    assert np.corrcoef(ranked, whole)[0, 1] > 0.99


def test_places_are_drawn_by_what_is_unsure_by_more_than_close(told):
    problem, data, posterior = told

    def beyond(places, close):
        mean, std = posterior.offsets(places)
        slopes = [process.moments_and_gradients(places)[2] for process in posterior.processes]
        steepness = np.linalg.norm(np.array(slopes), axis=2)
        return doubt((np.abs(mean) + close * steepness) / std).sum(axis=0)

    for close in (0.0, 0.02):
        surveyed = Misclassification(close=close).with_space(problem.space, np.random.default_rng(1))
        criterion = surveyed.build(posterior, data)
        n_drawn = criterion.weights * beyond(criterion.places, 0.0)
        due = 256 * beyond(criterion.places, close) / beyond(surveyed.places, close).sum()
        assert n_drawn.sum() == pytest.approx(256.0)
        assert np.abs(n_drawn - due).max() <= 1.0 + 1e-9  # systematic resampling: to within one


def test_straddle_prefers_what_is_unsure_and_near_the_level(told):
    _, data, posterior = told
    points = np.random.default_rng(4).random((200, 2))
    best = points[np.argmax(Straddle().build(posterior, data)(points))]
    mean, std = posterior.offsets(best[None])
    assert (np.abs(mean) < 1.96 * std).any()


def test_a_surrogate_without_levels_is_refused():
    problem = Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.5))
    with pytest.raises(RecipeError, match="GP is for one objective, and the problem has a level set"):
        Optimizer(problem, recipe=Recipe(GP(), Straddle(), n_initial=2), seed=1)
    with pytest.raises(RecipeError, match="Straddle is for a level set, and the problem has one objective"):
        Optimizer({"x": (0.0, 1.0)}, recipe=Recipe(LevelGP(), Straddle(), n_initial=2), seed=1)
    data = TrainingData.of_values((Axis("x", "continuous"),), np.array([[0.1], [0.7]]), np.array([0.1, 0.7]))
    with pytest.raises(RecipeError, match="LevelGP"):
        Straddle().build(GP().fit(data), data)
    with pytest.raises(RecipeError, match="level_set"):
        LevelGP().fit(data)


@pytest.mark.parametrize("fails", [lambda x: x >= 0.6, lambda x: 0.55 < x < 0.8, lambda x: False])
def test_once_a_level_is_known_asks_spread_where_evaluations_succeed(fails):
    optimizer = Optimizer(Problem({"x": (0.0, 1.0)}, level_set=LevelSet(0.05)), seed=1)
    asked = []
    for _ in range(18):
        trial = optimizer.ask()
        x = trial.params["x"]
        asked.append(x)
        optimizer.tell(trial, np.nan if fails(x) else x - 0.4)
    late = np.array(asked[8:])
    gaps = np.abs(late[:, None] - late)[np.triu_indices(len(late), 1)]
    assert gaps.min() > 1e-3
    assert np.ptp(late) > 0.4
    assert sum(map(fails, late)) <= 3
