"""Random walks of asks and tells over random spaces and recipes, each step checked.

    python tests/smbo/random_walks.py --steps 20000 --seed 1

A walk makes up a space, a problem, a recipe and an objective from its own seed, and goes on until
its steps are done or its space is used up.  A broken rule ends in an AssertionError that names the
walk's seed; ``--only SEED`` runs that walk alone.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections import Counter
from dataclasses import is_dataclass

import numpy as np

import smbo.acquisition
from smbo import Categorical, Integer, Optimizer, Problem, Real, Recipe, Space
from smbo.acquisition import (
    LogExpectedHypervolumeImprovement,
    Misclassification,
    NoisyLogExpectedHypervolumeImprovement,
    RandomScalarization,
    Straddle,
)
from smbo.errors import SpaceError, SpaceExhausted
from smbo.history.encode import encode
from smbo.problem.level_set import LevelSet
from smbo.proposal.presets import PRESETS
from smbo.proposal.recommend import posterior_of
from smbo.surrogates import GP, ExtraTrees, Forest, LevelGP, ModelListGP
from smbo.training_data import Target, served_by
from smbo.trial import TrialState

MOST_STEPS = 60  # of a walk
ACQUISITIONS = [
    kind
    for kind in (getattr(smbo.acquisition, name) for name in smbo.acquisition.__all__)
    if is_dataclass(kind) and hasattr(kind, "build") and Target.VALUE in served_by(kind())
]
RECIPES = sorted(PRESETS.keys() - {"pareto"})  # which is for several objectives
AIMS = ("value", "several", "levels")
RECIPES_OF_SEVERAL = {
    "auto": "auto",
    "pareto": "pareto",
    "sobol": "sobol",
    "volume": Recipe(ModelListGP(), LogExpectedHypervolumeImprovement(), n_initial=3),
    "noisy volume": Recipe(ModelListGP(), NoisyLogExpectedHypervolumeImprovement(), n_initial=3),
    "scalarised": Recipe(ModelListGP(), RandomScalarization(), n_initial=3),
}
RECIPES_OF_LEVELS = {
    "auto": "auto",
    "random": "random",
    "misclassification": Recipe(LevelGP(), Misclassification(), n_initial=3),
    "straddle": Recipe(LevelGP(), Straddle(), n_initial=3),
}
EVERYWHERE = (".expected_improvement", ".max_value_entropy_search")
# the others draw functions, which only a Gaussian process lets them do
FOR_ANY_SURROGATE = [kind for kind in ACQUISITIONS if kind.__module__.endswith(EVERYWHERE)]
assert len(FOR_ANY_SURROGATE) == 5, "a module that is renamed must not empty the list"
# what a value looks like: ordinary, flat, huge, tiny, with a pole, by chance alone
SHAPES = {
    "smooth": lambda s, noise: s,
    "noisy": lambda s, noise: s + 0.3 * noise,
    "flat": lambda s, noise: 7.0,
    "huge": lambda s, noise: 1e11 * (s + 0.1 * noise),
    "tiny": lambda s, noise: 1e-11 * s,
    "pole": lambda s, noise: min(1.0 / (abs(s) + 1e-9), 1e9),
    "steps": lambda s, noise: math.floor(3 * s),
    "chance": lambda s, noise: noise,
}


def random_dimension(rng, is_finite):
    """Return a dimension of any kind, of few levels where the space is to be finite."""
    kind = rng.choice(
        ["step", "int", "choice", "ordered"]
        if is_finite
        else ["real", "real", "log", "step", "int", "log-int", "choice", "ordered", "constant"]
    )
    low = float(np.round(rng.uniform(-10, 10), 2))
    n = int(rng.integers(2, 5 if is_finite else 12))
    if kind == "real":
        return Real(low, low + float(10.0 ** rng.integers(-3, 4)))
    if kind == "log":
        return Real(10.0 ** -int(rng.integers(0, 6)), 10.0 ** int(rng.integers(1, 5)), log=True)
    if kind == "step":
        return Real(0.0, 0.25 * n, step=0.25)
    if kind == "int":
        return Integer(int(low), int(low) + (n if is_finite or rng.random() < 0.7 else 5000))
    if kind == "log-int":
        return Integer(1, 10 ** int(rng.integers(1, 5)), log=True)
    if kind == "constant":
        return 3
    return Categorical([f"level{k}" for k in range(n)], ordered=kind == "ordered")


def random_space(rng):
    """Return a space and, for checking, its constraint as a plain function."""
    is_finite = rng.random() < 0.3
    d = int(rng.integers(1, 4 if is_finite else 7))
    dimensions = {f"x{k}": random_dimension(rng, is_finite) for k in range(d)}
    if rng.random() < 0.3:
        dimensions["switch"] = Categorical(["on", "off"])
        inner = random_dimension(rng, is_finite)
        if not isinstance(inner, int):
            options = {key: getattr(inner, key) for key in ("log", "step", "ordered") if hasattr(inner, key)}
            ends = (inner.choices,) if isinstance(inner, Categorical) else (inner.low, inner.high)
            dimensions["inner"] = type(inner)(*ends, **options, active_when="switch == 'on'")
    numeric = [
        name for name, given in dimensions.items() if isinstance(given, Real | Integer) and name != "inner"
    ]
    if len(numeric) < 2 or rng.random() < 0.5:
        return Space(dimensions), lambda params: True
    first, second = (str(name) for name in rng.choice(numeric, 2, replace=False))
    lows = [dimensions[name].low for name in (first, second)]
    highs = [dimensions[name].high for name in (first, second)]
    limit = float(np.round(sum(lows) + rng.uniform(0.3, 0.8) * (sum(highs) - sum(lows)), 3))
    formula = f"{first} + {second} <= {limit!r}"
    rule = formula if rng.random() < 0.7 else (lambda params: params[first] + params[second] <= limit)
    try:
        space = Space(dimensions, [rule])
        space.sample_unit(8, rng)
    except SpaceError:
        return Space(dimensions), lambda params: True
    return space, lambda params: params[first] + params[second] <= limit


def random_recipe(rng):
    """Return a recipe: one that has a name, or a surrogate with any acquisition."""
    if rng.random() < 0.6:
        return str(rng.choice(RECIPES))
    surrogate = (GP(), Forest(n_trees=20), ExtraTrees(n_trees=20))[rng.integers(3)]
    fitting = ACQUISITIONS if isinstance(surrogate, GP) else FOR_ANY_SURROGATE
    acquisition = fitting[rng.integers(len(fitting))]()
    return Recipe(surrogate=surrogate, acquisition=acquisition, n_initial=int(rng.integers(1, 6)))


def random_problem(space, aim, rng):
    """Return a problem in which one value, several objectives or levels are sought."""
    if aim == "levels":
        names = ["f0", "f1"][: int(rng.integers(1, 3))]
        levels = {name: float(np.round(rng.normal(0.0, 0.5), 2)) for name in names}
        return Problem(space, level_set=LevelSet(levels, transform=str(rng.choice(["auto", "linear"]))))
    constraints = ["speed <= 0.8"] if rng.random() < 0.2 else []
    if aim == "value":
        return Problem(space, constraints=constraints, maximize=bool(rng.random() < 0.3))
    names = [f"f{k}" for k in range(int(rng.choice([2, 3, 5], p=[0.6, 0.3, 0.1])))]
    directions = {name: str(rng.choice(["min", "max"])) for name in names}
    reference = {"f0": float(np.round(rng.normal(), 2))} if rng.random() < 0.3 else None
    weights = {"f1": 3.0} if rng.random() < 0.3 else None
    return Problem(
        space, objectives=directions, constraints=constraints, reference=reference, weights=weights
    )


class Walk:
    """One optimizer on its random way; ``step`` does one thing and checks it.

    Args:
        seed: of all that is chosen here.
        recipe: for one value, by name; None for any.
        aim: of ``AIMS``; None for any, or one value where there is a recipe.
    """

    def __init__(self, seed, recipe=None, aim=None):
        self.rng = rng = np.random.default_rng(seed)
        if aim is None and recipe is None:
            aim = np.random.default_rng([seed, 1]).choice(AIMS, p=[0.7, 0.18, 0.12])
        self.aim = str(aim or "value")
        self.space, self.holds = random_space(rng)
        chosen = random_recipe(rng)
        others = {"several": RECIPES_OF_SEVERAL, "levels": RECIPES_OF_LEVELS}.get(self.aim)
        if others is not None:
            chosen = others[str(rng.choice(list(others)))]
        self.recipe = recipe or chosen
        problem = random_problem(self.space, self.aim, rng)
        self.optimizer = Optimizer(problem, self.recipe, seed=int(rng.integers(1000)))
        self.shape = str(rng.choice(list(SHAPES)))
        self.weights = rng.normal(size=max(len(self.space.axes), 1))
        self.is_discrete = self.space.size is not None
        self.is_used_up = False
        self.name = f"seed {seed}, {self.aim}: {self.recipe!r} on {self.space!r}, {self.shape} values"

    def step(self):
        running = [trial for trial in self.optimizer.trials if trial.state is TrialState.RUNNING]
        actions = {"ask": 4.0, "ask-many": 0.7, "tell": 5.0, "fail": 0.7, "cancel": 0.2, "nan": 0.2,
                   "outside": 0.5, "recommend": 0.3}  # fmt: skip
        if not running:
            actions = {key: actions[key] for key in ("ask", "ask-many", "outside", "recommend")}
        chances = np.array(list(actions.values()))
        action = str(self.rng.choice(list(actions), p=chances / chances.sum()))
        if action in ("ask", "ask-many"):
            self.ask(None if action == "ask" else int(self.rng.integers(2, 5)))
        elif action == "outside":
            # a person's own point, which may well have been evaluated before
            self.tell_value(self.space.sample(1, self.rng)[0])
        elif action == "recommend":
            self.recommend()
        else:
            trial = running[self.rng.integers(len(running))]
            if action == "tell":
                self.tell_value(trial)
            elif action == "nan":
                told = self.optimizer.tell(trial, self.result(float(self.rng.choice([np.nan, np.inf])), 0.0))
                assert told.state is TrialState.FAILED
            else:
                self.optimizer.tell(trial, status={"fail": "failed", "cancel": "cancelled"}[action])
        return action

    def ask(self, n):
        before = self.optimizer.trials
        twin = copy.copy(self.optimizer) if self.rng.random() < 0.03 else None
        try:
            asked = self.optimizer.ask(n)
        except SpaceExhausted:
            if isinstance(self.optimizer.recipe.design, str):  # a grid has fewer points than its space
                assert self.is_discrete, "a space with a continuous axis is never used up"
                assert len(self.left(before)) < (n or 1), "called used up while points are left"
            self.is_used_up = True
            return
        asked = [asked] if n is None else asked
        for trial in asked:
            self.check_point(trial.params)
        if self.is_discrete:
            taken = [key(trial.params) for trial in before if trial.state is not TrialState.CANCELLED]
            new = [key(trial.params) for trial in asked]
            assert len(set(new)) == len(new), "two equal points in one ask"
            assert not set(new) & set(taken), "a point was proposed again"
        if twin is not None:
            again = twin.ask(len(asked))
            assert [trial.params for trial in again] == [trial.params for trial in asked]
        if self.rng.random() < 0.15:
            self.check_posterior()

    def check_point(self, params):
        assert self.space.contains(params), f"{params} is not in the space"
        assert self.holds(params), f"{params} violates the constraint"
        for name, value in params.items():
            given = self.space.dimensions[name]
            if isinstance(given, Real | Integer):
                assert given.low <= value <= given.high, f"{name}={value!r} is out of bounds"
        unit = self.space.to_unit([params])
        assert ((unit >= 0) & (unit <= 1)).all()

    def check_posterior(self):
        optimizer = self.optimizer
        data = encode(optimizer.problem, optimizer.trials)
        posterior = posterior_of(optimizer.recipe, data, optimizer._memory)
        if posterior is not None:
            points = np.concatenate([self.space.sample_unit(16, self.rng), data.points])
            mean, std = posterior.moments(points)
            assert np.isfinite(mean).all()
            assert np.isfinite(std).all()
            assert (std >= 0).all()

    def recommend(self):
        feasible = [trial for trial in self.optimizer.trials if trial.value is not None and trial.feasible]
        if self.aim == "levels":
            if len(feasible) > 1:
                check_contour(self.optimizer)
        elif feasible:
            if self.aim == "several":
                check_pareto(self.optimizer, feasible)
            found = self.optimizer.recommend()
            assert math.isfinite(found.mean)
            assert found.number in {trial.number for trial in feasible}

    def tell_value(self, trial):
        params = trial if isinstance(trial, dict) else trial.params
        unit = self.space.to_unit([params])[0]
        value = self.value_at(unit, 0)
        result = self.result(value, float(self.rng.random()), unit)
        share = float(self.rng.choice([0.0, 0.1])) if self.rng.random() < 0.2 else None
        if share is None:
            told = self.optimizer.tell(trial, result)
        elif self.aim == "value":
            told = self.optimizer.tell(trial, result, sem=abs(value) * share)
        else:  # errors go with their values, by name
            pairs = {name: (each, abs(each) * share) for name, each in result.items()}
            told = self.optimizer.tell(trial, pairs)
        assert told.state is TrialState.COMPLETE

    def value_at(self, unit, k):
        """Return the k-th of what is measured at a unit point."""
        phase = (3 + k) * unit @ np.roll(self.weights, k)[: len(unit)] + 1 + k
        signal = float(np.sin(phase) + ((unit - 0.4 - 0.3 * k) ** 2).sum())
        return float(SHAPES[self.shape](signal, float(self.rng.normal())))

    def result(self, value, speed, unit=None):
        """Return what is told: ``value``, and at a unit point all else that is measured there."""
        problem = self.optimizer.problem
        more = {"speed": speed} if problem.constraints else {}
        if self.aim == "value":
            return {"value": value, **more} if more else value
        names = problem.level_set.names if self.aim == "levels" else problem.multi_objective.names
        others = {name: 0.0 if unit is None else self.value_at(unit, k) for k, name in enumerate(names) if k}
        return {names[0]: value, **others, **more}

    def left(self, trials):
        grid = {key(point) for point in self.space.from_unit(self.space.grid())}
        return grid - {key(trial.params) for trial in trials if trial.state is not TrialState.CANCELLED}


def check_pareto(optimizer, feasible):
    """Hold a Pareto set against its definition."""
    found, goals = optimizer.pareto(), optimizer.problem.multi_objective
    values = {trial.number: goals.signs * goals.values([trial.metrics])[0] for trial in feasible}
    seen = {trial.number for trial in found.observed}
    for number, value in values.items():
        # of equal ones the first stands for all
        better = [
            other
            for other, each in values.items()
            if (each <= value).all() and ((each < value).any() or other < number)
        ]
        assert bool(better) == (number not in seen), f"trial {number} and the Pareto set"
    assert found.numbers == tuple(sorted(values))
    assert {each.number for each in found.predicted} <= values.keys()
    assert all(math.isfinite(mean) for each in found.predicted for mean in each.means.values())
    history = [*found.history, found.hypervolume]
    assert math.isfinite(history[-1])
    assert min(history) >= 0.0
    assert (np.diff(history) >= -1e-9 * abs(history[-1])).all(), "the hypervolume shrinks"


def check_contour(optimizer):
    """Hold what a contour says to the range that it can have."""
    found = optimizer.contour()
    for shares, most in ((found.misclassified, 0.5), (found.volume_above, 1.0), (found.band, 1.0)):
        assert set(shares) == set(optimizer.problem.level_set.names)
        assert all(0.0 <= share <= most for share in shares.values())


def key(params):
    return tuple(sorted((name, repr(value)) for name, value in params.items()))


def run_walk(seed, n_steps=MOST_STEPS, recipe=None, aim=None):
    """Go one walk and return what it did: action to count.

    Raises:
        AssertionError: a rule was broken; names the walk.
    """
    walk = Walk(seed, recipe, aim)
    done = Counter()
    for _ in range(n_steps):
        try:
            done[walk.step()] += 1
        except Exception as error:
            raise AssertionError(f"{walk.name}, after {sum(done.values())} steps: {error!r}") from error
        if walk.is_used_up:
            break
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run the walk of this seed alone")
    parser.add_argument("--aim", choices=AIMS, help="seek this alone; all of them if left out")
    parser.add_argument("--keep-going", action="store_true", help="print what breaks and go on")
    options = parser.parse_args()
    if options.only is not None:
        print(dict(run_walk(options.only, aim=options.aim)))
        return
    total, n_walks, n_broken, begin = Counter(), 0, 0, time.process_time()
    while sum(total.values()) < options.steps:
        try:
            total += run_walk(1_000_000 * options.seed + n_walks, aim=options.aim)
        except AssertionError as error:
            if not options.keep_going:
                raise
            n_broken += 1
            print(error, flush=True)
        n_walks += 1
        if n_walks % 50 == 0:
            print(
                f"{n_walks} walks, {sum(total.values())} steps, {time.process_time() - begin:.0f} s CPU",
                flush=True,
            )
    print(f"{n_walks} walks, {sum(total.values())} steps, {n_broken} broken: {dict(total)}")


if __name__ == "__main__":
    main()
