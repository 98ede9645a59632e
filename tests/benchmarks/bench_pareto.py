"""Several objectives: hypervolume after so many evaluations, beside other optimizers.

    python tests/benchmarks/bench_pareto.py run --peer smbo --problems tuning --seeds 0-9
    python tests/benchmarks/bench_pareto.py table --problems held-out
    python tests/benchmarks/bench_pareto.py front        # hypervolumes of the whole fronts
    python tests/benchmarks/bench_pareto.py ask --peer botorch     # seconds of one ask after 100 evaluations

The rows, one for each run, are kept in ``pareto/rows.jsonl.gz``; runs that are there are skipped.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is imported: one thread, as the tables say

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent / "pareto"
sys.path.insert(0, str(HERE))

import problems
from kept_rows import append_row, read_rows
from peers import PEERS, versions

CHECKPOINTS = (50, 100)


def run(
    peer: str, problem: problems.ParetoProblem, seed: int, budget: int, partial: Path | None = None
) -> dict[str, Any]:
    """Return the record of one optimisation: objectives without noise, feasibility, CPU seconds.

    Args:
        partial: file that what was done so far is kept in; a peer that can go on from there does.
    """
    noise = np.random.default_rng([seed, 1])
    optimizer = PEERS[peer](problem, seed, budget)
    values, feasible, cpu = [], [], []
    can_resume = partial is not None and hasattr(optimizer, "restore")
    if can_resume and partial.exists():
        for line in partial.read_text().splitlines():
            unit, told, slack, true, spent = json.loads(line)
            optimizer.restore(np.array(unit), np.array(told), slack)
            values.append(true)
            feasible.append(slack is None or slack >= 0)
            cpu.append(spent)
            if problem.noise is not None:
                noise.standard_normal(problem.m)
    while len(values) < budget:
        before = time.process_time()
        point = optimizer.ask()
        spent = time.process_time() - before
        true = problem.function(point[None])[0]
        slack = None if problem.constraint is None else float(problem.constraint(point[None])[0, 0])
        told = true if problem.noise is None else true + problem.noise * noise.standard_normal(problem.m)
        before = time.process_time()
        optimizer.tell(point, told, slack)
        cpu.append(round(spent + time.process_time() - before, 4))
        values.append([float(f"{v:.9g}") for v in true])
        feasible.append(slack is None or slack >= 0)
        if can_resume:
            with partial.open("a") as stream:
                line = [optimizer.unit.tolist(), told.tolist(), slack, values[-1], cpu[-1]]
                stream.write(json.dumps(line) + "\n")
    return {
        "peer": peer,
        "problem": problem.name,
        "seed": seed,
        "budget": budget,
        "values": values,
        "feasible": feasible,
        "cpu": cpu,
        "versions": versions(peer),
    }


def gap(row: dict[str, Any], n: int) -> float:
    """Return the hypervolume that a run lacks after n evaluations, as a share of the whole front's."""
    from smbo.problem.hypervolume import hypervolume

    problem = problems.make(row["problem"], row["seed"])
    values = np.array(row["values"][:n])[np.array(row["feasible"][:n])]
    found = hypervolume(values / problem.reference, np.ones(problem.m)) * float(np.prod(problem.reference))
    return (problem.best - found) / problem.best


def selected(choice: str) -> list[str]:
    """Return the problem names that a comma-separated choice means."""
    halves = {"tuning": problems.TUNING, "held-out": problems.HELD_OUT}
    return [name for word in choice.split(",") for name in halves.get(word, (word,))]


def run_all(arguments: argparse.Namespace) -> None:
    """Run what is asked for and not there yet."""
    first, _, last = arguments.seeds.partition("-")
    label = arguments.label or arguments.peer
    rows = read_rows(arguments.rows)
    done = {(row["problem"], row["seed"], row["budget"]) for row in rows if row["peer"] == label}
    for seed in range(int(first), int(last or first) + 1):
        for name in selected(arguments.problems):
            if (name, seed, arguments.budget) in done:
                continue
            partial = arguments.rows.parent / f"{arguments.peer}-{name}-{seed}-{arguments.budget}.partial"
            row = run(arguments.peer, problems.make(name, seed), seed, arguments.budget, partial)
            row["peer"] = label
            append_row(arguments.rows, row)
            partial.unlink(missing_ok=True)
            print(f"{label} {name} seed {seed}: {sum(row['cpu']):.1f} s", file=sys.stderr, flush=True)


def table(arguments: argparse.Namespace) -> None:
    """Print, by problem, the geometric mean of each peer's gap, and its rank and ratio over all."""
    rows = read_rows(arguments.rows)
    peers = sorted({row["peer"] for row in rows if not arguments.peers or row["peer"] in arguments.peers})
    for n in CHECKPOINTS:
        print(f"\nshare of the hypervolume that is missing after {n} evaluations (runs)")
        print(f"{'problem':<20}" + "".join(f"{peer:>22}" for peer in peers))
        ratios: dict[str, list[float]] = {peer: [] for peer in peers}
        for name in selected(arguments.problems):
            cells, logs = [], {}
            for peer in peers:
                mine = [row for row in rows if row["peer"] == peer and row["problem"] == name]
                gaps = [max(gap(row, n), 1e-9) for row in mine if len(row["values"]) >= n]
                if gaps:
                    logs[peer] = float(np.log(gaps).mean())
                cells.append(f"{np.exp(logs[peer]):>15.3e} ({len(gaps):>3})" if gaps else f"{'-':>21}")
            for peer, mean in logs.items():
                others = [logs[other] for other in logs if not other.startswith("smbo")]
                if others and peer.startswith("smbo"):
                    ratios[peer].append(mean - min(others))
            print(f"{name:<20}" + " ".join(cells))
        for peer, found in ratios.items():
            if found:
                each = ", ".join(f"{np.exp(ratio):.2f}" for ratio in found)
                print(f"{peer}: {np.exp(np.mean(found)):.3f} x the best other on each problem ({each})")


def ask_seconds(arguments: argparse.Namespace) -> None:
    """Print the CPU seconds of one ask after 100 evaluations of each problem, the best of a few."""
    for name in selected(arguments.problems):
        problem = problems.make(name, 0)
        optimizer = PEERS[arguments.peer](problem, 0, 110)
        rng = np.random.default_rng(0)
        spent = []
        for number in range(103):
            point = rng.uniform(problem.low, problem.high)
            if number >= 100:
                before = time.process_time()
                point = optimizer.ask()
                spent.append(time.process_time() - before)
            elif arguments.peer == "botorch":
                optimizer.unit = (point - problem.low) / (problem.high - problem.low)
            elif hasattr(optimizer, "optimizer"):
                names = optimizer.optimizer.space.names
                values = problem.function(point[None])[0]
                metrics = dict(zip(optimizer.names, values.tolist()))
                optimizer.optimizer.tell(dict(zip(names, point.tolist())), metrics)
                continue
            else:
                point = optimizer.ask()
            optimizer.tell(point, problem.function(point[None])[0], None)
        print(f"{arguments.peer} {name}: " + ", ".join(f"{each:.3f}" for each in spent) + " s")


def front(arguments: argparse.Namespace) -> None:
    """Print the hypervolume of each problem's whole front, and what half the effort changes in it."""
    from whole import volume

    for name in selected(arguments.problems):
        problem = problems.make(name, 0)
        n_nodes = 8000 if problem.m == 2 else 400
        rough, found = (
            volume(problem, np.random.default_rng(0), n_nodes // k, arguments.batches // k) for k in (2, 1)
        )
        print(f'    "{name}": {found:.9g},  # changed by {found / rough - 1.0:.1e}', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("do", choices=["run", "table", "ask", "front"])
    parser.add_argument("--peer", choices=sorted(PEERS), default="smbo")
    parser.add_argument("--peers", nargs="*", default=[])
    parser.add_argument("--label", help="name of the rows, where it is not the peer's")
    parser.add_argument("--problems", default="tuning,held-out")
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--batches", type=int, default=800, help="of 20,000 evaluations, for a front")
    parser.add_argument("--rows", type=Path, default=HERE / "rows.jsonl.gz")
    arguments = parser.parse_args()
    {"run": run_all, "table": table, "ask": ask_seconds, "front": front}[arguments.do](arguments)


if __name__ == "__main__":
    main()
