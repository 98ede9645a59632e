"""Gradient ascent of many starts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.acquisition.gradient_ascent import ascend


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
    points, scores = ascend(Ridge(), starts, movable, lambda p: np.ones(len(p), dtype=bool), 100)
    np.testing.assert_allclose(points, np.ones((3, 2)), atol=1e-4)
    assert (scores > -1e-7).all()


def test_the_ascent_leaves_alone_what_may_not_move():
    starts = np.array([[0.1, 0.1, 0.1]])
    movable = np.array([[True, False, True]])
    points, _ = ascend(bowl(0.6, 0.6, 0.6), starts, movable, lambda p: np.ones(len(p), dtype=bool), 30)
    np.testing.assert_allclose(points, [[0.6, 0.1, 0.6]], atol=1e-6)
