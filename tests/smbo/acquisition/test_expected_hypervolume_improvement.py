"""The hypervolume that an evaluation is expected to add where the front is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real
from smbo.acquisition import LogExpectedHypervolumeImprovement, NoisyLogExpectedHypervolumeImprovement
from smbo.history.encode import encode
from smbo.surrogates.multi_output.model_list import ModelListGP

SPACE = {"x": Real(0, 1), "y": Real(0, 1)}


def measured(x, y):
    return {"cost": 50.0 + 10.0 * (x + 0.3 * y**2), "gain": 0.01 * (x - y)}


@pytest.mark.parametrize("reference", [None, {"cost": 58.0}, {"cost": 58.0, "gain": -0.003}], ids=str)
def test_with_hardly_any_noise_it_is_that_of_a_known_front(reference):
    problem = Problem(SPACE, objectives={"cost": "min", "gain": "max"}, reference=reference)
    optimizer = Optimizer(problem, "random", seed=3)
    for trial in optimizer.ask(9):
        told = measured(**trial.params)
        optimizer.tell(trial, told, sem={name: 1e-5 * abs(value) for name, value in told.items()})
    data = encode(problem, optimizer.trials)
    posterior = ModelListGP().fit(data)
    points = np.random.default_rng(1).random((100, 2))
    known = LogExpectedHypervolumeImprovement().build(posterior, data)(points)
    drawn = NoisyLogExpectedHypervolumeImprovement().build(posterior, data)(points)
    # the same volumes in units of the values' standard deviations; what is hardly worth anything hangs on
    # the last digits of both
    counts = known > known.max() - 6.0
    assert counts.sum() >= 10
    assert np.std((drawn - known)[counts]) < 0.05


def test_a_front_is_walked_from_end_to_end_although_evaluations_are_noisy():
    optimizer = Optimizer(Problem(SPACE, objectives={"a": "min", "b": "min"}), seed=1)
    for _ in range(14):
        trial = optimizer.ask()
        x, y = trial.params["x"], trial.params["y"]
        optimizer.tell(trial, {"a": x, "b": 1.0 - x + y}, sem={"a": 0.01, "b": 0.01})
    assert "Noisy" in optimizer.explain().acquisition
    found = sorted(trial.params["x"] for trial in optimizer.pareto().observed)
    assert found[0] < 0.1
    assert found[-1] > 0.9
