from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from smbo.analysis import summary
from smbo.problem import Outcome, Problem
from smbo.space import Categorical, Integer, Real, Space
from smbo.trial import Trial, TrialState


class Bowl:
    """A posterior whose mean is a bowl around ``center`` with independent errors."""

    def __init__(self, center, std=0.1):
        self.center, self.std = np.asarray(center, dtype=np.float64), std

    def moments(self, points):
        return ((points - self.center) ** 2).sum(axis=1), np.full(len(points), self.std)


class JointBowl(Bowl):
    def joint(self, points):
        mean, std = self.moments(points)
        return mean, np.diag(std**2)


def complete(number, value, **more):
    return Trial(number, {"x": 0.5}, number, TrialState.COMPLETE, value=value, **more)


@pytest.mark.parametrize(("maximize", "expected"), [(False, [3, 3, 1, 1]), (True, [3, 4, 4, 4])])
def test_best_so_far_follows_the_direction_of_the_problem(maximize, expected):
    problem = Problem(Space({"x": (0.0, 1.0)}), maximize=maximize)
    trials = [complete(k, v) for k, v in enumerate([3.0, 4.0, 1.0, 2.0])]
    assert summary.convergence(problem, trials[::-1]).best_so_far.tolist() == expected


def test_an_infeasible_value_is_shown_but_is_never_the_best():
    problem = Problem(Space({"x": (0.0, 1.0)}))
    trials = [complete(0, -9.0, feasible=False), complete(1, 2.0, feasible=True)]
    history = summary.convergence(problem, trials)
    assert history.values.tolist() == [-9.0, 2.0]
    assert math.isnan(history.best_so_far[0])
    assert history.best_so_far[1] == 2.0


def test_failed_trials_are_counted_apart():
    problem = Problem(Space({"x": (0.0, 1.0)}))
    trials = [complete(0, 2.0), Trial(1, {"x": 0.1}, 1, TrialState.FAILED, reason="aborted")]
    history = summary.convergence(problem, trials)
    assert history.numbers.tolist() == [0]
    assert history.failed.tolist() == [1]


def test_a_slice_holds_the_posterior_along_one_axis_through_the_point():
    space = Space({"x": Real(0.0, 2.0), "n": Integer(1, 4)})
    params = {"x": 1.0, "n": 2}
    posterior = Bowl([0.3, 0.6])
    along_x, along_n = summary.slices(Problem(space), posterior, params, n=11)
    assert along_x.positions == pytest.approx(np.linspace(0, 2, 11))
    assert along_n.positions == (1, 2, 3, 4)
    units = space.to_unit([{"x": x, "n": 2} for x in along_x.positions])
    assert along_x.mean == pytest.approx(posterior.moments(units)[0])


def test_a_slice_is_in_the_users_sign():
    problem = Problem(Space({"x": (0.0, 1.0)}), maximize=True)
    (one,) = summary.slices(problem, Bowl([0.5]), {"x": 0.5}, n=5)
    assert one.mean[2] == pytest.approx(0.0)
    assert one.mean[0] == pytest.approx(-0.25)
    assert (one.std > 0).all()


def test_a_slice_has_no_value_where_a_known_constraint_forbids_the_point():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)}, constraints=["x + y <= 1"])
    along_x, _ = summary.slices(Problem(space), Bowl([0.5, 0.5]), {"x": 0.2, "y": 0.4}, n=11)
    allowed = np.array([x + 0.4 <= 1 for x in along_x.positions])
    assert np.isfinite(along_x.mean).tolist() == allowed.tolist()


def test_inactive_dimensions_have_no_slice_and_no_value():
    space = Space({"kind": ["a", "b"], "width": Real(0.1, 1.0, active_when="kind == 'a'")})
    found = summary.slices(Problem(space), Bowl([0.5, 0.5]), {"kind": "b"})
    assert [one.axis.name for one in found] == ["kind"]
    table = {p.name: p for p in summary.parameters(space, {"kind": "b"})}
    assert table["width"].value is None
    assert table["width"].bound is None


def test_a_long_axis_of_levels_is_thinned():
    space = Space({"n": Integer(1, 100_000)})
    (one,) = summary.slices(Problem(space), Bowl([0.5]), {"n": 10}, n=21)
    assert len(one.positions) <= 21
    assert one.positions[0] == 1
    assert one.positions[-1] == 100_000


def test_every_level_of_a_logarithmic_grid_is_on_its_slice():
    space = Space({"n": Integer(1, 12, log=True)})
    (one,) = summary.slices(Problem(space), Bowl([0.5]), {"n": 3})
    assert one.positions == tuple(range(1, 13))


def test_the_optimum_lies_where_the_posterior_is_sure_it_lies():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    best = {"x": 0.3, "y": 0.7}
    sure = summary.optimum_samples(space, JointBowl([0.3, 0.7], 1e-6), best, np.random.default_rng(0))
    assert sure is not None
    assert np.abs(sure - [0.3, 0.7]).max() < 0.02


def test_the_optimum_is_looked_for_where_evaluations_go_well():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})

    def optima(well):
        posterior, best = JointBowl([0.3, 0.7], 1e-6), {"x": 0.9, "y": 0.7}
        return summary.optimum_samples(space, posterior, best, np.random.default_rng(0), well=well)

    right = optima(lambda points, n, rng: np.repeat(points[:, :1] > 0.6, n, axis=1))
    assert right[:, 0].min() > 0.6
    assert right[:, 0].max() < 0.65
    nowhere = optima(lambda points, n, rng: np.zeros((len(points), n), dtype=bool))
    assert np.unique(nowhere, axis=0).tolist() == [[0.9, 0.7]]


def test_the_optimum_may_lie_anywhere_when_nothing_is_known():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    best = {"x": 0.3, "y": 0.7}
    vague = summary.optimum_samples(space, JointBowl([0.3, 0.7], 1e3), best, np.random.default_rng(0))
    assert vague is not None
    assert vague.std(axis=0).min() > 0.15  # uniform over half of the candidates: 0.29


def test_a_posterior_without_joint_covariance_gives_no_uncertainty_of_the_optimum():
    space = Space({"x": (0.0, 1.0)})
    assert summary.optimum_samples(space, Bowl([0.3]), {"x": 0.3}, np.random.default_rng(0)) is None


def test_the_interval_of_a_parameter_is_the_central_68_percent_in_its_units():
    space = Space({"x": Real(10.0, 20.0)})
    optima = np.linspace(0, 1, 101)[:, None]
    (x,) = summary.parameters(space, {"x": 12.0}, optima)
    assert x.interval == pytest.approx((11.6, 18.4))
    assert x.interval_positions == pytest.approx((0.16, 0.84))


@pytest.mark.parametrize(
    ("dimension", "value", "bound"),
    [
        (Real(0.0, 1.0), 0.0, "lower"),
        (Real(0.0, 1.0), 0.009, "lower"),
        (Real(0.0, 1.0), 0.02, None),
        (Real(0.0, 1.0), 1.0, "upper"),
        (Real(1e-5, 1e-1, log=True), 1e-5, "lower"),
        (Integer(1, 9), 9, "upper"),
        (Integer(1, 9), 8, None),
        (Integer(1, 512, log=True), 1, "lower"),
        (Integer(1, 512, log=True), 2, None),
        (Integer(0, 1), 1, None),
        (Categorical(["a", "b", "c"]), "a", None),
        (Categorical([1, 2, 4], ordered=True), 4, "upper"),
    ],
    ids=str,
)
def test_a_parameter_that_ends_on_a_bound_is_named(dimension, value, bound):
    (parameter,) = summary.parameters(Space({"x": dimension}), {"x": value})
    assert parameter.bound == bound


PROBLEM = Problem(Space({"x": (0.0, 1.0)}))


def checks(recommended, default=None, sem=None):
    found = {"recommended": [({"x": 0.1}, Outcome(v, sem)) for v in recommended]}
    if default is not None:
        found["default"] = [({"x": 0.2}, Outcome(v, sem)) for v in default]
    return found


def test_a_clear_difference_has_a_winner():
    comparison = summary.compare_points(PROBLEM, checks([1.0, 1.01, 0.99], [2.0, 2.01, 1.99]))
    assert comparison.winner == "recommended"
    assert comparison.gain == pytest.approx(1.0)
    assert summary.compare_points(PROBLEM, checks([2.0, 2.01, 1.99], [1.0, 1.01, 0.99])).winner == "baseline"


def test_the_winner_turns_over_when_higher_is_better():
    problem = Problem(Space({"x": (0.0, 1.0)}), maximize=True)
    comparison = summary.compare_points(problem, checks([1.0, 1.01, 0.99], [2.0, 2.01, 1.99]))
    assert comparison.winner == "baseline"
    assert comparison.gain == pytest.approx(-1.0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shift", [0.0, 0.7, 1.4, 3.0])
def test_the_comparison_is_welchs_test_at_95_percent(seed, shift):
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(0.0, 1.0, 5), rng.normal(shift, 0.5, 7)
    comparison = summary.compare_points(PROBLEM, checks(ours, theirs))
    reference = stats.ttest_ind(theirs, ours, equal_var=False)
    assert comparison.standard_errors == pytest.approx(reference.statistic)
    assert (comparison.winner is not None) == (reference.pvalue <= 0.05)


def test_single_evaluations_are_judged_by_their_own_standard_errors():
    assert summary.compare_points(PROBLEM, checks([1.0], [1.5], sem=0.3)).winner is None
    decided = summary.compare_points(PROBLEM, checks([1.0], [2.0], sem=0.3))
    assert decided.winner == "recommended"
    assert decided.threshold == pytest.approx(1.96, abs=1e-3)


def test_single_evaluations_without_standard_errors_have_no_winner():
    comparison = summary.compare_points(PROBLEM, checks([1.0], [2.0]))
    assert comparison.winner is None
    assert math.isnan(comparison.standard_errors)


def test_evaluations_without_noise_are_decided_by_any_difference():
    assert summary.compare_points(PROBLEM, checks([1.0, 1.0], [1.1, 1.1])).winner == "recommended"
    assert summary.compare_points(PROBLEM, checks([1.0, 1.0], [1.0, 1.0])).winner is None


def test_non_finite_check_evaluations_are_left_out():
    comparison = summary.compare_points(PROBLEM, checks([1.0, math.nan, 1.2], [2.0, 2.1]))
    assert comparison.recommended.n == 2
    assert summary.compare_points(PROBLEM, checks([math.nan])) is None


def test_no_checks_no_comparison():
    assert summary.compare_points(PROBLEM, None) is None
    assert summary.compare_points(PROBLEM, {}) is None


def test_failures_are_grouped_by_reason_the_most_frequent_first():
    trials = [
        Trial(k, {"x": 0.1}, k, TrialState.FAILED, reason=reason, error=f"story {k}")
        for k, reason in enumerate(["late", "aborted", "aborted", None])
    ]
    kinds = summary.failures([complete(9, 1.0), *trials])
    assert [(kind.reason, kind.numbers) for kind in kinds] == [
        ("aborted", (1, 2)),
        ("late", (0,)),
        ("unknown", (3,)),
    ]
    assert kinds[0].example == "story 1"
