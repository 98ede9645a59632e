"""What points of an earlier study are worth to level sets, vector outputs and trees, beside no earlier study.

    python tests/benchmarks/bench_transfer_kinds.py [--kinds level vector forest …] [--ways related …]
        [--seeds 0-9]

related: the function moved by N(0, 0.02) along each axis, times 1.5, plus 3; flipped: its negative;
unrelated: a smooth random function; both: related and unrelated.

level: the share of the square on the wrong side of a contour, after 7 and 12 evaluations; vector: χ² of the
recommended point over 20 bins of four parameters, after 7 and 12; forest, extra-trees, boosting: lowest
regret on Hartmann-6 over the spread of random values, after 10 and 15.  Bars: related is better in 8 of 10
seeds; flipped and unrelated are worse by at most 10 % in the median; both is as good as related.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse

import numpy as np
from searches import PROBLEMS, regrets

from smbo import LevelSet, Optimizer, Problem, TransferSource
from smbo.problem import ChiSquare

WAYS = ("none", "related", "flipped", "unrelated", "both")
TREES = ("forest", "extra-trees", "boosting")
AFTER = {"level": (7, 12), "vector": (7, 12), **dict.fromkeys(TREES, (10, 15))}
N_POINTS = 60
BINS = np.linspace(0.0, 1.0, 20)
BEST = np.array([0.3, 0.6, 0.45, 0.7])
LEVEL = 0.3


def wavy(unit):
    x, y = unit
    return np.sin(5 * x + 1) * np.cos(4 * y) + x * y + 0.3 * np.sin(9 * y * x)


def histogram(unit):
    a, b, c, d = unit
    bump = np.exp(-(((BINS - 0.2 - 0.6 * a) / (0.08 + 0.2 * b)) ** 2))
    return 10 * bump + 4 * c * np.sin(6 * BINS * (0.5 + d)) + 5 * b * d * BINS


def hartmann6(unit):
    return PROBLEMS["hartmann6"][0](np.clip(unit, 0.0, 1.0))


def functions_of(kind):
    """Return the function, its number of axes, and a random function of the same shape, of a generator."""
    if kind == "level":
        function, d, k = wavy, 2, 1
    elif kind == "vector":
        function, d, k = histogram, 4, len(BINS)
    else:
        function, d, k = hartmann6, 6, 1

    def unrelated(rng):
        centres, heights = rng.random((12, d)), rng.standard_normal((12, k))
        return lambda unit: np.exp(-8.0 * ((unit - centres) ** 2).sum(axis=1) / d) @ heights

    return function, d, unrelated


def sources_of(kind, seed, way):
    """Return the sources of a way."""
    function, d, unrelated = functions_of(kind)
    rng = np.random.default_rng([seed, d])
    units = rng.random((N_POINTS, d))
    shift, other = rng.normal(0.0, 0.02, d), unrelated(rng)
    known = {
        "related": lambda unit: 1.5 * function(unit + shift) + 3.0,
        "flipped": lambda unit: -function(unit),
        "unrelated": other,
    }
    names = {"none": (), "both": ("related", "unrelated")}.get(way, (way,))
    points = [{f"x{k}": float(each) for k, each in enumerate(unit)} for unit in units]
    found = []
    for name in names:
        told = [known[name](unit) for unit in units]
        if kind == "vector":
            found.append(TransferSource(points, outputs=told, name=name))
        else:
            found.append(TransferSource(points, [float(np.squeeze(each)) for each in told], name))
    return found


def run(kind, seed, way):
    """Return the figure of merit after each of the evaluations of ``AFTER``."""
    _, d, _ = functions_of(kind)
    space = {f"x{k}": (0.0, 1.0) for k in range(d)}
    sources = sources_of(kind, seed, way)
    if kind in TREES:
        curve = regrets(
            "hartmann6", seed, Optimizer(Problem(space, transfer=sources), kind, seed=seed), AFTER[kind][-1]
        )
        return [curve[n - 1] for n in AFTER[kind]]
    loss = ChiSquare(data=histogram(BEST), errors=np.full(len(BINS), 0.3))
    goal = {"level_set": LevelSet(LEVEL)} if kind == "level" else {"loss": loss}
    optimizer, found = Optimizer(Problem(space, transfer=sources, **goal), seed=seed), []
    grid = np.random.default_rng(1).random((2000, 2))
    is_above = np.array([wavy(unit) for unit in grid]) > LEVEL
    for n in range(1, AFTER[kind][-1] + 1):
        trial = optimizer.ask()
        unit = np.array([*trial.params.values()])
        if kind == "level":
            optimizer.tell(trial, float(wavy(unit)))
        else:
            optimizer.tell(trial, outputs=histogram(unit))
        if n not in AFTER[kind]:
            continue
        if kind == "level":
            means = optimizer.predict([{"x0": x, "x1": y} for x, y in grid.tolist()]).means["value"]
            found.append(float(((means > LEVEL) != is_above).mean()))
        else:
            best = np.array([*optimizer.recommend().params.values()])
            found.append(float(loss.of(histogram(best))))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="*", default=list(AFTER), choices=list(AFTER))
    parser.add_argument("--ways", nargs="*", default=WAYS[1:], choices=WAYS[1:])
    parser.add_argument("--seeds", default="0-9")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    print("| kind | source | after | median without | median with | better in |\n|---|---|---|---|---|---|")
    for kind in options.kinds:
        plain = np.array([run(kind, seed, "none") for seed in seeds])
        for way in options.ways:
            found = np.array([run(kind, seed, way) for seed in seeds])
            for column, n in enumerate(AFTER[kind]):
                medians = f"{np.median(plain[:, column]):.3g} | {np.median(found[:, column]):.3g}"
                n_better = int((found[:, column] < plain[:, column]).sum())
                print(f"| {kind} | {way} | {n} | {medians} | {n_better} of {len(seeds)} |", flush=True)
