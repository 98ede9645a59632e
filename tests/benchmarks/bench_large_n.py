"""CPU seconds of ask and tell, and peak memory, after very many evaluations.

    python tests/benchmarks/bench_large_n.py [--n 100000] [--d 20] [--recipes gp forest auto]

The bar: ask under 2 s and 2 GB at n = 100,000 and d = 20, in one thread.  Half of the evaluations are
spread over the cube, half lie around the optimum, as after a long search; each recipe runs in a
process of its own, so that its memory is its own.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import multiprocessing
import resource
import time

import numpy as np

from smbo import Optimizer, Space
from smbo.history.events import Told
from smbo.trial import Trial, TrialState


def loss(units):
    return ((units - 0.3) ** 2).sum(axis=-1)


def history(space, n, d):
    """Return n finished trials."""
    rng = np.random.default_rng(0)
    units = rng.random((n, d))
    units[n // 2 :] = np.clip(0.3 + 0.1 * rng.standard_normal((n - n // 2, d)), 0.0, 1.0)
    values = loss(units)
    return [
        Trial(number, params, number, TrialState.COMPLETE, value=float(values[number]), feasible=True)
        for number, params in enumerate(space.from_unit(units))
    ]


def measure(recipe, n, d, n_asks):
    """Print the CPU seconds of each ask and tell that follows a history."""
    space = Space({f"x{k}": (0.0, 1.0) for k in range(d)})
    log = [Told(trial) for trial in history(space, n, d)]
    optimizer = Optimizer.replay(space, log, recipe, seed=1)
    asks, tells, values = [], [], []
    for _ in range(n_asks):
        start = time.process_time()
        trial = optimizer.ask()
        asked = time.process_time()
        values.append(float(loss(np.array(list(trial.params.values())))))
        optimizer.tell(trial, values[-1])
        asks.append(asked - start)
        tells.append(time.process_time() - asked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first, later = asks[0], max(asks[1:], default=asks[0])
    print(
        f"| {recipe} | {n} | {d} | {first:.2f} | {later:.2f} | {1e3 * max(tells):.2f} | {peak:.0f} "
        f"| {min(values):.2g} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--d", type=int, default=20)
    parser.add_argument("--asks", type=int, default=4)
    parser.add_argument(
        "--recipes", nargs="*", default=["gp", "trust", "forest", "extra-trees", "boosting", "auto"]
    )
    options = parser.parse_args()
    print("| recipe | n | d | first ask, s | later asks, s | tell, ms | peak MB | best proposed |")
    print("|---|---|---|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    for recipe in options.recipes:
        process = context.Process(target=measure, args=(recipe, options.n, options.d, options.asks))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
