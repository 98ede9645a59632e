"""Costs that vary by a factor of 100, for each kind of problem: search with costs beside a cost-blind one.

    python tests/benchmarks/bench_costs_of_kinds.py [--problems NAMES] [--costs NAMES] [--seeds 5]
        [--rows FILE]

Both searches are recipe "auto", one point at a time; the cost-blind one is not told what evaluations
cost.  It ends after so many trials (``PROBLEMS``).  The other has reached it at the cost at which its
figure (the missing hypervolume, the regret, the misclassified share, the loss) is as low.  The bar: the
median over the seeds of that cost, over all that the cost-blind search has spent, is at most 1/2.  Costs
as in bench_costs.py; of a problem with a fidelity the cost of a step is that at the point, times the
increase of the fidelity.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bench_costs import COSTS, branin, camel, hartmann3
from constrained import gramacy
from kept_rows import append_row
from pareto.problems import branin_currin, dtlz2

from smbo import Fidelity, LevelSet, Optimizer, Outcome, Problem, Real, TrialState
from smbo.problem import ChiSquare
from smbo.problem.hypervolume import hypervolume

_SPREAD, _SHARE = 100.0, 0.5
_MOST_TRIALS = 4  # times those of the cost-blind search


@dataclass(frozen=True)
class Kind:
    """A problem of one kind on the unit cube.

    Attributes:
        d: number of axes.
        trials: of the cost-blind search.
        arguments: of ``Problem``, beside the space.
        measure: (unit point, fidelity) to what an evaluation returns, without its cost.
        left: how far a search is from its end, lower is better; infinite where nothing is found.
    """

    d: int
    trials: int
    arguments: Mapping[str, Any]
    measure: Callable[[np.ndarray, float | None], Any]
    left: Callable[[Optimizer], float]


def _two(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray, float | None], Any]:
    return lambda u, _: dict(zip("fg", map(float, function(u[None])[0])))


def _missing(reference: tuple[float, float]) -> Callable[[Optimizer], float]:
    def left(opt: Optimizer) -> float:
        done = [trial.metrics for trial in opt.trials if trial.state is TrialState.COMPLETE]
        values = np.array([[metrics["f"], metrics["g"]] for metrics in done])
        return -hypervolume(values, np.array(reference)) if len(values) else math.inf

    return left


def _best(opt: Optimizer) -> float:
    done = [trial for trial in opt.trials if trial.state is TrialState.COMPLETE and trial.feasible]
    return min((trial.value for trial in done), default=math.inf)


def _misclassified(function: Callable[[np.ndarray], float], level: float) -> Callable[[Optimizer], float]:
    axis = (np.arange(30) + 0.5) / 30
    grid = np.array([(x, y) for x in axis for y in axis])
    above = np.array([function(u) for u in grid]) > level
    points = [{"x0": float(x), "x1": float(y)} for x, y in grid]

    def left(opt: Optimizer) -> float:
        if len(opt.trials) < 5:
            return math.inf
        return float(np.mean((np.asarray(opt.predict(points).mean) > level) != above))

    return left


def _gramacy(u: np.ndarray, _: float | None) -> Any:
    value, bounds = gramacy(list(u))
    return {"f": value, "a": -bounds[0], "b": -bounds[1]}


def _vector(u: np.ndarray, _: float | None) -> Any:
    t = np.linspace(0.0, 1.0, 12)
    outputs = (1.0 + u[0]) * np.exp(-3.0 * u[1] * t) + 0.5 * np.sin(6.0 * u[2] * t)
    return Outcome(outputs=outputs, outputs_variance=np.full(12, 1e-4))


def _biased(u: np.ndarray, fidelity: float | None) -> Any:
    assert fidelity is not None
    return hartmann3(u) + 0.6 / fidelity * (1.0 + math.sin(5.0 * float(u.sum())))


_TRUE = np.array([0.6, 0.4, 0.3])
_MODEL = {"fidelity": Fidelity(1, 27), "early_stopping": "model"}
PROBLEMS: Mapping[str, Kind] = {
    "branin-currin": Kind(
        2, 30, {"objectives": {"f": "min", "g": "min"}}, _two(branin_currin), _missing((18.0, 6.0))
    ),
    "dtlz2": Kind(
        4, 40, {"objectives": {"f": "min", "g": "min"}}, _two(lambda u: dtlz2(u, 2)), _missing((1.1, 1.1))
    ),
    "gramacy": Kind(
        2, 30, {"objectives": {"f": "min"}, "constraints": ["a >= 0", "b >= 0"]}, _gramacy, _best
    ),
    "level-branin": Kind(
        2, 30, {"level_set": LevelSet(40.0)}, lambda u, _: branin(u), _misclassified(branin, 40.0)
    ),
    "level-camel": Kind(
        2, 30, {"level_set": LevelSet(0.5)}, lambda u, _: camel(u), _misclassified(camel, 0.5)
    ),
    "vector": Kind(
        3, 20, {"loss": ChiSquare(_vector(_TRUE, None).outputs, np.full(12, 0.01))}, _vector, _best
    ),
    "fidelity": Kind(3, 40, _MODEL, _biased, _best),
    "fidelity-asha": Kind(3, 40, {**_MODEL, "early_stopping": "asha"}, _biased, _best),
}


def followed(
    kind: Kind, cost: str, seed: int, *, is_told: bool, aim: float = -math.inf, most: float = math.inf
) -> tuple[float, float, int]:
    """Return what a search has spent, how far it got, and how many evaluations until ``aim`` or ``most``."""
    space = {f"x{i}": Real(0.0, 1.0) for i in range(kind.d)}
    opt = Optimizer(Problem(space, **kind.arguments), "auto", seed=seed)
    spent, n, left = 0.0, 0, math.inf
    n_most = kind.trials * (_MOST_TRIALS if math.isfinite(aim) else 1)
    while left > aim and spent < most and n < n_most:
        trial = opt.ask()
        u = np.array([trial.params[f"x{i}"] for i in range(kind.d)])
        done = max((rung.fidelity for rung in trial.rungs), default=0.0)
        paid = _SPREAD ** COSTS[cost](u) * (1.0 if trial.fidelity is None else (trial.fidelity - done) / 27.0)
        opt.tell(trial, kind.measure(u, trial.fidelity), **({"cost": paid} if is_told else {}))
        spent, n = spent + paid, n + 1
        if math.isfinite(aim) or n == n_most:
            left = kind.left(opt)
    return spent, left, n


def main() -> None:
    """Run what the command line asks for and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--costs", nargs="+", choices=COSTS, default=["rising", "wave", "mean"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=Path, help="file that a row of each comparison is appended to")
    given = parser.parse_args()
    for name in given.problems:
        for cost in given.costs:
            began, shares, counts = time.process_time(), [], []
            for seed in range(given.seeds):
                whole, aim, _ = followed(PROBLEMS[name], cost, seed, is_told=False)
                spent, left, n = followed(PROBLEMS[name], cost, seed, is_told=True, aim=aim, most=whole)
                shares.append(spent / whole if left <= aim else math.inf)
                counts.append(n)
                if given.rows:
                    share = round(shares[-1], 4) if math.isfinite(shares[-1]) else None
                    append_row(
                        given.rows, {"problem": name, "cost": cost, "seed": seed, "share": share, "n": n}
                    )
            verdict = "reached" if median(shares) <= _SHARE else "MISSED"
            print(
                f"{name:14s} {cost:8s} median {median(shares):.3f} {verdict:8s} "
                f"({' '.join(f'{share:.2f}' for share in shares)}); {np.mean(counts):.0f} evaluations, "
                f"{time.process_time() - began:.0f} CPU s",
                flush=True,
            )


if __name__ == "__main__":
    main()
