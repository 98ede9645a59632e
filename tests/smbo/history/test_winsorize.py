"""Penalties of crashed evaluations in the training data."""

import sys

import numpy as np
import pytest

from smbo import ChiSquare, Fidelity, LevelSet, Optimizer, Problem
from smbo.history.encode import encode
from smbo.history.incremental import Columns
from smbo.history.winsorize import winsorized, winsorized_on_both_sides, with_errors

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
HUGE = [1e6, 1e12, 1e30, sys.float_info.max]


def bowl(x, y):
    return (x - 0.3) ** 2 + (y - 0.6) ** 2


def told(problem, penalty, n=20):
    """Return an optimizer that was told a penalty in a third of the space."""
    optimizer = Optimizer(problem, "random", seed=3)
    for _ in range(n):
        trial = optimizer.ask()
        x, y = trial.params["x"], trial.params["y"]
        value = bowl(x, y) if x < 0.7 else penalty
        if problem.level_set is None and problem.objectives is not None:
            optimizer.tell(trial, {"a": value, "b": -value})
        elif problem.constraints:
            optimizer.tell(trial, {"value": value, "c": x + y if x < 0.7 else penalty})
        else:
            optimizer.tell(trial, value)
    return optimizer


PROBLEMS = {
    "one value": Problem(SPACE),
    "a constraint": Problem(SPACE, constraints=["c <= 0.5"]),
    "two objectives": Problem(SPACE, objectives={"a": "min", "b": "max"}),
    "a level set": Problem(SPACE, level_set=LevelSet(0.1)),
    "fidelities": Problem(SPACE, fidelity=Fidelity(1, 27), early_stopping="model"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_training_data_is_the_same_whatever_the_penalty(name):
    numbers = []
    for penalty in HUGE:
        data = encode(PROBLEMS[name], told(PROBLEMS[name], penalty).trials)
        numbers.append([data.values])
        if data.outcome_constraints is not None:
            numbers[-1].append(data.outcome_constraints.values)
        if data.objective_values is not None:
            numbers[-1].append(data.objective_values.values)
        if data.outputs is not None:
            numbers[-1].append(data.outputs.values)
        if data.fidelities is not None:
            numbers[-1].append(data.fidelities.values)
    for others in numbers[1:]:
        for first, other in zip(numbers[0], others):
            np.testing.assert_array_equal(first, other)
            assert np.nanmax(np.abs(other)) < 10.0


def test_what_was_told_stays_in_the_log_and_the_recommendation_is_sane():
    optimizer = Optimizer(SPACE, seed=0)
    for _ in range(25):
        trial = optimizer.ask()
        x, y = trial.params["x"], trial.params["y"]
        optimizer.tell(trial, bowl(x, y) if x < 0.7 else 1e30)
    assert max(trial.value for trial in optimizer.trials) == 1e30
    found = optimizer.recommend()
    assert bowl(found.params["x"], found.params["y"]) < 1e-3
    assert abs(found.mean) < 1e-2


def test_columns_hold_the_same_values_as_encode():
    optimizer = told(Problem(SPACE), 1e30)
    columns = Columns(optimizer.problem)
    columns.put(optimizer.trials)
    data = encode(optimizer.problem, optimizer.trials)
    np.testing.assert_array_equal(columns.data().values, data.values)
    np.testing.assert_array_equal(columns.data().variances, data.variances)


@pytest.mark.parametrize("penalty", [1e12, 1e30, sys.float_info.max])
def test_a_vector_of_penalties_is_a_failed_point(penalty):
    problem = Problem(SPACE, loss=ChiSquare(data=[0.5, 0.5], errors=[0.1, 0.1]))
    optimizer = Optimizer(problem, "random", seed=3)
    for _ in range(12):
        trial = optimizer.ask()
        x, y = trial.params["x"], trial.params["y"]
        optimizer.tell(trial, outputs=[x, y] if x < 0.7 else [penalty, penalty])
    data = encode(problem, optimizer.trials)
    crashed = [trial for trial in optimizer.trials if trial.params["x"] >= 0.7]
    assert len(crashed) == len(data.failed) > 0
    np.testing.assert_array_equal(data.failed, problem.space.to_unit([trial.params for trial in crashed]))
    assert data.outputs is not None
    assert data.outputs.values.max() < 1.0


def test_order_among_values_is_kept_and_errors_shrink_with_their_values():
    told_values = np.array([3.0, 1.0, 1e12, 2.0, 1e12, np.nan, 2.5])
    moved = winsorized(told_values)
    np.testing.assert_array_equal(moved, [3.0, 1.0, 5.0, 2.0, 5.0, np.nan, 2.5])


def test_long_tails_and_converged_searches_are_no_penalties():
    rng = np.random.default_rng(0)
    for values in (
        np.exp(3.0 * rng.standard_normal(60)),
        np.concatenate([rng.random(12), 1e-9 * rng.random(20)]),  # the best values lie decades below
        1e9 + rng.random(30),
        np.array([0.0, 0.0, 0.0, 1.0, 1.0]),
        np.array([1.0, 1e30]),
    ):
        assert winsorized(values) is values


def test_penalties_stay_on_their_side_of_an_anchor():
    slacks = np.array([9.9, 10.0, 9.95, -1e30, 1e30, 9.92])
    moved = winsorized_on_both_sides(slacks, 0.0)
    assert moved[3] < 0.0 < 10.0 < moved[4] < 40.0


def test_small_p_values_are_no_reason_to_move_the_others():
    p_values = np.array([4e-9, 1e-3, 0.63, 0.0, 0.3, 0.2, 1e-160, 0.7, 0.61, 5e-225])
    assert (
        winsorized_on_both_sides(p_values, 0.05) is p_values
        or (winsorized_on_both_sides(p_values, 0.05) == p_values).all()
    )
    crashed = np.append(p_values, 1e30)
    assert (winsorized_on_both_sides(crashed, 0.05)[:-1] == p_values).all()
    assert winsorized_on_both_sides(crashed, 0.05)[-1] < 10.0


def test_values_that_are_one_number_up_to_rounding_make_no_others_penalties():
    """A function that is 0 on a face of the box, up to its last digit."""
    values = np.array([6e-17, 0.4, 1.1, 5e-17, 0.7, 6.1e-17, 0.9, 1.3])
    assert winsorized(values) is values
    # told as one number they are penalties all the same, and so they are if far larger than any value
    for penalties in ([1.0] * 5, [1e6, 2e6, 3e6, 5e6, 4e6]):
        told = np.array([6e-17, 5e-17, 6.1e-17, *penalties])
        assert winsorized(told).max() < 1e-15


def test_a_plateau_that_is_equal_up_to_its_last_digits_makes_no_others_penalties():
    """As counts have it: three evaluations of -0.0383, others of 0 and 0.06."""
    plateau = -0.03831128 * (1.0 + np.array([0.0, 2e-16, 4e-16]))
    values = np.concatenate([plateau, [0.0, 0.06, 0.06, 0.06, 0.06, 0.2, 1e-16]])
    assert winsorized(values) is values
    errors = np.full(len(values), 1e-3)
    assert np.isfinite(with_errors(values, errors)[1]).all()


def test_errors_of_moved_values_never_grow():
    values = np.array([-5.0, -4.0, -4.5, 1e9, 1e9, 1e-30, 0.0])
    moved, variances = with_errors(values, np.full(7, 0.01))
    assert moved.max() < 1e3
    assert (variances <= 0.01).all()
    assert variances[3] < 1e-12
