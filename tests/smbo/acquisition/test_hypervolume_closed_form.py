"""Expected hypervolume improvement: what follows from its definition; its tails are in tests/numerics."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.acquisition.expected_improvement import log_expected_improvement
from smbo.acquisition.hypervolume_closed_form import Sides, log_expected_volume
from smbo.problem.hypervolume import Boxes, free_boxes


def moments(m, n=50):
    rng = np.random.default_rng(m)
    return rng.normal(0.5, 1.0, (n, m)), rng.uniform(0.05, 1.0, (n, m))


def test_of_one_objective_it_is_expected_improvement():
    means, stds = moments(1)
    sides = Sides.of(Boxes(np.array([[-np.inf]]), np.array([[0.4]])))
    expected = log_expected_improvement(means[:, 0], stds[:, 0], 0.4)
    np.testing.assert_allclose(log_expected_volume(sides, means, stds), expected, rtol=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_without_a_front_it_is_the_product_of_expected_improvements_on_the_reference(m):
    means, stds = moments(m)
    reference = np.linspace(0.5, 1.5, m)
    sides = Sides.of(free_boxes(np.zeros((0, m)), reference))
    expected = sum(log_expected_improvement(means[:, j], stds[:, j], reference[j]) for j in range(m))
    np.testing.assert_allclose(log_expected_volume(sides, means, stds), expected, rtol=1e-12, atol=1e-12)


def test_cutting_a_box_in_two_changes_nothing():
    means, stds = moments(2)
    whole = Boxes(np.array([[-np.inf, 0.1]]), np.array([[0.8, 1.2]]))
    cut = Boxes(np.array([[-np.inf, 0.1], [0.3, 0.1]]), np.array([[0.3, 1.2], [0.8, 1.2]]))
    one, two = (log_expected_volume(Sides.of(boxes), means, stds) for boxes in (whole, cut))
    np.testing.assert_allclose(two, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("m", [2, 3])
def test_a_point_that_joins_the_front_leaves_less_to_gain(m):
    means, stds = moments(m)
    reference, joining = np.ones(m), np.full((1, m), 0.4)
    front = np.full((m, m), 0.6) - 0.5 * np.eye(m)
    before, after = (
        log_expected_volume(Sides.of(free_boxes(known, reference)), means, stds)
        for known in (front, np.concatenate([front, joining]))
    )
    assert (after <= before + 1e-10).all()  # far from the front the difference is below the last digit
    assert np.median(before - after) > 0.01
