"""Predictions of a tune and the band of its eigentunes, from the model of the bins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tune_toy import SPACE, study_of

from smbo.tuning import fit_tune
from smbo.tuning.bands import eigentune_band, predicted


@pytest.fixture(scope="module")
def tune():
    return fit_tune(*study_of(seed=0))


def test_the_band_adds_the_larger_step_of_each_pair_to_either_side_in_quadrature(tune):
    below, above = np.zeros(24), np.zeros(24)
    for each in tune.eigentunes:
        ends = [predicted(SPACE, tune, point)[0] - tune.outputs for point in (each.plus, each.minus)]
        for k, steps in enumerate(zip(*ends)):
            above[k] += max(*steps, 0.0) ** 2
            below[k] += min(*steps, 0.0) ** 2
    band = eigentune_band(SPACE, tune)
    assert band.below == pytest.approx(np.sqrt(below), rel=1e-9)
    assert band.above == pytest.approx(np.sqrt(above), rel=1e-9)
    assert band.below.max() > 0.0 < band.above.max()


def test_without_eigentunes_there_is_no_band(tune):
    band = eigentune_band(SPACE, replace(tune, eigentunes=()))
    assert not band.below.any()
    assert not band.above.any()


def test_the_prediction_at_the_tune_is_the_tunes_own(tune):
    bins, errors = predicted(SPACE, tune, tune.params)
    assert bins == pytest.approx(tune.outputs, rel=1e-6)
    assert errors == pytest.approx(tune.outputs_std, rel=1e-6)
