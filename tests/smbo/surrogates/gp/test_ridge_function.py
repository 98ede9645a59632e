"""A ridge function beside a process: slopes against differences, and the direction that it learns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sampled_functions import quiet, told
from scipy.optimize import approx_fprime

from smbo import Categorical
from smbo.surrogates.gp.kernel_selection import KernelSelection
from smbo.surrogates.gp.ridge_function import RidgeFunction, negative_with_gradient, train_with_ridge
from smbo.surrogates.gp.trend_selection import TrendSelection
from smbo.surrogates.gp.universal_kriging import UniversalKriging


def corridor(x, y, **rest):
    """A plane with a corridor along 2 x = y + 0.8, and nothing along it."""
    return x + 0.5 * y - np.exp(-(((2.0 * x - y - 0.8) / 0.2) ** 2)) + 0.3 * (rest.get("kind") == "b")


@pytest.fixture(scope="module")
def data():
    return told(corridor, 30)


@pytest.fixture(scope="module")
def found(data):
    process, _ = quiet(bend_values=False).train(data, {})
    return process, *train_with_ridge(process, data, {})


def test_the_slopes_of_the_density_are_those_of_differences(data):
    process, _ = quiet(bend_values=False, n_iterations=2).train(data, {})
    likelihood, points = process.likelihood(data)
    vector = np.array([-1.0, -0.7, 0.3, -6.0, -0.5, 7.0, -4.0])
    slopes = negative_with_gradient(likelihood, points, vector)[1]
    by_differences = approx_fprime(
        vector, lambda theta: negative_with_gradient(likelihood, points, theta)[0], 1e-7
    )
    assert slopes == pytest.approx(by_differences, rel=1e-4, abs=1e-3)


def test_moments_have_the_slopes_of_differences(data):
    process, _ = quiet(bend_values=False, n_iterations=2).train(data, {})
    posterior = UniversalKriging(RidgeFunction(-0.5, (7.0, -4.0)), process).fit(data)
    points = np.random.default_rng(1).random((4, 2))
    _, _, to_mean, to_std = posterior.moments_and_gradients(points)
    for row, point in enumerate(points):
        mean = approx_fprime(point, lambda at: posterior.moments(at[None])[0][0], 1e-7)
        std = approx_fprime(point, lambda at: posterior.moments(at[None])[1][0], 1e-7)
        assert to_mean[row] == pytest.approx(mean, rel=1e-3, abs=1e-4)
        assert to_std[row] == pytest.approx(std, rel=1e-3, abs=1e-4)


def test_the_direction_of_a_corridor_is_learned_and_the_corridor_known_along_its_whole_length(data, found):
    process, surrogate, _ = found
    way = np.array(surrogate.trend.weights)
    assert abs(way @ [2.0, -1.0]) / np.linalg.norm(way) / np.sqrt(5.0) > 0.999
    points = np.random.default_rng(1).random((2000, 2))
    truth = corridor(*points.T)
    of_both, of_process = (np.std(each.fit(data).moments(points)[0] - truth) for each in (surrogate, process))
    assert of_both < 0.2 * of_process


def test_what_is_carried_restores_the_ridge_function_to_the_bit(data, found):
    process, surrogate, memory = found
    again, kept = train_with_ridge(process, data, json.loads(json.dumps(memory)))
    assert (again, kept) == (surrogate, memory)


def test_a_ridge_function_is_chosen_where_the_values_are_likelier_by_its_price(data):
    candidates, memory = TrendSelection(KernelSelection(quiet())).candidates(data, {})
    assert memory["trend"].startswith("ridge")
    assert [each.score for each in candidates] == sorted(memory["scores"].values(), reverse=True)
    without, _ = TrendSelection(KernelSelection(quiet()), ridges=False).candidates(data, {})
    assert candidates[0].score > without[0].score + 5.0


def test_categories_are_no_part_of_a_direction():
    data = told(corridor, 30, kind=Categorical(["a", "b"]))
    process, _ = quiet(bend_values=False).train(data, {})
    surrogate, _ = train_with_ridge(process, data, {})
    assert len(surrogate.trend.weights) == 2
    _, _, to_mean, _ = surrogate.fit(data).moments_and_gradients(data.points[:3] * 0.9)
    assert (to_mean[:, 2] == 0.0).all()


def test_few_values_or_one_axis_have_no_ridge_function():
    process, _ = quiet().train(told(corridor, 9), {})
    assert train_with_ridge(process, told(corridor, 9), {}) is None
