"""The initial design: where it goes on, when the surrogate takes over, points to try first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Normal, Optimizer, Problem, Real, Recipe, Space
from smbo.history.encode import encode
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
