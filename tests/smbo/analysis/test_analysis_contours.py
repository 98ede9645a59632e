"""From evaluations to a contour: where it is, how well that is known, and what is asked next."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import Budget, Categorical, Integer, LevelSet, Optimizer, Problem, Real, Space, Study
from smbo.analysis.contours import enough, is_done
from smbo.errors import ProblemError, TellError
from smbo.study.protocol import StopReason

CIRCLE = Problem({"x": Real(0.0, 10.0), "y": Real(-1.0, 1.0)}, level_set=LevelSet(0.3))


def radius(x, y):
    """Distance from the middle, in widths of the box; 0.3 on a circle."""
    return math.hypot(x / 10.0 - 0.5, y / 2.0)


def after(problem, n, function, seed=1):
    optimizer = Optimizer(problem, seed=seed)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, function(**trial.params))
    return optimizer


@pytest.fixture(scope="module")
def circle():
    return after(CIRCLE, 25, radius)


def test_points_of_the_contour_lie_on_it_to_within_what_they_say(circle):
    points = circle.contour().points(n=100)
    assert len(points) == 100
    off = np.array([abs(radius(point["x"], point["y"]) - 0.3) for point in points])
    said = np.array([point["±"] for point in points])
    assert off.max() < 0.01
    assert (off < 3 * said).mean() > 0.9  # the slope of the radius is one in widths of the box


def test_lines_go_once_around_and_the_band_lies_on_both_sides(circle):
    contour = circle.contour()
    (line,) = contour.lines()
    angles = np.unwrap(np.arctan2(np.array(line["y"]) / 2.0, np.array(line["x"]) / 10.0 - 0.5))
    assert abs(angles[-1] - angles[0]) == pytest.approx(2 * math.pi, abs=0.2)

    def mean_radius(probability):
        (line,) = contour.lines(probability=probability)
        return np.mean([radius(x, y) for x, y in zip(line["x"], line["y"])])

    assert mean_radius(0.16) < mean_radius(0.5) < mean_radius(0.84)


def test_volumes_are_those_of_the_circle(circle):
    contour = circle.contour()
    assert contour.volume_above["value"] == pytest.approx(1.0 - math.pi * 0.3**2, abs=0.01)
    assert 0.0 < contour.misclassified["value"] < 0.01
    # within the band 16 % and more are wrong; outside of it unlikely models and hidden structure add some
    assert 0.16 * contour.band["value"] < contour.misclassified["value"] < 5.0 * contour.band["value"]
    assert "25 evaluations" in str(contour)


def test_the_probability_is_sure_inside_and_outside_and_even_on_the_contour(circle):
    contour = circle.contour()
    on_it = {name: value for name, value in contour.points(n=1)[0].items() if name != "±"}
    outside = max(circle.trials, key=lambda trial: radius(**trial.params)).params
    corner = {"x": 0.1, "y": -0.9}  # not evaluated: structure that no evaluation has shown is allowed for
    found = contour.probability([{"x": 5.0, "y": 0.0}, outside, on_it, corner])["value"]
    assert found[0] < 1e-3
    assert found[1] > 1 - 1e-3
    assert found[2] == pytest.approx(0.5, abs=0.05)
    assert found[3] > 0.93


def test_evaluations_go_where_the_contour_is_and_more_of_them_leave_less_unsure(circle):
    late = [trial.value for trial in circle.trials[10:]]
    assert np.mean(late) < 0.1  # of the box; a uniform sample is 0.13 away
    claims = np.array(
        [
            [after(CIRCLE, n, radius, seed=seed).contour().misclassified["value"] for n in (12, 25)]
            for seed in (1, 2, 3)
        ]
    )
    assert (claims[:, 1] < claims[:, 0]).all()
    assert claims[:, 1].mean() < 0.4 * claims[:, 0].mean()


def test_a_design_without_a_surrogate_has_a_contour_too():
    optimizer = Optimizer(CIRCLE, recipe="sobol", seed=1)
    for _ in range(25):
        trial = optimizer.ask()
        optimizer.tell(trial, radius(**trial.params))
    assert optimizer.contour().volume_above["value"] == pytest.approx(0.717, abs=0.05)


def test_several_functions_share_their_points_and_each_has_its_contour():
    problem = Problem(CIRCLE.space, level_set=LevelSet({"inner": 0.2, "outer": 0.4}))
    optimizer = after(problem, 40, lambda **point: dict.fromkeys(("inner", "outer"), radius(**point)))
    contour = optimizer.contour()
    for name, level in (("inner", 0.2), ("outer", 0.4)):
        off = [abs(radius(point["x"], point["y"]) - level) for point in contour.points(name)]
        assert max(off) < 0.02
    with pytest.raises(ProblemError, match="inner, outer"):
        contour.points()


def test_results_in_another_order_ask_for_the_same_points():
    first, second = Optimizer(CIRCLE, seed=3), Optimizer(CIRCLE, seed=3)
    asked = first.ask(12), second.ask(12)
    for trials, optimizer in zip((asked[0], asked[1][::-1]), (first, second)):
        for trial in trials:
            optimizer.tell(trial, radius(**trial.params))
    assert [trial.params for trial in first.ask(4)] == [trial.params for trial in second.ask(4)]
    assert Optimizer.replay(CIRCLE, first.log, seed=3).trials[-1].params == first.trials[-1].params


def test_points_asked_for_together_spread_along_the_contour(circle):
    twin = after(CIRCLE, 12, radius)
    units = CIRCLE.space.to_unit([trial.params for trial in twin.ask(5)])
    gaps = np.linalg.norm(units[:, None] - units[None], axis=2) + np.eye(5)
    assert gaps.min() > 0.05


def test_a_region_that_fails_is_left_alone_though_the_contour_runs_through_it():
    optimizer = Optimizer(CIRCLE, seed=2)
    failed = 0
    for index in range(40):
        trial = optimizer.ask()
        if trial.params["x"] < 4.0:
            failed += index >= 20
            optimizer.tell(trial, status="failed", reason="crash")
        else:
            optimizer.tell(trial, radius(**trial.params))
    assert failed <= 6
    points = [point for point in optimizer.contour().points() if point["x"] > 4.5]
    assert max(abs(radius(point["x"], point["y"]) - 0.3) for point in points) < 0.02


def test_noisy_functions_have_a_contour_with_a_wider_band():
    rng = np.random.default_rng(1)
    noisy = after(CIRCLE, 40, lambda **point: (radius(**point) + 0.05 * rng.standard_normal(), 0.05))
    points = noisy.contour().points()
    off = np.array([abs(radius(point["x"], point["y"]) - 0.3) for point in points])
    said = np.array([point["±"] for point in points])
    assert off.mean() < 0.05
    assert said.mean() > 3 * np.mean([point["±"] for point in after(CIRCLE, 40, radius).contour().points()])


def test_mixed_and_conditional_spaces_have_contours():
    space = {
        "x": Real(0.0, 1.0),
        "n": Integer(1, 4),
        "kind": Categorical(["a", "b"]),
        "w": Real(0.0, 1.0, active_when="kind == 'b'"),
    }

    def function(x, n, kind, w=0.0):
        return x * n + (0.5 * w if kind == "b" else -0.2)

    optimizer = after(Problem(space, level_set=LevelSet(1.0)), 40, function)
    contour = optimizer.contour()
    for trial in Optimizer(optimizer.space, recipe="random", seed=9).ask(60):
        (above,) = contour.probability([trial.params])["value"]
        value = function(**trial.params)
        if abs(value - 1.0) > 0.25:
            assert (above > 0.5) == (value > 1.0), trial.params
    with pytest.raises(ProblemError, match="two continuous"):
        contour.lines()


def test_places_that_a_constraint_forbids_count_for_nothing():
    square = {"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}
    half = Problem(Space(square, constraints=["x <= 0.5"]), level_set=LevelSet(0.25))
    contour = after(half, 15, lambda x, y: x).contour()
    assert (contour.survey[:, 0] <= 0.5).all()
    assert contour.volume_above["value"] == pytest.approx(0.5, abs=0.02)
    assert all(point["x"] <= 0.5 for point in contour.points())


def test_a_level_that_is_never_reached_has_no_points():
    contour = after(Problem(CIRCLE.space, level_set=LevelSet(5.0)), 15, radius).contour()
    assert contour.points() == []
    assert contour.lines() == []
    assert contour.volume_above["value"] < 0.01


def test_an_explanation_says_how_often_left_out_values_lie_in_their_intervals(circle):
    score = circle.explain().leave_one_out
    assert score.n == 25
    assert score.explained > 0.9
    assert score.covered > 0.8
    assert "% in their 95 % intervals" in str(circle.explain())


def test_points_of_the_contour_are_where_all_models_together_are_undecided(circle):
    contour = circle.contour()
    units = circle.space.to_unit(
        [{name: point[name] for name in ("x", "y")} for point in contour.points(n=100)]
    )
    assert contour.posterior.above(units)[0] == pytest.approx(0.5, abs=0.02)


def test_a_contour_needs_two_evaluations():
    with pytest.raises(TellError, match="two complete"):
        after(CIRCLE, 1, radius).contour()


def test_a_level_set_is_done_when_each_function_is_known_well_enough():
    level_set = LevelSet({"a": 1.0, "b": 1.0}, tolerance=0.01)
    assert is_done(level_set, {"a": 0.01, "b": 0.002})
    assert not is_done(level_set, {"a": 0.011, "b": 0.002})
    assert not is_done(LevelSet(1.0), {"value": 0.0})


def test_a_run_ends_when_the_tolerance_is_met_and_says_why(tmp_path):
    problem = Problem(CIRCLE.space, level_set=LevelSet(0.3, tolerance=0.02))
    url = f"sqlite:///{tmp_path / 'circle.db'}"
    with Study.open(url, "circle", problem, seed=1, budget=Budget(trials=60)) as study:
        assert study.termination() is None
        report = study.run(lambda params: radius(**params))
        n_needed = len(study.trials)
        assert report.why is StopReason.ENOUGH
        assert 13 <= n_needed < 40
        assert study.contour().misclassified["value"] <= 0.02
        assert "the contour is known" in study.termination()
    with Study.load(url, "circle") as again:  # the reason is a function of the log
        assert "tolerance is 2 %" in again.termination()
        assert again.run(lambda params: radius(**params)).why is StopReason.ENOUGH
        assert len(again.trials) == n_needed
        assert again.ask().number == n_needed  # by hand it goes on


def test_a_tolerance_that_few_evaluations_meet_is_not_believed_yet():
    problem = Problem(CIRCLE.space, level_set=LevelSet(5.0, tolerance=0.1))  # nowhere near
    optimizer = after(problem, 12, radius)
    known = (problem, optimizer.recipe, optimizer.trials, {})
    assert optimizer.contour().is_done
    assert enough(*known) is None
    optimizer.tell({"x": 1.0, "y": 0.0}, 0.4)
    assert enough(problem, optimizer.recipe, optimizer.trials, {}) is not None
