"""What every surrogate keeps, on training data of every shape."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge

from smbo.surrogates import (
    GP,
    AxisSelection,
    Boosting,
    DifferentiablePosterior,
    ExtendablePosterior,
    ExtraTrees,
    Forest,
    Matern32,
    Noiseless,
    Regressor,
    SquaredExponential,
    Subset,
    Surrogate,
    TorchGP,
    Trainable,
)
from smbo.training_data import Axis, TrainingData

SURROGATES = [
    GP(),
    GP(kernel=Matern32()),
    GP(kernel=SquaredExponential()),
    Forest(n_trees=20),
    ExtraTrees(n_trees=20),
    Boosting(n_members=2, n_stages=25, learning_rate=0.2),
    Regressor(BayesianRidge()),
    Subset(GP(), most=20, n_rows=15, n_learned=10),
    Noiseless(GP()),
    AxisSelection(sizes=(2, 1)),
    TorchGP(device="cpu"),
    Regressor(GaussianProcessRegressor(alpha=1e-6, optimizer=None)),
]
MIXED = (
    Axis("x", "continuous"),
    Axis("k", "ordered", 7),
    Axis("c", "categorical", 4),
    Axis("y", "continuous"),
)


def continuous(d):
    return tuple(Axis(f"x{i}", "continuous") for i in range(d))


def training_data_of(axes, points, values, variances=None):
    n = len(values)
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=axes,
        numbers=np.arange(n),
        points=np.asarray(points, dtype=float).reshape(n, len(axes)),
        values=np.asarray(values, dtype=float),
        variances=unknown if variances is None else variances,
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, len(axes))),
        pending=np.zeros((0, len(axes))),
    )


def points_on(axes, n, rng):
    points = rng.random((n, len(axes)))
    for column, axis in enumerate(axes):
        if axis.levels:
            points[:, column] = (rng.integers(axis.levels, size=n) + 0.5) / axis.levels
    return points


def ordinary(seed=0, n=25, axes=MIXED):
    rng = np.random.default_rng(seed)
    points = points_on(axes, n, rng)
    return training_data_of(axes, points, np.sin(5 * points).sum(axis=1) + 0.1 * rng.standard_normal(n))


def degenerate():
    """Training data of every awkward kind, by name."""
    rng = np.random.default_rng(1)
    x2, line = rng.random((12, 2)), np.linspace(0, 1, 8)[:, None]
    wave = np.sin(6 * x2).sum(axis=1)
    twice = np.concatenate([x2, x2])
    cases = {
        "one value": training_data_of(continuous(3), rng.random((1, 3)), [4.2]),
        "one value of zero": training_data_of(continuous(1), [[0.5]], [0.0]),
        "two values": training_data_of(continuous(2), rng.random((2, 2)), [1.0, 2.0]),
        "two values in one place": training_data_of(continuous(2), [[0.3, 0.3]] * 2, [1.0, 2.0]),
        "all equal": training_data_of(continuous(2), x2, np.full(12, 7.0)),
        "all zero": training_data_of(continuous(2), x2, np.zeros(12)),
        "all equal and huge": training_data_of(continuous(2), x2, np.full(12, 1e12)),
        "all equal and tiny": training_data_of(continuous(2), x2, np.full(12, 1e-12)),
        "huge": training_data_of(continuous(2), x2, 1e12 * wave),
        "tiny": training_data_of(continuous(2), x2, 1e-12 * wave),
        "tiny spread on a large value": training_data_of(continuous(2), x2, 1e6 + 1e-6 * wave),
        "one outlier": training_data_of(continuous(2), x2, np.where(np.arange(12) == 3, 1e9, wave)),
        "duplicates that agree": training_data_of(continuous(2), twice, np.tile(wave, 2)),
        "duplicates that differ": training_data_of(continuous(2), twice, np.concatenate([wave, wave + 1])),
        "all in one place": training_data_of(continuous(2), np.full((9, 2), 0.25), rng.random(9)),
        "nearly in one place": training_data_of(continuous(2), 0.5 + 1e-13 * x2, wave),
        "on a line": training_data_of(continuous(1), line, line[:, 0] ** 2),
        "corners": training_data_of(continuous(2), [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]),
        "twenty axes": training_data_of(continuous(20), rng.random((15, 20)), rng.random(15)),
        "variances of zero": training_data_of(continuous(2), twice, np.tile(wave, 2), np.zeros(24)),
        "variances given": training_data_of(continuous(2), x2, wave, np.full(12, 0.3)),
        "huge variances": training_data_of(continuous(2), x2, wave, np.full(12, 1e15)),
        "some variances": training_data_of(continuous(2), x2, wave, np.where(wave > 0, 0.1, np.nan)),
        "only categories": training_data_of(
            (Axis("c", "categorical", 3),), [[1 / 6], [0.5], [5 / 6], [0.5]], [1, 2, 3, 4]
        ),
        "mixed": ordinary(),
    }
    return list(cases.items())


@pytest.fixture(params=SURROGATES, ids=repr)
def surrogate(request):
    return request.param


@pytest.mark.parametrize(("name", "data"), degenerate(), ids=[name for name, _ in degenerate()])
def test_moments_are_finite_whatever_the_evidence(surrogate, name, data):
    posterior = surrogate.fit(data)
    points = np.concatenate([points_on(data.axes, 30, np.random.default_rng(2)), data.points])
    mean, std = posterior.moments(points)
    assert mean.shape == std.shape == (len(points),)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std >= 0).all()
    if isinstance(posterior, DifferentiablePosterior):
        for part in posterior.moments_and_gradients(points):
            assert np.isfinite(part).all()
    if isinstance(posterior, ExtendablePosterior):
        for part in posterior.fantasize(points).moments(points):
            assert np.isfinite(part).all()


def test_surrogates_are_what_the_seam_says(surrogate):
    assert isinstance(surrogate, Surrogate)
    assert surrogate == replace(surrogate)


def test_the_same_evidence_gives_the_same_bits(surrogate):
    points = points_on(MIXED, 20, np.random.default_rng(3))
    first, second = (surrogate.fit(ordinary()).moments(points) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_mean_follows_the_values(surrogate):
    data = ordinary(n=60)
    mean, _ = surrogate.fit(data).moments(data.points)
    assert np.corrcoef(mean, data.values)[0, 1] > 0.8


@pytest.mark.parametrize("scale", [1e-9, -1.0, 1e9])
def test_the_units_of_the_values_are_the_units_of_the_moments(surrogate, scale):
    data = ordinary()
    points = points_on(MIXED, 20, np.random.default_rng(4))
    mean, std = surrogate.fit(data).moments(points)
    scaled = surrogate.fit(replace(data, values=scale * data.values)).moments(points)
    if isinstance(surrogate, GP):  # nothing else is a smooth function of the values
        # the optimiser of the hyperparameters stops at slightly different places
        np.testing.assert_allclose(scaled[0], scale * mean, rtol=1e-3, atol=1e-3 * abs(scale))
        np.testing.assert_allclose(scaled[1], abs(scale) * std, rtol=1e-3, atol=1e-3 * abs(scale))
    else:
        assert np.corrcoef(scaled[0], scale * mean)[0, 1] > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_one_more_observation_never_widens_the_posterior(seed):
    data = ordinary(seed)
    posterior = GP().fit(data)
    rng = np.random.default_rng(seed)
    points, new = points_on(MIXED, 50, rng), points_on(MIXED, 1, rng)
    _, before = posterior.moments(points)
    _, after = posterior.condition_on(new, np.array([rng.normal()])).moments(points)
    # std has half the digits of the variance whose rounding it shows
    assert (after <= before + 1e-8).all()


def test_memory_restores_the_trained_surrogate_bit_for_bit():
    data = ordinary()
    trained, memory = GP().train(data, {})
    stored = json.loads(json.dumps(memory))
    assert stored == memory
    again, kept = GP().train(data, stored)
    assert again == trained
    assert kept == memory
    points = points_on(MIXED, 20, np.random.default_rng(5))
    assert np.array_equal(trained.fit(data).moments(points), again.fit(data).moments(points))


def test_learning_is_done_at_every_change_at_first_and_then_as_the_evidence_grows():
    surrogate = GP(always_relearn_until=10, relearn_growth=0.2)
    assert isinstance(surrogate, Trainable)
    memory, learned_at = {}, []
    for n in range(8, 30):
        _, memory = surrogate.train(ordinary(n=n), memory)
        learned_at.append(memory["n_learned"])
    assert sorted(set(learned_at)) == [8, 9, 10, 12, 15, 18, 22, 27]


def test_training_finds_which_axis_matters():
    rng = np.random.default_rng(6)
    points = rng.random((40, 3))
    data = training_data_of(continuous(3), points, np.sin(8 * points[:, 1]))
    trained, _ = GP().train(data, {})
    lengths = np.exp(trained.hyperparameters.log_lengths)
    assert lengths[1] < 0.5 * min(lengths[0], lengths[2])


def test_training_tells_noise_from_signal():
    rng = np.random.default_rng(7)
    points = rng.random((60, 1))
    noisy = np.sin(6 * points[:, 0]) + 0.3 * rng.standard_normal(60)
    for values, low, high in ((noisy, 0.15, 0.45), (np.sin(6 * points[:, 0]), 0.0, 0.02)):
        posterior = GP().fit(training_data_of(continuous(1), points, values))
        assert low <= np.sqrt(posterior.noise) * posterior.scale.size <= high


def test_a_value_of_known_large_variance_counts_for_little():
    points = np.array([[0.1], [0.4], [0.5], [0.6], [0.9]])
    values = np.array([0.0, 0.1, 5.0, 0.1, 0.0])
    trusted = GP().fit(training_data_of(continuous(1), points, values, np.full(5, 1e-4)))
    doubted = GP().fit(
        training_data_of(continuous(1), points, values, np.array([1e-4, 1e-4, 100.0, 1e-4, 1e-4]))
    )
    middle = points[2:3]
    assert trusted.moments(middle)[0][0] == pytest.approx(5.0, abs=0.5)
    assert abs(doubted.moments(middle)[0][0]) < 1.0


def test_a_forest_is_surest_where_it_has_seen_most():
    rng = np.random.default_rng(8)
    points = np.concatenate([0.2 + 0.05 * rng.random((60, 1)), rng.random((10, 1))])
    data = training_data_of(continuous(1), points, np.sin(12 * points[:, 0]))
    _, std = Forest().fit(data).moments(np.array([[0.22], [0.7]]))
    assert std[0] < std[1]


def test_a_fantasy_makes_a_forest_surer_there():
    data = ordinary()
    posterior = Forest().fit(data)
    points = points_on(MIXED, 1, np.random.default_rng(9))
    mean, std = posterior.moments(points)
    mean_after, std_after = posterior.fantasize(points).moments(points)
    assert std_after[0] < std[0]
    assert mean_after[0] == pytest.approx(mean[0], abs=std[0])
