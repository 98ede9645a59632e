"""Level sets: what is refused at the door, and what becomes of results."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import LevelSet, Optimizer, Outcome, Problem, Study
from smbo.errors import ProblemError, RecipeError, TellError
from smbo.problem.level_set import scaled
from smbo.problem.losses import ChiSquare
from smbo.trial import TrialState

CLS = LevelSet(0.05, of=["cls_exp", "cls_obs"], transform="log")
SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: LevelSet("0.05"), "number"),
        (lambda: LevelSet(math.nan), "finite"),
        (lambda: LevelSet(0.05, of="cls"), "list of names"),
        (lambda: LevelSet(0.05, of=["a", "a"]), "different names"),
        (lambda: LevelSet({"a": 0.05}, of=["b"]), "'b'"),
        (lambda: LevelSet({}), "levels"),
        (lambda: LevelSet(0.05, transform="sqrt"), "transform"),
        (lambda: LevelSet(-1.0, transform="log"), "above 0"),
        (lambda: LevelSet(0.05, tolerance=0.0), "tolerance"),
        (lambda: LevelSet(0.05, tolerance=True), "tolerance"),
        (lambda: Problem(SPACE, level_set=0.05), "LevelSet"),
        (lambda: Problem(SPACE, level_set=CLS, maximize=True), "nothing to optimise"),
        (lambda: Problem(SPACE, level_set=CLS, objectives={"cls_exp": "min"}), "nothing to optimise"),
        (
            lambda: Problem(SPACE, level_set=CLS, loss=ChiSquare(np.ones(2), np.ones(2))),
            "nothing to optimise",
        ),
        (lambda: Problem(SPACE, level_set=CLS, early_stopping="median"), "median"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(make, word):
    with pytest.raises(ProblemError, match=word):
        make()


def test_a_level_of_each_function_may_be_given_by_name():
    assert LevelSet({"a": 1, "b": 2.5}).levels == (1.0, 2.5)
    assert LevelSet({"b": 2.5, "a": 1}, of=["a", "b"]).levels == (1.0, 2.5)
    assert LevelSet(3.0, of=["a", "b"]).levels == (3.0, 3.0)
    assert LevelSet(3.0).names == ("value",)


def test_a_problem_with_a_level_set_comes_back_from_json():
    problem = Problem(SPACE, level_set=LevelSet({"a": 1.0, "b": 2.0}, transform="linear", tolerance=0.01))
    assert Problem.from_json(problem.to_json()).level_set == problem.level_set
    assert "level_set" not in Problem(SPACE).to_json()


def test_the_value_of_a_trial_is_how_far_the_nearest_level_is():
    optimizer = Optimizer(Problem(SPACE, level_set=CLS), seed=1)
    told = optimizer.tell(optimizer.ask(), {"cls_exp": 0.5, "cls_obs": (0.025, 0.0025), "events": 7})
    assert told.value == pytest.approx(math.log(2.0))
    assert told.sem == pytest.approx(0.1)
    assert told.metrics["events"] == 7.0
    assert told.outputs.tolist() == [0.5, 0.025]
    assert optimizer.best is told
    assert optimizer.table()["distance"] == [told.value]


def test_on_a_logarithmic_scale_zero_is_far_below_and_not_infinitely_far():
    offsets, variances = CLS.scaled(np.array([[0.0, 0.05], [1e-300, 5.0]]), np.full((2, 2), 1e-20))
    assert np.isfinite(offsets).all()
    assert offsets[0, 0] == offsets[1, 0] < -10
    assert offsets[0, 1] == 0.0
    assert (variances <= 1.0).all()


@pytest.mark.parametrize("scale", ["log", "p-value"])
def test_a_value_below_its_error_is_known_to_be_low_and_not_how_low(scale):
    toys, near, vague = np.array([0.0, 1e-3]), 3e-3, 0.2  # of 1000 toys none is as extreme
    offsets, variances = scaled(
        np.array([*toys, near, near]), np.array([1e-6, 1e-6, 1e-8, vague**2]), 0.05, scale
    )
    assert offsets[0] == offsets[1] < -0.5
    assert (offsets[1] - offsets[2]) ** 2 < 4 * variances[1]
    # an error above the level says nothing of the side
    assert offsets[3] == pytest.approx(0.0, abs=1e-12)


def test_standard_errors_may_come_by_every_door():
    problem = Problem(SPACE, level_set=LevelSet(1.0, of=["f"]))
    ways = [
        ({"f": (1.5, 0.2)}, None),
        ({"f": [1.5, 0.2]}, None),
        ({"f": 1.5}, {"f": 0.2}),
        (Outcome(metrics={"f": 1.5}, sems={"f": 0.2}), None),
        ((1.5, 0.2), None),
        (1.5, 0.2),
    ]
    for result, sem in ways:
        told = Optimizer(problem, seed=1).tell({"x": 0.5, "y": 0.5}, result, sem)
        assert (told.outputs.tolist(), told.sem) == ([1.5], pytest.approx(0.2))
        assert told.outputs_variance == pytest.approx([0.04])


@pytest.mark.parametrize(
    ("result", "sem", "word"),
    [
        (0.3, None, "cls_exp"),
        ({"cls_exp": 0.3}, None, "cls_obs"),
        ({"cls_exp": 0.3, "cls_obs": (0.1, 0.1, 0.1)}, None, "pair"),
        ({"cls_exp": 0.3, "cls_obs": (0.1, -0.1)}, None, "from 0 up"),
        ({"cls_exp": 0.3, "cls_obs": 0.1}, {"cls": 0.1}, "lacks"),
        ({"cls_exp": 0.3, "cls_obs": 0.1}, {"cls_obs": "much"}, "number"),
    ],
)
def test_a_result_that_does_not_fit_is_refused(result, sem, word):
    optimizer = Optimizer(Problem(SPACE, level_set=CLS), seed=1)
    with pytest.raises(TellError, match=word):
        optimizer.tell(optimizer.ask(), result, sem)


def test_a_function_that_is_not_finite_is_a_failure():
    optimizer = Optimizer(Problem(SPACE, level_set=CLS), seed=1)
    told = optimizer.tell(optimizer.ask(), {"cls_exp": math.nan, "cls_obs": 0.1})
    assert (told.state, told.reason) == (TrialState.FAILED, "non-finite")


def test_no_best_point_is_recommended_where_a_level_is_sought():
    optimizer = Optimizer(Problem(SPACE, level_set=CLS), seed=1)
    optimizer.tell(optimizer.ask(), {"cls_exp": 0.5, "cls_obs": 0.5})
    with pytest.raises(ProblemError, match="contour"):
        optimizer.recommend()


def test_a_recipe_that_looks_for_the_best_is_refused_at_the_door():
    said = "recipe 'gp' does not serve this problem: it is for one objective, and the problem has a level set"
    with pytest.raises(RecipeError, match=said):
        Optimizer(Problem(SPACE, level_set=LevelSet(0.5)), recipe="gp", seed=1)


def test_a_problem_without_a_level_has_no_contour():
    with pytest.raises(ProblemError, match="level_set"):
        Optimizer(SPACE, seed=1).contour()


def test_a_stored_study_goes_on_with_the_same_proposals(tmp_path):
    problem = Problem(SPACE, level_set=CLS)
    url = f"sqlite:///{tmp_path / 'levels.db'}"
    memory = Optimizer(problem, seed=5)
    for index in range(16):
        with Study.open(url, "levels", problem, seed=5) as study:  # opened anew each time
            trial, same = study.ask(), memory.ask()
            assert trial.params == same.params, index
            result = {"cls_exp": math.exp(-4 * trial.params["x"]), "cls_obs": (0.1 + trial.params["y"], 0.01)}
            study.tell(trial, result)
            memory.tell(same, result)
    with Study.load(url, "levels") as study:
        assert study.contour().misclassified == memory.contour().misclassified
        replayed = study.replay()
        assert (replayed.n_trials, replayed.difference) == (16, None)


def test_a_p_value_is_modelled_by_the_logarithm_of_its_depth():
    values = np.array([0.05, 0.05**2, 0.05**0.5, 0.0, 1.0])
    offsets, variances = scaled(values, np.zeros(5), 0.05, "p-value")
    assert offsets[:3] == pytest.approx([0.0, -math.log(2.0), math.log(2.0)])
    assert np.isfinite(offsets).all()
    assert (np.diff(offsets[[3, 1, 0, 2, 4]]) > 0).all()
    assert (variances == 0.0).all()


@pytest.mark.parametrize("scale", ["log", "p-value"])
def test_errors_are_carried_to_a_scale_to_first_order(scale):
    rng = np.random.default_rng(1)
    drawn = 0.03 + 0.0005 * rng.standard_normal(100_000)
    offsets, _ = scaled(drawn, np.zeros(100_000), 0.05, scale)
    _, variance = scaled(np.array(0.03), np.array(0.0005**2), 0.05, scale)
    assert variance == pytest.approx(offsets.var(), rel=0.03)
    _, huge = scaled(np.array([1e-200, 0.0]), np.array([0.01, 0.01]), 0.05, scale)
    assert (np.isfinite(huge) & (huge <= 1.0)).all()


def test_only_scales_that_the_values_allow_are_tried():
    free = LevelSet({"a": 0.05, "b": 2.0, "c": -1.0})
    assert free.scales(np.array([0.0, 0.7]), 0) == ("linear", "p-value")
    assert free.scales(np.array([0.3, 0.7]), 1) == ("linear", "log")
    assert free.scales(np.array([0.3, 0.7]), 2) == ("linear",)
    assert CLS.scales(np.array([0.3, -0.7]), 0) == ("log",)
    with pytest.raises(ProblemError, match="p-value"):
        LevelSet(1.5, transform="p-value")


def test_a_level_whose_square_is_no_float_is_refused():
    with pytest.raises(ProblemError, match=r"level=-3e\+99 is beyond 1e\+75; scale the function"):
        LevelSet({"a": 0.5, "b": -3e99})
