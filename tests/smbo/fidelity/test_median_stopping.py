"""The median stopping rule, as a function of reports."""

import pytest

from smbo.errors import ProblemError
from smbo.fidelity import MedianStopping, as_early_stopping

OTHERS = [[(1.0, 5.0 + k), (2.0, 3.0 + k), (3.0, 1.0 + k)] for k in range(5)]


def test_a_trial_worse_than_the_median_of_the_averages_ends():
    # by step 2 the averages are 4, 5, 6, 7 and 8
    assert MedianStopping().ends([(1.0, 9.0), (2.0, 6.1)], OTHERS)
    assert not MedianStopping().ends([(1.0, 9.0), (2.0, 6.0)], OTHERS)


def test_the_best_value_so_far_counts_not_the_last():
    assert not MedianStopping().ends([(1.0, 5.5), (2.0, 99.0)], OTHERS)


def test_nobody_ends_before_enough_others_came_so_far():
    assert not MedianStopping(n_others=6).ends([(1.0, 99.0)], OTHERS)
    assert not MedianStopping().ends([(4.0, 99.0)], OTHERS)  # nobody has been at step 4


def test_nobody_ends_within_the_grace():
    assert not MedianStopping(grace=2).ends([(1.0, 99.0)], OTHERS)
    assert MedianStopping(grace=2).ends([(2.0, 99.0)], OTHERS)


def test_settings_are_checked_at_the_door():
    with pytest.raises(ProblemError, match="n_others"):
        MedianStopping(n_others=0)
    with pytest.raises(ProblemError, match="grace"):
        MedianStopping(grace=-1)
    with pytest.raises(ProblemError, match="asha, hyperband, model, median"):
        as_early_stopping("halving")
    with pytest.raises(ProblemError, match="it takes eta"):
        as_early_stopping({"asha": {"ratio": 3}})
