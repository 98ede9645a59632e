"""The space: a point survives every trip, and what is not allowed is never sampled."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from smbo.errors import PointError, SpaceError
from smbo.space import Categorical, Constant, Integer, Real, Space

CHOICES = ["a", "b", None, True, 1, 1.0, False, 0, (1, 2), (True, 2), "1", 2.5, ("x", (None,))]


@st.composite
def reals(draw):
    if draw(st.booleans()):
        low = draw(st.floats(1e-6, 1e3))
        return Real(low, low * draw(st.floats(1.5, 1e6)), log=True)
    low = draw(st.floats(-1e6, 1e6))
    return Real(low, low + draw(st.floats(1e-3, 1e6)))


@st.composite
def grids(draw):
    step = draw(st.sampled_from([0.1, 0.25, 0.3, 2.0, 1e-3]))
    low = draw(st.integers(1, 20))
    count = draw(st.integers(1, 60))
    high = round(low + count * step, 6)
    return Real(low, high, step=step, log=draw(st.booleans()))


@st.composite
def integers(draw):
    log = draw(st.booleans())
    low = draw(st.integers(1, 50) if log else st.integers(-50, 50))
    step = draw(st.sampled_from([None, 1, 2, 7]))
    return Integer(low, low + (step or 1) * draw(st.integers(1, 2000)), log=log, step=step)


def categoricals():
    return st.builds(
        Categorical,
        st.lists(st.sampled_from(range(len(CHOICES))), min_size=1, max_size=6, unique=True).map(
            lambda indices: tuple(CHOICES[index] for index in indices)
        ),
        ordered=st.booleans(),
    )


@st.composite
def spaces(draw):
    kinds = st.one_of(reals(), grids(), integers(), categoricals(), st.just(Constant("fixed")))
    dimensions = draw(st.lists(kinds, min_size=1, max_size=4))
    space = {f"x{index}": dimension for index, dimension in enumerate(dimensions)}
    if draw(st.booleans()):
        space["switch"] = ["on", "off"]
        space["child"] = Real(0, 1, active_when="switch == 'on'")
        space["grandchild"] = Integer(1, 5, active_when="child > 0.5")
    return Space(space)


def cube(space, data, n=5):
    seed = data.draw(st.integers(0, 2**32 - 1))
    units = np.random.default_rng(seed).random((n, len(space.axes)))
    corners = np.random.default_rng(seed).integers(0, 2, units.shape).astype(float)
    return np.concatenate([units, corners])


@settings(deadline=None)
@given(spaces(), st.data())
def test_any_point_of_the_cube_becomes_a_point_of_the_space(space, data):
    for point in space.from_unit(cube(space, data)):
        assert space.contains(point)


@settings(deadline=None)
@given(spaces(), st.data())
def test_a_point_survives_the_trip_through_the_unit_cube(space, data):
    for point in space.from_unit(cube(space, data)):
        (back,) = space.from_unit(space.to_unit([point]))
        assert back.keys() == point.keys()
        for name, value in point.items():
            dimension = space.dimensions[name]
            if isinstance(dimension, Real) and dimension.step is None:
                # two roundings of the position, each worth an ulp of the range (or of its logarithm)
                width = dimension.high - dimension.low
                assert back[name] == pytest.approx(value, rel=1e-12, abs=1e-14 * width + 1e-9 * abs(value))
            else:
                assert back[name] is value or (type(back[name]) is type(value) and back[name] == value)


@settings(deadline=None)
@given(spaces(), st.data())
def test_snapping_twice_is_snapping_once(space, data):
    snapped = space.snap(cube(space, data))
    np.testing.assert_array_equal(space.snap(snapped), snapped)


@settings(deadline=None)
@given(spaces(), st.data())
def test_snapping_does_not_change_the_point(space, data):
    units = cube(space, data)
    assert repr(space.from_unit(space.snap(units))) == repr(space.from_unit(units))


@settings(deadline=None)
@given(spaces(), st.data())
def test_a_space_and_its_points_survive_json(space, data):
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again.to_json() == space.to_json()
    for point in space.from_unit(cube(space, data)):
        stored = json.loads(json.dumps(space.point_to_json(point)))
        assert repr(again.point_from_json(stored)) == repr(point)


@settings(deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_numbers_are_plain_and_inside_the_bounds(space, seed):
    for point in space.sample(10, np.random.default_rng(seed)):
        for name, value in point.items():
            dimension = space.dimensions[name]
            if isinstance(dimension, Real):
                assert type(value) is float
                assert dimension.low <= value <= dimension.high
            if isinstance(dimension, Integer):
                assert type(value) is int
                assert dimension.low <= value <= dimension.high


def test_the_size_counts_points_that_differ():
    assert Space({"a": (1, 3), "b": ["x", "y"]}).size == 6
    assert Space({"a": (1, 3), "b": Categorical(["x", "y"], active_when="a == 1")}).size == 4
    assert Space({"a": (1, 3), "b": (1, 3)}, ["a < b"]).size == 3
    assert Space({"a": (1, 3), "b": (0.0, 1.0)}).size is None
    assert Space({"a": Integer(1, 1000, log=True)}).size == 1000
    assert Space({"a": Constant(1)}).size == 1


def test_a_space_pickles():
    space = Space({"a": Real(0, 1, active_when="b == 'x'"), "b": ["x", (1, 2)]}, ["a < 0.5", _is_small])
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again.sample(5, np.random.default_rng(0)) == space.sample(5, np.random.default_rng(0))


def _is_small(point):
    return point.get("a", 0.0) < 0.5


def test_many_rows_are_handled_a_column_at_a_time():
    space = Space({"x": (0.0, 1.0), "n": (1, 9), "m": ["a", (1, 2), None]})
    for dimension in space.dimensions.values():
        assert dimension.snap(np.linspace(0, 1, 7)).shape == (7,)
    rows = np.random.default_rng(0).random((200, 3))
    one_by_one = np.concatenate([space.snap(row[None, :]) for row in rows])
    np.testing.assert_array_equal(space.snap(rows), one_by_one)


BAD_SPACES = {
    "no dimensions": (lambda: Space({}), "mapping of names"),
    "low above high": (lambda: Space({"x": Real(2, 1)}), "low=2"),
    "low equals high": (lambda: Space({"x": (3, 3)}), "Constant"),
    "log of zero": (lambda: Space({"x": Real(0, 1, log=True)}), "log scale needs low > 0"),
    "infinite bound": (lambda: Space({"x": Real(0, float("inf"))}), "finite"),
    "text bound": (lambda: Space({"x": Real("0", 1)}), "must be a number"),
    "step that misses the end": (lambda: Space({"x": Real(0, 1, step=0.3)}), "0.9"),
    "negative step": (lambda: Space({"x": Integer(0, 4, step=-1)}), "step must be above 0"),
    "half integer": (lambda: Space({"x": Integer(0.5, 4)}), "whole"),
    "no choices": (lambda: Space({"x": []}), "x: .*at least one"),
    "choice twice": (lambda: Space({"x": ["a", "a"]}), "twice"),
    "tuple of texts": (lambda: Space({"x": ("a", "b")}), "list for choices"),
    "unknown prior": (lambda: Space({"x": (0, 1, "normal")}), "log-uniform"),
    "unknown key": (lambda: Space({"x": {"real": [0, 1], "lgo": True}}), "lgo"),
    "unknown kind": (lambda: Space({"x": {"reel": [0, 1]}}), "real, integer"),
    "constraint names nothing": (lambda: Space({"x": (0, 1)}, ["y < 1"]), "'y'"),
    "constraint does not parse": (lambda: Space({"x": (0, 1)}, ["x <"]), "no formula"),
    "one constraint not in a list": (lambda: Space({"x": (0, 1)}, "x < 1"), "list"),
    "circular conditions": (
        lambda: Space({"a": Real(0, 1, active_when="b > 0"), "b": Real(0, 1, active_when="a > 0")}),
        "circle",
    ),
    "its own condition": (lambda: Space({"a": Real(0, 1, active_when="a > 0")}), "circle"),
    "choice that cannot be stored": (lambda: Space({"a": [object()]}).to_json(), "cannot be stored"),
}


@pytest.mark.parametrize("case", BAD_SPACES)
def test_a_space_that_makes_no_sense_is_refused_with_the_reason(case):
    build, message = BAD_SPACES[case]
    with pytest.raises(SpaceError, match=message):
        build()


BAD_POINTS = {
    "not a mapping": ([0.5], "mapping"),
    "unknown name": ({"xx": 1, "x": 0.5, "n": 1, "c": "a"}, "did you mean 'x'"),
    "missing": ({"x": 0.5, "c": "a"}, "n is missing"),
    "out of bounds": ({"x": 1.5, "n": 1, "c": "a"}, r"outside \[0.0, 1.0\]"),
    "nan": ({"x": float("nan"), "n": 1, "c": "a"}, "outside"),
    "text for a number": ({"x": "0.5", "n": 1, "c": "a"}, "number is needed"),
    "bool for a number": ({"x": 0.5, "n": True, "c": "a"}, "number is needed"),
    "fraction for an integer": ({"x": 0.5, "n": 1.5, "c": "a"}, "whole number"),
    "unknown choice": ({"x": 0.5, "n": 1, "c": "z"}, "none of the choices"),
    "inactive": ({"x": 0.5, "n": 1, "c": "b", "w": 0.5}, "only when c == 'a'"),
    "off the grid": ({"x": 0.5, "n": 1, "c": "a", "w": 0.13}, "nearest is 0.1"),
    "forbidden": ({"x": 0.9, "n": 3, "c": "b"}, "x \\* n < 2"),
    "another constant": ({"x": 0.5, "n": 1, "c": "b", "k": 4}, "constant 3"),
}


@pytest.mark.parametrize("case", BAD_POINTS)
def test_a_point_outside_is_refused_with_the_reason(case):
    point, message = BAD_POINTS[case]
    space = Space(
        {
            "x": (0.0, 1.0),
            "n": (1, 3),
            "c": ["a", "b"],
            "w": Real(0, 1, step=0.1, active_when="c == 'a'"),
            "k": 3,
        },
        ["x * n < 2"],
    )
    with pytest.raises(PointError, match=message):
        space.check(point)
    assert not space.contains(point)


def test_a_mere_box_is_mapped_all_at_once_as_column_by_column():
    rng = np.random.default_rng(3)
    bounds = [(-1.0, 2.0), (0.0, 1e-9), (-1e6, 3.0), (5.0, 5.5)]
    box = Space({f"x{k}": pair for k, pair in enumerate(bounds)})
    units = rng.uniform(-0.1, 1.1, size=(50, 4))
    columns = list(zip(box.dimensions.values(), units.T))
    assert box.snap(units).tobytes() == np.column_stack([each.snap(u) for each, u in columns]).tobytes()
    points = box.from_unit(units)
    assert [list(point) for point in points] == [list(box.dimensions)] * 50
    values = [[point[name] for point in points] for name in box.dimensions]
    assert values == [each.from_unit(u) for each, u in columns]
    again = np.column_stack([each.to_unit(column) for each, column in zip(box.dimensions.values(), values)])
    assert box.to_unit(points).tobytes() == again.tobytes()
    assert box.to_unit([]).shape == (0, 4)
    assert box.from_unit(np.zeros((0, 4))) == []
