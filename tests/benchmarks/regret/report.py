"""Print the tables of the regret benchmark.

    python tests/benchmarks/regret/report.py --problems held-out --budgets 30,100
    python tests/benchmarks/regret/report.py --problems held-out/choices --budgets 30,50 --summary

Normalised simple regret after N evaluations is (best found - optimum) / (reference - optimum), the
reference being the median over random searches of N evaluations on the same instance: 1 is no
better than random search.  Where what is told is not the true value (noise, outliers), the score is the
true value of the recommended point, for a peer that recommends none of the point with the best told value.
Values below 1e-3 count as 1e-3.  Where nobody knows the optimum it is the best value that any run
or reference has found on that instance.  Intervals are bootstrap over seeds and problems.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import problems
from run import ROWS, read_rows, selected

FLOOR = 1e-3
_POOL, _POOL_OF_TASKS = 2000, 150  # random values of an instance; a task costs 10 to 60 ms each
_REPEATS = 12  # noisy values of each random point
_BOOTSTRAPS = 4000
_SOLVED = 1e-2  # normalised regret from which a run that gains no more counts as stalled


def random_pool(name: str, seed: int, cache: Path) -> tuple[np.ndarray, np.ndarray | None, float | None]:
    """Return the values of random points of an instance, 12 noisy values of each (None without noise), and
    its optimum; kept in a file."""
    base = name.partition("@q")[0]
    path = cache / f"{base}-{seed}.json"
    if not path.exists():
        problem = problems.make(base, seed)
        rng = np.random.default_rng([seed, 12345])
        n = _POOL_OF_TASKS if base in problems._TASKS else _POOL
        points = [problem.random_point(rng) for _ in range(n)]
        values = [problem.function(point) for point in points]
        seen = None
        if problem.is_noisy:
            seen = [
                [problem.seen(point, value, rng)[0] for _ in range(_REPEATS)]
                for point, value in zip(points, values)
            ]
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"values": values, "seen": seen, "optimum": problem.optimum}))
    stored = json.loads(path.read_text())
    seen = None if stored["seen"] is None else np.array(stored["seen"])
    return np.array(stored["values"]), seen, stored["optimum"]


def reference(values: np.ndarray, seen: np.ndarray | None, n: int) -> float:
    """Return the median of what random search of n evaluations hands over."""
    if seen is None:  # the median of the best of n draws is a quantile
        return float(np.quantile(values, 1 - 0.5 ** (1 / n)))
    rng = np.random.default_rng(n)
    rows = rng.integers(len(values), size=(4000, n))
    chosen = seen[rows, rng.integers(seen.shape[1], size=rows.shape)].argmin(axis=1)
    return float(np.median(values[rows[np.arange(len(rows)), chosen]]))


def scores(rows: list[dict[str, Any]], budget: int, cache: Path) -> dict[tuple[str, str, int], float]:
    """Return the normalised regret of (peer, problem, seed) after ``budget`` evaluations."""
    known_best: dict[tuple[str, int], float] = defaultdict(lambda: np.inf)
    for row in rows:
        instance = (row["problem"].partition("@q")[0], row["seed"])
        known_best[instance] = min(known_best[instance], *row["values"])
    out = {}
    for row in rows:
        if len(row["values"]) < budget:
            continue
        values, seen, optimum = random_pool(row["problem"], row["seed"], cache)
        if optimum is None:
            optimum = min(known_best[row["problem"].partition("@q")[0], row["seed"]], values.min())
        found = row["recommended"][str(budget)] if seen is not None else min(row["values"][:budget])
        span = reference(values, seen, budget) - optimum
        # random search may reach the best row of a table: nobody can do better than reach it too
        regret = 0.0 if found <= optimum else (found - optimum) / span if span > 0 else 1.0
        out[row["peer"], row["problem"], row["seed"]] = float(max(regret, FLOOR))
    return out


def interval(logs: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the geometric mean of exp(logs), shape (problems, seeds)."""
    rng = np.random.default_rng(0)
    n_problems, n_seeds = logs.shape
    means = np.empty(_BOOTSTRAPS)
    for b in range(_BOOTSTRAPS):
        chosen = logs[rng.integers(n_problems, size=n_problems)]
        columns = rng.integers(n_seeds, size=(n_problems, n_seeds))
        means[b] = np.nanmean(np.take_along_axis(chosen, columns, axis=1))
    low, high = np.exp(np.quantile(means, [0.025, 0.975]))
    return float(low), float(high)


def table(rows: list[dict[str, Any]], names: list[str], budget: int, cache: Path, against: str) -> None:
    """Print, by group, each peer's geometric mean on the runs that it shares with ``against``."""
    result = scores([row for row in rows if row["problem"] in names], budget, cache)
    for group, members in _grouped(names).items():
        runs = {(p, s) for (peer, p, s) in result if peer == against and p in members}
        print(f"\n### {group}, {budget} evaluations ({len(runs)} runs of {against})\n")
        print(f"| peer | runs | regret | {against} / peer | 95 % | mean rank |\n|---|---|---|---|---|---|")
        peers = sorted({peer for peer, p, _ in result if p in members})
        ranks = _ranks(result, runs, peers)
        lines = []
        for peer in peers:
            shared = sorted(run for run in runs if (peer, *run) in result)
            if not shared:
                continue
            mine = np.log([result[(peer, *run)] for run in shared])
            theirs = np.log([result[(against, *run)] for run in shared])
            low, high = interval(_by_problem(theirs - mine, shared))
            ratio = np.exp(np.mean(theirs - mine))
            text = (
                f"| {peer} | {len(shared)} | {np.exp(mine.mean()):.3g} | {ratio:.2f} | {low:.2f}-{high:.2f} |"
            )
            lines.append((mine.mean(), f"{text} {ranks.get(peer, np.nan):.2f} |"))
        print("\n".join(line for _, line in sorted(lines)))


def summary(
    rows: list[dict[str, Any]], names: list[str], budgets: list[int], cache: Path, against: str
) -> None:
    """Print a line for each group and budget: the ratio to the peer that does best beside ``against``."""
    print(
        "\n| kind | evaluations | runs | regret | best peer | ratio | 95 % | mean rank |\n" + "|---" * 8 + "|"
    )
    for group, members in _grouped(names).items():
        for budget in budgets:
            result = scores([row for row in rows if row["problem"] in members], budget, cache)
            runs = {(p, s) for (peer, p, s) in result if peer == against}
            hardest = None
            peers = sorted({peer for peer, _, _ in result})
            for peer in peers:
                shared = sorted(run for run in runs if (peer, *run) in result)
                # a peer that was run on a few problems only says little of the group
                if (
                    peer == against
                    or peer.startswith("smbo")
                    or 2 * len({p for p, _ in shared}) < len(members)
                ):
                    continue
                logs = np.log([result[(against, *run)] / result[(peer, *run)] for run in shared])
                if hardest is None or logs.mean() > hardest[0]:
                    hardest = logs.mean(), peer, interval(_by_problem(logs, shared)), len(shared)
            if hardest is None:
                continue
            mean, peer, (low, high), n = hardest
            ranks = _ranks(result, runs, peers)
            place = sorted(ranks.values()).index(ranks[against]) + 1 if ranks else 0
            mine = np.exp(np.mean([np.log(result[(against, *run)]) for run in runs]))
            print(
                f"| {group} ({len(members)}) | {budget} | {n} | {mine:.3g} | {peer} | {np.exp(mean):.2f} | "
                f"{low:.2f}-{high:.2f} | {ranks.get(against, np.nan):.2f} ({place} of {len(ranks)}) |"
            )


def behind(
    rows: list[dict[str, Any]], names: list[str], budgets: list[int], cache: Path, against: str
) -> list[tuple[str, int, str, float, float]]:
    """Return (problem, budget, peer, median, the peer's median) where a peer's is less than half.

    Medians are over the seeds that both have, of normalised regret with its floor.
    """
    found = []
    for budget in budgets:
        result = scores([row for row in rows if row["problem"] in names], budget, cache)
        for name in names:
            mine = {s: v for (peer, p, s), v in result.items() if peer == against and p == name}
            for peer in sorted({peer for peer, p, _ in result if p == name}):
                seeds = [s for s in mine if (peer, name, s) in result]
                if not seeds or peer == against or peer.startswith("smbo"):
                    continue
                pair = [float(np.median([result[(q, name, s)] for s in seeds])) for q in (against, peer)]
                if pair[0] > 2 * pair[1]:
                    found.append((name, budget, peer, *pair))
    return found


def stalled(rows: list[dict[str, Any]], result: dict[tuple[str, str, int], float]) -> dict[str, list[str]]:
    """Return by peer which runs without noise gained nothing after half of their evaluations.

    Args:
        rows: of runs as long as the budget of ``result``.
        result: ``scores``; a run that is within ``_SOLVED`` of the optimum does not count.
    """
    out: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        peer, name, seed = row["peer"], row["problem"], row["seed"]
        half, is_noisy = len(row["values"]) // 2, bool(row["recommended"])
        stands = min(row["values"][half:]) >= min(row["values"][:half])
        mine = out[peer]
        if stands and not is_noisy and result.get((peer, name, seed), 0.0) > _SOLVED:
            mine.append(f"{name}/{seed}")
    return out


def _grouped(names: list[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[problems.make(name, 0).group].append(name)
    return groups


def _by_problem(logs: np.ndarray, runs: list[tuple[str, int]]) -> np.ndarray:
    """Return logs as (problems, seeds), NaN where a run is missing."""
    names, seeds = sorted({p for p, _ in runs}), sorted({s for _, s in runs})
    out = np.full((len(names), len(seeds)), np.nan)
    for value, (name, seed) in zip(logs, runs):
        out[names.index(name), seeds.index(seed)] = value
    return out


def _ranks(
    result: dict[tuple[str, str, int], float], runs: set[tuple[str, int]], peers: list[str]
) -> dict[str, float]:
    """Return mean ranks (1 is best, ties share) over the runs that every peer has."""
    from scipy.stats import rankdata

    common = [run for run in sorted(runs) if all((peer, *run) in result for peer in peers)]
    if not common:
        return {}
    values = np.array([[result[(peer, *run)] for peer in peers] for run in common])
    return dict(zip(peers, rankdata(values, axis=1).mean(axis=0)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, nargs="+", default=[ROWS])
    parser.add_argument("--problems", default="held-out")
    parser.add_argument("--budgets", default="30,100")
    parser.add_argument("--against", default="smbo")
    parser.add_argument(
        "--cache", type=Path, default=ROWS.parent / "reference", help="random search's values"
    )
    parser.add_argument("--per-problem", type=int, help="also print geometric means by problem after so many")
    parser.add_argument(
        "--summary",
        action="store_true",
        help="a line a group, and where a peer is twice ahead, in place of tables",
    )
    parser.add_argument(
        "--stalled", type=int, help="also list the runs of so many that stand still from half"
    )
    arguments = parser.parse_args()
    rows = read_rows(*arguments.rows)
    names = selected(arguments.problems)
    budgets = [int(budget) for budget in arguments.budgets.split(",")]
    if arguments.summary:
        summary(rows, names, budgets, arguments.cache, arguments.against)
        for name, budget, peer, mine, theirs in behind(
            rows, names, budgets, arguments.cache, arguments.against
        ):
            print(f"twice behind: {name}, {budget} evaluations: {mine:.3g}, {peer} {theirs:.3g}")
    for budget in [] if arguments.summary else budgets:
        table(rows, names, budget, arguments.cache, arguments.against)
    if arguments.stalled:
        known = [row for row in rows if row["problem"] in names]
        long = [row for row in known if len(row["values"]) == arguments.stalled]
        found = stalled(long, scores(known, arguments.stalled, arguments.cache))
        print(f"\n| peer | runs of {arguments.stalled} | stalled from half | which |\n|---|---|---|---|")
        for peer, which in sorted(found.items()):
            n_runs = sum(row["peer"] == peer for row in long)
            print(f"| {peer} | {n_runs} | {len(which)} | {', '.join(sorted(which))} |")
    if arguments.per_problem:
        result = scores(
            [row for row in rows if row["problem"] in names], arguments.per_problem, arguments.cache
        )
        peers = sorted({peer for peer, _, _ in result})
        print(f"\n| problem, {arguments.per_problem} evaluations | " + " | ".join(peers) + " |")
        print("|---" * (len(peers) + 1) + "|")
        for name in names:
            cells = [[v for (q, p, _), v in result.items() if q == peer and p == name] for peer in peers]
            print(
                f"| {name} | "
                + " | ".join(f"{np.exp(np.mean(np.log(c))):.3g}" if c else "–" for c in cells)
                + " |"
            )


if __name__ == "__main__":
    main()
