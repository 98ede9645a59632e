"""Losses on vector outputs, and what a problem with one takes as a result."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from smbo import Fidelity, Optimizer, Problem
from smbo.errors import ProblemError
from smbo.history.encode import encode
from smbo.problem.losses import ChiSquare, FunctionLoss, loss_from_json
from smbo.trial import TrialState

SPACE = {"x": (0.0, 1.0)}


def test_chi_square_is_the_sum_of_weighted_squared_pulls():
    loss = ChiSquare([1.0, 2.0], [0.5, 0.0], [1.0, 3.0], theory=0.1)
    by_hand = (1.5 - 1.0) ** 2 / (0.25 + 0.01) + 3 * (1.0 - 2.0) ** 2 / 0.04
    assert loss.of(np.array([1.5, 1.0])) == pytest.approx(by_hand)
    told, _ = loss.measured(np.array([1.5, 1.0]), np.array([0.1, 0.2]))
    assert told == pytest.approx(0.25 / (0.26 + 0.1) + 3 / (0.04 + 0.2))


def test_the_standard_error_of_a_told_loss_is_its_scatter_over_repetitions():
    loss = ChiSquare([1.0, 2.0, 3.0], [0.5, 0.2, 0.3], [1.0, 3.0, 0.5])
    true, variances = np.array([1.6, 2.0, 2.7]), np.array([0.02, 0.01, 0.05])
    rng = np.random.default_rng(0)
    told = [loss.measured(true + np.sqrt(variances) * rng.standard_normal(3), variances) for _ in range(4000)]
    values, errors = np.array(told).T
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.15)


def test_observables_share_the_loss_by_their_weights_whatever_their_number_of_bins():
    loss = ChiSquare.of_observables({"a": ([0.0, 0.0], [1.0, 1.0]), "b": ([0.0], [1.0])}, weights={"b": 3.0})
    outputs = np.array([1.0, 2.0, 2.0])
    assert loss.of(outputs) == pytest.approx((1.0 * 2.5 + 3.0 * 4.0) / 2)
    parts = loss.by_observable(outputs)
    assert parts["a"] == pytest.approx(1.25)
    assert parts["b"] == pytest.approx(6.0)
    assert loss.reweighted({"a": 1.0, "b": 0.0}).of(outputs) == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ChiSquare([1.0], [0.0]), "no error"),
        (lambda: ChiSquare([1.0, 2.0], [1.0]), "1 errors for 2 data"),
        (lambda: ChiSquare([1.0], [-1.0]), "from 0 up"),
        (lambda: ChiSquare([math.nan], [1.0]), "not finite"),
        (lambda: ChiSquare([1.0], [1.0], counts={"a": 2}), "2 bins"),
        (lambda: ChiSquare.of_observables({"a": ([1.0], [1.0])}, {"b": 1.0}), r"\['b'\]"),
    ],
)
def test_a_loss_that_makes_no_sense_is_refused_with_what_is_wrong(make, says):
    with pytest.raises(ProblemError, match=says):
        make()


def test_bins_of_weight_0_may_be_unknown_and_leave_the_mean_to_the_others():
    data = {"a": ([1.0, math.nan, 0.0], [0.5, 0.1, 0.0]), "b": ([2.0], [1.0])}
    loss = ChiSquare.of_observables(data, {"a": [1.0, 0.0, 0.0]})
    assert loss.weights.tolist() == [0.5, 0.0, 0.0, 0.5]
    assert loss.of(np.array([2.0, 9.0, 9.0, 2.0])) == pytest.approx(0.5 * 4.0)
    assert loss.reweighted({"a": 1.0, "b": 3.0}).weights.tolist() == [0.5, 0.0, 0.0, 1.5]
    for weights, says in (({}, "not finite"), ({"a": [1.0, 0.0, 1.0]}, "no error at all")):
        with pytest.raises(ProblemError, match=says):
            ChiSquare.of_observables(data, weights)


def test_an_output_that_is_nan_is_a_bin_without_information_unless_all_are():
    loss = ChiSquare.of_observables({"a": ([1.0, 2.0], [0.5, 0.5]), "b": ([2.0], [1.0])})
    optimizer = Optimizer(Problem(SPACE, loss=loss))
    told = optimizer.tell({"x": 0.3}, outputs=[2.0, math.nan, 3.0], covariance=[0.0, 0.1, 0.0])
    assert told.state is TrialState.COMPLETE
    assert told.value == pytest.approx(0.5 * 4.0 + 0.5 * 1.0)
    assert told.metrics == {"bins_without_information": 1.0}
    assert (told.outputs.tolist(), told.outputs_variance.tolist()) == ([2.0, 2.0, 3.0], [0.0, 4.0, 0.0])
    # an observable of which nothing is known leaves the mean to the others
    assert optimizer.tell({"x": 0.4}, outputs=[math.nan, math.nan, 3.0]).value == pytest.approx(1.0)
    for nothing in ([math.nan] * 3, [2.0, math.inf, 3.0]):
        told = optimizer.tell({"x": 0.5}, outputs=nothing)
        assert (told.state, told.reason) == (TrialState.FAILED, "non-finite")


def test_a_bin_without_information_has_no_noise_in_common_with_others():
    loss = ChiSquare([1.0, 2.0], [0.5, 0.5])
    optimizer = Optimizer(Problem(SPACE, loss=loss))
    told = optimizer.tell({"x": 0.3}, outputs=[1.5, math.nan], covariance=(np.ones(2), np.full((2, 1), 0.5)))
    assert told.outputs_variance.tolist() == [[1.0, 0.5], [4.0, 0.0]]


def test_a_loss_comes_back_from_json_as_it_was():
    problem = Problem(SPACE, loss=ChiSquare.of_observables({"a": ([1.0, 2.0], [0.1, 0.2])}, theory=0.05))
    again = Problem.from_json(problem.to_json())
    assert again.to_json() == problem.to_json()
    outputs = np.array([1.5, 1.5])
    assert again.loss is not None
    assert again.loss.of(outputs) == problem.loss.of(outputs)  # type: ignore[union-attr]
    with pytest.raises(ProblemError, match="only 'chi-square'"):
        loss_from_json(Problem(SPACE, loss=FunctionLoss(np.sum)).to_json()["loss"])


def test_metrics_told_beside_outputs_are_constrained():
    problem = Problem({"x": (0.0, 1.0)}, loss=ChiSquare([1.0, 2.0], [0.1, 0.2]), constraints=["load <= 1"])
    optimizer = Optimizer(problem)
    bad = optimizer.tell({"x": 0.3}, {"load": (2.0, 0.1)}, outputs=[1.5, 2.0])
    good = optimizer.tell({"x": 0.4}, {"load": 0.5}, outputs=[1.0, 2.0], covariance=[0.01, 0.02])
    assert (bad.feasible, good.feasible) == (False, True)
    assert bad.metrics == {"load": 2.0, "load_sem": 0.1}
    assert good.outputs.tolist() == [1.0, 2.0]
    assert optimizer.recommend().params == good.params


def test_a_loss_is_minimised_whatever_is_asked_for():
    with pytest.raises(ProblemError, match="minimised"):
        Problem(SPACE, loss=ChiSquare([1.0], [1.0]), maximize=True)


def test_outputs_of_few_events_count_for_what_they_are_worth_and_are_not_moved():
    fidelity = Fidelity(100, 900, name="events")
    problem = Problem(SPACE, loss=ChiSquare([0.0, 0.0], [1.0, 1.0]), fidelity=fidelity, early_stopping="asha")
    optimizer = Optimizer(problem, seed=1)
    rng = np.random.default_rng(0)
    for _ in range(12):
        trial = optimizer.ask()
        spread = math.sqrt(30.0 / trial.fidelity)
        told = trial.params["x"] + spread * rng.standard_normal(2)
        optimizer.tell(trial, outputs=told, covariance=[spread**2, spread**2])
    known = encode(problem, optimizer.trials)
    assert len(known) == len(optimizer.trials)
    # a complete trial is at the highest fidelity, a paused one at its last rung
    reached = [
        trial.fidelity if trial.state is TrialState.COMPLETE else trial.rungs[-1].fidelity
        for trial in optimizer.trials
    ]
    assert len(set(reached)) > 1
    assert known.outputs.variances[:, 0] == pytest.approx([30.0 / events for events in reached])
    assert known.outputs.values == pytest.approx(np.array([trial.outputs for trial in optimizer.trials]))
    # what was measured once stays known while it goes on
    again = encode(problem, [replace(trial, state=TrialState.RUNNING) for trial in optimizer.trials])
    assert len(again) == len(known)
    assert len(again.pending) == 0
