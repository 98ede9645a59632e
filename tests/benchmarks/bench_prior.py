"""What a belief about the optimum's place is worth, and what a wrong one costs.

    python tests/benchmarks/bench_prior.py [--seeds 0-9] [--problems branin hartmann6 …]

Good: Normal(optimum + N(0, 0.05), 0.1) of each unit coordinate.  Wrong: the same around the corner that is
farthest from the optimum.  Bars, on geometric means: with a good belief the regret after 30 evaluations is
at most that of none after 60; with a wrong one after 72 it is at most that of none after 60.
The second half of the problems is held out.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from pathlib import Path

import numpy as np
from bench_failures import PROBLEMS as SHARED
from constrained import hartmann6

from smbo import Normal, Optimizer, Real

FLOOR = 1e-4
_H6 = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])


def rosenbrock4(units):
    x = 4.0 * np.asarray(units) - 2.0
    return float((100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum())


def levy3(units):
    w = 1.0 + (20.0 * np.asarray(units) - 10.0 - 1.0) / 4.0
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    return float(np.sin(np.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2))


# function, minimiser on the unit cube, minimum
PROBLEMS = {
    "branin": SHARED["branin"],
    "hartmann6": (lambda units: hartmann6(units)[0], _H6, -3.3223680114),
    "hartmann3": SHARED["hartmann3"],
    "rosenbrock4": (rosenbrock4, np.full(4, 0.75), 0.0),
    "levy3": (levy3, np.full(3, 0.55), 0.0),
    "ackley5": SHARED["ackley5"],
}


def run(name, seed, belief, budget):
    """Return the normalised regret after each evaluation."""
    function, best, minimum = PROBLEMS[name]
    rng = np.random.default_rng(seed)
    spread = np.median([function(u) for u in rng.random((1000, len(best)))]) - minimum
    centre = {"none": None, "good": best, "wrong": np.where(best > 0.5, 0.05, 0.95)}[belief]
    priors = [None] * len(best)
    if centre is not None:
        priors = [Normal(c, 0.1) for c in centre + rng.normal(0.0, 0.05, len(best))]
    optimizer = Optimizer({f"x{k}": Real(0, 1, prior=p) for k, p in enumerate(priors)}, seed=seed)
    values = []
    for _ in range(budget):
        trial = optimizer.ask()
        values.append(float(function(np.array(list(trial.params.values())))))
        optimizer.tell(trial, values[-1])
    return np.maximum((np.minimum.accumulate(values) - minimum) / spread, FLOOR)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    print("| problem | none, 60 | good, 30 | wrong, 72 |\n|---|---|---|---|")
    logs = []
    for name in options.problems:
        found = []
        for belief, n in (("none", 60), ("good", 30), ("wrong", 72)):
            curves = [run(name, seed, belief, n) for seed in seeds]
            if options.out:
                with options.out.open("a") as stream:
                    for seed, curve in zip(seeds, curves, strict=True):
                        row = {"problem": name, "seed": seed, "belief": belief}
                        stream.write(json.dumps({**row, "regret": [float(f"{r:.4g}") for r in curve]}) + "\n")
            found.append(np.log([curve[-1] for curve in curves]).mean())
        logs.append(found)
        print(f"| {name} | " + " | ".join(f"{np.exp(value):.2g}" for value in found) + " |", flush=True)
    none, good, wrong = np.array(logs).T
    print(f"good over none {np.exp((good - none).mean()):.2f}, wrong {np.exp((wrong - none).mean()):.2f}")


if __name__ == "__main__":
    main()
