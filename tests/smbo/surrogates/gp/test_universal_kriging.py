"""A process around a polynomial: its algebra, and what it makes of functions that are one."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from smbo import Categorical, LevelSet, Optimizer, Problem, Real
from smbo.history.encode import encode
from smbo.surrogates import GP, LevelGP, Priors, SquaredExponential
from smbo.surrogates.gp.kernel_selection import KernelSelection, log_density
from smbo.surrogates.gp.polynomial_basis import Polynomials
from smbo.surrogates.gp.trend_selection import TrendSelection
from smbo.surrogates.gp.universal_kriging import UniversalKriging, UniversalKrigingPosterior
from smbo.surrogates.linalg import cholesky


def quartic(x, y, **rest):
    return (3.0 * x - 1.0) ** 4 - 2.0 * x * y**2 + y**3 - y + 0.3 * (rest.get("kind") == "b")


def quiet(**settings):
    """A process that expects as little noise as the search for a level does."""
    return GP(SquaredExponential(), Priors(log_noise=(np.log(1e-5), 3.5)), **settings)


def bump(x, y):
    return np.exp(-30.0 * ((x - 0.4) ** 2 + (y - 0.6) ** 2))


def told(function, n, **more):
    optimizer = Optimizer({"x": Real(0.0, 1.0), "y": Real(0.0, 1.0), **more}, recipe="sobol", seed=3)
    for trial in optimizer.ask(n):
        optimizer.tell(trial, float(function(**trial.params)))
    return encode(optimizer.problem, optimizer.trials)


def prior(posterior, left, right):
    """The covariance of both parts in plain algebra."""
    process, smooth = posterior.process, posterior.process.features.coordinates
    gaps = process.encode(left)[:, None] - process.encode(right)[None]
    columns = process.features.columns[smooth]
    terms = [posterior.polynomials.terms(points[:, columns]) for points in (left, right)]
    return process.amplitude * process.kernel.profile((gaps**2).sum(axis=2)) + terms[0] @ terms[1].T


def test_polynomials_are_orthonormal_over_the_cube_but_for_their_number():
    nodes, weights = np.polynomial.legendre.leggauss(6)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0
    points = np.array(list(product(nodes, repeat=3)))
    terms = Polynomials(4).terms(points)
    gram = (terms.T * np.array([np.prod(each) for each in product(weights, repeat=3)])) @ terms
    assert terms.shape[1] == Polynomials(4).count(3) == 34
    assert gram == pytest.approx(np.eye(34) / 34, abs=1e-12)


@pytest.mark.parametrize("bend", [False, True])
def test_moments_and_slopes_are_those_of_dense_algebra(bend):
    data = told(quartic, 30, kind=Categorical(["a", "b"]))
    process = GP(kernel=SquaredExponential(), bend_values=bend)
    posterior = UniversalKriging(Polynomials(2), process).fit(data)
    points = np.random.default_rng(0).random((6, 3))
    factor = cholesky(prior(posterior, data.points, data.points) + posterior.noise * np.eye(len(data)))
    half = np.linalg.solve(factor, prior(posterior, data.points, points))
    residual = np.linalg.solve(factor, posterior.process.values - posterior.process.mean)
    latent = posterior.latent
    mean, std = latent.moments(points)
    assert mean == pytest.approx(posterior.process.mean + half.T @ residual, abs=1e-6)
    covariance = prior(posterior, points, points) - half.T @ half
    assert std**2 == pytest.approx(np.diagonal(covariance), rel=1e-4, abs=1e-9)
    assert latent.covariance(points[:2], points) == pytest.approx(covariance[:2], rel=1e-4, abs=1e-9)

    again, spread, to_mean, to_std = posterior.moments_and_gradients(points)
    assert np.array([again, spread]) == pytest.approx(np.array(posterior.moments(points)))
    for column in (0, 1):
        step = np.zeros(3)
        step[column] = 1e-4
        up, down = posterior.moments(points + step), posterior.moments(points - step)
        for slope, above, below in zip((to_mean, to_std), up, down):
            assert slope[:, column] == pytest.approx((above - below) / 2e-4, rel=1e-3, abs=1e-5)
    assert (to_mean[:, 2] == 0.0).all(), "a category has no slope"


def test_the_density_that_chooses_is_that_of_dense_algebra():
    data = told(bump, 25)
    posterior = UniversalKriging(Polynomials(2), GP(bend_values=False)).fit(data)
    process = posterior.process
    covariance = prior(posterior, data.points, data.points) + posterior.noise * np.eye(25)
    expected = multivariate_normal(np.full(25, process.mean), covariance).logpdf(process.values)
    expected += np.log(process.scale.slopes(data.values)).sum()
    constant = -12.5 * np.log(2.0 * np.pi) + 0.5 * process.mean**2
    assert log_density(process, data.values) == pytest.approx(expected - constant, abs=1e-4)


def test_a_fantasy_leaves_the_mean_and_takes_the_doubt_there():
    posterior = UniversalKriging(Polynomials(2), quiet()).fit(told(bump, 15)).latent
    points = np.random.default_rng(0).random((40, 2))
    fantasized = posterior.fantasize(points[:2])
    before, after = posterior.moments(points), fantasized.moments(points)
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert (after[1] <= before[1] * (1.0 + 1e-6)).all()
    assert (after[1][:2] < 0.1 * before[1][:2]).all()


def test_values_taken_in_are_as_if_told_from_the_start():
    data = told(quartic, 24)
    posterior = UniversalKriging(Polynomials(3), quiet(bend_values=False)).fit(data)
    new, values = np.array([[0.2, 0.9], [0.7, 0.1]]), np.array([0.3, -0.4])
    points = np.random.default_rng(0).random((5, 2))
    later = posterior.latent.condition_on(new, values)
    every = np.concatenate([data.points, new])
    covariance = prior(posterior, every, every) + posterior.noise * np.eye(26)
    weights = np.linalg.solve(
        covariance, np.append(posterior.process.values, values) - posterior.process.mean
    )
    expected = posterior.process.mean + prior(posterior, points, every) @ weights
    assert later.moments(points)[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_as_many_values_as_coefficients_and_a_few_settle_a_polynomial():
    data = told(quartic, 20)
    places = np.random.default_rng(1).random((500, 2))
    truth = np.array([quartic(*place) for place in places])

    def error(surrogate):
        return float(np.abs(surrogate.fit(data).moments(places)[0] - truth).max() / truth.std())

    assert error(UniversalKriging(Polynomials(4), quiet())) < 0.01 < 0.1 < error(quiet())


@pytest.mark.parametrize(("function", "degree"), [(quartic, 4), (bump, None)])
def test_a_polynomial_is_taken_where_the_values_are_likelier_around_it(function, degree):
    process, memory = TrendSelection(KernelSelection(quiet())).train(told(function, 24), {})
    assert (process.polynomials.degree if isinstance(process, UniversalKriging) else None) == degree
    again, kept = TrendSelection(KernelSelection(quiet())).train(
        told(function, 24), json.loads(json.dumps(memory))
    )
    assert (again, kept) == (process, memory)


def test_a_polynomial_has_to_be_likelier_by_the_price():
    data = told(quartic, 24)
    found = {
        price: TrendSelection(KernelSelection(quiet()), price=price).train(data, {})[1]["trend"]
        for price in (5.0, 1e6)
    }
    assert found == {5.0: "4", 1e6: "none"}


def test_a_degree_waits_for_more_values_than_it_has_coefficients():
    for n, degrees in ((6, set()), (7, {"2"}), (11, {"2", "3"}), (16, {"2", "3", "4"})):
        _, memory = TrendSelection(KernelSelection(quiet(n_iterations=1))).train(told(quartic, n), {})
        assert set(memory["trends"]) == {"none"} | degrees
    of_kinds = Optimizer({"kind": Categorical(["a", "b", "c"])}, recipe="sobol", seed=1)
    for trial in of_kinds.ask(3):
        of_kinds.tell(trial, 1.0)
    _, memory = TrendSelection().train(encode(of_kinds.problem, of_kinds.trials), {})
    assert set(memory["trends"]) == {"none"}


def test_the_level_of_a_polynomial_is_found_wherever_it_is():
    """Two islands, of which one is small."""

    def islands(x, y):
        return 9.0 * ((x - 0.25) ** 2 + (y - 0.3) ** 2) * ((x - 0.75) ** 2 + (y - 0.6) ** 2) + 0.1 * x

    problem = Problem({"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}, level_set=LevelSet(0.09))
    optimizer = Optimizer(problem, recipe="sobol", seed=2)
    for trial in optimizer.ask(24):
        optimizer.tell(trial, islands(**trial.params))
    posterior = LevelGP().fit(encode(problem, optimizer.trials))
    assert isinstance(posterior.processes[0], UniversalKrigingPosterior)
    places = np.random.default_rng(1).random((4000, 2))
    truth = islands(*places.T) > 0.09
    assert ((posterior.above(places)[0] > 0.5) != truth).mean() < 0.001
