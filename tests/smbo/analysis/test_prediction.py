"""Predictions at points of the user's choice, in the user's signs and units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo import LevelSet, Optimizer, Outcome, Problem, Real, Study
from smbo.errors import PointError, ProblemError, TellError
from smbo.problem.losses import ChiSquare

SPACE = {"x": Real(0.0, 10.0), "scale": Real(1e-3, 1e3, log=True)}


def bowl(x, scale):
    return 200.0 + 30.0 * (x / 10.0 - 0.4) ** 2 + 5.0 * math.log10(scale) ** 2


def designed(problem, n, measure, recipe="gp"):
    """Return an optimizer that was told noise-free results at points of a design."""
    optimizer = Optimizer(problem, recipe, seed=1)
    for point in Optimizer(SPACE, "sobol", seed=1).ask(n):
        optimizer.tell(point.params, measure(**point.params))
    return optimizer


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["minimized", "maximized"])
def test_predictions_at_noise_free_evaluations_are_their_values_and_sure(sign):
    problem = Problem(SPACE, maximize=sign < 0)
    optimizer = designed(problem, 16, lambda **point: Outcome(sign * bowl(**point), sem=0.0))
    told = optimizer.trials
    found = optimizer.predict([trial.params for trial in told])
    values = np.array([trial.value for trial in told])
    # noise that is told as zero leaves the model's jitter: a thousandth of the values' spread is far above
    assert found.mean == pytest.approx(values, abs=1e-3 * values.std())
    assert (found.std < 1e-3 * values.std()).all()


def test_predictions_elsewhere_have_the_users_sign_and_units_and_cover_the_function():
    optimizer = designed(Problem(SPACE, maximize=True), 16, lambda **point: Outcome(-bowl(**point), sem=0.0))
    elsewhere = [trial.params for trial in Optimizer(SPACE, "random", seed=7).ask(200)]
    found = optimizer.predict(elsewhere)
    truth = np.array([-bowl(**point) for point in elsewhere])
    assert found.mean.shape == found.std.shape == (200,)
    assert np.abs(found.mean - truth).mean() < 0.2 * truth.std()
    inside = np.abs(found.mean - truth) < 1.96 * found.std
    assert inside.mean() > 0.8  # of 95 % intervals, on one function


def test_one_point_and_a_recommendation_agree_with_many(tmp_path):
    optimizer = designed(Problem(SPACE), 8, lambda **point: bowl(**point))
    best = optimizer.recommend()
    alone, among = optimizer.predict(best.params), optimizer.predict([{"x": 1.0, "scale": 1.0}, best.params])
    # the recommended value is averaged over models, a prediction is by the likeliest one
    assert alone.mean == pytest.approx([best.mean], abs=3.0 * max(best.std, alone.std[0]))
    assert among.mean[1] == pytest.approx(alone.mean[0], rel=1e-12)
    with Study.open(f"sqlite:///{tmp_path}/s.db", "s", Problem(SPACE), "gp", seed=1) as study:
        for trial in optimizer.trials:
            study.tell(trial.params, trial.value)
        assert study.predict(best.params).mean == pytest.approx(alone.mean, rel=1e-12)


def test_columns_of_a_table_are_points():
    pandas = pytest.importorskip("pandas")
    optimizer = designed(Problem(SPACE), 8, lambda **point: bowl(**point))
    points = [{"x": 1.0, "scale": 1.0}, {"x": 2.0, "scale": 0.1}]
    assert (
        optimizer.predict(pandas.DataFrame(points)).mean.tolist() == optimizer.predict(points).mean.tolist()
    )


def test_several_objectives_are_predicted_by_name_each_in_its_sign():
    problem = Problem(SPACE, objectives={"cost": "min", "gain": "max"})
    optimizer = designed(problem, 16, lambda x, scale: {"cost": bowl(x, scale), "gain": x}, recipe="auto")
    told = optimizer.trials
    found = optimizer.predict([trial.params for trial in told])
    for name in ("cost", "gain"):
        values = np.array([trial.metrics[name] for trial in told])
        assert np.abs(found.means[name] - values).max() < 0.05 * np.ptp(values)
        assert found.stds[name].shape == (16,)
    with pytest.raises(ProblemError, match=r"take means\[name\]"):
        _ = found.mean


@pytest.mark.parametrize("transform", ["linear", "log", "p-value", "auto"])
def test_functions_of_a_level_set_are_predicted_by_name_in_their_own_units(transform):
    def excluded(x, scale):
        return math.exp(-0.5 * x - 0.1 * math.log10(scale) ** 2)

    problem = Problem(SPACE, level_set=LevelSet(0.05, of=["CLs"], transform=transform))
    optimizer = designed(problem, 20, lambda **point: {"CLs": excluded(**point)}, recipe="auto")
    told = [trial for trial in optimizer.trials if trial.metrics["CLs"] < 0.9]
    found = optimizer.predict([trial.params for trial in told])
    values = np.array([trial.metrics["CLs"] for trial in told])
    assert [*found.means] == ["CLs"]
    assert found.mean == pytest.approx(values, abs=0.02)
    assert (found.std >= 0.0).all()
    assert (found.std < 0.1).all()
    here = optimizer.contour().probability([trial.params for trial in told])["CLs"]
    sure = np.abs(found.mean - 0.05) > 3.0 * found.std + 1e-3
    assert ((here > 0.5) == (found.mean > 0.05))[sure].all()


def test_of_vector_outputs_the_loss_is_predicted():
    loss = ChiSquare(np.array([1.0, 2.0]), np.array([0.1, 0.1]))
    optimizer = Optimizer(Problem(SPACE, loss=loss), seed=1)
    for _ in range(10):
        trial = optimizer.ask()
        x = trial.params["x"] / 10.0
        optimizer.tell(trial, outputs=np.array([2.0 * x, 4.0 * x]), covariance=np.full(2, 1e-8))
    told = optimizer.trials
    found = optimizer.predict([trial.params for trial in told])
    values = np.array([trial.value for trial in told])
    assert found.mean == pytest.approx(values, rel=0.02, abs=0.5)


def test_what_cannot_be_predicted_says_why():
    optimizer = Optimizer(SPACE, "gp", seed=1)
    point = {"x": 1.0, "scale": 1.0}
    optimizer.tell(point, 1.0)
    with pytest.raises(TellError, match="no surrogate to 1 complete"):
        optimizer.predict(point)
    with pytest.raises(PointError, match="x"):
        optimizer.predict({"x": 11.0, "scale": 1.0})
    sampled = designed(Problem(SPACE), 8, lambda **point: bowl(**point), recipe="sobol")
    with pytest.raises(TellError, match="a recipe with a surrogate"):
        sampled.predict(point)


@pytest.mark.parametrize("given", [3, None, "x"], ids=repr)
def test_what_is_no_point_is_refused_with_the_forms_to_give(given):
    optimizer = Optimizer({"x": (0.0, 1.0)}, seed=1)
    with pytest.raises(PointError, match=r"predict\(.*a list of points or a DataFrame"):
        optimizer.predict(given)
