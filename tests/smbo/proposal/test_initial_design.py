"""The initial design: where it goes on, when the surrogate takes over, points to try first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Normal, Optimizer, Problem, Real, Recipe, Space
from smbo.errors import SpaceError
from smbo.history.encode import encode
from smbo.proposal.initial_design import design_points, n_from_design
from smbo.proposal.propose import propose
from smbo.proposal.request import ProposalRequest
from smbo.surrogates import GP
from smbo.training_data import TrainingData
from smbo.trial import Trial, TrialState

PROBLEM = Problem(Space({"x": (0.0, 1.0), "n": (1, 3)}, ["x * n < 2"]))


def trials(n, problem=PROBLEM, seed=0):
    points = problem.space.sample(n, np.random.default_rng(seed))
    return [
        Trial(number, point, 0, TrialState.COMPLETE, value=sum(point.values()), feasible=True)
        for number, point in enumerate(points)
    ]


def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("design", ["random", "sobol", "halton", "lhs"])
def test_a_design_goes_on_where_it_stopped(design):
    recipe = Recipe(design=design)
    empty = encode(PROBLEM, [])
    whole = propose(ProposalRequest(PROBLEM, recipe, empty, 6, rng(), {})).points
    first = propose(ProposalRequest(PROBLEM, recipe, empty, 2, rng(), {}))
    rest = propose(ProposalRequest(PROBLEM, recipe, empty, 4, np.random.default_rng(99), first.memory)).points
    np.testing.assert_array_equal(np.concatenate([first.points, rest]), whole)


def test_the_surrogate_takes_over_after_the_initial_points():
    recipe = Recipe(GP(), n_initial=4)
    for n_known, n_design in ((2, 2), (4, 0)):
        data = encode(PROBLEM, trials(n_known))
        mixed = propose(ProposalRequest(PROBLEM, recipe, data, 5, rng(), {}))
        design = propose(ProposalRequest(PROBLEM, Recipe(), data, 5, rng(), {}))
        same = (mixed.points == design.points).all(axis=1)
        assert same.tolist() == [True] * n_design + [False] * (5 - n_design)
        assert "surrogate" in mixed.memory


def test_a_tight_constraint_is_met_by_random_points_when_the_design_runs_dry():
    problem = Problem(Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}, ["abs(x - y) < 0.0005"]))
    points = propose(ProposalRequest(problem, Recipe(), encode(problem, []), 30, rng(), {})).points
    assert problem.space.allowed(points).all()
    assert len(np.unique(points, axis=0)) == 30


def n_designed(space, values, n: int, **data) -> int:
    """Return how many of n points come from the design once these values are known at its first points."""
    problem, m = Problem(space), len(values)
    first = propose(
        ProposalRequest(problem, Recipe(GP()), nothing(problem), m, np.random.default_rng(5), {})
    ).points
    known = TrainingData.of_values(problem.space.axes, first, np.array(values))
    known = replace(known, **data)
    design = propose(ProposalRequest(problem, Recipe(), known, n, np.random.default_rng(5), {}))
    mixed = propose(ProposalRequest(problem, Recipe(GP()), known, n, np.random.default_rng(5), {}))
    return int((mixed.points == design.points).all(axis=1).sum())


def nothing(problem: Problem) -> TrainingData:
    return TrainingData.of_values(problem.space.axes, np.zeros((0, len(problem.space.axes))), np.zeros(0))


BELIEVED = {name: Real(0, 1, prior=Normal(0.8, 0.1)) for name in "abcd"}
VAGUE = {name: Real(0, 1, prior=Normal(0.8, 50.0)) for name in "abcd"}


@pytest.mark.parametrize(
    ("space", "values", "n"),
    [
        (BELIEVED, [0.0, 2.0, 1.0], 0),  # the first and the third are the beliefs' own
        (BELIEVED, [1.0, 2.0, 0.0], 0),
        (BELIEVED, [1.0, 0.0, 2.0], 5),
        (BELIEVED, [0.0, 1.0], 6),
        (VAGUE, [0.0, 2.0, 1.0], 5),
        (dict.fromkeys("abcd", (0.0, 1.0)), [0.0, 2.0, 1.0], 5),
    ],
)
def test_the_design_ends_after_three_points_that_bear_a_belief_out(space, values, n):
    assert n_designed(space, values, 8) == n


def test_a_belief_is_not_borne_out_by_points_that_are_not_feasible():
    none = np.zeros(3, dtype=np.bool_)
    assert n_designed(BELIEVED, [0.0, 2.0, 1.0], 8, feasible=none) == 5
    all_but_the_first = np.array([False, True, True])
    assert n_designed(BELIEVED, [0.0, 1.0, 2.0], 8, feasible=all_but_the_first) == 5


def test_points_to_try_first_come_first_and_once():
    points = [{"x": 0.25}, {"x": 0.75}, {"x": 0.25}, {"x": 0.5}]
    opt = Optimizer(Problem({"x": Real(0, 1)}, try_first=points), seed=1)
    opt.tell({"x": 0.5}, 1.0)
    asked = [opt.ask(), *opt.ask(3)]
    xs = [trial.params["x"] for trial in asked]
    assert xs[:2] == [0.25, 0.75]
    assert len({*xs, 0.5}) == 5
    again = Optimizer.replay(opt.problem, opt.log, seed=1)
    assert [trial.params for trial in again.trials] == [trial.params for trial in opt.trials]


def test_a_sum_of_many_items_is_not_used_up_before_its_points_are():
    """Before: of 4,060 choices no new one was found after some 900."""
    names = [f"use_{i}" for i in range(30)]
    space = Space(dict.fromkeys(names, (0, 1)), [" + ".join(names) + " == 3"])
    asked = Optimizer(space, "random", seed=1).ask(1100)
    assert {sum(trial.params.values()) for trial in asked} == {3}
    assert len({tuple(trial.params.values()) for trial in asked}) == 1100


@pytest.mark.parametrize("recipe", ["auto", "random", "sobol"])
def test_a_sum_that_no_choice_of_items_has_is_named(recipe):
    """Before: 'the space has 0 points, 0 of them evaluated or under way'."""
    space = Space(dict.fromkeys("abc", (0, 1)), ["a + b + c == 4"])
    with pytest.raises(SpaceError, match=r"'a \+ b \+ c == 4' holds nowhere"):
        Optimizer(space, recipe, seed=1).ask()


def told(values):
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0), "z": (0.0, 1.0)})
    problem, points = Problem(space), space.sample(len(values), np.random.default_rng(0))
    known = [
        Trial(i, point, 0, TrialState.COMPLETE, value=value, feasible=True)
        for i, (point, value) in enumerate(zip(points, values))
    ]
    return ProposalRequest(problem, Recipe(GP(), design="sobol"), encode(problem, known), 3, rng(), {})


def test_the_design_goes_on_while_all_values_are_equal():
    asked = told([1.0] * 12)
    expected, _ = design_points(asked, 3)
    assert np.array_equal(propose(replace(asked, rng=rng())).points, expected)


def test_one_other_value_ends_a_design_of_equal_ones():
    asked = told([1.0] * 11 + [0.5])
    assert n_from_design(asked, asked.data) == 0


def test_failed_evaluations_tell_a_model_something_where_all_values_are_equal():
    asked = told([1.0] * 12)
    asked = replace(asked, data=replace(asked.data, failed=asked.data.points[:1]))
    assert n_from_design(asked, asked.data) == 0


def test_a_given_size_of_the_design_is_kept_where_all_values_are_equal():
    asked = told([1.0] * 12)
    asked = replace(asked, recipe=Recipe(GP(), n_initial=5))
    assert n_from_design(asked, asked.data) == 0
