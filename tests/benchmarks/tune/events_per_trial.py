"""Events that a search spends until its recommended point is good, by who chooses how many an evaluation has.

    python tests/benchmarks/tune/events_per_trial.py [--seeds 0-4] [--events 120000]

On the emulator of this folder.  Each search may spend so many events; every start of a run costs
as many events as ``START`` beside (a generator's initialisation and the proposal: 0.4 s at 3,000 events a
second).  After each evaluation the true loss of the recommended point is noted; the table says what it took
to stay below each limit, and what is reached in the end.
"""

from __future__ import annotations

import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np
from emulator import SPACE, Runs, loss, spectra

from smbo import Fidelity, Optimizer, Problem

START = 1_200
LIMITS = (1.0, 0.3, 0.1, 0.03)
WHO = ("model", "asha", "1000", "5000", "20000")


def search(who: str, seed: int, cost: float) -> list[tuple[float, float]]:
    """Return (cost so far, true loss of the recommended point) after each evaluation of a search."""
    chi_square = loss()
    if who in ("model", "asha"):
        levels = Fidelity(1_000, 20_000, name="events", averages=True)
        problem = Problem(SPACE, loss=chi_square, fidelity=levels, early_stopping=who)
    else:
        problem = Problem(SPACE, loss=chi_square)
    optimizer, runs = Optimizer(problem, seed=seed), Runs(seed)
    path: list[tuple[float, float]] = []
    while True:
        trial = optimizer.ask()
        events = int(who) if trial.fidelity is None else int(trial.fidelity)
        bins, variances = runs.evaluate(trial.number, dict(trial.params), events)
        optimizer.tell(trial, outputs=bins, covariance=variances)
        spent = runs.events + START * runs.starts
        if spent > cost:
            return path
        if len(optimizer.trials) >= 5:
            path.append((spent, _true_loss(optimizer, chi_square)))


def _true_loss(optimizer: Optimizer, chi_square: object) -> float:
    point = optimizer.recommend().params
    return float(chi_square.of(spectra(**point)))  # type: ignore[attr-defined]


def stays_below(path: list[tuple[float, float]], limit: float) -> float:
    """Return the cost from which on a path stays below a limit, infinite if it does not."""
    above = [row for row, (_, value) in enumerate(path) if value > limit]
    first = above[-1] + 1 if above else 0
    return path[first][0] if first < len(path) else np.inf


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--events", type=float, default=120_000)
    parser.add_argument("--who", default=",".join(WHO))
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    print(f"cost to stay below, thousands of events, median of {len(seeds)} seeds; a start costs {START}")
    print(
        "| events of an evaluation | evaluations | "
        + " | ".join(f"{each:g}" for each in LIMITS)
        + " | at the end |"
    )
    print("| --- " * (len(LIMITS) + 3) + "|")
    for who in arguments.who.split(","):
        paths = [search(who, seed, arguments.events) for seed in seeds]
        costs = [np.median([stays_below(path, limit) for path in paths]) / 1e3 for limit in LIMITS]
        ends = np.median([path[-1][1] for path in paths])
        told = " | ".join(f"{each:.0f}" if np.isfinite(each) else "not reached" for each in costs)
        print(f"| {who} | {np.median([len(path) for path in paths]):.0f} | {told} | {ends:.3f} |", flush=True)


if __name__ == "__main__":
    main()
