"""What 50 points of an earlier study are worth, and what they cost where they tell nothing.

    python tests/benchmarks/bench_transfer.py [--seeds 0-9] [--problems branin hartmann6 …|chosen|held-out]
        [--rows FILE]

Related: the function moved by N(0, 0.03) along each axis, times 3, plus 20.  Unrelated: a smooth random
function.  Targets are the median regrets of searches without any, after 10, 20, 30 and 40 evaluations; bars
are on the median evaluations to them, over these: 1/2 with related points, 1.1 with unrelated ones.
"""

import numpy as np
from searches import PROBLEMS, compare, regrets

from smbo import Optimizer, Problem, Real, TransferSource

WAYS = {"none": (40, None), "related": (40, 0.5), "unrelated": (48, 1.1)}


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


def run(name, seed, kind, n):
    """Return the normalised regret after each evaluation."""
    names = [f"x{k}" for k in range(len(PROBLEMS[name][1]))]
    earlier = []
    if kind != "none":
        points, values = earlier_points(name, seed, kind)
        earlier = [TransferSource([dict(zip(names, u.tolist(), strict=True)) for u in points], values)]
    return regrets(
        name, seed, Optimizer(Problem({n: Real(0, 1) for n in names}, transfer=earlier), seed=seed), n
    )


if __name__ == "__main__":
    compare(__doc__, WAYS, run, (10, 20, 30, 40))
