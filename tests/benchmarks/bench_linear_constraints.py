"""Cost of an ask under a linear constraint: ten weights with a sum of at most 1, beside ten without.

    python tests/benchmarks/bench_linear_constraints.py [--weights 10] [--asks 50] [--rejection]

The two are asked in turn in one process, so that both meet the same machine; the processor's time counts.
The first ask, which draws the pool of points, is given by itself.  ``--rejection`` also counts how many
random points of the cube it takes to find one that meets the constraint, which is how it was done before.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from smbo import Optimizer, Space


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", type=int, default=10)
    parser.add_argument("--asks", type=int, default=50)
    parser.add_argument("--recipe", default="gp")
    parser.add_argument("--rejection", action="store_true")
    options = parser.parse_args()
    names = [f"w{i}" for i in range(options.weights)]
    cube = dict.fromkeys(names, (0.0, 1.0))
    goal = 0.8 * np.arange(len(names), 0, -1) / sum(range(len(names) + 1))

    def value(params: dict[str, float], beyond: float) -> float:
        return float(sum((params[name] - each - beyond) ** 2 for name, each in zip(names, goal)))

    constraint = [" + ".join(names) + " <= 1"]
    cases = {
        "without constraints": (Optimizer(Space(cube), options.recipe, seed=1), 0.0),
        "best point inside": (Optimizer(Space(cube, constraint), options.recipe, seed=1), 0.0),
        "best point on the face": (Optimizer(Space(cube, constraint), options.recipe, seed=1), 0.1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.asks):
        for name, (optimizer, beyond) in cases.items():
            start = time.process_time()
            trial = optimizer.ask()
            seconds[name].append(time.process_time() - start)
            optimizer.tell(trial, value(trial.params, beyond))
    n_design = max(5, min(2 * len(names), 10)) + 1
    plain = np.median(seconds["without constraints"][n_design:])
    for name, taken in seconds.items():
        typical = np.median(taken[n_design:])
        print(
            f"{name:24} first ask {taken[0]:.3f} s, by the model {1e3 * typical:.1f} ms, "
            f"{typical / plain:.2f} times"
        )
    if options.rejection:
        share = 1.0 / math.factorial(len(names))
        rows = np.random.default_rng(0).random((2**20, len(names)))
        n_met = int((rows.sum(axis=1) <= 1).sum())
        print(f"rejection: {n_met} of {len(rows)} random points meet it; 1 in {1 / share:.3g} does")


if __name__ == "__main__":
    main()
