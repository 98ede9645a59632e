"""Searches for a minimum that is known, with and without something to help them.

``bench_prior.py`` and ``bench_transfer.py`` compare ways of searching here: what counts is after how many
evaluations each reaches what the plain search has after so many.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
from pathlib import Path

import numpy as np
from bench_failures import PROBLEMS as SHARED
from constrained import hartmann6
from kept_rows import append_row, read_rows

FLOOR = 1e-4  # of the regret, over the spread of random values
_H6 = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])


def rosenbrock4(units):
    x = 4.0 * np.asarray(units) - 2.0
    return float((100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum())


def levy3(units):
    w = 1.0 + (20.0 * np.asarray(units) - 10.0 - 1.0) / 4.0
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    return float(np.sin(np.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2))


def styblinski5(units):
    x = 10.0 * (np.asarray(units) - 0.2) - 2.903534  # the lowest of 32 basins is at 0.2 of each axis
    return float(0.5 * (x**4 - 16 * x**2 + 5 * x).sum())


def dixon4(units):
    x = 6.0 * np.asarray(units) - 2.0
    k = np.arange(2, 5)
    return float((x[0] - 1) ** 2 + (k * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum())


_SHEKEL_C = np.array([0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3])
_SHEKEL_A = np.array([[4] * 4, [1] * 4, [8] * 4, [6] * 4, [3, 7, 3, 7], [2, 9, 2, 9], [5, 5, 3, 3]])


def shekel4(units):
    gaps = ((10.0 * np.asarray(units) - _SHEKEL_A) ** 2).sum(axis=1)
    return -float((1.0 / (gaps + _SHEKEL_C)).sum())


def griewank3(units):
    x = 20.0 * (np.asarray(units) - [0.35, 0.6, 0.45])
    return float((x**2).sum() / 400.0 - np.prod(np.cos(x / np.sqrt([1.0, 2.0, 3.0]))) + 1.0)


_DIXON_BEST = (2.0 ** (-(1.0 - 2.0 ** (-np.arange(4.0)))) + 2.0) / 6.0

# function, minimiser on the unit cube, minimum
PROBLEMS = {
    "branin": SHARED["branin"],
    "hartmann6": (lambda units: hartmann6(units)[0], _H6, -3.3223680114),
    "hartmann3": SHARED["hartmann3"],
    "rosenbrock4": (rosenbrock4, np.full(4, 0.75), 0.0),
    "levy3": (levy3, np.full(3, 0.55), 0.0),
    "ackley5": SHARED["ackley5"],
    "styblinski5": (styblinski5, np.full(5, 0.2), 5 * -39.16616570377142),
    "dixon4": (dixon4, _DIXON_BEST, 0.0),
    "shekel4": (shekel4, np.array([4.00057, 4.00069, 3.99949, 3.99961]) / 10, -10.402940566818),
    "griewank3": (griewank3, np.array([0.35, 0.6, 0.45]), 0.0),
}
GROUPS = {
    "chosen": ("branin", "hartmann6", "hartmann3", "styblinski5", "dixon4", "shekel4", "griewank3"),
    "held-out": ("rosenbrock4", "levy3", "ackley5"),
}


def regrets(name, seed, optimizer, n):
    """Return the lowest regret after each of n evaluations, (n,), over the spread of random values."""
    function, best, minimum = PROBLEMS[name]
    spread = np.median([function(u) for u in np.random.default_rng(seed).random((1000, len(best)))]) - minimum
    values = []
    for _ in range(n):
        trial = optimizer.ask()
        values.append(float(function(np.array(list(trial.params.values())))))
        optimizer.tell(trial, values[-1])
    return np.maximum((np.minimum.accumulate(values) - minimum) / spread, FLOOR)


def evaluations_to(curves, target):
    """Return after how many evaluations each curve is at most the target, infinite for never, (seeds,)."""
    return np.array([next((n for n, r in enumerate(curve, 1) if r <= target), np.inf) for curve in curves])


def compare(doc, ways, run, targets_after):
    """Run what the command line asks for and print it.

    Args:
        ways: {name: (evaluations, bar)}, the plain search first; a bar is on the share of the plain one's.
        run: (problem, seed, way, evaluations) -> regret after each.
        targets_after: a target is the plain search's median regret after each of these.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--problems", nargs="*", default=["chosen"], help="names, 'chosen' or 'held-out'")
    parser.add_argument("--rows", type=Path, help="file of rows: what is there is not run again")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    names = [name for each in options.problems for name in GROUPS.get(each, (each,))]
    known = {}
    for row in read_rows(options.rows) if options.rows else []:
        known[row["problem"], row["seed"], row["way"]] = row["regret"]
    plain = next(iter(ways))
    header = [f"{plain} after {k}" for k in targets_after] + [
        f"{way}, to the same" for way in ways if way != plain
    ]
    print(f"| problem | {' | '.join(header)} |\n|---{'|---' * len(header)}|")
    ratios = {way: [] for way in ways if way != plain}
    for name in names:
        curves = {}
        for way, (n, _) in ways.items():
            curves[way] = []
            for seed in seeds:
                if (name, seed, way) not in known:
                    curve = [float(f"{r:.4g}") for r in run(name, seed, way, n)]
                    known[name, seed, way] = curve
                    if options.rows:
                        row = {"problem": name, "seed": seed, "way": way, "regret": curve}
                        append_row(options.rows, row)
                curves[way].append(known[name, seed, way])
        at = [float(np.median([curve[k - 1] for curve in curves[plain]])) for k in targets_after]
        cells = [f"{target:.2g}" for target in at]
        for way, found in ratios.items():
            needed = [float(np.median(evaluations_to(curves[way], target))) for target in at]
            found += [n / of for n, of in zip(needed, targets_after, strict=True)]
            cells.append(" / ".join(f"{n:g}" for n in needed))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    for way, found in ratios.items():
        bar = ways[way][1]
        shares = " ".join(f"{share:.2f}" for share in found)
        print(f"{way}: median share {np.median(found):.2f}, bar {bar} ({shares})")
