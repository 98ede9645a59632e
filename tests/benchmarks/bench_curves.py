"""Early stopping on tabulated learning curves: regret of searches at shares of a full search's cost.

    python tests/benchmarks/bench_curves.py [--tasks TASK ...] [--methods METHOD ...] [--seeds 5]

Six grids of settings whose learning curves of 81 epochs (or boosting rounds) are kept in
``curves/tables.npz`` (made by ``curves/make_tables.py``), so that a search costs no training.  The first
two tasks are those that smbo's methods are chosen by, the last four are held out.

Methods: ``full`` (recipe auto, 81 epochs each), ``asha``, ``hyperband``, ``model`` (smbo), ``random`` (in
full); ``optuna`` (TPE with the Hyperband pruner, reports each epoch) and ``smac`` (its multi-fidelity facade)
where they are installed.  One trial at a time.  Cost is counted in epochs; an evaluation that resumes costs
what is added, for SMAC too; Optuna's trials do not pause.  The whole cost is that of 30 full evaluations.

The incumbent is the trial with the best value told among those that went furthest.  Regret: its score at
81 epochs minus the grid's best, over the median's distance from the best.  Medians over the seeds, and the
cost at which the full search's final median is reached.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from curves.make_tables import CHOSEN_BY, GRIDS, IS_MAXIMISED, TABLES

from smbo import Integer, Optimizer, Problem
from smbo.problem import Fidelity

SHARES = (1 / 10, 1 / 5, 1 / 3, 1 / 2, 1)
N_FULL = 30
LOW = 3


@dataclass(frozen=True)
class Task:
    """A grid of learning curves, shape (n_1, ..., n_k, T); higher is better where ``maximize``."""

    name: str
    curves: np.ndarray
    maximize: bool

    @classmethod
    def of(cls, name: str) -> Task:
        return cls(name, np.load(TABLES)[name].astype(float), name in IS_MAXIMISED)

    @property
    def n_epochs(self) -> int:
        return self.curves.shape[-1]

    @property
    def names(self) -> list[str]:
        return list(GRIDS[self.name])

    def place(self, params) -> tuple[int, ...]:
        return tuple(int(params[name]) for name in self.names)

    def value(self, params, epochs: float) -> float:
        """Return the score after so many epochs, in its own sign."""
        return float(self.curves[(*self.place(params), int(epochs) - 1)])

    def regret(self, params) -> float:
        """Return the regret of a setting, see the module."""
        final = (-1.0 if self.maximize else 1.0) * self.curves[..., -1]
        best = final.min()
        return float((final[self.place(params)] - best) / (np.median(final) - best))


Told = tuple[float, dict, float, float]  # cost so far, setting, its epochs, its minimised value
Method = Callable[[Task, int], Iterator[Told]]


def smbo_method(stopping: object, recipe: str = "auto") -> Method:
    """Return a search of ours; without a rule of early stopping in full."""

    def search(task: Task, seed: int) -> Iterator[Told]:
        space = {name: Integer(0, n - 1) for name, n in zip(task.names, task.curves.shape)}
        ladder = {"fidelity": Fidelity(LOW, task.n_epochs, name="epochs"), "early_stopping": stopping}
        problem = Problem(space, maximize=task.maximize, **(ladder if stopping else {}))
        optimizer, cost = Optimizer(problem, recipe, seed=seed), 0.0
        while True:
            trial = optimizer.ask()
            at = trial.fidelity or task.n_epochs
            cost += at - max((rung.fidelity for rung in trial.rungs), default=0)
            value = task.value(trial.params, at)
            optimizer.tell(trial, value)
            yield cost, dict(trial.params), at, problem.sign * value

    return search


def optuna_method(task: Task, seed: int) -> Iterator[Told]:
    """TPE with the Hyperband pruner: a trial reports each epoch until it is pruned."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize" if task.maximize else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
        pruner=optuna.pruners.HyperbandPruner(LOW, task.n_epochs, 3),
        study_name="curves",  # the pruner's brackets are drawn by it
    )
    cost, sign = 0.0, -1.0 if task.maximize else 1.0
    while True:
        trial = study.ask()
        params = {name: trial.suggest_int(name, 0, n - 1) for name, n in zip(task.names, task.curves.shape)}
        state = None
        for epoch in range(1, task.n_epochs + 1):
            value = task.value(params, epoch)
            trial.report(value, epoch)
            if epoch < task.n_epochs and trial.should_prune():
                state = optuna.trial.TrialState.PRUNED
                break
        study.tell(trial, None if state else value, state)
        cost += epoch
        yield cost, params, epoch, sign * value


def smac_method(task: Task, seed: int) -> Iterator[Told]:
    """SMAC's multi-fidelity facade: Hyperband with a random forest."""
    import tempfile

    import ConfigSpace
    from smac import MultiFidelityFacade, Scenario
    from smac.runhistory import TrialValue

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    space.add([ConfigSpace.Integer(name, (0, n - 1)) for name, n in zip(task.names, task.curves.shape)])
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            space,
            n_trials=10_000,
            min_budget=LOW,
            max_budget=task.n_epochs,
            seed=seed,
            deterministic=True,
            output_directory=Path(folder),
        )
        facade = MultiFidelityFacade(
            scenario,
            lambda config, seed=0, budget=0.0: 0.0,
            intensifier=MultiFidelityFacade.get_intensifier(scenario, eta=3),
            overwrite=True,
            logging_level=False,
        )
        cost, done, sign = 0.0, {}, -1.0 if task.maximize else 1.0
        while True:
            info = facade.ask()
            params, at = dict(info.config), round(info.budget)
            value = sign * task.value(params, at)
            facade.tell(info, TrialValue(cost=value))
            cost += at - done.get(task.place(params), 0)
            done[task.place(params)] = at
            yield cost, params, at, value


def random_method(task: Task, seed: int) -> Iterator[Told]:
    """Settings drawn at random, in full."""
    rng, cost, sign = np.random.default_rng(seed), 0.0, -1.0 if task.maximize else 1.0
    while True:
        params = {name: int(rng.integers(n)) for name, n in zip(task.names, task.curves.shape)}
        cost += task.n_epochs
        yield cost, params, task.n_epochs, sign * task.value(params, task.n_epochs)


METHODS: dict[str, Method] = {
    "full": smbo_method(None),
    "asha": smbo_method("asha"),
    "hyperband": smbo_method("hyperband"),
    "model": smbo_method("model"),
    "random": random_method,
    "optuna": optuna_method,
    "smac": smac_method,
}


def regrets(task: Task, method: Method, seed: int, most: float, steps: np.ndarray) -> np.ndarray:
    """Return the incumbent's regret at costs, those of ``steps``; 1 before the first result."""
    found, key, regret, reached = np.ones(len(steps)), (0.0, -np.inf), 1.0, 0
    spent: dict[float, int] = {}
    for cost, params, at, value in method(task, seed):
        spent[at] = spent.get(at, 0) + 1
        while reached < len(steps) and cost > steps[reached] + 1e-9:
            found[reached] = regret
            reached += 1
        if reached == len(steps) or cost > most:
            break
        if (at, -value) > key:
            key, regret = (at, -value), task.regret(params)
    found[reached:] = regret
    found[steps > most] = np.nan  # not followed so far
    if "-v" in sys.argv:
        print("   ", seed, dict(sorted(spent.items())))
    return found


def main() -> None:
    """Run the searches of the command line, and print their regrets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", nargs="+", default=list(GRIDS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--most", type=float, default=1.0, help="share of the cost at which to end")
    parser.add_argument("--kept", type=Path, help="an .npz of all regrets over the cost, added to")
    parser.add_argument("--picture", type=Path, help="draw what is kept, without any search")
    parser.add_argument("-v", action="store_true")
    given = parser.parse_args()
    kept = dict(np.load(given.kept)) if given.kept and given.kept.exists() else {}
    if given.picture:
        draw(kept, given.picture)
        return
    for name in given.tasks:
        task = Task.of(name)
        whole = N_FULL * task.n_epochs
        steps = np.arange(1.0, whole + 1)
        print(
            f"{name} ({'chosen by' if name in CHOSEN_BY else 'held out'}); regret at 1/10, 1/5, 1/3, 1/2, 1"
        )
        known = kept.get(f"{name}/full")
        aim = None if known is None else np.median(known, axis=0)[-1]
        for word in given.methods:
            began = time.process_time()
            most = whole * (1.0 if word == "full" else given.most)
            rows = np.array([regrets(task, METHODS[word], seed, most, steps) for seed in range(given.seeds)])
            kept[f"{name}/{word}"] = rows
            if given.kept:
                np.savez_compressed(given.kept, **kept)
            middle = np.median(rows, axis=0)
            shown = "  ".join(f"{middle[int(share * whole) - 1]:.4f}" for share in SHARES)
            aim = middle[-1] if aim is None or word == "full" else aim
            at = np.flatnonzero(middle <= aim)
            reached = f"{steps[at[0]] / whole:.2f}" if len(at) else "never"
            spent = time.process_time() - began
            print(f"  {word:10s} {shown}   full's end reached at {reached}; {spent:.0f} CPU s", flush=True)


def draw(kept: dict[str, np.ndarray], path: Path) -> None:
    """Draw median regrets over the cost, a panel for each task."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 3, figsize=(11, 6), sharex=True, layout="constrained")
    colours = dict(zip(METHODS, ("black", "C1", "C2", "C0", "0.7", "C3", "C4")))
    for name, panel in zip(GRIDS, panels.flat):
        for word, colour in colours.items():
            rows = kept.get(f"{name}/{word}")
            if rows is not None:
                share = np.linspace(0.0, 1.0, rows.shape[1])
                middle = np.maximum(np.median(rows, axis=0), 1e-3)
                panel.step(
                    share, middle, color=colour, label=word, where="post", lw=2 if word == "model" else 1
                )
        if f"{name}/full" in kept:
            panel.axhline(max(np.median(kept[f"{name}/full"][:, -1]), 1e-3), color="black", lw=0.5, ls=":")
        panel.axvline(1 / 3, color="0.8", lw=0.5)
        panel.set(title=name, yscale="log", ylim=(8e-4, 1.2))
    panels[0, 0].legend(fontsize=8)
    figure.supxlabel("cost, over that of 30 full evaluations")
    figure.supylabel("median regret (0.001: none)")
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
