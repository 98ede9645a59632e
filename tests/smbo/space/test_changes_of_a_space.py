"""Changes of a space: what may change, and earlier points in terms of the present space."""

import json
from collections import Counter

import numpy as np
import pytest

from smbo.errors import PointError, SpaceError
from smbo.space import Categorical, Constant, Derived, Integer, Real, Space
from smbo.space.changes import continued, differences, is_near
from smbo.space.fixed import checked, is_within, subspace

OLD = Space(
    {
        "x": (0.0, 1.0),
        "n": Integer(1, 8),
        "act": ["relu", "tanh", "gelu"],
        "rate": Real(1e-4, 1e-1, log=True),
        "cut": Real(0, 1, step=0.25),
        "gone": (0.0, 5.0),
    }
)
NEW = Space(
    {
        "x": (0.2, 0.5),
        "n": Integer(1, 4),
        "act": ["relu", "gelu", "silu"],
        "rate": Real(1e-5, 1e-1, log=True),
        "cut": Real(0, 1, step=0.1),
        "gone": 2.5,
        "late": (0.0, 0.99),
    }
)
POINT = {"x": 0.9, "n": 8, "act": "tanh", "rate": 1e-3, "cut": 0.25, "gone": 1.0}


@pytest.fixture(scope="module")
def present():
    return continued(OLD, NEW, {"late": 0.0})


def test_points_of_the_present_space_are_inside_and_sampled_alike(present):
    rng = np.random.default_rng(0)
    points = present.sample(2000, rng)
    units = present.to_unit(points)
    assert is_within(present, units).all()
    np.testing.assert_allclose(present.snap(units), units, atol=1e-12)
    assert [present.check(point) for point in points] == points
    assert {point["gone"] for point in points} == {2.5}
    counts = Counter(point["act"] for point in points)
    assert counts.keys() == {"relu", "gelu", "silu"}  # the retired choice's share falls to all alike
    assert min(counts.values()) > 550


def test_an_earlier_point_keeps_its_values_and_gets_defaults(present):
    read = present.point_from_json(OLD.point_to_json(POINT))
    assert read == {**POINT, "late": 0.0}
    unit = dict(zip((axis.name for axis in present.axes), present.to_unit([read])[0]))
    assert unit["x"] == pytest.approx((0.9 - 0.2) / 0.3)  # outside of the unit cube
    assert unit["n"] == pytest.approx(7.5 / 4)
    assert unit["cut"] == pytest.approx((2.5 + 0.5) / 11)  # between two levels of the new grid
    assert unit["gone"] == pytest.approx(0.2)
    assert not is_within(present, present.to_unit([read])).any()
    with pytest.raises(PointError):
        present.check(read)


def test_points_far_outside_say_nothing(present):
    beside, far = {**POINT, "x": 0.7, "n": 6, "late": 0.0}, {**POINT, "late": 0.0}
    assert is_near(present.to_unit([beside, far])).tolist() == [True, False]


def test_the_stored_form_brings_the_space_back(present):
    again = Space.from_json(json.loads(json.dumps(present.to_json())))
    assert again == present
    assert again.axes == present.axes
    assert "earlier" not in OLD.to_json()


def test_a_space_may_change_again_and_back(present):
    back = Space({**OLD.dimensions, "late": 0.0})
    again = continued(present, back)
    assert is_within(again, again.to_unit([{**POINT, "late": 0.0}])).all()
    assert not is_within(again, again.to_unit([{**POINT, "late": 0.5}])).any()
    assert len(continued(again, Space({**NEW.dimensions})).earlier) == 3  # each space once
    # dimensions taken from a changed space are what the user wrote
    assert Space(present.dimensions).to_json() == NEW.to_json()


def test_retired_ordered_choices_stay_between_their_neighbours():
    old = Space({"size": Categorical(["low", "mid", "high"], ordered=True)})
    new = continued(old, Space({"size": Categorical(["low", "high", "huge"], ordered=True)}))
    order = [0.125, 0.375, 0.625, 0.875]
    assert new.to_unit([{"size": each} for each in ("low", "mid", "high", "huge")])[:, 0].tolist() == order


def test_values_fixed_for_an_ask_stay_in_the_present_space(present):
    rng = np.random.default_rng(0)
    part = subspace(present, checked(present, {"act": "silu"}))
    assert {point["act"] for point in part.sample(5, rng)} == {"silu"}
    assert {point["gone"] for point in part.sample(5, rng)} == {2.5}


def test_new_known_constraints_exclude_earlier_points():
    old = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    new = continued(old, Space(old.dimensions, constraints=["x + y <= 1"]))
    assert is_within(new, np.array([[0.9, 0.9], [0.1, 0.1]])).tolist() == [False, True]
    assert differences(old, new) == ["constraint 'x + y <= 1' added"]


def test_a_choice_with_a_parameter_of_its_own_needs_no_default():
    old = Space({"algorithm": ["sgd", "adam"]})
    new = Space({"algorithm": ["sgd", "adam", "lion"], "beta": Real(0, 1, active_when="algorithm == 'lion'")})
    present = continued(old, new)
    point = present.in_present_terms({"algorithm": "adam"})
    assert point == {"algorithm": "adam"}
    assert present.without(point) == []
    assert present.without({"algorithm": "lion"}) == ["beta"]


def test_differences_are_said_in_words(present):
    assert differences(OLD, present) == [
        "x: real [0.0, 1.0] is now real [0.2, 0.5]",
        "n: integer [1, 8] is now integer [1, 4]",
        "act: added 'silu'; retired 'tanh'",
        "rate: real [0.0001, 0.1], log: True is now real [1e-05, 0.1], log: True",
        "cut: real [0.0, 1.0], step: 0.25 is now real [0.0, 1.0], step: 0.1",
        "gone: real [0.0, 5.0] is now constant 2.5",
        "late is new: real [0.0, 0.99]; 0.0 so far",
    ]
    assert differences(present, continued(present, NEW)) == []


@pytest.mark.parametrize(
    ("name", "dimension", "said"),
    [
        ("x", ["a", "b"], "a real number cannot become a choice"),
        ("rate", Real(1e-4, 1e-1), "on a log scale cannot become a real number"),
        ("n", (1.0, 8.0), "a whole number cannot become a real number"),
        ("x", Constant("a"), "a real number cannot become a constant"),
        ("act", (0.0, 1.0), "a choice cannot become a real number"),
        ("x", Derived("2 * gone"), "a real number cannot become derived"),
    ],
)
def test_another_kind_or_scale_is_refused(name, dimension, said):
    with pytest.raises(SpaceError, match=f"{name}: .*{said}.*begin another study with transfer"):
        continued(OLD, Space({**OLD.dimensions, name: dimension}))


def test_another_kind_is_refused_of_any_earlier_space_too():
    first = continued(OLD, Space({**OLD.dimensions, "x": 0.5}))
    with pytest.raises(SpaceError, match="x: a real number cannot become a choice"):
        continued(first, Space({**OLD.dimensions, "x": ["a", "b"]}))


def test_what_is_missing_or_misnamed_is_refused():
    with pytest.raises(SpaceError, match=r"x is missing .* x: Constant\(value\)"):
        continued(OLD, Space({"n": (1, 8)}))
    with pytest.raises(SpaceError, match=r"default of late=2.0 is outside"):
        continued(OLD, NEW, {"late": 2.0})
    with pytest.raises(SpaceError, match="default of x: earlier points have a value of their own"):
        continued(OLD, NEW, {"x": 0.3})
    with pytest.raises(SpaceError, match=r"default of 'lat': .* did you mean 'late'"):
        continued(OLD, NEW, {"lat": 0.3})


def test_a_parameter_under_another_condition_keeps_its_values_and_gets_a_default():
    old = Space({"algorithm": ["sgd", "adam"], "beta": Real(0, 1, active_when="algorithm == 'sgd'")})
    new = Space({"algorithm": ["sgd", "adam"], "beta": Real(0, 1, active_when="algorithm == 'adam'")})
    present = continued(old, new, {"beta": 0.9})
    assert present.in_present_terms({"algorithm": "adam"}) == {"algorithm": "adam", "beta": 0.9}
    kept = present.in_present_terms({"algorithm": "sgd", "beta": 0.2})
    assert kept == {"algorithm": "sgd", "beta": 0.2}
    assert not present.contains(kept)
    assert not is_within(present, present.to_unit([kept])).any()


def test_other_programs_get_a_space_of_all_values(present):
    every = present.all_dimensions
    assert (every["x"].low, every["x"].high) == (0.0, 1.0)
    assert (every["n"].low, every["n"].high) == (1, 8)
    assert set(every["act"].choices) == {"relu", "tanh", "gelu", "silu"}
    assert (every["gone"].low, every["gone"].high) == (0.0, 5.0)
    assert OLD.all_dimensions == dict(OLD.dimensions)
