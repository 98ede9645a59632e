"""Run one optimizer over problems and seeds; a row for each run, done ones are skipped.

    python tests/benchmarks/regret/run.py --peer smbo --problems held-out --seeds 0-9 --budget 100

``--problems`` takes names, "tuning", "held-out" (all groups but "large", which is for 300
evaluations), and these with a group, as in "held-out/noisy".
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is imported: one thread, as the tables say

import argparse
import heapq
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
import problems
from kept_rows import append_row, read_rows
from peers import PEERS, versions

ROWS = Path(__file__).resolve().parent / "rows.jsonl.gz"
CHECKPOINTS = (20, 30, 50, 100, 200, 300)  # where noisy runs are asked for their recommendation


def run(peer: str, problem: problems.BenchmarkProblem, seed: int, budget: int) -> dict[str, Any]:
    """Return the record of one optimisation.

    ``problem.workers`` evaluations are outstanding all the time; their durations are drawn from
    U(0.5, 1.5), not waited for.
    """
    noise, durations = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    started = time.process_time()
    optimizer = PEERS[peer](problem, seed, budget)
    cpu_start = time.process_time() - started
    running: list[tuple[float, int, Any, list[Any]]] = []
    values: list[float] = []  # without noise, in the order of finishing
    told: list[float] = []
    cpu: list[float] = []
    recommended: dict[int, float] = {}
    asked, clock = 0, 0.0
    while len(values) < budget:
        before = time.process_time()
        while asked < budget and len(running) < problem.workers:
            handle, point = optimizer.ask()
            heapq.heappush(running, (clock + durations.uniform(0.5, 1.5), asked, handle, point))
            asked += 1
        spent = time.process_time() - before
        clock, _, handle, point = heapq.heappop(running)
        value = problem.function(point)
        seen, sem = problem.seen(point, value, noise)
        before = time.process_time()
        optimizer.tell(handle, point, seen, sem)
        cpu.append(spent + time.process_time() - before)
        values.append(value)
        told.append(seen)
        if problem.is_noisy and len(values) in CHECKPOINTS:
            choice = optimizer.recommend()
            recommended[len(values)] = (
                values[int(np.argmin(told))] if choice is None else problem.function(choice)
            )
    return {
        "peer": peer,
        "problem": problem.name,
        "seed": seed,
        "budget": budget,
        "values": [float(f"{value:.7g}") for value in values],
        "recommended": recommended,
        "cpu": [round(c, 5) for c in cpu],
        "cpu_start": round(cpu_start, 4),
        "versions": versions(peer),
    }


def selected(choice: str) -> list[str]:
    """Return the problem names that a comma-separated choice means."""
    problems.load_kinds()
    halves = {"tuning": problems.TUNING, "held-out": problems.HELD_OUT}
    names: list[str] = []
    for word in choice.split(","):
        half, _, group = word.partition("/")
        if half in halves:
            groups = [group] if group else [g for g in halves[half] if g != "large"]
            names += [name for g in groups for name in halves[half][g]]
        else:
            names.append(word)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", choices=sorted(PEERS), required=True)
    parser.add_argument("--problems", required=True)
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--rows", type=Path, default=ROWS)
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    rows = read_rows(arguments.rows)
    done = {(row["peer"], row["problem"], row["seed"], row["budget"]) for row in rows}
    for seed in range(int(first), int(last or first) + 1):
        for name in selected(arguments.problems):
            if (arguments.peer, name, seed, arguments.budget) in done:
                continue
            row = run(arguments.peer, problems.make(name, seed), seed, arguments.budget)
            append_row(arguments.rows, row)
            print(
                f"{arguments.peer} {name} seed {seed}: best {min(row['values']):.6g}",
                file=sys.stderr,
                flush=True,
            )


if __name__ == "__main__":
    main()
