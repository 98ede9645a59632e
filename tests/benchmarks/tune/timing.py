"""How long a proposal takes at n = 100 evaluations of 366 bins, one thread.

    python tests/benchmarks/tune/timing.py [N]

Bins that answer to six parameters as histograms do, with their noise; the times of five asks, learning
included where it is due.  The bar: 0.5 s.
"""

from __future__ import annotations

import sys
import time

import events  # noqa: F401 - one thread, before numpy is imported
import numpy as np

from smbo import Optimizer, Problem
from smbo.problem.losses import ChiSquare

K, D, LIMIT = 366, 6, 0.5


def main(n: int) -> None:
    rng = np.random.default_rng(0)
    linear, curved = rng.standard_normal((D, K)), rng.standard_normal((D * D, K))
    level = rng.uniform(1.0, 5.0, K)

    def bins(point: np.ndarray) -> np.ndarray:
        off = point - 0.5
        return level * np.exp(0.3 * off @ linear + 0.1 * np.outer(off, off).ravel() @ curved)

    loss = ChiSquare(bins(np.full(D, 0.4)), 0.05 * level, np.full(K, 1 / K))
    optimizer = Optimizer(Problem({f"x{j}": (0.0, 1.0) for j in range(D)}, loss=loss), seed=1)
    times = []
    for number in range(n + 5):
        before = time.process_time()
        trial = optimizer.ask()
        times.append(time.process_time() - before)
        clean = bins(np.array(list(trial.params.values())))
        variances = clean * 0.01
        told = clean + np.sqrt(variances) * rng.standard_normal(K)
        optimizer.tell(trial, outputs=told, covariance=variances)
        if number == n - 1:
            print(f"all {n} asks: {sum(times):.1f} s, the longest {max(times):.2f} s")
    last = times[n:]
    print(f"asks at n = {n}: " + ", ".join(f"{each:.3f}" for each in last) + f" s (limit {LIMIT} s)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
