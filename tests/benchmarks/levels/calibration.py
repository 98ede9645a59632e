"""How honest a level set's claim is: share on the wrong side, bands and contour against the truth, by
problem.

Rows are {problem, seed, kind, ask_seconds, scores: {n: [a list for each function: wrong, claimed, in_68,
in_95, distance]}}.  Two contours are compared by their Hausdorff distance, in edges of the box, in two
dimensions.
"""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
from contourpy import contour_generator
from levels.corridors import problem
from scipy.spatial import cKDTree
from scipy.stats import qmc

from smbo import LevelSet, Optimizer, Problem, Real

TICKS = np.linspace(0.0, 1.0, 201)
GRID = np.stack([each.ravel() for each in np.meshgrid(TICKS, TICKS)], axis=1)
BANDS = ((0.16, 0.84), (0.025, 0.975))


def crossing(values):
    """Return points along the zero line of values on the grid, (m, 2)."""
    lines = contour_generator(TICKS, TICKS, values.reshape(201, 201)).lines(0.0)
    return np.concatenate(lines) if lines else np.zeros((0, 2))


def hausdorff(found, true):
    if not len(found) or not len(true):
        return 0.0 if len(found) == len(true) else 1.0
    return float(max(cKDTree(found).query(true)[0].max(), cKDTree(true).query(found)[0].max()))


def on_contour(function, level, d):
    """Return points on a contour, (m, d): along the grid's lines, or by bisection between neighbours."""
    if d == 2:
        return crossing(function(GRID) - level)
    rng = np.random.default_rng(1)
    low = rng.random((40_000, d))
    high = np.clip(low + 0.03 * rng.standard_normal(low.shape), 0.0, 1.0)
    crosses = (function(low) > level) != (function(high) > level)
    low, high = low[crosses], high[crosses]
    side = function(low) > level
    for _ in range(20):
        middle = 0.5 * (low + high)
        stays = ((function(middle) > level) == side)[:, None]
        low, high = np.where(stays, middle, low), np.where(stays, high, middle)
    return 0.5 * (low + high)


class Truth:
    """A problem of ``levels.corridors``, what is true of it, and evaluations with its noise."""

    def __init__(self, name, seed):
        self.case = problem(name, seed)
        functions = self.case.functions
        level_set = LevelSet(
            {each: level for each, (_, level) in functions.items()}, transform=self.case.transform
        )
        self.problem = Problem({f"x{i}": Real(0.0, 1.0) for i in range(self.case.d)}, level_set=level_set)
        d = self.case.d
        self.places = GRID if d == 2 else qmc.Sobol(d, rng=np.random.default_rng(0)).random(2**13)
        self.above = [function(self.places) > level for function, level in functions.values()]
        self.lines = [on_contour(function, level, d) for function, level in functions.values()]
        self.rng = np.random.default_rng([seed, 7])

    def evaluate(self, params):
        unit, found = np.array([list(params.values())]), {}
        for name, (function, _) in self.case.functions.items():
            value = function(unit)
            if self.case.noise is None:
                found[name] = float(value[0])
                continue
            error = float(self.case.noise(value)[0])
            measured = float(value[0] + error * self.rng.standard_normal())
            if name == "cls":  # a share of toys
                measured = min(max(measured, 0.0), 1.0)
            found[name] = (measured, error) if self.case.is_told else measured
        return found

    def score(self, contour):
        """Return [wrong, claimed, in 68 %, in 95 %, distance] of each function."""
        scores = []
        found = contour.posterior.above(self.places)
        for k, (above, line) in enumerate(zip(self.above, self.lines)):
            there = contour.posterior.above(line)[k]
            inside = [float(((there > low) & (there < high)).mean()) for low, high in BANDS]
            distance = hausdorff(crossing(found[k] - 0.5), line) if self.case.d == 2 else None
            wrong, claimed = ((found[k] > 0.5) != above).mean(), np.minimum(found[k], 1.0 - found[k]).mean()
            scores.append([float(wrong), float(claimed), *inside, distance])
        return scores


def measure(name, seed, steps=(20, 30, 40)):
    """Return the row of one search."""
    truth, seconds, scores = Truth(name, seed), 0.0, {}
    optimizer = Optimizer(truth.problem, seed=seed)
    for n in range(1, steps[-1] + 1):
        began = time.process_time()
        trial = optimizer.ask()
        seconds += time.process_time() - began
        optimizer.tell(trial, truth.evaluate(trial.params))
        if n in steps:
            scores[n] = truth.score(optimizer.contour())
    row = {"problem": name, "seed": seed, "kind": truth.case.kind, "ask_seconds": seconds / steps[-1]}
    return {**row, "scores": scores}


def table(rows, n=40):
    """Print the means by problem, then by kind; distances are medians."""
    groups, seconds = defaultdict(list), defaultdict(list)
    for row in rows:
        for group in (row["problem"], f"all of {row['kind']}"):
            groups[group] += row["scores"][str(n)]
            seconds[group].append(row["ask_seconds"])
    print(f"after {n}: on the wrong side, claimed (%), ratio; contour in the bands; distance (worst)")
    for group in sorted(groups, key=lambda name: (name.startswith("all"), name)):
        scores = groups[group]
        wrong, claimed, in_68, in_95 = np.mean([each[:4] for each in scores], axis=0)
        line = f"{group:18} {len(scores):3}: {100 * wrong:.2f} {100 * claimed:.2f} {wrong / claimed:.2f}"
        line += f"; {in_68:.2f} {in_95:.2f}"
        distances = [each[4] for each in scores if each[4] is not None]
        if distances:
            line += f"; {np.median(distances):.4f} ({max(distances):.4f})"
        print(line + f"; {1e3 * np.mean(seconds[group]):.0f} ms an ask")
