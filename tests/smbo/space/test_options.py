"""Options of dimensions are given by name, and flags are True or False."""

import copy
import inspect
import pickle
from dataclasses import replace

import numpy as np
import pytest

from smbo.errors import SpaceError
from smbo.space import Categorical, Constant, Integer, Real, Space

REFUSED = {
    "a scale by place": (lambda: Real(0.1, 10, "uniform"), r"write Real\(0.1, 10, log=False\)"),
    "a logarithmic one": (lambda: Real(0.1, 10, "log-uniform"), r"write Real\(0.1, 10, log=True\)"),
    "a flag by place": (lambda: Integer(1, 10, True), r"write Integer\(1, 10, log=True\)"),
    "a step by place": (lambda: Integer(1, 10, 3), r"write Integer\(1, 10, log=True, step=…"),
    "ordered by place": (
        lambda: Categorical(["a", "b"], True),
        r"write Categorical\(\['a', 'b'\], ordered=True\)",
    ),
    "a scale for the flag": (lambda: Real(0.1, 10, log="uniform"), "log='uniform'.*write log=False"),
    "a word for the flag": (lambda: Real(0.1, 10, log="no"), "log='no'.*write log=True or log=False"),
    "one for the flag": (lambda: Integer(1, 10, log=1), "log=1"),
    "nothing for the flag": (lambda: Integer(1, 10, log=None), "log=None"),
    "a base for the flag": (lambda: Real(1, 10, log=10.0), "log=10.0"),
    "ordered in a word": (lambda: Categorical(["a", "b"], ordered="no"), "ordered='no'"),
    "ordered by zero": (lambda: Categorical(["a", "b"], ordered=0), "ordered=0"),
    "a form with a word": (lambda: Space({"x": {"real": [1, 2], "log": "yes"}}), "x: log='yes'"),
    "a form ordered by a word": (
        lambda: Space({"x": {"choice": [1, 2], "ordered": "no"}}),
        "x: ordered='no'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_option_that_is_no_flag_is_refused_with_what_to_write(case):
    build, message = REFUSED[case]
    with pytest.raises(SpaceError, match=message):
        build()


def test_a_flag_of_numpy_is_a_flag():
    dimension = Real(0.1, 10, log=np.True_)
    assert dimension == Real(0.1, 10, log=True)
    assert type(dimension.log) is bool
    assert Categorical(["a"], ordered=np.False_).ordered is False


@pytest.mark.parametrize(
    "dimension",
    [Real(0.1, 10, log=True), Integer(1, 9, step=2), Categorical(["a", [1]], ordered=True), Constant([1])],
)
def test_dimensions_are_copied_changed_and_pickled(dimension):
    assert copy.copy(dimension) == copy.deepcopy(dimension) == replace(dimension) == dimension
    assert pickle.loads(pickle.dumps(dimension)) == dimension


def test_the_signature_says_which_options_there_are():
    assert list(inspect.signature(Real).parameters) == ["low", "high", "log", "step", "active_when", "prior"]


BOUNDS = {
    "NaN": (lambda: Real(float("nan"), 1), "finite"),
    "infinity of numpy": (lambda: Real(0, np.inf), "finite"),
    "reversed": (lambda: Integer(5, 1), "low must be below high"),
    "a flag": (lambda: Real(False, True), "True|False"),
    "a flag of numpy": (lambda: Integer(np.False_, np.True_), "True|False"),
    "text of numpy": (lambda: Real(np.str_("0"), 1), "number"),
    "a complex number": (lambda: Real(0, 1 + 2j), "number"),
    "nothing": (lambda: Real(None, 1), "number"),
    "a bound beyond doubles": (lambda: Real(0, 10**400), "too large"),
    "an integer bound beyond doubles": (lambda: Integer(0, 10**400), "too large"),
    "a bound of very many digits": (lambda: Integer(0, 10**5000), "too large"),
    "an integer beyond 53 bits": (lambda: Integer(0, 2**60), "2\\*\\*53"),
    "two numbers": (lambda: Real(np.array([0, 1]), 2), "single number"),
    "a tuple beyond doubles": (lambda: Space({"x": (0, 10**400)}), "x: .*too large"),
}


@pytest.mark.parametrize("case", BOUNDS)
def test_a_bound_that_is_no_finite_number_is_refused(case):
    build, message = BOUNDS[case]
    with pytest.raises(SpaceError, match=message):
        build()


def test_bounds_of_numpy_are_plain():
    for low, high in ((np.int64(1), np.int32(9)), (np.array(1), np.array(9))):
        assert Space({"x": (low, high)}) == Space({"x": Integer(1, 9)})
    assert type(Space({"x": (np.float32(0.5), 1)}).dimensions["x"].low) is float


@pytest.mark.parametrize("given", [None, 3, "x < 1", {"x < 1": True}, len], ids=repr)
def test_constraints_that_are_no_list_are_refused(given):
    with pytest.raises(SpaceError, match="give a list of formulas or callables"):
        Space({"x": (0, 1)}, given)
