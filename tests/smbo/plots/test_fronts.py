"""Figures of several objectives show the observed and the predicted front, and the hypervolume."""

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real
from smbo.plots import front_figure, hypervolume_figure


@pytest.fixture(scope="module")
def study():
    problem = Problem({"x": Real(0.0, 1.0)}, objectives={"cost": "min", "gain": "max"})
    optimizer = Optimizer(problem, "random", seed=1)
    for _ in range(6):
        trial = optimizer.ask()
        x = trial.params["x"]
        optimizer.tell(trial, {"cost": x**2, "gain": x})
    return optimizer.pareto(), optimizer.trials


def test_the_observed_front_and_the_recommended_point_are_drawn(study):
    found, trials = study
    (axes,) = front_figure(found, trials).axes
    (front,) = [line for line in axes.lines if line.get_label() == "front by observed values"]
    assert sorted(front.get_xdata()) == pytest.approx(sorted(t.metrics["cost"] for t in found.observed))
    (star,) = [line for line in axes.lines if line.get_label() == "recommended"]
    assert (star.get_xdata(), star.get_ydata()) == (
        pytest.approx([found.recommended.means["cost"]]),
        pytest.approx([found.recommended.means["gain"]]),
    )
    assert axes.get_ylabel() == "gain  (higher is better)"


def test_the_hypervolume_is_drawn_by_the_number_of_the_evaluation(study):
    found, _ = study
    (axes,) = hypervolume_figure(found).axes
    x, y = axes.lines[0].get_data()
    np.testing.assert_array_equal(x, found.numbers)
    np.testing.assert_array_equal(y, found.history)
