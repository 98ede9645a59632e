"""Functions whose levels are sought, on the unit cube; half of them were never looked at while choosing.

Each is (dimensions, {name: (function of (m, d) units, level)}, transform).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr


class Case(NamedTuple):
    d: int
    functions: dict
    transform: str = "auto"


def branin(u):
    x, y = 15 * u[:, 0] - 5, 15 * u[:, 1]
    bent = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


def himmelblau(u):
    x, y = 10 * u[:, 0] - 5, 10 * u[:, 1] - 5
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def mixture(centres, widths, weights):
    def function(u):
        gaps = ((u[:, None, :] - np.array(centres)) / np.array(widths)[:, None]) ** 2
        return np.exp(-0.5 * gaps.sum(axis=2)) @ np.array(weights)

    return function


def waves(u):
    return np.sin(4.5 * u[:, 0] + 1.0) * np.cos(3.5 * u[:, 1]) + 0.5 * u[:, 0]


def six_humps(u):
    x, y = 4 * u[:, 0] - 2, 2 * u[:, 1] - 1
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2


def exclusion(bump, reach, fluctuation):
    """Return expected and observed CLs of a counting experiment over two masses (in TeV)."""

    def yields(u):
        heavy, light = 0.3 + 1.7 * u[:, 0], 1.2 * u[:, 1]
        signal = reach * heavy**-5.0 * np.exp(-heavy / 1.5) / (1 + np.exp(-(heavy - light - 0.15) / bump))
        return signal, 8 + 100 * np.exp(-np.abs(heavy - light) / 0.3), heavy - light

    def q(observed, signal, background):
        total = signal + background
        short = 2 * (total - observed + observed * np.log(observed / total))
        return np.sqrt(np.where(observed < total, np.maximum(short, 0.0), 0.0))

    def expected(u):
        signal, background, _ = yields(u)
        return 2 * ndtr(-q(background, signal, background))

    def observed(u):
        signal, background, gap = yields(u)
        seen = background + fluctuation * np.sqrt(background) * np.sin(4 * gap)
        root, asimov = q(seen, signal, background), q(background, signal, background)
        return np.minimum(ndtr(-root) / np.maximum(ndtr(asimov - root), 1e-300), 1.0)

    return {"cls_exp": (expected, 0.05), "cls_obs": (observed, 0.05)}


HARTMANN_A = np.array([[10, 3, 17, 3.5], [0.05, 10, 17, 0.1], [3, 3.5, 1.7, 10], [17, 8, 0.05, 10]])
HARTMANN_P = 1e-4 * np.array(
    [[1312, 1696, 5569, 124], [2329, 4135, 8307, 3736], [2348, 1451, 3522, 2883], [4047, 8828, 8732, 5743]]
)


def hartmann4(u):
    inner = (HARTMANN_A * (u[:, None, :] - HARTMANN_P) ** 2).sum(axis=2)
    return -np.exp(-inner) @ np.array([1.0, 1.2, 3.0, 3.2])


def ishigami4(u):
    x = np.pi * (2 * u - 1) * 0.75
    return np.sin(x[:, 0]) + 2 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]) + 0.5 * x[:, 3]


def rosenbrock4(u):
    x = 3 * u - 1.5
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def friedman4(u):
    return 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3]


def borehole_like(u):
    return np.log(0.1 + u[:, 0]) * (1 + u[:, 1]) / (0.5 + u[:, 2] ** 2 + 0.3 * u[:, 3])


def sphere3(u):
    return np.sqrt((((u - [0.4, 0.5, 0.6]) * [1.0, 1.5, 0.8]) ** 2).sum(axis=1))


def ridge5(u):
    return np.tanh(3 * (u @ np.array([0.8, 0.6, -0.5, 0.3, 0.1]) - 0.5)) + 0.3 * np.cos(3 * u[:, 0] * u[:, 4])


def peaks(u):
    x, y = 6 * u[:, 0] - 3, 6 * u[:, 1] - 3
    first = 3 * (1 - x) ** 2 * np.exp(-(x**2) - (y + 1) ** 2)
    second = 10 * (x / 5 - x**3 - y**5) * np.exp(-(x**2) - y**2)
    return first - second - np.exp(-((x + 1) ** 2) - y**2) / 3


def bumps(seed, n):
    """Return a sum of n round bumps of random places, widths and heights."""
    rng = np.random.default_rng([seed, n])
    return mixture(rng.random((n, 2)), rng.uniform(0.09, 0.2, n), rng.uniform(0.6, 1.4, n))


def turned_rastrigin(u):
    """A bowl with dips, on axes turned by half a radian."""
    x, y = (u - [0.47, 0.55]).T
    along, across = np.cos(0.5) * x + np.sin(0.5) * y, np.cos(0.5) * y - np.sin(0.5) * x
    return 8 * (along**2 + across**2) + 2 - np.cos(9 * along) - np.cos(7 * across)


def drawn(seed, length):
    """Return a draw of a smooth process: 400 random waves of squared exponential covariance."""
    rng = np.random.default_rng([seed, 400])
    frequencies, phases = rng.standard_normal((2, 400)) / length, rng.uniform(0, 2 * np.pi, 400)
    return lambda u: np.sqrt(2 / 400) * np.cos(u @ frequencies + phases).sum(axis=1)


def double_well(u):
    """Quartic in two variables: two wells, a pass a little below the level, and steep walls."""
    x, y = 4.4 * u[:, 0] - 2.2, 3.6 * u[:, 1] - 1.8
    return 3 * (x**2 - 1.6) ** 2 + 2 * (y**2 - 0.7) ** 2 + 1.5 * x * y + 0.8 * y


def styblinski(u):
    x = 10 * u - 5
    return 0.5 * (x**4 - 16 * x**2 + 5 * x).sum(axis=1)


def three_humps(u):
    x, y = (4 * u - 2).T
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


def franke(u):
    x, y = 9 * u.T
    hills = 0.75 * np.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 4) + 0.75 * np.exp(
        -((x + 1) ** 2) / 49 - (y + 1) / 10
    )
    return (
        hills
        + 0.5 * np.exp(-((x - 7) ** 2 + (y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((x - 4) ** 2) - (y - 7) ** 2)
    )


def bichon(u):
    x, y = (10 * u - 3).T
    return (x**2 + 4) * (y - 1) / 20 - np.sin(2.5 * x)


def branches(u):
    """The lowest of four: a kink wherever two meet."""
    x, y = (12 * u - 6).T
    along, bent = (x + y) / np.sqrt(2), 3 + 0.1 * (x - y) ** 2
    return np.min([bent - along, bent + along, x - y + 7 / np.sqrt(2), y - x + 7 / np.sqrt(2)], axis=0)


def cassini(u):
    """Product of squared distances from three places: of degree six."""
    foci = np.array([[0.2, 0.3], [0.75, 0.25], [0.5, 0.8]])
    return 100 * np.prod([((u - place) ** 2).sum(axis=1) for place in foci], axis=0)


def beale(u):
    x, y = (5 * u - 2.5).T
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def mccormick(u):
    x, y = 5.5 * u[:, 0] - 1.5, 7 * u[:, 1] - 3
    return np.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


def one(function, level):
    return {"f": (function, level)}


CHOSEN_ON = {
    "branin-80": Case(2, one(branin, 80.0)),
    "mixture-3": Case(
        2, one(mixture([[0.2, 0.3], [0.7, 0.7], [0.75, 0.2]], [0.15, 0.2, 0.12], [1.0, 1.2, 0.9]), 0.5)
    ),
    "waves": Case(2, one(waves, 0.4)),
    "exclusion-a": Case(2, exclusion(0.07, 200.0, 1.2)),
    "hartmann4": Case(4, one(hartmann4, -0.5)),
    "ishigami4": Case(4, one(ishigami4, 1.0)),
    "sphere3": Case(3, one(sphere3, 0.4)),
    "peaks": Case(2, one(peaks, 1.0)),
    "bumps-5": Case(2, one(bumps(1, 5), 0.6)),
    "bumps-7": Case(2, one(bumps(2, 7), 0.9)),
    "rastrigin": Case(2, one(turned_rastrigin, 2.5)),
    "drawn-1": Case(2, one(drawn(1, 0.2), 0.3)),
    "drawn-2": Case(2, one(drawn(2, 0.17), 0.8)),
    "double-well": Case(2, one(double_well, 9.0)),
    "styblinski": Case(2, one(styblinski, -10.0)),
    "three-humps": Case(2, one(three_humps, 0.8)),
    "franke": Case(2, one(franke, 0.142)),
    "bichon": Case(2, one(bichon, 2.0)),
    "branches": Case(2, one(branches, 0.0)),
    "cassini": Case(2, one(cassini, 0.15)),
    "beale": Case(2, one(beale, 8.0)),
    "mccormick": Case(2, one(mccormick, 0.5)),
}
HELD_OUT = {
    "himmelblau-100": Case(2, one(himmelblau, 100.0)),
    "mixture-4": Case(
        2,
        one(
            mixture(
                [[0.15, 0.75], [0.5, 0.4], [0.85, 0.8], [0.8, 0.15]],
                [0.13, 0.18, 0.16, 0.14],
                [1.0, 1.3, 0.8, 1.1],
            ),
            0.45,
        ),
    ),
    "six-humps": Case(2, one(six_humps, 1.5)),
    "exclusion-b": Case(2, exclusion(0.12, 90.0, -1.0)),
    "rosenbrock4": Case(4, one(rosenbrock4, 500.0)),
    "friedman4": Case(4, one(friedman4, 14.0)),
    "borehole4": Case(4, one(borehole_like, -1.0)),
    "ridge5": Case(5, one(ridge5, 0.2)),
}
CASES = CHOSEN_ON | HELD_OUT
