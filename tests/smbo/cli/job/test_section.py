"""Sections of a job file are strict: no unknown key, no conversion, no infinite number, no change."""

import pytest
from pydantic import ValidationError

from smbo.cli.job.section import Count, Duration, Section, Size


class Example(Section):
    n: Count = 1
    time: Duration = 1.0
    memory: Size = 1
    share: float = 0.5


@pytest.mark.parametrize(
    "data",
    [{"m": 1}, {"n": "1"}, {"n": True}, {"n": 0}, {"n": 1.5}, {"share": float("inf")}, {"time": "soon"}],
    ids=str,
)
def test_a_wrong_value_is_refused(data):
    with pytest.raises(ValidationError):
        Example.model_validate(data)


def test_durations_and_sizes_are_read_with_their_units():
    section = Example.model_validate({"time": "2min", "memory": "1kB"})
    assert (section.time, section.memory) == (120.0, 1000)
    with pytest.raises(ValidationError):
        section.time = 1.0
