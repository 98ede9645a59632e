"""Known constraints and conditions of a space."""

import numpy as np
import pytest

from smbo.errors import SpaceError
from smbo.space import Integer, Real, Space, StoredCallable


def test_constraints_hold_for_every_sample():
    space = Space(
        {"a": (0.0, 2.0), "b": (0.0, 2.0), "n": (1, 5)}, ["a + b <= 2", lambda point: point["n"] != 3]
    )
    for point in space.sample(200, np.random.default_rng(0)):
        assert point["a"] + point["b"] <= 2
        assert point["n"] != 3


def test_a_constraint_that_nothing_meets_is_reported():
    space = Space({"a": (0.0, 1.0)}, ["a > 2"])
    with pytest.raises(SpaceError, match="a > 2"):
        space.sample_unit(1, np.random.default_rng(0))


def test_a_condition_may_refer_to_a_conditional_dimension():
    space = Space(
        {
            "deep": Real(0, 1, active_when="middle > 2"),
            "middle": Integer(1, 5, active_when="kind == 'tree'"),
            "kind": ["tree", "line"],
        }
    )
    points = space.sample(200, np.random.default_rng(1))
    assert any("deep" in point for point in points)
    for point in points:
        assert ("middle" in point) == (point["kind"] == "tree")
        assert ("deep" in point) == (point.get("middle", 0) > 2)


def test_a_callable_is_stored_by_name_and_refuses_to_judge_when_read_back():
    space = Space({"a": (0.0, 1.0)}, [_is_small])
    again = Space.from_json(space.to_json())
    assert isinstance(again.constraints[0], StoredCallable)
    assert again.to_json() == space.to_json()
    with pytest.raises(SpaceError, match="_is_small"):
        again.sample_unit(1, np.random.default_rng(0))


def _is_small(point):
    return point.get("a", 0.0) < 0.5


def test_conditions_and_constraints_give_each_row_what_it_gets_alone():
    space = Space(
        {
            "m": ["a", (1, 2), None],
            "w": Real(0, 1, active_when="m in ['a', (1, 2)]"),
            "v": Integer(1, 5, active_when="w > 0.5"),
            "k": 3,
        },
        ["v < k or m == (1, 2)", "w != 0.25"],
    )
    rows = space.snap(np.random.default_rng(0).random((300, 3)))
    allowed = space.allowed(rows)
    assert 0 < allowed.sum() < 300
    for row, point, is_allowed in zip(rows, space.from_unit(rows), allowed):
        assert space.allowed(row[None, :])[0] == is_allowed
        assert space.contains(point) == is_allowed
