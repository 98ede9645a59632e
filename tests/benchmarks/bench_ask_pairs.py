"""CPU time of ask + tell of two checkouts, in interleaved fresh processes, and the ratio of the two.

    python tests/benchmarks/bench_ask_pairs.py OLD NEW [--pairs 30] [--recipe gp] [--asks 50] [--dims 6]

OLD and NEW are Python executables, each with its own checkout installed, or PYTHON:FOLDER to import from
FOLDER.  Only the loop of asks and tells is timed (CPU seconds, one thread).  Pairs run old-new, new-old, … so
that a drift of the machine cancels.  The points of all runs must be the same; if not, the exit code is 1.

Bar for a change that is to change no proposal: median ratio at most 1.02.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LOOP = """
import gc, hashlib, json, sys, time
recipe, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import smbo
space = {f"x{i}": (0.0, 1.0) for i in range(d)}
warm = smbo.Optimizer(space, recipe, seed=99)
for _ in range(3 * d):  # imports and caches of the first calls are not part of the loop
    trial = warm.ask()
    warm.tell(trial, sum((v - 0.3) ** 2 for v in trial.params.values()))
gc.collect()
optimizer = smbo.Optimizer(space, recipe, seed=1)
points = []
began = time.process_time()
for _ in range(n):
    trial = optimizer.ask()
    points.append(trial.params)
    optimizer.tell(trial, sum((i + 1) * (v - 0.3) ** 2 for i, v in enumerate(trial.params.values())))
seconds = time.process_time() - began
text = repr([[float(v).hex() for v in point.values()] for point in points])
print(json.dumps([seconds, hashlib.sha256(text.encode()).hexdigest(), smbo.__file__]))
"""


def measured(checkout: str, recipe: str, n_asks: int, n_dims: int) -> tuple[float, str, str]:
    """Return CPU seconds, a digest of the points and the package's file of one run in a fresh process."""
    python, _, folder = checkout.partition(":")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= dict.fromkeys(THREADS, "1")
    argv = [python, "-c", LOOP, recipe, str(n_asks), str(n_dims)]
    # with -c the current folder comes first on sys.path
    ran = subprocess.run(argv, cwd=folder or "/", env=environment, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"{checkout}: {ran.stderr}")
    seconds, digest, file = json.loads(ran.stdout)
    return seconds, digest, file


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--recipe", default="gp")
    parser.add_argument("--asks", type=int, default=50)
    parser.add_argument("--dims", type=int, default=6)
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {given.old: [], given.new: []}
    files, digests = {}, set()
    for pair in range(given.pairs):
        for checkout in (given.old, given.new)[:: 1 if pair % 2 == 0 else -1]:
            spent, digest, files[checkout] = measured(checkout, given.recipe, given.asks, given.dims)
            seconds[checkout].append(spent)
            digests.add(digest)
    for checkout, found in seconds.items():
        print(f"{files[checkout]}: median {statistics.median(found):.4f} s, lowest {min(found):.4f} s")
    ratios = [new / old for old, new in zip(*seconds.values(), strict=True)]
    low, middle, high = (
        statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    )
    print(
        f"new / old, {given.asks} asks and tells, d = {given.dims}, {given.recipe}, {given.pairs} pairs: "
        f"median {middle:.4f}, IQR {low:.4f} to {high:.4f}"
    )
    print("the same points in all runs" if len(digests) == 1 else f"{len(digests)} DIFFERENT SETS OF POINTS")
    sys.exit(len(digests) != 1)


if __name__ == "__main__":
    main()
