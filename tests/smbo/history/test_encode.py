"""Trials as training data: minimised, by number, each state in its place, within the range of a float."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from smbo.history.encode import LARGEST, SMALLEST, encode, within_range
from smbo.problem import Problem
from smbo.space import Space
from smbo.trial import Trial, TrialState

SPACE = Space({"x": (-1.0, 2.0), "k": (1, 9), "c": ["a", "b"]})


def drawn(rng, number, state):
    result = {"value": rng.normal(), "sem": 0.1, "cost": 2.0, "feasible": True}
    is_told = state is TrialState.COMPLETE
    return Trial(number, SPACE.sample(1, rng)[0], seed=0, state=state, **(result if is_told else {}))


def test_each_state_has_its_place_and_the_order_of_telling_does_not_matter():
    rng = np.random.default_rng(0)
    trials = [drawn(rng, number, list(TrialState)[number % 7]) for number in range(21)]
    problem = Problem(SPACE, maximize=True)
    data = encode(problem, trials)
    in_state = {state: [trial for trial in trials if trial.state is state] for state in TrialState}
    done = in_state[TrialState.COMPLETE]
    assert data.numbers.tolist() == [trial.number for trial in done]
    np.testing.assert_array_equal(data.values, [-trial.value for trial in done])
    np.testing.assert_array_equal(data.points, SPACE.to_unit([trial.params for trial in done]))
    failed = [trial.params for trial in in_state[TrialState.FAILED]]
    np.testing.assert_array_equal(data.failed, SPACE.to_unit(failed))
    pending = [trial.params for trial in trials if not trial.state.is_final]
    np.testing.assert_array_equal(data.pending, SPACE.to_unit(pending))
    shuffled = encode(problem, [trials[i] for i in rng.permutation(21)])
    costs = [trial.cost for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.FAILED)]
    np.testing.assert_array_equal(data.costs.rates, [cost for cost in costs if cost is not None])
    np.testing.assert_equal(vars(shuffled.costs), vars(data.costs))
    for each in (item for item in fields(data) if item.name != "costs"):
        np.testing.assert_equal(getattr(shuffled, each.name), getattr(data, each.name))


def test_the_square_of_every_ratio_of_told_values_is_a_float():
    numbers = np.array([5e-324, 1e-80, -1e-76, SMALLEST, 1.0, LARGEST, 1e155, 1.7e308, -1.7e308])
    told = within_range(np.append(numbers, np.nan))
    assert np.isnan(told[-1])
    told = told[:-1]
    assert (told[:3] == 0.0).all()
    assert (np.diff(told[3:-1]) >= 0).all()
    parts = told[told != 0.0]
    assert np.isfinite((parts[:, None] / parts) ** 2).all()
    assert (np.abs(parts[:, None] / parts) ** 2 > 0).all()
