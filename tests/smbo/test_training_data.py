"""Training data: rows are chosen in one step or in several, and the last gain is found."""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import pytest

from smbo.problem import ChiSquare
from smbo.surrogates import Matern52
from smbo.training_data import (
    Ability,
    Axis,
    ObjectiveValues,
    OutcomeConstraintValues,
    Replicates,
    TrainingData,
    VectorOutputs,
)

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))


def of_everything(n=6, seed=0):
    """Training data of n rows with every part that is chosen by row."""
    rng = np.random.default_rng(seed)
    data = TrainingData.of_values(AXES, rng.random((n, 2)), rng.random(n), rng.random(n))
    behind = rng.permutation(np.concatenate([np.arange(n), rng.integers(n, size=5)]))
    slacks = OutcomeConstraintValues(
        ("3 - size",), rng.random((n, 1)), rng.random((n, 1)), rng.random(n) < 0.5
    )
    return replace(
        data,
        feasible=rng.random(n) < 0.5,
        failed=rng.random((2, 2)),
        pending=rng.random((3, 2)),
        outputs=VectorOutputs(
            ChiSquare(np.zeros(3), np.ones(3)), rng.random((n, 3)), rng.random((n, 3)), rng.random((n, 3, 1))
        ),
        outcome_constraints=slacks,
        objective_values=ObjectiveValues(rng.random((n, 2)), rng.random((n, 2)), np.ones(2), np.ones(2)),
        replicates=Replicates(behind, rng.random(n + 5), rng.random(n + 5)),
    )


def assert_same(one, other):
    assert type(one) is type(other)
    for each in fields(one):
        left, right = getattr(one, each.name), getattr(other, each.name)
        if is_dataclass(left) and each.name != "loss":
            assert_same(left, right)
        else:
            np.testing.assert_equal(left, right)


def test_rows_of_rows_are_rows():
    data = of_everything()
    some, few = np.array([5, 0, 3, 2]), np.array([2, 0])
    assert_same(data.rows(some).rows(few), data.rows(some[few]))
    assert_same(data.rows(np.arange(len(data))), data)


def test_the_evaluations_behind_a_row_follow_it():
    data = of_everything()
    chosen = np.array([4, 1])
    part = data.rows(chosen)
    for row, before in enumerate(chosen):
        there = data.replicates.values[data.replicates.rows == before]
        np.testing.assert_array_equal(part.replicates.values[part.replicates.rows == row], there)
    assert part.n_told == sum((data.replicates.rows == row).sum() for row in chosen)


def test_what_is_added_as_unknown_leaves_the_known_as_it_was():
    known = of_everything().outcome_constraints
    more = known.with_unknown(2)
    assert_same(more.rows(np.arange(6)), known)
    assert np.isnan(more.values[6:]).all()
    assert np.isnan(more.variances[6:]).all()
    assert more.is_explained[6:].all()


@pytest.mark.parametrize("least", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(4))
def test_the_last_gain_is_the_one_that_a_search_from_the_end_finds(seed, least):
    rng = np.random.default_rng(seed)
    data = TrainingData.of_values(AXES, rng.random((12, 2)), rng.random(12))
    data = replace(data, feasible=rng.random(12) < 0.6)

    def best(n):
        return min(data.values[:n][data.feasible[:n]], default=np.inf)

    expected = max(since for since in range(12) if best(12 - since) <= best(12) + least)
    assert data.n_since_gain(least) == expected


def test_without_a_feasible_evaluation_there_is_no_gain():
    data = TrainingData.of_values(AXES, np.zeros((3, 2)), np.arange(3.0))
    assert replace(data, feasible=np.zeros(3, dtype=bool)).n_since_gain(0.0) == 0


def test_an_ability_is_remembered_for_dataclasses_only():
    @runtime_checkable
    class Sings(Ability, Protocol):
        def sing(self): ...

    @dataclass(frozen=True)
    class Bird:
        def sing(self): ...

    class Chameleon:
        pass

    assert isinstance(Bird(), Sings)
    assert not isinstance(Matern52(), Sings)
    changing = Chameleon()
    assert not isinstance(changing, Sings)
    changing.sing = print
    assert isinstance(changing, Sings)
