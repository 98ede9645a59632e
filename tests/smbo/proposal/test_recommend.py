"""Recommendations: the best belief among feasible points, not the luckiest value."""

import math
from dataclasses import replace

import numpy as np
import pytest

from smbo.history.encode import encode
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.proposal.presets import preset
from smbo.proposal.recommend import feasibility_of, recommend
from smbo.space import Real, Space
from smbo.training_data import Axis, TrainingData
from smbo.trial import Trial, TrialState

PROBLEM = Problem(Space({"x": (0.0, 1.0), "n": (1, 3)}, ["x * n < 2"]))


def trials(n, problem=PROBLEM, seed=0):
    points = problem.space.sample(n, np.random.default_rng(seed))
    return [
        Trial(number, point, 0, TrialState.COMPLETE, value=sum(point.values()), feasible=True)
        for number, point in enumerate(points)
    ]


def test_only_feasible_points_are_recommended():
    done = trials(8)
    lucky = Trial(8, {"x": 0.01, "n": 1}, 0, TrialState.COMPLETE, value=1.01, feasible=False)
    _, mean, std, row = recommend(PROBLEM, preset("gp"), encode(PROBLEM, [*done, lucky]), {})
    assert row < 8
    assert mean == pytest.approx(min(trial.value for trial in done), abs=0.3)  # a tenth of the range
    assert std >= 0


SPACE = {"x": (0.0, 1.0), "y": Real(1e-3, 1.0, log=True), "m": ["a", "b"], "n": (1, 4)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + math.log10(params["y"]) ** 2 + (params["m"] == "b") + params["n"] / 4


def told(recipe="gp", n=12, seed=1, space=None, **options):
    optimizer = Optimizer(SPACE if space is None else space, recipe, seed, **options)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, bowl(trial.params))
    return optimizer


def test_the_recommendation_is_not_the_luckiest_of_noisy_evaluations():
    optimizer = Optimizer({"x": (0.0, 1.0)}, "gp", 0)
    for x in np.linspace(0, 1, 21):
        optimizer.tell({"x": float(x)}, (x - 0.3) ** 2, sem=0.05)
    lucky = optimizer.tell({"x": 0.9}, -0.05, sem=0.2)
    assert optimizer.best is lucky
    recommended = optimizer.recommend()
    assert abs(recommended.params["x"] - 0.3) < 0.15
    assert 0 < recommended.std < 0.2


def test_without_a_surrogate_the_best_seen_is_recommended():
    optimizer = told("random")
    assert optimizer.recommend().number == optimizer.best.number
    assert math.isnan(optimizer.recommend().std)


def test_the_model_of_feasibility_is_bounded_where_evaluations_are_thousands():
    n = 2500
    points = 0.3 + 0.7 * np.random.default_rng(1).random((n, 2))
    data = TrainingData.of_values((Axis("x", "continuous"), Axis("y", "continuous")), points, points[:, 0])
    data = replace(data, failed=points[:10] / 10)
    fitted = feasibility_of(data, {})
    assert fitted is not None
    assert len(fitted.parts[0].labels.values) <= 1010
