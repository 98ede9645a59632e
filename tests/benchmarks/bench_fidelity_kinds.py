"""Several objectives, level sets and everything at once, with a fidelity: what a third of the cost gives.

    python tests/benchmarks/bench_fidelity_kinds.py run [--cases tuning|held-out|everything|NAME ...]
        [--seeds 0-4] [--ways full model asha optuna nsga2 random ...] [--rows FILE]
    python tests/benchmarks/bench_fidelity_kinds.py table [--cases ...]

A way is a search: ``full`` evaluates all at the highest fidelity, ``model`` and ``asha`` stop early and get
a third of its cost; Optuna's samplers (``optuna`` is TPE) need its package and evaluate all in full.  The
cost is in evaluations in full: what a promotion goes on from is not paid twice where the case resumes.  The
score is kept after each unit of cost.  Of several objectives it is the hypervolume, without noise, of all
trials evaluated in full (``in_full``), and of the front that the posterior recommends among all points
evaluated at any fidelity (``front``); of level sets the share of the space on the wrong side (``wrong``).
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent / "fidelity_kinds"
sys.path.insert(0, str(HERE.parent))

from fidelity_kinds import cases
from fidelity_kinds.cases import Case
from kept_rows import append_row, read_rows

BUDGETS = {"everything": 20}
FULL_BUDGET = (
    30  # evaluations of a full search; the others get a third, or as many where there is no bar of cost
)
GROUPS = {"tuning": cases.TUNING, "held-out": cases.HELD_OUT, "everything": ("everything",)}


class Truths:
    """Values without noise at the highest fidelity, each point computed once."""

    def __init__(self, case: Case) -> None:
        self.case, self.known = case, {}

    def __call__(self, params: Any) -> np.ndarray | None:
        key = tuple(sorted(params.items()))
        if key not in self.known:
            self.known[key] = self.case.truth(params)
        return self.known[key]

    def volume(self, points: list[Any]) -> float:
        from smbo.problem.hypervolume import hypervolume

        values = [value for value in map(self, points) if value is not None]
        return float(hypervolume(np.array(values), np.array(self.case.reference))) if values else 0.0


def posed(case: Case, way: str) -> Any:
    """Return the problem as smbo has it."""
    from smbo import Fidelity, LevelSet, Problem

    several = (
        {
            "objectives": dict.fromkeys(case.objectives, "min"),
            "reference": dict(zip(case.objectives, case.reference)),
        }
        if case.objectives
        else {"level_set": LevelSet({"f": case.level})}
    )
    ladder = (
        {}
        if way == "full"
        else {"fidelity": Fidelity(**case.fidelity, resumes=case.resumes), "early_stopping": way}
    )
    return Problem(case.space, constraints=list(case.constraints), **several, **ladder)


def run_smbo(name: str, way: str, seed: int, budget: float, batch: int = 1) -> dict[str, Any]:
    """Return the scores by cost of one search of smbo's."""
    from smbo import Optimizer

    case = cases.case(name)
    truths, rng = Truths(case), np.random.default_rng([seed, 1])
    optimizer = Optimizer(posed(case, way), "auto", seed=seed)
    judge = _Wrong(case) if case.level is not None else None
    high = case.fidelity["high"]
    spent, scores, reached, seconds = 0.0, {}, {}, 0.0
    while spent < budget - 1e-9:
        began = time.process_time()
        asked = optimizer.ask(batch)
        seconds += time.process_time() - began
        for trial in asked:
            at = high if trial.fidelity is None else trial.fidelity
            before = reached.get(trial.number, 0.0) if case.resumes else 0.0
            if spent + (at - before) / high > budget + 1e-9:
                optimizer.tell(trial, status="cancelled")
                continue
            spent += (at - before) / high
            reached[trial.number] = at
            try:
                told = case.evaluate(trial.params, at, rng)
            except FloatingPointError as error:
                optimizer.tell(trial, status="failed", reason=str(error))
            else:
                optimizer.tell(trial, told if case.level is None else told["f"])
        if (int(spent + 1e-9) not in scores and spent >= 1.0 - 1e-9) or spent >= budget - 1e-9:
            scores[int(spent + 1e-9)] = _scores(optimizer, truths, judge)
        if len(asked) and all(trial.state.name == "CANCELLED" for trial in optimizer.trials[-len(asked) :]):
            break
    scores[int(budget)] = _scores(optimizer, truths, judge)
    return {
        "case": name,
        "way": way,
        "seed": seed,
        "budget": budget,
        "scores": scores,
        "ask_seconds": round(seconds, 2),
        "n_by_fidelity": {f"{at:g}": sum(v == at for v in reached.values()) for at in set(reached.values())},
    }


class _Wrong:
    """The share of the space on the wrong side of the contour."""

    def __init__(self, case: Case) -> None:
        self.places = np.random.default_rng(0).random((4096, len(case.space)))
        names = sorted(case.space)
        truth = np.array([case.truth(dict(zip(names, row)))[0] for row in self.places.tolist()])
        self.above = truth > case.level

    def __call__(self, optimizer: Any) -> float:
        claimed = optimizer.contour().posterior.above(self.places)[0] > 0.5
        return float((claimed != self.above).mean())


def _scores(optimizer: Any, truths: Truths, judge: _Wrong | None) -> dict[str, float]:
    from smbo.errors import SmboError

    if judge is not None:
        try:
            return {"wrong": judge(optimizer)}
        except SmboError:  # too few evaluations
            return {"wrong": 0.5}
    done = [trial for trial in optimizer.trials if trial.state.name == "COMPLETE"]
    found = {"in_full": truths.volume([trial.params for trial in done])}
    found["front"] = truths.volume(_front(optimizer))
    return {key: float(f"{value:.6g}") for key, value in found.items()}


def _front(optimizer: Any) -> list[Any]:
    """Return the evaluated points, at any fidelity, that no other one dominates by the posterior means."""
    from smbo.errors import SmboError
    from smbo.problem.hypervolume import nondominated

    told = [t for t in optimizer.trials if t.state.name in ("COMPLETE", "PAUSED")]
    told = [t for t in told if (t.rungs[-1].feasible if t.rungs else t.feasible) is not False]
    try:
        means = optimizer.predict([trial.params for trial in told]).means
    except SmboError:
        return []
    values = np.stack([np.asarray(means[name]) for name in optimizer.problem.multi_objective.names], axis=1)
    return [told[row].params for row in np.flatnonzero(nondominated(values))]


def run_optuna(name: str, way: str, seed: int, budget: float) -> dict[str, Any]:
    """Return the scores by cost of one of Optuna's samplers, or of random points, all in full."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    case = cases.case(name)
    truths, rng = Truths(case), np.random.default_rng([seed, 1])
    has = bool(case.constraints)
    bounds = (lambda trial: trial.user_attrs.get("slack", (0.0,))) if has else None
    samplers = {
        "nsga2": lambda: optuna.samplers.NSGAIISampler(
            seed=seed, population_size=12, constraints_func=bounds
        ),
        "optuna": lambda: optuna.samplers.TPESampler(seed=seed, constraints_func=bounds, multivariate=True),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }
    study = optuna.create_study(directions=["minimize"] * len(case.objectives), sampler=samplers[way]())
    points, scores = [], {}
    for n in range(1, int(budget) + 1):
        trial = study.ask()
        params = {key: _suggested(trial, key, dimension) for key, dimension in case.space.items()}
        try:
            told = case.evaluate(params, case.fidelity["high"], rng)
        except FloatingPointError:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            if has:
                trial.set_user_attr("slack", (-told["slack"],))
            study.tell(trial, [told[key] for key in case.objectives])
            points.append(params)
        scores[n] = {"in_full": truths.volume(points)}
    return {"case": name, "way": way, "seed": seed, "budget": budget, "scores": scores}


def _suggested(trial: Any, name: str, dimension: Any) -> Any:
    if isinstance(dimension, tuple):
        return trial.suggest_float(name, *dimension)
    suggest = trial.suggest_int if type(dimension).__name__ == "Integer" else trial.suggest_float
    return suggest(name, dimension.low, dimension.high, log=dimension.log)


def run_all(arguments: argparse.Namespace) -> None:
    done = {(row["case"], row["way"], row["seed"]) for row in read_rows(arguments.rows)}
    for name, seed, way in (
        (name, seed, way)
        for name in selected(arguments.cases)
        for seed in seeds(arguments.seeds)
        for way in arguments.ways
    ):
        if (name, arguments.label or way, seed) in done:
            continue
        budget = BUDGETS.get(name, FULL_BUDGET if way in ("full", "optuna", "nsga2") else FULL_BUDGET / 3)
        began = time.process_time()
        if way in ("nsga2", "optuna", "random"):
            row = run_optuna(name, way, seed, budget)
        else:
            row = run_smbo(name, way, seed, budget, 4 if name == "everything" else 1)
        row["way"] = arguments.label or way
        append_row(arguments.rows, row)
        last = row["scores"][max(row["scores"])]
        print(
            f"{name:14} {row['way']:8} {seed} {time.process_time() - began:6.1f} s  {last} "
            f"{row.get('n_by_fidelity', '')}",
            flush=True,
        )


def table(arguments: argparse.Namespace) -> None:
    """Print each case: the last score by way, of the seeds and the median."""
    found: dict[str, dict[str, dict[int, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))
    for row in read_rows(arguments.rows):
        last = row["scores"][max(row["scores"], key=int)]
        found[row["case"]][row["way"]][row["seed"]] = (row["budget"], last)
    for name in selected(arguments.cases):
        for way, by_seed in found[name].items():
            budget = next(iter(by_seed.values()))[0]
            for key in next(iter(by_seed.values()))[1]:
                values = [by_seed[seed][1][key] for seed in sorted(by_seed)]
                each = " ".join(f"{value:.4f}" for value in values)
                print(
                    f"{name:14} {way:8} cost {budget:4.0f} {key:8} median {np.median(values):.4f}  ({each})"
                )


def selected(choice: list[str]) -> list[str]:
    return [name for word in choice for name in GROUPS.get(word, (word,))]


def seeds(given: str) -> range:
    first, _, last = given.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("do", choices=["run", "table"])
    parser.add_argument("--cases", nargs="+", default=["held-out", "everything"])
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--ways", nargs="+", default=["full", "model"])
    parser.add_argument("--label", help="name of the rows, where it is not the way's")
    parser.add_argument("--rows", type=Path, default=HERE / "rows.jsonl.gz")
    arguments = parser.parse_args()
    {"run": run_all, "table": table}[arguments.do](arguments)


if __name__ == "__main__":
    main()
