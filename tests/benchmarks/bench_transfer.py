"""What 50 points of an earlier study are worth, and what they cost where they tell nothing.

    python tests/benchmarks/bench_transfer.py [--seeds 0-9] [--problems branin hartmann6 …]

Related: the function moved by N(0, 0.03) along each axis, times 3, plus 20.  Unrelated: a smooth random
function.  Bars, on geometric means: with related points the regret after 20 evaluations is at most that
of none after 40; with unrelated ones after 44 it is at most that of none after 40.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from pathlib import Path

import numpy as np
from bench_prior import FLOOR, PROBLEMS

from smbo import Earlier, Optimizer, Problem, Real


def earlier_points(name, seed, kind):
    """Return 50 random points (50, d) of an earlier study and their values, (50,)."""
    function, best, _ = PROBLEMS[name]
    d = len(best)
    rng = np.random.default_rng([seed, d])
    points = rng.random((50, d))
    if kind == "related":
        shift = rng.normal(0.0, 0.03, d)
        return points, [3.0 * function(np.clip(u + shift, 0, 1)) + 20.0 for u in points]
    centres, heights = rng.random((12, d)), rng.standard_normal(12)
    return points, [float(heights @ np.exp(-8.0 * ((u - centres) ** 2).sum(axis=1) / d)) for u in points]


def run(name, seed, kind, budget):
    """Return the normalised regret after each evaluation."""
    function, best, minimum = PROBLEMS[name]
    spread = np.median([function(u) for u in np.random.default_rng(seed).random((1000, len(best)))]) - minimum
    names = [f"x{k}" for k in range(len(best))]
    earlier = []
    if kind != "none":
        points, values = earlier_points(name, seed, kind)
        earlier = [Earlier([dict(zip(names, u.tolist(), strict=True)) for u in points], values)]
    optimizer = Optimizer(Problem({n: Real(0, 1) for n in names}, earlier=earlier), seed=seed)
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
    print("| problem | none, 20 | none, 40 | related, 20 | unrelated, 44 |\n|---|---|---|---|---|")
    logs = []
    for name in options.problems:
        found = []
        for kind, n in (("none", 40), ("related", 20), ("unrelated", 44)):
            curves = [run(name, seed, kind, n) for seed in seeds]
            if options.out:
                with options.out.open("a") as stream:
                    for seed, curve in zip(seeds, curves, strict=True):
                        row = {"problem": name, "seed": seed, "earlier": kind}
                        stream.write(json.dumps({**row, "regret": [float(f"{r:.4g}") for r in curve]}) + "\n")
            if kind == "none":
                found.append(np.log([curve[19] for curve in curves]).mean())
            found.append(np.log([curve[-1] for curve in curves]).mean())
        logs.append(found)
        print(f"| {name} | " + " | ".join(f"{np.exp(value):.2g}" for value in found) + " |", flush=True)
    _, none, related, unrelated = np.array(logs).T
    print(
        f"related over none {np.exp((related - none).mean()):.2f}, "
        f"unrelated over none {np.exp((unrelated - none).mean()):.2f}"
    )


if __name__ == "__main__":
    main()
