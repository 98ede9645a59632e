"""The torch back end against the process on numpy, on the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Optimizer, Recipe
from smbo.errors import RecipeError
from smbo.proposal.presets import recipe_from_json, recipe_to_json
from smbo.surrogates import GP, Matern32, Matern52, SquaredExponential, TorchGP
from smbo.training_data import Axis, TrainingData

MIXED = (
    Axis("x", "continuous"),
    Axis("k", "ordered", 7),
    Axis("c", "categorical", 4),
    Axis("y", "continuous"),
)
# Both factorise in float64 in different orders: the covariances have condition numbers up to 1e7,
# and a deviation has half the digits of its variance.
TOLERANCE = {"rtol": 1e-6, "atol": 1e-7}


def points_on(axes, n, rng):
    points = rng.random((n, len(axes)))
    for column, axis in enumerate(axes):
        if axis.levels:
            points[:, column] = (rng.integers(axis.levels, size=n) + 0.5) / axis.levels
    return points


def training_data_of(n=80, variances=None, seed=0):
    rng = np.random.default_rng(seed)
    points = points_on(MIXED, n, rng)
    # with a tail, so that the values' scale bends
    values = np.exp(np.sin(5 * points).sum(axis=1)) + 0.1 * rng.standard_normal(n)
    unknown, none = np.full(n, np.nan), np.zeros((0, len(MIXED)))
    given = unknown if variances is None else np.full(n, variances)
    return TrainingData(MIXED, np.arange(n), points, values, given, np.ones(n, bool), none, none)


def both(process, data):
    trained, _ = process.train(data, {})
    return trained.fit(data), TorchGP(trained, device="cpu").fit(data)


@pytest.mark.parametrize("kernel", [Matern52(), Matern32(), SquaredExponential()], ids=repr)
@pytest.mark.parametrize("warp_axes", [False, True], ids=["plain", "warped"])
@pytest.mark.parametrize("variances", [None, 0.04], ids=["learned noise", "given noise"])
def test_moments_slopes_and_fantasies_are_those_on_numpy(kernel, warp_axes, variances):
    ours, theirs = both(GP(kernel=kernel, warp_axes=warp_axes), training_data_of(variances=variances))
    rng = np.random.default_rng(1)
    points, pending = points_on(MIXED, 40, rng), points_on(MIXED, 5, rng)
    for left, right in (
        (ours, theirs),
        (ours.latent, theirs.latent),
        (ours.fantasize(pending), theirs.fantasize(pending)),
        (ours.condition_on(pending, np.arange(5.0)), theirs.condition_on(pending, np.arange(5.0))),
    ):
        for expected, found in zip(left.moments(points), right.moments(points)):
            np.testing.assert_allclose(found, expected, **TOLERANCE)
        for expected, found in zip(left.moments_and_gradients(points), right.moments_and_gradients(points)):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_training_is_that_of_the_process():
    data = training_data_of()
    process, memory = GP().train(data, {})
    torch_process, torch_memory = TorchGP().train(data, {})
    assert torch_process.process == process
    assert torch_memory == memory


def test_an_optimizer_on_it_finds_what_the_one_on_numpy_finds():
    found = {}
    for surrogate in (GP(), TorchGP(device="cpu")):
        optimizer = Optimizer({"x": (0.0, 1.0), "c": ["a", "b"]}, Recipe(surrogate=surrogate), seed=2)
        for _ in range(18):
            trial = optimizer.ask()
            optimizer.tell(trial, (trial.params["x"] - 0.3) ** 2 + (trial.params["c"] == "a"))
        found[type(surrogate)] = optimizer.best.value
    assert max(found.values()) < 1e-3


def test_it_is_stored_with_a_recipe():
    recipe = Recipe(surrogate=TorchGP(GP(warp_axes=True), device="cpu"))
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


def test_an_unknown_kernel_is_refused():
    class Other:
        pass

    with pytest.raises(RecipeError, match="Matern52"):
        TorchGP(replace(GP(), kernel=Other()))


def test_an_unknown_device_is_refused_by_name():
    trained, _ = GP().train(training_data_of(20), {})
    with pytest.raises(RecipeError, match="device='cuda:63'"):
        TorchGP(trained, device="cuda:63").fit(training_data_of(20))
