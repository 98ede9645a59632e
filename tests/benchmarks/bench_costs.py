"""Costs that vary by a factor of 100: improvement per cost beside plain improvement.

    python tests/benchmarks/bench_costs.py [--problems NAMES] [--costs NAMES] [--seeds 10] [--trials 40]
        [--rows FILE] [--never-refine]

Both searches propose one point at a time and are told the exact value and its cost.  Plain improvement
(recipe "gp") ends after ``--trials`` evaluations; improvement per cost has reached it at the cost at
which its best value is as low.  The bar: the median over the seeds of that cost, over all that
plain improvement has spent, is at most 1/2.

The cost is 100 to the power of an axis (rising, falling), of a bump (the dearest in the middle), of
a wave along a diagonal, of the geometric mean of all axes (product) or of their mean.  Choices are made on
``TUNING`` with the costs rising, bump and product; the rest is to judge by.  ``--rows`` keeps a row
of each comparison (those measured are in costs/rows.jsonl.gz): the share of plain improvement's cost,
null where it was not reached within all of it.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from kept_rows import append_row

from smbo import Optimizer, Real
from smbo.acquisition import ExpectedImprovementPerCost
from smbo.proposal.presets import preset
from smbo.proposal.recipe import Recipe

_SPREAD = 100.0
_SHARE = 0.5
_LONGEST = 1.0  # of plain improvement's cost: as far as the other is followed

_A3 = np.array([[3.0, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
_P3 = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
_A6 = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def branin(u: np.ndarray) -> float:
    x, y = 15 * u[0] - 5, 15 * u[1]
    hill = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return hill + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann3(u: np.ndarray) -> float:
    return -float(_ALPHA @ np.exp(-(_A3 * (u - _P3) ** 2).sum(axis=1)))


def hartmann6(u: np.ndarray) -> float:
    return -float(_ALPHA @ np.exp(-(_A6 * (u - _P6) ** 2).sum(axis=1)))


def rosenbrock4(u: np.ndarray) -> float:
    x = 4 * u - 2
    return math.log1p(float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()))


def ackley3(u: np.ndarray) -> float:
    x = 20 * (u - 0.62)
    return float(
        -20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + math.e
    )


def rosenbrock2(u: np.ndarray) -> float:
    return rosenbrock4(u)


def levy4(u: np.ndarray) -> float:
    w = 1 + (20 * u - 11) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle + last)


def styblinski3(u: np.ndarray) -> float:
    x = 10 * u - 5
    return float(0.5 * (x**4 - 16 * x**2 + 5 * x).sum())


def camel(u: np.ndarray) -> float:
    x, y = 4 * u[0] - 2, 2 * u[1] - 1
    return float((4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2)


def goldstein(u: np.ndarray) -> float:
    x, y = 4 * u - 2
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    other = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return math.log(first * (30 + (2 * x - 3 * y) ** 2 * other))


def griewank5(u: np.ndarray) -> float:
    x = 20 * u - 9
    return float(1 + (x**2).sum() / 400 - np.prod(np.cos(x / np.sqrt(np.arange(1, 6)))))


Function = Callable[[np.ndarray], float]
PROBLEMS: Mapping[str, tuple[Function, int]] = {
    "branin": (branin, 2),
    "hartmann3": (hartmann3, 3),
    "hartmann6": (hartmann6, 6),
    "rosenbrock4": (rosenbrock4, 4),
    "ackley3": (ackley3, 3),
    "rosenbrock2": (rosenbrock2, 2),
    "levy4": (levy4, 4),
    "styblinski3": (styblinski3, 3),
    "camel": (camel, 2),
    "goldstein": (goldstein, 2),
    "griewank5": (griewank5, 5),
}
TUNING = ("branin", "hartmann3", "ackley3", "rosenbrock2", "levy4", "styblinski3")
COSTS: Mapping[str, Function] = {
    "rising": lambda u: float(u[0]),
    "falling": lambda u: float(1 - u[0]),
    "bump": lambda u: float(np.exp(-8 * ((u - 0.5) ** 2).sum())),
    "wave": lambda u: float(0.5 + 0.5 * np.sin(5 * u.mean() + 2 * u[-1])),
    "product": lambda u: float(np.prod(u) ** (1 / len(u))),
    "mean": lambda u: float(u.mean()),
}


def evaluate(opt: Optimizer, value: Function, cost: Function) -> tuple[float, float]:
    """Return cost and value of the next point, which are told."""
    trial = opt.ask()
    u = np.array(list(trial.params.values()))
    paid, found = _SPREAD ** cost(u), value(u)
    opt.tell(trial, found, cost=paid)
    return paid, found


def compare(
    problem: str, cost: str, seed: int, n: int, cooled_to: float | None, is_refining: bool
) -> tuple[float, int]:
    """Return where improvement per cost has reached plain improvement, and after how many evaluations."""
    value, d = PROBLEMS[problem]
    space = {f"x{i}": Real(0.0, 1.0) for i in range(d)}
    plain = Optimizer(space, "gp", seed=seed)
    pairs = [evaluate(plain, value, COSTS[cost]) for _ in range(n)]
    whole, aim = sum(paid for paid, _ in pairs), min(found for _, found in pairs)
    budget = None if cooled_to is None else cooled_to * whole
    recipe: Recipe = preset({"cost": {"budget": budget}})
    if not is_refining:
        recipe = replace(recipe, acquisition=ExpectedImprovementPerCost(budget=budget, refine_every=None))
    opt = Optimizer(space, recipe, seed=seed)
    spent, best, n_done = 0.0, math.inf, 0
    while spent < _LONGEST * whole and best > aim:
        paid, found = evaluate(opt, value, COSTS[cost])
        spent, best, n_done = spent + paid, min(best, found), n_done + 1
    return (spent / whole if best <= aim else math.inf), n_done


def keep(file: Path, about: Mapping[str, object], rows: Mapping[int, tuple[float, int]]) -> None:
    """Append the result of each seed."""
    for seed, (share, n) in rows.items():
        kept = round(share, 4) if math.isfinite(share) else None
        append_row(file, {**about, "seed": seed, "share": kept, "n": n})


def main() -> None:
    """Run what the command line asks for and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--costs", nargs="+", choices=COSTS, default=list(COSTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--cooled-to", type=float, help="budget of the exponent, in plain improvement's cost")
    parser.add_argument("--never-refine", action="store_true")
    parser.add_argument("--rows", type=Path, help="file that a row of each comparison is appended to")
    given = parser.parse_args()
    for problem in given.problems:
        for cost in given.costs:
            began = time.process_time()
            seeds = range(given.first_seed, given.first_seed + given.seeds)
            rows = [
                compare(problem, cost, seed, given.trials, given.cooled_to, not given.never_refine)
                for seed in seeds
            ]
            if given.rows:
                name = "never refined" if given.never_refine else "cost"
                about = {"recipe": name, "problem": problem, "cost": cost, "trials": given.trials}
                keep(given.rows, about, dict(zip(seeds, rows)))
            reached = median(share for share, _ in rows)
            shares = " ".join(f"{share:.2f}" for share, _ in rows)
            verdict = "reached" if reached <= _SHARE else "MISSED"
            n_mean = sum(n for _, n in rows) / len(rows)
            spent = time.process_time() - began
            print(
                f"{problem:12s} {cost:8s} median {reached:.3f} {verdict:8s} ({shares}); "
                f"{n_mean:.0f} evaluations, {spent:.0f} CPU s",
                flush=True,
            )


if __name__ == "__main__":
    main()
