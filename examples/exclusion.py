"""A counting experiment: CLs, expected and observed, of a particle that decays to a lighter one.

The heavy particle (mass m1) is produced in pairs and decays to a lighter one (mass m2) that is not seen.
The number of events that pass the selection falls with m1, since fewer are produced, and towards
m1 = m2, since the visible decay products then have little energy.  A point is excluded where CLs < 0.05.

Formulas: Cowan, Cranmer, Gross & Vitells (2011), "Asymptotic formulae for likelihood-based tests of
new physics", for a counting experiment with a known background.
"""

import math

LUMINOSITY = 140.0  # 1/fb


def evaluate(params):
    """Return the expected CLs (without a signal) and the observed one, at masses in GeV."""
    m1, m2 = params["m1"], params["m2"]
    signal = LUMINOSITY * cross_section(m1) * efficiency(m1, m2)
    background = 8.0 + 120.0 * math.exp(-(m1 - m2) / 250.0)
    # an excess at large m1 - m2, a deficit at small
    observed = background + 1.5 * math.sqrt(background) * math.tanh((m1 - m2 - 500.0) / 200.0)
    return {"cls_exp": expected_cls(signal, background), "cls_obs": cls(observed, signal, background)}


def cross_section(m1):
    """Return the cross-section in fb: a power law with the exponential fall of parton densities."""
    return 1800.0 * (m1 / 300.0) ** -6.0 * math.exp(-m1 / 1500.0)


def efficiency(m1, m2):
    """Return the share of events that pass the selection: none where m2 leaves no visible energy."""
    softness = (m1 - m2 - 150.0) / 70.0
    return 0.25 / (1.0 + math.exp(-softness)) * (1.0 - math.exp(-m1 / 400.0))


def expected_cls(signal, background):
    """Return the median CLs where there is no signal."""
    return 2.0 * tail(math.sqrt(test_statistic(background, signal, background)))


def cls(observed, signal, background):
    """Return CLs of a number of events."""
    root = math.sqrt(test_statistic(observed, signal, background))
    asimov = math.sqrt(test_statistic(background, signal, background))
    return min(1.0, tail(root) / max(tail(root - asimov), 1e-300))


def test_statistic(observed, signal, background):
    """Return -2 ln of the likelihood ratio of signal plus background against the best fit from below."""
    total = signal + background
    if observed >= total:
        return 0.0
    deficit = total - observed
    return 2.0 * (deficit + (observed * math.log(observed / total) if observed > 0.0 else 0.0))


def tail(z):
    """Return the probability that a standard normal variable exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))
