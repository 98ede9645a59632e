"""Hyperparameters by maximum a posteriori; see also numerics/test_gp_against_dense_algebra.py."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from smbo.errors import NumericalError
from smbo.surrogates import GP, Matern52, Priors
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.gp.marginal_likelihood import (
    Hyperparameters,
    Likelihood,
    constant_mean,
    default_start,
    most_probable,
    negatives,
    noise_variances,
)
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))


def likelihood(n=20):
    features, points = Features.of(AXES), np.random.default_rng(0).random((n, 2))
    values = np.sin(5.0 * points[:, 0])
    values = (values - values.mean()) / values.std()
    return Likelihood(
        Matern52(), features, Priors(), 2, points, features.encode(points), values, np.full(n, np.nan)
    )


def test_the_constant_mean_is_that_of_dense_algebra():
    rng = np.random.default_rng(1)
    half, values = rng.standard_normal((6, 6)), rng.standard_normal(6)
    covariance = half @ half.T + np.eye(6)
    mean, alpha = constant_mean(np.linalg.cholesky(covariance), values)
    # m ~ N(0, 1) adds one to every covariance: α = (K + 1 1ᵀ)⁻¹ y and m = 1ᵀ α
    expected = np.linalg.solve(covariance + 1.0, values)
    assert alpha == pytest.approx(expected, rel=1e-9)
    assert mean == pytest.approx(expected.sum(), rel=1e-9)


def test_no_hyperparameter_moved_alone_is_more_probable_than_what_is_found():
    target, start = likelihood(), default_start(Priors(), AXES)
    found, density = most_probable(target, [start], 50)
    assert density == pytest.approx(-target.negative(found), rel=1e-12)
    assert density > -target.negative(start) + 1.0
    for step in 0.1 * np.eye(4):
        for sign in (1, -1):
            moved = Hyperparameters.of_vector(found.vector() + sign * step, 2)
            # the search stops at 1e-4 of the value
            assert -target.negative(moved) < density + 1e-2
    assert found.log_lengths[0] < found.log_lengths[1], "the values depend on the first axis alone"


def test_densities_of_several_scales_are_those_of_each_alone():
    first, theta = likelihood(), default_start(Priors(), AXES)
    told = replace(first, variances=np.full(20, 0.3))  # its covariance is another one
    several = [first, replace(first, values=first.values**3), told, replace(told, values=first.values**2)]
    expected = [each.negative_with_gradient(theta.vector())[0] for each in several]
    assert negatives(several, theta) == pytest.approx(expected, rel=1e-12)
    assert len(set(expected)) == 4


def test_a_density_that_is_finite_at_no_start_is_an_error():
    broken = replace(likelihood(), encoded=np.full((20, 2), np.nan))
    assert broken.negative(default_start(Priors(), AXES)) == np.inf
    with pytest.raises(NumericalError, match="none of its starts"):
        most_probable(broken, [default_start(Priors(), AXES)], 5)


def test_hyperparameters_survive_the_trip_through_a_vector_and_json():
    theta = Hyperparameters((-0.7, 0.2), 0.4, -3.0, (0.1, -0.2, 0.3, 0.0))
    assert Hyperparameters.of_vector(theta.vector(), 2) == theta
    assert Hyperparameters.from_json(json.loads(json.dumps(theta.to_json()))) == theta
    assert theta.with_identity_warps().log_warps == (0.0,) * 4


def test_a_given_variance_of_zero_is_raised_and_an_unknown_one_is_the_learned():
    variances = noise_variances(np.array([0.3, np.nan, 0.0]), 0.05)
    assert variances[:2].tolist() == [0.3, 0.05]
    assert 0.0 < variances[2] < 1e-4


def test_an_axis_of_levels_has_a_length_scale_by_how_far_apart_random_points_are():
    rng = np.random.default_rng(2)
    axes = (Axis("x", "continuous"), Axis("c", "categorical", 5), Axis("k", "ordered", 9))
    start = np.exp(default_start(Priors(), axes).log_lengths)
    points = rng.random((20_000, 3))
    points[:, 1] = (np.floor(5 * points[:, 1]) + 0.5) / 5
    features = Features.of(axes)
    gaps = np.diff(features.encode(points).reshape(-1, 2, features.columns.size), axis=1)[:, 0]
    mean_squares = features.per_axis((gaps**2).mean(axis=0), 3)
    # 10,000 pairs: about 1 % in each mean square
    assert (mean_squares / start**2)[:2] == pytest.approx(mean_squares[0] / start[0] ** 2, rel=0.03)
    assert start[0] == start[2]


def test_an_error_beyond_all_floats_says_nothing_and_stops_nothing():
    points = np.linspace(0.0, 1.0, 9)[:, None]
    variances = np.full(9, 1e-6)
    variances[4] = np.inf
    values = np.sin(3.0 * points[:, 0])
    data = TrainingData.of_values((Axis("x", "continuous"),), points, values, variances)
    mean, std = GP().fit(data).moments(points)
    assert mean == pytest.approx(values, abs=0.1)
    assert std[4] > std[3]
