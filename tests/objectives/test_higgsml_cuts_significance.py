"""Figures of merit of a counting experiment, against sixty digits and their limits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from smbo_objectives.higgsml_cuts import significance


def exact_asimov(s, b, sigma):
    with mpmath.workdps(60):
        s, b, v = mpmath.mpf(s), mpmath.mpf(b), mpmath.mpf(sigma) ** 2
        if v == 0:
            return float(mpmath.sqrt(2 * ((s + b) * mpmath.log(1 + s / b) - s)))
        first = (s + b) * mpmath.log((s + b) * (b + v) / (b**2 + (s + b) * v))
        second = b**2 / v * mpmath.log(1 + v * s / (b * (b + v)))
        return float(mpmath.sqrt(2 * (first - second)))


@pytest.mark.parametrize("sigma", [0.0, 1e-12, 1e-3, 1.0, 50.0, 1e4])
@pytest.mark.parametrize(("s", "b"), [(161.3, 3338.0), (1.0, 4e5), (30.0, 0.5), (1e-2, 10.0)])
def test_the_asimov_significance_matches_sixty_digits(s, b, sigma):
    # s / b = 2.5e-6 loses six of sixteen digits twice in the subtraction
    assert significance.asimov_with_uncertainty(s, b, sigma) == pytest.approx(
        exact_asimov(s, b, sigma), rel=2e-4 if s / b < 1e-5 else 1e-9
    )


def test_ams_is_the_asimov_significance_of_a_shifted_background():
    assert significance.ams(20.0, 90.0, b_reg=10.0) == significance.asimov(20.0, 100.0)
    assert significance.ams(20.0, 90.0, b_reg=0.0) == significance.asimov(20.0, 90.0)


def test_small_signals_tend_to_s_over_the_total_uncertainty():
    assert significance.asimov(1.0, 1e4) == pytest.approx(significance.s_over_sqrt_b(1.0, 1e4), rel=1e-4)
    assert significance.asimov_with_uncertainty(1.0, 1e4, 300.0) == pytest.approx(
        1.0 / np.hypot(100.0, 300.0), rel=1e-4
    )
