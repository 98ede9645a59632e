"""A histogram has ascending bins with finite contents, and knows whether another has the same bins."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.histograms import Histogram, variance_of_sums


def histogram(low, high, values=None, variances=None):
    n = len(low)
    given = [np.asarray(each, dtype=float) for each in (low, high)]
    contents = [np.ones(n) if each is None else np.asarray(each, dtype=float) for each in (values, variances)]
    return Histogram(*given, *contents)


def test_bins_are_the_same_within_a_millionth_of_their_width():
    first = histogram([0, 10], [10, 20])
    assert first.find_bins(histogram([1e-6, 10], [10, 20 - 1e-6])).tolist() == [0, 1]
    assert first.find_bins(histogram([1e-4, 10], [10, 20])) is None
    assert histogram([0], [10]).find_bins(first) is None


def test_data_with_a_gap_are_found_in_a_histogram_without_one():
    whole = histogram([0, 1, 2], [1, 2, 3], values=[5, 6, 7])
    bins = whole.find_bins(histogram([0, 2], [1, 3]))
    assert whole.taken(bins).values.tolist() == [5.0, 7.0]


def test_bins_of_a_discrete_axis_are_found_by_their_labels():
    whole = Histogram.of_labels(("K", "p", "pi"), *np.ones((2, 3)))
    assert whole.find_bins(Histogram.of_labels(("pi", "K"), *np.ones((2, 2)))).tolist() == [2, 0]
    assert whole.find_bins(Histogram.of_labels(("pi", "Xi"), *np.ones((2, 2)))) is None


def test_bins_may_have_gaps():
    assert len(histogram([0, 2], [1, 3]).low) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"low": [0, 0.5], "high": [1, 2]}, "overlap"),
        ({"low": [1], "high": [1]}, "empty"),
        ({"low": [], "high": []}, "one entry for each bin"),
        ({"low": [0], "high": [1], "values": [np.inf]}, "bin 0 holds inf"),
        ({"low": [0], "high": [np.nan]}, "not a finite number"),
        ({"low": [0], "high": [1], "variances": [-1]}, "variance -1"),
    ],
)
def test_bins_and_contents_that_are_none_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        histogram(**settings)


def test_a_bin_that_is_no_number_or_errs_without_limit_holds_no_information():
    found = histogram([0, 1, 2], [1, 2, 3], values=[np.nan, 1, 1], variances=[1, np.nan, np.inf])
    assert not found.known.any()


def test_an_empty_bin_has_the_variance_of_one_entry_of_typical_weight():
    # six entries whose squared weights sum to 1.5
    found = variance_of_sums(np.array([0.5, 0.0, 1.0]), np.array([2.0, 0.0, 4.0]))
    assert found.tolist() == [0.5, 0.25, 1.0]
    assert variance_of_sums(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [[1.0] * 3] * 2


def test_an_empty_bin_of_a_file_without_numbers_of_entries_errs_by_one_entry_too():
    # bins of width 2 with 8 and 0 entries of weight 0.5: density w n / 2, variance w² n / 4
    found = histogram([0, 2], [2, 4], values=[2.0, 0.0], variances=[0.5, 0.0]).with_errors_of_empty_bins()
    assert found.variances.tolist() == [0.5, 0.0625]
    # nothing tells the weight where all is empty, or nothing errs
    for values, variances in (([0, 0], [0, 0]), ([2, 0], [0, 0])):
        same = histogram([0, 2], [2, 4], values, variances).with_errors_of_empty_bins()
        assert same.variances.tolist() == [0.0, 0.0]
