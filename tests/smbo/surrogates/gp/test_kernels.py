"""Kernels against Matérn's formula, and the encoding of points as features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gamma, kv

from smbo.surrogates import Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.kernels import Features, Kernel, squared_distances
from smbo.training_data import Axis

KERNELS = [Matern32(), Matern52(), SquaredExponential()]
MIXED = (Axis("x", "continuous"), Axis("c", "categorical", 3), Axis("n", "ordered", 4))


@pytest.mark.parametrize(("kernel", "nu"), [(Matern32(), 1.5), (Matern52(), 2.5)], ids=["3/2", "5/2"])
def test_a_matern_kernel_is_that_of_bessel_functions(kernel, nu):
    r = np.linspace(0.01, 5.0, 40)
    s = np.sqrt(2.0 * nu) * r
    expected = 2.0 ** (1.0 - nu) / gamma(nu) * s**nu * kv(nu, s)  # Rasmussen & Williams, eq. 4.14
    np.testing.assert_allclose(kernel.profile(r**2), expected, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_slopes_are_those_of_finite_differences_and_finite_at_zero(kernel):
    assert isinstance(kernel, Kernel)
    squared = np.linspace(0.05, 9.0, 30)
    profile, slope = kernel.profile_and_slope(squared)
    np.testing.assert_array_equal(profile, kernel.profile(squared))
    step = 1e-5
    ahead, behind = kernel.profile(squared + step), kernel.profile(squared - step)
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)
    at_zero, slope_at_zero = kernel.profile_and_slope(np.zeros(1))
    assert at_zero[0] == 1.0
    near, slope_near = kernel.profile_and_slope(np.full(1, 1e-12))
    assert slope_at_zero[0] == pytest.approx(slope_near[0], rel=1e-5)
    assert near[0] == pytest.approx(1.0, abs=1e-11)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_a_profile_may_take_the_place_of_its_distances(kernel):
    squared = np.linspace(0.05, 9.0, 30).reshape(5, 6)
    profile, slope = kernel.profile_and_slope(squared)
    places = squared.copy(), np.empty((5, 6))
    found = kernel.profile_and_slope(places[0], places)
    assert found[0] is places[0]
    assert found[1] is places[1]
    np.testing.assert_array_equal(found, (profile, slope))


def test_categories_are_one_apart_and_coordinates_their_difference():
    features = Features.of(MIXED)
    points = np.array([[0.2, 1 / 6, 0.125], [0.2, 0.5, 0.125], [0.7, 1.0, 0.125], [0.2, 0.1, 0.875]])
    encoded = features.encode(points)
    assert encoded.shape == (4, 5)
    expected = [0.0, 1.0, 1.0 + 0.5**2, 0.75**2]
    np.testing.assert_allclose(squared_distances(encoded[:1], encoded)[0], expected, atol=1e-15)
    np.testing.assert_array_equal(features.per_axis(np.arange(5.0), 3), [0.0, 1.0 + 2.0 + 3.0, 4.0])


def test_squared_distances_are_those_of_the_differences_and_not_negative():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((7, 3)), rng.standard_normal((5, 3))
    expected = ((left[:, None] - right[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(left, right), expected, rtol=1e-12, atol=1e-14)
    far = 1e6 + 1e-9 * left  # where rounding would leave negative numbers
    assert (squared_distances(far, far) >= 0.0).all()
