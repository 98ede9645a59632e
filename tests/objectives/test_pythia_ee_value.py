"""The value F: a weighted mean of mean squared pulls, with a jackknife error."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import Context
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.spaces import SPACES, default_point

MONASH = default_point(SPACES["ee6n"])


@pytest.fixture(scope="module")
def objective() -> PythiaEE:
    return PythiaEE(events=1_000)


@pytest.mark.pythia
def test_the_value_is_the_weighted_mean_of_the_terms_over_the_returned_bins():
    weights = {"sphericity": 3.0, "charged_multiplicity": 0.5}
    objective = PythiaEE(
        events=500, observables=["sphericity", "charged_multiplicity", "pdg_means"], weights=weights
    )
    outcome = objective.evaluate(MONASH, Context(seed=2))
    start, expected = 0, 0.0
    for observable, name in zip(objective.observables, objective.metric_names, strict=True):
        bins = slice(start, start + observable.n_bins)
        start += observable.n_bins
        variance = observable.errors**2 + (0.05 * observable.values) ** 2 + outcome.outputs_variance[bins]
        term = np.mean((outcome.outputs[bins] - observable.values) ** 2 / variance)
        assert outcome.metrics[name] == pytest.approx(term)
        expected += weights.get(observable.name, 1.0) * term / 3
    assert start == len(outcome.outputs)
    assert outcome.value == pytest.approx(expected)


@pytest.mark.pythia
def test_the_returned_error_is_the_spread_over_seeds():
    objective = PythiaEE(events=500)
    outcomes = [objective.evaluate(MONASH, Context(seed=seed)) for seed in range(24)]
    spread = np.std([outcome.value for outcome in outcomes], ddof=1)
    told = np.sqrt(np.mean([outcome.sem**2 for outcome in outcomes]))
    # 24 draws tell a spread to 15 %, and the jackknife of a square is some tens of per cent off
    assert 0.5 < told / spread < 2
