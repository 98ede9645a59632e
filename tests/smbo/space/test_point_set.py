"""Sets of unit points that may not come again."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.space import Integer, Real, Space
from smbo.space.point_set import PointSet

INFINITE = Space({"n": Integer(1, 9), "x": Real(0, 1)})
FINITE = Space({"n": Integer(1, 9), "m": Integer(1, 9)})


@pytest.fixture
def points():
    return np.round(np.random.default_rng(0).random((50, 2)), 6)


@pytest.mark.parametrize("space", [None, INFINITE, FINITE], ids=["keys", "infinite", "finite"])
def test_points_that_agree_to_nine_decimals_are_the_same(points, space):
    found = PointSet([points]) if space is None else PointSet.within(space, [points[:20], points[20:]])
    assert all(row in found for row in points + 1e-11)
    assert found.hits(points).all()
    assert not found.hits(points + 1e-6).any()


def test_zero_and_minus_zero_are_the_same_point():
    assert np.array([-0.0, 0.5]) in PointSet([np.array([[0.0, 0.5]])])


@pytest.mark.parametrize("space", [INFINITE, FINITE], ids=["infinite", "finite"])
def test_an_added_point_is_in_the_set_and_in_no_other(points, space):
    before = PointSet.within(space, [points[:10]])
    after = before.with_points(points[10:12])
    assert after.hits(points[:12]).all()
    assert not before.hits(points[10:12]).any()
    before.add(points[12])
    assert points[12] in before
    assert points[12] not in after
    assert len(before) == 11
    assert len(after) == 12


def test_points_that_coincide_count_once(points):
    assert len(PointSet([points, points[:5]])) == len(points)
