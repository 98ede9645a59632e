"""How functions are called as objectives: with the point, with its context, by the dimensions' names."""

from __future__ import annotations

import functools

import pytest

from smbo.problem import Context, ObjectiveError, call_of

CONTEXT = Context(seed=7)
POINT = {"x": 1.0, "y": 2.0}


def difference(x, y):
    return y - x


def with_context(x, y, context):
    return y - x + context.seed


def only_by_keyword(*, x, y):
    return y - x


def of_point(params):
    return params["y"] - params["x"]


def of_point_and_context(params, context):
    return of_point(params) + context.seed


def of_point_and_keyword(params, *, context):
    return of_point(params) + context.seed


def decorated(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Model:
    def evaluate(self, x, y):
        return y - x

    def __call__(self, x, y, scale=1.0):
        return (y - x) * scale

    @staticmethod
    def still(x, y):
        return y - x

    @classmethod
    def of_class(cls, x, y):
        return y - x


BY_NAME = {
    "names of dimensions": (difference, 1.0),
    "and the context": (with_context, 8.0),
    "keyword-only": (only_by_keyword, 1.0),
    "any name": (lambda **values: values["y"] - values["x"], 1.0),
    "one name and the others": (lambda x, **others: others["y"] - x, 1.0),
    "default of a dimension": (lambda x, y=9.0: y - x, 1.0),
    "default of its own": (lambda x, y, scale=3.0: (y - x) * scale, 3.0),
    "method": (Model().evaluate, 1.0),
    "static method": (Model.still, 1.0),
    "class method": (Model.of_class, 1.0),
    "callable object": (Model(), 1.0),
    "partial by keyword": (functools.partial(Model(), scale=2.0), 2.0),
    "partial by position": (functools.partial(lambda a, x, y: a + y - x, 10.0), 11.0),
    "decorated": (decorated(difference), 1.0),
}
OF_POINT = {
    "point": (of_point, 1.0),
    "point under another name": (lambda p: of_point(p), 1.0),
    "point and context": (of_point_and_context, 8.0),
    "point and context by other names": (lambda p, c: of_point_and_context(p, c), 8.0),
    "context by keyword": (of_point_and_keyword, 8.0),
    "default of its own": (lambda params, scale=3.0: of_point(params) * scale, 3.0),
    "optional context": (lambda params, context=None: context.seed, 7),
    "point and any name": (lambda params, **others: of_point(params), 1.0),
    "point called as a dimension": (lambda x: of_point(x), 1.0),
    "any arguments": (lambda *args: of_point(args[0]), 1.0),
    "decorated": (decorated(of_point), 1.0),
}


@pytest.mark.parametrize(("function", "value"), BY_NAME.values(), ids=BY_NAME)
def test_arguments_that_are_the_dimensions_are_passed_by_name(function, value):
    call = call_of(function, ["x", "y"])
    assert call.by_name
    assert call(POINT, CONTEXT) == value


@pytest.mark.parametrize(("function", "value"), OF_POINT.values(), ids=OF_POINT)
def test_other_functions_are_called_with_the_point(function, value):
    call = call_of(function, ["x", "y"])
    assert not call.by_name
    assert call(POINT, CONTEXT) == value


async def later(x, y):
    return y - x


def one_by_one(x, y):
    yield y - x


REFUSED = {
    "misspelt": (
        lambda x, yy: 0.0,
        r"lambda\(x, yy\): 'x' is a dimension and 'yy' is not \(did you mean 'y'\?\)",
    ),
    "a dimension is missing": (
        lambda x, y: 0.0,
        "no argument for 'z'; add it, or \\*\\*others",
        ["x", "y", "z"],
    ),
    "three arguments": (lambda a, b, c: 0.0, r"needs \(a, b, c\)"),
    "none": (lambda: 0.0, "takes no argument"),
    "positional only": (lambda x, y, /: 0.0, "leave out the '/'"),
    "a keyword of its own": (lambda params, *, scale: 0.0, "scale"),
    "async": (later, "is async"),
    "generator": (one_by_one, "is a generator"),
    "a dimension called params": (lambda params: 0.0, "rename one", ["params"]),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_arguments_that_could_be_something_else_are_refused_with_the_signature(case):
    function, said, *names = case
    with pytest.raises(ObjectiveError, match=said):
        call_of(function, names[0] if names else ["x", "y"])


def test_an_argument_for_a_conditional_dimension_needs_a_default():
    with pytest.raises(ObjectiveError, match="y=None"):
        call_of(difference, ["x", "y"], conditional=["y"])
    call = call_of(lambda x, y=None: (x, y), ["x", "y"], conditional=["y"])
    assert call({"x": 1.0}, CONTEXT) == (1.0, None)


def test_names_that_are_no_python_names_reach_keyword_arguments():
    assert (
        call_of(lambda **values: values["StringZ:aLund"], ["StringZ:aLund"])({"StringZ:aLund": 0.5}, CONTEXT)
        == 0.5
    )


def test_a_function_without_a_signature_takes_the_point():
    assert call_of(max, ["x", "y"])(POINT, CONTEXT) == "y"
