"""Outcomes: vector outputs and their covariance, and what does not fit the problem."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import Optimizer, Outcome, Problem
from smbo.errors import TellError
from smbo.problem.losses import ChiSquare
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
