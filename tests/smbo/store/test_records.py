"""Records: what is written comes back bit for bit, and what tells two of them apart."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from smbo.errors import StoreError
from smbo.store.records import (
    Result,
    dump_json,
    dump_numbers,
    dump_vector,
    load_numbers,
    load_vector,
    params_hash,
    storable,
)
from smbo.trial import Trial, TrialState

RESULT = Result(
    TrialState.COMPLETE,
    value=0.1,
    sem=0.2,
    cost=3.0,
    feasible=True,
    metrics={"m": 1.0},
    outputs=np.arange(3.0),
)


def test_numbers_come_back_whatever_json_has_words_for():
    numbers = {"a": 0.1 + 0.2, "b": math.nan, "c": math.inf, "d": -math.inf, "e": 5e-324, "f": -0.0}
    np.testing.assert_equal(load_numbers(dump_numbers(numbers)), numbers)
    assert load_numbers(dump_numbers({})) == {}


@pytest.mark.parametrize(
    "vector",
    [np.array([0.1, math.nan, -0.0]), np.arange(6.0)[::2], np.array([1, 2]), np.array([0.1], dtype=">f8")],
    ids=["plain", "strided", "integers", "big-endian"],
)
def test_vectors_come_back_as_floats_of_this_machine(vector):
    loaded = load_vector(dump_vector(vector))
    assert loaded.dtype == np.float64
    assert loaded.flags.writeable
    np.testing.assert_array_equal(loaded, vector)
    np.testing.assert_array_equal(np.signbit(loaded), np.signbit(vector))


def test_a_point_is_known_whatever_the_order_of_its_names():
    one, other = {"x": 1, "kind": ["b", 2]}, {"kind": ["b", 2], "x": 1}
    assert params_hash(one) == params_hash(other) == params_hash(one, dump_json(one))
    assert params_hash(other, dump_json(other)) == params_hash(one)
    assert len({params_hash(each) for each in (one, {"x": 2, "kind": ["b", 2]}, {"x": 1})}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"value": np.nextafter(0.1, 1.0)},
        {"sem": None},
        {"feasible": False},
        {"metrics": {"m": 2.0}},
        {"outputs": np.arange(4.0)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_two_results_are_told_apart_by_all_but_their_stories(change):
    assert replace(RESULT, **change).hash() != RESULT.hash()
    failed = Result(TrialState.FAILED, reason="error", error="line 3")
    assert replace(failed, error="line 4").hash() == failed.hash()
    assert replace(failed, reason="timeout").hash() != failed.hash()


def test_a_result_is_part_of_its_trial():
    told = {each.name: getattr(RESULT, each.name) for each in fields(Result)}
    trial = Trial(0, told.pop("params") or {"x": 1}, 7, **told)
    assert Result.of(trial).hash() == RESULT.hash()


def test_text_that_a_database_refuses_is_written_with_escapes():
    assert storable("a\0b\ud800ü") == "a\\x00b\\ud800ü"
    storable("\udcff").encode()
    with pytest.raises(StoreError, match="plain JSON values only"):
        dump_json({"x": math.nan})
