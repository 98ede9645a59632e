"""The minimum of the expected χ², for each choice of what is not fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tune_toy import spectra, study_of

from smbo.history.encode import encode
from smbo.problem import ChiSquare, Problem
from smbo.space import Categorical, Integer, Real, Space
from smbo.trial import Trial, TrialState
from smbo.tuning import TuneSettings, fit_tune
from smbo.tuning.bins import BinModel
from smbo.tuning.minimum import Target, fitted_columns, metric_of, minima, minimum_from
from smbo.tuning.statistic import Statistic


def test_each_choice_of_a_category_has_a_minimum_of_its_own() -> None:
    space = Space({"slope": Real(0.5, 2.5), "kind": Categorical(["right", "wrong"])})
    rng = np.random.default_rng(0)
    truth = spectra(1.4, 0.5)
    loss = ChiSquare.of_observables({"both": (truth, np.full(24, 0.03))})
    trials = []
    for number, point in enumerate(space.sample(40, rng)):
        shift = 0.1 if point["kind"] == "wrong" else 0.0
        outputs = spectra(point["slope"], 0.5) + shift + 0.01 * rng.standard_normal(24)
        trials.append(
            Trial(
                number,
                point,
                0,
                TrialState.COMPLETE,
                value=0.0,
                feasible=True,
                outputs=outputs,
                outputs_variance=np.full(24, 1e-4),
            )
        )
    problem = Problem(space, loss=loss)
    tune = fit_tune(problem, encode(problem, trials))
    assert tune.params["kind"] == "right"
    assert tune.names == ("slope",)
    assert [choice for choice, _ in tune.alternatives] == [{"kind": "right"}, {"kind": "wrong"}]
    kinds = {choice["kind"]: value for choice, value in tune.alternatives}
    assert kinds["wrong"] > 5.0 * kinds["right"]


@pytest.fixture(scope="module")
def target():
    problem, data = study_of(seed=0)
    model = BinModel.of(data)
    statistic = Statistic.of(problem.loss, TuneSettings())
    return Target(model, statistic, metric_of(statistic, np.full(24, 1e-3)))


def test_the_expected_chi2_is_that_of_the_bins_means_and_variances(target: Target) -> None:
    points = np.random.default_rng(1).uniform(size=(9, 3))
    mean, variance = target.model.moments(points)
    expected = ((mean - target.statistic.data) ** 2 + variance) @ target.metric
    assert target(points) == pytest.approx(expected, rel=1e-8)


def test_no_point_of_the_space_is_lower_than_the_minimum(target: Target) -> None:
    problem, data = study_of(seed=0)
    ((value, unit),) = minima(problem, data, target)
    assert value == pytest.approx(float(target(unit[None])[0]))
    assert ((unit >= 0.0) & (unit <= 1.0)).all()
    tried = np.clip(
        np.vstack(
            [
                np.random.default_rng(2).uniform(size=(2000, 3)),
                unit + 0.02 * np.random.default_rng(3).standard_normal((500, 3)),
            ]
        ),
        0.0,
        1.0,
    )
    assert value <= target(tried).min() + 1e-6


def test_bins_without_weight_have_no_metric_even_without_an_error() -> None:
    loss = ChiSquare([1.0, 2.0, 3.0], [0.5, 0.0, 0.5], weights=[1.0, 0.0, 2.0])
    statistic = replace(
        Statistic.of(ChiSquare([1.0, 2.0, 3.0], [0.5] * 3), TuneSettings()), errors=loss.errors
    )
    statistic = replace(statistic, weights=loss.weights)
    assert metric_of(statistic, np.array([0.0, 0.0, 0.25])).tolist() == [4.0, 0.0, 4.0]


def test_where_nothing_is_continuous_the_start_is_the_minimum(target: Target) -> None:
    problem = Problem({"slope": Integer(0, 4), "width": Integer(0, 4), "idle": Integer(0, 4)})
    start = np.array([0.3, 0.5, 0.7])
    assert not len(fitted_columns(problem, start))
    value, end = minimum_from(problem, target, start)
    assert end is start
    assert value == float(target(start[None])[0])
