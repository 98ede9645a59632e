"""Acquisitions against mpmath, far into their tails, and against finite differences."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from smbo.acquisition import expected_improvement as improvement

Z = [-1e8, -1e5, -1.0001e4, -9.999e3, -500.0, -40.0, -38.0, -5.0, -1.0001, -0.9999, 0.0, 1.0, 8.0, 40.0, 1e6]


def precise_log_ei(z):
    with mpmath.workdps(400 if abs(z) < 600 else 60):
        z = mpmath.mpf(z)
        if z < -600:
            # φ(z)(1 - |z| R(|z|)), R the Mills ratio: asymptotic series of 1 - |z| R
            tail = sum((-1) ** (k + 1) * mpmath.fac2(2 * k - 1) / z ** (2 * k) for k in range(1, 8))
            return float(-(z**2) / 2 - mpmath.log(2 * mpmath.pi) / 2 + mpmath.log(tail))
        return float(mpmath.log(mpmath.npdf(z) + z * mpmath.ncdf(z)))


@pytest.mark.parametrize("z", Z)
def test_log_expected_improvement_keeps_its_digits(z):
    found = improvement.log_expected_improvement(np.array([3.0 - 2.0 * z]), np.array([2.0]), 3.0)[0]
    expected = np.log(2.0) + precise_log_ei(z)
    # near z = -1e4 the two branches err by 3e-8 absolutely; z itself is rounded by 1e-16 relatively
    assert found == pytest.approx(expected, abs=1e-7, rel=1e-14)


@pytest.mark.parametrize("z", [-1e5, -300.0, -30.0, -3.0, -1.0, 0.0, 0.5, 6.0])
@pytest.mark.parametrize(
    "score",
    [
        improvement._log_expected_improvement,
        improvement._log_probability,
    ],
)
def test_slopes_of_scores_are_their_derivatives(score, z):
    mean, std, best = np.array([1.0 - 0.7 * z]), np.array([0.7]), 1.0
    _, to_mean, to_std = score(mean, std, best)
    h = 1e-6 * max(1.0, abs(float(mean[0])))
    by_mean = (score(mean + h, std, best)[0] - score(mean - h, std, best)[0]) / (2 * h)
    by_std = (score(mean, std + 1e-6, best)[0] - score(mean, std - 1e-6, best)[0]) / 2e-6
    # h² times the third derivative, and rounding of scores of size z² over h
    assert to_mean[0] == pytest.approx(by_mean[0], rel=2e-5, abs=1e-8)
    assert to_std[0] == pytest.approx(by_std[0], rel=2e-5, abs=1e-8)


@pytest.mark.parametrize("z", [-1e5, -1e7, -1e9])
def test_slopes_far_out_are_what_they_tend_to(z):
    # φ/Φ and Φ/h tend to |z| and φ/h to z², by a relative 3/z² and less
    mean, std = np.array([-z]), np.array([1.0])
    _, to_mean, to_std = improvement._log_expected_improvement(mean, std, 0.0)
    assert to_mean[0] == pytest.approx(z, rel=1e-9)
    assert to_std[0] == pytest.approx(z**2, rel=1e-9)
    _, to_mean, to_std = improvement._log_probability(mean, std, 0.0)
    assert to_mean[0] == pytest.approx(z, rel=1e-9)
    assert to_std[0] == pytest.approx(z**2, rel=1e-9)
