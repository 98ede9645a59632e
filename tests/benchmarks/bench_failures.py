"""Regret and failures where a part of the space fails, beside the same problem without failures.

    python tests/benchmarks/bench_failures.py [--seeds 0-2] [--recipe auto] [--problems branin ackley5]
    python tests/benchmarks/bench_failures.py --append FILE    # rows of JSON; what is there is not run again

A part of the cube's volume (20 to 60 %, by the seed) fails: one side of it, or waves through it; a
minimiser of the function is never in it.  For each run: the share of evaluations 31 to 100 that failed
(bar: 15 %), and its simple regret over that of the run without failures after as many successes (bar on
the geometric mean: 1.15; regrets below a thousandth of random search's count as that).
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from pathlib import Path

import constrained
import numpy as np

from smbo import Optimizer

N_EVALUATIONS, N_FIRST = 100, 30
SHARES = (0.2, 0.4, 0.6)


def branin(units):
    x, y = 15 * units[0] - 5, 15 * units[1]
    bent = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


HARTMANN_A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
HARTMANN_P = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])


def hartmann3(units):
    inner = (HARTMANN_A * (np.asarray(units) - HARTMANN_P) ** 2).sum(axis=1)
    return -float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-inner))


def hartmann6(units):
    return constrained.hartmann6(units)[0]


def ackley5(units):
    x = 16 * (np.asarray(units) - [0.37, 0.61, 0.44, 0.68, 0.3])
    return -20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


# function, a minimiser on the unit cube, the minimum
PROBLEMS = {
    "branin": (branin, np.array([(np.pi + 5) / 15, 2.275 / 15]), 0.39788735772973816),
    "hartmann3": (hartmann3, np.array([0.114614, 0.555649, 0.852547]), -3.862782147820756),
    "hartmann6": (
        hartmann6,
        np.array([0.201690, 0.150011, 0.476874, 0.275332, 0.311652, 0.657301]),
        -3.322368011415512,
    ),
    "ackley5": (ackley5, np.array([0.37, 0.61, 0.44, 0.68, 0.3]), 0.0),
}


def failing_part(best, share, seed):
    """Return a function that says whether a unit point fails; about this share of the cube does."""
    rng = np.random.default_rng([seed, len(best)])
    draws = rng.random((4096, len(best)))
    while True:
        direction, phase = rng.standard_normal(len(best)), rng.uniform(0, 2 * np.pi)
        direction /= np.linalg.norm(direction)

        def height(units, direction=direction, phase=phase):
            along = np.asarray(units) @ direction
            return along if seed % 2 == 0 else np.sin(2 * np.pi * along + phase) + 0.5 * along

        level = np.quantile(height(draws), 1.0 - share)
        if height(best) < level - 0.02:
            return lambda units: bool(height(units) > level)


def run(function, d, recipe, seed, fails):
    """Return the values of the successes in order, and which of the evaluations failed."""
    optimizer = Optimizer({f"x{k}": (0.0, 1.0) for k in range(d)}, recipe, seed=seed)
    values, failed = [], []
    for _ in range(N_EVALUATIONS):
        trial = optimizer.ask()
        units = np.array(list(trial.params.values()))
        failed.append(fails(units))
        if failed[-1]:
            optimizer.tell(trial, status="failed", reason="outside")
        else:
            values.append(float(function(units)))
            optimizer.tell(trial, values[-1])
    return values, failed


def ratio(name, recipe, seed):
    """Return the row of one problem and seed: failures among 31 to 100, and the regret's ratio."""
    function, best, minimum = PROBLEMS[name]
    volume = SHARES[seed % len(SHARES)]
    rng = np.random.default_rng(seed)
    spread = np.median([function(u) for u in rng.random((1000, len(best)))]) - minimum
    values, failed = run(function, len(best), recipe, seed, failing_part(best, volume, seed))
    plain, _ = run(function, len(best), recipe, seed, lambda units: False)
    regrets = [
        max((min(found[: len(values)], default=np.inf) - minimum) / spread, 1e-3) for found in (values, plain)
    ]
    return {
        "problem": name,
        "seed": seed,
        "recipe": recipe,
        "volume": volume,
        "failed": float(np.mean(failed[N_FIRST:])),
        "successes": len(values),
        "regret": regrets[0],
        "without": regrets[1],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--recipe", default="auto")
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    is_there = options.append is not None and options.append.exists()
    rows = [json.loads(line) for line in options.append.read_text().splitlines()] if is_there else []
    known = {(row["problem"], row["seed"], row["recipe"]) for row in rows}
    print("| problem | seed | volume failing | failed of 31-100 | successes | regret / without failures |")
    print("|---|---|---|---|---|---|")
    for name in options.problems:
        for seed in range(int(first), int(last or first) + 1):
            if (name, seed, options.recipe) in known:
                continue
            row = ratio(name, options.recipe, seed)
            rows.append(row)
            if options.append is not None:
                with options.append.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
            print(
                f"| {name} | {seed} | {100 * row['volume']:.0f} % | {100 * row['failed']:.0f} % "
                f"| {row['successes']} | {row['regret'] / row['without']:.2f} |",
                flush=True,
            )
    shares = [row["failed"] for row in rows]
    logs = [np.log(row["regret"] / row["without"]) for row in rows]
    print(
        f"{len(rows)} rows; failed of 31-100: mean {100 * np.mean(shares):.0f} %, "
        f"most {100 * max(shares):.0f} %; "
        f"geometric mean of the regret's ratio {np.exp(np.mean(logs)):.2f}"
    )


if __name__ == "__main__":
    main()
