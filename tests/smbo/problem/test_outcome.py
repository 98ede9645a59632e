"""Outcomes: vector outputs and their covariance, and what does not fit the problem."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import Optimizer, Outcome, Problem
from smbo.errors import ProblemError, TellError
from smbo.problem.losses import ChiSquare
from smbo.problem.outcome import as_outcome
from smbo.trial import TrialState

SPACE = {"x": (0.0, 1.0)}


def test_outputs_told_make_the_value():
    optimizer = Optimizer(Problem(SPACE, loss=ChiSquare([1.0, 2.0], [0.5, 0.5])), seed=1)
    told = optimizer.tell({"x": 0.3}, outputs=[1.5, 2.0], covariance=[0.01, 0.02])
    assert told.value == pytest.approx(0.25 / 0.26)
    assert told.sem is not None
    assert told.sem > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"result": 1.0}, "no outputs"),
        ({"outputs": [1.0]}, "1 outputs, and the loss is of 2"),
        ({"outputs": [1.0, 2.0], "covariance": [1.0]}, "shape"),
        ({"outputs": [1.0, 2.0], "covariance": [-1.0, 1.0]}, "negative"),
        ({"outputs": [1.0, 2.0], "covariance": [[1.0, 2.0], [2.0, 1.0]]}, "negative eigenvalue"),
        ({"result": 1.0, "outputs": [1.0, 2.0]}, "beside outputs"),
        ({"result": 1.0, "covariance": [1.0, 2.0]}, "covariance without outputs"),
    ],
)
def test_a_result_that_does_not_fit_the_loss_is_refused_and_the_trial_stays_open(arguments, says):
    optimizer = Optimizer(Problem(SPACE, loss=ChiSquare([1.0, 2.0], [0.5, 0.5])), seed=1)
    trial = optimizer.ask()
    with pytest.raises(TellError, match=says):
        optimizer.tell(trial, **arguments)
    assert optimizer.trials[0].state is TrialState.RUNNING


def test_outputs_that_are_not_finite_are_a_failure():
    optimizer = Optimizer(Problem(SPACE, loss=ChiSquare([1.0], [0.5])), seed=1)
    told = optimizer.tell({"x": 0.3}, outputs=[math.nan])
    assert (told.state, told.reason) == (TrialState.FAILED, "non-finite")


def test_a_covariance_matrix_is_kept_as_variances_and_columns():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((5, 2))
    matrix = root @ root.T + np.diag([0.1, 0.2, 0.3, 0.4, 0.5])
    packed = Outcome.of_outputs(np.zeros(5), matrix).outputs_variance
    assert packed is not None
    assert np.diag(packed[:, 0]) + packed[:, 1:] @ packed[:, 1:].T == pytest.approx(matrix)
    pair = Outcome.of_outputs(np.zeros(5), (np.ones(5), root)).outputs_variance
    assert pair is not None
    assert pair.shape == (5, 3)


@pytest.mark.parametrize("form", [dict, lambda metrics: Outcome(value=1.0, metrics=metrics)])
def test_metrics_by_the_hundred_thousand_are_refused_before_each_is_looked_at(form):
    """They took 13 s, and an error that listed all their names in 64 KB."""

    class Unread(float):
        def __float__(self):
            raise AssertionError("looked at")

    metrics = dict.fromkeys((f"k{i}" for i in range(200_000)), Unread())
    with pytest.raises(ProblemError, match=r"200000 metrics, at most 10000.*'k0', .*200000 in all") as caught:
        as_outcome(form(metrics))
    assert len(str(caught.value)) < 400


def test_a_result_that_lacks_its_value_shows_a_few_of_the_names_that_it_has():
    problem = Problem(SPACE)
    with pytest.raises(ProblemError, match=r"no 'value', only \['k0', .*5000 in all\)") as caught:
        problem.outcome({f"k{i}": 1.0 for i in range(5000)})
    assert len(str(caught.value)) < 400
