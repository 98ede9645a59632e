"""Random Fourier features against the kernels whose spectral densities they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.errors import RecipeError
from smbo.surrogates import Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.fourier_features import FourierFeatures, spectrum

KERNELS = [Matern32(), Matern52(), SquaredExponential()]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_mean_cosine_of_the_phases_is_the_kernel(kernel):
    n = 20_000
    frequencies, shares = spectrum(kernel, 3, n, np.random.default_rng(0))
    gaps = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.5, -0.5, 0.5], [1.0, 1.0, -1.0]])
    found = np.cos(gaps @ frequencies) @ shares
    # a cosine has a variance of at most one: four standard errors
    np.testing.assert_allclose(found, kernel.profile((gaps**2).sum(axis=1)), atol=4 / np.sqrt(n))


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_what_data_leave_of_a_draw_has_the_variance_of_the_kernel(kernel):
    # of a draw less its interpolation from a grid only frequencies beyond the grid's are left, which
    # a spectral density hardly has
    grid, middle = 0.7 * np.arange(-5.0, 6.0)[:, None], np.array([[0.35]])
    cross = kernel.profile((middle - grid.T) ** 2)[0]
    weights = np.linalg.solve(kernel.profile((grid - grid.T) ** 2), cross)
    ratios = []
    for seed in range(40):
        frequencies, shares = spectrum(kernel, 1, 256, np.random.default_rng(seed))
        left = np.exp(1j * middle @ frequencies)[0] - weights @ np.exp(1j * grid @ frequencies)
        ratios.append(np.abs(left) ** 2 @ shares / (1.0 - cross @ weights))
    assert np.mean(ratios) == pytest.approx(1.0, rel=0.05)
    assert np.std(ratios) < 0.2


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_shares_of_few_frequencies_add_up_to_one(n):
    frequencies, shares = spectrum(SquaredExponential(), 5, n, np.random.default_rng(0))
    assert frequencies.shape == (5, n)
    assert shares.sum() == pytest.approx(1.0)


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
