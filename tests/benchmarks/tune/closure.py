"""Closure: pseudo-data of the default tune are tuned to, so that the truth is known.

    python tests/benchmarks/tune/closure.py ee3 [--seeds 0-4]
    python tests/benchmarks/tune/closure.py ee6n [--seeds 0-9]
    python tests/benchmarks/tune/closure.py ee20 [--seeds 0-1]   (200 evaluations of 20,000 events: overnight)
    python tests/benchmarks/tune/closure.py ee6n --report
    python tests/benchmarks/tune/closure.py ee6n --refit [--cache FOLDER]   (kept evaluations, no new event)

200,000 events of the default tune are the data, with their statistical errors and one per cent in
each bin.  Each study is fitted by ``smbo.tuning.fit_tune`` with Δχ² = χ²/ndf for one standard deviation
("residuals"): the errors of pseudo-data are known to be right on average, and one per cent of theory
uncertainty is more than there is.  x_p stands for ξ_p, which is the same measurement.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from events import CACHE, Clock, cached, keep, kept_trials, numbers, rows

from smbo import Optimizer, Problem
from smbo.history.encode import encode
from smbo.problem.losses import ChiSquare
from smbo.proposal.suggest import trial_seed
from smbo.trial import Trial
from smbo.tuning import TuneSettings, fit_tune
from smbo_objectives.pythia_ee import PythiaEE

PSEUDO_EVENTS, PSEUDO_SEED, FLOOR = 200_000, 42, 0.01
# evaluations and events of each
SIZES = {"ee3": (30, 5_000), "ee6n": (60, 5_000), "ee20": (200, 20_000)}
SAME = (("x_p_charged", "xi_p_charged"),)
LEAST_EVALUATIONS = 10  # of a study that is fitted again before it is done


def pseudo_problem(space: str, cache: Path = CACHE) -> tuple[PythiaEE, Problem]:
    """Return the objective, and its problem with pseudo-data in place of the data."""
    objective = PythiaEE(space=space)
    baseline = objective.confirmation().baseline
    assert baseline is not None
    found = cached(f"pseudo_data_{space}", objective, baseline, PSEUDO_SEED, PSEUDO_EVENTS, cache)
    assert found.outputs is not None
    assert found.outputs_variance is not None
    loss = objective.problem.loss
    assert isinstance(loss, ChiSquare)
    errors = np.sqrt(found.outputs_variance)
    # nothing seen in a bin is known as well as one event would be
    errors = np.where(errors > 0.0, errors, errors[errors > 0.0].min())
    pseudo = replace(loss, data=found.outputs, errors=errors, theory=FLOOR)
    return objective, Problem(objective.problem.space, loss=pseudo)


def closure(space: str, seed: int, clock: Clock) -> dict[str, Any]:
    """Return the row of one study."""
    objective, problem = pseudo_problem(space)
    n, events = SIZES[space]
    optimizer = Optimizer(problem, seed=seed)
    for _ in range(n):
        trial = optimizer.ask()
        clock.stop_before(events / 500.0)
        name = f"closure/{space}/{seed}/{trial.number:03d}"
        outcome = cached(name, objective, trial.params, trial_seed(seed, trial.number), events)
        optimizer.tell(trial, outputs=outcome.outputs, covariance=_covariance(outcome.outputs_variance))
    found = optimizer.recommend()
    row = fitted(problem, optimizer.trials)
    return {"space": space, "seed": seed, "n": n, "recommended": dict(found.params), **row}


def _covariance(packed: Any) -> Any:
    return packed if packed.ndim == 1 else (packed[:, 0], packed[:, 1:])


def refitted(space: str, seed: int, cache: Path) -> dict[str, Any] | None:
    """Return the row of a study from its kept evaluations, of which there may be fewer than it is to have."""
    _, problem = pseudo_problem(space, cache)
    trials = kept_trials(problem, cache / "closure" / space / str(seed))
    if len(trials) < LEAST_EVALUATIONS:
        return None
    return {"space": space, "seed": seed, "n": len(trials), **fitted(problem, trials)}


def fitted(problem: Problem, trials: Iterable[Trial]) -> dict[str, Any]:
    """Return best parameters and their errors, as a tune reports them."""
    tune = fit_tune(problem, encode(problem, trials), TuneSettings(same_measurement=SAME, level="residuals"))
    return {
        "best": {each.name: each.value for each in tune.parameters},
        "errors": tune.errors,
        "parts": {each.name: dict(each.parts) for each in tune.parameters},
        "unconstrained": [each.name for each in tune.parameters if not each.is_constrained],
        "bounds": [each.name for each in tune.parameters if each.bound is not None],
        "chi2": tune.chi2,
        "ndf": tune.ndf,
        "level": tune.level,
    }


def report(space: str, kept: list[dict[str, Any]]) -> None:
    """Print how far studies are from the truth, in the errors that they report."""
    objective = PythiaEE(space=space)
    truth = objective.confirmation().baseline
    assert truth is not None
    pulls = []
    print(f"{space}: {len(kept)} studies of {sorted({row['n'] for row in kept})} evaluations")
    print("| parameter | truth | median | median distance | spread | median error | error / spread | pulls |")
    for name, true in truth.items():
        best = np.array([row["best"][name] for row in kept])
        errors = np.array([row["errors"][name] for row in kept])
        pull = (best - true) / errors
        free = sum(name in row["unconstrained"] for row in kept)
        # the spread about the truth: an offset is an error too
        spread = float(np.sqrt(((best - true) ** 2).mean()))
        if free < len(kept) / 2:
            pulls.append(np.abs(pull))
        note = f" (unconstrained in {free})" if free else ""
        print(
            f"| {name}{note} | {true:g} | {np.median(best):.4f} | {np.median(np.abs(best - true)):.4f} | "
            f"{spread:.4f} | {np.median(errors):.4f} | {np.median(errors) / spread:.2f} | "
            f"{' '.join(f'{p:.1f}' for p in pull)} |"
        )
    every = np.concatenate(pulls)
    inside = [f"{(every <= limit).mean():.0%}" for limit in (1, 2)]
    print(f"within 1 error: {inside[0]}, within 2: {inside[1]} of {len(every)} pairs")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("space", choices=sorted(SIZES))
    parser.add_argument("--seeds", default=None)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--minutes", type=float, default=8.5)
    arguments = parser.parse_args()
    clock = Clock(arguments.minutes)
    default = {"ee3": "0-4", "ee6n": "0-9", "ee20": "0-1"}[arguments.space]
    seeds = list(numbers(arguments.seeds or default))
    if arguments.refit:
        again = [refitted(arguments.space, seed, arguments.cache) for seed in seeds]
        report(arguments.space, [row for row in again if row is not None])
        return
    done = {(row["space"], row["seed"]) for row in rows("closure")}
    for seed in [] if arguments.report else seeds:
        if (arguments.space, seed) not in done:
            keep("closure", closure(arguments.space, seed, clock))
    report(arguments.space, [row for row in rows("closure") if row["space"] == arguments.space])


if __name__ == "__main__":
    main()
