"""Gaussian process: means without deviations, and the rows that hyperparameters are learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import smbo.surrogates.gp.gp as module
from smbo.surrogates import GP
from smbo.training_data import Axis, TrainingData


def training_data_of(n, d=2, seed=0):
    points = np.random.default_rng(seed).random((n, d))
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=tuple(Axis(f"x{i}", "continuous") for i in range(d)),
        numbers=np.arange(n),
        points=points,
        values=np.sin(6.0 * points).sum(axis=1) + np.exp(3.0 * points[:, 0]),
        variances=unknown,
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, d)),
        pending=np.zeros((0, d)),
    )


@pytest.mark.parametrize("bend_values", [False, True])
def test_means_alone_are_the_means_of_the_moments(bend_values):
    data = training_data_of(25)
    posterior = GP(bend_values=bend_values).fit(data)
    both = np.concatenate([data.points[5:9], np.random.default_rng(1).random((4, 2))])
    for belief in (posterior, posterior.latent):
        np.testing.assert_allclose(belief.means_only(both), belief.moments(both)[0], rtol=1e-6, atol=1e-7)


def test_means_of_evaluated_points_follow_what_was_told_or_imagined_since():
    data = training_data_of(15)
    more = np.random.default_rng(2).random((3, 2))
    posterior = GP(bend_values=False).fit(data)
    for extended in (posterior.fantasize(more), posterior.condition_on(more, np.array([9.0, -3.0, 2.0]))):
        asked = np.concatenate([data.points, more])
        np.testing.assert_allclose(
            extended.means_only(asked), extended.moments(asked)[0], rtol=1e-6, atol=1e-6
        )


def test_hyperparameters_are_learned_from_a_bounded_number_of_values(monkeypatch):
    sizes = []
    search = module.most_probable

    def watched(likelihood, starts, n_iterations):
        sizes.append(len(likelihood.values))
        return search(likelihood, starts, 2)

    monkeypatch.setattr(module, "most_probable", watched)
    for n in (256, 400):
        sizes.clear()
        GP().train(training_data_of(n), {})
        assert set(sizes) == {256}


def test_the_second_start_is_repeated_when_the_values_have_grown_and_not_at_each_new_one(monkeypatch):
    n_starts = []
    search = module.most_probable

    def watched(likelihood, starts, n_iterations):
        n_starts.append(len(starts))
        return search(likelihood, starts, 2)

    monkeypatch.setattr(module, "most_probable", watched)
    process, memory, repeated = GP(bend_values=False), {}, []
    for n in range(18, 31):
        _, memory = process.train(training_data_of(n), memory)
        repeated += [n] * (n_starts[-1] == 2)
    assert repeated == [20, 26]
    process.train(training_data_of(30), {**memory, "n_learned": 25})  # a batch that steps over 26
    assert n_starts[-1] == 2


def test_a_second_transform_is_tried_when_the_values_have_grown_and_not_at_each_new_one(monkeypatch):
    searched = []
    search = module.most_probable
    monkeypatch.setattr(module, "most_probable", lambda *given: searched.append(1) or search(*given))
    memory, tried = {}, []
    for n in range(8, 20):
        searched.clear()
        data = training_data_of(n)
        _, memory = GP().train(replace(data, values=np.exp(5.0 * data.points[:, 0])), memory)
        tried += [n] * (len(searched) == 2)
    assert tried == [8, 11, 14, 18]


def test_many_points_have_the_moments_that_each_has_alone():
    posterior = GP(bend_values=False).fit(training_data_of(90))
    points = np.random.default_rng(3).random((2 * module._BLOCK // 90 + 7, 2))
    alone = np.concatenate([posterior.moments(point[None]) for point in points], axis=1)
    np.testing.assert_allclose(posterior.moments(points), alone, rtol=1e-5, atol=1e-7)


def test_the_values_learned_from_hold_the_best_ones_and_some_from_all_over():
    data = training_data_of(400)
    kept = module.rows_to_learn_from(data)
    order = np.argsort(data.values)
    assert set(order[:96]) <= set(kept.numbers)
    assert len(set(kept.numbers)) == 256
    assert (np.diff(kept.numbers) > 0).all()
    assert (np.diff(kept.numbers) < 12).all()  # no long run of trials is left out


def test_a_part_of_the_values_tells_nearly_the_same_as_all_of_them(monkeypatch):
    data = training_data_of(300)
    part = GP().train(data, {})[0]
    monkeypatch.setattr(module, "MAX_ROWS_LEARNED", 300)
    whole = GP().train(data, {})[0]
    queries = np.random.default_rng(3).random((200, 2))
    means = [replace(gp).fit(data).moments(queries)[0] for gp in (part, whole)]
    assert np.abs(means[0] - means[1]).max() < 0.01 * data.values.std()
