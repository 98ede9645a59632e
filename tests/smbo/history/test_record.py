"""What a told result makes of a trial: complete, paused, failed, pruned or cancelled."""

import math

import numpy as np
import pytest

from smbo.optimizer import Optimizer
from smbo.problem import Outcome
from smbo.space import Real
from smbo.trial import TrialState

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
