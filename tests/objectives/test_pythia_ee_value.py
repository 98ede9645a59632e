"""The value F: a weighted mean of mean squared pulls, with a jackknife error."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import Context
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.histograms import Prediction
from smbo_objectives.pythia_ee.spaces import SPACES, default_point
from smbo_objectives.pythia_ee.tables import Observable
from smbo_objectives.pythia_ee.value import Loss

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


def observable(name, values, errors):
    low = np.arange(len(values), dtype=float)
    return Observable(name, "test", low, low + 1.0, np.array(values, float), np.array(errors, float))


def test_terms_are_mean_squared_pulls_and_the_value_their_weighted_mean(rng):
    observables = [observable("a", [1.0, 2.0, -4.0], [0.1, 0.2, 0.3]), observable("b", [5.0], [0.0])]
    predictions = [
        Prediction(rng.normal(size=(7, o.n_bins)), rng.uniform(0.1, 1.0, (7, o.n_bins))) for o in observables
    ]
    loss = Loss(observables, np.array([3.0, 0.5]), theory_uncertainty=0.05)
    terms = loss.terms(predictions)
    assert terms.shape == (7, 2)
    for run in range(7):
        for column, (measured, found) in enumerate(zip(observables, predictions)):
            pulls = [
                (found.values[run, k] - measured.values[k]) ** 2
                / (measured.errors[k] ** 2 + (0.05 * measured.values[k]) ** 2 + found.variances[run, k])
                for k in range(measured.n_bins)
            ]
            assert terms[run, column] == pytest.approx(sum(pulls) / len(pulls))
    assert loss.value(terms) == pytest.approx((3.0 * terms[:, 0] + 0.5 * terms[:, 1]) / 2)


def test_the_jackknife_of_a_mean_is_its_squared_standard_error(rng):
    # without each block, F is the mean of the other blocks' numbers: there the jackknife is exact
    blocks = rng.uniform(1.0, 2.0, size=10)
    others = (blocks.sum() - blocks) / 9
    loss = Loss([observable("a", [0.0], [1.0])], np.ones(1), theory_uncertainty=0.0)
    left_out = Prediction(np.sqrt(others)[:, None], np.zeros((10, 1)))
    assert loss.jackknife_variance([left_out]) == pytest.approx(blocks.var(ddof=1) / 10)
