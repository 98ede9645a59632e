"""Plain values survive the trip through JSON; everything else is refused by name."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Limits
from smbo_scheduler.outbox import json_values

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
keys = st.text() | st.sampled_from(["$float", "$dict", "$"])
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20)


@given(values)
def test_any_plain_value_comes_back_as_it_was(value):
    assert repr(json_values.loads(json_values.dumps(value))) == repr(value)  # repr, because nan is not nan


def test_a_numpy_number_comes_back_as_a_python_one():
    assert type(json_values.loads(json_values.dumps([np.float64(0.5)]))[0]) is float


@pytest.mark.parametrize("value", [np.zeros(2), {1: 2}, object(), {"a": [{1, 2}]}], ids=repr)
def test_what_is_not_plain_is_refused_with_its_place(value):
    with pytest.raises(TypeError, match="result"):
        json_values.dumps(value)


def test_a_list_that_contains_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(TypeError, match="levels deep"):
        json_values.dumps(endless)


def test_text_nested_without_end_is_refused_without_a_crash():
    with pytest.raises(ValueError, match="nested"):
        json_values.loads("[" * 100_000)


def test_an_outcome_comes_back_as_it_was():
    job = Job("tune", 3, 7, {"params": {"x": 0.5}}, Limits(10.0, 2**30), {"GPU": 1.0})
    outcome = JobOutcome(job, JobStatus.OK, {"value": math.inf}, started=1.0, ended=2.0, host="h", pid=3)
    assert (
        json_values.outcome_from_json(
            json_values.loads(json_values.dumps(json_values.outcome_to_json(outcome)))
        )
        == outcome
    )
