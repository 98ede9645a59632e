"""Level sets: how close the contour is after so many evaluations, beside a Latin hypercube.

    python tests/benchmarks/bench_levels.py [--problems branin-80 …|chosen|held-out] [--seeds 0-9]
        [--only levels lhs both] [--rows FILE]
    python tests/benchmarks/bench_levels.py --table [--rows FILE]
    python tests/benchmarks/bench_levels.py --calibration [--problems corridor …|chosen|held-out] [--seeds
    0-9] [--rows FILE] python tests/benchmarks/bench_levels.py --calibration --table [--rows FILE]

Every run is a row of levels/rows.jsonl.gz: Hausdorff distance to a dense grid's contour (two dimensions;
in widths of the box) and the share of wrongly classified places, after each of so many evaluations.
Bars: median distance 2 % after 40 evaluations in 2-D; median error 2 % after 150 in 4-D; half of the
evaluations that a Latin hypercube needs for the same; two functions that share points reach 2 % after
1.4 x as many as one.

With --calibration the problems are those of levels/corridors.py, moved by the seed, and rows are kept in
levels/calibration.jsonl.gz: is what the contour claims true?  Bars, by kind of problem after 40 evaluations:
the true share on the wrong side at most 1.5 x the claimed one; 55 to 80 % of the true contour in the 68 %
band; median distance 2 % on smooth ones and 6 % with a corridor.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import qmc

sys.path.insert(0, str(Path(__file__).parent))
from kept_rows import append_row, read_rows
from levels import calibration, corridors
from levels.calibration import GRID, crossing, hausdorff
from levels.problems import CASES, CHOSEN_ON, HELD_OUT

from smbo import LevelSet, Optimizer, Problem, Real

STEPS_2D = (12, 15, 18, 21, 24, 27, 30, 33, 36, 40, 45, 50, 56, 64, 72, 80, 90, 100, 120)
STEPS = (45, 60, 75, 90, 105, 120, 135, 150, 180, 210, 240, 270, 300)
MOST = {2: 60, 3: 120, 4: 150, 5: 150}
MOST_LHS = {2: 120, 3: 300, 4: 300, 5: 300}


class Judge:
    """The truth of a problem, and how far a contour is from it."""

    def __init__(self, case, names):
        self.case, self.names = case, names
        self.places = GRID if case.d == 2 else np.random.default_rng(0).random((20_000, case.d))
        level_set = LevelSet({name: case.functions[name][1] for name in names}, transform=case.transform)
        self.problem = Problem({f"x{i}": Real(0.0, 1.0) for i in range(case.d)}, level_set=level_set)
        self.truth = {name: case.functions[name][0](self.places) - case.functions[name][1] for name in names}
        self.lines = {name: crossing(self.truth[name]) for name in names} if case.d == 2 else {}

    def evaluate(self, units):
        found = {name: self.case.functions[name][0](units) for name in self.names}
        return [{name: float(values[row]) for name, values in found.items()} for row in range(len(units))]

    def score(self, contour):
        """Return the largest distance and error of any function."""
        mean = contour.posterior.above(self.places) - 0.5
        errors = [((row > 0) != (self.truth[name] > 0)).mean() for row, name in zip(mean, self.names)]
        distances = [
            hausdorff(crossing(row), self.lines[name]) for row, name in zip(mean, self.names) if self.lines
        ]
        return {
            "error": float(max(errors)),
            "distance": max(distances) if distances else None,
            "said": max(contour.misclassified.values()),
        }


def searched(judge, seed, recipe="auto"):
    optimizer = Optimizer(judge.problem, recipe=recipe, seed=seed)
    steps = [n for n in (STEPS_2D if judge.case.d == 2 else STEPS) if n <= MOST[judge.case.d]]
    scores, seconds = {}, 0.0
    for n in range(1, steps[-1] + 1):
        began = time.process_time()
        trial = optimizer.ask()
        seconds += time.process_time() - began
        optimizer.tell(trial, judge.evaluate(np.array([list(trial.params.values())]))[0])
        if n in steps:
            scores[n] = judge.score(optimizer.contour())
    return scores, seconds / steps[-1]


def by_hypercube(judge, seed):
    steps = [n for n in (STEPS_2D if judge.case.d == 2 else STEPS) if n <= MOST_LHS[judge.case.d]]
    scores = {}
    for n in steps:
        units = qmc.LatinHypercube(judge.case.d, rng=np.random.default_rng([seed, n])).random(n)
        optimizer = Optimizer(judge.problem, recipe="sobol", seed=seed)
        for unit, result in zip(units, judge.evaluate(units)):
            optimizer.tell({f"x{i}": float(value) for i, value in enumerate(unit)}, result)
        scores[n] = judge.score(optimizer.contour())
    return scores, 0.0


def measure(problem, seed, way):
    case = CASES[problem]
    names = tuple(case.functions)
    if way.startswith("levels"):
        names = names[:1]
    elif way == "second":
        names = names[1:]
    elif way == "lhs":
        names = names[:1]
    judge = Judge(case, names)
    scores, seconds = by_hypercube(judge, seed) if way == "lhs" else searched(judge, seed, recipe_of(way))
    return {
        "problem": problem,
        "d": case.d,
        "seed": seed,
        "way": way,
        "ask_seconds": seconds,
        "scores": scores,
    }


def recipe_of(way):
    """Return the recipe of a way such as "levels" or, while choosing, "levels:straddle"."""
    if way == "levels:straddle":
        from smbo import Recipe
        from smbo.acquisition import Straddle
        from smbo.surrogates import LevelGP

        return Recipe(LevelGP(), Straddle())
    return "auto"


def first_below(curves, key, target):
    """Return after how many evaluations the median over seeds is at most the target, and stays so."""
    steps = sorted(set.intersection(*(set(map(int, curve)) for curve in curves)))
    medians = {n: np.median([curve[str(n)][key] for curve in curves]) for n in steps}
    last = [n for n in steps if medians[n] > target]
    later = [n for n in steps if not last or n > last[-1]]
    return later[0] if later else None


def table(rows):
    runs = defaultdict(dict)
    seconds = defaultdict(list)
    for run in rows:
        runs[run["problem"], run["way"]][run["seed"]] = run["scores"]
        seconds[run["problem"], run["way"]].append(run["ask_seconds"])
    for problem, case in CASES.items():
        for way in sorted({way for name, way in runs if name == problem}):
            curves = list(runs[problem, way].values())
            key, n = ("distance", 40) if case.d == 2 else ("error", MOST[case.d])
            found = [curve[str(n)] for curve in curves]
            at = {which: np.median([each[which] for each in found]) for which in ("error", "said")}
            worst = max(each[key] for each in found)
            line = f"{problem:15} {way:16} {len(curves):3} seeds, after {n}: "
            line += f"error {at['error']:.4f} (said {at['said']:.4f})"
            if case.d == 2:
                distances = [each["distance"] for each in found]
                line += f", distance {np.median(distances):.4f}"
            line += f" (worst {worst:.4f}); 2 % after {first_below(curves, key, 0.02)}"
            if way != "lhs" and (problem, "lhs") in runs:
                own = np.median([each[key] for each in found])
                line += f"; lhs needs {first_below(list(runs[problem, 'lhs'].values()), key, own)}"
            print(line + f"; {1e3 * np.mean(seconds[problem, way]):.0f} ms an ask")


def calibrate(given):
    rows = given.rows or Path(__file__).parent / "levels/calibration.jsonl.gz"
    if given.table:
        calibration.table(read_rows(rows))
        return
    groups = {"chosen": list(corridors.CHOSEN_ON), "held-out": list(corridors.HELD_OUT)}
    names = [name for each in given.problems for name in groups.get(each, [each])]
    done = {(run["problem"], run["seed"]) for run in read_rows(rows)}
    for seed in seeds(given.seeds):
        for name in names:
            if (name, seed) not in done:
                append_row(rows, calibration.measure(name, seed))


def seeds(given):
    first, _, last = given.partition("-")
    return range(int(first), int(last or first) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=["chosen"])
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--only", nargs="+", default=["levels", "lhs"])
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--calibration", action="store_true")
    given = parser.parse_args()
    if given.calibration:
        calibrate(given)
        return
    given.rows = given.rows or Path(__file__).parent / "levels/rows.jsonl.gz"
    if given.table:
        table(read_rows(given.rows))
        return
    groups = {"chosen": list(CHOSEN_ON), "held-out": list(HELD_OUT)}
    problems = [name for each in given.problems for name in groups.get(each, [each])]
    done = {(run["problem"], run["seed"], run["way"]) for run in read_rows(given.rows)}
    for seed in seeds(given.seeds):
        for problem in problems:
            for way in given.only:
                if (problem, seed, way) in done or (
                    way in ("both", "second") and len(CASES[problem].functions) < 2
                ):
                    continue
                append_row(given.rows, measure(problem, seed, way))


if __name__ == "__main__":
    main()
