"""The surrogate of vector outputs: components, the loss on top of them, and its gradients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Optimizer, Problem, Recipe
from smbo.analysis.explain import leave_one_out
from smbo.errors import RecipeError
from smbo.problem.losses import ChiSquare, FunctionLoss
from smbo.surrogates import CompositeGP
from smbo.surrogates.multi_output import quadratic_trend as trend
from smbo.surrogates.multi_output.loss_moments import SquaredForm
from smbo.surrogates.multi_output.pca import Basis
from smbo.training_data import Axis, TrainingData, VectorOutputs

D, K = 3, 40
_RNG = np.random.default_rng(5)
_TO_LINEAR, _TO_WAVY = _RNG.standard_normal((D, K)), _RNG.standard_normal((D, 2))
_FROM_WAVY = _RNG.standard_normal((2, K))
OPTIMUM = np.array([0.4, 0.6, 0.3])
NOISE = 0.05
SIX = {f"x{j}": (0.0, 1.0) for j in range(6)}


def outputs_at(points):
    off = points - 0.5
    return off @ _TO_LINEAR + np.sin(3 * off @ _TO_WAVY) @ _FROM_WAVY


LOSS = ChiSquare(outputs_at(OPTIMUM[None])[0], np.full(K, 0.5), np.full(K, 1 / K))


def data(n=40, noise=NOISE, seed=0, loss=LOSS, factors=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, D))
    values = outputs_at(points) + noise * rng.standard_normal((n, K))
    vectors = VectorOutputs(loss, values, np.full((n, K), noise**2), np.zeros((n, K, factors)))
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=tuple(Axis(f"x{j}", "continuous") for j in range(D)),
        numbers=np.arange(n),
        points=points,
        values=loss.of(values),
        variances=unknown,
        costs=unknown,
        feasible=np.ones(n, dtype=np.bool_),
        failed=np.zeros((0, D)),
        pending=np.zeros((0, D)),
        outputs=vectors,
    )


def test_the_loss_is_predicted_within_its_deviation():
    posterior = CompositeGP().fit(data())
    points = np.random.default_rng(1).random((300, D))
    mean, std = posterior.moments(points)
    true = LOSS.of(outputs_at(points))
    assert np.corrcoef(mean, true)[0, 1] > 0.99
    assert 0.3 < np.sqrt((((true - mean) / std) ** 2).mean()) < 2.0


def test_outputs_are_predicted_within_their_deviation():
    points = np.random.default_rng(1).random((50, D))
    mean, std = CompositeGP().fit(data(noise=0.3)).outputs(points)
    off = outputs_at(points) - mean
    assert np.sqrt((off**2).mean()) < 0.25 * outputs_at(points).std()
    assert std.shape == off.shape
    assert 0.3 < np.sqrt((off**2).mean() / (std**2).mean()) < 3.0


def test_what_only_noise_moves_is_no_component():
    quiet, loud = CompositeGP().fit(data(noise=1e-6)), CompositeGP().fit(data(noise=0.5))
    assert len(quiet.components) == 5  # three linear directions and two waves
    assert 1 <= len(loud.components) <= 5


def test_there_are_components_for_all_of_many_parameters():
    rng = np.random.default_rng(8)
    points, to_outputs = rng.random((60, 16)), rng.standard_normal((16, K))
    many = replace(
        data(60),
        axes=tuple(Axis(f"x{j}", "continuous") for j in range(16)),
        points=points,
        failed=np.zeros((0, 16)),
        pending=np.zeros((0, 16)),
        outputs=VectorOutputs(LOSS, points @ to_outputs, np.full((60, K), 1e-4), np.zeros((60, K, 0))),
    )
    assert len(CompositeGP().fit(many).components) == 16
    assert len(CompositeGP(n_components=12).fit(many).components) == 12


@pytest.mark.parametrize("scale", ["loss", "logarithm", "own"])
def test_gradients_are_those_of_finite_differences(scale):
    own = FunctionLoss(lambda outputs: np.abs(outputs - LOSS.data).sum(axis=-1) ** 1.5)
    posterior = CompositeGP().fit(data(loss=own if scale == "own" else LOSS))
    belief = posterior.latent if scale == "logarithm" else posterior
    points = np.random.default_rng(2).random((4, D))
    _, _, to_mean, to_std = belief.moments_and_gradients(points)
    step = 1e-6
    for j in range(D):
        ahead, behind = points.copy(), points.copy()
        ahead[:, j] += step
        behind[:, j] -= step
        mean_slope, std_slope = (
            (a - b) / (2 * step) for a, b in zip(belief.moments(ahead), belief.moments(behind))
        )
        assert to_mean[:, j] == pytest.approx(mean_slope, rel=1e-4, abs=1e-5)
        assert to_std[:, j] == pytest.approx(std_slope, rel=1e-3, abs=1e-4)


def test_the_likelihood_has_the_slope_of_finite_differences():
    rng = np.random.default_rng(3)
    features, values = rng.random((25, D)) - 0.5, rng.standard_normal(25)
    theta = trend.prior_mean(D) + 0.3 * rng.standard_normal(4 + D)
    variances = np.full(25, 0.05)
    _, slope = trend.log_likelihood(theta, features, values, variances)
    for j, unit in enumerate(1e-5 * np.eye(4 + D)):
        ahead, _ = trend.log_likelihood(theta + unit, features, values, variances)
        behind, _ = trend.log_likelihood(theta - unit, features, values, variances)
        assert slope[j] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-4)


def test_a_fantasy_leaves_the_mean_and_takes_from_the_deviation():
    posterior = CompositeGP().fit(data(n=15))
    point = np.array([[0.9, 0.1, 0.8]])
    before, after = posterior.moments(point), posterior.fantasize(point).moments(point)
    assert after[1] < 0.7 * before[1]
    assert abs(after[0] - before[0]) < 2 * before[1]


def test_correlated_errors_count_as_noise_along_their_direction():
    plain, correlated = data(noise=0.05, factors=1), data(noise=0.05, factors=1)
    correlated.outputs.factors[:, :, 0] = 0.3 * _TO_LINEAR[0]
    trusting, wary = (CompositeGP().fit(each) for each in (plain, correlated))
    points = np.random.default_rng(4).random((20, D))
    assert wary.moments(points)[1].mean() > 1.3 * trusting.moments(points)[1].mean()


def test_what_was_learned_is_kept_until_there_is_enough_more():
    surrogate = CompositeGP(always_relearn_until=10)
    trained, memory = surrogate.train(data(n=40), {})
    again, same = surrogate.train(data(n=42), memory)
    assert same == memory
    assert again.thetas == trained.thetas
    _, other = surrogate.train(data(n=50), memory)
    assert other["n_learned"] == 50


def test_without_vectors_it_says_what_is_missing():
    with pytest.raises(RecipeError, match="CompositeGP is for vector outputs"):
        Optimizer({"x": (0.0, 1.0)}, recipe=Recipe(CompositeGP(), n_initial=1), seed=0)
    data = TrainingData.of_values((Axis("x", "continuous"),), np.full((1, 1), 0.1), np.ones(1))
    with pytest.raises(RecipeError, match="give it a loss"):
        CompositeGP().fit(data)


def test_a_loss_of_ones_own_is_believed_as_the_same_loss_that_is_known_to_be_a_sum_of_squares():
    own = FunctionLoss(lambda outputs: LOSS.of(outputs))
    points = np.random.default_rng(1).random((30, D))
    exact, drawn = CompositeGP().fit(data()), CompositeGP().fit(data(loss=own))
    assert drawn.moments(points)[0] == pytest.approx(exact.moments(points)[0], rel=0.1)
    off = drawn.moments(points)[0] - LOSS.of(outputs_at(points))
    assert np.abs(off / drawn.moments(points)[1]).mean() < 2.0


def test_the_point_recommended_need_not_have_been_evaluated():
    problem = Problem({f"x{j}": (0.0, 1.0) for j in range(D)}, loss=LOSS)
    optimizer = Optimizer(problem, seed=2)
    known = data(n=25)
    for point, outputs in zip(known.points, known.outputs.values):
        optimizer.tell(
            dict(zip(problem.space.names, point.tolist())),
            outputs=outputs,
            covariance=np.full(K, NOISE**2),
        )
    found = optimizer.recommend()
    assert found.number is None
    point = np.array([list(found.params.values())])
    assert LOSS.of(outputs_at(point))[0] < 0.5 * LOSS.of(outputs_at(known.points)).min()


@pytest.mark.parametrize("excess", [-0.5, 0.003, 0.5])
def test_a_loss_freed_of_noise_is_between_zero_and_the_loss_of_the_noisy_means(excess):
    # the second output is off by one, and its loading about as large as what noise makes of it
    doubt = 0.1 * np.eye(3)
    noise = np.ones(3)
    loading = np.sqrt((1.0 + excess) * noise.sum() * doubt[2, 2] ** 2)
    loadings = np.array([[1.0, 0.0], [0.0, loading], [0.0, 0.0]])
    basis = Basis(np.array([0.0, 1.0, 0.0]), loadings, loadings, noise, doubt)
    loss = ChiSquare(np.zeros(3), np.ones(3))
    form = SquaredForm.of(loss, basis)
    components = 3.0 * np.random.default_rng(1).standard_normal((200, 2))
    freed, noisy = form.of_components(components), loss.of(basis.outputs(components))
    assert (freed >= 0.0).all()
    assert (freed <= noisy * (1 + 1e-9)).all()
    assert 0.0 <= form.lowest <= freed.min()


def test_outputs_at_a_point_have_the_slopes_of_finite_differences():
    posterior = CompositeGP().fit(data())
    point, step = np.array([0.3, 0.7, 0.5]), 1e-5
    mean, slopes, factor = posterior.outputs_at(point)
    ahead, _ = posterior.outputs(point + step * np.eye(D))
    behind, _ = posterior.outputs(point - step * np.eye(D))
    assert slopes == pytest.approx((ahead - behind).T / (2 * step), abs=1e-5)
    alone, std = posterior.outputs(point[None])
    assert mean == pytest.approx(alone[0])
    assert np.sqrt((factor**2).sum(axis=1)) == pytest.approx(std[0])


def test_a_design_for_vector_outputs_has_one_point_more_than_axes():
    def first_by_model(loss):
        optimizer, design = (
            Optimizer(Problem(SIX, loss=loss), recipe=recipe, seed=2) for recipe in ("auto", "sobol")
        )
        for number in range(20):
            trial = optimizer.ask()
            if trial.params != design.ask().params:
                return number
            outputs = np.array(list(trial.params.values()))
            if loss is None:
                optimizer.tell(trial, outputs.sum())
            else:
                optimizer.tell(trial, outputs=outputs, covariance=np.full(6, 1e-4))
        return None

    assert first_by_model(ChiSquare(np.full(6, 0.4), np.ones(6))) == 7
    assert first_by_model(None) == 10


def test_auto_tunes_vector_outputs_in_half_of_what_their_loss_alone_needs():
    problem = Problem({f"x{j}": (0.0, 1.0) for j in range(D)}, loss=LOSS)

    def reached(recipe, n, seed):
        optimizer = Optimizer(problem, recipe=recipe, seed=seed)
        rng = np.random.default_rng([6, seed])
        for _ in range(n):
            trial = optimizer.ask()
            point = np.array([list(trial.params.values())])
            measured = outputs_at(point)[0] + NOISE * rng.standard_normal(K)
            optimizer.tell(trial, outputs=measured, covariance=np.full(K, NOISE**2))
        recommended = np.array([list(optimizer.recommend().params.values())])
        return float(LOSS.of(outputs_at(recommended))[0])

    # of seeds 0 to 7 it does in seven
    by_bins = [reached("auto", 15, seed) for seed in (3, 4, 5)]
    by_loss = [reached("gp", 30, seed) for seed in (3, 4, 5)]
    assert np.median(by_bins) < 0.5 * np.median(by_loss)


def test_the_order_of_tell_changes_no_bit_of_a_proposal():
    problem = Problem({f"x{j}": (0.0, 1.0) for j in range(D)}, loss=LOSS)

    def third(order):
        optimizer = Optimizer(problem, seed=3)
        trials = optimizer.ask(8)
        for number in order:
            point = np.array([list(trials[number].params.values())])
            optimizer.tell(trials[number], outputs=outputs_at(point)[0], covariance=np.full(K, 1e-4))
        return optimizer.ask(2)

    first, second = third(range(8)), third(reversed(range(8)))
    assert [trial.params for trial in first] == [trial.params for trial in second]


def test_draws_of_the_loss_scatter_as_its_moments_say():
    posterior = CompositeGP().fit(data(n=15))
    points = np.random.default_rng(8).random((6, D))
    draws = posterior.draws(points, 4000, np.random.default_rng(9))
    mean, std = posterior.moments(points)
    assert draws.mean(axis=1) == pytest.approx(mean, rel=0.1)
    assert draws.std(axis=1) == pytest.approx(std, rel=0.15)


def test_the_score_of_leaving_out_is_that_of_processes_fitted_without_each():
    posterior = CompositeGP().fit(data(n=12))
    score = leave_one_out(posterior)
    found = []
    for component in posterior.components:
        told = (component.noises - trend.NUGGET) / np.exp(component.theta[3])
        for row in range(12):
            rest = np.delete(np.arange(12), row)
            alone = trend.fit(component.theta, component.features[rest], component.values[rest], told[rest])
            mean, variance = alone.moments(component.features[row : row + 1])
            width = np.sqrt(variance[0] + component.noises[row])
            found.append(abs(component.values[row] - mean[0]) <= 1.959964 * width)
    assert score.n == 12
    assert score.covered == pytest.approx(np.mean(found))
    assert 0.5 < score.explained <= 1.0
