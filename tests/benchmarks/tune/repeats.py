"""Pulls between tunes of the same real data that differ in their seeds alone: are the printed errors right?

    python tests/benchmarks/tune/repeats.py [--seeds 0-9] [--evaluations 30]
    python tests/benchmarks/tune/repeats.py --again [--cache FOLDER]   (kept evaluations, no new event)

Each study is the default recipe on ee6n, 5,000 events an evaluation.  Of the parameters as a page prints
them ("optimum, 68 %") the difference between two studies in units of their combined errors has a root mean
square of 1 if these are right; a bar of 0.8 to 1.25 for each parameter.  Evaluations are kept in the cache,
under the names of ``against_data.py study --who smbo``; rows hold optimum and errors.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from events import CACHE, Clock, cached, keep, kept_trials, numbers, rows

from smbo import Optimizer
from smbo.analysis.optimum import optimum
from smbo.proposal.presets import preset
from smbo.proposal.suggest import trial_seed
from smbo_objectives.pythia_ee import PythiaEE

EVENTS = 5_000


def searched(objective: PythiaEE, seed: int, n: int, clock: Clock) -> None:
    """Run a study as far as it is not in the cache; its memory is kept beside the evaluations."""
    where = CACHE / "studies" / "smbo" / str(seed)
    if (where / f"memory_{n}.json").exists():
        return
    optimizer = Optimizer(objective.problem, seed=seed)
    for number in range(n):
        trial = optimizer.ask()
        clock.stop_before(EVENTS / 500.0)
        name = f"studies/smbo/{seed}/{number:03d}"
        optimizer.tell(trial, cached(name, objective, trial.params, trial_seed(seed, number), EVENTS))
    (where / f"memory_{n}.json").write_text(json.dumps(optimizer._snapshot().memory))


def printed(objective: PythiaEE, seed: int, n: int, cache: Path) -> dict[str, Any]:
    """Return the row of a study: parameters and intervals as a page prints them."""
    where = cache / "studies" / "smbo" / str(seed)
    trials = kept_trials(objective.problem, where)[:n]
    memory = json.loads((where / f"memory_{n}.json").read_text())
    found = optimum(objective.problem, preset("auto"), seed, trials, memory)
    return {
        "seed": seed,
        "n": n,
        "best": {each.name: each.value for each in found},
        "68": {each.name: each.interval for each in found},
        "95": {each.name: each.interval_95 for each in found},
    }


def pulls(kept: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    """Return the differences of all pairs of studies in a parameter, in units of their combined errors."""
    best = np.array([row["best"][name] for row in kept])
    low, high = np.array([row["68"][name] for row in kept]).T
    errors = np.maximum(0.5 * (high - low), 1e-12 * (1.0 + np.abs(best)))
    pairs = np.array(list(itertools.combinations(range(len(kept)), 2)))
    return (best[pairs[:, 0]] - best[pairs[:, 1]]) / np.hypot(errors[pairs[:, 0]], errors[pairs[:, 1]])


def report(kept: Sequence[dict[str, Any]]) -> None:
    """Print the pulls of each parameter."""
    print(f"{len(kept)} studies of {sorted({row['n'] for row in kept})} evaluations")
    print("| parameter | median | standard deviation between studies | median error | pulls, rms | each |")
    print("| --- | --- | --- | --- | --- | --- |")
    everything = []
    for name in kept[0]["best"]:
        best = np.array([row["best"][name] for row in kept])
        low, high = np.array([row["68"][name] for row in kept]).T
        pull = pulls(kept, name)
        everything.append(pull)
        listed = " ".join(f"{b:.4g}±{e:.2g}" for b, e in zip(best, 0.5 * (high - low), strict=True))
        print(
            f"| {name} | {np.median(best):.4f} | {best.std(ddof=1):.4f} | {np.median(high - low) / 2:.4f} | "
            f"{np.sqrt((pull**2).mean()):.2f} | {listed} |"
        )
    print(f"all: rms {np.sqrt((np.concatenate(everything) ** 2).mean()):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--evaluations", type=int, default=30)
    parser.add_argument("--again", action="store_true", help="compute rows again, and keep none")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--minutes", type=float, default=8.5)
    arguments = parser.parse_args()
    clock, objective = Clock(arguments.minutes), PythiaEE(space="ee6n", events=EVENTS)
    seeds, n = list(numbers(arguments.seeds)), arguments.evaluations
    if arguments.again:
        report([printed(objective, seed, n, arguments.cache) for seed in seeds])
        return
    known = {(row["seed"], row["n"]) for row in rows("repeats")}
    for seed in [] if arguments.report else seeds:
        if (seed, n) not in known:
            searched(objective, seed, n, clock)
            keep("repeats", printed(objective, seed, n, CACHE))
    report([row for row in rows("repeats") if row["n"] == n and row["seed"] in seeds])


if __name__ == "__main__":
    main()
