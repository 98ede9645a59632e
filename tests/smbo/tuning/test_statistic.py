"""The χ² of a tune: which bins count, with which weight, and each measurement once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tune_toy import SPACE, study_of

from smbo.problem import ChiSquare, Problem
from smbo.tuning import TuneSettings, fit_tune
from smbo.tuning.statistic import Statistic


def test_a_measurement_in_two_guises_counts_once() -> None:
    problem, data = study_of(4, noise=0.002)
    loss, vectors = problem.loss, data.outputs
    assert isinstance(loss, ChiSquare)
    assert vectors is not None
    pairs = {
        name: (loss.data[where], loss.errors[where])
        for name, where in Statistic.of(loss, TuneSettings()).slices().items()
    }
    pairs["falling_again"] = pairs["falling"]
    twice = ChiSquare.of_observables(pairs)
    more = replace(
        vectors,
        loss=twice,
        values=np.hstack([vectors.values, vectors.values[:, :12]]),
        variances=np.hstack([vectors.variances, vectors.variances[:, :12]]),
        factors=np.zeros((len(data), 36, 0)),
    )
    twin, known = Problem(SPACE, loss=twice), replace(data, outputs=more)
    both = fit_tune(twin, known, TuneSettings(level=1.0))
    once = fit_tune(twin, known, TuneSettings(level=1.0, same_measurement=[("falling", "falling_again")]))
    alone = fit_tune(problem, data, TuneSettings(level=1.0))
    assert once.statistic.left_out == ("falling_again",)
    assert once.errors["slope"] == pytest.approx(alone.errors["slope"], rel=0.1)
    assert both.errors["slope"] < 0.8 * once.errors["slope"]
    assert once.ndf == pytest.approx(alone.ndf, abs=0.5)


def test_a_bin_that_the_study_leaves_out_stays_out_and_a_whole_observable_may_be_brought_back() -> None:
    loss = ChiSquare(
        np.ones(5), np.full(5, 0.1), weights=[0.0, 2.0, 0.3, 0.0, 0.0], counts={"used": 3, "unused": 2}
    )
    assert Statistic.of(loss, TuneSettings()).weights.tolist() == [0, 1, 1, 0, 0]
    both = Statistic.of(loss, TuneSettings(weights={"unused": 0.5}))
    assert both.weights.tolist() == [0, 1, 1, 0.5, 0.5]
    assert Statistic.of(loss, TuneSettings(observables=["unused"])).weights.tolist() == [0, 0, 0, 1, 1]


def test_the_theory_uncertainty_is_relative_to_the_data_and_that_of_the_settings_wins() -> None:
    loss = ChiSquare(np.array([-2.0, 4.0]), np.array([0.3, 0.4]), theory=0.1)
    assert Statistic.of(loss, TuneSettings()).variances == pytest.approx([0.09 + 0.04, 0.16 + 0.16])
    assert Statistic.of(loss, TuneSettings(theory=0.0)).variances == pytest.approx([0.09, 0.16])


def test_slices_cover_the_bins_in_their_order() -> None:
    statistic = Statistic.of(study_of(0)[0].loss, TuneSettings())
    assert statistic.slices() == {"falling": slice(0, 12), "peak": slice(12, 24)}
    assert statistic.scaled(np.arange(24.0)).weights == pytest.approx(np.arange(24.0) * statistic.weights)
