from __future__ import annotations

import math

import pytest

from smbo.report.wording import interval, number, plus_minus


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.23456, 0.0567, "1.235 ± 0.057"),
        (1234.5, 67.8, "1234 ± 68"),
        (12345.0, 678.0, "12340 ± 680"),
        (0.99, 0.0, "0.99"),
        (0.99, math.nan, "0.99"),
        (1e-12, 1e-13, "1e-12 ± 1e-13"),
    ],
)
def test_a_value_is_rounded_to_the_second_digit_of_its_error(value, error, text):
    assert plus_minus(value, error) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.13512, 0.13587, "0.13512 – 0.13587"),
        (0.2, 1.2, "0.2 – 1.2"),
        (3, 5, "3 – 5"),
        (1.0, 1.0, "1 – 1"),
        (1e-9, 2e-9, "1e-09 – 2e-09"),
    ],
)
def test_the_ends_of_an_interval_can_be_told_apart(low, high, text):
    assert interval(low, high) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "–"), (1.23456789, "1.235"), (7, "7"), (True, "True"), ("relu", "relu")],
)
def test_a_number_is_shown_as_a_reader_needs_it(value, text):
    assert number(value) == text
