"""What a told result makes of a trial: complete, paused, failed, pruned or cancelled."""

import math
from dataclasses import replace

import numpy as np
import pytest

from smbo.fidelity import Fidelity
from smbo.history.record import ToldResult, record_result
from smbo.optimizer import Optimizer
from smbo.problem import Outcome, Problem
from smbo.space import Real
from smbo.trial import Rung, Trial, TrialState

SPACE = {"x": (0.0, 1.0), "y": Real(1e-3, 1.0, log=True), "m": ["a", "b"], "n": (1, 4)}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), (math.nan, 1.0)])
def test_a_value_that_is_not_finite_is_a_failure(value):
    optimizer = Optimizer(SPACE, seed=0)
    trial = optimizer.tell(optimizer.ask(), value)
    assert trial.state is TrialState.FAILED
    assert trial.reason == "non-finite"
    assert optimizer.best is None


def test_what_was_told_is_in_the_trial():
    optimizer = Optimizer(SPACE, seed=0)
    trial = optimizer.tell(optimizer.ask(), 1.5, sem=0.2, cost=41.0)
    assert (trial.value, trial.sem, trial.cost, trial.feasible) == (1.5, 0.2, 41.0, True)
    assert optimizer.tell(optimizer.ask(), (1.5, 0.3)).sem == 0.3
    assert optimizer.tell(optimizer.ask(), Outcome(2.0, cost=3.0, metrics={"z": 1})).metrics == {"z": 1.0}
    assert optimizer.tell(optimizer.ask().number, np.float32(2)).value == 2.0


CLIMBING = Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9))
AT_START = Trial(0, {"x": 0.5}, seed=7, fidelity=1.0, token=4)


def test_a_result_below_the_highest_fidelity_pauses_the_trial_and_adds_a_rung():
    paused = record_result(CLIMBING, AT_START, ToldResult(2.0, sem=0.5, cost=3.0))
    assert (paused.state, paused.value) == (TrialState.PAUSED, 2.0)
    assert paused.rungs == (Rung(1.0, 2.0, sem=0.5, cost=3.0, feasible=True, token=4),)
    assert AT_START.rungs == ()
    done = record_result(CLIMBING, replace(paused, fidelity=9.0), ToldResult(1.0))
    assert (done.state, done.value, done.rungs) == (TrialState.COMPLETE, 1.0, paused.rungs)


def test_a_promoted_trial_that_fails_keeps_its_rungs_and_one_that_is_pruned_its_value():
    paused = record_result(CLIMBING, AT_START, ToldResult(2.0))
    failed = record_result(CLIMBING, paused, ToldResult(status="failed", reason="crash", error="story"))
    assert (failed.state, failed.value, failed.reason, failed.error) == ("failed", None, "crash", "story")
    assert failed.rungs == paused.rungs
    for value, kept in [(None, 2.0), (math.nan, 2.0), (1.5, 1.5)]:
        pruned = record_result(CLIMBING, paused, ToldResult(value, status="pruned"))
        assert (pruned.state, pruned.value) == (TrialState.PRUNED, kept)
