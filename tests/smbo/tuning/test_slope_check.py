"""Slopes of a tune beside the simulator's own: one where the model is right, and by how much where not."""

from __future__ import annotations

import numpy as np
import pytest
from tune_toy import SPACE, spectra, study_of

from smbo.errors import ProblemError
from smbo.tuning import check_slopes, fit_tune

STEP = 0.05


@pytest.fixture(scope="module")
def tune():
    return fit_tune(*study_of(seed=0))


def _near(tune, name):
    return {name: {**tune.params, name: tune.params[name] + STEP}}


def _changes(tune, near, factor, rng, n=8, noise=0.001):
    (point,) = near.values()
    true = factor * (spectra(**point) - spectra(**tune.params))
    return [true + noise * rng.standard_normal(24) for _ in range(n)]


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_the_ratio_is_that_of_the_simulators_slopes_to_the_models(tune, factor):
    near = _near(tune, "slope")
    runs = {"slope": _changes(tune, near, factor, np.random.default_rng(1))}
    (found,) = check_slopes(SPACE, tune, near, runs, {})
    assert found.ratio == pytest.approx(factor, abs=0.1)
    assert 0.0 < found.error < 0.1


def test_the_error_is_the_scatter_of_the_runs(tune):
    near = _near(tune, "width")
    found = []
    for seed in range(200):
        runs = {"width": _changes(tune, near, 1.0, np.random.default_rng(seed), noise=0.01)}
        found += check_slopes(SPACE, tune, near, runs, {})
    seen = np.std([each.ratio for each in found])
    assert np.mean([each.error for each in found]) == pytest.approx(seen, rel=0.15)


def test_what_is_refused_has_its_reason_and_no_ratio(tune):
    near = _near(tune, "slope")
    (found,) = check_slopes(SPACE, tune, near, {"slope": [None, None]}, {"slope": "too far"})
    assert np.isnan(found.ratio)
    assert found.reason == "too far"


@pytest.mark.parametrize(("runs", "said"), [([np.zeros(24)], "1 runs"), ([np.zeros(3)] * 4, "24")])
def test_too_few_runs_and_other_bins_are_refused(tune, runs, said):
    with pytest.raises(ProblemError, match=said):
        check_slopes(SPACE, tune, _near(tune, "slope"), {"slope": runs}, {})
