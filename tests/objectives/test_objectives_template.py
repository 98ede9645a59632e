"""Placeholders are replaced by values, and values cannot become programs, code or options."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from smbo.problem import EvaluationFailed, ObjectiveError
from smbo_objectives import template


def test_a_placeholder_is_its_value_and_doubled_braces_are_the_characters():
    assert template.fill_text("a={a} {{a}} {b c} {}", {"a": 0.1}, "card") == "a=0.1 {a} {b c} {}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_number_is_lost(value):
    assert float(template.fill(["{x}"], {"x": value})[0]) == value


def test_the_text_of_a_value_is_not_filled_in_turn():
    assert template.fill(["{a}"], {"a": "{b}", "b": 1}) == ["{b}"]


@pytest.mark.parametrize("argv", [["{x}"], ["bash", "-lc", "echo {x}"], ["/usr/bin/python3", "-c", "{x}"]])
def test_a_value_that_would_be_run_is_refused(argv):
    with pytest.raises(ObjectiveError, match="command: "):
        template.check(argv)


def test_a_number_may_be_negative_and_a_string_must_not_become_an_option():
    assert template.fill(["{x}"], {"x": -1.5}) == ["-1.5"]
    with pytest.raises(EvaluationFailed, match="reads as an option"):
        template.fill(["{x}"], {"x": "-rf"})


def test_a_placeholder_without_a_value_names_those_that_there_are():
    with pytest.raises(ObjectiveError, match=r"'card' needs 'y'.*it has x"):
        template.fill_text("{y}", {"x": 1}, "card")
