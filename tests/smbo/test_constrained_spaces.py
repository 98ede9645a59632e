"""Asks in spaces whose known constraints leave a small region: every proposal lies in it."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import (
    GP,
    Derived,
    Fidelity,
    Integer,
    LevelSet,
    Optimizer,
    Problem,
    Real,
    Recipe,
    Space,
    SpaceError,
)

TEN = {f"w{i}": (0.0, 1.0) for i in range(10)}
SUM = " + ".join(TEN) + " <= 1"
TARGET = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.04, 0.03, 0.02, 0.01])
RECIPE = Recipe(GP(), n_initial=5)
SPACE = Space(TEN, [SUM])  # one for all tests, which draws its pool but once


def distance(params, beyond=0.0):
    return float(sum((params[f"w{i}"] - TARGET[i] - beyond) ** 2 for i in range(10)))


def play(problem, recipe, value, n=16, batch=1, seed=1):
    optimizer = Optimizer(problem, recipe, seed=seed)
    for _ in range(n // batch):
        for trial in optimizer.ask(batch):
            assert optimizer.space.contains(trial.params), trial.params
            optimizer.tell(trial, value(trial.params))
    return optimizer


@pytest.mark.parametrize("recipe", ["auto", "trust", "thompson", "forest", "sobol"])
def test_ten_weights_with_a_bounded_sum_can_be_asked_for(recipe):
    """Before: "none of 278400 random points meets the constraints"."""
    play(SPACE, recipe, distance)


def test_the_best_point_on_the_face_of_a_constraint_is_found():
    # the minimum of the cube lies at a sum of 2; that of the region is at the target, with a value of 0.1
    optimizer = play(SPACE, "gp", lambda params: distance(params, 0.1), n=36)
    assert optimizer.best.value < 0.105


def test_batches_stay_in_the_region():
    optimizer = play(SPACE, "gp", distance, n=20, batch=5)
    assert len({tuple(trial.params.values()) for trial in optimizer.trials}) == 20


def test_several_objectives_stay_in_the_region():
    problem = Problem(SPACE, objectives={"near": "min", "first": "max"})
    play(problem, "auto", lambda p: {"near": distance(p), "first": p["w0"]}, n=22)


def test_a_level_set_stays_in_the_region():
    play(Problem(SPACE, level_set=LevelSet(0.1)), "auto", distance, n=18)


def test_trials_of_several_fidelities_stay_in_the_region():
    problem = Problem(SPACE, fidelity=Fidelity(1, 9), early_stopping="asha")
    optimizer = Optimizer(problem, "auto", seed=1)
    for _ in range(30):
        trial = optimizer.ask()
        assert SPACE.contains(trial.params)
        optimizer.tell(trial, distance(trial.params))


def test_whole_numbers_with_a_bounded_sum_are_searched():
    names = [f"n{i}" for i in range(8)]
    space = Space(dict.fromkeys(names, (0, 9)), [" + ".join(names) + " == 9"])
    goal = [3, 2, 2, 1, 1, 0, 0, 0]
    value = lambda p: float(sum((p[n] - g) ** 2 for n, g in zip(names, goal)))  # noqa: E731
    optimizer = play(space, "gp", value, n=24)
    assert optimizer.best.value <= 2.0  # two levels exchanged at the most


def test_a_mixture_of_derived_shares_is_tuned():
    names = list(TEN)[:9]
    space = Space({**dict.fromkeys(names, (0.0, 1.0)), "w9": Derived("1 - " + " - ".join(names), low=0)})
    optimizer = play(space, "gp", distance, n=30)
    assert optimizer.best.value < 0.02
    assert all(abs(sum(trial.params.values()) - 1) < 1e-12 for trial in optimizer.trials)


def test_an_ordered_chain_of_logarithmic_dimensions_is_searched():
    space = Space(
        {f"x{i}": Real(1e-5, 1, log=True) for i in range(8)}, [" < ".join(f"x{i}" for i in range(8))]
    )
    play(space, "auto", lambda p: abs(np.log10(p["x3"]) + 2), n=18)


def test_a_told_point_leads_the_search_where_no_point_is_found():
    """Before: told feasible points did not help."""
    space = Space(TEN, [" + ".join(f"{name}**2" for name in TEN) + " <= 1e-3"])
    with pytest.raises(SpaceError, match="tell or enqueue a point"):
        Optimizer(space, RECIPE, seed=0).ask()
    told = Optimizer(space, RECIPE, seed=0)
    told.tell(dict.fromkeys(TEN, 0.005), 1.0)
    first = Optimizer(Problem(space, try_first=[dict.fromkeys(TEN, 0.005)]), RECIPE, seed=0)
    for optimizer in (told, first):
        for _ in range(7):
            trial = optimizer.ask()
            assert space.contains(trial.params)
            optimizer.tell(trial, distance(trial.params))


def test_the_same_log_gives_the_same_proposals():
    optimizer = play(SPACE, "gp", distance, n=14)
    again = Optimizer.replay(Space(TEN, [SUM]), optimizer.log, "gp", seed=1)
    assert again.ask().params == optimizer.ask().params


def test_a_design_in_the_region_is_the_same_one_by_one_and_at_once():
    one_by_one = [Optimizer(SPACE, "sobol", seed=2) for _ in range(2)]
    single = [one_by_one[0].ask().params for _ in range(6)]
    assert single == [trial.params for trial in one_by_one[1].ask(6)]


def test_fixed_values_are_searched_within_the_constraint():
    optimizer = play(SPACE, "gp", distance, n=14)
    for _ in range(3):
        trial = optimizer.ask(fixed={"w0": 0.6})
        assert trial.params["w0"] == 0.6
        assert SPACE.contains(trial.params)
        optimizer.tell(trial, distance(trial.params))


def test_an_ask_for_integers_of_many_levels_meets_the_constraint():
    space = Space(
        {f"k{i}": Integer(0, 200) for i in range(6)}, [" + ".join(f"k{i}" for i in range(6)) + " <= 100"]
    )
    play(space, "gp", lambda p: abs(p["k0"] - 60.0), n=18)
