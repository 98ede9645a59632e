"""Principal components of vector outputs: which are kept, and their noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from vector_outputs import TO_LINEAR, D, data

from smbo.surrogates import CompositeGP
from smbo.surrogates.multi_output.pca import Basis, floored


def test_what_only_noise_moves_is_no_component():
    quiet, loud = CompositeGP().fit(data(noise=1e-6)), CompositeGP().fit(data(noise=0.5))
    assert len(quiet.components) == 5  # three linear directions and two waves
    assert 1 <= len(loud.components) <= 5


def test_correlated_errors_count_as_noise_along_their_direction():
    plain, correlated = data(noise=0.05, factors=1), data(noise=0.05, factors=1)
    correlated.outputs.factors[:, :, 0] = 0.3 * TO_LINEAR[0]
    trusting, wary = (CompositeGP().fit(each) for each in (plain, correlated))
    points = np.random.default_rng(4).random((20, D))
    assert wary.moments(points)[1].mean() > 1.3 * trusting.moments(points)[1].mean()


def test_components_survive_the_trip_through_the_outputs():
    vectors = data(n=30).outputs
    basis = Basis.of(vectors, 12)
    components = np.random.default_rng(1).standard_normal((30, basis.loadings.shape[1]))
    back, _ = basis.components(replace(vectors, values=basis.outputs(components)))
    np.testing.assert_allclose(back, components, atol=1e-10)


def test_components_of_the_evaluations_are_standardised_and_uncorrelated():
    vectors = data(n=30).outputs
    scores, variances = Basis.of(vectors, 12).components(vectors)
    # all evaluations have the same noise, so that all count alike
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-10)
    np.testing.assert_allclose(scores.T @ scores / 30, np.eye(scores.shape[1]), atol=1e-10)
    assert (variances > 0.0).all()
    assert (variances < 1.0).all()


def test_a_reported_error_of_zero_is_raised_to_a_quarter_of_what_is_typical_of_the_bin():
    vectors = data(n=5).outputs
    variances = np.full_like(vectors.variances, 0.08)
    variances[2, 3] = 0.0
    expected = variances.copy()
    expected[2, 3] = 0.02
    np.testing.assert_allclose(floored(replace(vectors, variances=variances)), expected, rtol=1e-12)
