"""Regret and failures where a part of the space fails, beside the same problem without failures.

    python tests/benchmarks/bench_failures.py [--seeds 0-5] [--recipe auto] [--problems branin ackley5]
        [--shapes part ball side choice chance] [--rows FILE]

With a file, rows of JSON are added to it, and what is there is not run again.  Shapes:

    part    20 to 60 % of the cube's volume by the seed, one side of it (even seeds) or waves through it (odd)
    ball    of a third of the cube's diagonal, with a minimiser just outside it
    side    all that lies beyond a plane that all but touches a minimiser
    choice  one of three values of a category, which would else be the second best
    chance  one evaluation in twenty, anywhere

A minimiser of the function is never in it.  For each run: the share of evaluations 31 to 100 that failed
(bar: 15 %), and its simple regret over that of the run without failures after as many successes (bar on the
geometric mean: 1.15; regrets below a thousandth of random search's count as that).  One pair says little
where a function has several basins: so mean regrets of all seeds are compared as well.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
from pathlib import Path

import constrained
import numpy as np
from kept_rows import append_row, read_rows

from smbo import Optimizer

N_EVALUATIONS, N_FIRST = 100, 30
FLOOR = 1e-3  # of the regret, over the spread of random values
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


def failing_part(best, seed):
    """Return a function that says whether a unit point fails: one side of the cube, or waves through it."""
    share = SHARES[seed % len(SHARES)]
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
            return lambda units, kind: bool(height(units) > level)


def _inward(best, seed):
    """Return a direction that leads from a minimiser to the cube's inside."""
    rng = np.random.default_rng([seed, len(best), 1])
    direction = np.abs(rng.standard_normal(len(best))) * np.where(best < 0.5, 1.0, -1.0)
    return direction / np.linalg.norm(direction)


def failing_ball(best, seed):
    radius = np.sqrt(len(best)) / 3
    centre = best + (radius + MARGIN) * _inward(best, seed)
    return lambda units, kind: bool(np.linalg.norm(units - centre) < radius)


def failing_side(best, seed):
    direction = _inward(best, seed)
    return lambda units, kind: bool((units - best) @ direction > MARGIN)


def failing_choice(best, seed):
    return lambda units, kind: kind == "b"


def failing_by_chance(best, seed):
    rng = np.random.default_rng([seed, len(best), 2])
    return lambda units, kind: bool(rng.random() < 0.05)


SHAPES = {
    "part": failing_part,
    "ball": failing_ball,
    "side": failing_side,
    "choice": failing_choice,
    "chance": failing_by_chance,
}
# In the cube's units: how far a minimiser is from what fails.
MARGIN = 0.02
# Of the problem with a category: what is added to the value, in the spread of random values.
ADDED = {"a": 0.0, "b": 0.05, "c": 0.2}


def regrets(name, recipe, seed, fails, has_choice):
    """Return the lowest regret after each success over the spread, and which of the evaluations failed."""
    function, best, minimum = PROBLEMS[name]
    rng = np.random.default_rng(seed)
    spread = np.median([function(u) for u in rng.random((1000, len(best)))]) - minimum
    space = {f"x{k}": (0.0, 1.0) for k in range(len(best))}
    if has_choice:
        space["kind"] = list(ADDED)
    optimizer = Optimizer(space, recipe, seed=seed)
    found, failed = [], []
    for _ in range(N_EVALUATIONS):
        trial = optimizer.ask()
        units = np.array(list(trial.params.values())[: len(best)])
        kind = trial.params.get("kind", "a")
        failed.append(fails(units, kind))
        if failed[-1]:
            optimizer.tell(trial, status="failed", reason="outside")
        else:
            value = float(function(units)) + spread * ADDED[kind]
            found.append((value - minimum) / spread)
            optimizer.tell(trial, value)
    lowest = np.maximum(np.minimum.accumulate(found), FLOOR)
    return [float(f"{r:.4g}") for r in lowest], [k for k, is_failed in enumerate(failed) if is_failed]


def rows_of(options, seeds):
    """Return {(problem, shape, seed): row}, run where it is not in the file."""
    stored = read_rows(options.rows) if options.rows else []
    known = {(row["problem"], row["shape"], row["seed"], row["recipe"]): row for row in stored}
    rows = {}
    for name in options.problems:
        for seed in seeds:
            plain = {"without a choice" if shape == "choice" else "without" for shape in options.shapes}
            for shape in [*sorted(plain), *options.shapes]:
                key = name, shape, seed, options.recipe
                if key not in known:
                    make = SHAPES.get(shape, lambda best, seed: lambda units, kind: False)
                    fails = make(PROBLEMS[name][1], seed)
                    lowest, failed = regrets(name, options.recipe, seed, fails, "choice" in shape)
                    row = dict(zip(("problem", "shape", "seed", "recipe"), key, strict=True))
                    known[key] = {**row, "failed": failed, "lowest": lowest}
                    if options.rows:
                        append_row(options.rows, known[key])
                rows[name, shape, seed] = known[key]
    return rows


def report(rows, options, seeds):
    """Print a line for each problem and shape, and the figures that the bars are on."""
    print(
        "| problem | shape | failed of 31-100: mean, most | regret / without failures, by seed | of means |"
    )
    print("|---|---|---|---|---|")
    shares, logs = {}, {}
    for shape in options.shapes:
        for name in options.problems:
            failed, pairs = [], []
            for seed in seeds:
                row = rows[name, shape, seed]
                without = rows[name, "without a choice" if shape == "choice" else "without", seed]["lowest"]
                failed.append(sum(k >= N_FIRST for k in row["failed"]) / (N_EVALUATIONS - N_FIRST))
                pairs.append((row["lowest"][-1], without[len(row["lowest"]) - 1]))
            with_failures, plain = np.array(pairs).T
            shares.setdefault(shape, []).extend(failed)
            logs.setdefault(shape, []).extend(np.log(with_failures / plain))
            ratios = " ".join(f"{ratio:.2f}" for ratio in with_failures / plain)
            print(
                f"| {name} | {shape} | {100 * np.mean(failed):.0f} %, {100 * max(failed):.0f} % | {ratios} "
                f"| {with_failures.mean() / plain.mean():.2f} |"
            )
    for shape in options.shapes:
        error = np.std(logs[shape]) / np.sqrt(len(logs[shape]))
        failed = 100 * np.array(shares[shape])
        print(
            f"{shape}: {len(failed)} runs; failed of 31-100: mean {failed.mean():.0f} %, most "
            f"{failed.max():.0f} %; geometric mean of the regret's ratio "
            f"{np.exp(np.mean(logs[shape])):.2f}, to a factor of {np.exp(error):.2f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="0-5")
    parser.add_argument("--recipe", default="auto")
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--shapes", nargs="*", default=["part"], choices=list(SHAPES))
    parser.add_argument("--rows", type=Path, help="file of rows: what is there is not run again")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    report(rows_of(options, seeds), options, seeds)


if __name__ == "__main__":
    main()
