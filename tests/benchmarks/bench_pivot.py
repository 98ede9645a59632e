"""Run the toy of "Learning to Pivot" with the paper's full schedule, and print how it went.

    python tests/benchmarks/bench_pivot.py [SEED]

The bar: KS distance between z = -1 and z = +1 below 0.05 with L_f below 0.62 (a reference run on one
processor: 0.018 and 0.568, in 257 s).
"""

import sys
import time

from smbo.problem import Context
from smbo_objectives.pivot_toy import PivotToy
from smbo_objectives.pivot_toy.objective import PAPER_POINT


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    cpu, wall = time.process_time(), time.perf_counter()
    trained = PivotToy(schedule="paper").train(PAPER_POINT, Context(seed=seed))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print("  turn     L_f     L_r      ks")
    for m in trained.history:
        print(f"{m.iteration:6d} {m.loss_f:7.4f} {m.loss_r:7.4f} {m.ks:7.4f}")
    last = trained.history[-1]
    verdict = "reached" if last.ks < 0.05 and last.loss_f < 0.62 else "MISSED"
    print(f"seed {seed}: {cpu:.0f} CPU seconds, {wall:.0f} s; bar (ks < 0.05, L_f < 0.62) {verdict}")


if __name__ == "__main__":
    main()
