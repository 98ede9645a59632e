"""Gradient ascent of many starts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from smbo.acquisition.gradient_ascent import Allowed, ascend
from smbo.space import Space

EVERYWHERE = Allowed(None, np.zeros((0, 0)), np.zeros(0))


@dataclass(frozen=True)
class Bowl:
    """Highest, with value 0, at a centre; counts its calls."""

    centre: np.ndarray
    widths: np.ndarray

    def __call__(self, points):
        return -(((points - self.centre) / self.widths) ** 2).sum(axis=1)

    def with_gradient(self, points):
        return self(points), -2 * (points - self.centre) / self.widths**2


def bowl(*centre, widths=None):
    centre = np.array(centre)
    return Bowl(centre, np.ones_like(centre) if widths is None else np.array(widths))


def test_the_ascent_climbs_a_curved_ridge():
    class Ridge:
        def __call__(self, points):
            return self.with_gradient(points)[0]

        def with_gradient(self, points):
            x, y = points.T
            off = y - x**2
            score = -((1 - x) ** 2) * 0.1 - 10 * off**2
            return score, np.stack([0.2 * (1 - x) + 40 * off * x, -20 * off], axis=1)

    starts = np.array([[0.0, 0.5], [0.2, 0.9], [0.9, 0.1]])
    movable = np.ones_like(starts, dtype=bool)
    points, scores = ascend(Ridge(), starts, movable, EVERYWHERE, 100)
    np.testing.assert_allclose(points, np.ones((3, 2)), atol=1e-4)
    assert (scores > -1e-7).all()


def test_a_row_whose_model_does_not_reach_the_best_score_is_given_up():
    class TwoHills:
        def __init__(self):
            self.n_rows = []

        def with_gradient(self, points):
            self.n_rows.append(len(points))
            hills = [bowl(0.2, 0.2, widths=[0.1, 0.3]), bowl(0.8, 0.8, widths=[0.1, 0.3])]
            (left, left_slope), (right, right_slope) = (hill.with_gradient(points) for hill in hills)
            is_left = (left > right - 3.0)[:, None]
            return np.maximum(left, right - 3.0), np.where(is_left, left_slope, right_slope)

    hills, starts = TwoHills(), np.array([[0.25, 0.4], [0.85, 0.6]])
    points, _ = ascend(hills, starts, np.ones((2, 2), dtype=bool), EVERYWHERE, 30, most_gain=8.0)
    np.testing.assert_allclose(points[0], [0.2, 0.2], atol=1e-3)
    assert hills.n_rows[0] == 2
    assert 2 not in hills.n_rows[4:]
    alone = TwoHills()
    points, _ = ascend(alone, starts[1:], np.ones((1, 2), dtype=bool), EVERYWHERE, 30)
    np.testing.assert_allclose(points[0], [0.8, 0.8], atol=1e-3)
    assert len(alone.n_rows) > 6  # calls that the row would have gone on for


def test_the_ascent_leaves_alone_what_may_not_move():
    starts = np.array([[0.1, 0.1, 0.1]])
    movable = np.array([[True, False, True]])
    points, _ = ascend(bowl(0.6, 0.6, 0.6), starts, movable, EVERYWHERE, 30)
    np.testing.assert_allclose(points, [[0.6, 0.1, 0.6]], atol=1e-6)


@pytest.mark.parametrize(
    "constraints", [["a + b + c <= 1"], ["a < b < c"], ["a + b + c <= 1", "abs(a - b) <= 0.05"]]
)
def test_the_ascent_slides_along_the_faces_of_linear_constraints(constraints):
    """Against a general solver; before, an ascent stopped at the first face."""
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}, constraints)
    criterion = bowl(0.9, 0.7, 0.2, widths=[0.3, 1.0, 0.5])
    starts = space.sample_unit(6, np.random.default_rng(0))
    points, scores = ascend(criterion, starts, np.ones_like(starts, dtype=bool), Allowed.of(space), 60)
    assert space.allowed(points).all()
    normals, bounds = space.feasible.linear.faces
    best = minimize(
        lambda at: -criterion(at[None])[0],
        starts[0],
        constraints=LinearConstraint(normals, -np.inf, bounds),
        bounds=[(0, 1)] * 3,
        options={"ftol": 1e-13, "maxiter": 500},
    )
    np.testing.assert_allclose(points[np.argmax(scores)], best.x, atol=2e-3)
