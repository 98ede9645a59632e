"""Expected hypervolume improvement against draws, mpmath far into its tails, and finite differences."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from smbo.acquisition import hypervolume_closed_form as volumes
from smbo.acquisition.hypervolume_closed_form import (
    Sides,
    log_expected_volume,
    log_expected_volume_and_slopes,
)
from smbo.problem.hypervolume import Boxes, free_boxes, hypervolume


def front_of(m, n=12):
    rng = np.random.default_rng(m)
    directions = np.abs(rng.standard_normal((n, m)))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True), np.full(m, 1.1)


def beliefs(m, n=6):
    rng = np.random.default_rng([m, 1])
    return 1.2 * rng.random((n, m)), 0.05 + 0.3 * rng.random((n, m))


@pytest.mark.parametrize("m", [2, 3, 4])
def test_it_is_the_mean_improvement_of_draws(m):
    front, reference = front_of(m)
    means, stds = np.array([np.full(m, 0.4), np.full(m, 0.7)]), np.full((2, m), 0.2)
    found = np.exp(log_expected_volume(Sides.of(free_boxes(front, reference)), means, stds))
    boxes = free_boxes(front, reference)
    rng = np.random.default_rng(5)
    for mean, std, expected in zip(means, stds, found):
        draws = mean + std * rng.standard_normal((4000, m))
        sides = np.maximum(boxes.upper - np.maximum(boxes.lower, draws[:, None]), 0.0)
        gains = np.prod(sides, axis=2).sum(axis=1)
        few = [hypervolume(np.vstack([front, draw]), reference) for draw in draws[:40]]
        np.testing.assert_allclose(few, hypervolume(front, reference) + gains[:40], atol=1e-12)
        # four standard errors
        assert gains.mean() == pytest.approx(expected, abs=4.0 * gains.std() / np.sqrt(len(gains)))


def precise_log_volume(boxes, mean, std):
    """Return the log expected improvement by the same sum in many digits."""
    with mpmath.workdps(120):

        def expected(edge, mu, sigma):
            if np.isneginf(edge):
                return mpmath.mpf(0)
            z = (mpmath.mpf(float(edge)) - mpmath.mpf(float(mu))) / mpmath.mpf(float(sigma))
            return mpmath.mpf(float(sigma)) * (mpmath.npdf(z) + z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2)

        total = mpmath.mpf(0)
        for low, high in zip(boxes.lower, boxes.upper):
            product = mpmath.mpf(1)
            for j in range(len(low)):
                product *= expected(high[j], mean[j], std[j]) - expected(low[j], mean[j], std[j])
            total += product
        return float(mpmath.log(total))


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize(("shift", "width"), [(0.0, 1.0), (1.0, 0.3), (0.5, 0.03), (-0.5, 0.01), (2.0, 0.1)])
def test_it_keeps_its_digits_in_the_tails(m, shift, width):
    front, reference = front_of(m, 8)
    boxes = free_boxes(front, reference)
    means, stds = beliefs(m, 3)
    means, stds = means + shift, stds * width
    found = log_expected_volume(Sides.of(boxes), means, stds)
    expected = [precise_log_volume(boxes, mean, std) for mean, std in zip(means, stds)]
    # a narrow box is taken for its middle's, which errs by the square of 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-7)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_logarithms_and_plain_numbers_agree_where_both_do(m):
    front, reference = front_of(m)
    sides = Sides.of(free_boxes(front, reference))
    means, stds = beliefs(m)
    plain = log_expected_volume_and_slopes(sides, means, stds)
    for one, other in zip(plain, volumes._logarithmic(sides, means, stds)):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(plain[0], log_expected_volume(sides, means, stds))


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize(("shift", "width"), [(0.0, 1.0), (3.0, 0.1), (0.0, 0.01), (30.0, 0.1), (-0.5, 0.03)])
def test_slopes_are_derivatives_in_any_tail(m, shift, width):
    front, reference = front_of(m)
    sides = Sides.of(free_boxes(front, reference))
    means, stds = beliefs(m)
    means, stds = means + shift, stds * width
    _, by_mean, by_std = log_expected_volume_and_slopes(sides, means, stds)
    for j in range(m):
        step = np.zeros(means.shape)
        step[:, j] = 1e-5 * stds[:, j]
        for slope, up, down in (
            (by_mean[:, j], (means + step, stds), (means - step, stds)),
            (by_std[:, j], (means, stds + step), (means, stds - step)),
        ):
            rise = log_expected_volume(sides, *up) - log_expected_volume(sides, *down)
            # the difference of two logarithms of up to 1e7 keeps so many digits over a step of 1e-5
            noise = 1e-15 * np.abs(log_expected_volume(sides, means, stds)) / step[:, j]
            np.testing.assert_allclose(slope, rise / (2 * step[:, j]), rtol=1e-5, atol=1e-4 + noise.max())


def test_far_away_it_is_finite_and_points_home():
    front, reference = front_of(2)
    sides = Sides.of(free_boxes(front, reference))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        worth, by_mean, by_std = log_expected_volume_and_slopes(
            sides, np.array([[1e3, 1e3], [5.0, 0.0]]), np.array([[1e-3, 1e-3], [1e-6, 1e-6]])
        )
    assert np.isfinite(worth).all()
    assert np.isfinite(by_mean).all()
    assert np.isfinite(by_std).all()
    assert (by_mean[:, 0] < 0.0).all()
    assert (by_std >= 0.0).all()


def test_one_box_of_two_objectives_is_the_product_of_two_expected_improvements():
    sides = Sides.of(Boxes(np.array([[-np.inf, -np.inf]]), np.array([[1.0, 2.0]])))
    found = log_expected_volume(sides, np.array([[0.5, 0.5]]), np.array([[0.5, 1.5]]))[0]

    def improvement(z, std):
        return std * (np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) + z * 0.8413447460685429)

    assert found == pytest.approx(np.log(improvement(1.0, 0.5) * improvement(1.0, 1.5)), abs=1e-12)
