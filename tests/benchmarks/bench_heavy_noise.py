"""Regret of the recommended point under heavy noise, by recipe.

    python tests/benchmarks/bench_heavy_noise.py [--seeds 5] [--evaluations 40]

Each function is evaluated with normal noise of about half its standard deviation over the space.  Printed:
the mean over seeds of the true value at the recommended point above the minimum, as a share of that
deviation, its standard error, and how many seeds are better than with `auto`.
"""

from __future__ import annotations

import argparse

import numpy as np

from smbo import Optimizer

RECIPES = {
    "auto": "auto",
    "noisy": "noisy",
    "noisy, replication": {"noisy": {"replication": True}},
    "kg": "kg",
    "kg, replication": {"kg": {"replication": True}},
}


def branin(x):
    a, b = 15 * x[0] - 5, 15 * x[1]
    bowl = (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10 - 0.397887


def bowl(x):
    return float(((x - np.array([0.3, 0.6, 0.45])) ** 2).sum())


def valley(x):
    """Rosenbrock's function of four variables, its logarithm."""
    z = 4 * x - 2
    return float(np.log1p((100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum()))


FUNCTIONS = {"branin": (branin, 2), "bowl": (bowl, 3), "valley": (valley, 4)}


def regret(function, d, std, recipe, seed, n):
    """Return the true value at the recommended point after n noisy evaluations; the minimum is 0."""
    names = [f"x{axis}" for axis in range(d)]
    optimizer = Optimizer(dict.fromkeys(names, (0.0, 1.0)), recipe=recipe, seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(n):
        trial = optimizer.ask()
        point = np.array([trial.params[name] for name in names])
        optimizer.tell(trial, function(point) + 0.5 * std * rng.standard_normal())
    found = optimizer.recommend().params
    return function(np.array([found[name] for name in names])) / std


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=40)
    args = parser.parse_args()
    for name, (function, d) in FUNCTIONS.items():
        std = float(np.std([function(x) for x in np.random.default_rng(0).random((4000, d))]))
        found = {
            word: np.array(
                [regret(function, d, std, recipe, seed, args.evaluations) for seed in range(args.seeds)]
            )
            for word, recipe in RECIPES.items()
        }
        for word, values in found.items():
            error = values.std(ddof=1) / np.sqrt(len(values))
            wins = int((values < found["auto"]).sum())
            print(f"{name:8s} {word:20s} {values.mean():.3f} ± {error:.3f}   below auto: {wins}", flush=True)


if __name__ == "__main__":
    main()
