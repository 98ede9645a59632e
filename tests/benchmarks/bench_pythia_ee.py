"""How long an evaluation of pythia-ee takes beside the bare generation of the same events.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_pythia_ee.py [EVENTS]

The evaluation is all of it: set-up, generation, every observable of the default list, value and jackknife.
Bare generation is the same seed's events with nothing done to them, once with ``next()`` in a loop, once
with ``nextBatch``; set-up is not counted there.  CPU seconds of one thread, the least of five runs taken in
turn, so that a busy machine disturbs all alike.

The bar: the evaluation takes at most 2.3 × the time of ``next()``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from smbo.problem import Context
from smbo_objectives.pythia_ee import PythiaEE
from smbo_objectives.pythia_ee.generator import PROCESS, pythia_seed

RUNS = 5
BATCH_SIZE = 2_000
LIMIT = 2.3


def main(n_events: int) -> None:
    """Print the times, the rates and their ratio."""
    objective = PythiaEE(events=n_events)
    point = objective.confirmation().baseline
    assert point is not None
    evaluation, single, batched = [], [], []
    for seed in range(1, RUNS + 1):
        evaluation.append(_seconds(lambda seed=seed: objective.evaluate(point, Context(seed=seed))))
        single.append(_seconds(_next(_generator(seed), n_events)))
        batched.append(_seconds(_next_batch(_generator(seed), n_events)))
    rows = {"evaluation": evaluation, "bare, next()": single, "bare, nextBatch": batched}
    for name, seconds in rows.items():
        print(f"{name:16s} {min(seconds):7.3f} s   {n_events / min(seconds):7.0f} events/s")
    print(f"evaluation / bare next():    {min(evaluation) / min(single):.2f}  (limit {LIMIT})")
    print(f"evaluation / bare nextBatch: {min(evaluation) / min(batched):.2f}")


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _generator(seed: int) -> Any:
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for line in (*PROCESS, f"Random:seed = {pythia_seed(seed)}"):
        assert pythia.readString(line)
    assert pythia.init()
    return pythia


def _next(pythia: Any, n_events: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(n_events):
            pythia.next()

    return work


def _next_batch(pythia: Any, n_events: int) -> Callable[[], None]:
    def work() -> None:
        for start in range(0, n_events, BATCH_SIZE):
            pythia.nextBatch(min(BATCH_SIZE, n_events - start))

    return work


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
