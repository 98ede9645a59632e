"""Print the tables of the regret benchmark.

    python tests/benchmarks/regret/report.py --problems held-out --budgets 30,100

Normalised simple regret after N evaluations is (best found - optimum) / (reference - optimum), the
reference being the median over random searches of N evaluations on the same instance: 1 is no
better than random search.  Noisy problems are scored by the true value of the recommended point.
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
_BOOTSTRAPS = 4000


def random_pool(name: str, seed: int, cache: Path) -> tuple[np.ndarray, float, float | None]:
    """Return the values of random points of an instance, its noise and its optimum; kept in a file."""
    base = name.partition("@q")[0]
    path = cache / f"{base}-{seed}.json"
    if not path.exists():
        problem = problems.make(base, seed)
        rng = np.random.default_rng([seed, 12345])
        n = _POOL_OF_TASKS if base in problems._TASKS else _POOL
        values = [problem.function(problem.random_point(rng)) for _ in range(n)]
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"values": values, "noise": problem.noise, "optimum": problem.optimum}))
    stored = json.loads(path.read_text())
    return np.array(stored["values"]), stored["noise"], stored["optimum"]


def reference(values: np.ndarray, noise: float, n: int) -> float:
    """Return the median of what random search of n evaluations hands over."""
    if noise == 0.0:  # the median of the best of n draws is a quantile
        return float(np.quantile(values, 1 - 0.5 ** (1 / n)))
    rng = np.random.default_rng(n)
    draws = values[rng.integers(len(values), size=(4000, n))]
    chosen = (draws + noise * rng.standard_normal(draws.shape)).argmin(axis=1)
    return float(np.median(draws[np.arange(len(draws)), chosen]))


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
        values, noise, optimum = random_pool(row["problem"], row["seed"], cache)
        if optimum is None:
            optimum = min(known_best[row["problem"].partition("@q")[0], row["seed"]], values.min())
        found = row["recommended"][str(budget)] if noise else min(row["values"][:budget])
        span = reference(values, noise, budget) - optimum
        regret = (found - optimum) / span if span > 0 else 1.0
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
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[problems.make(name, 0).group].append(name)
    for group, members in groups.items():
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
    arguments = parser.parse_args()
    rows = read_rows(*arguments.rows)
    names = selected(arguments.problems)
    for budget in map(int, arguments.budgets.split(",")):
        table(rows, names, budget, arguments.cache, arguments.against)
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
