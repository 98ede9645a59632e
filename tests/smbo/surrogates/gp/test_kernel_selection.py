"""The smoothness of a process, chosen by the density of the values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from smbo import Optimizer
from smbo.history.encode import encode
from smbo.surrogates import GP
from smbo.surrogates.gp.kernel_selection import KernelSelection, learned_noise, log_density
from smbo.surrogates.gp.kernels import squared_distances


def told(function, n=40):
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, recipe="sobol", seed=3)
    for trial in optimizer.ask(n):
        optimizer.tell(trial, float(function(**trial.params)))
    return encode(optimizer.problem, optimizer.trials)


def wave(x, y):
    return np.sin(4.0 * x + y) + y**2


def kinked(x, y):
    return max(abs(x - 0.4), abs(y - 0.6))


@pytest.mark.parametrize(("function", "kernel"), [(wave, "SquaredExponential"), (kinked, "Matern52")])
def test_the_kernel_is_as_smooth_as_the_function(function, kernel):
    process, memory = KernelSelection().train(told(function), {})
    assert type(process.kernel).__name__ == memory["kernel"] == kernel


def test_the_density_is_that_of_dense_algebra():
    data = told(wave)
    for bend in (False, True):
        posterior = GP(bend_values=bend).fit(data)
        prior = posterior.amplitude * posterior.kernel.profile(
            squared_distances(posterior.scaled, posterior.scaled)
        )
        prior += posterior.noise * np.eye(40)
        slopes = np.log(posterior.scale.slopes(data.values)).sum()
        latent = multivariate_normal(np.full(40, posterior.mean), prior).logpdf(posterior.values)
        constant = -20.0 * np.log(2.0 * np.pi) + 0.5 * posterior.mean**2
        # a squared condition number of 1e5 leaves nine digits of the quadratic form
        assert log_density(posterior, data.values) == pytest.approx(
            latent + slopes - constant, rel=1e-6, abs=1e-5
        )


def test_what_was_chosen_comes_back_from_memory_without_learning():
    data = told(wave)
    first, memory = KernelSelection().train(data, {})
    again, kept = KernelSelection().train(data, json.loads(json.dumps(memory)))
    assert again == first
    assert kept == memory


def test_another_kernel_than_the_first_has_to_be_likelier_by_the_price():
    data = told(wave, 12)
    found = {price: KernelSelection(price=price).train(data, {})[1]["kernel"] for price in (0.0, 1000.0)}
    assert found == {0.0: "SquaredExponential", 1000.0: "Matern52"}


def test_the_noise_that_was_learned_is_that_of_the_chosen_kernel():
    data = told(wave)
    for process in (GP(), KernelSelection()):
        trained, memory = process.train(data, {})
        assert trained.hyperparameters is not None
        assert learned_noise(memory) == pytest.approx(np.exp(trained.hyperparameters.log_noise))
    assert learned_noise({}) is None


def test_without_training_it_learns_as_it_fits():
    data = told(wave)
    trained, _ = KernelSelection().train(data, {})
    assert KernelSelection().fit(data).factor == pytest.approx(trained.fit(data).factor)
