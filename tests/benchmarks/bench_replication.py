"""Whether asking again for evaluated points pays where evaluations are noisy.

    python tests/benchmarks/bench_replication.py [--seeds 0-9] [--half development] [--arms never 1]
    python tests/benchmarks/bench_replication.py --half few --arms sweeps 1

The true value of the recommended point over the optimum, in standard deviations of the function over its
space, after 30 and 60 evaluations; noise of a tenth and a half of that deviation on average (twice as
much at one end of the first axis as at the other), with and without the standard errors told.  Arms:
recipe auto with new points only ("never"), or with ``Replication(margin)``; in spaces of few points, which
are used up, against evaluating all of them in turn ("sweeps").  The functions of the held-out half were
not looked at when margin and default were chosen.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import zlib
from pathlib import Path

import numpy as np
from bench_failures import PROBLEMS as SHARED
from bench_prior import PROBLEMS as PRIOR
from kept_rows import append_row, read_rows

from smbo import Categorical, Integer, Optimizer, Real, Recipe
from smbo.proposal.auto import Auto
from smbo.proposal.replication import Replication

CHECKPOINTS = (30, 60)
_FLOOR = 0.01  # regret in standard deviations of the function that counts as none


def of_cube(name):
    function, best, minimum = {**SHARED, **PRIOR}[name]
    space = {f"x{k}": Real(0, 1) for k in range(len(best))}
    return space, lambda point: float(function(np.array(list(point.values())))), minimum


def of_table(seed, sizes, kinds):
    """Return a table of values: effects of each axis and of pairs, no two optima alike."""
    rng = np.random.default_rng(seed)
    table = rng.normal(0.0, 0.3, sizes)
    for axis, size in enumerate(sizes):
        effects = rng.normal(0.0, 1.0, size)
        if kinds[axis] == "integer":
            effects = 3.0 * (np.linspace(-1, 1, size) - rng.uniform(-0.6, 0.6)) ** 2
        table += effects.reshape([-1 if k == axis else 1 for k in range(len(sizes))])
    space = {}
    for k, (size, kind) in enumerate(zip(sizes, kinds)):
        space[f"a{k}"] = Integer(0, size - 1) if kind == "integer" else Categorical(list(range(size)))
    return space, lambda point: float(table[tuple(point.values())]), float(table.min())


def of_mixed(seed):
    """Return a bowl whose bottom differs by a choice."""
    rng = np.random.default_rng(seed)
    depth, centre = rng.normal(0.0, 0.5, 5), rng.uniform(0.1, 0.9, (5, 2))
    space = {"kind": Categorical(list(range(5))), "x": Real(0, 1), "y": Real(0, 1)}

    def function(point):
        gap = np.array([point["x"], point["y"]]) - centre[point["kind"]]
        return float(depth[point["kind"]] + 3.0 * (gap**2).sum())

    return space, function, float(depth.min())


PROBLEMS = {
    "development": {
        "branin": of_cube("branin"),
        "hartmann3": of_cube("hartmann3"),
        "table_9x12": of_table(1, (9, 12), ("choice", "integer")),
        "mixed_a": of_mixed(2),
    },
    "held-out": {
        "hartmann6": of_cube("hartmann6"),
        "levy3": of_cube("levy3"),
        "table_6x5x4": of_table(3, (6, 5, 4), ("choice", "choice", "integer")),
        "mixed_b": of_mixed(4),
    },
}
PROBLEMS["few"] = {
    "table_5x4": of_table(5, (5, 4), ("choice", "integer")),
    "table_12": of_table(6, (12,), ("choice",)),
}
NOISES = {"a tenth": (0.1, False), "a half": (0.5, False), "a half, told": (0.5, True)}


def deviation(space, function):
    points = Optimizer(space, "random", seed=0).ask(min(Optimizer(space).space.size or 1000, 1000))
    return float(np.std([function(trial.params) for trial in points]))


def run(problem, name, noise, arm, seed):
    """Return the regret of what is recommended at each checkpoint, and the share of repeats."""
    space, function, minimum = problem
    spread = deviation(space, function)
    sigma, is_told = NOISES[noise]
    rng = np.random.default_rng([seed, zlib.crc32(f"{name} {noise}".encode())])
    replication = None if arm in ("never", "sweeps") else Replication(float(arm))
    recipe = Recipe(rule=Auto(), replication=replication)
    optimizer = Optimizer(space, recipe, seed=seed)
    found, seen, n_repeats = [], set(), 0
    for n in range(1, max(CHECKPOINTS) + 1):
        is_known = arm == "sweeps" and n > optimizer.space.size
        trial = optimizer.ask(
            fixed=optimizer.trials[n - 1 - optimizer.space.size].params if is_known else None
        )
        key = tuple(trial.params.values())
        n_repeats += key in seen
        seen.add(key)
        # noise that grows to twice as much along the first axis
        size = sigma * spread * (1.0 + optimizer.space.to_unit([trial.params])[0, 0]) / 1.5
        value = function(trial.params) + size * rng.standard_normal()
        optimizer.tell(trial, value, sem=size if is_told else None)
        if n in CHECKPOINTS:
            found.append((function(optimizer.recommend().params) - minimum) / spread)
    return found, n_repeats / max(CHECKPOINTS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--half", choices=list(PROBLEMS), default="development")
    parser.add_argument("--problems", nargs="*")
    parser.add_argument("--arms", nargs="*", default=["never", "1"], help="'never', or a margin")
    parser.add_argument("--rows", type=Path, help="file of rows: what is there is not run again")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    rows = read_rows(options.rows) if options.rows else []
    known = {(row["problem"], row["noise"], row["arm"], row["seed"]) for row in rows}
    problems = PROBLEMS[options.half]
    for seed in seeds:
        for name in options.problems or problems:
            for noise in NOISES:
                for arm in options.arms:
                    if (name, noise, arm, seed) in known:
                        continue
                    regrets, share = run(problems[name], name, noise, arm, seed)
                    row = {"problem": name, "noise": noise, "arm": arm, "seed": seed}
                    rows.append({**row, "regret": [round(r, 5) for r in regrets], "repeats": round(share, 3)})
                    if options.rows:
                        append_row(options.rows, rows[-1])
    report([row for row in rows if row["problem"] in problems and row["seed"] in seeds], options.arms)


def report(rows, arms):
    """Print mean regrets, and the ratio of sums of each arm to the first with its standard error."""
    print("| problem | noise | " + " | ".join(f"{arm}: regret 30, 60; repeats" for arm in arms) + " |")
    print("|---" * (2 + len(arms)) + "|")
    cells = {}
    for row in rows:
        cells.setdefault((row["problem"], row["noise"]), {}).setdefault(row["arm"], {})[row["seed"]] = row
    for (name, noise), by_arm in cells.items():
        texts = []
        for arm in arms:
            each = list(by_arm.get(arm, {}).values())
            if each:
                early, late = np.mean([row["regret"] for row in each], axis=0)
                texts.append(
                    f"{early:.3f}, {late:.3f}; {100 * np.mean([row['repeats'] for row in each]):.0f} %"
                )
        print(f"| {name} | {noise} | " + " | ".join(texts) + " |")
    for arm in arms[1:]:
        for k, n in enumerate(CHECKPOINTS):
            gaps = []
            for by_arm in cells.values():
                both = by_arm[arms[0]].keys() & by_arm.get(arm, {}).keys()
                # of both arms: a scale of one alone would favour it
                scale = _FLOOR + np.mean(
                    [by_arm[each][seed]["regret"][k] for seed in both for each in (arms[0], arm)]
                )
                gaps += [
                    (by_arm[arm][seed]["regret"][k] - by_arm[arms[0]][seed]["regret"][k]) / scale
                    for seed in both
                ]
            error = np.std(gaps) / len(gaps) ** 0.5
            print(f"{arm} over {arms[0]} after {n}: {1 + np.mean(gaps):.2f} ± {error:.2f} ({len(gaps)} runs)")


if __name__ == "__main__":
    main()
