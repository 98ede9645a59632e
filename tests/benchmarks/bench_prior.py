"""What a belief about the optimum's place is worth, and what a wrong one costs.

    python tests/benchmarks/bench_prior.py [--seeds 0-9] [--problems branin hartmann6 …|chosen|held-out]
        [--rows FILE]

Good: Normal(optimum + N(0, 0.05), 0.1) of each unit coordinate.  Wrong: the same around the corner that is
farthest from the optimum.  Targets are the median regrets of searches without any, after 20, 40 and 60
evaluations; bars are on the median evaluations to them, over these: 1/2 with a good belief, 1.2 with a
wrong one.
"""

import numpy as np
from searches import PROBLEMS, compare, regrets

from smbo import Normal, Optimizer, Real

WAYS = {"none": (60, None), "good": (60, 0.5), "wrong": (80, 1.2)}


def run(name, seed, belief, n):
    """Return the normalised regret after each evaluation."""
    best = PROBLEMS[name][1]
    rng = np.random.default_rng(seed)
    rng.random((1000, len(best)))  # what the spread of random values is taken from
    centre = {"none": None, "good": best, "wrong": np.where(best > 0.5, 0.05, 0.95)}[belief]
    priors = [None] * len(best)
    if centre is not None:
        priors = [Normal(c, 0.1) for c in centre + rng.normal(0.0, 0.05, len(best))]
    space = {f"x{k}": Real(0, 1, prior=p) for k, p in enumerate(priors)}
    return regrets(name, seed, Optimizer(space, seed=seed), n)


if __name__ == "__main__":
    compare(__doc__, WAYS, run, (20, 40, 60))
