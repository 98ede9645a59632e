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
