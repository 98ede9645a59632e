"""Problems with outcome constraints, for the benchmark of constrained search.

Each has an optimum that lies in the feasible part; those of the engineering problems are on its boundary.
They were found by differential evolution and SLSQP from many starts, and agree with the literature's
to the digits that it gives.  The second half is held out: nothing was chosen by looking at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# (kind, low, high): kind is "real" or "integer"
Variable = tuple[str, float, float]


@dataclass(frozen=True)
class Constrained:
    """A problem: minimise, subject to constraints that are to be at most 0.

    Attributes:
        function: a point to (value, constraints).
        spread: median of the value at random feasible points minus the optimum: the unit of regret.
    """

    name: str
    variables: tuple[Variable, ...]
    function: Callable[[list[Any]], tuple[float, list[float]]]
    n_constraints: int
    optimum: float
    spread: float
    half: str

    def random_point(self, rng: np.random.Generator) -> list[Any]:
        return [
            int(rng.integers(low, high + 1)) if kind == "integer" else float(rng.uniform(low, high))
            for kind, low, high in self.variables
        ]


def gramacy(x):
    a, b = x
    wave = 1.5 - a - 2 * b - 0.5 * np.sin(2 * np.pi * (a**2 - 2 * b))
    return a + b, [float(wave), a**2 + b**2 - 1.5]


_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(x):
    units = np.asarray(x)
    value = -float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(_A * (units - _P) ** 2).sum(axis=1)))
    return value, [float(np.abs(units).sum()) - 3.0]


def spring(x):
    """Weight of a tension/compression spring (Arora 1989; Coello 2000)."""
    wire, coil, n = x
    return (n + 2) * coil * wire**2, [
        1 - coil**3 * n / (71785 * wire**4),
        (4 * coil**2 - wire * coil) / (12566 * (coil * wire**3 - wire**4)) + 1 / (5108 * wire**2) - 1,
        1 - 140.45 * wire / (coil**2 * n),
        (wire + coil) / 1.5 - 1,
    ]


def truss(x):
    """Volume of a three-bar truss (Nowcki 1974)."""
    outer, middle = x
    root, force, most = np.sqrt(2.0), 2.0, 2.0
    common = root * outer**2 + 2 * outer * middle
    return float(100.0 * (2 * root * outer + middle)), [
        float((root * outer + middle) / common * force - most),
        float(middle / common * force - most),
        float(1.0 / (root * middle + outer) * force - most),
    ]


def speed_reducer(x):
    """Weight of a gearbox (Golinski 1970; the bounds of Mezura-Montes & Coello 2005)."""
    width, module, teeth, l1, l2, d1, d2 = x
    weight = 0.7854 * width * module**2 * (3.3333 * teeth**2 + 14.9334 * teeth - 43.0934)
    weight += -1.508 * width * (d1**2 + d2**2) + 7.4777 * (d1**3 + d2**3) + 0.7854 * (l1 * d1**2 + l2 * d2**2)
    return float(weight), [
        27.0 / (width * module**2 * teeth) - 1.0,
        397.5 / (width * module**2 * teeth**2) - 1.0,
        1.93 * l1**3 / (module * teeth * d1**4) - 1.0,
        1.93 * l2**3 / (module * teeth * d2**4) - 1.0,
        float(np.sqrt((745.0 * l1 / (module * teeth)) ** 2 + 16.9e6) / (110.0 * d1**3) - 1.0),
        float(np.sqrt((745.0 * l2 / (module * teeth)) ** 2 + 157.5e6) / (85.0 * d2**3) - 1.0),
        module * teeth / 40.0 - 1.0,
        5.0 * module / width - 1.0,
        width / (12.0 * module) - 1.0,
        (1.5 * d1 + 1.9) / l1 - 1.0,
        (1.1 * d2 + 1.9) / l2 - 1.0,
    ]


def blend(x):
    """Problem 11 of Himmelblau (1972), known as G04."""
    a, b, c, d, e = x
    value = 5.3578547 * c**2 + 0.8356891 * a * e + 37.293239 * a - 40792.141
    u = 85.334407 + 0.0056858 * b * e + 0.0006262 * a * d - 0.0022053 * c * e
    v = 80.51249 + 0.0071317 * b * e + 0.0029955 * a * b + 0.0021813 * c**2
    w = 9.300961 + 0.0047026 * c * e + 0.0012547 * a * c + 0.0019085 * c * d
    return value, [u - 92.0, -u, v - 110.0, 90.0 - v, w - 25.0, 20.0 - w]


def welded_beam(x):
    """Cost of a welded beam (Rao 2009; the version of Coello 2000)."""
    h, length, t, b = x
    load, span, young, shear = 6000.0, 14.0, 30e6, 12e6
    primary = load / (np.sqrt(2) * h * length)
    radius = np.sqrt(length**2 / 4 + ((h + t) / 2) ** 2)
    moment = load * (span + length / 2)
    polar = 2 * (np.sqrt(2) * h * length * (length**2 / 12 + ((h + t) / 2) ** 2))
    secondary = moment * radius / polar
    stress = np.sqrt(primary**2 + 2 * primary * secondary * length / (2 * radius) + secondary**2)
    bending = 6 * load * span / (b * t**2)
    deflection = 4 * load * span**3 / (young * t**3 * b)
    buckling = (
        4.013
        * young
        * np.sqrt(t**2 * b**6 / 36)
        / span**2
        * (1 - t / (2 * span) * np.sqrt(young / (4 * shear)))
    )
    cost = 1.10471 * h**2 * length + 0.04811 * t * b * (14.0 + length)
    return float(cost), [
        float(stress - 13600.0),
        float(bending - 30000.0),
        h - b,
        0.10471 * h**2 + 0.04811 * t * b * (14.0 + length) - 5.0,
        float(deflection - 0.25),
        float(load - buckling),
    ]


def pressure_vessel(x):
    """Cost of a vessel whose two thicknesses come in sixteenths of an inch (Kannan & Kramer 1994)."""
    shell, head = 0.0625 * x[0], 0.0625 * x[1]
    radius, length = x[2], x[3]
    cost = (
        0.6224 * shell * radius * length
        + 1.7781 * head * radius**2
        + 3.1661 * shell**2 * length
        + 19.84 * shell**2 * radius
    )
    return cost, [
        -shell + 0.0193 * radius,
        -head + 0.00954 * radius,
        float(-np.pi * radius**2 * length - 4 / 3 * np.pi * radius**3 + 1296000.0),
        length - 240.0,
    ]


class HiggsMLCuts:
    """Seven cuts on the HiggsML events: minus the significance, with at least 100 background events left."""

    def __init__(self) -> None:
        self.objective: Any = None

    def __call__(self, x):
        if self.objective is None:
            from smbo_objectives.higgsml_cuts import HiggsMLCuts as Objective

            self.objective = Objective(figure_of_merit="ams", n_min=100)
            self.names = list(self.objective.problem.space.dimensions)
        from smbo.problem import Context

        metrics = self.objective.evaluate(dict(zip(self.names, x, strict=True)), Context(seed=0)).metrics
        return -metrics["ams"], [100.0 - metrics["n_background"]]


def _reals(*bounds: tuple[float, float]) -> tuple[Variable, ...]:
    return tuple(("real", low, high) for low, high in bounds)


_CUTS = _reals((60, 125), (125, 250), (10, 150), (-1.45, 1.4), (0.5, 6), (20, 80), (40, 400))
_BLEND = _reals((78, 102), (33, 45), (27, 45), (27, 45), (27, 45))
_GEARS: tuple[Variable, ...] = (
    *_reals((2.6, 3.6), (0.7, 0.8)),
    ("integer", 17, 28),
    *_reals((7.3, 8.3), (7.3, 8.3), (2.9, 3.9), (5.0, 5.5)),
)

PROBLEMS = {
    problem.name: problem
    for problem in (
        Constrained("gramacy", _reals((0, 1), (0, 1)), gramacy, 2, 0.5997880, 0.65, "tuning"),
        Constrained("hartmann6c", _reals(*[(0, 1)] * 6), hartmann6, 1, -3.3223680, 3.1, "tuning"),
        Constrained("spring", _reals((0.05, 2), (0.25, 1.3), (2, 15)), spring, 4, 0.0126652, 0.06, "tuning"),
        Constrained("truss", _reals((0.0001, 1), (0.0001, 1)), truss, 3, 263.8958434, 40.0, "tuning"),
        Constrained("blend", _BLEND, blend, 6, -30665.5386718, 4090.0, "tuning"),
        Constrained("speed_reducer", _GEARS, speed_reducer, 11, 2994.471, 1340.0, "tuning"),
        Constrained(
            "welded_beam",
            _reals((0.125, 10), (0.1, 10), (0.1, 10), (0.1, 10)),
            welded_beam,
            6,
            1.7248523,
            3.6,
            "held out",
        ),
        Constrained(
            "pressure_vessel",
            (("integer", 1, 99), ("integer", 1, 99), ("real", 10, 200), ("real", 10, 200)),
            pressure_vessel,
            4,
            6059.714335,
            1.4e5,
            "held out",
        ),
        Constrained("higgsml_cuts", _CUTS, HiggsMLCuts(), 1, -2.76651, 1.95, "held out"),
    )
}
