"""Random Fourier features against the kernels whose spectral densities they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.errors import RecipeError
from smbo.surrogates import Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.fourier_features import FourierFeatures


@pytest.mark.parametrize("kernel", [Matern32(), Matern52(), SquaredExponential()], ids=repr)
def test_the_mean_cosine_of_the_phases_is_the_kernel(kernel):
    n = 20_000
    draw = FourierFeatures.of(kernel, 1.0, 3, n, np.random.default_rng(0))
    gaps = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.5, -0.5, 0.5], [1.0, 1.0, -1.0]])
    found = np.cos(gaps @ draw.frequencies).mean(axis=1)
    # a cosine has a variance of at most one: four standard errors
    np.testing.assert_allclose(found, kernel.profile((gaps**2).sum(axis=1)), atol=4 / np.sqrt(n))


def test_the_weights_have_the_variance_of_the_amplitude():
    draw = FourierFeatures.of(Matern52(), 3.0, 2, 5000, np.random.default_rng(1))
    # the sum of 10,000 squares of normals over their number is known to 1.4 %
    assert (draw.weights**2).sum() / 2.0 == pytest.approx(3.0, rel=0.06)


def test_slopes_are_those_of_finite_differences():
    draw = FourierFeatures.of(SquaredExponential(), 2.0, 3, 64, np.random.default_rng(2))
    scaled = np.random.default_rng(3).standard_normal((6, 3))
    values, slopes = draw.with_slope(scaled)
    np.testing.assert_allclose(values, draw(scaled), rtol=1e-12)
    for column, step in enumerate(1e-5 * np.eye(3)):
        expected = (draw(scaled + step) - draw(scaled - step)) / 2e-5
        np.testing.assert_allclose(slopes[:, column], expected, rtol=1e-6, atol=1e-7)


def test_another_kernel_is_refused_with_those_that_are_known():
    class Strange(Matern52):
        pass

    with pytest.raises(RecipeError, match=r"Strange.*Matern32, Matern52, SquaredExponential"):
        FourierFeatures.of(Strange(), 1.0, 2, 8, np.random.default_rng(0))
