"""A trust region: its counters, its box, and what it proposes."""

from dataclasses import replace

import numpy as np
import pytest

from smbo.errors import RecipeError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.propose import propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.trust_region import (
    RegionState,
    TrustRegion,
    advance,
    box_around,
    length_within,
    rows_of_region,
)
from smbo.space import Space
from smbo.surrogates import GP, Forest
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData
from smbo.trial import Trial, TrialState

AXES = tuple(Axis(f"x{i}", "continuous") for i in range(4))


def evidence_with(values, axes=AXES, seed=0, numbers=None):
    n = len(values)
    points = np.random.default_rng(seed).random((n, len(axes)))
    return TrainingData(
        axes=axes,
        numbers=np.arange(n) if numbers is None else np.array(numbers),
        points=points,
        values=np.array(values, dtype=float),
        variances=np.full(n, np.nan),
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, len(axes))),
        pending=np.zeros((0, len(axes))),
    )


DESIGN = [10.0, 9.0, 8.0, 7.0, 6.0]


def state_after(values, rule=None, before=None):
    return advance(rule or TrustRegion(), evidence_with(DESIGN + values), before or RegionState(), 5)


def test_three_successes_double_the_box_and_four_failures_halve_it():
    assert state_after([]).length == 0.8
    assert state_after([5.0, 4.0]).length == 0.8
    assert state_after([5.0, 4.0, 3.0]).length == 1.6
    assert state_after([5.0, 4.0, 3.0, 2.0, 1.0, 0.0]).length == 1.6  # never more than that
    assert state_after([9.0] * 3).length == 0.8
    assert state_after([9.0] * 4).length == 0.4
    assert state_after([9.0] * 4 + [5.0]) == RegionState(length=0.4, successes=1)
    assert state_after([9.0] * 3 + [5.0, 9.0]) == RegionState(length=0.8, failures=1)


def test_a_gain_that_is_lost_in_the_scatter_is_no_success():
    assert state_after([5.999]).failures == 1
    assert state_after([5.99]).successes == 1


def test_patience_grows_with_the_number_of_axes():
    wide = tuple(Axis(f"x{i}", "continuous") for i in range(9))
    nine, eight = (
        advance(TrustRegion(), evidence_with(DESIGN + [9.0] * n, wide), RegionState(), 5) for n in (9, 8)
    )
    assert (nine.length, eight.length) == (0.4, 0.8)


def test_a_region_that_collapsed_starts_anew_with_its_own_evidence():
    state = state_after([9.0] * 28)
    assert state == RegionState(first=33, since=33, length=0.8, restarts=1)
    later = evidence_with(DESIGN + [9.0] * 28 + [3.0, 4.0])
    assert rows_of_region(TrustRegion(), state, later).values.tolist() == [3.0, 4.0]
    assert advance(TrustRegion(), later, state, 5) == state  # its design is not over


def test_what_was_known_before_a_region_began_is_neither_success_nor_failure():
    began = RegionState(since=9)
    state = advance(TrustRegion(), evidence_with(DESIGN + [9.0] * 8), began, 5)
    assert (state.length, state.failures) == (0.4, 0)


def test_an_infeasible_low_value_is_no_success():
    data = evidence_with([*DESIGN, 1.0])
    data.feasible[-1] = False
    assert advance(TrustRegion(), data, RegionState(), 5).successes == 0


def test_of_much_evidence_the_nearest_to_the_best_point_is_kept_in_the_order_of_numbers():
    data = evidence_with(np.random.default_rng(1).random(60))
    kept = rows_of_region(TrustRegion(most_rows=20), RegionState(), data)
    assert len(kept) == 20
    assert (np.diff(kept.numbers) > 0).all()
    centre = data.points[np.argmin(data.values)]
    gaps = np.linalg.norm(data.points - centre, axis=1)
    assert set(kept.numbers) == set(np.argsort(gaps)[:20])


def test_a_box_is_wider_along_longer_scales_and_keeps_its_volume():
    data = evidence_with([3.0, 1.0, 2.0], seed=3)
    data.points[1] = 0.5
    lengths = np.array([0.2, 0.4, 0.8, 0.4])
    theta = Hyperparameters(tuple(np.log(lengths)), 0.0, np.log(1e-4))
    box = box_around(GP(hyperparameters=theta).fit(data), data, 0.1)
    edges = box.high - box.low
    np.testing.assert_allclose(box.centre, 0.5)
    np.testing.assert_allclose(edges / edges[0], lengths / lengths[0])
    assert edges.prod() == pytest.approx(0.1**4)


def test_a_box_holds_the_next_level_of_a_grid_however_small_it_is():
    axes = (Axis("x", "continuous"), Axis("n", "ordered", 5))
    data = evidence_with([3.0, 1.0, 2.0], axes)
    data.points[:, 1] = 0.5
    box = box_around(GP().fit(data), data, 0.01)
    assert box.low[1] <= 0.3
    assert box.high[1] >= 0.7


@pytest.mark.parametrize("surrogate", [GP(), Forest(n_trees=8)], ids=repr)
def test_proposals_of_a_small_region_stay_near_the_best_point(surrogate):
    problem = Problem(Space({f"x{i}": (0.0, 1.0) for i in range(10)}))
    rng = np.random.default_rng(0)
    trials = [
        Trial(
            number,
            point,
            0,
            TrialState.COMPLETE,
            value=sum((v - 0.6) ** 2 for v in point.values()),
            feasible=True,
        )
        for number, point in enumerate(problem.space.sample(30, rng))
    ]
    data = encode(problem, trials)
    recipe = Recipe(surrogate, region=TrustRegion(first_length=0.05, least_length=0.01))
    posterior_best = data.points[np.argsort(data.values)[:5]]
    points = propose(ProposalRequest(problem, recipe, data, 3, np.random.default_rng(1), {})).points
    gaps = np.abs(points[:, None, :] - posterior_best[None]).max(axis=2).min(axis=1)
    # edges differ with the length scales, within the cube: none is longer than a few tenths
    assert (gaps < 0.35).all()
    assert len(np.unique(points, axis=0)) == 3


def test_a_region_on_a_mixed_constrained_space_uses_up_every_point():
    problem = Problem(Space({"n": (1, 6), "m": ["a", "b", "c"], "k": (1, 3)}, constraints=["n + k <= 8"]))
    recipe = Recipe(GP(), n_initial=4, region=TrustRegion())
    total = sum(n + k <= 8 for n in range(1, 7) for k in range(1, 4)) * 3
    trials, memory = [], {}
    while len(trials) < total:
        rng = np.random.default_rng(len(trials))
        proposal = propose(ProposalRequest(problem, recipe, encode(problem, trials), 3, rng, memory))
        memory = proposal.memory
        for point in problem.space.from_unit(proposal.points):
            value = (point["n"] - 4) ** 2 + "cab".index(point["m"])
            trials.append(
                Trial(len(trials), point, 0, TrialState.COMPLETE, value=float(value), feasible=True)
            )
    assert len({tuple(trial.params.items()) for trial in trials}) == total


def test_pending_points_are_kept_out():
    problem = Problem(Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}))
    rng = np.random.default_rng(0)
    done = [
        Trial(k, p, 0, TrialState.COMPLETE, value=p["x"] ** 2 + p["y"], feasible=True)
        for k, p in enumerate(problem.space.sample(12, rng))
    ]
    recipe = Recipe(GP(), region=TrustRegion())
    first = propose(ProposalRequest(problem, recipe, encode(problem, done), 1, np.random.default_rng(5), {}))
    (point,) = problem.space.from_unit(first.points)
    waiting = [*done, Trial(12, point, 0)]
    second = propose(
        ProposalRequest(problem, recipe, encode(problem, waiting), 1, np.random.default_rng(5), first.memory)
    )
    assert np.abs(second.points - first.points).max() > 1e-3


def test_a_restart_begins_with_points_of_the_design():
    problem = Problem(Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}))
    done = [
        Trial(k, p, 0, TrialState.COMPLETE, value=float(k), feasible=True)
        for k, p in enumerate(problem.space.sample(5 + 28, np.random.default_rng(0)))
    ]
    recipe = Recipe(GP(), region=TrustRegion())
    before = {"region": RegionState().to_json()}
    proposal = propose(
        ProposalRequest(problem, recipe, encode(problem, done), 2, np.random.default_rng(5), before)
    )
    assert proposal.memory["region"]["restarts"] == 1
    design = propose(
        ProposalRequest(problem, Recipe(), encode(problem, done), 2, np.random.default_rng(5), {})
    )
    np.testing.assert_array_equal(proposal.points, design.points)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrustRegion(first_length=2.0),
        lambda: TrustRegion(least_length=0.0),
        lambda: TrustRegion(n_successes=0),
        lambda: TrustRegion(most_rows=1),
        lambda: Recipe(region=TrustRegion()),
        lambda: Recipe(GP(), region=0.8),
        lambda: Recipe(rule="auto"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(RecipeError):
        make()


def test_a_box_is_no_wider_than_what_the_nearest_of_many_rows_fill():
    rule = TrustRegion(most_rows=50)
    data = evidence_with([1.0] * 400)
    points = data.points.copy()
    points[:300] = 0.3 + 0.05 * (points[:300] - 0.5)
    values = ((points - 0.3) ** 2).sum(axis=1)
    data = replace(data, points=points, values=values)
    given = rows_of_region(rule, RegionState(), data)
    assert 0.5**7 <= length_within(rule, RegionState(), given) < 0.05
    assert length_within(rule, RegionState(length=0.01), given) == 0.01
    assert length_within(rule, RegionState(), given.rows(np.arange(49))) == 0.8
    recipe = Recipe(GP(), region=rule)
    space = Space({axis.name: (0.0, 1.0) for axis in AXES})
    memory = {}
    for number in range(400, 404):  # the best point is known already: what follows stays beside it
        proposal = propose(
            ProposalRequest(Problem(space), recipe, data, 1, np.random.default_rng(number), memory)
        )
        memory, point = proposal.memory, proposal.points
        assert np.abs(point - 0.3).max() < 0.1
        data = replace(
            evidence_with([1.0] * (number + 1)),
            points=np.concatenate([data.points, point]),
            values=np.concatenate([data.values, ((point - 0.3) ** 2).sum(axis=1)]),
        )
