"""What an evaluation at some fidelity is worth to a front or a contour at the highest one."""

import numpy as np
import pytest

from smbo import Fidelity, LevelSet, Optimizer, Problem
from smbo.acquisition.expected_hypervolume_improvement import VolumeByMeans, reference_of
from smbo.acquisition.hypervolume_closed_form import Sides, volume_of
from smbo.acquisition.level_set import Misclassification
from smbo.history.encode import encode
from smbo.problem.hypervolume import free_boxes, hypervolume
from smbo.proposal import suggest
from smbo.surrogates import LevelGP, ModelListGP

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
LADDER = {"fidelity": Fidelity(1, 9), "early_stopping": "model"}
POINTS = np.random.default_rng(3).random((12, 2))


def told(problem, measure, n=14):
    optimizer = Optimizer(problem, "auto", seed=1)
    for _ in range(n):
        trial = optimizer.ask()
        optimizer.tell(trial, measure(trial.params["x"], trial.params["y"], 0.3 / trial.fidelity))
    return optimizer


@pytest.fixture(scope="module")
def front():
    problem = Problem(SPACE, objectives={"f": "min", "g": "min"}, reference={"f": 2.0, "g": 2.0}, **LADDER)
    return told(problem, lambda x, y, bias: {"f": x + y**2 + bias, "g": (1 - x) ** 2 + y + bias * x})


@pytest.fixture(scope="module")
def contour():
    return told(Problem(SPACE, level_set=LevelSet(0.5), **LADDER), lambda x, y, bias: x**2 + y + bias)


def test_a_lower_fidelity_reduces_misclassification_less_and_the_highest_as_much_as_a_plain_evaluation(
    contour,
):
    data = encode(contour.problem, contour.trials)
    belief = LevelGP.at_fidelities().fit(data)
    acquisition = Misclassification().with_space(contour.problem.space, np.random.default_rng(0))
    cheap = acquisition.build(belief, data)
    full = cheap.at_fidelity(0.0, 1.0)
    plain = type(full)(**{**vars(full), "fidelity": None})
    assert full.reduction(POINTS) == pytest.approx(plain.reduction(POINTS), rel=1e-6)
    assert (cheap.reduction(POINTS) <= full.reduction(POINTS) * (1 + 1e-6)).all()


def test_the_gain_of_a_front_is_the_mean_over_draws_of_what_the_means_become(front):
    data = encode(front.problem, front.trials)
    belief = ModelListGP.at_fidelities().fit(data)
    known = belief.latent_means(data.points)
    reference = reference_of(belief, data, known)
    criterion = VolumeByMeans(belief, Sides.of(free_boxes(known, reference)), None, 1.0, 1.0)
    points = np.concatenate([POINTS[3:4], np.clip(data.points[-3:] + 0.05, 0.0, 1.0)])
    means, stds = criterion._moments(points)
    drawn = means + stds * np.random.default_rng(0).standard_normal((20_000, *means.shape))
    for row in range(len(points)):
        found = volume_of(criterion.sides, drawn[:, row])
        # five standard errors of the mean over draws
        error = 5 * found.std() / np.sqrt(len(found)) + 1e-9
        assert np.exp(criterion(points[row : row + 1]))[0] == pytest.approx(found.mean(), abs=error)
    # a gain of less than 1e-300 counts as that
    assert (criterion.gain_of_change(POINTS) <= np.maximum(criterion(POINTS), -690.0) + 1e-9).all()


def test_the_volume_that_a_value_adds_is_a_difference_of_hypervolumes():
    rng = np.random.default_rng(0)
    for m in (2, 3):
        values, new, reference = rng.random((6, m)), rng.random((4, m)), np.full(m, 1.1)
        found = volume_of(Sides.of(free_boxes(values, reference)), new)
        before = hypervolume(values, reference)
        expected = [hypervolume(np.vstack([values, row]), reference) - before for row in new]
        assert found == pytest.approx(expected, abs=1e-12)


def test_a_new_point_that_is_weighed_against_a_promotion_is_proposed_once(front, monkeypatch):
    calls, propose = [], suggest.propose
    monkeypatch.setattr(suggest, "propose", lambda request: calls.append(request) or propose(request))
    n_before = len(front.trials)
    while len(front.trials) == n_before:  # promotions come first
        calls.clear()
        trial = front.ask()
        front.tell(trial, {"f": 1.0, "g": 1.0})
    assert len(calls) == 1


def test_a_contour_counts_evaluations_at_all_fidelities(contour):
    n_evaluations = sum(len(trial.rungs) + (trial.state.name == "COMPLETE") for trial in contour.trials)
    assert n_evaluations == 14
    assert str(contour.contour()).endswith("from 14 evaluations")
