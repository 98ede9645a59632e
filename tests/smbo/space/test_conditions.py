"""Conditions on choices that are objects, and conditions that can never hold."""

import math

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC

from smbo import Categorical, Integer, Optimizer, Real, Space
from smbo.errors import SpaceError

LINEAR = SVC(kernel="linear", C=1.0)


def where_active(choices, condition):
    """Return the choices at which a dimension with the condition is in the point."""
    space = Space({"clf": choices, "x": Real(0.0, 1.0, active_when=condition)})
    points = space.from_unit(space.to_unit([{"clf": choice} for choice in choices]))
    return [point["clf"] for point in points if "x" in point]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("clf == 'SVC'", [0, 1]),
        ("clf != 'SVC'", [2]),
        ("clf in ['SVC', 'Ridge']", [0, 1]),
        ("clf not in ['SVC', 'Ridge']", [2]),
        ("clf == 'SVC()'", [0]),
        ("clf == 'SVC(C=1.0)'", [0]),  # said although it is the default
        ("clf == 'SVC(kernel=\"linear\")'", [1]),
        ("clf == 'SVC(C=1.0, kernel=\"linear\")'", [1]),  # in another order than printed
        ("'LogisticRegression' == clf", [2]),
    ],
)
def test_a_condition_on_an_estimator_goes_by_its_class_and_parameters(condition, expected):
    choices = [SVC(), LINEAR, LogisticRegression()]
    assert where_active(choices, condition) == [choices[index] for index in expected]


def test_a_condition_on_a_class_or_a_function_goes_by_its_name():
    assert where_active([SVC, Ridge], "clf == 'Ridge'") == [Ridge]
    assert where_active([math.log, math.sqrt], "clf == 'sqrt'") == [math.sqrt]


def test_a_condition_on_a_text_or_a_number_is_as_it_was():
    assert where_active(["SVC", "b"], "clf == 'SVC'") == ["SVC"]
    assert where_active([1, 2, None, True], "clf == 1") == [1, True]
    assert where_active([(1, "a"), (2, "b")], "clf == (2, 'b')") == [(2, "b")]


def test_points_of_a_space_of_estimators_hold_the_parameters_of_theirs_alone():
    space = {"clf": [SVC(), LogisticRegression()], "gamma": Real(0.1, 1.0, active_when="clf == 'SVC'")}
    for trial in Optimizer(space, "random", seed=1).ask(6):
        assert ("gamma" in trial.params) == isinstance(trial.params["clf"], SVC)


@pytest.mark.parametrize(
    ("dimension", "condition", "words"),
    [
        ([SVC(), Ridge()], "a == 'SVM'", "a is one of 'SVC', 'Ridge'"),
        ([SVC(), Ridge()], "a == 'SVC(C=2.0)'", "can never hold"),
        (["x", "y"], "a == 'X'", "a is one of 'x', 'y'"),
        (["x", "y"], "a == 'x' and a == 'y'", "can never hold"),
        (Integer(1, 4), "a > 4", r"a is in \[1, 4\]"),
        (Real(0.0, 1.0), "a > 1", r"a is in \[0, 1\]"),
        (Real(0.0, 1.0), "a < 0.2 and a > 0.3", "can never hold"),
        (Real(0.0, 1.0), "a == 'x'", "can never hold"),
        (3, "a == 4", "a is 3"),
    ],
    ids=str,
)
def test_a_condition_that_can_never_hold_is_refused_with_what_its_names_can_be(dimension, condition, words):
    with pytest.raises(SpaceError, match=r"b: active_when .* can never hold") as refused:
        Space({"a": dimension, "b": Real(0.0, 1.0, active_when=condition)})
    assert refused.match(words)


@pytest.mark.parametrize(
    ("dimension", "condition"),
    [
        (Real(0.0, 1.0), "a >= 1"),
        (Real(0.0, 1.0), "0.2 < a < 0.2000000001"),
        (Real(0.0, 1.0), "a + 0.5 > 1.2"),
        (Real(-1.0, 1.0), "a < -0.5"),
        (Integer(1, 4), "a % 2 == 0"),
        (Integer(1, 10**9), "a == 77"),
        ([True, False], "a"),
        (Categorical([1, 2.5, None]), "a == None"),
    ],
    ids=str,
)
def test_a_condition_that_can_hold_is_taken(dimension, condition):
    space = Space({"a": dimension, "b": Real(0.0, 1.0, active_when=condition)})
    assert "b" in space.dimensions


def test_a_stored_space_is_read_although_a_condition_never_holds():
    stored = Space({"a": ["x", "y"], "b": Real(0.0, 1.0, active_when="a == 'x'")}).to_json()
    stored["dimensions"][1][1]["active_when"] = "a == 'X'"
    assert "b" in Space.from_json(stored).dimensions
    with pytest.raises(SpaceError, match="can never hold"):
        Space.from_json(dict(stored["dimensions"]))  # as a job file gives it
