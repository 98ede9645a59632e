"""Weights go to observables, ranges and bins; bins that cannot count have none."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem import ObjectiveError
from smbo_objectives.bin_weights import chi_square, read_weight_file, remark_on_bins, weights_of_bins
from smbo_objectives.histograms import Histogram


def histogram(n, values=None, errors=1.0):
    edges = np.arange(n + 1) / 10
    values = np.arange(n) + 1.0 if values is None else np.array(values)
    return Histogram(edges[:-1], edges[1:], values, np.full(n, errors) ** 2)


DATA = {"/A/d01": histogram(4), "/A/d02": histogram(2)}


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        ({}, [1, 1, 1, 1], [1, 1]),
        ({"/REF/A/d01": 2}, [2, 2, 2, 2], [1, 1]),
        ({"*": 0, "/A/d01": 2.5}, [2.5] * 4, [0, 0]),
        ({"/A/d01@0.1:0.3": 2}, [1, 2, 2, 1], [1, 1]),
        ({"/A/d01@0.1:": 2, "/A/d01@:0.2": 3}, [3, 3, 2, 2], [1, 1]),
        ({"/A/d01@0.25": 2}, [1, 1, 2, 1], [1, 1]),
        ({"/A/d01#1:3": 2, "/A/d01#0": 0}, [0, 2, 2, 1], [1, 1]),
        ({"/A/*@0:0.1": 5}, [5, 1, 1, 1], [5, 1]),
        ({"/A/d01": {"0.1:0.3": 2, "#3": 0}}, [1, 2, 2, 0], [1, 1]),
    ],
)
def test_a_weight_goes_to_an_observable_a_range_or_a_bin(given, first, second):
    found = weights_of_bins("command", DATA, given)
    assert [found[name].tolist() for name in DATA] == [first, second]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"/A/d03": 1}, "'/A/d03' is none of the data's observables; did you mean '/A/d0"),
        ({"/A/d01@0.4:0.5": 1}, "'/A/d01@0.4:0.5' chooses no bin; there are 4, from 0 to 0.4"),
        ({"/A/d01#7": 1}, "chooses no bin"),
        ({"/A/d01@a:b": 1}, "'a' is not a number"),
        ({"/A/d01@1:2:3": 1}, "more than one colon"),
        ({"/A/d01": -1}, "the weight of /A/d01 is -1; write a number, 0 or more"),
        ({"/A/d01": {"0:1": True}}, "the weight of /A/d01, 0:1 is True"),
        (3, "weights is 3; write"),
    ],
)
def test_weights_that_fit_nothing_are_refused(given, said):
    with pytest.raises(ObjectiveError, match=said):
        weights_of_bins("command", DATA, given)


def test_a_weight_file_of_professor_is_read():
    text = "# remark\n/A/d01@0:1\t2.0\n\n/A/d02#1:3 0  # bad bins\n"
    assert read_weight_file("command", text) == {"/A/d01@0:1": 2.0, "/A/d02#1:3": 0.0}
    with pytest.raises(ObjectiveError, match="line 2 of the weight file is '/A/d02'"):
        read_weight_file("command", "/A/d01 1\n/A/d02\n")


def test_an_observable_weighs_as_much_with_some_of_its_bins_as_with_all():
    data = {"a": histogram(4, [1, np.nan, 0.0, 4]), "b": histogram(1)}
    weights = weights_of_bins("command", data, {})
    loss = chi_square(data, weights, 0.0)
    np.testing.assert_allclose(loss.weights, [1 / 6, 0, 1 / 6, 1 / 6, 1 / 2])
    assert remark_on_bins(data, weights, 0.0)[0].endswith("1 of 4 in a")
    # with a weight of 0 of the user's own there is nothing to say
    assert not remark_on_bins(data, weights_of_bins("command", data, {"a#1": 0}), 0.0)


def test_data_of_which_no_bin_counts_are_refused_with_their_names():
    data = {"a": histogram(2, [0, 0], errors=0.0)}
    with pytest.raises(ValueError, match=r"no bin of the data counts: .*2 of 2 in a"):
        chi_square(data, weights_of_bins("command", data, {}), 0.05)
    with pytest.raises(ValueError, match="some weight above 0"):
        chi_square(DATA, weights_of_bins("command", DATA, {"*": 0}), 0.05)
