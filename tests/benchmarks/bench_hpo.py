"""Hyperparameter searches by cross-validation, beside RandomizedSearchCV, OptunaSearchCV and scikit-optimize.

    python tests/benchmarks/bench_hpo.py run --search smbo --tasks tuning --seeds 0-9 [--rows FILE]
    python tests/benchmarks/bench_hpo.py report --tasks held-out [--rows FILE ...]

``smbo`` is ``BayesSearchCV`` as it stands.  ``random`` draws as ``RandomizedSearchCV`` does, ``optuna`` is
the sampler of ``OptunaSearchCV`` and ``skopt`` the optimizer of scikit-optimize's ``BayesSearchCV``, each
asked for candidates and told the mean score; they run in environments of their own.  Bar: over eight tasks
and ten seeds the lowest mean rank of the score reached after 30 and after 60 candidates.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is imported

import argparse
import importlib
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from kept_rows import append_row, read_rows

ROWS = Path(__file__).parent / "hpo/rows.jsonl.gz"
HALVES = {"tuning": "hpo_tasks", "held-out": "hpo_tasks_held_out"}
BUDGETS, N_ITER = (30, 60), 60

Point = dict[str, Any]


def score(task: Any, params: Point) -> float:
    """Return the mean cross-validated score, NaN where a fit fails."""
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    model = clone(task.estimator).set_params(**params)
    try:
        scores = cross_val_score(model, task.features, task.target, cv=task.folds, scoring=task.scoring)
    except ValueError:  # all fits failed
        return float("nan")
    return float(scores.mean())


def with_smbo(task: Any, seed: int) -> list[float]:
    """Return the scores of the candidates of ``BayesSearchCV``, in order."""
    from smbo import Categorical, Integer, Real
    from smbo.search_cv import BayesSearchCV

    space: dict[str, Any] = {}
    for name, (kind, *given) in task.space.items():
        when = None
        if name in task.conditions:
            other, values = task.conditions[name]
            when = f"{other} in {list(values)!r}"
        if kind == "choice":
            space[name] = Categorical(list(given[0]), active_when=when)
        else:
            low, high, log = given
            space[name] = (Integer if kind == "integer" else Real)(low, high, log=log, active_when=when)
    search = BayesSearchCV(
        task.estimator,
        space,
        n_iter=N_ITER,
        cv=task.folds,
        scoring=task.scoring,
        refit=False,
        random_state=seed,
    )
    search.fit(task.features, task.target)
    return [float(each) for each in search.cv_results_["mean_test_score"]]


def at_random(task: Any, seed: int) -> list[float]:
    """Return the scores of random candidates."""
    rng = np.random.default_rng([seed, 77])

    def value(kind: str, *given: Any) -> Any:
        if kind == "choice":
            return given[0][int(rng.integers(len(given[0])))]
        low, high, log = given
        drawn = low * (high / low) ** rng.random() if log else low + (high - low) * rng.random()
        if kind == "integer":
            return round(drawn) if log else int(rng.integers(low, high + 1))
        return float(drawn)

    draws = [{name: value(*entry) for name, entry in task.space.items()} for _ in range(N_ITER)]
    return [score(task, params) for params in draws]


def with_optuna(task: Any, seed: int) -> list[float]:
    """Return the scores of the candidates of Optuna's ``TPESampler``, as ``OptunaSearchCV`` has it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    of = optuna.distributions
    space = {
        name: of.CategoricalDistribution(given[0])
        if kind == "choice"
        else (of.IntDistribution if kind == "integer" else of.FloatDistribution)(*given[:2], log=given[2])
        for name, (kind, *given) in task.space.items()
    }
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    found = []
    for _ in range(N_ITER):
        trial = study.ask(space)
        found.append(score(task, trial.params))
        if np.isfinite(found[-1]):
            study.tell(trial, found[-1])
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return found


def with_skopt(task: Any, seed: int) -> list[float]:
    """Return the scores of the candidates of the ``Optimizer`` of scikit-optimize's ``BayesSearchCV``."""
    from skopt import Optimizer
    from skopt.space import Categorical, Integer, Real

    prior = {True: "log-uniform", False: "uniform"}
    dimensions = [
        Categorical(list(range(len(given[0]))))
        if kind == "choice"
        else (Integer if kind == "integer" else Real)(*given[:2], prior=prior[given[2]])
        for kind, *given in task.space.values()
    ]
    optimizer = Optimizer(dimensions, random_state=seed)
    found: list[float] = []
    for _ in range(N_ITER):
        asked = optimizer.ask()
        params: Point = {}
        for (name, (kind, *given)), value in zip(task.space.items(), asked):
            chosen = given[0][int(value)] if kind == "choice" else value
            params[name] = int(value) if kind == "integer" else float(value) if kind == "real" else chosen
        found.append(score(task, params))
        known = [each for each in found if np.isfinite(each)]
        optimizer.tell(asked, -found[-1] if np.isfinite(found[-1]) else -min(known, default=0.0))
    return found


SEARCHES: dict[str, Callable[[Any, int], list[float]]] = {
    "smbo": with_smbo,
    "random": at_random,
    "optuna": with_optuna,
    "skopt": with_skopt,
}


def names_of(choice: str) -> list[tuple[str, str]]:
    """Return (module, task) of the tasks that are chosen: a half, or names, comma-separated."""
    found = []
    for word in choice.split(","):
        for half, module in HALVES.items():
            names = importlib.import_module(module).NAMES
            found += [(module, name) for name in names if word in (half, name)]
    return found


def report(rows: list[dict[str, Any]], choice: str) -> None:
    """Print the mean ranks over the tasks and seeds that every search has, and the means of each task."""
    from scipy.stats import rankdata

    for budget in BUDGETS:
        best = {
            (row["search"], row["task"], row["seed"]): np.nanmax(row["scores"][:budget])
            for row in rows
            if row["task"] in [name for _, name in names_of(choice)]
        }
        searches = sorted({search for search, _, _ in best})
        runs = sorted({(task, seed) for _, task, seed in best})
        runs = [run for run in runs if all((search, *run) in best for search in searches)]
        if not runs:
            print(f"after {budget}: no runs that all of {searches} have")
            continue
        ranks = np.array([rankdata([-best[(search, *run)] for search in searches]) for run in runs])
        mean, error = ranks.mean(axis=0), ranks.std(axis=0) / np.sqrt(len(runs))
        print(f"\nafter {budget} candidates, {len(runs)} runs: mean rank of the score reached")
        for place in np.argsort(mean):
            print(f"  {searches[place]:8s} {mean[place]:.2f} ± {error[place]:.2f}")
        for task in sorted({task for task, _ in runs}):
            mine = [run for run in runs if run[0] == task]
            cells = [np.mean([best[(search, *run)] for run in mine]) for search in searches]
            places = ranks[[run[0] == task for run in runs]].mean(axis=0)
            text = ", ".join(f"{s} {c:.4f} ({p:.2f})" for s, c, p in zip(searches, cells, places))
            print(f"    {task}: {text}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("run", "report"))
    parser.add_argument("--search", choices=sorted(SEARCHES), default="smbo")
    parser.add_argument("--tasks", default="tuning")
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--rows", type=Path, nargs="+", default=[ROWS])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # fits that do not converge are part of a task
    rows = read_rows(*arguments.rows)
    if arguments.action == "report":
        report(rows, arguments.tasks)
        return
    done = {(row["search"], row["task"], row["seed"]) for row in rows}
    first, _, last = arguments.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        for module, name in names_of(arguments.tasks):
            if (arguments.search, name, seed) in done:
                continue
            start = time.process_time()
            scores = SEARCHES[arguments.search](importlib.import_module(module).make(name, seed), seed)
            cpu = round(time.process_time() - start, 2)
            kept = [float(f"{each:.7g}") for each in scores]
            row = {"search": arguments.search, "task": name, "seed": seed, "scores": kept, "cpu": cpu}
            append_row(arguments.rows[0], row)
            print(
                f"{arguments.search} {name} seed {seed}: {np.nanmax(scores):.5g} ({cpu} s)", file=sys.stderr
            )


if __name__ == "__main__":
    main()
