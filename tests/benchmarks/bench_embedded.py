"""Functions of few active axes in many dimensions: regret after 100 evaluations, where random search has 1.

    python tests/benchmarks/bench_embedded.py [--problems held-out] [--d 100] [--seeds 1-5] [--recipes auto]

The active axes are drawn anew for each seed, and no optimum lies at the centre or on a bound.  Regret is
that of the best value, over the median regret of random search after as many evaluations (of 101 searches).
``chosen`` are the functions that settings were chosen on, ``held-out`` the others.  The last column is
the largest CPU time of an ask.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from smbo import Optimizer


class Function(NamedTuple):
    """A function of unit points (..., k), minimised, and its lowest value."""

    of: Callable[[np.ndarray], np.ndarray]
    k: int
    lowest: float


def branin(units):
    x, y = 15.0 * units[..., 0] - 5.0, 15.0 * units[..., 1]
    return (
        (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x)
        + 10
    )


_A4 = np.array([[10, 3, 17, 3.5], [0.05, 10, 17, 0.1], [3, 3.5, 1.7, 10], [17, 8, 0.05, 10]])
_P4 = 1e-4 * np.array(
    [[1312, 1696, 5569, 124], [2329, 4135, 8307, 3736], [2348, 1451, 3522, 2883], [4047, 8828, 8732, 5743]]
)


def hartmann4(units):
    gaps = (_A4 * (units[..., None, :] - _P4) ** 2).sum(axis=-1)
    return (1.1 - np.exp(-gaps) @ np.array([1.0, 1.2, 3.0, 3.2])) / 0.839


def levy4(units):
    w = 1.0 + (20.0 * units - 11.0) / 4.0
    first, last = w[..., 0], w[..., -1]
    middle = ((w[..., :-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[..., :-1] + 1) ** 2)).sum(axis=-1)
    return np.sin(np.pi * first) ** 2 + middle + (last - 1) ** 2 * (1 + np.sin(2 * np.pi * last) ** 2)


def ackley4(units):
    x = 20.0 * (units - np.array([0.35, 0.6, 0.45, 0.7]))
    root = np.sqrt((x**2).mean(axis=-1))
    return 20.0 + np.e - 20.0 * np.exp(-0.2 * root) - np.exp(np.cos(2 * np.pi * x).mean(axis=-1))


def rosenbrock4(units):
    x = 4.0 * units - 2.0
    return (100.0 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1.0 - x[..., :-1]) ** 2).sum(axis=-1)


_ROOT = np.array([[2.0, 0.0, 0.0, 0.0], [1.0, 1.5, 0.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.5, 0.0, 1.0, 0.7]])


def quadratic4(units):
    return (((units - np.array([0.25, 0.7, 0.4, 0.6])) @ _ROOT) ** 2).sum(axis=-1)


CHOSEN = {"branin": Function(branin, 2, 0.397887), "hartmann4": Function(hartmann4, 4, -3.134494)}
HELD_OUT = {
    "levy4": Function(levy4, 4, 0.0),
    "ackley4": Function(ackley4, 4, 0.0),
    "rosenbrock4": Function(rosenbrock4, 4, 0.0),
    "quadratic4": Function(quadratic4, 4, 0.0),
}


def random_regret(function, n):
    """Return the median regret of random search after n evaluations."""
    units = np.random.default_rng(0).random((101, n, function.k))
    return float(np.median(function.of(units).min(axis=1))) - function.lowest


def search(function, recipe, d, n, seed):
    """Return the regret after each evaluation, and the largest CPU time of an ask."""
    active = np.random.default_rng(seed).choice(d, function.k, replace=False)
    optimizer = Optimizer({f"x{i}": (0.0, 1.0) for i in range(d)}, recipe, seed=seed)
    values, slowest = [], 0.0
    for _ in range(n):
        began = time.process_time()
        trial = optimizer.ask()
        slowest = max(slowest, time.process_time() - began)
        unit = np.array([trial.params[f"x{i}"] for i in active])
        values.append(float(function.of(unit)))
        optimizer.tell(trial, values[-1])
    return np.minimum.accumulate(values) - function.lowest, slowest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=["held-out"])
    parser.add_argument("--d", type=int, default=100)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seeds", default="1-5")
    parser.add_argument("--recipes", nargs="+", default=["auto"])
    given = parser.parse_args()
    groups = {"chosen": CHOSEN, "held-out": HELD_OUT}
    names = [name for each in given.problems for name in groups.get(each, [each])]
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    print("| problem | recipe | regret after 50 | after 100 by seed | median | slowest ask, s |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in names:
        function = (CHOSEN | HELD_OUT)[name]
        unit = random_regret(function, given.n)
        for recipe in given.recipes:
            runs = [search(function, recipe, given.d, given.n, seed) for seed in seeds]
            ends = np.array([regrets[-1] for regrets, _ in runs]) / unit
            half = float(np.median([regrets[given.n // 2 - 1] for regrets, _ in runs])) / unit
            by_seed = " ".join(f"{end:.3f}" for end in ends)
            slowest = max(seconds for _, seconds in runs)
            print(
                f"| {name} | {recipe} | {half:.3f} | {by_seed} | {np.median(ends):.3f} | {slowest:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
