"""The outcome transform where errors are given."""

import numpy as np
import pytest

from smbo.surrogates import GP
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Axis, TrainingData


def test_the_unit_of_an_anchored_transform_is_no_finer_than_given_errors():
    values = np.linspace(0.0, 10.0, 21)
    fine = OutcomeTransform.of(values, 0.0, 0.1)
    noisy = OutcomeTransform.of(values, 0.0, 0.1, np.full(21, 0.5**2))
    assert fine.size == pytest.approx(0.5)
    assert noisy.size == pytest.approx(1.5)
    unknown = OutcomeTransform.of(values, 0.0, 0.1, np.full(21, np.nan))
    assert unknown == fine
    # the slope carries errors over to the latent scale: at the lowest value it stays near that of the others
    slopes = noisy.slopes(values[:3])
    assert slopes[0] / slopes[2] < 2.0


def test_the_mean_at_the_best_point_is_not_above_what_its_values_say():
    """Values bent by a unit of a tenth of their error put the luckiest ones last, and the mean far above."""
    rng = np.random.default_rng(2)
    points = rng.random((40, 2))
    truth = 4.0 * ((points - 0.4) ** 2).sum(axis=1)
    sems = 0.2 * 6.0 ** (2.0 * points[:, 0] - 1.0)
    values = truth + sems * rng.standard_normal(40)
    axes = (Axis("x", "continuous"), Axis("y", "continuous"))
    posterior = GP().fit(TrainingData.of_values(axes, points, values, sems**2))
    mean, std = posterior.moments(points)
    z = (truth - mean) / std
    assert abs(z.mean()) < 0.8
    assert np.sqrt((z**2).mean()) < 1.6
    assert truth[np.argmin(mean)] < 0.25
