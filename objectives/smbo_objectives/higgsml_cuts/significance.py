"""Figures of merit of a counting experiment, in closed form.

In all functions ``s`` and ``b`` are expected yields after the cuts, ``b > 0``.
"""

from __future__ import annotations

from math import log1p, sqrt


def s_over_sqrt_b(s: float, b: float) -> float:
    """Return s / √b."""
    return s / sqrt(b)


def s_over_sqrt_s_plus_b(s: float, b: float) -> float:
    """Return s / √(s + b)."""
    return s / sqrt(s + b)


def asimov(s: float, b: float) -> float:
    """Return the median significance of a discovery, b known exactly.

    Source: Cowan, Cranmer, Gross, Vitells, arXiv:1007.1727, eq. 97.
    """
    return sqrt(max(0.0, 2.0 * ((s + b) * log1p(s / b) - s)))


def ams(s: float, b: float, b_reg: float = 10.0) -> float:
    """Return the approximate median significance of the HiggsML challenge: b regularised by b_reg.

    Source: Adam-Bourdarios et al., PMLR 42 (2015) 19, eq. 7.
    """
    return asimov(s, b + b_reg)


def asimov_with_uncertainty(s: float, b: float, b_sigma: float) -> float:
    """Return the median significance of a discovery, b known to ±b_sigma.

    Tends to ``asimov`` for b_sigma → 0 and to s / √(b + b_sigma²) for s ≪ b.

    Source: Cowan, "Discovery sensitivity for a counting experiment with background uncertainty"
        (2012), eq. 20; from the likelihood of arXiv:1007.1727.
    """
    v = b_sigma**2
    if v == 0.0:
        return asimov(s, b)
    # (s + b)(b + v) / (b² + (s + b) v) is written as 1 + …, so that a small s / b loses no digits
    first = (s + b) * log1p(s * b / (b * b + (s + b) * v))
    second = b * b / v * log1p(v * s / (b * (b + v)))
    return sqrt(max(0.0, 2.0 * (first - second)))


def punzi(efficiency: float, b: float, a: float = 3.0) -> float:
    """Return the signal efficiency over a/2 + √b, for discovery or exclusion at ``a`` sigma.

    It does not depend on the signal's cross-section.  Source: Punzi, physics/0308063, eq. 7.
    """
    return efficiency / (0.5 * a + sqrt(b))
