"""A million trials in one study: seconds to import them, to open the study again, and peak memory.

    python tests/benchmarks/bench_million.py [--trials 1000000] [--url URL]

Each step runs in a process of its own.  The bars are 60 s, 20 s and 2 GB.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time

D = 8


def bring(url, n):
    from smbo.study import Study

    study = Study.open(url, "million", {f"x{k}": (0.0, 1.0) for k in range(D)}, "random", seed=1)
    draw = __import__("random").Random(1).random
    return study.add_many(({f"x{k}": draw() for k in range(D)} for _ in range(n)), (draw() for _ in range(n)))


def resume(url, n):
    from smbo.study import Study

    study = Study.load(url, "million")
    trials = study.trials
    assert len(trials) == n
    assert trials[-1].value is not None
    return len(trials)


def again(url, n):
    """What changed since the last look: one trial, of a study that is read already."""
    from smbo.study import Study

    study, other = Study.load(url, "million"), Study.load(url, "million")
    assert len(study.trials) == n
    other.add_many([{f"x{k}": 0.5 for k in range(D)}], [0.5])
    start = time.perf_counter()
    assert study.trials[-1].value == 0.5
    return time.perf_counter() - start


STEPS = {"bring": bring, "resume": resume, "again": again}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--url", default=None)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        start, cpu = time.perf_counter(), time.process_time()
        answer = STEPS[given.step](given.url, given.trials)
        print(
            json.dumps(
                {
                    "seconds": round(time.perf_counter() - start, 2),
                    "cpu": round(time.process_time() - cpu, 2),
                    "mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                    "answer": answer,
                }
            )
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/million.db"
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--url", url, "--trials", str(given.trials)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            print(f"{step:8} {done.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
