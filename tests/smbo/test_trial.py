"""Trials are values: frozen, copied and sent between processes as they are."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from smbo.trial import Recommendation, Rung, Trial, TrialState

TRIAL = Trial(
    3,
    {"x": 0.5, "kind": "a"},
    seed=7,
    state=TrialState.PAUSED,
    value=1.0,
    outputs=np.array([1.0, 2.0]),
    fidelity=3.0,
    rungs=(Rung(1.0, 2.0), Rung(3.0, 1.0, sem=0.1, token=4)),
    rung=1,
)


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda trial: pickle.loads(pickle.dumps(trial))])
def test_a_trial_is_the_same_in_another_process(travel):
    again = travel(TRIAL)
    for each in fields(Trial):
        np.testing.assert_equal(getattr(again, each.name), getattr(TRIAL, each.name))
    assert again.state is TrialState.PAUSED


def test_a_trial_is_not_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        TRIAL.value = 2.0


def test_a_state_is_the_word_that_is_stored():
    assert [TrialState(word) for word in map(str, TrialState)] == list(TrialState)
    assert {state for state in TrialState if not state.is_final} == {
        TrialState.WAITING,
        TrialState.RUNNING,
        TrialState.PAUSED,
    }


def test_a_recommendation_names_the_trial_at_its_point():
    assert Recommendation({"x": 0.5}, 1.0, 0.1, number=0).place == "trial 0"
    assert Recommendation({"x": 0.5}, 1.0, 0.1).place == "not evaluated itself"
