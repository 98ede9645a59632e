"""Forests: moments of the values in each leaf, and values added to the leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from noisy_waves import noisy_wave, training_data_of
from sklearn.ensemble import RandomForestRegressor

from smbo.surrogates import ExtraTrees, Forest
from smbo.surrogates.sklearn.forest import seed_of


def test_the_mean_is_scikit_learns_prediction():
    data = training_data_of(*noisy_wave(60, seed=1))
    points = noisy_wave(20, seed=2)[0]
    mean, _ = Forest(n_trees=10).fit(data).moments(points)
    forest = RandomForestRegressor(10, min_samples_leaf=2, max_features=5.0 / 6.0, random_state=seed_of(data))
    # features are coordinates around the centre, in single precision as scikit-learn's trees have them
    size = np.abs(data.values).max()
    forest.fit((data.points - 0.5).astype(np.float32), data.values / size)
    expected = size * forest.predict((points - 0.5).astype(np.float32))
    np.testing.assert_allclose(mean, expected, rtol=1e-12)


@pytest.mark.parametrize("surrogate", [Forest(n_trees=8), ExtraTrees(n_trees=8)], ids=repr)
def test_values_added_to_leaves_have_the_moments_of_all_values_there(surrogate):
    data = training_data_of(*noisy_wave(40, seed=3))
    posterior = surrogate.fit(data)
    # without the values it was grown from
    empty = replace(
        posterior,
        counts=np.zeros_like(posterior.counts),
        means=np.zeros_like(posterior.means),
        squares=np.zeros_like(posterior.squares),
    )
    points, values = noisy_wave(30, seed=4)
    filled = empty.condition_on(points, values)
    leaves = filled._leaves(points)
    for tree in range(8):
        for leaf in np.unique(leaves[tree]):
            there = values[leaves[tree] == leaf]
            assert filled.counts[tree, leaf] == len(there)
            assert filled.means[tree, leaf] == pytest.approx(there.mean(), abs=1e-12)
            assert filled.squares[tree, leaf] == pytest.approx(len(there) * there.var(), abs=1e-12)
    assert filled.counts.sum() == 8 * 30


def test_the_seed_depends_on_the_points_alone():
    points, values = noisy_wave(20, seed=5)
    seed = seed_of(training_data_of(points, values))
    assert seed == seed_of(training_data_of(points, 1000.0 * values))
    assert seed != seed_of(training_data_of(points[::-1], values))
    assert 0 <= seed < 2**32
