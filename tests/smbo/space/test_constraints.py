"""Known constraints and conditions of a space."""

import pickle

import numpy as np
import pytest

from smbo.errors import PointError, SpaceError
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


NAMES = ["StringZ:aLund", "lambda", "my param", "µ", "1st", "a-b", "log"]


def test_names_of_any_form_stand_in_constraints_and_conditions():
    space = Space(
        {
            **dict.fromkeys(NAMES, (0.0, 1.0)),
            "my flag": [True, False],
            "width": Real(0, 1, active_when="`my flag`"),
            "depth": Integer(1, 5, active_when="`lambda` > 0.5 and width < 0.9"),
        },
        [" + ".join(f"`{name}`" for name in NAMES) + " <= 4", "`a-b` <= `my param`", "µ < 0.8", "`my flag`"],
    )
    again = Space.from_json(space.to_json())
    for point in again.sample(50, np.random.default_rng(0)):
        assert sum(point[name] for name in NAMES) <= 4
        assert point["a-b"] <= point["my param"]
        assert point["my flag"]
        assert space.check(point) == point
    with pytest.raises(PointError, match="`a-b` <= `my param`"):
        space.check({**dict.fromkeys(NAMES, 0.1), "my flag": True, "width": 0.5, "a-b": 0.2})


@pytest.mark.parametrize(
    "formula", ["StringZ:aLund <= 1", "lambda < 0.5", "my param > 0", "1st > 0", "a-b < 1"]
)
def test_a_dimensions_name_without_its_backticks_is_refused_with_them(formula):
    (name,) = [name for name in NAMES if formula.startswith(name)]
    with pytest.raises(SpaceError, match=f"constraint.*write `{name}`, with backticks"):
        Space(dict.fromkeys(NAMES, (0.0, 1.0)), [formula])
    with pytest.raises(SpaceError, match=f"x: active_when.*write `{name}`, with backticks"):
        Space({**dict.fromkeys(NAMES, (0.0, 1.0)), "x": Real(0, 1, active_when=formula)})


def test_a_sum_of_hundreds_of_dimensions_is_a_constraint():
    names = [f"StringZ:w{k}" for k in range(300)]
    space = Space(dict.fromkeys(names, (0.0, 1.0)), [" + ".join(f"`{name}`" for name in names) + " <= 200"])
    (point,) = space.sample(1, np.random.default_rng(0))
    assert sum(point.values()) <= 200
    assert space.contains(point)


def test_a_dimension_derived_from_names_of_any_form_is_checked_and_pickled():
    space = Space(
        {
            "StringZ:aLund": (0.0, 1.0),
            "lambda": (0.0, 1.0),
            "my rest": {"expression": "1 - `StringZ:aLund` - `lambda`", "low": 0},
        }
    )
    again = pickle.loads(pickle.dumps(space))
    for point in again.sample(20, np.random.default_rng(0)):
        assert sum(point.values()) == pytest.approx(1.0)
        assert space.check(point) == point
    assert pickle.loads(pickle.dumps(Space({"a": (0, 1), "b": {"expression": "1 - a"}}))).contains({"a": 1})
    with pytest.raises(SpaceError, match="write `a-b`, with backticks"):
        Space({"a-b": (0, 1), "c": {"expression": "1 - a-b"}})


def test_a_sum_of_hundreds_of_whole_numbers_is_whole():
    names = [f"n{k}" for k in range(600)]
    space = Space({**dict.fromkeys(names, (0, 3)), "total": {"expression": " + ".join(names)}})
    (point,) = space.sample(1, np.random.default_rng(0))
    assert type(point["total"]) is int
    assert point["total"] == sum(point[name] for name in names)


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("3 * a <= b", {"a": 0.1, "b": 0.3}),
        ("b >= 3 * a", {"a": 0.1, "b": 0.3}),
        ("0 <= 3 * a <= b <= 1", {"a": 0.1, "b": 0.3}),
        ("a + 0.2 <= b and a > 0", {"a": 0.1, "b": 0.3}),
        ("b - 3 * a >= 0", {"a": 0.1, "b": 0.3}),
    ],
)
def test_a_told_point_on_a_boundary_is_taken_although_rounding_puts_it_outside(formula, point):
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)}, constraints=[formula])
    assert space.contains(point)
    assert not space.contains({**point, "b": 0.299999999})


def test_a_strict_comparison_stays_strict_at_the_boundary():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": ["u", "v"]}, constraints=["a < b", "not b <= a"])
    assert not space.contains({"a": 0.5, "b": 0.5, "c": "u"})
    texts = Space({"a": (0.0, 1.0), "c": ["u", "v"]}, constraints=["c <= 'u'"])
    assert not texts.contains({"a": 0.5, "c": "v"})
