"""Collections of all kinds are choices, in an order that can be repeated, of plain values."""

import array
import enum
import os
import subprocess
import sys
from collections import deque

import numpy as np
import pandas as pd
import pytest

from smbo.errors import SpaceError
from smbo.space import Categorical, Space
from smbo.space.choices import choices_of

COLLECTIONS = {
    "a list": ([1, 2, 4], [1, 2, 4]),
    "logspace": (np.logspace(-2, 2, 5), [0.01, 0.1, 1.0, 10.0, 100.0]),
    "an array of whole numbers": (np.arange(3), [0, 1, 2]),
    "an array of texts": (np.array(["a", "b"]), ["a", "b"]),
    "an array of flags": (np.array([True, False]), [True, False]),
    "a list of numpy's numbers": (
        [np.int64(1), np.float64(0.5), np.str_("a"), np.True_],
        [1, 0.5, "a", True],
    ),
    "tuples of numpy's numbers": ([(np.int64(1), 2), (3, 4)], [(1, 2), (3, 4)]),
    "a range": (range(2, 6), [2, 3, 4, 5]),
    "a Series": (pd.Series([3, 1, 2], index=["low", "high", "c"]), [3, 1, 2]),
    "an Index": (pd.Index(["a", "b"]), ["a", "b"]),
    "a set of texts": ({"tanh", "relu", "elu"}, ["elu", "relu", "tanh"]),
    "a frozenset of numbers": (frozenset([3, 1.5, 2]), [1.5, 2, 3]),
    "a set of several kinds": ({"b", 2, None, "a", 1}, [None, 1, 2, "a", "b"]),
    "the keys of a dict": ({"b": 1, "a": 2}.keys(), ["b", "a"]),
    "the values of a dict": ({"b": 1, "a": 2}.values(), [1, 2]),
    "a deque": (deque([1, 2]), [1, 2]),
    "an array of Python's": (array.array("d", [1.0, 2.0]), [1.0, 2.0]),
}


@pytest.mark.parametrize("case", COLLECTIONS)
def test_a_collection_is_choices(case):
    given, choices = COLLECTIONS[case]
    for dimension in (given, Categorical(given)):
        (found,) = Space({"x": dimension}).dimensions.values()
        assert list(found.choices) == choices
        assert [type(choice) for choice in found.choices] == [type(choice) for choice in choices]


def test_the_order_of_a_set_is_the_same_in_every_process():
    given = "{'a', 'b', 'c', 'd', ('e', 1), None}"
    script = f"from smbo import Space; print(Space({{'x': {given}}}).dimensions['x'].choices)"
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        found.add(ran.stdout)
    assert found == {"(None, 'a', 'b', 'c', 'd', ('e', 1))\n"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (pd.DataFrame({"a": [1, 2]}), r"shape \(2, 1\)"),
        (range(10**9), r"1000000000 choices.*Integer\(low, high, step=…\)"),
        ([1, 1], "1 is given twice"),
        (np.array([]), "at least one choice"),
        ({object(), object()}, "order that can be repeated"),
        (iter([1, 2]), r"write a list of it: list\(…\)"),
        ((n for n in range(3)), r"write a list of it: list\(…\)"),
        (map(str, range(3)), r"write a list of it: list\(…\)"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_list_of_choices_is_refused(given, message):
    with pytest.raises(SpaceError, match=f"x: .*{message}"):
        Space({"x": given})


def test_numpy_choices_are_told_as_plain_numbers_and_the_other_way_round():
    space = Space({"n": Categorical(list(np.arange(3))), "rate": [0.5, 1.0], "name": np.array(["a", "b"])})
    for one, rate, name in (
        (1, 0.5, "a"),
        (np.int64(1), np.float32(0.5), np.str_("a")),
        (np.array(1), 0.5, "a"),
    ):
        point = space.check({"n": one, "rate": rate, "name": name})
        assert point == {"n": 1, "rate": 0.5, "name": "a"}
        assert [type(value) for value in point.values()] == [int, float, str]
    assert Space.from_json(space.to_json()) == space


def test_dates_keep_their_meaning():
    days = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]")
    assert choices_of(list(days)) == tuple(days)  # item() would make nanoseconds of them


def test_a_list_is_told_as_a_tuple_or_an_array_and_the_other_way_round():
    space = Space({"layers": [[8], [8, 8]], "pair": [(1, 2), (3, 4)]})
    for layers, pair in (([8, 8], [3, 4]), ((8, 8), (3, 4)), (np.array([8, 8]), np.array([3, 4]))):
        assert space.check({"layers": layers, "pair": pair}) == {"layers": [8, 8], "pair": (3, 4)}


def test_a_member_of_an_enum_is_told_as_its_value():
    class Kind(enum.StrEnum):
        A = "a"

    assert Space({"kind": ["a", "b"]}).check({"kind": Kind.A}) == {"kind": "a"}
