"""Fantasies: pessimistic values at failed points, the posterior's own mean at pending ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from smbo.acquisition import LogExpectedImprovement, LowerConfidenceBound, batch
from smbo.acquisition.base import Search
from smbo.acquisition.fantasies import posterior_with_fantasies, search_posterior
from smbo.space import Real, Space
from smbo.space.point_set import PointSet
from smbo.surrogates import GP
from smbo.training_data import TrainingData

BOX = Space({"a": Real(0, 1), "b": Real(0, 1)})


def evidence_on(space, n=15, seed=0, pending=0, function=None):
    rng = np.random.default_rng(seed)
    points = np.unique(space.sample_unit(n, rng), axis=0)
    n = len(points)
    values = ((points - 0.3) ** 2).sum(axis=1) if function is None else function(points)
    return TrainingData(
        axes=space.axes,
        numbers=np.arange(n),
        points=points,
        values=values,
        variances=np.full(n, np.nan),
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, len(space.axes))),
        pending=space.sample_unit(pending, rng) if pending else np.zeros((0, len(space.axes))),
    )


def select(space, data, n, surrogate=None, acquisition=None, seed=0):
    surrogate, taken = surrogate or GP(), PointSet([data.points, data.failed, data.pending])
    posterior, rng = search_posterior(surrogate, data), np.random.default_rng(seed)
    search = Search(surrogate, posterior, space, data, taken, n, rng, {})
    return batch.select(search, acquisition or LogExpectedImprovement())


@dataclass(frozen=True)
class Flat:
    """A surrogate whose posterior can neither be extended nor differentiated."""

    def fit(self, data):
        return FlatPosterior(data.points.copy())


@dataclass(frozen=True, eq=False)
class FlatPosterior:
    points: np.ndarray

    def moments(self, points):
        gaps = np.sqrt(((points[:, None] - self.points) ** 2).sum(axis=-1)).min(axis=1)
        return np.zeros(len(points)), gaps


@pytest.mark.parametrize("surrogate", [GP(bend_values=False), Flat()], ids=lambda one: type(one).__name__)
def test_a_failed_point_leaves_nothing_to_gain_where_it_lies(surrogate):
    failed = np.array([[0.9, 0.1], [0.2, 0.8]])
    data = evidence_on(BOX)
    plain, given = surrogate.fit(data), posterior_with_fantasies(surrogate, replace(data, failed=failed))
    (mean, std), (mean_given, std_given) = plain.moments(failed), given.moments(failed)
    told = plain.moments(data.points)[0]
    nothing_to_gain = told.min() + 2.0 * std + 0.1 * (told.max() - told.min())
    shown = np.maximum(mean, np.minimum(nothing_to_gain, told.max()))
    np.testing.assert_allclose(mean_given, shown, rtol=0.05)
    assert (std_given < std).all()


def test_a_failed_point_that_promised_most_is_shown_worse_than_the_best():
    points = np.random.default_rng(3).uniform(0.0, 0.5, (12, 2))
    data = TrainingData.of_values(BOX.axes, points, -points[:, 0])
    surrogate, _ = GP(bend_values=False).train(data, {})
    failed = np.array([[0.6, 0.3]])
    assert surrogate.fit(data).moments(failed)[0][0] < data.values.min()
    given = posterior_with_fantasies(surrogate, replace(data, failed=failed))
    assert given.moments(failed)[0][0] > data.values.min() + 0.09 * np.ptp(data.values)


def test_failures_that_promised_nothing_leave_what_is_believed_elsewhere_as_it_was():
    rng = np.random.default_rng(3)
    points = rng.random((16, 2)) * [1.0, 0.6]
    data = TrainingData.of_values(BOX.axes, points, np.sin(4.0 * points[:, 0]))
    surrogate, _ = GP(bend_values=False).train(data, {})
    failed = np.array([[0.75, 0.65], [0.7, 0.7]])  # worse than the best, better than the worst
    plain, given = surrogate.fit(data), posterior_with_fantasies(surrogate, replace(data, failed=failed))
    others = rng.random((200, 2))
    np.testing.assert_allclose(given.moments(others)[0], plain.moments(others)[0], atol=1e-6)


def test_a_surrogate_with_nothing_but_moments_will_do():
    data = evidence_on(BOX, n=5)
    chosen = select(BOX, data, 4, Flat(), LowerConfidenceBound())
    # each fantasy is refitted to: the deviation is the distance to the nearest known point
    everything = np.concatenate([data.points, chosen])
    gaps = np.sqrt(((everything[:, None] - everything[None]) ** 2).sum(axis=-1)) + np.eye(9)
    assert gaps[5:].min() > 0.1
