"""Derived dimensions: values that follow from other dimensions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from smbo import Optimizer, Problem
from smbo.errors import AskError, PointError, SpaceError
from smbo.space import Constant, Derived, Integer, Real, Space
from smbo.space.fixed import checked

MIXTURE = {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": Derived("1 - a - b", low=0)}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_derived_value_is_in_every_point(rng):
    space = Space(MIXTURE)
    assert [axis.name for axis in space.axes] == ["a", "b"]
    for point in space.sample(50, rng):
        assert list(point) == ["a", "b", "c"]
        assert point["c"] >= 0
        assert point["c"] == 1 - point["a"] - point["b"]
        assert space.check(point) == point


def test_a_value_that_contradicts_the_expression_is_refused_with_both_values():
    space = Space(MIXTURE)
    with pytest.raises(
        PointError, match=r"c=0.5 contradicts its expression '1 - a - b', which is 0.25 .*1e-09"
    ):
        space.check({"a": 0.5, "b": 0.25, "c": 0.5})
    assert space.check({"a": 0.5, "b": 0.25, "c": 0.25 + 1e-12})["c"] == 0.25
    assert space.check({"a": 0.5, "b": 0.25}) == {"a": 0.5, "b": 0.25, "c": 0.25}


@pytest.mark.parametrize("bad", ["x", None, True, [1]])
def test_a_derived_value_that_is_no_number_is_refused(bad):
    with pytest.raises(PointError, match=r"c=.*a number is needed"):
        Space(MIXTURE).check({"a": 0.5, "b": 0.25, "c": bad})


def test_bounds_are_met_where_only_rounding_misses_them():
    # 1 - 0.9 - 0.1 is -2.8e-17
    assert Space(MIXTURE).check({"a": 0.9, "b": 0.1})["c"] == 0.0
    with pytest.raises(PointError, match="violates the known constraint '0 <= c'"):
        Space(MIXTURE).check({"a": 0.9, "b": 0.2})


def test_bounds_of_a_derived_dimension_are_constraints(rng):
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": Derived("1 - a - b", low=0.2, high=0.3)})
    assert all(0.2 <= point["c"] <= 0.3 for point in space.sample(100, rng))


def test_bounds_that_cannot_be_met_are_told_with_the_expression():
    space = Space({"a": (0.6, 1.0), "b": (0.6, 1.0), "c": Derived("1 - a - b", low=0)})
    with pytest.raises(SpaceError, match=r"'0 <= c' \(c = 1 - a - b\) holds nowhere"):
        space.sample_unit(1, np.random.default_rng(0))


def test_constraints_and_conditions_may_name_derived_dimensions(rng):
    space = Space({**MIXTURE, "more": Real(0, 1, active_when="c > 0.5")}, constraints=["c < 2 * a"])
    for point in space.sample(100, rng):
        assert point["c"] < 2 * point["a"]
        assert ("more" in point) == (point["c"] > 0.5)
        assert space.check(point) == point


def test_derived_dimensions_may_name_each_other(rng):
    space = Space({"twice": Derived("2 * once"), "once": Derived("x + 1"), "x": (0.0, 1.0)})
    assert space.check({"x": 0.5}) == {"twice": 3.0, "once": 1.5, "x": 0.5}
    with pytest.raises(SpaceError, match="refer to each other in a circle"):
        Space({"a": Derived("b"), "b": Derived("a"), "x": (0.0, 1.0)})


def test_whole_numbers_stay_whole(rng):
    space = Space({"n": (1, 6), "m": (1, 6), "k": Derived("8 - n - m", low=1), "half": Derived("n / 2")})
    point = space.sample(1, rng)[0]
    assert type(point["k"]) is int
    assert type(point["half"]) is float
    assert type(space.check({"n": 2, "m": 2})["k"]) is int
    assert {p["n"] + p["m"] + p["k"] for p in space.from_unit(space.grid())} == {8}


def test_a_derived_dimension_exists_where_what_it_names_does(rng):
    space = Space(
        {
            "kind": ["one", "two"],
            "a": Real(0, 1, active_when="kind == 'two'"),
            "rest": Derived("1 - a", low=0.5),
        }
    )
    points = space.sample(60, rng)
    assert all(("rest" in point) == (point["kind"] == "two") for point in points)
    assert all(space.check(point) == point for point in points)
    with pytest.raises(PointError, match="rest = 1 - a exists only where"):
        space.check({"kind": "one", "rest": 0.7})


def test_a_value_that_is_not_finite_is_not_allowed(rng):
    space = Space({"a": (0, 3), "b": (0, 3), "ratio": Derived("a / b")})
    assert all(np.isfinite(point["ratio"]) for point in space.sample(50, rng))
    with pytest.raises(PointError, match="ratio = a / b is inf"):
        space.check({"a": 1, "b": 0})


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        ({"c": Derived("1 - z"), "a": (0.0, 1.0)}, "c: expression '1 - z' names 'z', which is no dimension"),
        ({"c": Derived("1 - a"), "a": ["x", "y"]}, "one of whose values is 'x'; only numbers"),
        ({"c": Derived("1 - a"), "a": Constant("x"), "b": (0.0, 1.0)}, "one of whose values is 'x'"),
    ],
)
def test_an_expression_that_does_not_fit_the_space_is_refused(dimensions, message):
    with pytest.raises(SpaceError, match=message):
        Space(dimensions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a > 1",), "is a condition; write a number"),
        (("1 + 1",), "names no dimension: write a constant"),
        (("1 -",), "is no formula"),
        ((3,), "a formula is a text"),
        (("a", 2, 1), "low must be below high"),
        (("a", float("nan")), "low must be a finite number"),
        (("a", "0"), "low must be a finite number, got '0'"),
        (("a", 10**400), "low must be|too large"),
    ],
)
def test_a_derived_dimension_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(SpaceError, match=message):
        Derived(*arguments)


def test_a_derived_dimension_is_written_in_a_job_file_and_stored():
    form = {"a": {"real": [0, 1]}, "b": {"real": [0, 1]}, "c": {"expression": "1 - a - b", "low": 0}}
    space = Space.from_json(form)
    assert space == Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": Derived("1 - a - b", low=0)})
    again = Space.from_json(space.to_json())
    assert again == space
    assert pickle.loads(pickle.dumps(space)) == space
    unbounded = Space({"a": (0.0, 1.0), "c": Derived("1 / a", high=1 / 0.3)})
    again_unbounded = pickle.loads(pickle.dumps(unbounded))
    assert again_unbounded.sample(3, np.random.default_rng(0)) == unbounded.sample(
        3, np.random.default_rng(0)
    )
    assert pickle.loads(pickle.dumps(Space({"a": (0.0, 1.0), "c": Derived("1 / a")}))).contains({"a": 0.5})
    point = space.check({"a": 0.5, "b": 0.25})
    assert again.point_from_json(space.point_to_json(point)) == point
    with pytest.raises(SpaceError, match="'step' is unknown beside 'expression', which takes low, high"):
        Space.from_json({**form, "c": {"expression": "1 - a - b", "step": 1}})


def test_a_derived_dimension_cannot_be_fixed():
    with pytest.raises(AskError, match="fixed 'c' follows from '1 - a - b'; fix the"):
        checked(Space(MIXTURE), {"c": 0.5})


def test_an_optimizer_is_told_and_tells_derived_values():
    optimizer = Optimizer(Problem(Space(MIXTURE), try_first=[{"a": 0.5, "b": 0.5}]), seed=0)
    (first,) = optimizer.ask(1)
    assert first.params == {"a": 0.5, "b": 0.5, "c": 0.0}
    optimizer.tell(first, 1.0)
    optimizer.tell({"a": 0.2, "b": 0.2}, 0.5)
    for _ in range(8):
        (trial,) = optimizer.ask(1)
        optimizer.tell(trial, (trial.params["c"] - 0.3) ** 2)
    assert all(abs(sum(trial.params.values()) - 1) < 1e-12 for trial in optimizer.trials)
    with pytest.raises(PointError, match="contradicts its expression"):
        optimizer.tell({"a": 0.2, "b": 0.2, "c": 0.2}, 0.5)


def test_names_in_backticks_stand_in_expressions_and_are_derived(rng):
    dimensions = {"StringZ:aLund": (0.0, 1.0), "lambda": (0.0, 1.0)}
    rest = Derived("1 - `StringZ:aLund` - `lambda`", low=0)
    again = pickle.loads(pickle.dumps(Space({**dimensions, "the rest": rest}, ["`the rest` < 0.001"])))
    assert all(0 <= point["the rest"] < 0.001 for point in again.sample(50, rng))
    equation = Space({"a:b": (0.0, 1.0), "z": (0.0, 1.0)}, ["`a:b` + z == 1"])
    with pytest.raises(SpaceError, match="expression: '1 - `a:b`'"):
        equation.sample(1, rng)


def test_an_integer_axis_of_many_levels_and_a_derived_one(rng):
    names = [f"n{i}" for i in range(6)]
    space = Space({**{n: Integer(0, 50) for n in names}, "last": Derived("50 - " + " - ".join(names), low=0)})
    points = space.sample(200, rng)
    assert all(sum(point.values()) == 50 and type(point["last"]) is int for point in points)
