"""Axes of observables: those of an objective that says nothing of its bins."""

import numpy as np

from smbo.problem.observables import plain_axes


def test_without_axes_bins_are_numbered_and_touch():
    first, second = plain_axes({"pt": 3, "eta": 1})
    assert (first.name, second.name) == ("pt", "eta")
    np.testing.assert_array_equal(first.low, [-0.5, 0.5, 1.5])
    np.testing.assert_array_equal(first.high, [0.5, 1.5, 2.5])
    assert first.x_label == "bin"
