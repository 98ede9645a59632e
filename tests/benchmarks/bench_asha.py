"""ASHA beside a search in full, for the same problem and seeds: what does the same final value cost?

    python tests/benchmarks/bench_asha.py [--problems mlp pivot] [--seeds 5] [--trials N] [--stopping asha]
    python tests/benchmarks/bench_asha.py --problems mlp simulator --stopping model --share 0.25

mlp: a scikit-learn MLP on 450 handwritten digits, five settings, epochs as the fidelity; the value is
the log loss on 450 others.  pivot: the toy of "Learning to Pivot" (``objectives/pivot_toy``) with
fewer samples and at most 40 adversary steps a turn, so that a training takes a third of a second;
six settings, turns as the fidelity.  simulator: a mean over events of a smooth function of four
settings with noise, whose deviation at all 8,100 events is 3 % of the function's range; events as
the fidelity, whose error falls as one over their root.

Both searches propose with the recipe "auto", one trial at a time.  Cost is counted in units of the
fidelity; a trial that goes on pays for what is added, since it continues from its checkpoint.  The best
trial evaluated in full so far is the incumbent; each is scored by trainings at the full fidelity with
fresh seeds.  The full search ends with the score of its last incumbent; ASHA has reached it at the
cost where its incumbent scores as well.  The bar: the median over the seeds of that cost, over the
cost of the whole full search, is at most 1/3 (``--share``).  ``--by recommended`` follows in both
searches the trial that they recommend, in place of the one with the best value told.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from smbo import Integer, Optimizer, Problem, Real, Space
from smbo.problem import Context, EvaluationFailed, Fidelity

_FRESH = 3  # trainings that score an incumbent
_FIRST_FRESH_SEED = 2**30
_LONGEST = 0.4  # of the full search's cost: as far as ASHA is followed
_SHARE = 1 / 3


@dataclass(frozen=True)
class Task:
    """A problem, and how to train.

    Attributes:
        problem: with its fidelity.
        train: (params, seed, fidelity, state) -> (value, state): goes on from a state, if there is one.
    """

    problem: Problem
    train: Callable[..., tuple[float, object]]

    @property
    def high(self) -> int:
        assert self.problem.fidelity is not None
        return int(self.problem.fidelity.high)


def mlp() -> Task:
    """Return the task of the multi-layer perceptron."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits(return_X_y=True)
    X, _, y, _ = train_test_split(X / 16, y, train_size=900, random_state=0, stratify=y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=1, stratify=y)
    labels = np.arange(10)
    space = {
        "learning_rate": Real(1e-5, 1e-1, log=True),
        "alpha": Real(1e-6, 10.0, log=True),
        "batch": Integer(16, 256, log=True),
        "width": Integer(8, 128, log=True),
        "beta_1": Real(0.5, 0.99),
    }

    def train(params, seed, fidelity, state):
        model, done = state or (None, 0)
        if model is None:
            model = MLPClassifier(
                (params["width"],),
                learning_rate_init=params["learning_rate"],
                alpha=params["alpha"],
                batch_size=params["batch"],
                beta_1=params["beta_1"],
                random_state=seed,
            )
        for _ in range(done, int(fidelity)):
            model.partial_fit(X_train, y_train, classes=labels)
        shares = np.clip(np.nan_to_num(model.predict_proba(X_test)), 1e-9, 1.0)
        shares /= shares.sum(axis=1, keepdims=True)
        return float(log_loss(y_test, shares, labels=labels)), (model, int(fidelity))

    return Task(Problem(space, fidelity=Fidelity(3, 81, name="epochs")), train)


def pivot() -> Task:
    """Return the task of the adversarial training."""
    from smbo_objectives.pivot_toy import PivotToy
    from smbo_objectives.pivot_toy.objective import FIDELITIES, SCHEDULES, SPACES

    SCHEDULES["bench"] = replace(
        SCHEDULES["quick"], n_train=5_000, n_validation=5_000, adversary_epochs=5, batch=64, n_ks=10_000
    )
    SPACES["bench"] = Space({**SPACES["quick"].dimensions, "r_steps": Integer(1, 40, log=True)})
    FIDELITIES["bench"] = Fidelity(15, 150, name="iterations")
    toy = PivotToy(schedule="bench", device="cpu", climb=True)
    root = tempfile.TemporaryDirectory(prefix="bench-asha-")
    n_folders = 0

    def train(params, seed, fidelity, state):
        nonlocal n_folders
        n_folders += 1
        _ = root  # lives as long as this function
        folder = Path(root.name) / str(n_folders)
        folder.mkdir()
        context = Context(seed=seed, fidelity=int(fidelity), folder=folder, checkpoint=state)
        try:
            return float(toy.evaluate(params, context).metrics["loss"]), folder
        except EvaluationFailed:
            return math.nan, folder

    return Task(toy.problem, train)


_CENTRES = np.array([[0.2, 0.3, 0.6, 0.7], [0.7, 0.8, 0.3, 0.2], [0.5, 0.2, 0.2, 0.6]])
_DEPTHS, _WIDTHS = np.array([1.0, 0.8, 0.6]), np.array([0.3, 0.4, 0.25])
_EVENT_NOISE = 0.03 * math.sqrt(8100)


def simulator() -> Task:
    """Return the task of the noisy simulator."""
    space = {name: Real(0.0, 1.0) for name in "abcd"}

    def train(params, seed, fidelity, state):
        total, done = state or (0.0, 0)
        u = np.array(list(params.values()))
        wells = _DEPTHS * np.exp(-0.5 * ((u - _CENTRES) ** 2).sum(axis=1) / _WIDTHS**2)
        # the sum of so many events' errors, at once
        rng = np.random.default_rng([seed, done])
        total += _EVENT_NOISE * math.sqrt(fidelity - done) * rng.standard_normal()
        return 1.0 - float(wells.sum()) + total / fidelity, (total, int(fidelity))

    return Task(Problem(space, fidelity=Fidelity(100, 8100, name="events", averages=True)), train)


TASKS = {"mlp": mlp, "pivot": pivot, "simulator": simulator}
N_TRIALS = {"mlp": 30, "pivot": 20, "simulator": 30}


@dataclass(frozen=True)
class Incumbent:
    """The best trial evaluated in full, from a cost on."""

    cost: float
    number: int
    params: dict
    value: float


def search(
    task: Task, optimizer: Optimizer, most: float, *, is_recommended: bool = False
) -> Iterator[Incumbent]:
    """Yield each new incumbent of a search that may cost ``most``."""
    states: dict[int, tuple[object, float]] = {}
    cost, best = 0.0, None
    while cost < most:
        trial = optimizer.ask()
        level = trial.fidelity or task.high
        state, done = states.pop(trial.number, (None, 0.0))
        value, state = task.train(trial.params, trial.seed, level, state)
        cost += level - done
        optimizer.tell(trial, value)
        states[trial.number] = (state, level)
        now = optimizer.best
        if now is not None and is_recommended:
            now = optimizer.trials[optimizer.recommend().number or 0]
        if now is not None and now.number != best:
            best = now.number
            yield Incumbent(cost, best, dict(now.params), now.value or math.nan)


def score(task: Task, params: dict) -> float:
    """Return the mean value of trainings at the full fidelity with fresh seeds."""
    seeds = range(_FIRST_FRESH_SEED, _FIRST_FRESH_SEED + _FRESH)
    return float(np.mean([task.train(params, seed, task.high, None)[0] for seed in seeds]))


def compare(
    task: Task, stopping: str, seed: int, n_trials: int, share: float, *, is_recommended: bool
) -> tuple[float, float, float]:
    """Return the score of the full search, the other's at that share of its cost, and where it got there."""
    whole = float(n_trials * task.high)
    in_full = replace(task.problem, fidelity=None, early_stopping=None)
    *_, last = search(task, Optimizer(in_full, seed=seed), whole, is_recommended=is_recommended)
    aim = score(task, last.params)
    climbing = Optimizer(replace(task.problem, early_stopping=stopping), seed=seed)
    at_share, reached = math.nan, math.inf
    longest = max(_LONGEST, share)
    for incumbent in search(task, climbing, longest * whole, is_recommended=is_recommended):
        found = score(task, incumbent.params)
        if incumbent.cost <= share * whole:
            at_share = found
        if found <= aim:
            reached = min(reached, incumbent.cost / whole)
            if incumbent.cost > share * whole:
                break
    return aim, at_share, reached


def main() -> None:
    """Run what the command line asks for and print it side by side."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--problems", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, help="of the full search; 30 (mlp) and 20 (pivot) if not given")
    parser.add_argument("--stopping", default="asha")
    parser.add_argument("--share", type=float, default=_SHARE)
    parser.add_argument("--by", choices=("best", "recommended"), default="best")
    given = parser.parse_args()
    for name in given.problems:
        task, rows = TASKS[name](), []
        began = time.process_time()
        n_trials = given.trials or N_TRIALS[name]
        print(f"{name}: full search of {n_trials} trials; {given.stopping}")
        print(f"seed   full   at {given.share:.2f} of its cost  reached at")
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            is_recommended = given.by == "recommended"
            rows.append(
                compare(task, given.stopping, seed, n_trials, given.share, is_recommended=is_recommended)
            )
            aim, at_share, reached = rows[-1]
            print(f"{seed:4d}  {aim:.4f}  {at_share:.4f}               {reached:.3f}", flush=True)
        aim, at_share, reached = (median(column) for column in zip(*rows))
        verdict = "reached" if reached <= given.share else "MISSED"
        spent = time.process_time() - began
        bar = f"bar ({given.share:.2f}) {verdict}"
        print(f"median {aim:.4f}  {at_share:.4f}  {reached:.3f}; {bar}; {spent:.0f} CPU s\n")


if __name__ == "__main__":
    main()
