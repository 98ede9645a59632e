"""Problems with several objectives or a level set and a fidelity; the held-out half was never tuned on.

An evaluation at fidelity z is ``evaluate(params, z, rng)``; ``truth(params)`` is without noise, in full.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One problem.

    Attributes:
        space: of the points.
        objectives, reference: what is minimised, and the reference point; () for a level set.
        level: of the function ``f``, for a level set; None otherwise.
        fidelity: keywords of ``Fidelity``.
        evaluate: values at a fidelity; may raise ``FloatingPointError`` for a failure.
        truth: values in full without noise, (m,); None where the point fails or is not feasible.
        resumes: whether a promotion goes on from where the trial paused, so that it costs the rest alone.
        constraints: on the metrics.
    """

    space: dict[str, Any]
    fidelity: dict[str, Any]
    evaluate: Callable[[Params, float, np.random.Generator], dict[str, float]]
    truth: Callable[[Params], np.ndarray | None]
    objectives: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    level: float | None = None
    resumes: bool = True
    constraints: tuple[str, ...] = ()


def _units(params: Params) -> np.ndarray:
    return np.array([params[name] for name in sorted(params)])


def _gap(fidelity: float, low: float, high: float) -> float:
    """Return 0 at the highest and 1 at the lowest fidelity, on the logarithm."""
    return math.log(high / fidelity) / math.log(high / low)


def _dtlz2(d: int, bias: Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]]) -> Case:
    """Return a DTLZ2 of two objectives, whose cheap version costs a tenth and is biased.

    Args:
        bias: point and gap to a moved point, and what is added to the objectives.
    """

    def values(params: Params, gap: float) -> np.ndarray:
        moved, more = bias(_units(params), gap)
        angle, rest = 0.5 * np.pi * moved[0], moved[1:] - 0.5
        radius = 1.0 + 4.0 * float(rest @ rest)
        return radius * np.array([np.cos(angle), np.sin(angle)]) + more

    def evaluate(params: Params, fidelity: float, rng: np.random.Generator) -> dict[str, float]:
        found = values(params, _gap(fidelity, 1, 10))
        return {"f0": float(found[0]), "f1": float(found[1])}

    return Case(
        space={f"x{i}": (0.0, 1.0) for i in range(d)},
        fidelity={"low": 1, "high": 10},
        evaluate=evaluate,
        truth=lambda params: values(params, 0.0),
        objectives=("f0", "f1"),
        reference=(1.1, 1.1),
        resumes=False,
    )


def _shifted(unit: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    return unit + 0.08 * gap * np.sin(7.0 * unit), 0.1 * gap * np.ones(2)


def _wavy(unit: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    more = 0.15 * np.array([np.cos(6.0 * unit[0] + 2.0 * unit[1]), unit[0] - unit[2] ** 2])
    return unit - 0.06 * gap, gap * more


def _with_events(
    mean: Callable[[np.ndarray], np.ndarray], d: int, sigma: float, reference: tuple[float, ...]
) -> Case:
    """Return a simulator of two objectives, averages of up to 10,000 events with errors sigma in full."""

    def evaluate(params: Params, fidelity: float, rng: np.random.Generator) -> dict[str, float]:
        found = mean(_units(params)) + sigma * math.sqrt(1e4 / fidelity) * rng.standard_normal(2)
        return {"f0": float(found[0]), "f1": float(found[1])}

    return Case(
        space={f"x{i}": (0.0, 1.0) for i in range(d)},
        fidelity={"low": 1000, "high": 10_000, "averages": True, "name": "events"},
        evaluate=evaluate,
        truth=lambda params: mean(_units(params)),
        objectives=("f0", "f1"),
        reference=reference,
    )


def _lens(unit: np.ndarray) -> np.ndarray:
    x, y, z = unit
    blur = (x - 0.2) ** 2 + 0.5 * (y - 0.6 * x) ** 2 + 0.3 * (z - 0.3) ** 2
    loss = 0.8 * (x - 0.9) ** 2 + 0.6 * (y - 0.5) ** 2 + 0.2 * np.sin(3.0 * z) ** 2
    return np.array([blur, loss])


def _detector(unit: np.ndarray) -> np.ndarray:
    """Return energy resolution and leakage of a sampling calorimeter: absorber, sensor, layers, gap."""
    absorber, sensor, layers, gap = 0.2 + unit[0], 0.1 + 0.6 * unit[1], 10 + 40 * unit[2], unit[3]
    sampling = 0.12 * np.sqrt(absorber / sensor)
    depth = layers * absorber
    leakage = np.exp(-depth / 14.0)
    resolution = np.sqrt(sampling**2 + (1.2 * leakage) ** 2 + (0.1 * (gap - 0.35)) ** 2)
    price = 0.012 * layers * (absorber + 2.0 * sensor) + 0.15 * (gap - 0.6) ** 2
    return np.array([resolution, price])


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order] / 16.0, y[order]
    return x[:600], y[:600], x[600:1400], y[600:1400]


def _mlp() -> Case:
    """Return a network on digits: log loss against log10 of its number of weights; 3 to 60 epochs."""

    def run(params: Params, epochs: int, seed: int) -> tuple[float, float]:
        from sklearn.metrics import log_loss
        from sklearn.neural_network import MLPClassifier

        x, y, x_test, y_test = _digits()
        width = int(params["width"])
        net = MLPClassifier(
            (width,),
            learning_rate_init=params["rate"],
            alpha=params["alpha"],
            batch_size=int(params["batch"]),
            random_state=seed,
        )
        for _ in range(int(epochs)):
            net.partial_fit(x, y, classes=np.arange(10))
        return min(float(log_loss(y_test, net.predict_proba(x_test))), 3.0), math.log10(75 * width + 10)

    def evaluate(params: Params, fidelity: float, rng: np.random.Generator) -> dict[str, float]:
        loss, size = run(params, int(fidelity), int(rng.integers(2**31)))
        return {"loss": loss, "size": size}

    def truth(params: Params) -> np.ndarray:
        found = [run(params, 60, seed) for seed in (1, 2)]
        return np.array([np.mean([loss for loss, _ in found]), found[0][1]])

    from smbo import Integer, Real

    return Case(
        space={
            "width": Integer(2, 64, log=True),
            "rate": Real(1e-4, 1e-1, log=True),
            "alpha": Real(1e-6, 1.0, log=True),
            "batch": Integer(16, 256, log=True),
        },
        fidelity={"low": 3, "high": 60, "name": "epochs"},
        evaluate=evaluate,
        truth=truth,
        objectives=("loss", "size"),
        reference=(2.5, 3.8),
    )


def _levels(
    d: int,
    function: Callable[[np.ndarray], float],
    cheap: Callable[[np.ndarray], float],
    level: float,
    *,
    sigma: float = 0.0,
) -> Case:
    """Return a level set; a cheap version costs a tenth; with sigma events are averaged."""
    fidelity = {"low": 1000, "high": 10_000, "averages": True} if sigma else {"low": 1, "high": 10}

    def evaluate(params: Params, at: float, rng: np.random.Generator) -> dict[str, float]:
        unit = _units(params)
        gap = _gap(at, fidelity["low"], fidelity["high"])
        error = sigma * math.sqrt(fidelity["high"] / at) * rng.standard_normal() if sigma else 0.0
        return {"f": float(function(unit) + (0.0 if sigma else gap * cheap(unit)) + error)}

    return Case(
        space={f"x{i}": (0.0, 1.0) for i in range(d)},
        fidelity=fidelity,
        evaluate=evaluate,
        truth=lambda params: np.array([function(_units(params))]),
        level=level,
        resumes=bool(sigma),
    )


def _ripples(u: np.ndarray) -> float:
    return float(np.sin(5.0 * u[0]) + 0.8 * np.cos(4.0 * u[1] + 2.0 * u[0]))


def _branin(u: np.ndarray) -> float:
    x, y = 15 * u[0] - 5, 15 * u[1]
    bent = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return float(bent**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10) / 50.0


def _saddle(u: np.ndarray) -> float:
    return float((u[0] - 0.4) ** 2 - 0.7 * (u[1] - 0.5) ** 2 + 0.3 * u[0] * u[2] + 0.2 * u[2] ** 3)


def _gully(u: np.ndarray) -> float:
    return float(np.exp(-6.0 * (u[1] - 0.5 - 0.3 * np.sin(4.0 * u[0])) ** 2) + 0.4 * u[0])


def _everything() -> Case:
    """Return three objectives, a constraint, a failing region, integers, noise and events as fidelity."""

    def mean(params: Params) -> tuple[np.ndarray, float]:
        n, a, b, c = (params["n"] - 2) / 10, params["a"], params["b"], params["c"]
        values = np.array(
            [
                (a - 0.2) ** 2 + 0.6 * (n - 0.7) ** 2 + 0.3 * b,
                (a - 0.8) ** 2 + 0.5 * (b - 0.9) ** 2 + 0.2 * n,
                0.7 * (c - 0.5) ** 2 + 0.4 * n + 0.5 * (1.0 - a) * b,
            ]
        )
        return values, 0.9 - a - 0.6 * (b - 0.5) ** 2 - 0.3 * c * n

    def fails(params: Params) -> bool:
        return bool(params["b"] + params["c"] > 1.5 or params["a"] < 0.06)

    def evaluate(params: Params, fidelity: float, rng: np.random.Generator) -> dict[str, float]:
        if fails(params):
            raise FloatingPointError("the simulation does not converge")
        sigma = 0.01 * math.sqrt(1e4 / fidelity)
        values, slack = mean(params)
        values = values + sigma * rng.standard_normal(3)
        found = {f"f{j}": float(value) for j, value in enumerate(values)}
        return {**found, "slack": slack + 0.5 * sigma * float(rng.standard_normal())}

    def truth(params: Params) -> np.ndarray | None:
        values, slack = mean(params)
        return None if fails(params) or slack < 0.0 else values

    from smbo import Integer

    unit = dict.fromkeys("abc", (0.0, 1.0))
    return Case(
        space={"n": Integer(2, 12), **unit},
        fidelity={"low": 1000, "high": 10_000, "averages": True, "name": "events"},
        evaluate=evaluate,
        truth=truth,
        objectives=("f0", "f1", "f2"),
        reference=(0.6, 0.6, 0.6),
        constraints=("slack >= 0",),
    )


TUNING = ("dtlz2-shifted", "lens", "ripples", "saddle-noisy")
HELD_OUT = ("dtlz2-wavy", "detector", "mlp", "branin", "gully", "branin-noisy")


@lru_cache(maxsize=16)
def case(name: str) -> Case:
    """Return a case by its name."""
    makers: dict[str, Callable[[], Case]] = {
        "dtlz2-shifted": lambda: _dtlz2(4, _shifted),
        "dtlz2-wavy": lambda: _dtlz2(5, _wavy),
        "lens": lambda: _with_events(_lens, 3, 0.01, (0.6, 0.6)),
        "detector": lambda: _with_events(_detector, 4, 0.01, (0.5, 1.0)),
        "mlp": _mlp,
        "ripples": lambda: _levels(2, _ripples, lambda u: 0.5 * u[0] - 0.3 + 0.2 * np.sin(6 * u[1]), 0.3),
        "saddle-noisy": lambda: _levels(3, _saddle, lambda u: 0.0, 0.1, sigma=0.02),
        "branin": lambda: _levels(2, _branin, lambda u: 0.6 * u[0] * u[1] - 0.2 * np.cos(5 * u[0]), 1.0),
        "gully": lambda: _levels(2, _gully, lambda u: 0.3 * (u[0] - u[1]) ** 2 + 0.1, 0.7),
        "branin-noisy": lambda: _levels(2, _branin, lambda u: 0.0, 1.0, sigma=0.05),
        "everything": _everything,
    }
    return makers[name]()
