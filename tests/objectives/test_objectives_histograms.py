"""A histogram has ascending bins with finite contents, and knows whether another has the same bins."""

from __future__ import annotations

import numpy as np
import pytest

from smbo_objectives.histograms import Histogram


def histogram(low, high, values=None, variances=None):
    n = len(low)
    given = [np.asarray(each, dtype=float) for each in (low, high)]
    contents = [np.ones(n) if each is None else np.asarray(each, dtype=float) for each in (values, variances)]
    return Histogram(*given, *contents)


def test_bins_are_the_same_within_a_millionth_of_their_width():
    first = histogram([0, 10], [10, 20])
    assert first.has_bins_of(histogram([1e-6, 10], [10, 20 - 1e-6]))
    assert not first.has_bins_of(histogram([1e-4, 10], [10, 20]))
    assert not first.has_bins_of(histogram([0], [10]))


def test_bins_may_have_gaps():
    assert len(histogram([0, 2], [1, 3]).low) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"low": [0, 0.5], "high": [1, 2]}, "overlap"),
        ({"low": [1], "high": [1]}, "empty"),
        ({"low": [], "high": []}, "one entry for each bin"),
        ({"low": [0], "high": [1], "values": [np.nan]}, "bin 0 holds nan"),
        ({"low": [0], "high": [1], "variances": [-1]}, "variance -1"),
    ],
)
def test_bins_and_contents_that_are_none_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        histogram(**settings)
