"""Silent outliers: found, left out, named; and what is no outlier."""

import numpy as np
import pytest

from smbo import Optimizer
from smbo.history.encode import encode
from smbo.proposal.model_data import ModelData
from smbo.surrogates import GP, Subset

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def bowl(x, y):
    return (x - 0.3) ** 2 + (y - 0.6) ** 2 + 0.1 * np.sin(5.0 * x)


def told(wrong, n=24, function=bowl):
    """Return an optimizer that was told a function at scattered points, with wrong values by trial number."""
    optimizer = Optimizer(SPACE, seed=1)
    points = np.random.default_rng(3).random((n, 2))
    for number, (x, y) in enumerate(points.tolist()):
        optimizer.tell({"x": x, "y": y}, wrong.get(number, function(x, y)))
    return optimizer


def model_of(optimizer, memory=None):
    data = encode(optimizer.problem, optimizer.trials)
    return ModelData.for_search(Subset(GP()), data, memory or {})


@pytest.mark.parametrize("wrong", [{}, {5: 3.0}, {2: 100.0, 11: 40.0, 17: 8.0}, {7: 20.0, 9: -1.0}], ids=str)
def test_values_that_are_wrong_by_far_are_left_out(wrong):
    model = model_of(told(wrong))
    assert set(model.outliers) == set(wrong)
    mean, _ = model.surrogate.fit(model.data).moments(np.array([[0.3, 0.6], [0.8, 0.2]]))
    np.testing.assert_allclose(mean, [bowl(0.3, 0.6), bowl(0.8, 0.2)], atol=0.02)


def test_outliers_are_found_whatever_their_order_of_telling_and_again_from_the_memory():
    optimizer = told({2: 100.0, 11: 40.0})
    first = model_of(optimizer)
    again = model_of(optimizer, first.learned)
    assert first.outliers == again.outliers == (2, 11)


@pytest.mark.parametrize("low", [-40.0, -2.0])
def test_a_wrongly_low_value_is_repeated_and_then_not_recommended(low):
    optimizer = told({9: low})
    repeated = optimizer.ask()
    assert repeated.params == optimizer.trials[9].params
    assert optimizer.ask().params != repeated.params  # under way: it is not asked for twice
    optimizer.tell(repeated, bowl(**repeated.params))
    found = optimizer.recommend()
    assert found.number != 9
    assert found.mean > -0.2
    for _ in range(3):
        trial = optimizer.ask()
        assert trial.params != repeated.params
        optimizer.tell(trial, bowl(**trial.params))
    assert [outlier.number for outlier in optimizer.explain().outliers] == [9]


def test_a_deep_narrow_well_is_confirmed_by_one_repeat_and_recommended():
    def with_well(x, y):
        return bowl(x, y) - 3.0 * ((x - 0.8) ** 2 + (y - 0.85) ** 2 < 0.02**2)

    optimizer = told({}, function=with_well)
    optimizer.tell({"x": 0.8, "y": 0.85}, with_well(0.8, 0.85))
    well = optimizer.trials[-1].number
    found = optimizer.recommend()  # nothing is known against it
    assert (found.number, found.mean) == (well, with_well(0.8, 0.85))
    repeats = 0
    for _ in range(5):
        trial = optimizer.ask()
        repeats += trial.params == optimizer.trials[well].params
        optimizer.tell(trial, with_well(**trial.params))
    assert repeats <= 1
    found = optimizer.recommend()
    assert with_well(**found.params) < -2.5
    assert not optimizer.explain().outliers


@pytest.mark.parametrize("name", ["rosenbrock", "goldstein", "cliff"])
def test_steep_walls_of_deterministic_functions_are_no_outliers(name):
    def function(x, y):
        if name == "cliff":
            return bowl(x, y) + 5.0 * (x > 0.75)
        a, b = 4.0 * x - 2.0, 4.0 * y - 2.0
        if name == "rosenbrock":
            return 100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2
        left = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
        return left * (
            30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
        )

    # a single value behind a cliff looks like an outlier, two of them do not
    for n in (16, 24) if name == "cliff" else (10, 16, 24):
        assert not model_of(told({}, n, function)).outliers


@pytest.mark.parametrize("n", [12, 14])
def test_a_high_wall_is_no_outlier_where_the_other_values_are_explained_as_noise(n):
    def noisy_beale(x, y):  # twelve values leave a wall alone, and without it a model has noise to explain
        a, b = 9.0 * x - 4.5, 9.0 * y - 4.5
        value = (1.5 - a + a * b) ** 2 + (2.25 - a + a * b * b) ** 2 + (2.625 - a + a * b**3) ** 2
        return value + 500.0 * rng.standard_normal()

    optimizer, rng = Optimizer(SPACE, seed=1), np.random.default_rng(1)
    for x, y in rng.random((n, 2)).tolist():
        optimizer.tell({"x": x, "y": y}, noisy_beale(x, y))
    assert not model_of(optimizer).outliers


def test_wrong_values_are_found_beside_penalties_which_are_no_values():
    def crashing(x, y):
        return 1e6 if x > 0.6 else bowl(x, y)

    wrong = {2: -15.0, 13: -2.0, 11: 3.0}
    optimizer = told(wrong, function=crashing)
    assert all(optimizer.trials[number].params["x"] < 0.6 for number in wrong), "else these are penalties"
    assert model_of(optimizer).outliers == (2, 11, 13)


def test_explain_and_its_line_name_suspected_outliers():
    optimizer = told({2: 100.0, 11: 40.0})
    optimizer.ask()
    explained = optimizer.explain()
    assert [outlier.number for outlier in explained.outliers] == [2, 11]
    outlier = explained.outliers[0]
    point = optimizer.trials[2].params
    assert (outlier.value, outlier.expected) == (100.0, pytest.approx(bowl(**point), abs=0.03))
    assert "trial 2: 100, where" in str(explained)
    assert "suspected outliers: trials 2, 11" in explained.short()


def test_explain_gives_an_outlier_as_it_was_told_though_the_model_sees_a_penalty_moved():
    optimizer = told({2: 1e30, 11: 40.0})
    optimizer.ask()
    explained = optimizer.explain()
    assert explained.outliers, "without one the test says nothing"
    for outlier in explained.outliers:
        assert outlier.value == optimizer.trials[outlier.number].value
