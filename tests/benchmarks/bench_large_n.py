"""CPU seconds of ask and tell, and peak memory, after very many evaluations.

    python tests/benchmarks/bench_large_n.py [--n 100000] [--d 20] [--recipes gp forest auto]
    python tests/benchmarks/bench_large_n.py --kind all [--batch 8]

The bar: ask under 2 s and 2 GB at n = 100,000 and d = 20, in one thread.  Half of the evaluations are
spread over the cube, half lie around the optimum, as after a long search; each recipe and each kind of
problem (``--kind``, with recipe auto) runs in a process of its own, so that its memory is its own.  Rows
of kinds also say of how many evaluations the last proposal's model was fitted to, as `explain()` tells it.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import multiprocessing
import resource
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smbo import Fidelity, LevelSet, Optimizer, Outcome, Problem, Real, Space
from smbo.errors import EvaluationFailed
from smbo.history.events import Told
from smbo.history.record import ToldResult, record_result
from smbo.problem import ChiSquare
from smbo.problem.transfer_source import TransferSource
from smbo.space.priors import Normal
from smbo.trial import Trial, TrialState

FAILED = ToldResult(status="failed")


def loss(units):
    return ((units - 0.3) ** 2).sum(axis=-1)


def points_of(n, d):
    """Return n unit points, (n, d): half anywhere, half around the optimum."""
    rng = np.random.default_rng(0)
    units = rng.random((n, d))
    units[n // 2 :] = np.clip(0.3 + 0.1 * rng.standard_normal((n - n // 2, d)), 0.0, 1.0)
    return units


def plain(unit, _fidelity):
    return float(loss(unit))


def noisy(unit, _fidelity):
    return float(loss(unit)) + 0.05 * float(np.sin(1e6 * unit.sum())), 0.05


def at_fidelity(unit, fidelity):
    return float(loss(unit)) + 0.3 * float(unit[0]) / fidelity


def of_two(unit, _fidelity):
    return {"f": float(loss(unit)), "g": float(((unit - 0.6) ** 2).sum())}


def two_at_fidelity(unit, fidelity):
    return {name: value + 0.3 * unit[0] / fidelity for name, value in of_two(unit, fidelity).items()}


def with_slack(unit, _fidelity):
    return {"value": float(loss(unit)), "c": float(unit[0] + unit[1])}


def with_cost(unit, _fidelity):
    return Outcome(float(loss(unit)), cost=float(1.0 + 10.0 * unit[0]))


def of_outputs(unit, _fidelity):
    return Outcome.of_outputs(np.repeat(unit[:10], 2) ** 2, np.full(20, 1e-4))


def failing(unit, _fidelity):
    if unit[2] > 0.5:
        raise EvaluationFailed("too steep")
    return float(loss(unit))


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its evaluation at a unit point and fidelity, and further arguments."""

    evaluate: Any = plain
    problem: dict[str, Any] = field(default_factory=dict)
    recipe: Any = "auto"
    dimension: dict[str, Any] = field(default_factory=dict)  # of each of the last two axes


def sources(d, n):
    units = points_of(n, d)
    names = [f"x{k}" for k in range(d)]
    return [TransferSource([dict(zip(names, row)) for row in units.tolist()], (loss(units) + 0.1).tolist())]


LADDER = {"fidelity": Fidelity(1, 9), "early_stopping": "asha"}
BY_MODEL = {"fidelity": Fidelity(1, 9), "early_stopping": "model"}
TWO = {"objectives": {"f": "min", "g": "min"}}
KINDS = {
    "value": Kind(),
    "noise": Kind(noisy),
    "objectives": Kind(of_two, TWO),
    "constraints": Kind(with_slack, {"constraints": ["c >= 0.5"]}),
    "outputs": Kind(of_outputs, {"loss": ChiSquare(data=np.full(20, 0.09), errors=np.full(20, 0.01))}),
    "level set": Kind(plain, {"level_set": LevelSet(0.5)}),
    "ladder": Kind(at_fidelity, LADDER),
    "model": Kind(at_fidelity, BY_MODEL),
    "objectives, ladder": Kind(two_at_fidelity, TWO | LADDER),
    "level set, ladder": Kind(at_fidelity, {"level_set": LevelSet(0.5)} | LADDER),
    "median": Kind(plain, {"fidelity": Fidelity(1, 9), "early_stopping": "median"}),
    "costs": Kind(with_cost, recipe="cost"),
    "transfer": Kind(plain, {"transfer": sources}),
    "prior": Kind(plain, dimension={"prior": Normal(0.3, 0.1)}),
    "conditional": Kind(plain, dimension={"active_when": "x0 > 0.5"}),
    "known constraints": Kind(plain, {"known": ["x0 + x1 <= 1.2"]}),
    "replication": Kind(noisy, recipe={"auto": {"replication": True}}),
    "plateau": Kind(plain, {"termination": {"plateau": 200_000}}),
    "left": Kind(plain, {"termination": {"left": 1e-9}}),
    "failures": Kind(failing),
}


def problem_of(kind, n, d):
    """Return the problem of a kind in d dimensions, in which x0 … are the unit coordinates."""
    free = {f"x{k}": Real(0.0, 1.0) for k in range(d - 2)}
    last = {f"x{k}": Real(0.0, 1.0, **kind.dimension) for k in (d - 2, d - 1)}
    given = dict(kind.problem)
    if "transfer" in given:
        given["transfer"] = given["transfer"](d, n)
    return Problem(Space(free | last, constraints=given.pop("known", ())), **given)


def told(problem, kind, trial, unit):
    """Return a trial with the result of its evaluation at its fidelity."""
    try:
        return record_result(problem, trial, ToldResult(kind.evaluate(unit, trial.fidelity or 9.0)))
    except EvaluationFailed:
        return record_result(problem, trial, FAILED)


def history(problem, kind, n, d):
    """Return the events of n finished trials; with a ladder the best ninth are at the top, the best third
    half-way, so that no promotion is due."""
    units, found = points_of(n, d), []
    ranks = np.argsort(np.argsort([at_fidelity(unit, 1.0) for unit in units]))
    if problem.space.rules:
        units = units[problem.space.allowed(units)]
    for number, (unit, params) in enumerate(zip(units, problem.space.from_unit(units))):
        trial = Trial(number, params, number, TrialState.RUNNING)
        if problem.multi_fidelity is None:
            found.append(Told(told(problem, kind, trial, unit)))
            continue
        top = 9.0 if 9 * ranks[number] < n else 3.0 if 3 * ranks[number] < n else 1.0
        for fidelity in (each for each in (1.0, 3.0, 9.0) if each <= top):
            trial = told(problem, kind, replace(trial, state=TrialState.RUNNING, fidelity=fidelity), unit)
        found.append(Told(trial))
    return found


def unit_of(trial, d):
    return np.array([trial.params.get(f"x{k}", 0.5) for k in range(d)])


def measure(name, recipe, n, d, n_asks, batch):
    """Print the CPU seconds of each ask and tell that follows a history."""
    kind = KINDS[name]
    problem = problem_of(kind, n, d)
    optimizer = Optimizer.replay(problem, history(problem, kind, n, d), recipe or kind.recipe, seed=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    asks, tells, values = [], [], []
    for _ in range(n_asks):
        start = time.process_time()
        if problem.termination is not None:
            assert optimizer.termination() is None
        trials = optimizer.ask(batch)
        asked = time.process_time()
        for trial in trials:
            unit = unit_of(trial, d)
            values.append(float(loss(unit)))
            try:
                optimizer.tell(trial, kind.evaluate(unit, trial.fidelity or 9.0))
            except EvaluationFailed:
                optimizer.tell(trial, status="failed")
        asks.append(asked - start)
        tells.append((time.process_time() - asked) / batch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first, later = asks[0], max(asks[1:], default=asks[0])
    print(
        f"| {name} | {recipe or 'auto'} | {n} | {d} | {first:.2f} | {later:.2f} | {1e3 * max(tells):.2f} "
        f"| {before:.0f} | {peak:.0f} | {min(values):.2g} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--d", type=int, default=20)
    parser.add_argument("--asks", type=int, default=4)
    parser.add_argument("--batch", type=int, default=1, help="points of one ask")
    parser.add_argument("--kind", nargs="*", default=[], help=f"of {', '.join(KINDS)}; or all")
    parser.add_argument(
        "--recipes", nargs="*", default=["gp", "trust", "forest", "extra-trees", "boosting", "auto"]
    )
    options = parser.parse_args()
    print(
        "| kind | recipe | n | d | first ask, s | later asks, s | tell, ms | MB before | peak MB "
        "| best proposed |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    kinds = list(KINDS) if options.kind == ["all"] else options.kind
    runs = [(kind, None) for kind in kinds] or [("value", recipe) for recipe in options.recipes]
    context = multiprocessing.get_context("spawn")
    for name, recipe in runs:
        given = (name, recipe, options.n, options.d, options.asks, options.batch)
        process = context.Process(target=measure, args=given)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
