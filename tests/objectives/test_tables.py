"""Histograms in CSV, JSON and YODA are read alike; a file of another form says what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.tables import read_histograms

CSV = "observable,bin_lo,bin_hi,value,err_lo,err_hi\nn,0,1,5,-1,3\nn,1,2,6,2,2\n"
JSON = '{"n": {"edges": [0, 1, 2], "values": [5, 6], "errors": [2, 2]}}'


@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV), ("a.json", JSON)])
def test_the_same_histogram_is_read_from_both_forms(name, text):
    found = read_histograms(text, name)["n"]
    np.testing.assert_array_equal(found.low, [0.0, 1.0])
    np.testing.assert_array_equal(found.high, [1.0, 2.0])
    np.testing.assert_array_equal(found.values, [5.0, 6.0])
    np.testing.assert_array_equal(found.variances, [4.0, 4.0])  # the mean of both errors, squared


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "", "known are .yoda, .csv, .json"),
        ("a.csv", "observable,bin_lo\n", "no histogram"),
        ("a.csv", "name\nx\n", "column 'observable' is missing"),
        ("a.json", "[1]", "a JSON object"),
        ("a.json", '{"n": {"values": [1], "errors": [1]}}', "'n' has no 'low'"),
        ("a.json", '{"n": {"edges": [0, 1], "values": ["1"], "errors": [1]}}', "not a number"),
    ],
)
def test_a_file_of_another_form_is_refused(name, text, said):
    with pytest.raises(ValueError, match=said):
        read_histograms(text, name)
